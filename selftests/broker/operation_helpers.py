# SPDX-License-Identifier: MIT
"""mqttd's other processes: what they have, what happens without them, and what none of them may."""
import base64
import contextlib
import hashlib
import os
import pwd
import signal
import subprocess
import time

import wire
from broker import free_port
from connection import PATIENCE, Client
from operation_daemon import Daemon, root_only
from wire import Failure, check

SALT = b'twelve bytes'


def digest(password):
    return hashlib.pbkdf2_hmac('sha512', password, SALT, 101)


def line_of(user, password, rounds=101):
    """Of a password that takes long the hash is wrong: nobody here has the time."""
    texts = [base64.b64encode(part).decode() for part in (SALT, digest(password))]
    return f'{user}:$7${rounds}${"$".join(texts)}\n'


def users(*lines, owner=None):
    """Fills a directory with the password file."""
    def fill(directory):
        path = os.path.join(directory, 'users')
        with open(path, 'w', encoding='ascii') as f:
            f.writelines(lines)
        os.chmod(path, 0o400 if owner else 0o644)
        if owner:
            os.chown(path, owner.pw_uid, owner.pw_gid)
    return fill


def with_users(settings='', rounds=101, owner=None, **kwargs):
    """A daemon that knows ann, whose password is "secret", and lets anonymous clients in."""
    return Daemon(f'password_file DIR/users\n{settings}',
                  fill=users(line_of('ann', b'secret', rounds), owner=owner), **kwargs).running()


def begin(d, level=5, user='ann', password=b'secret', client_id=None):
    """A connection that has asked to be let in; each user has a client id of its own."""
    client = Client(d.address, level)
    client.send(wire.connect(level, client_id or f'of {user}', user=user, password=password))
    return client


def code(d, level=5, **kwargs):
    with begin(d, level, **kwargs) as client:
        return client.expect(wire.CONNACK).code


def until(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f'{what}: not within {PATIENCE} s')


def gone(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as f:
            return f.read().rpartition(')')[2].split()[0] in 'ZX'
    except FileNotFoundError:
        return True


def t_auth_killed():
    """Another mqttd-auth comes, whoever waits for an answer is told, and who is connected stays."""
    with with_users(rounds=50_000_000) as d, d.client('there') as there:
        with begin(d, password=b'wrong') as waiting:
            # It does not end before it is killed: that is minutes of hashing
            first = d.helper('mqttd-auth')
            until('hashing', lambda: d.ticks(first) > 5)
            os.kill(first, signal.SIGKILL)
            check(waiting.expect(wire.CONNACK).code, 0x88, 'CONNACK')
        d.line('mqttd-auth has ended')
        d.line('mqttd-auth is there again')
        there.ping()
        check(gone(first), True, 'the first one')
        check(d.helper('mqttd-auth') != first, True, 'another one')
        # What it knows it has read anew
        with open(os.path.join(d.dir.name, 'users'), 'w', encoding='ascii') as f:
            f.write(line_of('ann', b'secret'))
        os.kill(d.helper('mqttd-auth'), signal.SIGKILL)
        d.line('mqttd-auth is there again')
        check(code(d), 0, 'CONNACK')


def t_auth_without_keeper():
    """Without it nobody comes again: the answer is no, and others go on."""
    with with_users() as d, d.client('there') as there:
        helper, keeper = d.helper('mqttd-auth'), d.helper('mqttd-keeper')
        os.kill(keeper, signal.SIGKILL)
        d.line('mqttd-auth and mqttd-keeper are gone')
        until('the end of mqttd-auth', lambda: gone(helper))
        check([code(d, level) for level in (3, 4, 5)], [3, 3, 0x88], 'CONNACK')
        check(code(d, user=None, password=None), 0, 'anonymous')
        there.ping()


def t_auth_silent():
    """One that says nothing costs auth_timeout, and only those who need it."""
    with with_users('auth_timeout 1') as d, d.client('there') as there:
        helper = d.helper('mqttd-auth')
        os.kill(helper, signal.SIGSTOP)
        try:
            with contextlib.ExitStack() as stack:
                waiting = [(level, stack.enter_context(begin(d, level, client_id=f'c{level}')))
                           for level in (3, 4, 5)]
                there.subscribed('t')
                there.publish('t', b'meanwhile', 0)
                there.message('t', b'meanwhile', 0)
                check(code(d, user=None, password=None), 0, 'anonymous')
                for level, client in waiting:
                    check(client.expect(wire.CONNACK).code, 0x88 if level == 5 else 3, 'CONNACK')
            # Nor does a reload wait for it for ever
            d.reload()
            d.line('mqttd-auth does not take its files')
            d.line('stays as it was')
        finally:
            os.kill(helper, signal.SIGCONT)
        until('an answer', lambda: code(d) == 0)


def t_auth_flood():
    """More than it can hash, while it does not: each has an answer, and others do not notice."""
    with with_users('auth_timeout 3') as d, d.client('there') as there:
        helper = d.helper('mqttd-auth')
        os.kill(helper, signal.SIGSTOP)
        try:
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(begin(d, client_id=f'c{i}', password=b'x' * 1000))
                           for i in range(700)]
                there.ping()
                codes = [client.expect(wire.CONNACK).code for client in clients]
        finally:
            os.kill(helper, signal.SIGCONT)
        check(set(codes), {0x88, 0x89}, 'CONNACK')
        there.ping()
        until('an answer', lambda: code(d) == 0)


