# SPDX-License-Identifier: MIT
"""Certificates of clients: whose are believed, and who they are."""
import ssl

from broker import daemon_only
from certificates import Authority, client_context, openssl
from connection import Client
from test_9_3_access import until
from test_9_5_tls import NEW, OLD, SERVER, Secure
from wire import CONNACK, check, connect

MUTUAL = SERVER + 'cafile DIR/ca.pem\nrequire_certificate true\n'

@daemon_only
def own_tls_certificates(broker):
    """require_certificate: each mistake has its alert, and a line in the log."""
    with Secure(broker, MUTUAL, names=('server', 'good')) as s:
        issue(s)
        for version in (OLD, NEW):
            with s.client(name='good', version=version).connected('c') as c:
                c.ping()
            for name, alert, says in (
                    (None, ('SSLV3_ALERT_HANDSHAKE_FAILURE', 'TLSV13_ALERT_CERTIFICATE_REQUIRED'),
                     'peer did not return a certificate'),
                    ('own', ('TLSV1_ALERT_UNKNOWN_CA',) * 2, 'self-signed certificate'),
                    ('foreign', ('TLSV1_ALERT_UNKNOWN_CA',) * 2, 'unable to get'),
                    ('expired', ('SSLV3_ALERT_CERTIFICATE_EXPIRED',) * 2,
                     'certificate has expired'),
                    ('early', ('SSLV3_ALERT_BAD_CERTIFICATE',) * 2, 'certificate is not yet valid'),
                    ('weak', ('SSLV3_ALERT_BAD_CERTIFICATE',) * 2, 'key too weak'),
                    ('for-servers', ('SSLV3_ALERT_UNSUPPORTED_CERTIFICATE',
                                     'SSLV3_ALERT_UNSUPPORTED_CERTIFICATE'),
                     'unsuitable certificate purpose')):
                check(s.refused(mine(s, name, version), says), alert[version == NEW],
                      f'alert for {name}')
        # One below another one, which comes along
        middle = Authority(s.ca.dir, 'middle', s.ca)
        middle.issue('below')
        with open(s.ca.path('below.pem'), 'a', encoding='utf-8') as f:
            f.write(s.ca.read('middle.pem'))
        with s.client(name='below').connected('c') as c:
            c.ping()


def issue(s):
    """One certificate per mistake."""
    ca = s.ca
    Authority(ca.dir, 'own')
    other = Authority(ca.dir, 'ca-other')
    other.issue('foreign')
    ca.issue('expired', options=('-startdate', '20200101000000Z', '-enddate', '20200102000000Z'))
    ca.issue('early', options=('-startdate', '20900101000000Z', '-enddate', '20900102000000Z'))
    ca.issue('weak', key=('-newkey', 'rsa:1024', '-nodes'))
    with open(ca.path('ca.cnf'), 'a', encoding='utf-8') as f:
        f.write('[server]\nextendedKeyUsage = serverAuth\n')
    ca.issue('for-servers', options=('-extensions', 'server'))


def mine(s, name, version):
    """A context that offers its certificate whatever it is like."""
    context = client_context(s.ca, version=version)
    context.set_ciphers('DEFAULT:@SECLEVEL=0')
    if name:
        context.load_cert_chain(s.ca.path(f'{name}.pem'), s.ca.path(f'{name}.key'))
    return context


def connack(s, listener, name, **kwargs):
    with s.client(listener=listener, name=name) as c:
        c.send(connect(5, 'x', **kwargs))
        return c.expect(CONNACK).code


@daemon_only
def own_tls_reload_restricted(broker):
    """SIGHUP: what lets clients in stays as it was until what is to restrict them is there."""
    with Secure(broker, MUTUAL, names=('server', 'good'), files={'acl': ''}) as s:
        text = s.ca.read('conf').replace('require_certificate true', 'acl_file DIR/acl')
        s.broker.write('conf', text)
        s.reload()
        s.said('stays as it was until a restart, like what is to restrict its clients')
        s.said('The configuration is in force')
        s.refused(client_context(s.ca), 'peer did not return a certificate')
        with s.client(name='good').connected('c') as c:
            c.ping()
    with Secure(broker, 'password_file DIR/passwords\nallow_anonymous false\n',
                files={'passwords': ''}) as s:
        text = s.ca.read('conf').replace('allow_anonymous false',
                                         'allow_anonymous true\n' + MUTUAL)
        s.broker.write('conf', text)
        s.reload()
        s.said('The configuration is in force')
        with Client(s.address(), 5) as c:
            c.send(connect(5, 'x'))
            check(c.expect(CONNACK).code, 0x87, 'without TLS and without a password')


