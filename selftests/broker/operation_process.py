# SPDX-License-Identifier: MIT
"""Signals, the service manager, privileges, and who may use the control socket."""
import contextlib
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time

import wire
from broker import free_port, program
from connection import PATIENCE, Client
from operation_daemon import CONTROL, Daemon, root_only
from wire import check


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
        d.line("is new, which takes a restart")
        d.listeners = settings
        d.configure('')
        d.forbid_anonymous()
        with Client(d.address, 5) as c:
            c.send(wire.connect(5, 'x'))
            check(c.expect(wire.CONNACK).code, 0x87, 'CONNACK')


def connack(port, **kwargs):
    with Client(('127.0.0.1', port), 5) as c:
        c.send(wire.connect(5, 'x', **kwargs))
        return c.expect(wire.CONNACK).code


def t_sighup_pairs():
    """What a listener is told is meant for it, wherever it is in the configuration."""
    with Daemon() as d:
        open_port, secure = d.port, free_port()
        users, rules = (os.path.join(d.dir.name, name) for name in ('users', 'rules'))
        for path in (users, rules):
            with open(path, 'w', encoding='utf-8'):
                pass

        def write(*listeners):
            with open(d.config, 'w', encoding='utf-8') as f:
                f.write(f'per_listener_settings true\ncontrol_socket_path {d.control}\n'
                        'dataplane user\nworkers 1\n' + ''.join(listeners))

        anonymous = f'listener {open_port} 127.0.0.1\nallow_anonymous true\n'
        closed = (f'listener {secure} 127.0.0.1\nallow_anonymous false\n'
                  f'password_file {users}\n')
        added = f'listener {free_port()} 127.0.0.1\nallow_anonymous true\n'
        write(anonymous, closed)
        d.running()
        # It has been started with another file
        d.end()
        d.process.stderr.close()
        d.process = subprocess.Popen([program(), '-c', d.config], stderr=subprocess.PIPE,
                                     env={**os.environ,
                                          'NOTIFY_SOCKET': d.notify.getsockname()})
        d.pid = d.process.pid
        d.running()
        d.message('STOPPING=1')
        d.message('READY=1')
        for listeners in ((closed, anonymous), (added, anonymous, closed), (anonymous, added)):
            write(*listeners)
            d.reload()
            check((connack(open_port), connack(secure)), (0, 0x87), 'CONNACK')
        d.line(f"'listener {secure} 127.0.0.1' is not in the configuration any more")
        # Looser, but with restrictions that are not there before a restart
        write(anonymous, closed.replace('false', 'true') + f'acl_file {rules}\n')
        d.reload()
        check(connack(secure), 0x87, 'CONNACK')
        d.line("'allow_anonymous' of listener")
        # Tighter at once
        write(anonymous.replace('true', 'false') + f'acl_file {rules}\n', closed)
        d.reload()
        check((connack(open_port), connack(secure)), (0x87, 0x87), 'CONNACK')
        # A mistake in one file keeps all from being applied
        with open(rules, 'w', encoding='utf-8') as f:
            f.write('nonsense\n')
        write(anonymous + f'acl_file {rules}\n', closed.replace('false', 'true'))
        d.reload()
        d.line('stays as it was')
        check((connack(open_port), connack(secure)), (0x87, 0x87), 'CONNACK')
        write(anonymous, closed.replace('false', 'true'))
        d.reload()
        check((connack(open_port), connack(secure)), (0, 0), 'CONNACK')


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
    with tempfile.TemporaryDirectory() as directory:
        with Daemon(f'persistence true\npersistence_location {directory}') as d:
            d.running()
            d.signal(signal.SIGUSR1)
            d.line('Everything is saved in')


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
            done = subprocess.run([program(), '-d', '-c', conf], timeout=60, check=False,
                                  stderr=subprocess.PIPE, text=True)
            check(done.returncode, status, f'exit status of the parent on port {port}')
            check('the port is in use' in done.stderr, bool(status), 'what it says')
            if status:
                continue
            with Client(('127.0.0.1', port), 5).connected('x') as c:
                with open(pid_file, encoding='ascii') as f:
                    os.kill(int(f.read()), signal.SIGTERM)
                c.expect_closed(0x8b)
            while os.path.exists(pid_file):
                time.sleep(0.01)


def t_test_config():
    """What a configuration names and is not there is found before a start."""
    with tempfile.TemporaryDirectory() as directory:
        conf = os.path.join(directory, 'conf')

        def test(text):
            with open(conf, 'w', encoding='utf-8') as f:
                f.write(text)
            done = subprocess.run([program(), '--test-config', '-c', conf], timeout=60,
                                  check=False, capture_output=True, text=True)
            return done.returncode, done.stderr

        check(test('\ufefflistener 1883\n'), (0, ''), 'nothing wrong, behind a byte order mark')
        status, said = test('user nobody-at-all\npersistence true\n'
                            'persistence_location /nonexistent/db\n'
                            'log_dest file /nonexistent/log\npassword_file /nonexistent/users\n'
                            'security_log /nonexistent/events\n'
                            'control_socket_path /run/mqttd/other\n'
                            'control_socket_group nobodies-at-all\n')
        check(status, 1, 'exit status')
        for text in ("there is no user 'nobody-at-all'", "persistence_location: '/nonexistent/db'",
                     "log_dest: '/nonexistent'", 'password_file /nonexistent/users',
                     "security_log: '/nonexistent'",
                     "there is no control_socket_group 'nobodies-at-all'"):
            check(text in said, True, text)
        for text in ('listener 1883\nlistener 1883\n', 'listener 1883\nlistener 1883 # again\n'):
            status, said = test(text)
            check((status, f'{conf}:2: ' in said), (1, True), text)


def t_mosquitto_database():
    """Whoever comes from mosquitto is told that its database is not read."""
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, 'mosquitto.db'), 'wb') as f:
            f.write(b'\0\xb5\0mosquitto db')
        settings = f'persistence true\npersistence_location {directory}/'
        with Daemon(settings) as d:
            d.line(f"{directory}/mosquitto.db is mosquitto's database")
            d.running()


@root_only
def t_privileges():
    """With 'user' nothing of root is left; mqttd-router has CAP_NET_ADMIN if the kernel may be
    wanted."""
    nobody = pwd.getpwnam('nobody')
    for plane in ('user', 'auto'):
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
                  {'Inh': 0, 'Prm': 0, 'Eff': 0, 'Bnd': 0, 'Amb': 0}, 'capabilities')
            helpers = {h['Name']: (h['Uid'].split()[0], int(h['CapEff'], 16)) for h in d.helpers()}
            check(helpers, {'mqttd-router': (str(nobody.pw_uid), 1 << 12)}
                  if plane == 'auto' else {}, 'other processes')
            st = os.stat(d.control)
            check((st.st_uid, st.st_gid, st.st_mode & 0o777),
                  (nobody.pw_uid, nobody.pw_gid, 0o660), 'control socket')
            # It is his database, and what he can read he can read again
            with d.client('kept', properties=[(0x11, 100)]):
                check(d.session('kept')['durable'], 'yes', 'durable')
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
