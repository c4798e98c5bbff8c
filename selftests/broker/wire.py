# SPDX-License-Identifier: MIT
"""MQTT 3.1, 3.1.1 and 5.0 packets, for tests: written apart from the broker's code.

Nothing here refuses to build a wrong packet. What the broker sends is read
strictly: Packet fails where it is not what the standard allows.
"""
import struct

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, \
    UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(1, 16)

# Properties that tests speak of by name
FORMAT, MESSAGE_EXPIRY, CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION, SUBSCRIPTION_ID = \
    0x01, 0x02, 0x03, 0x08, 0x09, 0x0b
EXPIRY, ASSIGNED_ID, SERVER_KEEP_ALIVE, AUTH_METHOD, AUTH_DATA, WANT_PROBLEM, WILL_DELAY, \
    WANT_RESPONSE, RESPONSE_INFORMATION, SERVER_REFERENCE, REASON, RECEIVE_MAX, ALIAS_MAX, ALIAS, \
    MAX_QOS, RETAIN_AVAILABLE, USER, PACKET_MAX = \
    0x11, 0x12, 0x13, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x23, 0x24, \
    0x25, 0x26, 0x27

# Property identifiers and how their values look (MQTT 5.0 2.2.2.2)
TYPES = {
    0x01: 'B', 0x02: '>I', 0x03: 'string', 0x08: 'string', 0x09: 'binary', 0x0b: 'varint',
    0x11: '>I', 0x12: 'string', 0x13: '>H', 0x15: 'string', 0x16: 'binary', 0x17: 'B',
    0x18: '>I', 0x19: 'B', 0x1a: 'string', 0x1c: 'string', 0x1f: 'string', 0x21: '>H',
    0x22: '>H', 0x23: '>H', 0x24: 'B', 0x25: 'B', 0x26: 'pair', 0x27: '>I', 0x28: 'B',
    0x29: 'B', 0x2a: 'B',
}

