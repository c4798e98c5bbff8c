# SPDX-License-Identifier: MIT
"""CONNECT and CONNACK."""
import wire
from connection import LEVELS, Client
from wire import CONNACK, check, connect, packet, string


# What the broker can do, as CONNACK of MQTT 5.0 says it
ABILITIES = {0x24: 0, 0x25: 0, 0x28: 1, 0x29: 0, 0x2a: 0, 0x22: 10, 0x27: 100000}


def answer(address, level, data):
    """CONNACK for these bytes, after which the connection goes on or ends."""
    client = Client(address, level)
    client.send(data)
    return client, client.expect(CONNACK)


def refused(address, level, data, code):
    client, connack = answer(address, level, data)
    check((connack.session, connack.code), (0, code), repr(data))
    client.expect_end()
    client.sock.close()
    return connack


def t_versions(address):
    for level in LEVELS:
        client, connack = answer(address, level, connect(level, f'versions{level}'))
        check((connack.session, connack.code), (0, 0), f'CONNACK of {level}')
        client.ping()
        client.sock.close()


def t_abilities(address):
    client, connack = answer(address, 5, connect(5, 'abilities', properties=[
        (0x11, 0), (0x21, 1), (0x22, 7), (0x19, 1), (0x17, 1), (0x26, ('k', 'v')),
        (0x26, ('k', 'w'))]))
    check(dict(connack.properties), ABILITIES, 'properties')
    check(len(connack.properties), len(ABILITIES), 'none twice')
    client.sock.close()


def t_unknown_versions(address):
    refused(address, 4, connect(3, 'x', name='MQTT'), 1)
    refused(address, 4, connect(2, 'x', name='MQTT'), 1)
    refused(address, 4, connect(4, 'x', name='MQIsdp'), 1)
    refused(address, 4, connect(0x84, 'x', name='MQTT'), 1)      # a bridge of mosquitto
    refused(address, 5, connect(6, 'x', name='MQTT'), 0x84)
    refused(address, 5, connect(0x7f, 'x', name='MQTT'), 0x84)


def t_client_ids(address):
    for level in LEVELS:
        client = Client(address, level).connected('x' * 200)
        client.sock.close()
    client, connack = answer(address, 4, connect(4))
    check(connack.code, 0, 'empty id, 3.1.1')
    client.sock.close()
    refused(address, 3, connect(3), 2)
    refused(address, 4, connect(4, clean=False), 2)


def t_assigned_client_id(address):
    client, connack = answer(address, 5, connect(5, clean=False))
    name = connack.value(0x12)
    check(bool(name), True, 'an assigned client identifier')
    other, connack = answer(address, 5, connect(5))
    check(connack.value(0x12) not in (None, name), True, 'another one')
    # It is in force: who asks for it takes over
    third, connack = answer(address, 5, connect(5, name.decode()))
    check(connack.value(0x12), None, 'Assigned Client Identifier of an own one')
    client.expect_closed(0x8e)
    for c in (client, other, third):
        c.sock.close()


def t_session_expiry(address):
    for asked, granted in ((0, None), (1, 0), (0xffffffff, 0)):
        client, connack = answer(address, 5, connect(5, 'expiry', properties=[(0x11, asked)]))
        check(connack.value(0x11), granted, f'Session Expiry Interval for {asked}')
        client.sock.close()


def t_what_is_not_there(address):
    for level in (3, 4):        # they cannot be told
        client = Client(address, level)
        client.connected('will-qos', will=('w', 'x'), flags=0x08 | 0x20)
        client.sock.close()
    will = ('w', 'x')
    refused(address, 5, connect(5, 'a', properties=[(0x15, 'GS2')]), 0x8c)
    refused(address, 5, connect(5, 'a', properties=[(0x15, 'GS2'), (0x16, 'x')]), 0x8c)
    refused(address, 5, connect(5, 'a', will=will, flags=0x08), 0x9b)
    refused(address, 5, connect(5, 'a', will=will, flags=0x10), 0x9b)
    refused(address, 5, connect(5, 'a', will=will, flags=0x20), 0x9a)


def t_credentials(address):
    for level in LEVELS:
        client = Client(address, level)
        client.connected('cred', flags=0xc0, tail=string('user') + string(b'\0\xff'))
        client.sock.close()
    # MQTT 3.1: what the flags say may be missing. 5.0: no user name is fine
    for level, flags, tail in ((3, 0xc0, b''), (3, 0xc0, string('user')), (5, 0x40, string('p'))):
        client = Client(address, level)
        client.connected('cred', flags=flags, tail=tail)
        client.sock.close()


