# SPDX-License-Identifier: MIT
"""Tokens instead of passwords: jwt_*."""
import itertools
import json
import ssl
import subprocess
import time

from broker import daemon_only, free_port, program
from certificates import Authority
from connection import LEVELS, Client
from test_9_1_options import hashed
from test_9_10_events import wait_for
from test_9_3_access import reload, until
from test_9_4_permissions import CONTROL, IN_FORCE, SOCKET, settled
from tokens import SECRET, Key, KeyServer, floods, hangs, key_set, says, text64, weak
from wire import check

IN = 'allow_anonymous false\n'
ACL = 'pattern readwrite of/%u/#\n'
numbers = itertools.count()


def bad(level):
    return 0x86 if level == 5 else 4


def let_in(address, password, user=None, client_id=None, level=5):
    """The code of CONNACK; for a new session, so that it does not matter whose the last one was."""
    client_id = client_id or f'id{next(numbers)}'
    with Client(address, level) as client:
        try:
            client.connected(client_id, user=user, password=password).ping()
        except Exception:
            if client.connack is None:
                raise
        return client.connack.code


def in_log(broker, *tokens):
    """No part of a token that is worth something is in the log."""
    text = broker.text()
    for token in tokens:
        check(any(part in text for part in [token.rpartition(b'.')[2].decode()] if part), False,
              'a signature in the log')
    check(SECRET in text, False, 'the secret in the log')


@daemon_only
def own_tokens(broker):
    """Each algorithm, from each kind of file; who it is, and what that is good for."""
    keys = {alg: Key(alg, alg.lower()) for alg in ('RS256', 'ES256', 'ES384', 'EdDSA', 'HS256')}
    keys.update({alg: Key(alg, alg.lower(), keys['RS256'].private) for alg in
                 ('RS384', 'RS512', 'PS256', 'PS384', 'PS512')})
    public = [key for alg, key in keys.items() if alg != 'HS256']
    given = (('jwt_key_file DIR/keys\njwt_secret_file DIR/secret\n',
              ''.join(key.pem() for key in public)),
             ('jwt_jwks_file DIR/keys\n', key_set(*keys.values())))
    for settings, text in given:
        with broker(f'{IN}{settings}acl_file DIR/acl\n',
                    {'keys': text, 'secret': SECRET + '\n', 'acl': ACL}) as b:
            for alg, key in keys.items():
                level = 5 if alg != 'RS256' else 4
                with Client(b.address, level) as client:
                    # 3.1.1 has no password without a user name
                    client.connected('id', user=None if level == 5 else '', password=key.token())
                    client.subscribed('of/ann/#')
                    client.publish('of/bob/1', b'')
                    client.publish('of/ann/1', alg.encode())
                    client.message('of/ann/1', alg.encode())
            for level in LEVELS:
                token = keys['ES256'].token()
                check(let_in(b.address, token, 'ann', level=level), 0, 'the same name')
                check(let_in(b.address, token, 'bob', level=level), bad(level), 'another name')
            in_log(b, token)


