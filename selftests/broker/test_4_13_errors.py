# SPDX-License-Identifier: MIT
"""Malformed packets and protocol errors: 1.5, 2.1, 4.13."""
import random

import wire
from connection import LEVELS, Client
from wire import CONNACK, DISCONNECT, PINGRESP, SUBACK, answer, check, connect, packet, props, \
    publish, string, subscribe


def wrong(address, level, data, code):
    """On a connection of its own; the answer is the last that comes."""
    try:
        with Client(address, level).connected() if level == 5 else \
                Client(address, level).connected('wrong') as client:
            client.send(data)
            client.expect_closed(code)
    except wire.Failure as failure:
        raise wire.Failure(f'level {level}, {data[:80]!r}: {failure}') from None


# First bytes and bodies that are wrong in each version
EVERYWHERE = (
    (b'\x00\x00', 0x81),
    (b'\x0f\x00', 0x81),
    (b'\x20\x02\0\0', 0x82),            # CONNACK, SUBACK, UNSUBACK, PINGRESP: not to a broker
    (b'\x90\x03\0\1\0', 0x82),
    (b'\xb0\x02\0\1', 0x82),
    (b'\xd0\x00', 0x82),
    (b'\xf0\x00', 0x82),                # AUTH
    (b'\xf0\x02\x18\0', 0x82),
    (b'\xc1\x00', 0x81),                # flags
    (b'\xc0\x01x', 0x81),
    (b'\xe1\x00', 0x81),
    (b'\x80\x06\0\1\0\1a\0', 0x81),
    (b'\x83\x06\0\1\0\1a\0', 0x81),
    (b'\xa0\x05\0\1\0\1a', 0x81),
    (b'\x30\xff\xff\xff\xff\x7f', 0x81),  # lengths
    (b'\xc0\x80\x80\x80\x80\x00', 0x81),
    (b'\x30\x00', 0x81),
    (b'\x30\x01\0', 0x81),
    (b'\x30\x04\0\5ab', 0x81),
    (b'\x30\x03\xff\xffa', 0x81),
)


def publishes(level):
    none = props() if level == 5 else b''
    yield packet(0x36, string('t') + b'\0\1' + none), 0x81      # QoS 3
    yield packet(0x38, string('t') + none), 0x81                # DUP at QoS 0
    yield packet(0x32, string('t') + b'\0\0' + none), 0x81      # packet identifier 0
    yield packet(0x32, string('t')), 0x81
    for topic in (b'\xff', b't\0', b't\xed\xa0\x80', b't\xc0\xaf', b't\xc3'):
        yield publish(level, topic, b'x'), 0x81
    for topic in ('t/+', '#', 't/#', '+', 'a+', 'a#/b'):
        yield publish(level, topic, b'x'), 0x90
    yield publish(level, 't', b'x' * 100001), 0x95
    if level != 5:
        yield publish(level, '', b'x'), 0x81


PUBLISHES_5 = (
    (publish(5, '', b'x'), 0x82),
    (publish(5, '', b'x', [(0x23, 1)]), 0x82),          # not set
    (publish(5, 't', b'x', [(0x23, 0)]), 0x82),
    (publish(5, 't', b'x', [(0x23, 11)]), 0x94),
    (publish(5, '', b'x', [(0x23, 65535)]), 0x94),
    (publish(5, 't', b'x', [(0x23, 1), (0x23, 1)]), 0x82),
    (publish(5, 't', b'x', [(0x0b, 1)]), 0x82),
    (publish(5, 't', b'x', [(0x01, 2)]), 0x82),
    (publish(5, 't', b'x', [(0x02, 1), (0x02, 1)]), 0x82),
    (publish(5, 't', b'x', [(0x03, b'\xff')]), 0x81),
    (publish(5, 't', b'x', [(0x08, 't/+')]), 0x82),
    (publish(5, 't', b'x', [(0x09, b'1'), (0x09, b'2')]), 0x82),
    (publish(5, 't', b'x', [(0x26, (b'\xff', b'x'))]), 0x81),
    (publish(5, 't', b'x', [(0x11, 1)]), 0x81),         # a property of other packets
    (packet(0x30, string('t') + b'\1\x2b'), 0x81),
    (packet(0x30, string('t') + b'\2\x80\x01'), 0x81),
    (packet(0x30, string('t') + b'\5\x02\0\0\0'), 0x81),
    (packet(0x30, string('t') + b'\x80'), 0x81),
    (packet(0x30, string('t') + b'\x80\x00'), 0x81),
    (packet(0x30, string('t') + b'\4\x02\0\0\0'), 0x81),
    (packet(0x30, string('t')), 0x81),
)


