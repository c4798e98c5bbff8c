# SPDX-License-Identifier: MIT
"""Listeners with TLS: what is negotiated, and what is no handshake."""
import contextlib
import os
import signal
import socket
import ssl
import subprocess

from broker import daemon_only, free_port
from certificates import Authority, client_context
from connection import PATIENCE, Client
from test_9_3_access import until
from test_9_3_sys import Tree
from test_9_4_offload import asked, forwarded
from wire import CONNACK, PINGREQ_PACKET, PINGRESP, Failure, check, connect, publish

OLD = ssl.TLSVersion.TLSv1_2
NEW = ssl.TLSVersion.TLSv1_3
SERVER = 'certfile DIR/server.pem\nkeyfile DIR/server.key\n'


class Secure:
    """A broker with a plain listener and others with TLS: @listeners are their options."""

    def __init__(self, broker, *listeners, settings='', names=('server',), files=(),
                 options=()):
        self.ports = [free_port() for _ in listeners]
        self.names, self.files, self.ca = names, files, None
        self.options = dict(options)
        self.broker = broker(settings + ''.join(
            f'listener {port} 127.0.0.1\n{options}\n'
            for port, options in zip(self.ports, listeners)), self._prepare)

    def _prepare(self, directory):
        self.ca = Authority(directory)
        for name in self.names:
            self.ca.issue(name, options=self.options.get(name, ()))
        for name, text in dict(self.files).items():
            with open(self.ca.path(name), 'w', encoding='utf-8') as f:
                f.write(text)

    def __enter__(self):
        self.broker.__enter__()
        return self

    def __exit__(self, *args):
        return self.broker.__exit__(*args)

    def address(self, n=0):
        return ('127.0.0.1', self.ports[n])

    def context(self, name=None, **kwargs):
        return client_context(self.ca, name, **kwargs)

    def client(self, level=5, listener=0, name=None, resume=None, context=None, **kwargs):
        return Client(self.address(listener), level, context or self.context(name, **kwargs),
                      resume)

    def reload(self):
        self.broker.process.send_signal(signal.SIGHUP)

    def said(self, text):
        until(f'"{text}" in the log', lambda: text in self.broker.text())

    def refused(self, context, says, listener=0):
        """What the client is told, in OpenSSL's words; the log has @says. No CONNACK comes."""
        try:
            with Client(self.address(listener), 5, context) as client:
                client.sock.sendall(connect(5, 'x'))
                got = client.next()
        except ssl.SSLError as error:
            self.said(says)
            return error.reason or str(error)
        raise Failure(f'no alert, but {got and got.byte1}')


def exchange(near, far, topic='t/1'):
    """Messages from one to the other at all QoS, short and long."""
    far.subscribed('t/#', options=2)
    for qos in (0, 1, 2):
        for size in (1, 16384, 70000):
            near.publish(topic, b'x' * size, qos)
            far.message(topic, b'x' * size, qos)
    far.unsubscribed('t/#')