# What a server may send: properties and reason codes by packet
PLACES = {
    CONNACK: {0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27,
              0x28, 0x29, 0x2a},
    PUBLISH: {0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x23, 0x26},
    DISCONNECT: {0x1c, 0x1f, 0x26},
    AUTH: {0x15, 0x16, 0x1f, 0x26},
    **{kind: {0x1f, 0x26} for kind in (PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK)},
}
CODES = {
    CONNACK: {0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90,
              0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f},
    PUBACK: {0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
    PUBREC: {0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
    PUBREL: {0, 0x92},
    PUBCOMP: {0, 0x92},
    SUBACK: {0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2},
    UNSUBACK: {0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91},
    DISCONNECT: {0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94,
                 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1,
                 0xa2},
    AUTH: {0, 0x18, 0x19},
}
CODES_3 = {CONNACK: set(range(6)), SUBACK: {0, 1, 2, 0x80}}

# Bits 3-0 of the first byte, but for PUBLISH
FLAGS = {PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}


class Failure(Exception):
    pass


def check(got, want, what):
    if got != want:
        raise Failure(f'{what}: {got!r}, not {want!r}')


def varint(n):
    out = b''
    while True:
        n, low = n >> 7, n & 0x7f
        out += bytes([low | (0x80 if n else 0)])
        if not n:
            return out


def take_varint(data):
    value = shift = 0
    for i, byte in enumerate(data[:4]):
        value |= (byte & 0x7f) << shift
        shift += 7
        if not byte & 0x80:
            check(i and not byte, 0, 'bytes too many in a variable byte integer')
            return value, data[i + 1:]
    raise Failure('variable byte integer is cut off')


def first_packet(data):
    """Bytes of the first packet and of its fixed header; None if it has not come as a whole."""
    for size in range(2, 6):
        if len(data) < size:
            return None
        if not data[size - 1] & 0x80:
            break
    remaining, _ = take_varint(bytes(data[1:size]))
    return (size + remaining, size) if len(data) >= size + remaining else None


def string(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack('>H', len(s)) + s


def take_binary(data):
    (n,) = struct.unpack_from('>H', data)
    if len(data) < 2 + n:
        raise Failure('string is cut off')
    return data[2:2 + n], data[2 + n:]


def take_string(data):
    text, rest = take_binary(data)
    if '\0' in text.decode():       # raises for what is not UTF-8
        raise Failure(f'U+0000 in {text!r}')
    return text, rest


def value_bytes(kind, value):
    if kind in ('string', 'binary'):
        return string(value)
    if kind == 'pair':
        return string(value[0]) + string(value[1])
    return varint(value) if kind == 'varint' else struct.pack(kind, value)


def props(*pairs):
    """A list of (identifier, value) with its length in front."""
    out = b''.join(bytes([ident]) + value_bytes(TYPES[ident], value) for ident, value in pairs)
    return varint(len(out)) + out


def take_value(kind, data):
    if kind == 'string':
        return take_string(data)
    if kind == 'binary':
        return take_binary(data)
    if kind == 'varint':
        return take_varint(data)
    if kind == 'pair':
        name, data = take_string(data)
        value, data = take_string(data)
        return (name, value), data
    return struct.unpack_from(kind, data)[0], data[struct.calcsize(kind):]


def take_props(data):
    size, data = take_varint(data)
    block, rest = data[:size], data[size:]
    if len(block) < size:
        raise Failure('properties are cut off')
    found = []
    while block:
        ident = block[0]
        value, block = take_value(TYPES[ident], block[1:])
        found.append((ident, value))
    return found, rest


def packet(byte1, body):
    return bytes([byte1]) + varint(len(body)) + body


def connect(level, client_id='', clean=True, keepalive=0, properties=(), will=None,
            will_properties=(), will_qos=0, will_retain=False, user=None, password=None, flags=0,
            name=None, tail=b''):
    """@will is (topic, payload); @flags are set in addition, @tail comes last."""
    if name is None:
        name = 'MQIsdp' if level == 3 else 'MQTT'
    flags |= (2 if clean else 0) | (4 if will else 0) | will_qos << 3 | (0x20 if will_retain else 0)
    flags |= (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    body = string(name) + bytes([level, flags]) + struct.pack('>H', keepalive)
    if level == 5:
        body += props(*properties)
    body += string(client_id)
    if will:
        if level == 5:
            body += props(*will_properties)
        body += string(will[0]) + string(will[1])
    body += b''.join(string(s) for s in (user, password) if s is not None)
    return packet(CONNECT << 4, body + tail)


def publish(level, topic, payload=b'', properties=(), byte1=0x30, packet_id=b'', qos=0,
            retain=False, dup=False):
    """@packet_id is a number, or bytes of any kind; @byte1 is in addition to the flags."""
    byte1 |= qos << 1 | (1 if retain else 0) | (8 if dup else 0)
    if isinstance(packet_id, int):
        packet_id = struct.pack('>H', packet_id)
    body = string(topic) + packet_id
    if level == 5:
        body += props(*properties)
    return packet(byte1, body + payload)


def answer(kind, packet_id, code=None, properties=None):
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""
    body = struct.pack('>H', packet_id) + (b'' if code is None else bytes([code]))
    return packet(kind << 4 | FLAGS.get(kind, 0),
                  body + (b'' if properties is None else props(*properties)))


def subscribe(level, *filters, properties=(), packet_id=1, byte1=0x82):
    """@filters are (filter, options)."""
    body = struct.pack('>H', packet_id) + (props(*properties) if level == 5 else b'')
    return packet(byte1, body + b''.join(string(f) + bytes([o]) for f, o in filters))


def unsubscribe(level, *filters, packet_id=1, properties=()):
    body = struct.pack('>H', packet_id) + (props(*properties) if level == 5 else b'')
    return packet(0xa2, body + b''.join(map(string, filters)))


def disconnect(level, reason=0, properties=()):
    if level != 5:
        return packet(0xe0, b'')
    return packet(0xe0, bytes([reason]) + props(*properties))


PINGREQ_PACKET = packet(PINGREQ << 4, b'')


class Packet:
    """A received packet; what it has depends on its type.

    In each packet of the broker: well-formed strings, shortest integers, reserved bits,
    reason codes and properties of that packet, none twice, and nothing behind:
    [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.5-1] [MQTT-1.5.7-1] [MQTT-2.1.3-1] [MQTT-2.2.2-1]
    [MQTT-3.2.2-1] [MQTT-3.2.2-6] [MQTT-3.2.2-8] [MQTT-3.3.1-2] [MQTT-3.3.1-4] [MQTT-3.3.2-1]
    [MQTT-3.3.2-2] [MQTT-3.3.2-8] [MQTT-3.3.2-13] [MQTT-3.3.2-14] [MQTT-3.3.2-19] [MQTT-3.4.2-1]
    [MQTT-3.5.2-1] [MQTT-3.6.1-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2]
    [MQTT-3.14.2-1] [MQTT-3.14.2-2] [MQTT-3.15.2-1] [MQTT-2.2.1-2] [MQTT-2.2.1-4] [MQTT-4.3.1-1]
    """

    def __init__(self, byte1, body, level):
        self.byte1, self.body, self.type = byte1, body, byte1 >> 4
        self.properties, self.code, self.packet_id = [], 0, None
        self.v5 = level == 5
        if self.type == PUBLISH:
            self._publish(body)
            return
        check(byte1 & 0xf, FLAGS.get(self.type, 0), 'flags of the fixed header')
        read = {CONNACK: self._connack, SUBACK: self._suback, UNSUBACK: self._suback,
                DISCONNECT: self._reason, AUTH: self._reason, PINGRESP: lambda body: body,
                **{kind: self._answer for kind in (PUBACK, PUBREC, PUBREL, PUBCOMP)}}
        if self.type not in read:
            raise Failure(f'packet of type {self.type} from a server')
        check(read[self.type](body), b'', 'bytes behind the packet')
        for code in getattr(self, 'codes', [self.code]):
            self._allowed(code)

    def _allowed(self, code):
        codes = CODES if self.v5 else CODES_3
        if code not in codes.get(self.type, {0}):
            raise Failure(f'reason code {code:#x} in a packet of type {self.type}')

    def _properties(self, body):
        if not self.v5:
            return body
        self.properties, body = take_props(body)
        idents = [ident for ident, _ in self.properties]
        if not set(idents) <= PLACES[self.type]:
            raise Failure(f'properties {idents} in a packet of type {self.type}')
        once = [i for i in idents if i not in (USER, SUBSCRIPTION_ID)]
        check(len(set(once)), len(once), f'different ones of {idents}')
        return body

    def _connack(self, body):
        self.session, self.code = body[0], body[1]
        check(self.session & 0xfe or self.session and self.code, 0, 'acknowledge flags')
        return self._properties(body[2:])

    def _publish(self, body):
        self.retain, self.dup = bool(self.byte1 & 1), bool(self.byte1 & 8)
        self.qos = self.byte1 >> 1 & 3
        if self.qos == 3 or not self.qos and self.dup:
            raise Failure(f'PUBLISH with {self.byte1:#x}')
        self.topic, body = take_string(body)
        if b'+' in self.topic or b'#' in self.topic:
            raise Failure(f'topic name {self.topic!r}')
        if self.qos:
            (self.packet_id,) = struct.unpack_from('>H', body)
            check(self.packet_id != 0, True, 'packet identifier is not 0')
            body = body[2:]
        self.payload = self._properties(body)
        if 0 in (self.value(ALIAS), self.value(SUBSCRIPTION_ID)):
            raise Failure(f'properties {self.properties}')

    def _answer(self, body):
        (self.packet_id,) = struct.unpack_from('>H', body)
        body = body[2:]
        if not self.v5 or not body:
            return body
        self.code, body = body[0], body[1:]
        return self._properties(body) if body else body

    def _suback(self, body):
        (self.packet_id,) = struct.unpack_from('>H', body)
        body = self._properties(body[2:])
        self.codes = []
        if self.v5 or self.type == SUBACK:
            self.codes, body = list(body), b''
        return body

    def _reason(self, body):
        if not self.v5:
            raise Failure(f'packet of type {self.type}')
        if body:
            self.code, body = body[0], body[1:]
        return self._properties(body) if body else body

    def __repr__(self):
        return f'<{self.byte1:#x} {self.body[:80]!r}>'

    def value(self, ident):
        return dict(self.properties).get(ident)

    def values(self, ident):
        return [value for i, value in self.properties if i == ident]
