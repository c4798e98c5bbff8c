# SPDX-License-Identifier: MIT
"""A WebSocket client (RFC 6455) for tests: written apart from the broker's code.

Looks like a socket whose bytes are the contents of binary frames. What the broker
sends is read strictly; what is sent may be as wrong as a test wants.
"""
import base64
import hashlib
import os
import socket
import ssl
import struct

from wire import Failure, check, first_packet

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MAGIC = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


def frame(data, opcode=BINARY, fin=True, mask=b'mask', rsv=0, length=None):
    """Bytes of a frame; @mask of four bytes, or None; @length what the header says."""
    length = len(data) if length is None else length
    head = bytes([fin << 7 | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if length < 126:
        head += bytes([bit | length])
    elif length < 1 << 16:
        head += struct.pack('>BH', bit | 126, length)
    else:
        head += struct.pack('>BQ', bit | 127, length)
    if not mask:
        return head + data
    pad = (mask * (len(data) // 4 + 1))[:len(data)]
    masked = int.from_bytes(data, 'big') ^ int.from_bytes(pad, 'big')
    return head + mask + masked.to_bytes(len(data), 'big')


def request(path='/mqtt', key='AAAAAAAAAAAAAAAAAAAAAA==', method='GET', version='HTTP/1.1', **fields):
    """An upgrade; @fields, with _ for -, are more, or others; None: not this one."""
    all_fields = {'Host': 'broker', 'Upgrade': 'websocket', 'Connection': 'Upgrade',
                  'Sec-WebSocket-Key': key, 'Sec-WebSocket-Version': '13',
                  'Sec-WebSocket-Protocol': 'mqtt'}
    all_fields.update({name.replace('_', '-'): value for name, value in fields.items()})
    lines = [f'{method} {path} {version}']
    for name, value in all_fields.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is not None:
                lines.append(f'{name}: {one}')
    return ('\r\n'.join(lines) + '\r\n\r\n').encode()


def response(sock):
    """Status, fields with names in small letters, and what is behind the head."""
    data = b''
    while b'\r\n\r\n' not in data:
        more = sock.recv(4096)
        if not more:
            raise Failure(f'half an answer: {data!r}')
        data += more
    head, _, rest = data.partition(b'\r\n\r\n')
    first, *lines = head.decode('ascii').split('\r\n')
    fields = {name.lower(): value.strip() for name, _, value in
              (line.partition(':') for line in lines)}
    version, status, _ = first.split(' ', 2)
    check(version, 'HTTP/1.1', 'version of the answer')
    return int(status), fields, rest


class WebSocket:
    """What a socket can, for Client."""

    def __init__(self, sock, protocol='mqtt', path='/mqtt', fields=()):
        self.sock = sock
        self.raw = bytearray()  # from the broker, not unframed
        self.rest = b''         # for it, of a frame that was begun
        self.pongs = []
        self.status = None      # of its frame that closes
        key = base64.b64encode(os.urandom(16)).decode()
        sock.sendall(request(path, key, Sec_WebSocket_Protocol=protocol, **dict(fields)))
        status, got, self.raw[:] = response(sock)
        if status != 101:
            raise Failure(f'no WebSocket, but {status}')
        accept = base64.b64encode(hashlib.sha1(key.encode() + MAGIC).digest()).decode()
        check((got['upgrade'].lower(), got['connection'].lower(), got['sec-websocket-accept']),
              ('websocket', 'upgrade', accept), 'the answer')
        self.protocol = got['sec-websocket-protocol']

    def __getattr__(self, name):
        return getattr(self.sock, name)

    def send_frame(self, *args, **kwargs):
        self.sock.sendall(frame(*args, **kwargs))

    def sendall(self, data):
        if self.rest:
            self.sock.sendall(self.rest)
            self.rest = b''
        self.sock.sendall(frame(data))

    def send(self, data):
        """As much as goes; a frame that was begun is kept, and counts as sent."""
        if not self.rest:
            self.rest = frame(data[:65536])
            sent = min(len(data), 65536)
        else:
            sent = 0
        try:
            self.rest = self.rest[self.sock.send(self.rest):]
        except (BlockingIOError, ssl.SSLWantWriteError):
            pass
        if not sent:
            raise BlockingIOError
        return sent

    def pending(self):
        """Is there something that the descriptor does not tell of?"""
        return self._first() is not None or (isinstance(self.sock, ssl.SSLSocket) and
                                             self.sock.pending())

    def _first(self):
        """(bytes of the frame, opcode, where its data begins), or None."""
        if len(self.raw) < 2:
            return None
        length, at = self.raw[1], 2
        check((self.raw[0] & 0xf0, length >> 7), (0x80, 0), 'FIN, RSV and MASK of a frame')
        if length == 126:
            at = 4
            if len(self.raw) < at:
                return None
            length = int.from_bytes(self.raw[2:4], 'big')
            check(length > 125, True, 'a length that takes two bytes')
        elif length == 127:
            at = 10
            if len(self.raw) < at:
                return None
            length = int.from_bytes(self.raw[2:10], 'big')
            check(length > 65535, True, 'a length that takes eight bytes')
        return (at + length, self.raw[0] & 15, at) if len(self.raw) >= at + length else None

    def _frame(self):
        """(opcode, data), or None at the end of the stream."""
        while not (found := self._first()):
            more = self.sock.recv(1 << 18)
            if not more:
                # Who was too slow may get half a frame: its packets are as cut as without
                self.raw.clear()
                return None
            self.raw += more
        size, opcode, at = found
        data = bytes(self.raw[at:size])
        del self.raw[:size]
        return opcode, data

    def recv(self, _size):
        """Contents of the next frame with MQTT; b'': the end."""
        while True:
            got = self._frame()
            if not got:
                return b''
            opcode, data = got
            if opcode == BINARY:
                # Nobody has to send them so, but some clients want them so
                check(first_packet(data) and first_packet(data)[0], len(data), 'a packet')
                return data
            if opcode == PONG:
                self.pongs.append(data)
            elif opcode == CLOSE:
                check(len(data) >= 2, True, 'a status')
                self.status = int.from_bytes(data[:2], 'big')
            else:
                raise Failure(f'a frame of kind {opcode}')

    def pong(self):
        """What the next frame says, which is a PONG."""
        if not self.pongs:
            got = self._frame()
            check(got and got[0], PONG, 'kind of frame')
            return got[1]
        return self.pongs.pop(0)

    def closed(self):
        """The status that the broker closes with; nothing comes before or behind."""
        check(self.recv(0), b'', 'the end')
        return self.status

    def close(self):
        self.sock.close()

    def shutdown(self, how=socket.SHUT_WR):
        self.sock.shutdown(how)
