# SPDX-License-Identifier: MIT
"""MQTT 3.1, 3.1.1 and 5.0 packets, for tests: written apart from the broker's code.

Nothing here refuses to build a wrong packet.
"""
import os
import select
import socket
import struct
import time

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, \
    UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(1, 16)

# Everything has to come within this many seconds, also on a slow machine
PATIENCE = float(os.environ.get('MQTT_TEST_PATIENCE', '30'))

# Property identifiers and how their values look (MQTT 5.0 2.2.2.2)
TYPES = {
    0x01: 'B', 0x02: '>I', 0x03: 'string', 0x08: 'string', 0x09: 'string', 0x0b: 'varint',
    0x11: '>I', 0x12: 'string', 0x13: '>H', 0x15: 'string', 0x16: 'string', 0x17: 'B',
    0x18: '>I', 0x19: 'B', 0x1a: 'string', 0x1c: 'string', 0x1f: 'string', 0x21: '>H',
    0x22: '>H', 0x23: '>H', 0x24: 'B', 0x25: 'B', 0x26: 'pair', 0x27: '>I', 0x28: 'B',
    0x29: 'B', 0x2a: 'B',
}


def varint(n):
    out = b''
    while True:
        n, low = n >> 7, n & 0x7f
        out += bytes([low | (0x80 if n else 0)])
        if not n:
            return out


def take_varint(data):
    value = shift = 0
    for i, byte in enumerate(data):
        value |= (byte & 0x7f) << shift
        shift += 7
        if not byte & 0x80:
            return value, data[i + 1:]
    raise ValueError('variable byte integer is cut off')


