# SPDX-License-Identifier: MIT
"""Listeners behind a proxy that speaks the PROXY protocol: whom to believe, and what of it."""
import os
import socket
import struct

from broker import daemon_only, free_port
from connection import LEVELS, PATIENCE, Client
from test_9_10_bans import control
from test_9_3_access import until
from test_9_4_offload import asked, forwarded
from test_9_5_tls import SERVER, Secure, exchange
from wire import CONNACK, Failure, check, connect

MARK = b'\r\n\r\n\0\r\nQUIT\n'
TRUSTED = 'proxy_trusted 127.0.0.1 unix\n'
ANY = 'enable_proxy_protocol any\n' + TRUSTED
SECOND = 'enable_proxy_protocol 2\n' + TRUSTED


def version1(address='192.0.2.1', port=4711):
    family = 'TCP6' if ':' in address else 'TCP4'
    to = '::1' if ':' in address else '127.0.0.1'
    return f'PROXY {family} {address} {to} {port} 1883\r\n'.encode()


def crc32c(data):
    """By a table, unlike the broker's."""
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ 0x82f63b78 if i & 1 else i >> 1
        table.append(i)
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xffffffff


def tlv(kind, value):
    return struct.pack('>BH', kind, len(value)) + value


def version2(address='192.0.2.1', port=4711, tlvs=b'', command=1, summed=False):
    """@address None: of no known family; 'unix': a path's."""
    if address is None:
        family, place = 0, b''
    elif address == 'unix':
        family, place = 0x31, b'/run/x'.ljust(108, b'\0') * 2
    else:
        kind = socket.AF_INET6 if ':' in address else socket.AF_INET
        family = 0x21 if ':' in address else 0x11
        place = socket.inet_pton(kind, address) * 2 + struct.pack('>HH', port, 1883)
    if summed:
        tlvs += tlv(3, b'\0\0\0\0')
    head = MARK + struct.pack('>BBH', 0x20 | command, family, len(place) + len(tlvs)) + place + tlvs
    return head[:-4] + struct.pack('>I', crc32c(head)) if summed else head


def tls(name=None, client=7, verdict=0):
    """What the proxy says of its client's TLS."""
    value = struct.pack('>BI', client, verdict) + tlv(0x21, b'TLSv1.3')
    return tlv(0x20, value + (tlv(0x22, name) if name is not None else b''))


class Proxied(Secure):
    """Listeners with each of these options."""

    def __init__(self, broker, *listeners, settings=''):
        super().__init__(broker, *listeners, settings='control_socket_path DIR/control\n' + settings)

    def via(self, header, listener=0, level=5, **kwargs):
        return Client(self.address(listener), level, header=header, **kwargs)

    def incidents(self):
        return asked(self.broker, None, 'session-incidents')

    def refused(self, header, says, listener=0, **kwargs):
        """No CONNACK, and the operator is told why; the log has no line for each."""
        try:
            with self.via(header, listener, **kwargs) as client:
                client.send(connect(5, 'x'))
                got = client.next()
        except (ConnectionResetError, BrokenPipeError):
            got = None
        check(got and got.type, None, f'what comes behind {header[:40]!r}')
        until(f'"{says}"', lambda: any(says in f"{i['remote']} {i['what']} ({i.get('detail')})"
                                       for i in self.incidents()))