@daemon_only
def own_tokens_refused(broker):
    """Tokens that are not good: none is told why, and others do not notice."""
    key, other, secret = Key('RS256'), Key('RS256'), Key('HS256')
    now = int(time.time())
    good = {'iss': 'here', 'aud': 'mqtt'}
    confused = Key('HS256', private=key.pem().encode())
    claims = json.dumps({'sub': 'ann', 'exp': now + 100, **good})
    token = key.token(**good)
    head, body, tail = token.split(b'.')
    tokens = {
        'expired': key.token(life=-60, **good),
        'not valid yet': key.token(nbf=now + 3600, **good),
        'from the future': key.token(iat=now + 3600, **good),
        'not a time': key.token(exp='tomorrow', **good),
        'too late a time': key.token(exp=10 ** 17, **good),
        'for ever': key.token(exp=None, **good),
        'another issuer': key.token(iss='there', aud='mqtt'),
        'no issuer': key.token(aud='mqtt'),
        'another audience': key.token(iss='here', aud=['mqtts', 'mqt']),
        'no audience': key.token(iss='here'),
        'nobody': key.token(sub=None, **good),
        'no name': key.token(sub='', **good),
        'no text': key.token(sub=7, **good),
        'another key': other.token(**good),
        'a secret that is not configured': secret.token(**good),
        'the public key as a secret': confused.token(**good),
        'crit': key.token(header={'crit': ['exp']}, **good),
        'twice': key.sign('{"alg":"RS256"}', claims[:-1] + ',"sub":"bob"}'),
        'none': f'{text64(json.dumps({"alg": "none"}))}.{text64(claims)}.'.encode(),
        'none, signed': key.sign('{"alg":"none"}', claims),
        'no JSON': key.sign('{"alg":"RS256"}', claims[:-1]),
        'no signature': head + b'.' + body + b'.',
        'half a signature': token[:-20],
        'padded': token + b'==',
        'other claims': head + b'.' + text64(claims).encode() + b'.' + tail,
        'huge': key.token(filler='x' * 9000, **good),
        'as long as it can be': head + b'.' + b'A' * (65535 - len(head) - 2) + b'.',
        'deep': key.sign('{"alg":"RS256"}', '[' * 3000 + ']' * 3000),
    }
    settings = 'jwt_key_file DIR/keys\njwt_issuer here elsewhere\njwt_audience mqtt\n'
    with broker(f'{IN}{settings}', {'keys': key.pem()}) as b, \
            Client(b.address, 5).connected('by', password=key.token(**good)) as bystander:
        check(let_in(b.address, key.token(aud=['x', 'mqtt'], iss='elsewhere')), 0, 'a good one')
        for what, one in tokens.items():
            for level in (4, 5):
                check(let_in(b.address, one, 'ann', level=level), bad(level), what)
        until('the log', lambda: "user 'ann': the token has expired" in b.text())
        bystander.ping()
        in_log(b, *tokens.values())


@daemon_only
def own_tokens_chain(broker):
    """Beside passwords: what is no token is left to the next one who is asked, what is one is not."""
    key = Key('ES256')
    files = {'keys': key.pem(), 'users': f'ann:{hashed(7, b"word")}\nbob:{hashed(7, b"a.b.c")}\n'}
    settings = f'{IN}jwt_key_file DIR/keys\npassword_file DIR/users\n'
    for methods in ('', 'auth_methods jwt password\n', 'auth_methods password jwt\n'):
        with broker(settings + methods, files) as b:
            check(let_in(b.address, b'word', 'ann'), 0, 'a password')
            check(let_in(b.address, b'a.b.c', 'bob'), 0, 'a password with dots')
            check(let_in(b.address, key.token(), 'ann'), 0, 'a token')
            check(let_in(b.address, b'eyes.are.blue', 'ann'), 0x86, 'no token, no password')
            check(let_in(b.address, key.token(life=-60), 'ann'), 0x86, 'an expired token')
            check(let_in(b.address, None, 'ann'), 0x86, 'a name alone')
            check(let_in(b.address, None), 0x87, 'nothing')


@daemon_only
def own_tokens_names(broker):
    """jwt_username_claim, jwt_client_id_claim, jwt_ignore_username."""
    key = Key('EdDSA')
    settings = ('jwt_key_file DIR/keys\njwt_username_claim user.name\n'
                'jwt_client_id_claim client\njwt_ignore_username true\nacl_file DIR/acl\n')
    with broker(IN + settings, {'keys': key.pem(), 'acl': ACL}) as b:
        token = key.token(sub=None, user={'name': 'eve'}, client='c7')
        with Client(b.address, 5) as client:
            client.connected('c7', user='anything', password=token).subscribed('of/eve/1')
            client.publish('of/eve/1', b'1')
            client.message('of/eve/1', b'1')
        check(let_in(b.address, token, client_id='c8'), 0x85, 'another client identifier')
        check(let_in(b.address, token, client_id='c7'), 0, 'the same')
        check(let_in(b.address, key.token(user={'name': 'eve'})), 0x86, 'no client identifier')
        check(let_in(b.address, key.token(client='id')), 0x86, 'no user name')
        # The broker chooses, and has no choice
        with Client(b.address, 5) as client:
            client.connected('', password=token)
            check(client.connack.values(0x12), [b'c7'], 'Assigned Client Identifier')


