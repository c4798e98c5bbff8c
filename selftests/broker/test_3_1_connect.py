# SPDX-License-Identifier: MIT
"""CONNECT and CONNACK: 3.1, 3.2."""
import wire
from connection import LEVELS, NEVER, Client, session
from wire import CONNACK, MAX_QOS, PACKET_MAX, RETAIN_AVAILABLE, check, connect, packet, string

# What CONNACK of MQTT 5.0 says, and what it means if it does not: no limits
ABILITIES = {MAX_QOS: (None,), RETAIN_AVAILABLE: (None, 1), 0x28: (None, 1), 0x29: (None, 1),
             0x2a: (None, 1), 0x22: (10,), PACKET_MAX: (100000,), 0x15: (None,), 0x16: (None,),
             0x1a: (None,), 0x12: (None,), 0x13: (None,)}


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
    """[MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.12.4-1] MQTT 3.1, 3.1.1 and 5.0."""
    for level in LEVELS:
        client, connack = answer(address, level, connect(level, f'versions{level}'))
        check((connack.session, connack.code), (0, 0), f'CONNACK of {level}')
        client.ping()
        client.sock.close()


def t_abilities(address):
    """[MQTT-3.2.2-9] [MQTT-3.2.2-22] [MQTT-4.12.0-6] Nothing is restricted."""
    client, connack = answer(address, 5, connect(5, 'abilities', properties=[
        (0x11, 0), (0x21, 1), (0x22, 7), (0x19, 1), (0x17, 1), (0x26, ('k', 'v')),
        (0x26, ('k', 'w'))]))
    for ident, values in ABILITIES.items():
        check(connack.value(ident) in values, True, f'{ident:#x}: {connack.value(ident)}')
    client.sock.close()


def t_unknown_versions(address):
    """[MQTT-3.1.2-1] [MQTT-3.1.2-2] [MQTT-3.2.2-7] What CONNACK says to them."""
    refused(address, 4, connect(3, 'x', name='MQTT'), 1)
    refused(address, 4, connect(2, 'x', name='MQTT'), 1)
    refused(address, 4, connect(4, 'x', name='MQIsdp'), 1)
    refused(address, 4, connect(0x84, 'x', name='MQTT'), 1)      # a bridge of mosquitto
    refused(address, 5, connect(6, 'x', name='MQTT'), 0x84)
    refused(address, 5, connect(0x7f, 'x', name='MQTT'), 0x84)


def t_client_ids(address):
    """[MQTT-3.1.3-3] [MQTT-3.1.3-8] 3.1.1: an empty one needs Clean Session; 3.1 has none."""
    for level in LEVELS:
        client = Client(address, level).connected('x' * 200)
        client.sock.close()
    client, connack = answer(address, 4, connect(4))
    check(connack.code, 0, 'empty id, 3.1.1')
    client.sock.close()
    refused(address, 3, connect(3), 2)
    refused(address, 4, connect(4, clean=False), 2)


def t_assigned_client_id(address):
    """[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] [MQTT-3.1.3-2]"""
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
    """3.2.2.3.2: it is as the client has asked for."""
    for asked in (0, 1, NEVER, 0):
        client, connack = answer(address, 5, connect(5, 'expiry', properties=[(0x11, asked)]))
        check(connack.value(0x11) in (None, asked), True, f'Session Expiry Interval for {asked}')
        client.leave(properties=[(0x11, 0)])


def t_identifier_characters(address):
    """[MQTT-3.1.3-5] [MQTT-3.1.3-2] [MQTT-3.1.3-4] What has to be allowed, and more; names that
    differ in a byte are different."""
    letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
    names = [letters[i:i + 23] for i in range(0, 62, 20)]
    names += ['a', 'A', 'ä', 'a\u0308', 'a/b', '+', '#', ' ', '$SYS', 'x' * 65000, '\ufeffa']
    clients = [Client(address, 5).connected(name) for name in names]
    for client in clients:
        client.ping()
        client.sock.close()


def t_authentication_methods(address):
    """[MQTT-4.12.0-1] [MQTT-4.12.0-6] There are none."""
    refused(address, 5, connect(5, 'a', properties=[(0x15, 'GS2')]), 0x8c)
    refused(address, 5, connect(5, 'a', properties=[(0x15, 'GS2'), (0x16, 'x')]), 0x8c)


