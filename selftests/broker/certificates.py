# SPDX-License-Identifier: MIT
"""Certificates, made by openssl(1) where and when a test needs them."""
import os
import ssl
import subprocess

from wire import Failure

CURVE = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes')
# For openssl ca, which alone can make certificates of other times, and revoke them
CONF = '''[ca]
default_ca = this
[this]
dir = {dir}
database = {dir}/{name}.index
serial = {dir}/{name}.serial
crlnumber = {dir}/{name}.crlnumber
new_certs_dir = {dir}
certificate = {dir}/{name}.pem
private_key = {dir}/{name}.key
default_md = sha256
default_days = 3
default_crl_days = 3
unique_subject = no
email_in_dn = no
policy = any
x509_extensions = leaf
[any]
organizationName = optional
commonName = optional
[leaf]
basicConstraints = critical,CA:false
subjectAltName = IP:127.0.0.1,DNS:localhost
[middle]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
'''


def openssl(*args):
    done = subprocess.run(['openssl', *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise Failure(f'openssl {" ".join(args)}: {done.stdout.decode(errors="replace")}')


class Authority:
    """In @directory: NAME.pem, which signs, and what it has signed."""

    def __init__(self, directory, name='ca', parent=None):
        self.dir, self.name = directory, name
        for file, text in (('cnf', CONF.format(dir=directory, name=name)), ('index', ''),
                           ('serial', '1000\n'), ('crlnumber', '01\n')):
            with open(self.path(f'{name}.{file}'), 'w', encoding='utf-8') as f:
                f.write(text)
        if parent:
            parent.issue(name, options=('-extensions', 'middle'))
        else:
            openssl('req', '-x509', *CURVE, '-keyout', self.path(f'{name}.key'), '-out',
                    self.path(f'{name}.pem'), '-days', '3', '-subj', f'/CN={name}')

    @classmethod
    def there(cls, directory, name='ca'):
        """One that was made before."""
        authority = cls.__new__(cls)
        authority.dir, authority.name = directory, name
        return authority

    def path(self, file):
        return os.path.join(self.dir, file)

    def read(self, *files):
        text = ''
        for file in files:
            with open(self.path(file), encoding='utf-8') as f:
                text += f.read()
        return text

    def issue(self, name, subject=None, options=(), key=CURVE):
        """NAME.pem and NAME.key; for @subject, or the name. With the issuer's own behind it."""
        openssl('req', '-new', *key, '-keyout', self.path(f'{name}.key'), '-out',
                self.path(f'{name}.csr'), '-subj', subject or f'/CN={name}')
        return self.sign(name, options)

    def sign(self, name, options=()):
        """Likewise, for the key that is there."""
        openssl('ca', '-batch', '-notext', '-config', self.path(f'{self.name}.cnf'), '-in',
                self.path(f'{name}.csr'), '-out', self.path(f'{name}.pem'), *options)
        return self.path(f'{name}.pem')

    def revoke(self, *names):
        """Returns the list of all that were, in PEM."""
        conf = ('-config', self.path(f'{self.name}.cnf'))
        for name in names:
            openssl('ca', *conf, '-revoke', self.path(f'{name}.pem'))
        openssl('ca', *conf, '-gencrl', '-out', self.path(f'{self.name}.crl'))
        return self.read(f'{self.name}.crl')


def client_context(authority=None, name=None, version=None, alpn=()):
    """Of a client that believes @authority, or anybody, and has the certificate @name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        context.load_verify_locations(authority.path(f'{authority.name}.pem'))
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if name:
        context.load_cert_chain(authority.path(f'{name}.pem'), authority.path(f'{name}.key'))
    if version:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
