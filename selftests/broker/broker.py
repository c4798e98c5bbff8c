# SPDX-License-Identifier: MIT
"""A broker of the tests' own, and how tests are run and reported (KTAP)."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback

import wire

SETTINGS = '''allow_anonymous true
max_packet_size 100000
log_type all
workers 2
'''


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Broker:
    """mqttd on a port of its own, until the end of the with block."""

    def __init__(self, program, dataplane, settings=''):
        self.address = ('127.0.0.1', free_port())
        self.log = tempfile.TemporaryFile()
        self.conf = tempfile.NamedTemporaryFile('w', suffix='.conf')
        self.conf.write(f'listener {self.address[1]} 127.0.0.1\ndataplane {dataplane}\n'
                        f'{SETTINGS}{settings}')
        self.conf.flush()
        self.process = subprocess.Popen([program, '-c', self.conf.name], stderr=subprocess.PIPE)
        try:
            self._wait()
        except Exception:
            self.stop()
            raise
        # From here on nobody reads: the rest goes where it can be shown
        self.drain = subprocess.Popen(['cat'], stdin=self.process.stderr, stdout=self.log)

    def _wait(self):
        for line in self.process.stderr:
            self.log.write(line)
            self.log.flush()
            if line.endswith(b'running\n'):
                return
        raise wire.Failure('mqttd does not start: ' + self.text())

    def text(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read().decode(errors='replace')

    def stop(self):
        """Returns how the daemon has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(wire.PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        status = self.stop()
        self.drain.wait(wire.PATIENCE)
        self.process.stderr.close()
        if status:
            raise wire.Failure(f'mqttd has ended with status {status}\n{self.text()}')


class Outside:
    """A broker that somebody else runs, as HOST:PORT."""

    def __init__(self, address):
        host, _, port = address.rpartition(':')
        self.address = (host, int(port))

    def text(self):
        return ''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def program():
    return os.environ.get('MQTTD', os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                '../../build/mqttd'))


class Runner:
    """Prints a result per test."""

    def __init__(self, total):
        self.number = self.failed = 0
        print(f'KTAP version 1\n1..{total}', flush=True)

    def run(self, name, function, *args):
        self.number += 1
        try:
            function(*args)
        except Exception as error:      # pylint: disable=broad-except
            self.failed += 1
            for line in traceback.format_exc().splitlines()[-8:]:
                print('#', line)
            print(f'not ok {self.number} {name} # {type(error).__name__}', flush=True)
        else:
            print(f'ok {self.number} {name}', flush=True)

    def skip(self, name, why):
        self.number += 1
        print(f'ok {self.number} {name} # SKIP {why}', flush=True)

    def finish(self, broker):
        if self.failed:
            for line in broker.text().splitlines()[-100:]:
                print('# mqttd:', line)
        sys.exit(1 if self.failed else 0)