def own_tls_versions(broker):
    """1.2 and 1.3; tls_version, ciphers and ALPN; each listener has its own settings."""
    exchanged = ((OLD, 3), (NEW, 4), (OLD, 5), (NEW, 5))
    with Secure(broker, SERVER, SERVER + 'tls_version tlsv1.3\n',
                SERVER + 'ciphers ECDHE-ECDSA-CHACHA20-POLY1305\n'
                         'ciphers_tls1.3 TLS_AES_128_GCM_SHA256\n',
                settings='control_socket_path DIR/control\n') as s:
        for version, level in exchanged:
            with s.client(level, version=version) as c, \
                    Client(s.broker.address, level) as plain:
                check(c.sock.version(), version.name.replace('_', '.'), 'version')
                check(c.sock.compression(), None, 'compression')
                c.connected('tls', keepalive=60)
                plain.connected('plain')
                check(asked(s.broker, 'tls')['dataplane'],
                      {'user': 'user', 'kernel': 'hosted'}[s.broker.dataplane], 'who has it')
                forwarded(s.broker, 'plain')
                exchange(c, plain)
                exchange(plain, c)
                c.ping()
                c.leave()
        for listener, version, cipher in ((2, OLD, 'ECDHE-ECDSA-CHACHA20-POLY1305'),
                                          (2, NEW, 'TLS_AES_128_GCM_SHA256')):
            with s.client(listener=listener, version=version) as c:
                check(c.connected('c').sock.cipher()[0], cipher, 'cipher')
        check(s.refused(s.context(version=OLD), 'unsupported protocol', 1),
              'TLSV1_ALERT_PROTOCOL_VERSION', 'too old a version')
        # A name that is wanted, and one that is not there; names of protocols
        for alpn in (('mqtt',), ('x-amzn-mqtt-ca', 'mqtt')):
            with s.client(alpn=alpn) as c:
                check(c.connected('c').sock.selected_alpn_protocol(), 'mqtt', 'ALPN')
        check('no application protocol' in
              s.refused(s.context(alpn=('http/1.1', 'h2')), 'no application protocol'),
              True, 'ALPN without mqtt')


@daemon_only
def own_tls_resume(broker):
    """Tickets are good until their key is gone, also after a reload."""
    with Secure(broker, SERVER) as s:
        counts = s.client()
        with counts.connected('counts'):
            for version in (OLD, NEW):
                context = s.context(version=version)
                with s.client(context=context).connected('c') as c:
                    check(c.sock.session_reused, False, 'the first time')
                    c.ping()
                    ticket = c.sock.session
                with s.client(context=context, resume=ticket).connected('c') as c:
                    check(c.sock.session_reused, True, 'the second time')
                    before = c.sock.getpeercert(True)
                s.ca.issue('server')
                s.reload()
                until('certificate', lambda: peer(s) != before)
                with s.client(context=context, resume=ticket).connected('c') as c:
                    check(c.sock.session_reused, True, 'after a reload')
            counts.ping()


def peer(secure, listener=0):
    with secure.client(listener=listener) as c:
        return c.sock.getpeercert(True)


@daemon_only
def own_tls_reload(broker):
    """SIGHUP: new certificates for new connections; all of them, or none."""
    with Secure(broker, SERVER, 'certfile DIR/other.pem\nkeyfile DIR/other.key\n',
                names=('server', 'other')) as s, s.client().connected('stays') as stays:
        before = [peer(s, i) for i in range(2)]
        s.ca.issue('server')
        with open(s.ca.path('other.pem'), 'w', encoding='utf-8') as f:
            f.write('nothing\n')
        s.reload()
        s.said("certfile '" + s.ca.path('other.pem') + "': it has no such thing in PEM")
        s.said('the configuration stays as it was')
        check([peer(s, i) for i in range(2)], before, 'certificates after a mistake')
        s.ca.issue('other')
        s.reload()
        until('certificates', lambda: peer(s, 1) != before[1])
        check(peer(s) != before[0], True, 'the other certificate')
        # The key of another certificate
        s.ca.issue('server')
        os.replace(s.ca.path('other.key'), s.ca.path('server.key'))
        s.reload()
        s.said('key values mismatch')
        stays.ping()
        s.ca.issue('server')
        s.broker.write('conf', s.ca.read('conf').split(f'listener {s.ports[1]} ')[0])
        s.reload()
        s.said('is not in the configuration any more')
        with s.client(listener=1).connected('still there') as c:
            c.ping()


def raw(address, *parts):
    """Sends these; what comes until the end of the stream."""
    with socket.create_connection(address, PATIENCE) as sock:
        for part in parts:
            sock.sendall(part)
        got = b''
        try:
            while data := sock.recv(4096):
                got += data
        except ConnectionResetError:
            pass
        return got


def hello(context):
    """The first flight of a client."""
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname='localhost')
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


