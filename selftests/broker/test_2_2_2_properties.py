# SPDX-License-Identifier: MIT
"""Every property in every packet: 2.2.2, 3.1.2.11, 3.3.2.3."""
from connection import Client
from wire import CONNACK, DISCONNECT, SUBACK, TYPES, Failure, check, connect, packet, string, \
    subscribe, value_bytes, varint

# A value that each may have, and one that it may not
GOOD = {'B': 1, '>H': 1, '>I': 1, 'varint': 1, 'string': b'x', 'binary': b'\0\xff',
        'pair': (b'k', b'v')}
BAD = {0x01: 2, 0x08: b'a/+', 0x17: 2, 0x19: 2, 0x21: 0, 0x23: 0, 0x27: 0}

STRINGS = {ident for ident, kind in TYPES.items() if kind == 'string'}


class Place:
    """Where properties are: @before and @after them in the packet of @byte1."""

    def __init__(self, allowed, byte1, before, after=b''):
        self.allowed, self.byte1, self.before, self.after = allowed, byte1, before, after

    def packet(self, block):
        return packet(self.byte1, self.before + block + self.after)


HEAD = string('MQTT') + b'\5\2\0\0'
WILL_HEAD = string('MQTT') + b'\5\6\0\0\0' + string('props')
PLACES = {
    'CONNECT': Place({0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27}, 0x10, HEAD,
                     string('props')),
    'will': Place({0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26}, 0x10, WILL_HEAD,
                  string('w') + string('')),
    'PUBLISH': Place({0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26}, 0x30, string('props')),
    'PUBACK': Place({0x1f, 0x26}, 0x40, b'\0\1\0'),
    'PUBREC': Place({0x1f, 0x26}, 0x50, b'\0\1\0'),
    'PUBREL': Place({0x1f, 0x26}, 0x62, b'\0\1\0'),
    'PUBCOMP': Place({0x1f, 0x26}, 0x70, b'\0\1\0'),
    'SUBSCRIBE': Place({0x0b, 0x26}, 0x82, b'\0\1', string('props') + b'\0'),
    'UNSUBSCRIBE': Place({0x26}, 0xa2, b'\0\1', string('props')),
    'DISCONNECT': Place({0x11, 0x1f, 0x26}, 0xe0, b'\4'),
}
# What the standard lets a server refuse, or that is no error in itself
REFUSED = {('CONNECT', 0x15): 0x8c, ('CONNECT', 0x16): 0x82, ('DISCONNECT', 0x11): 0x82}


CLOSED = 0x100         # without a reason code


def encoded(ident, value):
    return bytes([ident]) + value_bytes(TYPES[ident], value)


def block(*properties):
    data = b''.join(properties)
    return varint(len(data)) + data


def says(address, name, data):
    """The reason code of the end, or None if the connection goes on.

    It does if the SUBSCRIBE behind is answered; unlike PINGREQ it waits its turn.
    """
    with Client(address, 5) as client:
        if PLACES[name].byte1 != 0x10:
            client.connected('props')
        client.send(PLACES[name].packet(data), subscribe(5, ('behind', 0), packet_id=99))
        while p := client.next():
            if p.type == SUBACK and p.packet_id == 99:
                return None
            if p.type in (CONNACK, DISCONNECT) and p.code >= 0x80:
                client.expect_end()
                return p.code
    return None if name == 'DISCONNECT' else CLOSED


def expect(address, name, data, codes, what):
    """Before CONNACK the broker may close without a word."""
    got = says(address, name, data)
    if got == CLOSED and name in ('CONNECT', 'will') and None not in codes:
        return
    if got not in codes:
        raise Failure(f'{name} with {what}: {got and hex(got)}, not {codes}')


def t_places_of_properties(address):
    """[MQTT-3.3.4-6] [MQTT-4.13.1-1] [MQTT-3.1.4-1] 2.2.2.2: each property in each packet."""
    for name, place in PLACES.items():
        for ident, kind in TYPES.items():
            data = block(encoded(ident, 1000 if ident == 0x27 else GOOD[kind]))
            if (name, ident) in REFUSED:
                codes = (REFUSED[name, ident],)
            else:
                codes = (None,) if ident in place.allowed else (0x81, 0x82)
            expect(address, name, data, codes, f'property {ident:#x}')
        for unknown in (b'\0', b'\x04', b'\x2b', b'\x7f', b'\x80\1', b'\x81\0',
                        b'\xff\xff\xff\x7f'):
            expect(address, name, block(unknown, b'\0\0'), (0x81, 0x82), f'property {unknown}')


