# SPDX-License-Identifier: MIT
"""Listeners with WebSockets (MQTT 5.0 6): frames, requests, who is let in."""
import contextlib
import os
import signal
import socket
import ssl
import struct

from broker import daemon_only, free_port
from connection import LEVELS, PATIENCE, Client
from test_9_10_bans import control
from test_9_3_access import until
from test_9_4_offload import asked, forwarded
from test_9_5_tls import SERVER, Secure, exchange
from websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocket, frame, request, \
    response
from wire import PINGREQ_PACKET, Failure, check, connect, publish, subscribe

WEB = 'protocol websockets\n'
NEW = {'web': {}}


class Web(Secure):
    """A plain listener, one with WebSockets, and one with TLS and WebSockets."""

    def __init__(self, broker, options='', settings='', **kwargs):
        super().__init__(broker, WEB + options, WEB + options + SERVER,
                         settings='control_socket_path DIR/control\n' + settings, **kwargs)

    def web(self, level=5, secure=False, source=None, **kwargs):
        return Client(self.address(secure), level, self.context() if secure else None,
                      source=source, web=kwargs)

    def plain(self, level=5):
        return Client(self.broker.address, level)

    def raw(self):
        return socket.create_connection(self.address(), PATIENCE)


def own_ws_both(broker):
    """[MQTT-6.0.0-3] [MQTT-6.0.0-4] With and without TLS, to and from clients without; the
    kernel's router knows them as hosted."""
    with Web(broker) as s:
        for level in LEVELS:
            for secure, protocol in ((False, 'mqtt'), (True, 'chat, mqtt')):
                with s.web(level, secure, protocol=protocol) as c, s.plain(level) as plain:
                    check(c.sock.protocol, 'mqtt', 'subprotocol')
                    c.connected('web', keepalive=60)
                    plain.connected('plain')
                    shown = asked(s.broker, 'web')
                    check((shown['transport'], 'tls' in shown), ('websockets', secure), 'shown')
                    check(shown['dataplane'], {'user': 'user', 'kernel': 'hosted'}[
                        s.broker.dataplane], 'who has it')
                    forwarded(s.broker, 'plain')
                    exchange(c, plain)
                    exchange(plain, c)
                    c.ping()
                    c.leave()
                    check(c.sock.status, 1000, 'status')
        with s.web(3, protocol='mqttv3.1') as c:
            check(c.sock.protocol, 'mqttv3.1', 'subprotocol')
            c.connected('old')


@daemon_only
def own_ws_frames(broker):
    """[MQTT-6.0.0-2] Packets need not be where frames are; control frames come in between."""
    with Web(broker) as s:
        for secure in (False, True):
            with s.web(5, secure) as c:
                packets = connect(5, 'c') + subscribe(5, ('t', 0)) + publish(5, 't', b'message')
                for byte in packets:
                    c.sock.send_frame(bytes([byte]))
                check((c.next().type, c.next().type), (2, 9), 'CONNACK, SUBACK')
                c.message('t', b'message')
                # Several in a frame, one in many fragments with a PING among them, empty ones
                c.sock.send_frame(publish(5, 't', b'1') + publish(5, 't', b'2') + PINGREQ_PACKET)
                c.message('t', b'1')
                c.message('t', b'2')
                c.ping_answered()
                data = publish(5, 't', b'x' * 70000)
                c.sock.send_frame(data[:3], fin=False)
                c.sock.send_frame(b'ping', PING)
                c.sock.send_frame(b'', CONTINUATION, fin=False)
                c.sock.send_frame(b'unasked', PONG)
                c.sock.send_frame(data[3:60000], CONTINUATION, fin=False)
                c.sock.send_frame(data[60000:], CONTINUATION)
                check(c.sock.pong(), b'ping', 'PONG')
                c.message('t', b'x' * 70000)
                # Each byte of frames by itself
                for byte in frame(PINGREQ_PACKET) + frame(b'', PING) + frame(PINGREQ_PACKET):
                    c.sock.sock.sendall(bytes([byte]))
                c.ping_answered()
                c.ping_answered()
                check(c.sock.pong(), b'', 'PONG')