def own_proxy_both(broker):
    """Both versions, with all kinds of listeners; without TLS and WebSockets the kernel still has
    the connection."""
    with Proxied(broker, ANY, ANY + SERVER, ANY + 'protocol websockets\n',
                 ANY + SERVER + 'protocol websockets\n') as s:
        for level in LEVELS:
            with Client(s.broker.address, level).connected('plain') as plain, \
                    s.via(version1(), level=level).connected('one', keepalive=60) as one, \
                    s.via(version2('2001:db8::1', summed=True), level=level).connected('two') as two:
                for name, want in (('one', '192.0.2.1:4711'), ('two', '[2001:db8::1]:4711')):
                    check(asked(s.broker, name)['remote'], want, 'remote')
                    s.said(f'New client connected from {want} as {name}')
                    forwarded(s.broker, name)
                exchange(one, plain)
                exchange(two, one)
                exchange(plain, two)
                one.ping()
        for listener, kwargs in ((1, {'tls': s.context()}), (2, {'web': {}}),
                                 (3, {'tls': s.context(), 'web': {}})):
            for header in (version1('192.0.2.2'), version2('192.0.2.2')):
                with s.via(header, listener, **kwargs).connected('c') as c:
                    shown = asked(s.broker, 'c')
                    check((shown['remote'], 'tls' in shown), ('192.0.2.2:4711', 'tls' in kwargs),
                          'shown')
                    check(shown['dataplane'], {'user': 'user', 'kernel': 'hosted'}[
                        s.broker.dataplane], 'who has it')
                    c.subscribed('t').publish('t', b'x')
                    c.message('t', b'x')


@daemon_only
def own_proxy_wrong(broker):
    """Nobody gets by without a good header of a version that is wanted; pieces are fine."""
    one = 'enable_proxy_protocol 1\n' + TRUSTED
    bad = version2(summed=True)
    bad = bad[:20] + bytes([bad[20] ^ 1]) + bad[21:]
    with Proxied(broker, ANY, one, SECOND, settings='connect_timeout 1\n') as s, \
            Client(s.broker.address, 5).connected('bystander') as bystander:
        for header, says, listener in (
                (b'', 'no PROXY header', 0), (b'GET / HTTP/1.1\r\n', 'no PROXY header', 0),
                (version1(), 'of another version', 2), (version2(), 'of another version', 1),
                (version1(port=65536), 'a wrong port', 0),
                (version1('192.0.2'), 'a wrong address', 0),
                (b'PROXY TCP4 ' + b'1' * 100, 'without an end', 0),
                (bad, 'a wrong checksum', 0), (version2(command=2), 'version or command', 0),
                (version2(tlvs=b'\x04\0\x09x'), 'a cut TLV', 0),
                (MARK + b'\x21\x11\xff\xff', 'too long', 0)):
            s.refused(header, says, listener)
            bystander.ping()
        # A header twice: the second one is no MQTT
        s.refused(version1() * 2, 'the first packet is not a CONNECT')
        # From elsewhere it is nobody's to say
        s.refused(version1(), 'it is no proxy in proxy_trusted', source='127.0.0.2')
        for header in (version1(), version2(tlvs=tlv(4, b'x' * 500))):
            with s.via(b'') as c:
                for byte in header + connect(5, 'pieces'):
                    c.sock.sendall(bytes([byte]))
                check(c.expect(CONNACK).code, 0, 'CONNACK')
        # Half a header ends after connect_timeout
        with socket.create_connection(s.address(), PATIENCE) as sock:
            sock.sendall(version2()[:20])
            check(sock.recv(1), b'', 'the end')
        s.said('no CONNECT in time')


@daemon_only
def own_proxy_own(broker):
    """What is the proxy's own, or of nobody known, has the proxy's address; a Unix socket's
    client has none."""
    with broker(f'listener {(port := free_port())} 127.0.0.1\n{ANY}'
                f'listener 0 DIR/socket\n{SECOND}control_socket_path DIR/control\n') as b:
        for header, want in ((b'PROXY UNKNOWN\r\n', None), (version2(None), None),
                             (version2(command=0), None), (version2('unix'), 'local')):
            with Client(('127.0.0.1', port), 5, header=header).connected('c') as c:
                check(asked(b, 'c')['remote'], want or '127.0.0.1:%d' % c.sock.getsockname()[1],
                      'remote')
        with Client(os.path.join(b.dir.name, 'socket'), 5, header=version2()).connected('c'):
            check(asked(b, 'c')['remote'], '192.0.2.1:4711', 'remote')


