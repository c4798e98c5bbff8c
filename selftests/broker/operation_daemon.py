# SPDX-License-Identifier: MIT
"""mqttd as its operator and the service manager start it."""
import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import socket
import subprocess
import tempfile
import time

from broker import free_port, program
from connection import PATIENCE, Client
from wire import Failure, check

CONTROL = os.path.join(os.path.dirname(program()), 'mqttctl')


class Daemon:
    """mqttd, with all that it can be given, until the end of the with block.

    DIR in the settings is its directory, which @fill puts files into.
    """

    def __init__(self, settings='', listeners=None, env=None, argv=(), fds=(), limit=None,
                 launcher=(), status=0, port=None, plane='user', fill=None):
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
        if fill:
            fill(self.dir.name)
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
                    f'{settings.replace("DIR", self.dir.name)}\n{self.listeners}\nallow_anonymous true\n')

    def forbid_anonymous(self):
        with open(self.config, encoding='utf-8') as f:
            text = f.read().replace('anonymous true', 'anonymous false')
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(text)
        self.reload()

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

    def helpers(self):
        """The same of all processes that it has made, and that these have made."""
        found = {}
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError), open(f'/proc/{pid}/status', encoding='ascii') as f:
                found[pid] = dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)
        ours = [str(self.pid)]
        for pid in ours:
            ours += [p for p, status in found.items() if status['PPid'] == pid]
        return [found[pid] for pid in ours[1:] if not found[pid]['State'].startswith('Z')]

    def helper(self, name):
        """The process id of the one with this name, as soon as it is there."""
        deadline = time.monotonic() + PATIENCE
        while True:
            pids = [int(status['Pid']) for status in self.helpers() if status['Name'] == name]
            if pids:
                return pids[0]
            if time.monotonic() > deadline:
                raise Failure(f'there is no {name}')

    def ticks(self, pid):
        """What the process has used of the processor."""
        with open(f'/proc/{pid}/stat', encoding='ascii') as f:
            return sum(map(int, f.read().rpartition(')')[2].split()[11:13]))

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

    def sessions(self):
        """By client id, as the list shows them."""
        status, out, err = self.ctl('-j', 'session', 'list')
        check((status, err), (0, ''), 'session list')
        return {session['client-id']: session for session in json.loads(out)}

    def session(self, client_id):
        status, out, err = self.ctl('-j', 'session', 'show', client_id)
        check((status, err), (0, ''), 'session show')
        return json.loads(out)

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


def root_only(function):
    function.root = True
    return function
