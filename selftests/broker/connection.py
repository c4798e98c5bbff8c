# SPDX-License-Identifier: MIT
"""Connections of the tests to the broker."""
import collections
import contextlib
import os
import select
import socket
import ssl
import struct
import time

from websocket import WebSocket
from wire import CONNACK, DISCONNECT, EXPIRY, PINGREQ_PACKET, PINGRESP, PUBACK, PUBCOMP, PUBLISH, \
    PUBREC, PUBREL, SUBACK, UNSUBACK, USER, Failure, Packet, answer, check, connect, disconnect, \
    first_packet, publish, subscribe, unsubscribe

# Everything has to come within this many seconds, also on a slow machine
PATIENCE = float(os.environ.get('MQTT_TEST_PATIENCE', '30'))

# Addresses where all that is not said otherwise is sent over TLS, and how: conformance.py --tls
SECURE = {}
# Likewise over WebSockets: --websockets
FRAMED = set()

LEVELS = (3, 4, 5)
NEVER = 0xffffffff


def ordered(properties):
    """User properties have an order, others do not."""
    return sorted(p for p in properties if p[0] != USER) + [p for p in properties if p[0] == USER]


class Client:
    """A connection to a host and port, or to the path of a socket; @level is the version
    of what comes back; @tls an SSLContext, @resume a session of its; @source our address;
    @web WebSocket's arguments; @header goes before all else."""

    def __init__(self, address, level=5, tls=None, resume=None, source=None, web=None, header=b''):
        self.address, self.level = address, level
        self.data = bytearray()
        self.connack = None
        self.last_id = 0
        self.aside = collections.deque()
        self.sock = self._open(address, source)
        if header:
            self.sock.sendall(header)
        tls = tls or SECURE.get(address)
        if tls:
            self._secure(tls, resume)
        if web is not None or address in FRAMED:
            self._frame(web or {})

    @staticmethod
    def _open(address, source):
        if isinstance(address, str):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(PATIENCE)
            sock.connect(address)
        else:
            sock = socket.create_connection(address, PATIENCE, source and (source, 0))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _secure(self, tls, resume):
        plain = self.sock
        try:
            self.sock = tls.wrap_socket(plain, server_hostname=self.address[0], session=resume)
        except Exception:
            plain.close()
            raise

    def _frame(self, web):
        carrier = self.sock
        try:
            self.sock = WebSocket(carrier, **web)
        except Exception:
            carrier.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *packets):
        """What is sent last may meet a connection that the broker has closed."""
        try:
            self.sock.sendall(b''.join(packets))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            pass

    def send_some(self, data):
        """What the connection takes at the moment. Returns bytes; what is left has to be next."""
        self.sock.setblocking(False)
        try:
            return self.sock.send(data)
        except (ssl.SSLWantWriteError, BlockingIOError):
            return 0
        finally:
            self.sock.settimeout(PATIENCE)

    def dribble(self, *packets):
        for byte in b''.join(packets):
            self.sock.sendall(bytes([byte]))

    def readable(self, seconds):
        """Does anything come within this time?"""
        if hasattr(self.sock, 'pending') and self.sock.pending():
            return True
        return seconds >= 0 and bool(select.select([self.sock], [], [], seconds)[0])

    def _more(self, deadline):
        """Returns False at the end of the stream."""
        left = deadline - time.monotonic()
        if not self.readable(left):
            raise Failure(f'nothing came within {PATIENCE} s, but {bytes(self.data[:200])!r}')
        try:
            data = self.sock.recv(1 << 20)
        except ConnectionResetError:
            return False
        self.data += data
        return bool(data)

    def next(self):
        """The next packet, or None at the end of the stream."""
        return self.aside.popleft() if self.aside else self._next()

    def _next(self):
        deadline = time.monotonic() + PATIENCE
        while not (first := first_packet(self.data)):
            if not self._more(deadline):
                if self.data:
                    raise Failure(f'the stream ends with half a packet: {bytes(self.data[:200])!r}')
                return None
        size, head = first
        data = bytes(self.data[:size])
        del self.data[:size]
        return Packet(data[0], data[head:], self.level)

    def expect(self, kind, packet_id=None):
        return self._of_kind(self.next(), kind, packet_id)

    def arriving(self, kind):
        """Waits for the first bytes of a packet, which is of that type."""
        deadline = time.monotonic() + PATIENCE
        while not self.data and self._more(deadline):
            pass
        check(self.data[:1] and self.data[0] >> 4, kind, 'type of the packet that comes')

    def answer(self, kind, packet_id):
        """Likewise, but messages may come before it; they are what comes next then."""
        while (p := self._next()) and p.type == PUBLISH:
            self.aside.append(p)
        return self._of_kind(p, kind, packet_id)

    @staticmethod
    def _of_kind(p, kind, packet_id):
        if p is None or p.type != kind:
            raise Failure(f'packet of type {kind}: got ' +
                          (f'{p.byte1:#x} {p.body[:200]!r}' if p else 'the end of the stream'))
        if packet_id is not None:
            check(p.packet_id, packet_id, f'packet identifier in a packet of type {kind}')
        return p

    def expect_end(self):
        """[MQTT-3.14.4-1] [MQTT-3.14.4-2] Nothing comes behind what was the last."""
        p = self.next()
        if p is not None:
            raise Failure(f'end of the stream: got {p.byte1:#x} {p.body[:200]!r}')

    def expect_closed(self, code):
        """By an error: with DISCONNECT in MQTT 5.0, and this code or one of these."""
        p = None
        if self.level == 5:
            p = self.expect(DISCONNECT)
            if p.code not in (code if isinstance(code, tuple) else (code,)):
                raise Failure(f'reason code {p.code:#x}, not {code}')
        self.expect_end()
        return p

    def connected(self, *args, session=0, **kwargs):
        """@session is the Session Present that is expected."""
        self.send(connect(self.level, *args, **kwargs))
        self.connack = self.expect(CONNACK)
        check((self.connack.code, self.connack.session), (0, session), 'CONNACK')
        return self

    def refused(self, client_id, code, **kwargs):
        """[MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.14.0-1] [MQTT-4.13.2-1] CONNACK, and the end."""
        self.send(connect(self.level, client_id, **kwargs))
        self.connack = self.expect(CONNACK)
        check((self.connack.code, self.connack.session), (code, 0), 'CONNACK')
        self.expect_end()
        return self.connack

    def subscribed(self, *filters, options=0, ident=None):
        self.send(subscribe(self.level, *((f, options) for f in filters),
                            properties=[(0x0b, ident)] if ident else []))
        check(self.expect(SUBACK).codes, [options & 3] * len(filters), 'SUBACK')
        return self

    def unsubscribed(self, *filters):
        self.send(unsubscribe(self.level, *filters))
        p = self.expect(UNSUBACK)
        check(p.codes, [0] * len(filters) if self.level == 5 else [], 'UNSUBACK')
        return self

    def ping(self):
        self.send(PINGREQ_PACKET)
        self.ping_answered()

    def ping_answered(self):
        """[MQTT-3.12.4-1]"""
        self.expect(PINGRESP)

    def publish(self, topic, payload=b'', qos=0, **kwargs):
        """And the whole of the exchange that follows. Returns its first answer."""
        self.last_id = self.last_id % 0xffff + 1
        packet_id = self.last_id if qos else b''
        self.send(publish(self.level, topic, payload, qos=qos, packet_id=packet_id, **kwargs))
        return self.finish(qos, packet_id) if qos else None

    def finish(self, qos, packet_id):
        p = self.answer(PUBACK if qos == 1 else PUBREC, packet_id)
        if qos == 2 and p.code < 0x80:
            self.send(answer(PUBREL, packet_id))
            check(self.answer(PUBCOMP, packet_id).code, 0, 'PUBCOMP')
        return p

    def message(self, topic, payload, qos=0, retain=False, dup=False, properties=None, ack=True):
        """The next packet is this message. @ack acknowledges it."""
        p = self.expect(PUBLISH)
        topic = topic.encode() if isinstance(topic, str) else topic
        check((p.topic[:80], p.payload[:80]), (topic[:80], payload[:80]), 'topic and payload')
        check((p.topic == topic, p.payload == payload), (True, True), 'all of topic and payload')
        check((p.qos, p.retain, p.dup), (qos, retain, dup), f'QoS, RETAIN, DUP of {payload[:80]!r}')
        if properties is not None and self.level == 5:
            check(ordered(p.properties), ordered(properties), 'properties')
        if ack:
            self.acknowledge(p)
        return p

    def message_of(self, topic=None):
        """The next packet is a message, of this topic; acknowledged."""
        p = self.expect(PUBLISH)
        if topic is not None:
            check(p.topic, topic.encode(), 'topic')
        self.acknowledge(p)
        return p

    def acknowledge(self, *messages):
        """PUBACK, or PUBREC, then PUBCOMP for the PUBRELs that follow."""
        for p in messages:
            if p.qos:
                self.send(answer(PUBACK if p.qos == 1 else PUBREC, p.packet_id))
        for p in messages:
            if p.qos == 2:
                self.answer(PUBREL, p.packet_id)
                self.send(answer(PUBCOMP, p.packet_id))

    def receive(self, total):
        """This many messages, acknowledged in all the steps that it takes.

        [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] Identifiers in flight differ.
        """
        got, flying, later = [], set(), []
        while len(got) < total or flying:
            p = self.next()
            if p and p.type == PUBLISH and len(got) == total:
                later.append(p)
            elif p and p.type == PUBLISH:
                check(p.packet_id in flying, False, 'the packet identifier is in use')
                got.append(p)
                if p.qos == 2:
                    flying.add(p.packet_id)
                if p.qos:
                    self.send(answer(PUBACK if p.qos == 1 else PUBREC, p.packet_id))
            elif p and p.type == PUBREL:
                flying.remove(p.packet_id)
                self.send(answer(PUBCOMP, p.packet_id))
            else:
                raise Failure(f'{len(got)} of {total} messages, then {p and p.byte1}')
        self.aside.extendleft(reversed(later))
        return got

    def waiting(self, total=0):
        """Messages that are on their way here, @total at least: SUBSCRIBE is answered behind."""
        self.send(subscribe(self.level, ('waiting/for/nothing', 0), packet_id=0xbeef))
        got, answered = [], False
        while not answered or len(got) < total:
            p = self.next()
            if p is None or p.type not in (PUBLISH, SUBACK):
                raise Failure(f'PUBLISH or SUBACK: got {p and p.byte1}')
            if p.type == PUBLISH:
                got.append(p)
            answered = answered or p.type == SUBACK
        return got

    def leave(self, reason=0, properties=()):
        """With DISCONNECT; the session's state is settled when this returns."""
        self.send(disconnect(self.level, reason, properties))
        self.expect_end()
        self.sock.close()

    def drop(self):
        """The connection breaks."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()


def session(address, level, client_id, present=0, expiry=NEVER, properties=(), **kwargs):
    """A client whose session is kept; in MQTT 5.0 for @expiry seconds."""
    if level == 5 and expiry is not None:
        properties = [(EXPIRY, expiry), *properties]
    return Client(address, level).connected(client_id, clean=False, session=present,
                                            properties=properties, **kwargs)


def forget(address, *client_ids):
    """Ends the sessions."""
    for client_id in client_ids:
        with Client(address, 5) as client:
            client.connected(client_id)


@contextlib.contextmanager
def unretained(address, *topics):
    """Removes what is retained there in the end, also of a test that fails."""
    try:
        yield
    finally:
        with Client(address, 4).connected('remover') as client:
            client.send(*(publish(4, topic, b'', retain=True) for topic in topics))
            client.publish(topics[0], b'', 1, retain=True)


@contextlib.contextmanager
def retained(address, *topics, payload=b'kept', qos=1, **kwargs):
    """A client that has retained a message in each topic, until the end."""
    with unretained(address, *topics), Client(address, 5).connected('keeper') as keeper:
        for topic in topics:
            keeper.publish(topic, payload, qos, retain=True, **kwargs)
        yield keeper