def own_tokens_roles(broker):
    """jwt_roles_claim, jwt_claims: roles beside those of the user, and what %{CLAIM} stands for in
    them, on both data planes; a claim with a wildcard stands for nothing."""
    key = Key('ES256')
    settings = ('jwt_key_file DIR/keys\njwt_roles_claim realm_access.roles\n'
                'jwt_claims site\nroles true\n')
    with broker(IN + SOCKET + settings, {'keys': key.pem()}) as b, \
            Client(b.address, 5) as north, Client(b.address, 5) as wild, Client(b.address, 4) as reader:
        for command in ('role add sensor', 'grant add sensor allow publish data/%{site}/#',
                        'role add reader', 'grant add reader allow subscribe data/#',
                        'grant add reader allow receive data/#'):
            subprocess.run([CONTROL, '-S', f'{b.dir.name}/control', *command.split()], check=True,
                           stderr=subprocess.DEVNULL)

        def token(name, site, *roles):
            return key.token(name, site=site, realm_access={'roles': roles})

        north.connected('north', password=token('n', 'north', 'nobody', 'sensor'))
        wild.connected('wild', password=token('w', '+', 'sensor'))
        reader.connected('reader', user='', password=token('r', 7, 'reader')).subscribed('data/#')
        settled(b, 'north', 'wild', 'reader')
        check(north.publish('data/south/1', b'', 1).code, 0x87, 'another site')
        check(wild.publish('data/north/1', b'', 1).code, 0x87, 'any site')
        for client, topic in ((north, 'data/south/1'), (wild, 'data/north/1'), (wild, 'data/x/1'),
                              (north, 'data/north/1')):
            client.publish(topic, topic.encode())
            client.ping()
        reader.message('data/north/1', b'data/north/1')
        check(reader.waiting(), [], 'messages that are not allowed')


def own_tokens_expire(broker):
    """With the token ends the connection, with DISCONNECT 0xa0 where there is such a thing, on both
    data planes; what it was good for until then stays."""
    key = Key('ES256')
    settings = f'{IN}{SOCKET}jwt_key_file DIR/keys\njwt_leeway 0\nsecurity_log DIR/events\n'
    with broker(settings, {'keys': key.pem()}) as b, \
            Client(b.address, 5) as by, Client(b.address, 5) as five, Client(b.address, 4) as four:
        by.connected('by', password=key.token()).subscribed('#')
        ends = int(time.time()) + 3
        five.connected('five', password=key.token(exp=ends), will=('will/five', 'gone'))
        four.connected('four', user='', password=key.token(exp=ends), will=('will/four', 'gone'))
        settled(b, 'by', 'five', 'four')
        five.subscribed('x')
        four.publish('x', b'1')
        five.message('x', b'1')
        by.message('x', b'1')
        five.expect_closed(0xa0)
        four.expect_closed(0xa0)
        check(time.time() >= ends, True, 'it was time')
        check({by.message_of().topic for _ in range(2)}, {b'will/five', b'will/four'}, 'wills')
        by.ping()
        until('the log', lambda: 'what it was let in with has expired' in b.text())
        check({e['client'] for e in wait_for(b, 2, event='expired', at=ends)}, {'four', 'five'},
              'events')


@daemon_only
def own_tokens_reload(broker):
    """SIGHUP: new keys count, those who are there stay; with a mistake nothing changes."""
    old, new = Key('ES256'), Key('RS256')
    with broker(f'{IN}jwt_key_file DIR/keys\n', {'keys': old.pem()}) as b, \
            Client(b.address, 5).connected('old', password=old.token()) as client:
        reload(b, 'keys', new.pem())
        until('keys', lambda: let_in(b.address, new.token()) == 0)
        check(let_in(b.address, old.token()), 0x86, 'the old key')
        for text, says in (('nonsense\n', 'it has no public key in PEM'),
                           ('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
                            'it is damaged, or its kind is not supported')):
            reload(b, 'keys', text)
            until('log', lambda says=says: f'/keys: {says}.' in b.text())
        until('log', lambda: b.text().count('the configuration stays as it was') == 2)
        check(let_in(b.address, new.token()), 0, 'the key that is in force')
        client.ping()


def wait_in(address, token, code=0):
    until(f'CONNACK {code:#x}', lambda: let_in(address, token) == code)