@daemon_only
def own_ws_closing(broker):
    """[MQTT-6.0.0-1] What ends a WebSocket, and the status that says so; wills are published."""
    endings = (
        (frame(b'text', TEXT), 1003, 'a frame of text'),
        (frame(PINGREQ_PACKET, mask=None), 1002, 'a frame without a mask'),
        (frame(PINGREQ_PACKET, rsv=4), 1002, 'reserved bits in a frame'),
        (frame(PINGREQ_PACKET, 3), 1002, 'a frame of an unknown kind'),
        (frame(PINGREQ_PACKET, CONTINUATION), 1002, 'fragments that do not fit together'),
        (frame(b'', PING, fin=False), 1002, 'a malformed frame'),
        (frame(b'x' * 126, PING), 1002, 'a malformed frame'),
        (frame(b'\x03', CLOSE), 1002, 'half a status'),
        (frame(b'\x03\xee', CLOSE), 1002, 'a wrong status'),
        (frame(b'\x03\xe8\xff', CLOSE), 1007, 'not UTF-8'),
        (frame(b'', CLOSE), 1000, None),
        (frame(struct.pack('>H', 1001) + b'bye', CLOSE), 1001, None),
        (frame(struct.pack('>H', 4000), CLOSE), 4000, None),
        # MQTT's own mistakes
        (frame(b'\x00\x00'), 1008, 'packet type 0'),
    )
    with Web(broker) as s, s.plain(4).connected('watch').subscribed('will') as watch:
        for secure in (False, True):
            for i, (sent, status, says) in enumerate(endings):
                with s.web(4, secure).connected('c', will=('will', b'%d' % i)) as c:
                    c.sock.sock.sendall(sent)
                    check(c.sock.closed(), status, f'status after {sent[:20]}')
                    if says:
                        s.said(says)
                watch.message('will', b'%d' % i)
        # Without closing
        with s.web(4).connected('c', will=('will', b'cut')) as c:
            c.drop()
        watch.message('will', b'cut')
        with s.web(5).connected('c') as c, s.web(4).connected('d') as d:
            s.broker.process.send_signal(signal.SIGTERM)
            c.expect_closed(0x8b)
            check(c.sock.status, 1001, 'at the end')
            check(d.sock.closed(), 1001, 'at the end')


@daemon_only
def own_ws_large(broker):
    """20 MB in a frame and in many, through both, and to somebody without WebSockets."""
    body = os.urandom(1 << 16) * 320
    with broker('max_packet_size 0\ncontrol_socket_path DIR/control\n'
                f'listener {(port := free_port())} 127.0.0.1\n{WEB}') as b, \
            Client(('127.0.0.1', port), 5, **NEW).connected('web') as web, \
            Client(b.address, 5).connected('plain') as plain:
        web.subscribed('t/#')
        plain.subscribed('t/#', options=1)
        web.publish('t/1', body)
        web.message('t/1', body)
        plain.message('t/1', body)
        data = publish(5, 't/2', body)
        for at in range(0, len(data), 100000):
            web.sock.send_frame(data[at:at + 100000], CONTINUATION if at else BINARY,
                                at + 100000 >= len(data))
        web.message('t/2', body)
        plain.message('t/2', body)


def asks(address, data, tls=None):
    """What an HTTP client gets: status, fields, and the text."""
    with socket.create_connection(address, PATIENCE) as plain, \
            tls.wrap_socket(plain, server_hostname='127.0.0.1') if tls else plain as sock:
        sock.sendall(data)
        status, fields, text = response(sock)
        while more := sock.recv(4096):
            text += more
        check((len(text), fields['connection']), (int(fields['content-length']), 'close'), 'the text')
        return status, fields