@daemon_only
def own_tls_identity(broker):
    """use_identity_as_username, use_subject_as_username: no password is asked for, and what CONNECT
    says does not count."""
    with Secure(broker, MUTUAL + 'use_identity_as_username true\n',
                MUTUAL + 'use_subject_as_username true\n',
                MUTUAL + 'use_identity_as_username true\nuse_username_as_clientid true\n', MUTUAL,
                settings='allow_anonymous false\npassword_file DIR/users\nacl_file DIR/rules\n',
                names=('server', 'ann'),
                files={'users': '', 'rules': 'user ann\ntopic readwrite cn/#\n'
                                             'user CN=bob,O=home\ntopic readwrite subject/#\n'
                                             'pattern readwrite own/%u/#\n'}) as s:
        s.ca.issue('bob', '/O=home/CN=bob')
        s.ca.issue('nameless', '/O=home')
        for listener, name, topic, others in ((0, 'ann', 'cn/1', 'subject/1'),
                                              (1, 'bob', 'subject/1', 'cn/1'),
                                              (0, 'ann', 'own/ann/1', 'own/bob/1')):
            with s.client(listener=listener, name=name) as c:
                c.connected('c', user='root', password=b'x')
                check(c.publish(topic, b'', 1).code in (0, 0x10), True, f'{name}: {topic}')
                check(c.publish(others, b'', 1).code, 0x87, f'{name}: {others}')
        s.said("u'CN=bob,O=home'")
        check(connack(s, 0, 'nameless'), 0x86, 'no common name')
        s.said('no name in its certificate')
        check(connack(s, 1, 'nameless'), 0, 'a subject without a common name')
        with s.client(listener=2, name='ann') as c:
            c.connected('something else')
            s.said('as ann (')
        check(connack(s, 3, 'ann'), 0x87, 'a certificate that says nothing about the user')


@daemon_only
def own_tls_revoked(broker):
    """crlfile, also for who has a ticket, and when it is read again; it keeps what the ticket says
    of the certificate."""
    options = MUTUAL + 'crlfile DIR/crl\nuse_identity_as_username true\n'

    class Revoking(Secure):
        def _prepare(self, directory):
            super()._prepare(directory)
            with open(self.ca.path('crl'), 'w', encoding='utf-8') as f:
                f.write(self.ca.revoke('bad'))

    with Revoking(broker, options, names=('server', 'good', 'bad')) as s:
        check(s.refused(s.context('bad'), 'certificate revoked'),
              'SSLV3_ALERT_CERTIFICATE_REVOKED', 'alert')
        for version in (OLD, NEW):
            name = f'later{version.value}'
            s.ca.issue(name)
            context = s.context(name, version=version)
            with s.client(context=context).connected('c') as stays:
                stays.ping()
                ticket = stays.sock.session
                with s.client(context=context, resume=ticket) as c:
                    c.connected('again')
                    check(c.sock.session_reused, True, 'resumed')
                s.said(f"as again (p5, c1, k0, u'{name}'")
                s.broker.write('crl', s.ca.revoke(name))
                s.reload()

                def gone():
                    try:
                        with s.client(context=context, resume=ticket) as c:
                            c.send(connect(5, 'again'))
                            return not c.next()
                    except ssl.SSLError as error:
                        return error.reason == 'SSLV3_ALERT_CERTIFICATE_REVOKED'

                until('revoked', gone)
                stays.ping()
        with s.client(name='good').connected('good') as c:
            c.ping()


@daemon_only
def own_tls_ticket_elsewhere(broker):
    """A ticket of a listener that asks for no certificate is none of one that does."""
    with Secure(broker, SERVER, MUTUAL, names=('server', 'good')) as s:
        context = s.context()
        with s.client(context=context).connected('c') as c:
            c.ping()
            ticket = c.sock.session
        try:
            with Client(s.address(1), 5, context, ticket) as c:
                c.send(connect(5, 'x'))
                check(c.next(), None, 'what comes')
        except ssl.SSLError as error:
            check(error.reason, 'TLSV13_ALERT_CERTIFICATE_REQUIRED', 'alert')
        s.said('peer did not return a certificate')
        # Nor is it when the listener has changed its mind
        conf = s.ca.read('conf').replace(f'listener {s.ports[0]} 127.0.0.1\n',
                                         f'listener {s.ports[0]} 127.0.0.1\nrequire_certificate '
                                         f'true\ncafile {s.ca.path("ca.pem")}\n')
        s.broker.write('conf', conf)
        s.reload()

        def asked():
            try:
                with s.client(context=context, resume=ticket) as c:
                    c.send(connect(5, 'x'))
                    return c.next() is None
            except ssl.SSLError as error:
                return error.reason == 'TLSV13_ALERT_CERTIFICATE_REQUIRED'

        until('it asks for one', asked)


@daemon_only
def own_tls_finite_fields(broker):
    """Diffie-Hellman with finite fields: with dhparamfile only."""
    server = 'certfile DIR/rsa.pem\nkeyfile DIR/rsa.key\n'

    class Prepared(Secure):
        """With a certificate that such a handshake needs."""

        def _prepare(self, directory):
            super()._prepare(directory)
            self.ca.issue('rsa', key=('-newkey', 'rsa:2048', '-nodes'))
            openssl('genpkey', '-genparam', '-algorithm', 'DH', '-pkeyopt', 'group:ffdhe2048',
                    '-out', self.ca.path('dh'))

    with Prepared(broker, server, server + 'dhparamfile DIR/dh\n') as s:
        context = s.context(version=OLD)
        context.set_ciphers('DHE-RSA-AES128-GCM-SHA256')
        check(s.refused(context, 'no shared cipher'), 'SSLV3_ALERT_HANDSHAKE_FAILURE', 'alert')
        with s.client(listener=1, context=context) as client:
            client.connected('c')
        with s.client() as client:
            client.connected('c')