@daemon_only
def own_keys_rotate(broker):
    """jwt_jwks_url: a key that is not known is looked for, one that is gone is none any more; a reload
    forgets nothing."""
    one, two, three = (Key('ES256', kid) for kid in ('1', '2', '3'))
    with KeyServer(says(key_set(one))) as server:
        settings = f'{IN}jwt_jwks_url {server.url}\njwt_jwks_retry 1\n'
        with broker(settings) as b:
            wait_in(b.address, one.token())
            check(let_in(b.address, two.token()), 0x86, 'a key that is not there')
            server.reply = says(key_set(one, two))
            wait_in(b.address, two.token())
            check(let_in(b.address, one.token()), 0, 'the first one')
            server.reply = says(key_set(two, three))
            wait_in(b.address, three.token())
            check(let_in(b.address, one.token()), 0x86, 'the one that is gone')
            server.reply = hangs()
            reload(b, 'nothing', '')
            until('log', lambda: IN_FORCE in b.text())
            check(let_in(b.address, two.token()), 0, 'a key from before the reload')
            # Only a new one is worth a request, and not each time
            asked = server.asked['/keys']
            for _ in range(30):
                let_in(b.address, one.token())
            check(server.asked['/keys'] - asked < 20, True, 'few requests')


def lies(key, other):
    """What a server may say instead of @other."""
    private = {**other.jwk(), 'd': 'AQAB'}
    away = f'http://localhost.:{free_port()}/'
    return [
        says('<html>'), says(''), says('{"keys":[]}'), says('{"keys":{}}'), says('[' * 100000),
        says(key_set(Key('HS256', '4'))), says(json.dumps({'keys': [private, weak()]})),
        says('{"keys":[],"keys":' + json.dumps([other.jwk()]) + '}'),
        says(key_set(key, other), 404), says(key_set(other), 500), says(key_set(other), 204),
        says('', 302, {'Location': '/round'}), says('', 302, {'Location': away}),
        says('', 302, {'Location': 'file:///etc/passwd'}),
        says(key_set(other), headers={'Content-Length': '100000'}),
        says(key_set(other) + ' ' * 300000), floods, hangs(),
        hangs('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"keys":'),
    ]


@daemon_only
def own_keys_lies(broker):
    """Whatever the server does, the keys that are known are good until they are too old."""
    key, other, secret = Key('ES256', '1'), Key('RS256', '2'), Key('HS256', '4')
    told = lies(key, other)
    ports = [free_port() for _ in told]
    with KeyServer(says(key_set(key))) as server:
        server.replies['/round'] = says('', 302, {'Location': '/round'})
        settings = 'jwt_jwks_retry 1\njwt_jwks_refresh 1\njwt_jwks_timeout 1\n'
        settings = ''.join(f'listener {port} 127.0.0.1\nallow_anonymous false\n{settings}'
                           f'jwt_jwks_url {server.base}/{port}\n' for port in ports)
        with broker(settings, begin='per_listener_settings true\n') as b:
            for port in ports:
                wait_in(('127.0.0.1', port), key.token())
            server.replies.update({f'/{port}': lie for port, lie in zip(ports, told)})
            asked = dict(server.asked)
            # The next request comes when the reply to the last one has been looked at
            until('lies', lambda: all(server.asked[p] > n + 1 for p, n in asked.items()))
            for port in ports:
                address = ('127.0.0.1', port)
                check(let_in(address, key.token()), 0, 'the key that is known')
                check(let_in(address, other.token()), 0x86, 'the key in the lie')
                check(let_in(address, secret.token()), 0x86, 'a secret in the lie')
            until('log', lambda: 'Warning: cannot get keys from' in b.text())
            # It may move on this machine, and is believed when it tells the truth
            server.replies['/moved'] = says(key_set(other))
            server.replies[f'/{ports[0]}'] = says('', 302, {'Location': '/moved'})
            wait_in(('127.0.0.1', ports[0]), other.token())


@daemon_only
def own_keys_old(broker):
    """jwt_jwks_max_age: then nobody comes in before there are others; Cache-Control."""
    key = Key('ES256', '1')
    with KeyServer(says(key_set(key), headers={'Cache-Control': 'public, max-age=1'})) as server:
        settings = f'{IN}jwt_jwks_url {server.url}\njwt_jwks_retry 1\njwt_jwks_timeout 1\n'
        with broker(settings + 'jwt_jwks_refresh 3\njwt_jwks_max_age 3\n') as b:
            wait_in(b.address, key.token())
            until('another request', lambda: server.asked['/keys'] > 1)
            server.reply = hangs()
            wait_in(b.address, key.token(), 0x88)
            until('log', lambda: 'are older than jwt_jwks_max_age' in b.text())
            until('why', lambda: 'there are no keys from jwt_jwks_url, or they are' in b.text())
            server.reply = says(key_set(key))
            wait_in(b.address, key.token())