def filters(level):
    none = props() if level == 5 else b''
    for byte1, option in ((0x82, b'\0'), (0xa2, b'')):
        yield packet(byte1, b''), 0x81
        yield packet(byte1, b'\0'), 0x81
        yield packet(byte1, b'\0\0' + none + string('a') + option), 0x81
        yield packet(byte1, b'\0\1' + none), 0x82
        yield packet(byte1, b'\0\1' + none + b'\0'), 0x81
        yield packet(byte1, b'\0\1' + none + b'\0\2a'), 0x81
        for name in ('', b'\xff', b'a\0', 'a+', 'a#', '#/a', 'a/#/b', 'a/+b'):
            yield packet(byte1, b'\0\1' + none + string(name) + option), 0x81
    yield packet(0x82, b'\0\1' + none + string('a')), 0x81
    yield packet(0x82, b'\0\1' + none + string('a') + b'\3'), 0x82
    yield packet(0x82, b'\0\1' + none + string('a') + b'\x80'), 0x81
    yield packet(0x82, b'\0\1' + none + string('ok') + b'\0' + string('a') + b'\x40'), 0x81
    if level != 5:
        yield packet(0x82, b'\0\1' + string('a') + b'\4'), 0x81


FILTERS_5 = (
    (subscribe(5, ('a', 0x30)), 0x82),
    (subscribe(5, ('$share/g/a', 0x04)), 0x82),
    (subscribe(5, ('a', 0), properties=[(0x0b, 0)]), 0x82),
    (subscribe(5, ('a', 0), properties=[(0x0b, 1), (0x0b, 2)]), 0x82),
    (subscribe(5, ('a', 0), properties=[(0x23, 1)]), 0x81),
    (subscribe(5, ('a', 0), properties=[(0x26, (b'\xff', 'x'))]), 0x81),
    (packet(0xa2, b'\0\1\2\x0b\1' + string('a')), 0x81),
)

DISCONNECTS = (
    (b'\xe0\x01\x8e', 0x82),            # a server's
    (b'\xe0\x01\x01', 0x82),
    (b'\xe0\x02\x00\x01', 0x81),
    (b'\xe0\x03\x00\x00x', 0x81),
    (packet(0xe0, b'\0' + props((0x1c, 'elsewhere'))), 0x82),
    (packet(0xe0, b'\0' + props((0x1f, 'a'), (0x1f, 'b'))), 0x82),
    (packet(0xe0, b'\0' + props((0x23, 1))), 0x81),
    (packet(0xe0, b'\0' + props((0x11, 1))), 0x82),     # no session that could be kept
)


def t_packets(address):
    """[MQTT-2.1.3-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1] [MQTT-4.12.0-7]
    [MQTT-4.13.1-1] [MQTT-1.5.5-1] Of each type, in each version."""
    for level in LEVELS:
        for data, code in EVERYWHERE:
            wrong(address, level, data, code)


