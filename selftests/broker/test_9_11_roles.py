# SPDX-License-Identifier: MIT
"""Roles: who may do what by the broker's database, edited while messages flow. What is asked in the
kernel, where there is one, is what the daemon would have said."""
import json
import os
import signal
import socket
import subprocess
import threading

from broker import daemon_only, program
from connection import LEVELS, Client
from test_9_3_access import reload, until
from test_9_4_permissions import SOCKET, session_of, settled
from tokens import Key
from wire import PUBLISH, SUBACK, Failure, check, connect, publish, subscribe

CONTROL = os.path.join(os.path.dirname(program()), 'mqttctl')
ROLES = f'{SOCKET}roles true\n'
KEPT = f'{ROLES}persistence true\npersistence_location DIR/\naudit_log DIR/audit\n'


def run(broker, *words):
    return subprocess.run([CONTROL, '-S', os.path.join(broker.dir.name, 'control'), *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def ctl(broker, *commands):
    """Each command is words between blanks, or a list of them."""
    for command in commands:
        words = command.split() if isinstance(command, str) else command
        done = run(broker, *words)
        if done.returncode:
            raise Failure(f'mqttctl {" ".join(words)}: {done.stderr}')
    return done.stdout


def says_no(broker, command, sentence):
    done = run(broker, *command.split())
    check((done.returncode, sentence in done.stderr), (1, True), f'{command}: {done.stderr!r}')


def ask(broker, **request):
    """What mqttctl would not say."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(os.path.join(broker.dir.name, 'control'))
        s.sendall(json.dumps(request).encode() + b'\n')
        with s.makefile() as f:
            return json.loads(f.readline())


def explain(broker, *words):
    return json.loads(ctl(broker, ['-j', 'acl', 'test', *words]))


def code(client, topic):
    """Of a PUBACK; 0x10: nobody was there."""
    got = client.publish(topic, b'x', 1).code
    return 0 if got == 0x10 else got


def codes(client, *filters):
    """Of a SUBACK."""
    client.send(subscribe(client.level, *((f, 0) for f in filters)))
    return client.expect(SUBACK).codes


def own_roles_codes(broker):
    """PUBACK, PUBREC and SUBACK of 5.0 say 0x87, SUBACK of 3.1.1 0x80; others' messages go on."""
    with broker(ROLES) as b:
        ctl(b, 'role add r', 'grant add r allow publish up/%c/#',
            'grant add r allow subscribe down/%c/#', 'grant add r deny publish up/+/no',
            'grant add r allow subscribe all/+ priority 3', 'grant add r deny subscribe all/no',
            'user add u role r')
        for level in LEVELS:
            with Client(b.address, level).connected('c1', user='u') as client:
                refused = 0x87 if level == 5 else 0x80
                check(codes(client, 'down/c1/#', 'down/c2/x', '#', '+/c1/#', '$share/g/down/c1/x',
                            '$share/g/down/c2/x', 'all/+', 'all/#'),
                      [0, refused, refused, refused, 0, refused, 0, refused], 'SUBACK')
                for qos in (1, 2):
                    if level != 5:
                        continue
                    check(client.publish('up/c1/x', b'', qos).code in (0, 0x10), True, 'allowed')
                    check(client.publish('up/c2/x', b'', qos).code, 0x87, 'another one')
                    check(client.publish('up/c1/no', b'', qos).code, 0x87, 'denied')
                    check(client.publish('$SYS/x', b'', qos).code, 0x87, 'nobody\'s')
                client.ping()
        # Nobody without a role may anything, but for getting what it could subscribe to
        with Client(b.address, 5).connected('c1') as client:
            check((code(client, 'up/c1/x'), codes(client, 'x')), (0x87, [0x87]), 'anonymous')
        ctl(b, 'role default publish allow subscribe allow')
        with Client(b.address, 5).connected('c1') as client:
            check((code(client, 'up/c1/x'), codes(client, '#')), (0, [0]), 'by default')


def own_roles_qos0(broker):
    """Users, groups, names, everybody and nobody, at QoS 0."""
    with broker(ROLES) as b, Client(b.address, 5) as ann, Client(b.address, 4) as ben, \
            Client(b.address, 3) as nobody:
        ctl(b, 'role add default', 'grant add default allow subscribe #',
            'grant add default deny receive private/# priority 1',
            'grant add default allow publish open/#',
            'role add owner priority 5', 'grant add owner allow publish own/%u/+',
            'grant add owner allow receive private/%u', 'grant add owner allow publish private/#',
            'role add guest', 'grant add guest allow publish guest/%c',
            'group add owners role owner', 'group add anonymous role guest',
            'user add ann group owners', 'user add ben role owner')
        clients = {'a': ann.connected('a', user='ann'), 'b': ben.connected('b', user='ben'),
                   'n': nobody.connected('n')}
        for client in clients.values():
            client.subscribed('#')
        settled(b, 'a', 'b', 'n')
        #        topic          who may publish it, who gets it
        table = {'open/x':      ('abn', 'abn'),
                 'own/ann/x':   ('a', 'abn'),
                 'own/ben/x':   ('b', 'abn'),
                 'own/ann/x/y': ('', ''),
                 'private/ann': ('ab', 'a'),
                 'private/ben': ('ab', 'b'),
                 'private':     ('ab', ''),
                 'guest/n':     ('n', 'abn'),
                 'guest/a':     ('', ''),
                 'else':        ('', '')}
        for topic, (may, gets) in table.items():
            for name, client in clients.items():
                client.publish(topic, name.encode())
                client.publish('nobody/reads', b'')
            for name in gets:
                got = [clients[name].message_of(topic).payload.decode() for _ in may]
                check(sorted(got), sorted(may), f'who was heard on {topic}')
        for name, client in clients.items():
            check(client.waiting(), [], f'what else has come to {name}')


def own_roles_dangerous(broker):
    """A rule with a name in it that has a wildcard or a '/', or no name, matches nothing."""
    with broker(ROLES) as b:
        ctl(b, 'role add default', 'grant add default allow publish up/%c/x',
            'grant add default allow publish by/%u', 'grant add default allow subscribe #',
            'grant add default allow publish plain')
        with Client(b.address, 4).connected('watch') as watch:
            watch.subscribed('#')
            settled(b, 'watch')
            for client_id, user in (('a/b', '+'), ('+', 'x/y'), ('c#', '#'), ('a+b', None)):
                with Client(b.address, 5).connected(client_id, user=user) as client:
                    for topic in (f'up/{client_id}/x', 'up/a/b/x', 'up/a/x', 'by/x', 'by/x/y', 'by/'):
                        if '+' not in topic and '#' not in topic:
                            check(code(client, topic), 0x87, f'{client_id} to {topic}')
                            client.publish(topic, b'no')
                    client.publish('plain', client_id.encode())
                watch.message('plain', client_id.encode())
            done = explain(b, '--client-id', 'a/b', 'publish', 'up/a/b/x')
            check((done['decision'], done['because'],
                   [r['result'] for r in done['rules'] if r['filter'] == 'up/%c/x']),
                  ('deny', 'default', ['bad-value']), 'why')


def own_roles_live(broker):
    """Each change holds for the very next packet, of those who are connected as well; what is asked
    in the kernel and what varies with the client too."""
    with broker(ROLES) as b, Client(b.address, 5).connected('p', user='u') as pub, \
            Client(b.address, 4).connected('w') as watch:
        ctl(b, 'role add default', 'grant add default allow subscribe #', 'role add r', 'user add u')
        watch.subscribed('#')
        settled(b, 'p', 'w')
        number = 0

        def heard(topic, wanted):
            nonlocal number
            number += 1
            pub.publish(topic, b'%d' % number)
            check(code(pub, topic), 0 if wanted else 0x87, f'PUBACK, {topic} {number}')
            if wanted:
                watch.message(topic, b'%d' % number)
                watch.message(topic, b'x')
            else:
                check(watch.waiting(), [], f'{topic} {number}')

        steps = (
            ('grant add r allow publish t/#', False),       # it is nobody's yet
            ('user set u role r', True),
            ('grant add r deny publish t/x', False),
            ('grant set r deny publish t/x priority 0', False),
            ('grant set r allow publish t/#  priority 1', True),
            ('grant del r publish t/#', False),
            ('grant set r allow publish t/x', True),
            ('grant del r publish t/x', False),
            ('grant add r allow publish t/%{none}', False),
            ('grant add r allow publish +/x', True),        # behind one that varies now
            ('grant add r deny publish t/%c', True),
            ('user set u no-role r', False),
            ('role default publish allow', True),
            ('group add g role r', True),
            ('user set u group g', True),
            ('grant add r deny publish t/x', False),
            ('group set g no-role r', True),
            ('role default publish deny', False),
            ('grant add default allow publish t/+', True),
            ('role add high priority 9', True),
            ('grant add high deny publish #', True),
            ('user set u role high no-group g', False),
            ('role set default priority 10', True),
            ('role set default priority 9', False),
            ('user del u', True),
        )
        for step, wanted in steps:
            ctl(b, step)
            heard('t/x', wanted)
        # Getting messages
        for step, wanted in (('grant add default deny receive t/+', False),
                             ('grant del default receive t/+', True),
                             ('role default receive deny', False),
                             ('grant add default allow receive t/#', True),
                             ('grant add default deny receive t/x priority 1', False),
                             ('grant set default deny receive t/x priority 0', False),
                             ('role default receive allow', False),
                             ('grant del default receive t/x', True)):
            ctl(b, step)
            pub.publish('t/x', step.encode())
            pub.ping()
            if wanted:
                watch.message('t/x', step.encode())
            check(watch.waiting(), [], step)
        if 'offloaded' in json.dumps(session_of(b, 'p')):
            settled(b, 'p', 'w')


def own_roles_traffic(broker):
    """A grant is taken away and given back while messages flow: behind the answer there is none, and
    then there are all, and what stays allowed loses none."""
    with broker(ROLES) as b, Client(b.address, 5).connected('p', user='u') as pub, \
            Client(b.address, 5).connected('q', user='u') as other, \
            Client(b.address, 4).connected('w') as watch:
        ctl(b, 'role add default', 'grant add default allow subscribe #', 'role add r',
            'grant add r allow publish keep', 'grant add r allow publish turn', 'user add u role r')
        watch.subscribed('#')
        settled(b, 'p', 'q', 'w')
        total, ended = 0, threading.Event()

        def flood():
            nonlocal total
            while not ended.is_set():
                other.send(b''.join(publish(5, 'keep', b'%d' % (total + n)) +
                                    publish(5, 'turn', b'') for n in range(10)))
                total += 10
                ended.wait(0.002)

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            for turn in range(4):
                ctl(b, 'grant del r publish turn')
                pub.publish('turn', b'off %d' % turn)
                pub.ping()
                ctl(b, 'grant add r allow publish turn')
                pub.publish('turn', b'on %d' % turn)
                pub.ping()
        finally:
            ended.set()
            thread.join()
        other.ping()
        kept, turns = 0, []
        while kept < total or len(turns) < 4:
            p = watch.expect(PUBLISH)
            if p.topic == b'keep':
                check(p.payload, b'%d' % kept, 'number')
                kept += 1
            elif p.payload:
                turns.append(p.payload)
        check(turns, [b'on %d' % turn for turn in range(4)], 'what was sent in between')


def own_roles_file(broker):
    """Beside an acl_file: roles are asked first, and where they say nothing the file decides."""
    acl = 'topic readwrite file/#\ntopic deny file/no\npattern readwrite own/%c\n'
    with broker(f'{ROLES}acl_file DIR/acl\n', {'acl': acl}) as b, \
            Client(b.address, 5).connected('c') as client:
        client.subscribed('#')          # whom a file lets subscribe to anything
        settled(b, 'c')

        def says(**topics):
            for topic, wanted in topics.items():
                topic = topic.replace('_', '/')
                client.publish(topic, b'y')
                if wanted:
                    client.message(topic, b'y')
                check(code(client, topic), 0 if wanted else 0x87, topic)
                if wanted:
                    client.message(topic, b'x')
            check(client.waiting(), [], 'what else has come')

        says(file_a=True, file_no=False, own_c=True, own_d=False, role_a=False)
        ctl(b, 'role add default', 'grant add default allow publish role/+',
            'grant add default allow receive role/+')
        says(file_a=True, file_no=False, own_c=True, role_a=True, role_a_b=False)
        ctl(b, 'grant add default allow publish file/no', 'grant add default allow receive file/no',
            'grant add default deny publish own/%c')
        says(file_a=True, file_no=True, own_c=False, own_d=False)
        done = explain(b, 'c', 'publish', 'file/a')
        check([(r.get('role'), r.get('filter'), r['result']) for r in done['rules']][-1],
              (None, 'file/#', 'decides'), 'the file')
        check([done['decision'], done['because']], ['allow', 'acl-file'], 'why')
        # A reload of the file leaves the roles as they are
        reload(b, 'acl', '')
        until('the file', lambda: 'The configuration is in force.' in b.text())
        says(file_no=True, role_a=True, own_c=False)


def own_roles_tokens(broker):
    """Roles and claims of a token count beside what the user name has, as long as it is connected."""
    key = Key('EdDSA')
    settings = (f'{ROLES}auth_methods jwt\njwt_key_file DIR/keys\n'
                'jwt_roles_claim roles\njwt_claims site\n')
    with broker(settings, {'keys': key.pem()}) as b:
        ctl(b, 'role add t', 'grant add t allow publish %{site}/+', 'role add u',
            'grant add u allow publish u/%u', 'user add ann role u')

        def client_of(client_id, **claims):
            return Client(b.address, 5).connected(client_id, user='ann', password=key.token(**claims))

        with client_of('c', roles=['t', 'unknown'], site='berlin') as client, \
                client_of('d', site='berlin') as without, \
                client_of('e', roles=['t'], site='a/b') as odd:
            settled(b, 'c', 'd', 'e')
            for topic, wanted in (('berlin/x', (0, 0x87, 0x87)), ('a/b/x', (0x87,) * 3),
                                  ('u/ann', (0, 0, 0)), ('oslo/x', (0x87,) * 3)):
                check(tuple(code(c, topic) for c in (client, without, odd)), wanted, topic)
            done = explain(b, 'c', 'publish', 'berlin/x')
            check([(r['filter'], r['result'], r.get('made-out')) for r in done['rules']],
                  [('%{site}/+', 'decides', 'berlin/+')], 'why')
            ctl(b, 'grant add t deny publish %{site}/x')
            check((code(client, 'berlin/x'), code(client, 'berlin/y')), (0x87, 0), 'changed')


def own_roles_parts(broker):
    """More roles than the kernel has sets for one client: the daemon has it then, and it may the same."""
    with broker(ROLES) as b, Client(b.address, 5).connected('c', user='u') as client:
        ctl(b, 'user add u', 'role default subscribe allow')
        client.subscribed('#')
        for n in range(12):
            ctl(b, f'role add r{n}', f'grant add r{n} allow publish t/{n}', f'user set u role r{n}')
        for n in (0, 5, 11, 12):
            client.publish(f't/{n}', b'x')
            if n < 12:
                client.message(f't/{n}', b'x')
        check(client.waiting(), [], 'what else has come')
        if 'dataplane' in json.dumps(session_of(b, 'c')) and \
                session_of(b, 'c')['dataplane'] == 'hosted':
            check(session_of(b, 'c')['needs'], 'acl', 'why it is hosted')
        for n in range(8):
            ctl(b, f'user set u no-role r{n}')
        settled(b, 'c')
        client.publish('t/11', b'y')
        client.message('t/11', b'y')


def own_roles_will(broker):
    """Wills and retained messages are asked about again when they are sent."""
    with broker(f'{ROLES}check_retain_source true\n') as b, \
            Client(b.address, 5).connected('w') as watch:
        ctl(b, 'role default subscribe allow', 'role add r', 'grant add r allow publish w/+',
            'user add u role r')
        watch.subscribed('w/#')
        for allowed in (True, False):
            with Client(b.address, 5) as client:
                client.send(connect(5, 'c', user='u', will=('w/1', b'gone')))
                client.next()
                client.publish('w/2', b'kept', 1, retain=True)
                watch.message('w/2', b'kept')
                if not allowed:
                    ctl(b, 'user set u no-role r')
            if allowed:
                watch.message('w/1', b'gone')
            watch.ping()
            with Client(b.address, 4).connected('late') as late:
                late.subscribed('w/#')
                if allowed:
                    late.message('w/2', b'kept', retain=True)
                check(late.waiting(), [], 'what else is retained')
        check(watch.waiting(), [], 'the will of one who may not')


@daemon_only
def own_roles_kept(broker):
    """What was answered is there after a restart and after kill -9; audit_log knows who it was."""
    with broker(KEPT) as b:
        ctl(b, 'role add r priority 4', 'grant add r allow publish a/%u priority 2', 'group add g role r',
            'user add u group g role r', 'role default subscribe allow', 'role add gone', 'user add gone',
            'role del gone', 'user del gone')
        says_no(b, 'user add u', "there is a user 'u' already")
        shown = [ctl(b, f'-j {words}') for words in
                 ('role list', 'role show r', 'user list', 'group list', 'role default')]
        for sig in (signal.SIGKILL, signal.SIGTERM):
            b.restart(sig)
            check([ctl(b, f'-j {words}') for words in
                   ('role list', 'role show r', 'user list', 'group list', 'role default')], shown,
                  'what there is')
            with Client(b.address, 5).connected('c', user='u') as client:
                check((code(client, 'a/u'), code(client, 'a/v')), (0, 0x87), 'a/u, a/v')
            ctl(b, 'grant add r allow publish more', 'grant del r publish more')
        with open(os.path.join(b.dir.name, 'audit'), encoding='utf-8') as f:
            lines = [json.loads(line) for line in f]
        check([line['change']['command'] for line in lines if 'change' in line],
              ['role-add', 'grant-add', 'group-add', 'user-add', 'role-default', 'role-add',
               'user-add', 'role-del', 'user-del', 'user-add'] + ['grant-add', 'grant-del'] * 2,
              'what was asked for')
        check({line['uid'] for line in lines if 'change' in line}, {os.getuid()}, 'by whom')
        check([line['failed'] for line in lines if 'failed' in line],
              ["there is a user 'u' already"], 'what has failed')
        # The file is opened anew at SIGHUP
        os.rename(os.path.join(b.dir.name, 'audit'), os.path.join(b.dir.name, 'audit.old'))
        b.process.send_signal(signal.SIGHUP)
        until('audit_log', lambda: os.path.exists(os.path.join(b.dir.name, 'audit')))
        until('the reload', lambda: 'The configuration is in force.' in b.text())
        ctl(b, 'role set r priority 5')
        with open(os.path.join(b.dir.name, 'audit'), encoding='utf-8') as f:
            check([json.loads(line)['change']['priority'] for line in f], [5], 'the new file')


@daemon_only
def own_roles_audit(broker):
    """What cannot be written to audit_log is not done; a file that is too long is put aside."""
    with broker(f'{ROLES}audit_log /dev/full\n') as b:
        says_no(b, 'role add r', 'nothing was changed: audit_log /dev/full cannot be written: No space')
        check(json.loads(ctl(b, '-j role list')), [], 'roles')
    with broker(f'{ROLES}audit_log DIR/audit\n') as b:
        path = os.path.join(b.dir.name, 'audit')
        ctl(b, 'role add r')
        check(os.stat(path).st_mode & 0o777, 0o600, 'mode')
        os.truncate(path, 64 << 20)
        ctl(b, 'role add s')
        check((os.path.getsize(f'{path}.1'), os.path.getsize(path) < 1000), (64 << 20, True), 'sizes')
        with open(path, encoding='utf-8') as f:
            check([json.loads(line)['change']['name'] for line in f], ['s'], 'the new file')
        # Somebody else has moved it away, and has not said so yet
        os.rename(path, f'{path}.moved')
        os.truncate(f'{path}.moved', 64 << 20)
        ctl(b, 'role del s')
        with open(path, encoding='utf-8') as f:
            check([json.loads(line)['change']['command'] for line in f], ['role-del'], 'the next file')
        os.truncate(path, 64 << 20)
        os.unlink(f'{path}.1')
        os.mkdir(f'{path}.1')
        says_no(b, 'role add t', 'cannot be renamed, and is too long: Is a directory')
        check(len(json.loads(ctl(b, '-j role list'))), 1, 'roles')


@daemon_only
def own_roles_memory(broker):
    """Without persistence all of it works, and mqttctl says that it is lost."""
    with broker(ROLES) as b:
        done = run(b, 'role', 'add', 'r')
        check((done.returncode, 'this is lost when it ends' in done.stderr), (0, True), done.stderr)
        check(json.loads(ctl(b, '-j role list'))[0]['name'], 'r', 'it is there')
        for request in ({'command': 'user-add', 'name': 'u', 'steps': 'role r'},
                        {'command': 'user-add', 'name': 'u', 'steps': [['role', 7]]},
                        {'command': 'role-set', 'name': 'r', 'priority': '7'},
                        {'command': 'role-del', 'name': ['r']},
                        {'command': 'ban-add', 'network': '192.0.2.1', 'seconds': '60'},
                        {'command': 'acl-test', 'access': 'publish', 'topic': 'x', 'roles': 'r'},
                        {'command': 'acl-test', 'access': 'publish', 'topic': 'x', 'claims': [1]}):
            check(ask(b, **request)['ok'], False, request)
        check((json.loads(ctl(b, '-j role list'))[0]['priority'], json.loads(ctl(b, '-j user list'))),
              (0, []), 'roles and users')
        b.restart()
        check(json.loads(ctl(b, '-j role list')), [], 'and no more')


@daemon_only
def own_roles_off(broker):
    """A listener without them lets everybody do everything, whatever roles there are."""
    with broker(f'{SOCKET}') as b, Client(b.address, 5).connected('c', user='u') as client:
        ctl(b, 'role add default', 'grant add default deny publish #')
        check((code(client, 'x'), codes(client, '#')), (0, [0]), 'x and #')
        check(explain(b, 'c', 'publish', 'x')['because'], 'no-permissions', 'why')


@daemon_only
def own_roles_explained(broker):
    """acl test says the same as the broker does, of who is connected and of who is not."""
    with broker(f'{ROLES}mount_point m/\n') as b, \
            Client(b.address, 5).connected('c', user='u') as client:
        ctl(b, 'role add r', 'grant add r deny publish m/a/no priority 1',
            'grant add r allow publish m/a/#', 'grant add r allow subscribe m/%u/+',
            'grant add r allow publish m/%{site}/x', 'user add u role r', 'role add t priority 3',
            'grant add t allow publish m/t')
        for topic in ('a/x', 'a/no', 'b', 't', 'berlin/x'):
            wanted = 'deny' if code(client, topic) else 'allow'
            for who in (['c'], ['--user', 'u', '--client-id', 'c']):
                done = explain(b, *who, 'publish', topic)
                check((done['decision'], done['username']), (wanted, 'u'), f'{who} {topic}')
        for name, wanted in (('u/+', 'allow'), ('u/#', 'deny'), ('$share/g/u/x', 'allow')):
            check(explain(b, 'c', 'subscribe', name)['decision'], wanted, name)
            check(codes(client, name), [0 if wanted == 'allow' else 0x87], name)
        done = explain(b, 'c', 'publish', 'a/no')
        check([(r['filter'], r['result']) for r in done['rules']], [('m/a/no', 'decides')], 'rules')
        done = explain(b, 'c', 'publish', 'b')
        check([(r['filter'], r['result']) for r in done['rules']],
              [('m/a/no', 'no-match'), ('m/%{site}/x', 'no-value'), ('m/a/#', 'no-match')], 'rules')
        check(done['because'], 'default', 'why')
        check(explain(b, '--roles', 't,unknown', 'publish', 't')['decision'], 'allow', 'by a token')
        check(explain(b, '--user', 'u', 'publish', 'berlin/x', 'claim', 'site',
                      'berlin')['decision'], 'allow', 'by a claim')
        says_no(b, 'acl test nobody publish x', 'no client with this id is connected')
        says_no(b, 'acl test c publish x/#', "'x/#' is not a topic name")
        says_no(b, 'acl test --user u publish x port 1', 'there is no listener with this port')