@daemon_only
def own_keys_https(broker):
    """A server that cannot show who it is says nothing that counts."""
    key = Key('ES256', '1')

    def make(directory):
        Authority(directory, 'other')
        Authority(directory).issue('server')

    def context(path):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(f'{path}/server.pem', f'{path}/server.key')
        return tls

    with broker('', make) as certificates, \
            KeyServer(says(key_set(key)), context(certificates.dir.name)) as server:
        path = certificates.dir.name
        settings = f'{IN}jwt_jwks_url {server.url}?secret\njwt_jwks_retry 1\n'
        with broker(f'{settings}jwt_jwks_cafile {path}/ca.pem\n') as b:
            wait_in(b.address, key.token())
            check('?secret' in b.text(), False, 'what may be a secret in the log')
        for more in ('', f'jwt_jwks_cafile {path}/other.pem\n'):
            with broker(settings + more) as b:
                check(let_in(b.address, key.token()), 0x88, 'nobody is believed')
                until('log', lambda b=b: 'SSL' in b.text())
        check(server.asked['/keys?secret'], 1, 'requests that came through')


@daemon_only
def own_tokens_configured(broker):
    """What does not make sense does not start, and --test-config asks nobody."""
    key = Key('ES256')
    files = {'keys': key.pem(), 'secret': SECRET, 'short': 'x' * 31, 'set': key_set(key),
             'weak': json.dumps({'keys': [weak()]}),
             'both': json.dumps({'keys': [weak(), key.jwk()]}),
             'empty': ''}
    wrong = (
        ('jwt_issuer x\n', "needs 'jwt_key_file', 'jwt_secret_file', 'jwt_jwks_file' or"),
        ('jwt_key_file DIR/keys\njwt_algorithms ES256 none\n', "try:3: jwt_algorithms: 'none' is not"),
        ('jwt_key_file DIR/keys\njwt_algorithms HS256\n', "has HS256, which needs"),
        ('jwt_jwks_url ftp://x/\n', 'is not an URL with https'),
        ('jwt_jwks_url http://10.1.2.3/\n', 'is not https, and its host is'),
        ('jwt_jwks_url http://localhost.example/\n', 'is not https, and its host is'),
        ('jwt_jwks_url http://localhost@example/\n', 'has a user in it'),
        ('jwt_jwks_url https:///\n', 'has no host'),
        ('jwt_jwks_url https://x/\njwt_jwks_refresh 100\njwt_jwks_max_age 10\n', "is less than"),
        ('jwt_key_file DIR/keys\njwt_leeway -1\n', "try:3: jwt_leeway: '-1' is not a number from"),
        ('jwt_key_file DIR/none\n', 'cannot read jwt_key_file'),
        ('jwt_key_file DIR/secret\n', 'it has no public key in PEM'),
        ('jwt_secret_file DIR/short\n', 'a secret needs 32 bytes'),
        ('jwt_secret_file DIR/keys\n', 'it is a key or a certificate, and no secret'),
        ('jwt_jwks_file DIR/weak\n', 'RSA keys need 2048 bits'),
        ('jwt_jwks_file DIR/empty\n', 'it is not JSON'),
        ('auth_methods jwt\n', "has 'jwt', for which there is no option"),
    )
    with broker('', files) as b, KeyServer() as server:
        def test(settings, begin=f'listener {free_port()} 127.0.0.1\n'):
            conf = b.write('try', begin + settings)
            done = subprocess.run([program(), '-c', conf, '--test-config'], stderr=subprocess.STDOUT,
                                  stdout=subprocess.PIPE, check=False)
            return done.returncode, done.stdout.decode()

        for settings, says in wrong:
            status, text = test(settings)
            check((status != 0, says in text), (True, True), f'{settings}: {text}')
        for settings in (f'jwt_jwks_url {server.url}\n', 'jwt_jwks_file DIR/both\n',
                         'jwt_jwks_url http://10.1.2.3/\njwt_jwks_allow_http true\n'):
            status, text = test(settings)
            check(status, 0, f'{settings}: {text}')
        status, text = test('listener 1\njwt_key_file DIR/keys\nlistener 2\n'
                            'jwt_secret_file DIR/secret\njwt_algorithms HS256\n',
                            'per_listener_settings true\n')
        check(status, 0, text)
        status, text = test('listener 1\nlistener 2\njwt_leeway 1\n', 'per_listener_settings true\n')
        check((status != 0, "option 'jwt_leeway' of listener 2 needs" in text), (True, True), text)
        check(server.asked, {}, 'requests')
