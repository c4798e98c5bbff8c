# SPDX-License-Identifier: MIT
"""Tokens and the keys that they are signed with, and a web server for these."""
import base64
import collections
import contextlib
import hashlib
import hmac
import http.server
import json
import threading
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

SECRET = 'thirty-two bytes that nobody knows'


def text64(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def number64(number, size=None):
    return text64(number.to_bytes(size or (number.bit_length() + 7) // 8, 'big'))


class Key:
    """Makes tokens. RS*, PS*, ES256, ES384, EdDSA or HS256; the key is @private, or a new one."""

    def __init__(self, alg, kid=None, private=None):
        self.alg, self.kid = alg, kid
        self.hash = getattr(hashes, 'SHA' + alg[2:], hashes.SHA256)()
        if private:
            self.private = private
        elif alg[0] in 'RP':
            self.private = rsa.generate_private_key(65537, 2048)
        elif alg.startswith('ES'):
            self.private = ec.generate_private_key(ec.SECP256R1() if alg == 'ES256' else
                                                   ec.SECP384R1())
        elif alg == 'EdDSA':
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = SECRET.encode()

    def pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def jwk(self):
        known = {'kid': self.kid} if self.kid else {}
        if self.alg == 'HS256':
            return {'kty': 'oct', 'k': text64(self.private), **known}
        public = self.private.public_key()
        if self.alg == 'EdDSA':
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {'kty': 'OKP', 'crv': 'Ed25519', 'x': text64(raw), **known}
        numbers = public.public_numbers()
        if self.alg[0] in 'RP':
            return {'kty': 'RSA', 'n': number64(numbers.n), 'e': number64(numbers.e), **known}
        size = public.curve.key_size // 8
        return {'kty': 'EC', 'crv': f'P-{public.curve.key_size}', 'x': number64(numbers.x, size),
                'y': number64(numbers.y, size), **known}

    def _sign(self, data):
        if self.alg == 'HS256':
            return hmac.new(self.private, data, hashlib.sha256).digest()
        if self.alg == 'EdDSA':
            return self.private.sign(data)
        if self.alg.startswith('ES'):
            r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(self.hash)))
            size = self.private.curve.key_size // 8
            return r.to_bytes(size, 'big') + s.to_bytes(size, 'big')
        pad = padding.PKCS1v15() if self.alg[0] == 'R' else padding.PSS(
            mgf=padding.MGF1(self.hash), salt_length=self.hash.digest_size)
        return self.private.sign(data, pad, self.hash)

    def sign(self, header, claims):
        """Of texts, whatever they say."""
        data = f'{text64(header)}.{text64(claims)}'
        return f'{data}.{text64(self._sign(data.encode()))}'.encode()

    def token(self, sub='ann', header=(), life=3600, **claims):
        """For that many seconds; what is None is left out."""
        known = {'kid': self.kid} if self.kid else {}
        claims = {'sub': sub, 'exp': int(time.time()) + life, **claims}
        return self.sign(json.dumps({'alg': self.alg, **known, **dict(header)}),
                         json.dumps({k: v for k, v in claims.items() if v is not None}))


def weak():
    """A key that could be guessed."""
    return {'kty': 'RSA', 'n': number64(1 << 1023 | 1), 'e': 'AQAB'}


def key_set(*keys):
    return json.dumps({'keys': [key.jwk() for key in keys]})


def says(text, status=200, headers=()):
    """A reply, as are the next two."""
    def reply(handler, _):
        body = text.encode()
        handler.send_response(status)
        for name, value in {'Content-Length': str(len(body)), **dict(headers)}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
    return reply


def hangs(text=''):
    """Says as much, and not that it is over."""
    def reply(handler, over):
        handler.wfile.write(text.encode())
        handler.wfile.flush()
        over.wait()
    return reply


def floods(handler, over):
    """Never stops."""
    handler.wfile.write(b'HTTP/1.0 200 OK\r\n\r\n{"keys":[')
    while not over.is_set():
        handler.wfile.write(b' ' * 65536)


class Quiet(http.server.ThreadingHTTPServer):
    """Who gives up is no error."""
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class KeyServer:
    """Has a reply for each path, or the same for all, which can be changed."""

    def __init__(self, reply=says(''), tls=None):
        self.reply, self.replies = reply, {}
        self.asked = collections.Counter()
        # Tells those that hang that it is over
        self.over = threading.Event()
        self.server = Quiet(('127.0.0.1', 0), self._handler())
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.base = f'{"https" if tls else "http"}://localhost:{self.server.server_address[1]}'
        self.url = self.base + '/keys'
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def _handler(self):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""

            def do_GET(self):  # pylint: disable=invalid-name
                """Of the base class."""
                server.asked[self.path] += 1
                with contextlib.suppress(OSError):
                    server.replies.get(self.path, server.reply)(self, server.over)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                """Nobody reads it."""

        return Handler

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
