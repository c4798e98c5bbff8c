#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""operation.py [TEST...]

What the operator and the service manager see of build/mqttd (MQTTD): signals,
readiness, the watchdog, sockets from elsewhere, privileges, limits, the log and
the control socket. Everything on the user data plane. Prints KTAP.
"""
import contextlib
import fcntl
import json
import os
import pwd
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

import wire
from broker import Runner, free_port, program
from connection import PATIENCE, Client
from wire import Failure, check

CONTROL = program().replace('mqttd', 'mqttctl')


class Daemon:
    """mqttd, with all that it can be given, until the end of the with block."""

    def __init__(self, settings='', listeners=None, env=None, argv=(), fds=(), limit=None,
                 launcher=(), status=0, port=None, plane='user'):
        self.dir = tempfile.TemporaryDirectory()
        os.chmod(self.dir.name, 0o777)
        self.port = port or free_port()
        self.address = ('127.0.0.1', self.port)
        self.control = os.path.join(self.dir.name, 'control.sock')
        self.config = os.path.join(self.dir.name, 'mqttd.conf')
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(self.dir.name, 'notify'))
        os.chmod(self.notify.getsockname(), 0o777)
        self.status, self.lines, self.rest, self.told = status, [], b'', []
        self.plane = plane
        self.listeners = listeners or f'listener {self.port} 127.0.0.1\n'
        self.configure(settings)
        environment = {**os.environ, **(env or {}), 'NOTIFY_SOCKET': self.notify.getsockname()}

        def before():
            for target, fd in enumerate(fds, 3):
                os.dup2(fd, target)
                fcntl.fcntl(target, fcntl.F_SETFD, 0)
            if limit:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        if fds:
            # The shell knows its own process id, and stays that process
            launcher = ('sh', '-c', f'LISTEN_FDS={len(fds)} LISTEN_PID=$$ exec "$@"', 'sh',
                        *launcher)
        self.process = subprocess.Popen([*launcher, program(), '-c', self.config, *argv],
                                        stderr=subprocess.PIPE, env=environment,
                                        preexec_fn=before, close_fds=not fds)
        self.pid = self.process.pid

    def configure(self, settings):
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(f'dataplane {self.plane}\nworkers 2\ncontrol_socket_path {self.control}\n'
                    f'{settings}\n{self.listeners}\nallow_anonymous true\n')

    def line(self, text, patience=PATIENCE):
        """Waits for a log line with this in it, behind those that were waited for."""
        deadline = time.monotonic() + patience
        while True:
            while self.lines:
                line = self.lines.pop(0)
                if text in line:
                    return line
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stderr], [], [], left)[0]:
                raise Failure(f'no line with {text!r}')
            data = os.read(self.process.stderr.fileno(), 65536)
            if not data:
                raise Failure(f'no line with {text!r} until the end: {self.rest!r}')
            *whole, self.rest = (self.rest + data).split(b'\n')
            self.lines += [line.decode() for line in whole]
            for line in whole:
                print('# mqttd:', line.decode())

    def running(self):
        self.line('running')
        return self

    def signal(self, number):
        os.kill(self.pid, number)

    def message(self, wanted, patience=PATIENCE):
        """Waits for a message to the service manager with this assignment."""
        deadline = time.monotonic() + patience
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.notify], [], [], left)[0]:
                raise Failure(f'{wanted} was not told, only {self.told}')
            text = self.notify.recv(4096).decode().split('\n')
            self.told += text
            if wanted in text:
                return text

    def reload(self):
        """Each reload has to be waited for by this, or the next one sees its end."""
        self.signal(signal.SIGHUP)
        self.message('RELOADING=1')
        self.message('READY=1')

    def proc(self):
        """Name to value of /proc/PID/status."""
        with open(f'/proc/{self.pid}/status', encoding='ascii') as f:
            return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)

    def statistics(self):
        """A counter's name to its value."""
        self.signal(signal.SIGUSR2)
        found = {}
        while 'bytes sent' not in found:
            name, _, value = self.line('statistics: ').partition('statistics: ')[2].rpartition(' ')
            found[name] = int(value)
        while 'connections refused: no memory' not in found:
            name, _, value = self.line('statistics: ').partition('statistics: ')[2].rpartition(' ')
            found[name] = int(value)
        return found

    def ask(self, **request):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self.control)
            sock.sendall(json.dumps(request).encode() + b'\n')
            with sock.makefile() as lines:
                return json.loads(lines.readline())

    def ctl(self, *words):
        done = subprocess.run([CONTROL, '-S', self.control, *words], text=True, timeout=60,
                              capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def client(self, client_id='x', level=5, **kwargs):
        return Client(self.address, level).connected(client_id, **kwargs)

    def end(self):
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        while data := os.read(self.process.stderr.fileno(), 65536):
            self.rest += data
        return self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status = self.end()
        self.process.stderr.close()
        self.notify.close()
        self.dir.cleanup()
        if not kind:
            check(status, self.status, 'exit status')


def t_sigterm():
    """Clients are told, and the exit status is 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with Daemon() as d:
            d.running()
            with d.client() as c:
                d.signal(number)
                c.expect_closed(0x8b)
                check(d.process.wait(PATIENCE), 0, 'exit status')


def t_sighup():
    """What can change does; for the rest there is a warning; a mistake changes nothing."""
    with Daemon('max_keepalive 60') as d:
        d.running()
        d.configure('max_keepalive 7\nworkers 1\nlog_timestamp false')
        d.reload()
        check(d.line("'workers'"), "Warning: option 'workers' has changed, which takes a restart.",
              'the new format')
        with Client(d.address, 5) as c:
            c.send(wire.connect(5, 'x', keepalive=100))
            check(c.expect(wire.CONNACK).value(0x13), 7, 'server keep alive')
        d.configure('max_keepalive 8\nnonsense 1')
        d.reload()
        d.line("unknown option 'nonsense'")
        d.line('stays as it was')
        with Client(d.address, 5) as c:
            c.send(wire.connect(5, 'x', keepalive=100))
            check(c.expect(wire.CONNACK).value(0x13), 7, 'server keep alive')


def t_sighup_listener():
    """A listener that comes or goes takes a restart; who may connect does not."""
    with Daemon() as d:
        d.running()
        settings, d.listeners = d.listeners, d.listeners + f'listener {free_port()}\n'
        d.configure('')
        d.reload()
        d.line("'listener' has changed, which takes a restart")
        d.listeners = settings
        d.configure('')
        with open(d.config, encoding='utf-8') as f:
            text = f.read().replace('anonymous true', 'anonymous false')
        with open(d.config, 'w', encoding='utf-8') as f:
            f.write(text)
        d.reload()
        with Client(d.address, 5) as c:
            c.send(wire.connect(5, 'x'))
            check(c.expect(wire.CONNACK).code, 0x87, 'CONNACK')


def t_log_file():
    """After SIGHUP a log file that was moved away is made anew."""
    with Daemon() as d:
        path = os.path.join(d.dir.name, 'log')
        d.running()
        d.configure(f'log_dest file {path}\nlog_timestamp_format %Y')
        d.reload()
        os.rename(path, path + '.1')
        d.reload()
        d.signal(signal.SIGUSR2)
        d.signal(signal.SIGTERM)
        check(d.process.wait(PATIENCE), 0, 'exit status')
        with open(path, encoding='ascii') as f:
            text = f.read()
        check('statistics: clients 0' in text, True, 'the new file')
        check(text.startswith(time.strftime('%Y: ')), True, 'time stamp')


def t_sigusr1():
    with Daemon() as d:
        d.running()
        d.signal(signal.SIGUSR1)
        d.client().ping()


def t_notify():
    """READY=1 comes when clients can connect, STOPPING=1 before they are closed."""
    with Daemon() as d:
        text = d.message('READY=1')
        check('STATUS=Serving, with the user data plane' in text, True, 'status')
        with d.client() as c:
            d.signal(signal.SIGTERM)
            d.message('STOPPING=1')
            c.expect_closed(0x8b)


def t_watchdog():
    """WATCHDOG=1 comes more often than it has to."""
    with Daemon(env={'WATCHDOG_USEC': '2000000'}) as d:
        d.message('READY=1')
        start = time.monotonic()
        for _ in range(4):
            d.message('WATCHDOG=1')
        check(time.monotonic() - start > 1, True, 'more than a second for four')
    with Daemon(env={'WATCHDOG_USEC': '2000000', 'WATCHDOG_PID': '1'}) as d:
        d.running()
        d.signal(signal.SIGTERM)
        d.message('STOPPING=1')
        check('WATCHDOG=1' in d.told, False, "somebody else's watchdog")


def listening(family, *address):
    sock = socket.socket(family)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(address)
    sock.listen()
    return sock


def t_activation():
    """Sockets from elsewhere are used for the listeners that they fit, shared by all workers."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(listening(socket.AF_INET, '127.0.0.1', 0))
        strange = stack.enter_context(listening(socket.AF_INET, '127.0.0.1', 0))
        pair = socket.socketpair()
        stack.callback(pair[0].close)
        stack.callback(pair[1].close)
        port = ours.getsockname()[1]
        # Connections that are there before the broker
        early = [stack.enter_context(Client(('127.0.0.1', port), 5)) for _ in range(5)]
        with Daemon(port=port, fds=[s.fileno() for s in (ours, strange, pair[0])],
                    argv=()) as d:
            d.line(f'Using the ipv4 listen socket of the service manager on port {port}')
            d.line('there is no listener for the service manager\'s socket on '
                   f'127.0.0.1:{strange.getsockname()[1]}')
            d.line('descriptor 5 of the service manager is no socket that listens')
            d.running()
            for i, c in enumerate(early):
                c.connected(f'early{i}')
            with d.client('late') as c:
                c.ping()


def t_activation_both():
    """One socket for IPv6 and IPv4 is enough for a listener on all addresses."""
    with listening(socket.AF_INET6, '::', 0) as ours:
        port = ours.getsockname()[1]
        with Daemon('log_type all', f'listener {port}\n', fds=[ours.fileno()], port=port) as d:
            d.line(f'Using the ipv6 listen socket of the service manager on port {port}')
            d.running()
            with d.client('four'), Client(('::1', port), 5).connected('six'):
                d.line('New connection from 127.0.0.1:')


def t_activation_many():
    """As many sockets for one address as somebody likes."""
    socks = []
    for _ in range(3):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(socks[0].getsockname() if socks else ('127.0.0.1', 0))
        sock.listen()
        socks.append(sock)
    port = socks[0].getsockname()[1]
    with Daemon(fds=[s.fileno() for s in socks], port=port) as d:
        d.running()
        for sock in socks:
            sock.close()
        for i in range(20):
            with d.client(f'c{i}') as c:
                c.ping()


def t_background():
    """-d returns when clients are let in, and with status 1 if they never will be."""
    with tempfile.TemporaryDirectory() as directory, listening(
            socket.AF_INET, '127.0.0.1', 0) as taken:
        for port, status in ((free_port(), 0), (taken.getsockname()[1], 1)):
            conf = os.path.join(directory, 'conf')
            pid_file = os.path.join(directory, 'pid')
            with open(conf, 'w', encoding='utf-8') as f:
                f.write(f'listener {port} 127.0.0.1\nallow_anonymous true\ndataplane user\n'
                        f'pid_file {pid_file}\ncontrol_socket_path none\nlog_dest none\n')
            done = subprocess.run([program(), '-d', '-c', conf], timeout=60, check=False)
            check(done.returncode, status, f'exit status of the parent on port {port}')
            if status:
                continue
            with Client(('127.0.0.1', port), 5).connected('x') as c:
                with open(pid_file, encoding='ascii') as f:
                    os.kill(int(f.read()), signal.SIGTERM)
                c.expect_closed(0x8b)
            while os.path.exists(pid_file):
                time.sleep(0.01)


def root_only(function):
    function.root = True
    return function


@root_only
def t_privileges():
    """With 'user' nothing of root is left, but CAP_NET_ADMIN if the kernel may be wanted."""
    nobody = pwd.getpwnam('nobody')
    for plane, capabilities in (('user', 0), ('auto', 1 << 12)):
        with contextlib.ExitStack() as stack:
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            os.chmod(directory, 0o755)
            os.mkdir(directory + '/db')
            os.chown(directory + '/db', nobody.pw_uid, -1)
            d = stack.enter_context(Daemon(
                f'user nobody\nlog_dest stderr\nlog_dest file {directory}/log\n'
                f'persistence true\npersistence_location {directory}/db', plane=plane))
            d.running()
            for name in os.listdir(directory + '/db'):
                check(os.stat(f'{directory}/db/{name}').st_uid, nobody.pw_uid, name)
            status = d.proc()
            check(status['Uid'].split(), [str(nobody.pw_uid)] * 4, 'user')
            check(status['Gid'].split(), [str(nobody.pw_gid)] * 4, 'group')
            check(status['Groups'].split(), [str(nobody.pw_gid)], 'groups')
            check(status['NoNewPrivs'], '1', 'no new privileges')
            check({name: int(status[f'Cap{name}'], 16) for name in
                   ('Inh', 'Prm', 'Eff', 'Bnd', 'Amb')},
                  {'Inh': 0, 'Prm': capabilities, 'Eff': capabilities, 'Bnd': 0, 'Amb': 0},
                  'capabilities')
            st = os.stat(d.control)
            check((st.st_uid, st.st_gid, st.st_mode & 0o777),
                  (nobody.pw_uid, nobody.pw_gid, 0o660), 'control socket')
            # It is his database, and what he can read he can read again
            with d.client('kept', properties=[(0x11, 100)]):
                check(session(d, 'kept')['durable'], 'yes', 'durable')
            d.reload()
            d.signal(signal.SIGUSR1)
            d.signal(signal.SIGUSR2)
            d.line('statistics: ')


@root_only
def t_ambient():
    """Capabilities that the service manager gave and nobody needs are given up."""
    with Daemon('', launcher=('setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups',
                              '--inh-caps=+net_admin,+net_raw',
                              '--ambient-caps=+net_admin,+net_raw')) as d:
        d.running()
        status = d.proc()
        check([int(status[f'Cap{name}'], 16) for name in ('Inh', 'Prm', 'Eff', 'Amb')], [0] * 4,
              'capabilities')
        check(status['NoNewPrivs'], '1', 'no new privileges')


@root_only
def t_unknown_user():
    with Daemon('user nobody-at-all', status=1) as d:
        d.line("there is no user 'nobody-at-all'")


@root_only
def t_control_group():
    """Root, the daemon's user, and the group get in, nobody else."""
    def ask_as(d, *args):
        return subprocess.run(['setpriv', *args, CONTROL, '-S', d.control, 'dataplane'],
                              capture_output=True, text=True, timeout=60, check=False)

    with Daemon('user nobody\ncontrol_socket_group games') as d:
        d.running()
        check(oct(os.stat(d.control).st_mode & 0o777), '0o660', 'mode')
        check(ask_as(d).returncode, 0, 'root')
        check(ask_as(d, '--reuid=nobody', '--clear-groups').returncode, 0, "mqttd's user")
        check(ask_as(d, '--reuid=daemon', '--regid=games', '--clear-groups').returncode, 0,
              'the group')
        check(ask_as(d, '--reuid=daemon', '--regid=daemon', '--groups=games').returncode, 0,
              'one of the groups')
        check(ask_as(d, '--reuid=daemon', '--regid=daemon', '--groups=mail').returncode, 1,
              'others')
        # File permissions are not all that keeps them out
        os.chmod(d.control, 0o666)
        done = ask_as(d, '--reuid=daemon', '--regid=daemon', '--groups=mail')
        check((done.returncode, 'not permitted' in done.stderr), (1, True), 'others')


def t_max_connections():
    with Daemon('max_connections_total 2') as d:
        d.running()
        with d.client('a'), d.client('b'):
            Client(d.address, 5).expect_end()
            d.line('denied: max_connections_total exceeded')
        check(d.statistics()['connections refused: max_connections_total'], 1, 'counter')


def t_connection_rate():
    """Refused beyond the rate, also by any worker; nothing is logged a thousand times."""
    with Daemon('connection_rate 5') as d:
        d.running()
        start = time.monotonic()
        refused = 0
        for i in range(60):
            with Client(d.address, 5) as c:
                c.send(wire.connect(5, f'c{i}'))
                refused += c.next() is None
        allowed = 5 + 5 * (time.monotonic() - start) + 1
        check(60 - refused <= allowed and refused >= 1, True,
              f'{60 - refused} were let in, {allowed:.0f} may be')
        d.line('Client connection from 127.0.0.1:')
        check(d.statistics()['connections refused: connection_rate'], refused, 'counter')
        d.line('similar messages suppressed: "connection_rate exceeded"')
        d.configure('')
        d.reload()
        for i in range(20):
            with d.client(f'c{i}'):
                pass


def t_message_rate():
    """Who publishes faster is not read from for a while, and loses nothing."""
    with Daemon('message_rate 20') as d:
        d.running()
        with d.client('sub') as sub, d.client('pub') as pub:
            sub.subscribed('#')
            start = time.monotonic()
            pub.send(*(wire.publish(5, 't', b'%d' % i) for i in range(50)))
            for i in range(50):
                check(sub.expect(wire.PUBLISH).payload, str(i).encode(), 'payload')
            check(time.monotonic() - start > 1.2, True, 'it took more than 1.2 s')
            d.line('Client pub [127.0.0.1:')
            # Others do not wait, nor does it once it has paid
            sub.ping()
            pub.ping()
        check(d.statistics()['clients held: message_rate'] >= 1, True, 'counter')
        # Somebody who is waiting may go
        with d.client('pub') as pub:
            pub.send(*(wire.publish(5, 't', b'%d' % i) for i in range(200)))
            d.line('Client pub [127.0.0.1:')
        d.client('sub').ping()


def t_no_descriptors():
    """Without descriptors nobody is accepted; it is said once; later all are."""
    with Daemon(limit=40) as d:
        d.running()
        with contextlib.ExitStack() as stack:
            for i in range(50):
                stack.enter_context(Client(d.address, 5)).send(wire.connect(5, f'c{i}'))
            d.line('cannot accept connections for now: Too many open files')
            last = Client(d.address, 5)
            last.send(wire.connect(5, 'last'))
        check(last.expect(wire.CONNACK).code, 0, 'CONNACK')
        last.sock.close()
        d.line('Accepting connections again')


def sessions(d):
    """By client id, as the list shows them."""
    status, out, err = d.ctl('-j', 'session', 'list')
    check((status, err), (0, ''), 'session list')
    return {session['client-id']: session for session in json.loads(out)}


def session(d, client_id):
    status, out, err = d.ctl('-j', 'session', 'show', client_id)
    check((status, err), (0, ''), 'session show')
    return json.loads(out)


def subset(got, want, what):
    check({name: got.get(name) for name in want}, want, what)


def settle(function, want, what):
    """Waits for what others' threads are about to do."""
    deadline = time.monotonic() + PATIENCE
    while (got := function()) != want:
        if time.monotonic() > deadline:
            raise Failure(f'{what}: {got!r}, not {want!r}')
        time.sleep(0.01)


def t_session_list():
    """Online and offline ones, with what waits for them."""
    with Daemon() as d:
        d.running()
        check(sessions(d), {}, 'at first')
        with d.client('on', keepalive=60) as on, \
                d.client('off', properties=[(0x11, 3600)]) as off, d.client('old', level=4):
            off.send(wire.subscribe(5, ('a/#', 1), ('b', 2)))
            check(off.expect(wire.SUBACK).codes, [1, 2], 'SUBACK')
            off.send(wire.disconnect(5))
            off.expect_end()
            settle(lambda: sessions(d)['off']['state'], 'offline', 'state')
            on.send(wire.publish(5, 'a/b', b'x' * 100, packet_id=b'\0\1', byte1=0x32))
            check(on.expect(wire.PUBACK).type, wire.PUBACK, 'PUBACK')
            found = sessions(d)
            check(sorted(found), ['off', 'old', 'on'], 'client ids')
            subset(found['off'], {'state': 'offline', 'subscriptions': 2, 'queue-messages': 1,
                                  'expiry': '3600', 'remote': None, 'protocol': '5.0'}, 'off')
            check(103 <= found['off']['queue-bytes'] <= 400, True, 'bytes in the queue')
            check(3500 < found['off']['expires-in'] <= 3600, True, 'expires in')
            host, port = on.sock.getsockname()
            subset(found['on'], {'state': 'online', 'remote': f'{host}:{port}', 'expiry': '0',
                                 'dataplane': 'user', 'subscriptions': 0, 'drops': 0}, 'on')
            subset(found['old'], {'protocol': '3.1.1'}, 'old')
            # As text
            status, out, _ = d.ctl('session')
            check((status, 'client-id "off" state offline' in out), (0, True), 'text')
            subset(session(d, 'on'), {'keep-alive': 60, 'connections': 1, 'take-overs': 0,
                                      'filters': []}, 'on')
            check(session(d, 'off')['filters'] in ([{'filter': 'a/#', 'qos': 1},
                                                    {'filter': 'b', 'qos': 2}],
                                                   [{'filter': 'b', 'qos': 2},
                                                    {'filter': 'a/#', 'qos': 1}]),
                  True, 'filters')
            subset(session(d, 'off'), {'last-end': 'disconnected', 'durable': 'no'}, 'off')


def t_session_pages():
    """More than fit on one page: each once."""
    with Daemon() as d:
        d.running()
        for i in range(700):
            with Client(d.address, 4) as c:
                c.connected(f'client {i}', clean=False)
                c.send(wire.disconnect(4))
                c.expect_end()
        page = d.ask(command='session-list')['result']
        check(200 < len(page['sessions']) < 400 and page['next'] != 0, True, 'one page')
        status, out, _ = d.ctl('-j', 'session', 'list')
        check(status, 0, 'exit status')
        check(sorted(s['client-id'] for s in json.loads(out)),
              sorted(f'client {i}' for i in range(700)), 'all of them')
        check(d.ask(command='session-list', cursor=-7)['ok'], True, 'a strange cursor')


def t_session_show():
    """Options and identifiers of subscriptions; strange names."""
    with Daemon() as d:
        d.running()
        name = 'x"\\\n\u202e/+é'.replace('\n', ' ')
        with Client(d.address, 5).connected(name) as c:
            c.send(wire.subscribe(5, ('s/#', 0x2c | 1), properties=[(0x0b, 77)]))
            check(c.expect(wire.SUBACK).codes, [1], 'SUBACK')
            shown = session(d, name)
            check(shown['filters'], [{'filter': 's/#', 'qos': 1, 'id': 77, 'options':
                                      'no-local,retain-as-published,retain-never'}], 'filters')
            check(shown['needs'], 'subscription-id,retain-as-published', 'needs')
            status, out, _ = d.ctl('session', 'show', name)
            check((status, '\u202e' in out), (0, False), 'text')
        check(d.ctl('session', 'show', 'nobody'),
              (1, '', 'mqttctl: there is no session of this client id\n'), 'nobody')
        check(d.ctl('session', 'show')[0], 2, 'without a client id')
        check(d.ctl('session', 'show', b'\xff')[0], 1, 'not UTF-8')
        check(d.ask(command='session-show'),
              {'ok': False, 'error': '"client-id" has to be a string'}, 'without a client id')


def t_session_kick():
    with Daemon() as d:
        d.running()
        with d.client('watcher') as watcher:
            watcher.subscribed('will')
            with d.client('x', properties=[(0x11, 100)], will=('will', b'gone')) as c:
                check(d.ctl('session', 'kick', 'x'), (0, '', ''), 'kick')
                c.expect_closed(0x98)
            check(watcher.expect(wire.PUBLISH).payload, b'gone', 'will')
            settle(lambda: sessions(d)['x']['state'], 'offline', 'state')
            check(session(d, 'x')['last-end'], 'disconnected by the operator', 'last end')
            with Client(d.address, 5) as c:
                c.send(wire.connect(5, 'x', clean=False))
                check(c.expect(wire.CONNACK).session, 1, 'session present')
                subset(session(d, 'x'), {'connections': 2}, 'x')
        check(d.ctl('session', 'kick', 'nobody')[0], 1, 'nobody')


def t_session_delete():
    """Online or not, it is gone."""
    with Daemon() as d:
        d.running()
        with d.client('x', properties=[(0x11, 100)]) as c:
            check(d.ctl('session', 'delete', 'x'), (0, '', ''), 'online')
            c.expect_closed(0x98)
        settle(lambda: sessions(d), {}, 'sessions')
        with d.client('x', properties=[(0x11, 100)]) as c:
            c.send(wire.disconnect(5))
            c.expect_end()
        settle(lambda: sessions(d)['x']['state'], 'offline', 'state')
        check(d.ctl('session', 'delete', 'x'), (0, '', ''), 'offline')
        settle(lambda: sessions(d), {}, 'sessions')
        with Client(d.address, 5) as c:
            c.send(wire.connect(5, 'x', clean=False))
            check(c.expect(wire.CONNACK).session, 0, 'session present')


def t_incidents():
    """Who was refused, taken over, or closed, and why."""
    with Daemon('max_connections_total 2\nconnection_messages false') as d:
        d.running()
        with d.client('x') as first, d.client('x') as second:
            first.expect_closed(0x8e)
            with d.client('y') as y:
                Client(d.address, 5).expect_end()
                Client(d.address, 5).expect_end()
                y.send(wire.packet(0x70, b'\0\0\0\0'))
                y.expect(wire.DISCONNECT)
            subset(session(d, 'x'), {'connections': 1}, 'x: the sessions are not the same')
            status, out, _ = d.ctl('-j', 'session', 'incidents')
            check(status, 0, 'exit status')
            found = [(i.get('client-id'), i['what'], i['times']) for i in json.loads(out)]
            check([f[0] for f in found], ['y', None, 'x'], 'client ids')
            check(found[1][1:], ('max_connections_total exceeded', 2), 'refused')
            status, out, _ = d.ctl('-j', 'session', 'incidents', 'x')
            check([i['what'] for i in json.loads(out)],
                  ['already connected, closing old connection'], 'of one client')
            second.ping()


def t_flood():
    """A client that provokes lines gets a few, and then their number."""
    with Daemon('log_type all') as d:
        d.running()
        for i in range(100):
            with Client(d.address, 5) as c:
                c.send(b'\xf0\x00')
                c.expect_end()
        line = d.line('similar messages suppressed: "disconnected due to')
        check(int(line.split()[1]) > 0, True, 'number')


def t_log_topic():
    """Log lines as messages, to those who have subscribed."""
    with Daemon('log_dest stderr\nlog_dest topic\nlog_type all\nlog_timestamp false') as d:
        d.running()
        with d.client('watcher') as watcher:
            watcher.subscribed('$SYS/broker/log/M/#', '$SYS/broker/log/N')

            def wait_for(topic, text):
                while True:
                    line = watcher.message_of()
                    if (line.topic, text in line.payload) == (topic, True):
                        return

            with d.client('x') as c:
                wait_for(b'$SYS/broker/log/N', b'New client connected from 127.0.0.1:')
                c.subscribed('a/b')
                wait_for(b'$SYS/broker/log/M/subscribe', b'x 0 a/b')
            # More than there is room for
            for _ in range(300):
                with Client(d.address, 5) as c:
                    c.send(b'\xf0\x00')
            d.client('last')
            wait_for(b'$SYS/broker/log/N', b' as last ')


def t_journal():
    """Lines for a stream of the journal have priorities, and no time stamps."""
    read, write = os.pipe()
    st = os.fstat(write)
    with Daemon() as d:
        d.running()
        env = {**os.environ, 'JOURNAL_STREAM': f'{st.st_dev}:{st.st_ino}'}
        d.end()
        p = subprocess.Popen([program(), '-c', d.config], stderr=write, env=env)
        os.close(write)
        with os.fdopen(read) as lines:
            check(next(lines).startswith('<6>mqttd '), True, 'the first line')
            for line in lines:
                if line.endswith('running\n'):
                    p.send_signal(signal.SIGTERM)
        check(p.wait(PATIENCE), 0, 'exit status')


def main():
    tests = {name: f for name, f in globals().items() if name.startswith('t_')}
    names = sys.argv[1:] or list(tests)
    runner = Runner(len(names))
    for name in names:
        if getattr(tests[name], 'root', False) and os.geteuid():
            runner.skip(name, 'only root can')
        else:
            runner.run(name, tests[name])
    sys.exit(1 if runner.failed else 0)


if __name__ == '__main__':
    main()