def t_properties_twice(address):
    """2.2.2.2, 3.8.2.1.2: only user properties may come again."""
    for name, place in PLACES.items():
        for ident in place.allowed:
            twice = encoded(ident, GOOD[TYPES[ident]]) * 2
            codes = (None,) if ident == 0x26 else (0x82,)
            if (name, ident) in REFUSED:
                codes = (0x82, REFUSED[name, ident])
            expect(address, name, block(twice), codes, f'property {ident:#x} twice')


def t_values_of_properties(address):
    """[MQTT-3.3.2-8] [MQTT-3.3.2-14] Values that are out of range."""
    for name, place in PLACES.items():
        for ident in place.allowed & set(BAD):
            expect(address, name, block(encoded(ident, BAD[ident])), (0x81, 0x82, 0x94),
                   f'{BAD[ident]} in property {ident:#x}')
    expect(address, 'SUBSCRIBE', block(b'\x0b\0'), (0x82,), 'subscription identifier 0')
    expect(address, 'SUBSCRIBE', block(b'\x0b\xff\xff\xff\x7f'), (None,), 'the highest one')
    expect(address, 'SUBSCRIBE', block(b'\x0b\x80\x80\x80\x80\x01'), (0x81,), 'a longer one')


def t_strings_in_properties(address):
    """[MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.7-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19] Not UTF-8."""
    for name, place in PLACES.items():
        for wrong in (b'\xff', b'a\0b', b'\xed\xa0\x80', b'\xc0\xaf'):
            for ident in place.allowed & STRINGS - {0x15}:
                expect(address, name, block(encoded(ident, wrong)), (0x81,), f'{ident:#x} {wrong}')
        for pair in ((b'\xff', b'v'), (b'k', b'\xff'), (b'k', b'a\0')):
            expect(address, name, block(encoded(0x26, pair)), (0x81,), f'{pair}')


def t_properties_cut_off(address):
    """[MQTT-2.2.2-1] [MQTT-1.5.5-1] Values that end too early, lengths that are wrong."""
    for name, place in PLACES.items():
        for ident in place.allowed - {0x15, 0x16}:
            data = encoded(ident, GOOD[TYPES[ident]])
            for size in range(1, len(data)):
                expect(address, name, block(data[:size]), (0x81,), f'{data[:size]}')
        size = len(place.after)
        for length in (b'\x80', b'\x80\0', b'\x81\0', b'\xff\xff\xff\xff\x7f', varint(size + 1)):
            if name in ('will', 'CONNECT') and length == b'\x80':
                continue            # is a length with what follows
            expect(address, name, length, (0x81, 0x82), f'length {length}')


def t_order_of_properties(address):
    """2.2.2.2: they come in any order; [MQTT-3.3.2-18] that of user properties is kept."""
    given = [(0x26, (b'%d' % (i * 7 % 13), b'%d' % i)) for i in range(50)]
    for at in (0, 25, 50):
        mixed = given[:at] + [(0x03, b'text'), (0x01, 1)] + given[at:]
        with Client(address, 5).connected('to').subscribed('p', options=1) as sub, \
                Client(address, 5).connected('at') as pub:
            for qos in (0, 1):
                pub.publish('p', b'x', qos, properties=mixed)
                sub.message('p', b'x', qos, properties=mixed)


def t_largest_properties(address):
    """All that fits: 65,535 bytes in a value."""
    given = [(0x26, (b'k', b'v' * 65535)), (0x09, b'\xff' * 30000)]
    with Client(address, 5).connected('to').subscribed('p', options=1) as sub, \
            Client(address, 5).connected('at') as pub:
        pub.publish('p', b'x', 1, properties=given)
        sub.message('p', b'x', 1, properties=given)


def t_connect_with_all_properties(address):
    """3.1.2.11: each that a client may send, at once."""
    given = [(0x11, 5), (0x21, 10), (0x27, 1000), (0x22, 3), (0x19, 1), (0x17, 1),
             (0x26, (b'a', b'b')), (0x26, (b'a', b'c'))]
    will = [(0x18, 1), (0x01, 1), (0x02, 9), (0x03, 'c'), (0x08, 'r'), (0x09, b'd'),
            (0x26, ('k', 'v'))]
    for order in (1, -1):
        with Client(address, 5) as client:
            client.send(connect(5, 'all', properties=given[::order], will=('w', 'x'),
                                will_properties=will[::order]))
            check(client.expect(CONNACK).code, 0, 'CONNACK')
            client.leave()