def string(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack('>H', len(s)) + s


def take_string(data):
    (n,) = struct.unpack_from('>H', data)
    if len(data) < 2 + n:
        raise ValueError('string is cut off')
    return data[2:2 + n], data[2 + n:]


def props(*pairs):
    """A list of (identifier, value) with its length in front."""
    out = b''
    for ident, value in pairs:
        kind = TYPES[ident]
        out += bytes([ident])
        if kind == 'string':
            out += string(value)
        elif kind == 'pair':
            out += string(value[0]) + string(value[1])
        elif kind == 'varint':
            out += varint(value)
        else:
            out += struct.pack(kind, value)
    return varint(len(out)) + out


def take_props(data):
    size, data = take_varint(data)
    block, rest = data[:size], data[size:]
    if len(block) < size:
        raise ValueError('properties are cut off')
    found = []
    while block:
        ident, block = block[0], block[1:]
        kind = TYPES[ident]
        if kind == 'string':
            value, block = take_string(block)
        elif kind == 'pair':
            name, block = take_string(block)
            value, block = take_string(block)
            value = (name, value)
        elif kind == 'varint':
            value, block = take_varint(block)
        else:
            (value,) = struct.unpack_from(kind, block)
            block = block[struct.calcsize(kind):]
        found.append((ident, value))
    return found, rest


def packet(byte1, body):
    return bytes([byte1]) + varint(len(body)) + body


def connect(level, client_id='', clean=True, keepalive=0, properties=(), will=None,
            will_properties=(), flags=0, name=None, tail=b''):
    """@will is (topic, payload); @flags are set in addition."""
    if name is None:
        name = 'MQIsdp' if level == 3 else 'MQTT'
    flags |= (2 if clean else 0) | (4 if will else 0)
    body = string(name) + bytes([level, flags]) + struct.pack('>H', keepalive)
    if level == 5:
        body += props(*properties)
    body += string(client_id)
    if will:
        if level == 5:
            body += props(*will_properties)
        body += string(will[0]) + string(will[1])
    return packet(CONNECT << 4, body + tail)


def publish(level, topic, payload=b'', properties=(), byte1=0x30, packet_id=b''):
    body = string(topic) + packet_id
    if level == 5:
        body += props(*properties)
    return packet(byte1, body + payload)


def subscribe(level, *filters, properties=(), packet_id=1, byte1=0x82):
    """@filters are (filter, options)."""
    body = struct.pack('>H', packet_id) + (props(*properties) if level == 5 else b'')
    return packet(byte1, body + b''.join(string(f) + bytes([o]) for f, o in filters))


def unsubscribe(level, *filters, packet_id=1):
    body = struct.pack('>H', packet_id) + (props() if level == 5 else b'')
    return packet(0xa2, body + b''.join(map(string, filters)))


def disconnect(level, reason=0, properties=()):
    if level != 5:
        return packet(0xe0, b'')
    return packet(0xe0, bytes([reason]) + props(*properties))


class Failure(Exception):
    pass


def check(got, want, what):
    if got != want:
        raise Failure(f'{what}: {got!r}, not {want!r}')


class Packet:
    """A received packet; what it has depends on its type."""

    def __init__(self, byte1, body, level):
        self.byte1, self.body, self.type = byte1, body, byte1 >> 4
        self.properties = []
        v5 = level == 5
        if self.type == CONNACK:
            self.session, self.code, body = body[0], body[1], body[2:]
            if v5 and body:
                self.properties, body = take_props(body)
            check(body, b'', 'bytes behind CONNACK')
        elif self.type == PUBLISH:
            self.topic, body = take_string(body)
            if v5:
                self.properties, body = take_props(body)
            self.payload = body
        elif self.type in (SUBACK, UNSUBACK):
            (self.packet_id,) = struct.unpack_from('>H', body)
            body = body[2:]
            if v5:
                self.properties, body = take_props(body)
            self.codes = list(body)
        elif self.type == DISCONNECT:
            self.code = body[0] if body else 0
            if body[1:]:
                self.properties, body = take_props(body[1:])
                check(body, b'', 'bytes behind DISCONNECT')

    def value(self, ident):
        return dict(self.properties).get(ident)


class Client:
    """A connection; @level is the version of what comes back."""

    def __init__(self, address, level):
        self.level = level
        self.data = b''
        self.sock = socket.create_connection(address, PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *packets):
        """What is sent last may meet a connection that the broker has closed."""
        try:
            self.sock.sendall(b''.join(packets))
        except (BrokenPipeError, ConnectionResetError):
            pass

    def dribble(self, *packets):
        for byte in b''.join(packets):
            self.sock.sendall(bytes([byte]))

    def _more(self, deadline):
        """Returns False at the end of the stream."""
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.sock], [], [], left)[0]:
            raise Failure(f'nothing came within {PATIENCE} s, but {self.data!r}')
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            return False
        self.data += data
        return bool(data)

    def _whole(self):
        """Bytes of the first packet and of its fixed header, or None."""
        for size in range(2, 6):
            if len(self.data) < size:
                return None
            if not self.data[size - 1] & 0x80:
                break
        remaining, _ = take_varint(self.data[1:size])
        return (size + remaining, size) if len(self.data) >= size + remaining else None

    def next(self):
        """The next packet, or None at the end of the stream."""
        deadline = time.monotonic() + PATIENCE
        while not self._whole():
            if not self._more(deadline):
                if self.data:
                    raise Failure(f'the stream ends with half a packet: {self.data!r}')
                return None
        whole, head = self._whole()
        data, self.data = self.data[:whole], self.data[whole:]
        return Packet(data[0], data[head:], self.level)

    def expect(self, kind):
        p = self.next()
        if p is None or p.type != kind:
            raise Failure(f'packet of type {kind}: got ' +
                          (f'{p.byte1:#x} {p.body!r}' if p else 'the end of the stream'))
        return p

    def expect_end(self):
        p = self.next()
        if p is not None:
            raise Failure(f'end of the stream: got {p.byte1:#x} {p.body!r}')

    def expect_closed(self, code):
        """By an error: with DISCONNECT in MQTT 5.0."""
        p = None
        if self.level == 5:
            p = self.expect(DISCONNECT)
            check(p.code, code, 'reason code')
        self.expect_end()
        return p

    def connected(self, *args, **kwargs):
        self.send(connect(self.level, *args, **kwargs))
        check(self.expect(CONNACK).code, 0, 'CONNACK')
        return self

    def subscribed(self, *filters, options=0):
        self.send(subscribe(self.level, *((f, options) for f in filters)))
        check(self.expect(SUBACK).codes, [0] * len(filters), 'SUBACK')
        return self

    def ping(self):
        self.send(packet(0xc0, b''))
        self.expect(PINGRESP)