def t_publish(address):
    """[MQTT-3.3.1-4] [MQTT-3.3.1-2] [MQTT-2.2.1-2] [MQTT-3.3.2-1] [MQTT-3.3.2-2] [MQTT-3.3.2-8]
    [MQTT-3.3.2-9] [MQTT-3.3.2-13] [MQTT-3.3.2-14] [MQTT-3.3.2-19] [MQTT-3.3.4-6] [MQTT-1.5.4-1]
    [MQTT-1.5.4-2] [MQTT-1.5.7-1] [MQTT-4.7.0-1] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-3.2.2-15]
    [MQTT-2.2.2-1]"""
    for level in LEVELS:
        for data, code in publishes(level):
            wrong(address, level, data, code)
    for data, code in PUBLISHES_5:
        wrong(address, 5, data, code)


def t_filters(address):
    """[MQTT-3.8.3-1] [MQTT-3.8.3-2] [MQTT-3.8.3-4] [MQTT-3.8.3-5] [MQTT-3.10.3-1] [MQTT-3.10.3-2]
    [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2]"""
    for level in LEVELS:
        for data, code in filters(level):
            wrong(address, level, data, code)
    for data, code in FILTERS_5:
        wrong(address, 5, data, code)


def t_disconnect(address):
    """[MQTT-3.14.1-1] [MQTT-3.14.2-1] What a client may not say in it."""
    for data, code in DISCONNECTS:
        wrong(address, 5, data, code)
    for level in (3, 4):
        wrong(address, level, b'\xe0\x01\x00', None)


def t_whole_until_then(address):
    """[MQTT-4.13.1-1] What came before the error has its effect, what comes behind has none."""
    for level in LEVELS:
        with Client(address, 4).connected('witness').subscribed('before', 'behind') as witness, \
                Client(address, level).connected('errs') as client:
            client.send(publish(level, 'before', b'1'), b'\x00\x00',
                        publish(level, 'behind', b'2'))
            check(witness.expect(wire.PUBLISH).topic, b'before', 'topic')
            client.expect_closed(0x81)
            witness.ping()


def t_oversize_announced(address):
    """[MQTT-3.2.2-15] A packet that will be too long is refused before it has come."""
    for level in LEVELS:
        wrong(address, level, b'\x30\xff\xff\xff\x7f\0\1t\0and so on', 0x95)
        wrong(address, level, b'\xc0\x80\x80\x01', 0x95)


def t_flags_of_31(address):
    """[MQTT-2.1.3-1] DUP is allowed in SUBSCRIBE and UNSUBSCRIBE of MQTT 3.1."""
    with Client(address, 3).connected('dup') as client:
        client.send(subscribe(3, ('a', 1), byte1=0x8a))
        check(client.expect(SUBACK).codes, [1], 'SUBACK')
        client.send(packet(0xaa, b'\0\2' + string('a')))
        client.expect(wire.UNSUBACK)
    wrong(address, 4, subscribe(4, ('a', 0), byte1=0x8a), None)


def a_packet_of_each_type(level):
    """As a client of this version may send it, with what must not be cut off or changed in it."""
    given = [(0x26, ('key', 'value')), (0x03, 'text')] if level == 5 else []
    user = given[:1]
    acks = [(0, user)] if level == 5 else []
    yield connect(level, 'each', keepalive=9, will=('w', 'x'), user='u', password='p',
                  properties=user, will_properties=user)
    yield publish(level, 'each', b'', given)
    yield publish(level, 'each', b'', given, qos=2, packet_id=3)
    for kind in (4, 5, 6, 7):
        yield answer(kind, 3, *(acks[0] if acks else ()))
    yield subscribe(level, ('each', 1), ('other', 0), properties=user)
    yield wire.unsubscribe(level, 'each', 'other', properties=user)
    yield packet(0xc0, b'')
    yield wire.disconnect(level, 4, user)


def closed_or_fine(address, level, data, connected=True):
    """The connection ends, with an error if at all, or goes on."""
    with Client(address, level) as client:
        if connected:
            client.connected('each')
        client.send(data, b'\xc0\0')
        while p := client.next():
            if p.type == DISCONNECT:
                check(p.code in (0x81, 0x82), True, f'reason code {p.code:#x} for {data!r}')
            if p.type == CONNACK and p.code >= 0x80:
                check(p.code in (1, 0x81, 0x82), True, f'reason code {p.code:#x} for {data!r}')
            if p.type == PINGRESP:
                return