def memory_has(pid, wanted):
    """Those of @wanted that are somewhere in the memory that the process may write to."""
    found = set()
    with open(f'/proc/{pid}/maps', encoding='ascii') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as mem:
        for area in maps:
            bounds, rights = area.split()[:2]
            if not rights.startswith('rw'):
                continue
            start, end = (int(bound, 16) for bound in bounds.split('-'))
            at, tail = start, b''
            while at < end:
                try:
                    mem.seek(at)
                    data = mem.read(min(1 << 20, end - at))
                except OSError:
                    break
                if not data:
                    break
                text = tail + data
                found |= {name for name, value in wanted.items() if value in text}
                tail = text[-128:]
                at += len(data)
    return found


@root_only
def t_auth_secrets():
    """What the password file has is in no memory but mqttd-auth's, and nor is what clients send."""
    with with_users() as d:
        check(code(d), 0, 'CONNACK')
        check(code(d, password=b'never-to-be-seen-again'), 0x86, 'CONNACK')
        secrets = {'hash': digest(b'secret'), 'text': base64.b64encode(digest(b'secret')),
                   'password': b'never-to-be-seen-again'}
        check(memory_has(d.pid, secrets), set(), 'in mqttd')
        check(memory_has(d.helper('mqttd-keeper'), secrets), set(), 'in mqttd-keeper')
        # That it is looked for where it can be found
        check('hash' in memory_has(d.helper('mqttd-auth'), secrets), True, 'in mqttd-auth')


@root_only
def t_auth_user():
    """mqttd-auth is somebody else, who alone may read the password file."""
    reader, other = pwd.getpwnam('daemon'), pwd.getpwnam('nobody')
    with with_users('user nobody\nauth_user daemon', owner=reader) as d:
        check(d.proc()['Uid'].split()[0], str(other.pw_uid), 'user of mqttd')
        for status in d.helpers():
            check(status['Uid'].split(), [str(reader.pw_uid)] * 4, status['Name'])
            check((int(status['CapPrm'], 16), int(status['CapBnd'], 16)), (0, 0), status['Name'])
        check(code(d), 0, 'CONNACK')
        with open(os.path.join(d.dir.name, 'users'), 'a', encoding='ascii') as f:
            f.write(line_of('bob', b'bob'))
        d.reload()
        check(code(d, user='bob', password=b'bob'), 0, 'CONNACK')


@root_only
def t_helpers_hidden():
    """Who is the same user can look into the daemon's memory, but not into that of the others."""
    user = ('setpriv', '--reuid=nobody', '--clear-groups')
    with with_users(launcher=user) as d:
        for pid, wanted in ((d.pid, 0), (d.helper('mqttd-keeper'), 1), (d.helper('mqttd-auth'), 1)):
            done = subprocess.run([*user, 'cat', f'/proc/{pid}/maps'], capture_output=True,
                                  timeout=60, check=False)
            check(done.returncode, wanted, f'cat /proc/{pid}/maps')


def t_helpers_end():
    """However the daemon ends: there is nobody left."""
    for number in (signal.SIGKILL, signal.SIGTERM):
        with with_users(status=-number if number == signal.SIGKILL else 0) as d:
            pids = [d.helper(name) for name in ('mqttd-keeper', 'mqttd-auth')]
            d.signal(number)
            for pid in pids:
                until(f'the end of {pid}', lambda pid=pid: gone(pid))


def t_helpers_files():
    """What the daemon has open, connections among it, is not theirs."""
    with with_users() as d, d.client('there') as there:
        for name in ('mqttd-keeper', 'mqttd-auth'):
            pid = d.helper(name)
            open_files = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')
                          if int(fd) > 2]
            check([file for file in open_files
                   if not file.startswith(('socket:', 'anon_inode:[signalfd]'))], [], name)
            check(len([file for file in open_files if file.startswith('socket:')]), 1, name)
        there.ping()


def filters(pid):
    """What the process's threads say of seccomp."""
    modes = set()
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/status', encoding='ascii') as f:
            modes |= {line.split()[1] for line in f if line.startswith('Seccomp:')}
    return modes


def t_seccomp():
    """All threads of the daemon and of mqttd-auth have a filter, unless that is switched off."""
    for setting, mode in (('', '2'), ('seccomp false', '0')):
        with with_users(setting) as d:
            check(code(d), 0, 'CONNACK')
            check(filters(d.pid), {mode}, 'mqttd')
            check(filters(d.helper('mqttd-auth')), {mode}, 'mqttd-auth')


def t_seccomp_syslog():
    """Without log_dest syslog at the start the filter has no connect(), and a reload says so."""
    with Daemon() as d:
        d.running()
        d.configure('log_dest stderr\nlog_dest syslog')
        d.reload()
        d.line('log_dest syslog takes a restart')


def t_auth_methods():
    """What cannot be asked is said with its place."""
    for setting, words in (('nonsense', "auth_methods: 'nonsense' is not one of password, jwt"),
                           ('password password', "auth_methods: 'password' is there twice"),
                           ('password', "has 'password', for which there is no option")):
        port = free_port()
        with Daemon(listeners=f'listener {port}\nauth_methods {setting}\n', status=1) as d:
            check('mqttd.conf:' in d.line(words), True, 'place')
            d.process.wait(PATIENCE)