@daemon_only
def own_tls_junk(broker):
    """What is no handshake ends with an alert, or in time, and counts; others see nothing of it."""
    http = b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    with Secure(broker, SERVER, '', settings='tls_handshake_timeout 1\nsys_interval 1\n') as s, \
            s.client().connected('bystander') as bystander, Tree(s.broker.address) as tree:
        whole = hello(s.context())
        # The record of an alert is 7 bytes: 21, a version, a length, its level 2, what it is.
        # Who does not speak TLS at all would not understand it
        for name, parts, says, alert in (
                ('plain MQTT', (connect(4, 'x'),), 'wrong version number', False),
                ('HTTP', (http,), 'http request', False),
                ('noise', (bytes(range(256)),), 'wrong version number', False),
                ('a strange message', (b'\x16\x03\x01\x00\x04\x0e\x00\x00\x00',),
                 'unexpected message', True),
                ('a record that is too long', (whole[:3] + b'\xff\xff' + whole[5:],), 'length', True),
                ('half a hello', (whole[:100],), 'it took too long', False),
                ('nothing', (), 'it took too long', False)):
            got = raw(s.address(), *parts)
            check((got[:1], got[5:6]) if alert else got, (b'\x15', b'\x02') if alert else b'', name)
            s.said(says)
        with socket.create_connection(s.address(), PATIENCE) as sock:
            sock.sendall(whole)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
        s.said('the connection was closed')
        bystander.ping()
        tree.wait('handshakes', lambda n: n('tls/failed') == 8 and n('tls/handshakes') > 0)
        check(raw(s.address(1), whole), b'', 'a handshake without TLS')
        s.said('a TLS handshake on a listener without TLS')


@daemon_only
def own_tls_slow(broker):
    """A handshake byte by byte is one; those that are under way count for max_connections, and
    for tls_max_handshakes others wait, or have the place of one that has said nothing."""
    with Secure(broker, SERVER + 'max_connections 3\ntls_max_handshakes 2\n',
                settings='tls_handshake_timeout 3\ntls_handshake_threads 1\n') as s:
        to_us, to_them = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = s.context().wrap_bio(to_us, to_them, server_hostname='localhost')
        with socket.create_connection(s.address(), PATIENCE) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def through(function, *args):
                while True:
                    try:
                        return function(*args)
                    except ssl.SSLWantReadError:
                        pass
                    finally:
                        for byte in to_them.read():
                            sock.sendall(bytes([byte]))
                    to_us.write(sock.recv(4096))

            through(client.do_handshake)
            through(client.write, connect(4, 'slow'))
            check(through(client.read, 100)[0] >> 4, CONNACK, 'what comes')
        # Two that say nothing: one has to go for the third
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                stack.enter_context(socket.create_connection(s.address(), PATIENCE))
            until('both are accepted',
                  lambda: s.broker.text().count(f'on port {s.ports[0]}.') == 4)
            with s.client().connected('next') as client:
                client.ping()
            s.said('it said nothing while others came')
            s.said('it took too long')
        # Two that have begun: the third has its turn when the time of one has passed
        late = s.broker.text().count('it took too long')
        hello = ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            s.context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname='x').do_handshake()
        hello = hello.read()
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                sock = stack.enter_context(socket.create_connection(s.address(), PATIENCE))
                sock.sendall(hello[:-1])
            until('both have begun',
                  lambda: s.broker.text().count(f'on port {s.ports[0]}.') == 7)
            with s.client().connected('patient') as patient:
                patient.ping()
            until('their time has passed',
                  lambda: s.broker.text().count('it took too long') > late)
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(s.client()).connected('')
            check(raw(s.address()), b'', 'one too many')
            s.said('max_connections exceeded')


