# SPDX-License-Identifier: MIT
"""A broker of the tests' own, and how tests are run and reported (KTAP)."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from certificates import Authority, client_context
from connection import FRAMED, PATIENCE, SECURE
from wire import Failure

SETTINGS = '''allow_anonymous true
auth_delay 0
max_packet_size 100000
log_type all
workers 2
'''


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Broker:
    """mqttd on a port of its own, until the end of the with block.

    DIR in @settings and in @files, name to contents, is a directory of its own; @files may be
    a function that fills it. @begin comes in front of the first listener.
    """

    def __init__(self, program, dataplane, settings='', files=(), tls=False, web=False, begin=''):
        self.address = ('127.0.0.1', free_port())
        self.program = program
        self.dataplane = dataplane
        # Others write to it while it is read from its beginning
        self.log = tempfile.TemporaryFile('a+b')
        # The daemon may have given up root's rights when it comes there
        self.dir = tempfile.TemporaryDirectory(prefix='mqttd-test-')
        os.chmod(self.dir.name, 0o777)
        self.write('conf', f'{begin}listener {self.address[1]} 127.0.0.1\ndataplane {dataplane}\n'
                           f'{self._secure() if tls else ""}{self._frame() if web else ""}'
                           f'{SETTINGS}{settings}')
        if callable(files):
            files(self.dir.name)
        else:
            for name, text in dict(files).items():
                self.write(name, text)
        self.process = self.drain = None
        self._start()

    def _secure(self):
        """The first listener has TLS, and connections to it, too."""
        authority = Authority(self.dir.name, 'tls-ca')
        authority.issue('tls-server')
        SECURE[self.address] = client_context(authority)
        return 'certfile DIR/tls-server.pem\nkeyfile DIR/tls-server.key\n'

    def _frame(self):
        """Likewise, WebSockets."""
        FRAMED.add(self.address)
        return 'protocol websockets\n'

    def write(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text.replace('DIR', self.dir.name))
        return path

    def _start(self):
        self.process = subprocess.Popen([self.program, '-c', os.path.join(self.dir.name, 'conf')],
                                        stderr=subprocess.PIPE, bufsize=0)
        try:
            self._wait()
        except Exception:
            self._end(signal.SIGKILL)
            raise
        # From here on nobody reads: the rest goes where it can be shown
        self.drain = subprocess.Popen(['cat'], stdin=self.process.stderr, stdout=self.log)

    def _wait(self):
        for line in self.process.stderr:
            self.log.write(line)
            self.log.flush()
            if line.endswith(b'running\n'):
                return
        raise Failure('mqttd does not start: ' + self.text())

    def text(self):
        """Not by the file's position, which the one who writes moves, too."""
        self.log.flush()
        file = self.log.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode(errors='replace')

    def last_words(self):
        return '\n'.join(self.text().splitlines()[-50:])

    def alive(self):
        """Fails if the daemon has ended by itself, and starts it anew."""
        if self.process.poll() is not None:
            status = self._end(signal.SIGKILL)
            self._start()
            raise Failure(f'mqttd has ended with status {status}')

    def _end(self, sig):
        """Returns how the daemon has ended."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        status = self.process.wait(PATIENCE)
        if self.drain:
            self.drain.wait(PATIENCE)
            self.drain = None
        self.process.stderr.close()
        return status

    def stop(self, sig=signal.SIGTERM):
        status = self._end(sig)
        if status != (-sig if sig == signal.SIGKILL else 0):
            raise Failure(f'mqttd has ended with status {status}\n{self.last_words()}')

    def restart(self, sig=signal.SIGTERM):
        """Ended by this signal, and started anew on the same port."""
        self.stop(sig)
        self._start()

    def restart_stopped(self):
        """It has ended, and is started anew."""
        self._start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            SECURE.pop(self.address, None)
            FRAMED.discard(self.address)
            self.dir.cleanup()


def daemon_only(test):
    """A test of what the data plane has no part in."""
    test.daemon_only = True
    return test


class Outside:
    """A broker that somebody else runs, as HOST:PORT."""

    def __init__(self, address):
        host, _, port = address.rpartition(':')
        self.address = (host, int(port))

    def last_words(self):
        return ''

    def alive(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def program():
    return os.environ.get('MQTTD', os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                '../../build/mqttd'))


class Runner:
    """Prints a result per test, and with @times how long each took."""

    def __init__(self, total, times=False):
        self.number = self.failed = 0
        self.times = times
        print(f'KTAP version 1\n1..{total}', flush=True)

    def run(self, name, function, *args):
        self.number += 1
        begun = time.monotonic()
        try:
            function(*args)
        except Exception as error:      # pylint: disable=broad-except
            self.failed += 1
            for line in traceback.format_exc().splitlines()[-8:]:
                print('#', line)
            print(f'not ok {self.number} {name} # {type(error).__name__}', flush=True)
        else:
            print(f'ok {self.number} {name}', flush=True)
        if self.times:
            print(f'# {time.monotonic() - begun:.2f} s', flush=True)

    def skip(self, name, why):
        self.number += 1
        print(f'ok {self.number} {name} # SKIP {why}', flush=True)

    def finish(self, broker):
        if self.failed:
            for line in broker.last_words().splitlines():
                print('# mqttd:', line)
        sys.exit(1 if self.failed else 0)
