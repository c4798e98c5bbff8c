# SPDX-License-Identifier: MIT
"""What the operator has to do with TLS: keys that are root's, mistakes, what is shown."""
import contextlib
import os
import socket
import subprocess
import tempfile

from broker import free_port, program
from certificates import Authority, client_context
from connection import PATIENCE, Client
from operation_daemon import Daemon, root_only
from wire import check


@contextlib.contextmanager
def secure(settings='', options='', **kwargs):
    """A daemon whose first listener has TLS, and its authority."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        ca = Authority(directory)
        ca.issue('server')
        port = free_port()
        listeners = (f'listener {port} 127.0.0.1\ncertfile {ca.path("server.pem")}\n'
                     f'keyfile {ca.path("server.key")}\n{options}')
        with Daemon(settings, listeners=listeners, port=port, **kwargs) as d:
            yield d.running(), ca


def peer(d, ca):
    with Client(d.address, 5, client_context(ca)) as c:
        return c.connected('c').sock.getpeercert(True)


@root_only
def t_tls_key_of_root():
    """A key that cannot be read again stays while the certificate is its own."""
    with secure('user nobody') as (d, ca):
        check(oct(os.stat(ca.path('server.key')).st_mode & 0o777), '0o600', 'mode of the key')
        before = peer(d, ca)
        # The same key, from the same request
        ca.sign('server')
        d.configure('user nobody\nmax_keepalive 7')
        d.reload()
        after = peer(d, ca)
        check(after != before, True, 'another certificate')
        ca.issue('server')
        d.configure('user nobody\nmax_keepalive 8')
        d.reload()
        d.line("server.key' cannot be read any more, and the certificate is not the former key's")
        d.line('stays as it was')
        check(peer(d, ca), after, 'the certificate')


def test_config(text):
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as f:
        f.write(text)
        f.flush()
        done = subprocess.run([program(), '--test-config', '-c', f.name], capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout + done.stderr


def t_tls_mistakes():
    """--test-config names the file, and says in OpenSSL's words what is wrong with it."""
    with tempfile.TemporaryDirectory() as directory:
        ca = Authority(directory)
        ca.issue('server')
        ca.issue('other')
        ca.issue('weak', key=('-newkey', 'rsa:1024', '-nodes'))
        subprocess.run(['openssl', 'ec', '-in', ca.path('server.key'), '-aes128', '-passout',
                        'pass:secret', '-out', ca.path('locked.key')], check=True,
                       capture_output=True)
        with open(ca.path('junk'), 'w', encoding='utf-8') as f:
            f.write('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
        good = {'certfile': 'server.pem', 'keyfile': 'server.key', 'cafile': 'ca.pem',
                'require_certificate': 'true'}
        for change, says in (
                ({}, 'the configuration is fine'),
                ({'certfile': 'missing'}, f"certfile '{directory}/missing': No such file"),
                ({'certfile': 'server.key'}, 'it has no such thing in PEM'),
                ({'certfile': 'junk'}, "junk':"),
                ({'certfile': 'weak.pem', 'keyfile': 'weak.key'}, 'ee key too small'),
                ({'keyfile': 'other.key'}, "other.key': key values mismatch"),
                ({'keyfile': 'server.pem'}, "keyfile '"),
                ({'keyfile': 'locked.key'}, "locked.key': "),
                ({'cafile': 'missing'}, 'No such file'),
                ({'cafile': 'server.key'}, "cafile '"),
                ({'crlfile': 'ca.pem'}, "crlfile '"),
                ({'dhparamfile': 'server.pem'}, "dhparamfile '"),
                ({'ciphers': 'NONSENSE'}, "ciphers 'NONSENSE': no cipher match"),
                ({'ciphers_tls1.3': 'NONSENSE'}, "ciphers_tls1.3 'NONSENSE': no cipher match")):
            lines = {**good, **change}
            text = ''.join(f'{name} {ca.path(value) if name.endswith("file") else value}\n'
                           for name, value in lines.items())
            status, said = test_config(f'listener 1\n{text}')
            check((status, says in said), (1 if change else 0, True), f'{change}: {said}')
            check(says == 'the configuration is fine' or 'listener 1' in said, True, said)


def t_tls_shown():
    """mqttctl session show: version and cipher."""
    with secure() as (d, ca), Client(d.address, 5, client_context(ca)).connected('c'):
        shown = d.session('c')
        check((shown['transport'], shown['tls']), ('tls', 'TLSv1.3 TLS_AES_256_GCM_SHA384'), 'shown')


def t_tls_shutdown():
    """Handshakes that are not through do not keep the daemon from ending, nor does who waits."""
    with secure('tls_handshake_timeout 600', 'tls_max_handshakes 2\n') as (d, _), \
            contextlib.ExitStack() as stack:
        for part in (b'', b'\x16\x03\x01\x02\x00', b'\x16'):
            sock = stack.enter_context(socket.create_connection(d.address, PATIENCE))
            sock.sendall(part)