@daemon_only
def own_ws_requests(broker):
    """What is no good request is answered with why, and the connection is closed; nobody else
    notices."""
    ours = {'Origin': 'https://a.example'}
    wrong = (
        (request(version='HTTP/1.0'), 505),
        (request(method='POST'), 405),
        (request('/'), 404),
        (request('/mqtt/x'), 404),
        (request(Upgrade=None), 426),
        (request(Upgrade='h2c'), 426),
        (request(Connection='close'), 426),
        (request(Sec_WebSocket_Version='8'), 426),
        (request(Sec_WebSocket_Version=None), 426),
        (request(Sec_WebSocket_Protocol=None, **ours), 400),
        (request(Sec_WebSocket_Protocol='mqttv5', **ours), 400),
        (request(key='AAAA', **ours), 400),
        (request(Host=None), 400),
        (request(Host=['a', 'b']), 400),
        (request(Origin=None), 403),
        (request(Origin='https://b.example'), 403),
        (request(Content_Length='10', **ours), 400),
        (request(**ours) + frame(connect(5, 'x')), 400),
        (request(X_Long='x' * 2000), 431),
        (b'GET / HTTP/1.1\r\n' + b'a:\r\n' * 101, 431),
        (b'GET\x00/ HTTP/1.1\r\n', 400),
        (connect(5, 'mqtt'), 400),
        (os.urandom(1) + b'\x00' * 50, 400),
        (b'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n', 400),
    )
    with Web(broker, 'websockets_path /mqtt\nwebsockets_origin https://a.example\n'
             'websockets_origin http://localhost:8080\n',
             settings='websockets_headers_size 2000\n') as s, \
            s.plain().connected('bystander') as bystander:
        with s.web(fields=ours).connected('good') as good:
            for data, status in wrong:
                got, fields = asks(s.address(), data)
                check(got, status, f'status for {data[:60]!r}')
                check(fields.get('allow'), 'GET' if status == 405 else None, 'Allow')
                check(fields.get('upgrade'), 'websocket' if status == 426 else None, 'Upgrade')
                bystander.ping()
                good.ping()
            check(asks(s.address(1), request('/'), s.context())[0], 404, 'with TLS')
            with s.web(fields={'Origin': 'http://localhost:8080'}, path='/mqtt?a=b') as c:
                c.connected('c')
        # A line for each cause, but no more than a few of them
        log = s.broker.text()
        check(3 < log.count('refused: no WebSocket') < len(wrong), True, 'lines of the log')
        for path in ('/mqtt/', '/MQTT'):
            try:
                s.web(path=path)
            except Failure as error:
                check('404' in str(error), True, str(error))


def ends(address, data):
    """Is closed, whatever it is told."""
    with socket.create_connection(address, PATIENCE) as sock:
        try:
            sock.sendall(data)
            while sock.recv(4096):
                pass
        except ConnectionResetError:
            pass


@daemon_only
def own_ws_wrong_door(broker):
    """Each protocol at each other's listener."""
    with Web(broker) as s, s.plain().connected('bystander') as bystander:
        hello = ssl.MemoryBIO()
        tls = s.context().wrap_bio(ssl.MemoryBIO(), hello)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = hello.read()
        for address, data in ((s.broker.address, request()), (s.broker.address, hello),
                              (s.address(), hello), (s.address(), connect(5, 'x')),
                              (s.address(1), request()), (s.address(1), connect(5, 'x'))):
            ends(address, data)
            bystander.ping()
        # Whoever asks TLS for MQTT does not mean WebSockets
        check('no application protocol' in s.refused(
            s.context(alpn=('mqtt',)), 'no application protocol', 1), True, 'ALPN')
        with Client(s.address(1), 5, s.context(alpn=('h2', 'http/1.1')), web={}) as c:
            check(c.sock.selected_alpn_protocol(), 'http/1.1', 'ALPN')
            c.connected('c')


@daemon_only
def own_ws_slow(broker):
    """Half a request, and frames without MQTT, end after connect_timeout; PINGs are no MQTT."""
    with Web(broker, settings='connect_timeout 1\n') as s, \
            s.plain().connected('bystander') as bystander, \
            s.web(4).connected('idle', keepalive=1) as idle, \
            s.web(4) as silent:
        slow = [s.raw() for _ in range(3)]
        for sock, part in zip(slow, (b'', b'GET', request()[:-2])):
            sock.sendall(part)
        # Answers to PINGs come until it is over
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while True:
                idle.sock.send_frame(b'still there', PING)
                if idle.sock._frame()[0] == CLOSE:
                    break
        s.said('Client idle [')
        s.said('has exceeded timeout')
        for sock in slow:
            with sock:
                check(sock.recv(1), b'', 'the end')
        check(silent.sock.closed(), 1008, 'without CONNECT')
        bystander.ping()