@daemon_only
def own_proxy_limits(broker):
    """connection_rate and bans are for those behind the proxy."""
    with Proxied(broker, ANY, ANY + SERVER, settings='connection_rate 2\n') as s:
        for i in range(6):
            s.via(version1(f'192.0.2.{i}')).connected(f'c{i}').leave()
        for _ in range(2):
            s.via(version2('192.0.2.77')).connected('c').leave()
        s.refused(version2('192.0.2.77'), '192.0.2.77:4711 denied (connection_rate exceeded)')
        s.via(version2('192.0.2.78')).connected('c').leave()
        control(s.broker, 'ban', 'add', '192.0.2.79')
        s.refused(version2('192.0.2.79'), '192.0.2.79:4711 denied (the address is banned)')
        with s.via(version2('192.0.2.80')).connected('c') as c:
            control(s.broker, 'ban', 'add', '192.0.2.80')
            c.expect_closed(0x98)


@daemon_only
def own_proxy_tls(broker):
    """TLS that ends at the proxy: it can be required, with a certificate, whose name is the
    user's."""
    with Proxied(broker, SECOND + 'proxy_protocol_v2_require_tls true\n',
                 SECOND + 'require_certificate true\nuse_identity_as_username true\n') as s:
        s.via(version2(tlvs=tls(client=1))).connected('c').leave()
        for header in (version2(), version2(tlvs=tls(client=0)), version2(command=0)):
            s.refused(header, 'the client has no TLS to the proxy')
        with s.via(version2(tlvs=tls(b'alice')), 1).connected('c', user='mallory'):
            check(asked(s.broker, 'c')['username'], 'alice', 'user name')
        for tlvs in (b'', tls(b'alice', client=1), tls(b'alice', verdict=1), tls(b'alice', client=0)):
            s.refused(version2(tlvs=tlvs), 'the client has shown the proxy no certificate', 1)
        for name in (None, b'', b'\xff'):
            with s.via(version2(tlvs=tls(name)), 1) as c:
                c.refused('c', 0x86)


@daemon_only
def own_proxy_handshakes(broker):
    """Who waits for the header counts as one of tls_max_handshakes."""
    with Proxied(broker, ANY + SERVER + 'tls_max_handshakes 2\n', settings='connect_timeout 1\n'
                 ) as s:
        waiting = [socket.create_connection(s.address(), PATIENCE) for _ in range(2)]
        with s.via(version1(), tls=s.context()).connected('c') as c:
            c.ping()
        for sock in waiting:
            with sock:
                check(sock.recv(1), b'', 'the end')


@daemon_only
def own_proxy_options(broker):
    """What protects nothing is refused."""
    for options, says in (
            ('enable_proxy_protocol 2\n', "needs 'proxy_trusted'"),
            ('enable_proxy_protocol 3\n', "'3' is not one of 1, 2, any"),
            (TRUSTED, "needs 'enable_proxy_protocol' or 'protocol websockets'"),
            ('proxy_trusted 10.0.0.1/8\n', "'10.0.0.1/8' is an address with bits behind"),
            ('proxy_trusted example.org\n', "'example.org' is not a network"),
            (ANY + 'proxy_protocol_v2_require_tls true\n', "needs 'enable_proxy_protocol 2'"),
            ('proxy_protocol_v2_require_tls true\n', "needs 'enable_proxy_protocol 2'"),
            (ANY + 'require_certificate true\n', "needs 'enable_proxy_protocol 2', or TLS"),
            (SECOND + 'use_identity_as_username true\n', "needs 'require_certificate true'"),
            (SECOND + 'use_subject_as_username true\n', "needs 'certfile' and 'keyfile'"),
            ('websockets_path /x\n', "needs 'protocol websockets'"),
            ('websockets_origin https://a\n', "needs 'protocol websockets'"),
            ('protocol websockets\nwebsockets_path x\n', "'x' is not a path"),
            ('protocol websockets\nwebsockets_origin a b\n', "'a b' is not one origin"),
            ('protocol http_api\n', 'is not one of mqtt, websockets'),
            ('websockets_headers_size 100\n', 'is not a number from 1024 to 65536')):
        try:
            with broker(f'listener {free_port()}\n{options}'):
                raise Failure(f'{options!r} was taken')
        except Failure as failure:
            check(says in str(failure), True, str(failure))