def t_cut_off(address):
    """[MQTT-4.13.1-1] [MQTT-3.1.4-1] Each packet that ends at each of its bytes; nobody else
    notices."""
    with Client(address, 4).connected('witness').subscribed('witness') as witness:
        for level in LEVELS:
            for whole in a_packet_of_each_type(level):
                for size in range(2, len(whole)):
                    closed_or_fine(address, level, packet(whole[0], whole[2:size]),
                                   whole[0] != 0x10)
            witness.publish('witness', b'x')
            witness.message('witness', b'x')


def t_streams_cut_off(address):
    """4.2: the connection breaks at each byte of a packet; the will is published each time."""
    with Client(address, 4).connected('heir').subscribed('will') as heir:
        for whole in a_packet_of_each_type(5):
            for size in range(1, len(whole), 4):
                client = Client(address, 5)
                if whole[0] != 0x10:
                    client.connected('cut', will=('will', b'%d' % size))
                client.send(whole[:size])
                client.sock.close()
                if whole[0] != 0x10:
                    heir.message('will', b'%d' % size)


def t_reserved_flags(address):
    """[MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1]
    [MQTT-3.1.4-1] Each bit of each type; MQTT 3.1 has them for DUP and RETAIN."""
    for level in (4, 5):
        for whole in a_packet_of_each_type(level):
            for bit in (1, 2, 4, 8):
                if whole[0] >> 4 == 3:
                    continue
                data = bytes([whole[0] ^ bit]) + whole[1:]
                if whole[0] != 0x10:
                    wrong(address, level, data, 0x81)
                    continue
                with Client(address, level) as client:
                    client.send(data)
                    client.expect_end()


def t_noise(address):
    """[MQTT-4.13.1-1] Bytes of no meaning, always the same ones."""
    numbers = random.Random(4)
    with Client(address, 4).connected('witness') as witness:
        for level in LEVELS:
            for _ in range(40):
                data = numbers.randbytes(numbers.randrange(1, 40))
                first = numbers.choice((0x10, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x82, 0xa2,
                                        0xe0, 0xf0))
                client = Client(address, level).connected('noise')
                client.send(packet(first, data))
                client.sock.close()
        witness.ping()


def t_dribbled_errors(address):
    """[MQTT-4.13.1-1] A byte at a time, the end comes as soon as it can be known."""
    for level in LEVELS:
        for data in (b'\x00', b'\x30\x80\x80\x80\x80', b'\xc1', b'\x80', b'\x36'):
            with Client(address, level).connected('slow') as client:
                client.dribble(data)
                client.send(b'\0')
                client.expect_closed((0x81, 0x82))


def t_packet_identifier_0(address):
    """[MQTT-2.2.1-3] [MQTT-2.2.1-4] Where there has to be one."""
    for level in LEVELS:
        for data in (publish(level, 't', b'x', qos=1, packet_id=0),
                     publish(level, 't', b'x', qos=2, packet_id=0),
                     subscribe(level, ('a', 0), packet_id=0),
                     wire.unsubscribe(level, 'a', packet_id=0),
                     *(answer(kind, 0) for kind in (4, 5, 6, 7))):
            wrong(address, level, data, (0x81, 0x82))


def t_of_servers(address):
    """[MQTT-4.13.1-1] [MQTT-4.12.0-7] Packets that only a server may send, and AUTH."""
    for level in LEVELS:
        for data in (b'\x20\2\0\0', b'\x20\3\0\0\0', b'\x90\3\0\1\0', b'\x90\4\0\1\0\0',
                     b'\xb0\2\0\1', b'\xd0\0', b'\xf0\0', b'\xf0\2\x19\0'):
            wrong(address, level, data, (0x81, 0x82))