# Those of all versions, and what MQTT 5.0 says to them
def malformed(level):
    will = ('w', 'x')
    yield connect(level, 'a', flags=0x01), 0x81
    yield connect(level, 'a', flags=0x08), 0x81
    yield connect(level, 'a', flags=0x20), 0x81
    yield connect(level, 'a', will=will, flags=0x18), 0x81
    yield connect(level, 'a', will=('w/+', 'x')), 0x81
    yield connect(level, 'a', will=('', 'x')), 0x81
    yield connect(level, b'\xff'), 0x81
    yield connect(level, b'a\0'), 0x81
    yield connect(level, b'\xed\xa0\x80'), 0x81
    yield connect(level, 'a', tail=b'x'), 0x81
    yield connect(level, 'a', flags=0x80, tail=b'\0\2u'), 0x81
    yield connect(level, 'a', flags=0x80, tail=string(b'\xff')), 0x81
    if level != 3:
        yield connect(level, 'a', flags=0x80), 0x81
    whole = connect(level, 'abc')
    first = 2 + 2 + (6 if level == 3 else 4) + 1
    for size in range(first, len(whole)):
        yield packet(0x10, whole[2:size]), 0x81


MALFORMED_5 = (
    (dict(properties=[(0x11, 1), (0x11, 1)]), 0x82),
    (dict(properties=[(0x21, 0)]), 0x82),
    (dict(properties=[(0x21, 1), (0x21, 1)]), 0x82),
    (dict(properties=[(0x27, 0)]), 0x82),
    (dict(properties=[(0x17, 2)]), 0x82),
    (dict(properties=[(0x19, 2)]), 0x82),
    (dict(properties=[(0x16, 'x')]), 0x82),
    (dict(properties=[(0x23, 1)]), 0x81),
    (dict(properties=[(0x0b, 1)]), 0x81),
    (dict(properties=[(0x26, (b'\xff', 'x'))]), 0x81),
    (dict(will=('w', 'x'), will_properties=[(0x18, 1), (0x18, 1)]), 0x82),
    (dict(will=('w', 'x'), will_properties=[(0x01, 2)]), 0x82),
    (dict(will=('w', 'x'), will_properties=[(0x11, 1)]), 0x81),
    (dict(will=('w', 'x'), will_properties=[(0x03, b'\xff')]), 0x81),
)


def t_malformed(address):
    for level in LEVELS:
        for data, code in malformed(level):
            if level == 5:
                refused(address, 5, data, code)
                continue
            with Client(address, level) as client:
                client.send(data)
                client.expect_end()
    for args, code in MALFORMED_5:
        refused(address, 5, connect(5, 'a', **args), code)


def t_not_a_client(address):
    """Nothing is said to who does not speak the protocol."""
    for data in (b'GET / HTTP/1.1\r\n\r\n', packet(0xc0, b''), wire.publish(4, 't', b'x'),
                 packet(0x10, string('mqtt') + b'\4\2\0\0\0\1a'), packet(0x10, b''),
                 packet(0x11, connect(5, 'a')[2:]), b'\x10\xff\xff\xff\xff\x7f',
                 b'\x10\xc0\x9a\x0c' + string('MQTT') + b'\5\2'):
        with Client(address, 5) as client:
            client.send(data)
            client.expect_end()


def t_second_connect(address):
    for level in LEVELS:
        with Client(address, level).connected('twice') as client:
            client.send(connect(level, 'twice'))
            client.expect_closed(0x82)


def t_small_client(address):
    """CONNACK is longer than the client wants packets to be."""
    connack = refused(address, 5, connect(5, 'small', properties=[(0x27, 16)]), 0x95)
    check(len(connack.body) + 2 <= 16, True, 'CONNACK is short enough')


def t_no_problem_information(address):
    wrong = dict(properties=[(0x17, 0), (0x15, 'x')])
    check(refused(address, 5, connect(5, 'quiet', **wrong), 0x8c).value(0x1f), None,
          'reason string in CONNACK')
    wrong = dict(properties=[(0x17, 1), (0x15, 'x')])
    check(bool(refused(address, 5, connect(5, 'loud', **wrong), 0x8c).value(0x1f)), True,
          'reason string in CONNACK')
    for wanted in (0, 1):
        with Client(address, 5).connected('quiet', properties=[(0x17, wanted)]) as client:
            client.send(packet(0xf0, b''))
            goodbye = client.expect_closed(0x82)
            check(bool(goodbye.value(0x1f)), bool(wanted), 'reason string in DISCONNECT')


def own_max_keepalive(broker):
    with broker('max_keepalive 20\nmax_topic_alias 0\nallow_zero_length_clientid false\n'
                'max_packet_size 0\n') as b:
        for asked, got in ((10, None), (20, None), (21, 20), (0, 20), (65535, 20)):
            client, connack = answer(b.address, 5, connect(5, 'keep', keepalive=asked))
            check(connack.value(0x13), got, f'Server Keep Alive for {asked}')
            check(connack.value(0x22), None, 'Topic Alias Maximum')
            check(connack.value(0x27), None, 'Maximum Packet Size')
            client.sock.close()
        for level in (3, 4):
            refused(b.address, level, connect(level, 'keep', keepalive=21), 2)
        refused(b.address, 5, connect(5), 0x85)
        with Client(b.address, 5).connected('alias', keepalive=5) as client:
            client.send(wire.publish(5, 't', properties=[(0x23, 1)]))
            client.expect_closed(0x94)


def own_not_authorized(broker):
    with broker('allow_anonymous false\n') as b:
        refused(b.address, 3, connect(3, 'a'), 5)
        refused(b.address, 4, connect(4, 'a'), 5)
        refused(b.address, 5, connect(5, 'a'), 0x87)
