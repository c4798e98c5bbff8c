# SPDX-License-Identifier: MIT
"""What the broker says to packets that are wrong, or that it cannot do yet."""
import wire
from connection import LEVELS, Client
from wire import SUBACK, check, packet, props, publish, string, subscribe



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
    (b'\x40\x02\0\1', 0x82),            # answers to what was never sent
    (b'\x50\x02\0\1', 0x82),
    (b'\x62\x02\0\1', 0x82),
    (b'\x70\x02\0\1', 0x82),
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
    yield publish(level, 't', byte1=0x32, packet_id=b'\0\1'), 0x9b
    yield publish(level, 't', byte1=0x34, packet_id=b'\0\1'), 0x9b
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
    (publish(5, 't', b'x', byte1=0x31), 0x9a),
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
    (subscribe(5, ('a', 0), properties=[(0x0b, 1)]), 0xa1),
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
    for level in LEVELS:
        for data, code in EVERYWHERE:
            wrong(address, level, data, code)


def t_publish(address):
    for level in LEVELS:
        for data, code in publishes(level):
            wrong(address, level, data, code)
    for data, code in PUBLISHES_5:
        wrong(address, 5, data, code)


def t_filters(address):
    for level in LEVELS:
        for data, code in filters(level):
            wrong(address, level, data, code)
    for data, code in FILTERS_5:
        wrong(address, 5, data, code)


def t_disconnect(address):
    for data, code in DISCONNECTS:
        wrong(address, 5, data, code)
    for level in (3, 4):
        wrong(address, level, b'\xe0\x01\x00', None)


def t_whole_until_then(address):
    """What came before the error has its effect, what comes behind has none."""
    for level in LEVELS:
        with Client(address, 4).connected('witness').subscribed('before', 'behind') as witness, \
                Client(address, level).connected('errs') as client:
            client.send(publish(level, 'before', b'1'), b'\x00\x00',
                        publish(level, 'behind', b'2'))
            check(witness.expect(wire.PUBLISH).topic, b'before', 'topic')
            client.expect_closed(0x81)
            witness.ping()


def t_oversize_announced(address):
    """A packet that will be too long is refused before it has come."""
    for level in LEVELS:
        wrong(address, level, b'\x30\xff\xff\xff\x7f\0\1t\0and so on', 0x95)
        wrong(address, level, b'\xc0\x80\x80\x01', 0x95)


def t_flags_of_31(address):
    """DUP is allowed in SUBSCRIBE and UNSUBSCRIBE of MQTT 3.1."""
    with Client(address, 3).connected('dup') as client:
        client.send(subscribe(3, ('a', 1), byte1=0x8a))
        check(client.expect(SUBACK).codes, [0], 'SUBACK')
        client.send(packet(0xaa, b'\0\2' + string('a')))
        client.expect(wire.UNSUBACK)
    wrong(address, 4, subscribe(4, ('a', 0), byte1=0x8a), None)
