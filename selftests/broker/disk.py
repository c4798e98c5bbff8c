#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The broker's disk is full: what it may not forget waits, and all goes on by itself.

As root, who can mount a small file system.
"""
import select
import subprocess
import sys
import tempfile
import time

from broker import Broker, Runner, program
from connection import PATIENCE, Client, session
from wire import PUBACK, Failure, check, publish

PAYLOAD = b'x' * 10000


def mount(*args):
    return subprocess.run(['mount', *args], check=False, stderr=subprocess.DEVNULL).returncode == 0


def logged(broker, text):
    end = time.monotonic() + PATIENCE
    while text not in broker.text():
        if time.monotonic() > end:
            raise Failure(f'the log does not say "{text}"')
        time.sleep(0.05)


def publish_until_full(broker, pub):
    """Returns how many were sent, all of them acknowledged but the last."""
    for n in range(5000):
        pub.send(publish(5, 'disk', b'%d ' % n + PAYLOAD, qos=1, packet_id=n + 1))
        while not select.select([pub.sock], [], [], 0.1)[0]:
            if 'cannot be written' in broker.text():
                return n + 1
        pub.expect(PUBACK, n + 1)
    raise Failure('the disk is never full')


def disk_full(directory):
    settings = f'persistence true\npersistence_location {directory}/\nmax_queued_messages 0\n'
    with Broker(program(), 'user', settings) as broker:
        session(broker.address, 5, 'away').subscribed('disk', options=1).leave()
        with Client(broker.address, 5).connected('pub') as pub, \
                Client(broker.address, 5).connected('other').subscribed('other') as other:
            sent = publish_until_full(broker, pub)
            # Nobody else is disturbed
            other.publish('other', b'0')
            other.message('other', b'0')
            # It is tried again, but that is not said again
            time.sleep(2.5)
            check(broker.text().count('cannot be written'), 1, 'complaints')
            check(mount('-o', 'remount,size=200m', directory), True, 'there is room again')
            logged(broker, 'can be written again')
            pub.expect(PUBACK, sent)
        broker.restart(9)
        with session(broker.address, 5, 'away', present=1) as away:
            got = away.receive(sent)
            check([int(p.payload.split()[0]) for p in got], list(range(sent)), 'messages')


def main():
    runner = Runner(1)
    with tempfile.TemporaryDirectory(prefix='mqttd-disk-') as directory:
        if not mount('-t', 'tmpfs', '-o', 'size=3m,mode=777', 'none', directory):
            runner.skip('full disk', 'only root can mount')
            return
        try:
            runner.run('full disk', disk_full, directory)
        finally:
            subprocess.run(['umount', directory], check=True)
    sys.exit(runner.failed)


if __name__ == '__main__':
    main()