@daemon_only
def own_ws_not_reading(broker):
    """Who sends PINGs and reads no PONGs is closed."""
    with Web(broker) as s, s.plain().connected('bystander') as bystander:
        with s.web(4).connected('c') as c:
            c.sock.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                for _ in range(100000):
                    c.sock.sock.sendall(frame(b'x' * 125, PING) * 100)
                raise Failure('it went on')
            except (ConnectionResetError, BrokenPipeError):
                pass
        bystander.ping()


def comes_from(s, name, want):
    check(asked(s.broker, name)['remote'], want, 'remote')
    s.said(f'New client connected from {want} as {name}')


@daemon_only
def own_ws_forwarded(broker):
    """X-Forwarded-For is believed from proxy_trusted, and what is behind it is what counts."""
    def through(source='127.0.0.1', forwarded_for='192.0.2.7'):
        return s.web(source=source, fields={'X-Forwarded-For': forwarded_for})

    def denied(forwarded_for):
        with s.raw() as sock:
            sock.sendall(request(X_Forwarded_For=forwarded_for))
            check(sock.recv(1), b'', 'instead of an answer')

    with Web(broker, 'proxy_trusted 127.0.0.1 10.0.0.0/8\n', settings='connection_rate 2\n') as s:
        for i, (forwarded_for, want) in enumerate((
                ('192.0.2.1', '192.0.2.1:0'), ('192.0.2.99, 192.0.2.2', '192.0.2.2:0'),
                ('junk, 192.0.2.3, 10.1.2.3', '192.0.2.3:0'),
                (['192.0.2.99', '192.0.2.4'], '192.0.2.4:0'),
                ('[2001:db8::1]:99', '[2001:db8::1]:0'))):
            with through(forwarded_for=forwarded_for).connected(f'c{i}'):
                comes_from(s, f'c{i}', want)
        # Somebody else says so, too
        with through('127.0.0.2', '192.0.2.5').connected('liar') as c:
            comes_from(s, 'liar', '127.0.0.2:%d' % c.sock.getsockname()[1])
        check(asks(s.address(), request(X_Forwarded_For='junk'))[0], 400, 'no address')
        # Limits are of those who come through the proxy, not of the proxy
        for i in range(2):
            through(forwarded_for='192.0.2.7').sock.close()
        denied('192.0.2.7')
        through(forwarded_for='192.0.2.8').connected('other').leave()
        s.said('[192.0.2.7:0] denied (connection_rate exceeded)')
        control(s.broker, 'ban', 'add', '192.0.2.9')
        denied('192.0.2.9')
        s.said('[192.0.2.9:0] denied (the address is banned)')
        # Who was there is told
        with through(forwarded_for='192.0.2.10').connected('banned') as c:
            control(s.broker, 'ban', 'add', '192.0.2.10')
            c.expect_closed(0x98)


@daemon_only
def own_ws_unix(broker):
    """On a Unix socket, as a web server on the same machine reaches it."""
    with broker(f'listener 0 DIR/web\n{WEB}proxy_trusted unix\n'
                'control_socket_path DIR/control\n') as b:
        path = os.path.join(b.dir.name, 'web')
        with Client(path, 5, web={'fields': {'X-Forwarded-For': '192.0.2.1'}}) as c:
            c.connected('c').ping()
            check(asked(b, 'c')['remote'], '192.0.2.1:0', 'remote')
        with Client(path, 5, **NEW) as c:
            c.connected('c').ping()
            check(asked(b, 'c')['remote'], 'local', 'remote')


@daemon_only
def own_ws_reload(broker):
    """What is about WebSockets takes a restart, but for the size of requests."""
    port = free_port()
    with broker(f'websockets_headers_size 2000\nlistener {port} 127.0.0.1\n{WEB}') as b:
        address = ('127.0.0.1', port)
        check(asks(address, request(X_Long='x' * 2000))[0], 431, 'too long')
        conf = b.text()
        with open(os.path.join(b.dir.name, 'conf'), encoding='utf-8') as f:
            conf = f.read()
        b.write('conf', conf.replace('headers_size 2000', 'headers_size 4000') +
                'websockets_path /other\n')
        b.process.send_signal(signal.SIGHUP)
        until('the size', lambda: asks(address, request('/', X_Long='x' * 2000,
                                                        Sec_WebSocket_Key=None))[0] == 400)
        until('a warning', lambda: "option 'websockets_path'" in b.text())
        Client(address, 5, **NEW).connected('c').leave()