def t_credentials(address):
    """[MQTT-3.1.2-17] [MQTT-3.1.2-19] Without a password file. A session is one user's."""
    for level in LEVELS:
        client = Client(address, level)
        client.connected('cred', flags=0xc0, tail=string('user') + string(b'\0\xff'))
        client.leave()
    # MQTT 3.1: what the flags say may be missing. 5.0: no user name is fine
    for level, flags, tail in ((3, 0xc0, b''), (3, 0xc0, string('user')), (5, 0x40, string('p'))):
        client = Client(address, level)
        client.connected('cred', flags=flags, tail=tail)
        client.leave()


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
    """[MQTT-3.1.4-1] [MQTT-3.1.2-3] [MQTT-3.1.2-9] [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13]
    [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.3-1]
    [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] [MQTT-3.14.0-1] [MQTT-3.2.2-7] [MQTT-1.5.4-1]
    [MQTT-1.5.4-2] [MQTT-4.13.2-1] Each cut and each flag."""
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
    """[MQTT-3.1.0-1] [MQTT-3.14.0-1] [MQTT-4.13.1-1] Nothing is said to who does
    not speak the protocol."""
    for data in (b'GET / HTTP/1.1\r\n\r\n', packet(0xc0, b''), wire.publish(4, 't', b'x'),
                 packet(0x10, string('mqtt') + b'\4\2\0\0\0\1a'), packet(0x10, b''),
                 packet(0x11, connect(5, 'a')[2:]), b'\x10\xff\xff\xff\xff\x7f',
                 b'\x10\xc0\x9a\x0c' + string('MQTT') + b'\5\2'):
        with Client(address, 5) as client:
            client.send(data)
            client.expect_end()


def t_second_connect(address):
    """[MQTT-3.1.0-2] [MQTT-3.2.0-2]"""
    for level in LEVELS:
        with Client(address, level).connected('twice') as client:
            client.send(connect(level, 'twice'))
            client.expect_closed(0x82)


def t_small_client(address):
    """[MQTT-3.1.2-24] [MQTT-3.2.2-19] [MQTT-3.2.2-20] CONNACK is longer than the client
    wants packets to be."""
    connack = refused(address, 5, connect(5, 'small', properties=[(0x27, 8)]), 0x95)
    check(len(connack.body) + 2 <= 8, True, 'CONNACK is short enough')


def t_no_problem_information(address):
    """[MQTT-3.1.2-29] Reasons in CONNACK and DISCONNECT."""
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


def t_nothing_behind_a_refusal(address):
    """[MQTT-3.1.4-6] What comes behind a CONNECT that is rejected has no effect."""
    with Client(address, 4).connected('witness').subscribed('behind') as witness:
        for level, first in ((5, connect(5, 'a', properties=[(0x15, 'x')])),
                             (4, connect(4, clean=False)), (4, connect(2, 'x', name='MQTT')),
                             (5, connect(5, 'a', flags=0x01))):
            with Client(address, level) as client:
                client.send(first, wire.publish(level, 'behind', b'x'),
                            wire.publish(level, 'behind', b'x', qos=1, packet_id=1))
                client.expect(CONNACK)
                client.expect_end()
        witness.publish('behind', b'end')
        witness.message('behind', b'end')


def t_refusals_leave_sessions_alone(address):
    """[MQTT-3.1.4-1] [MQTT-4.1.0-1] A CONNECT that is rejected takes over nothing."""
    with session(address, 5, 'stays').subscribed('stays', options=1) as client:
        for data in (connect(5, 'stays', properties=[(0x15, 'x')]),
                     connect(5, 'stays', will=('', 'x')), connect(5, 'stays', tail=b'x')):
            with Client(address, 5) as other:
                other.send(data)
                check(other.expect(CONNACK).code >= 0x80, True, 'rejected')
        client.publish('stays', b'x', 1)
        client.message('stays', b'x', 1)
        client.leave(properties=[(0x11, 0)])


def own_connect_limits(broker):
    """[MQTT-3.1.4-1] Who says nothing, too little or too much is closed, others are not."""
    with broker('connect_timeout 1\nmax_connect_packet 2000\n') as b, \
            Client(b.address, 5).connected('fine', keepalive=0) as fine, \
            Client(b.address, 5) as silent, Client(b.address, 5) as slow:
        slow.send(connect(5, 'slow')[:-1])
        for level in LEVELS:
            with Client(b.address, level) as large:
                large.send(b'\x10\xd0\x0f' + connect(level, 'x' * 5000)[3:100])
                large.expect_end()
            with Client(b.address, level) as client:
                client.connected('x' * 1900)
        silent.expect_end()
        slow.expect_end()
        fine.ping()


def own_max_keepalive(broker):
    """[MQTT-3.2.2-21] [MQTT-3.1.2-2] [MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.1.3-8]
    And other limits."""
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
    """[MQTT-3.1.4-2] [MQTT-3.2.2-7] Nobody without a name."""
    with broker('allow_anonymous false\n') as b:
        refused(b.address, 3, connect(3, 'a'), 5)
        refused(b.address, 4, connect(4, 'a'), 5)
        refused(b.address, 5, connect(5, 'a'), 0x87)