def own_tls_end(broker):
    """Both sides say that it is the end; a stream that just breaks off is one that has ended, too."""
    with Secure(broker, SERVER) as s, s.client().connected('watch') as watch:
        watch.subscribed('will/#')
        for version in (OLD, NEW):
            for name, end in (('told', lambda c: c.sock.unwrap()),
                              ('just closed', lambda c: c.sock.close()),
                              ('broken', lambda c: c.drop())):
                with s.client(version=version) as c:
                    c.connected('c', will=('will/' + name, b'x'))
                    end(c)
                    watch.message('will/' + name, b'x')
            with s.client(version=version) as c:
                c.connected('c')
                c.sock.suppress_ragged_eofs = False
                c.send(b'\xe0\x00')
                # Without the broker's closure alert this would be an error
                check(c.sock.recv(100), b'', 'after DISCONNECT')
        s.said('closed its connection')


def own_tls_flood(broker):
    """More than sockets hold, in both directions at once; what was read is not forgotten."""
    with Secure(broker, SERVER, settings='max_queued_messages 0\n') as s, \
            s.client().connected('from') as pub, s.client().connected('to') as sub:
        sub.subscribed('t', options=1)
        body = bytes(range(256)) * 300
        for first in range(0, 100, 20):
            for i in range(first, first + 20):
                pub.send(publish_at(pub, i, body))
            for p in sub.receive(20):
                check(p.payload[4:] == body, True, 'payload')
            for i in range(first, first + 20):
                pub.expect(4)
        # Many in one record, answered each; and a reader that comes late
        pub.send(b''.join(PINGREQ_PACKET for _ in range(30000)))
        for _ in range(30000):
            pub.expect(PINGRESP)


def publish_at(client, i, body):
    return publish(client.level, 't', i.to_bytes(4, 'big') + body, qos=1, packet_id=i + 1)


def own_tls_rate(broker):
    """A client that has to wait goes on with what OpenSSL has read already."""
    with Secure(broker, SERVER, settings='message_rate 100\n') as s, \
            s.client().connected('from') as pub:
        pub.send(b''.join(publish_at(pub, i, b'') for i in range(200)) + PINGREQ_PACKET)
        for _ in range(200):
            pub.expect(4)
        pub.ping_answered()


def tool(name, *args):
    done = subprocess.run([name, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout.decode(errors='replace')


@daemon_only
def own_tls_psk(broker):
    """Pre-shared keys, with both versions; the identity is the user name."""
    keys = 'alice:0123456789abcdef0123456789abcdef\nbob:ff00\n'
    options = 'psk_hint hint\n'
    with Secure(broker, options + 'use_identity_as_username true\n', options + SERVER,
                settings='psk_file DIR/keys\n', files={'keys': keys}) as s, \
            Client(s.broker.address, 4).connected('watch') as watch:
        watch.subscribed('t', options=1)

        def pub(identity, key, listener=0, *more):
            return tool('mosquitto_pub', '-h', '127.0.0.1', '-p', str(s.ports[listener]), '-t', 't',
                        '-m', identity, '-q', '1', '--psk-identity', identity, '--psk', key,
                        '-u', 'somebody', *more)[0]

        for version, more in (('1.3', ()), ('1.2', ('--ciphers', 'PSK-AES128-GCM-SHA256'))):
            check(pub('alice', '0123456789abcdef0123456789abcdef', 0, *more), 0, version)
            watch.message('t', b'alice', 1)
            check(pub('bob', 'ff00', 1, *more), 0, version)
            watch.message('t', b'bob', 1)
            check(pub('alice', 'ff00', 0, *more) != 0, True, 'a wrong key')
            check(pub('carol', 'ff00', 0, *more) != 0, True, 'an unknown identity')
        s.said("u'alice'")
        s.said("u'somebody'")
        # No key, but a certificate: no identity
        with s.client(listener=1).connected('c') as c:
            c.ping()
        s.broker.write('keys', 'bob:ff01\n')
        s.reload()
        until('keys', lambda: pub('bob', 'ff01') == 0)
        check(pub('alice', '0123456789abcdef0123456789abcdef') != 0, True, 'who is gone')
        s.broker.write('keys', 'bob:ff01\nnonsense\n')
        s.reload()
        s.said('keys:2: it is not IDENTITY:KEY')
