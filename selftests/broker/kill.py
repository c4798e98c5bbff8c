#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The broker is killed again and again while clients work, and starts again.

What a publisher got its acknowledgement for has to be delivered: at QoS 2 once, at
QoS 1 at least once, in order, to subscribers with sessions, and the last message of
each topic has to be retained. The clients lose nothing: they are told of the end of
their connections, come back to their sessions, and go on where they were.

    kill.py [--cycles N] [--seed S] [--dataplane user|kernel]
"""
import argparse
import collections
import random
import select
import signal
import socket
import subprocess
import sys
import time

from broker import Broker, Runner, program
from connection import NEVER, PATIENCE, Client
from wire import CONNACK, DISCONNECT, EXPIRY, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, Failure, \
    Packet, answer, check, connect, first_packet, publish, subscribe

SETTINGS = '''persistence true
persistence_location DIR/
max_queued_messages 0
max_inflight_messages 50
'''
SHUTTING_DOWN = 0x8b
# Messages of a publisher without their last acknowledgement
WINDOW = 20


class Peer:
    """A client with a session that outlives its connections."""

    def __init__(self, name, level):
        self.name, self.level = name, level
        self.sock = None
        self.data, self.out = bytearray(), b''
        self.connected = self.known = False

    def open(self, address):
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex(address)
        self.data, self.out = bytearray(), b''
        self.connected = False
        properties = [(EXPIRY, NEVER)] if self.level == 5 else []
        self.send(connect(self.level, self.name, clean=False, properties=properties))

    def close(self):
        if self.sock:
            self.sock.close()
        self.sock = None
        self.connected = False

    def send(self, *packets):
        self.out += b''.join(packets)

    def flush(self):
        try:
            self.out = self.out[self.sock.send(self.out):]
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def receive(self):
        try:
            data = self.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self.close()
            return
        self.data += data
        while self.sock and (p := self._packet()):
            self._handle(p)

    def _packet(self):
        first = first_packet(self.data)
        if not first:
            return None
        size, head = first
        p = Packet(self.data[0], bytes(self.data[head:size]), self.level)
        del self.data[:size]
        return p

    def _handle(self, p):
        if p.type == DISCONNECT:
            check(p.code, SHUTTING_DOWN, 'reason of DISCONNECT')
            self.close()
            return
        if p.type != CONNACK:
            self.handle(p)
            return
        check(p.code, 0, f'CONNACK for {self.name}')
        # Who was told that it has a session has it until the end. 3.1 is not told
        if self.level > 3 and self.known and not p.session:
            raise Failure(f'the session of {self.name} is gone')
        self.known = self.connected = True
        self.resume()

    def resume(self):
        """The connection is there."""

    def handle(self, p):
        """A packet has come."""


class Publisher(Peer):
    """Sends numbered messages, and again those without acknowledgement."""

    def __init__(self, name, level, qos):
        super().__init__(name, level)
        self.qos = qos
        self.sent = self.acknowledged = 0
        # Packet identifier to number, in the order in which they were sent, and those
        # of whom PUBREC has come
        self.flying, self.received = collections.OrderedDict(), collections.OrderedDict()
        self.last_id = 0

    def _publish(self, packet_id, number, dup=False):
        self.send(publish(self.level, f'k/{self.name}', f'{self.name} {number}'.encode(),
                          qos=self.qos, packet_id=packet_id, dup=dup, retain=True))

    def resume(self):
        for packet_id in self.received:
            self.send(answer(PUBREL, packet_id))
        for packet_id, number in self.flying.items():
            self._publish(packet_id, number, dup=True)

    def more(self, n):
        while self.connected and n and len(self.flying) + len(self.received) < WINDOW:
            self.last_id = self.last_id % 0xffff + 1
            self.flying[self.last_id] = self.sent
            self._publish(self.last_id, self.sent)
            self.sent += 1
            n -= 1

    def handle(self, p):
        if p.type == PUBACK and self.qos == 1:
            del self.flying[p.packet_id]
            self.acknowledged += 1
        elif p.type == PUBREC and self.qos == 2:
            self.received[p.packet_id] = self.flying.pop(p.packet_id)
            self.acknowledged += 1
            self.send(answer(PUBREL, p.packet_id))
        elif p.type == PUBCOMP and self.qos == 2:
            # PUBREL is sent again when the broker was gone, and answered each time
            self.received.pop(p.packet_id, None)
        else:
            raise Failure(f'{self.name} got {p!r}')

    def idle(self):
        return not self.flying and not self.received


class Subscriber(Peer):
    """Notes what comes, at QoS 2 what is new."""

    def __init__(self, name, level, qos):
        super().__init__(name, level)
        self.qos = qos
        # Publisher to numbers, as they came, and those that came at all
        self.got, self.seen = collections.defaultdict(list), collections.defaultdict(set)
        self.unreleased = set()
        self.subscribed = False

    def resume(self):
        if not self.subscribed:
            # What is retained would come twice
            self.send(subscribe(self.level, ('k/+', self.qos | (0x20 if self.level == 5 else 0))))

    def handle(self, p):
        if p.type == SUBACK:
            check(p.codes, [self.qos], 'SUBACK')
            self.subscribed = True
        elif p.type == PUBLISH:
            if p.qos == 2:
                new = p.packet_id not in self.unreleased
                self.unreleased.add(p.packet_id)
            else:
                new = True
            if new:
                name, number = p.payload.decode().split()
                check(p.topic.decode(), f'k/{name}', 'topic')
                self.got[name].append(int(number))
                self.seen[name].add(int(number))
            self.send(answer(PUBACK if p.qos == 1 else PUBREC, p.packet_id))
        elif p.type == PUBREL:
            self.unreleased.discard(p.packet_id)
            self.send(answer(PUBCOMP, p.packet_id))
        else:
            raise Failure(f'{self.name} got {p!r}')


def serve(peers, timeout):
    """A round of what can be sent and received. Returns whether anything was."""
    there = {p.sock: p for p in peers if p.sock}
    writable = [s for s, p in there.items() if p.out]
    readable, writable, _ = select.select(list(there), writable, [], timeout)
    for sock in writable:
        there[sock].flush()
    for sock in readable:
        if there[sock].sock:
            there[sock].receive()
    return bool(readable or writable)


def work(peers, address, seconds, rng, away=()):
    """All but those that are @away are connected and do what they do."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for p in peers:
            if not p.sock and p not in away:
                p.open(address)
            if isinstance(p, Publisher):
                p.more(rng.randrange(4))
        serve(peers, min(left, 0.01))


def settle(peers, address, done, missing):
    """Until @done says so, or @missing tells what does not come."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise Failure(f'{missing()} does not come')
        for p in peers:
            if not p.sock:
                p.open(address)
        if serve(peers, 0.1):
            end = time.monotonic() + PATIENCE


class Victim(Broker):
    """A broker that is killed."""

    def kill(self, rng):
        """And starts again; the next one may be killed while it starts."""
        self.stop(signal.SIGKILL)
        if rng.random() < 0.2:
            process = subprocess.Popen([self.program, '-c', self.dir.name + '/conf'],
                                       stderr=subprocess.DEVNULL)
            time.sleep(rng.random() * 0.05)
            process.kill()
            process.wait()
        self._start()


def missing_deliveries(pubs, subs):
    """The first few for each, and how many."""
    missing = {}
    for sub in subs:
        for pub in pubs:
            if numbers := set(range(pub.sent)) - sub.seen[pub.name]:
                missing[f'{pub.name} to {sub.name}'] = (sorted(numbers)[:10], len(numbers))
    return missing


def assert_delivered(pub, sub):
    """In order, and as often as it may be."""
    numbers = sub.got[pub.name]
    first = list(dict.fromkeys(numbers))
    check(first, sorted(first), f'order in which {sub.name} got the messages of {pub.name}')
    if min(pub.qos, sub.qos) == 2 and len(numbers) != pub.sent:
        twice = [n for n, times in collections.Counter(numbers).items() if times > 1]
        raise Failure(f'{sub.name} got {twice[:10]} of {pub.name} more than once')


def assert_retained(address, pubs):
    with Client(address, 4).connected('retained').subscribed('k/+', options=0) as client:
        last = dict(client.message_of().payload.decode().split() for _ in pubs)
    check(last, {p.name: str(p.sent - 1) for p in pubs}, 'retained messages')


def run(args):
    rng = random.Random(args.seed)
    pubs = [Publisher(f'pub{i}', (3, 4, 5)[i % 3], 1 + i % 2) for i in range(6)]
    subs = [Subscriber(f'sub{i}', (3, 4, 5)[i % 3], 1 + i % 2) for i in range(6)]
    peers = pubs + subs
    print(f'# seed {args.seed}', flush=True)
    with Victim(program(), args.dataplane, SETTINGS) as broker:
        settle(peers, broker.address, lambda: all(s.subscribed for s in subs), lambda: 'SUBACK')
        for _ in range(args.cycles):
            away = [s for s in subs if rng.random() < 0.2]
            for s in away:
                s.close()
            work(peers, broker.address, rng.random() * rng.choice((0.02, 0.2, 0.4)), rng, away)
            broker.kill(rng)
        settle(peers, broker.address, lambda: all(p.idle() for p in pubs),
               lambda: f'the answer to {[(p.name, p.flying, p.received) for p in pubs]}')
        settle(peers, broker.address,
               lambda: all(len(s.seen[p.name]) == p.sent for s in subs for p in pubs)
               and not any(s.unreleased for s in subs),
               lambda: f'{missing_deliveries(pubs, subs)} or PUBREL'
               f' for {[(s.name, s.unreleased) for s in subs if s.unreleased]}')
        # What would come too often comes before this
        broker.restart()
        settle(peers, broker.address, lambda: all(p.connected for p in peers), lambda: 'CONNACK')
        work(peers[len(pubs):], broker.address, 0.2, rng)
        for sub in subs:
            for pub in pubs:
                assert_delivered(pub, sub)
        assert_retained(broker.address, pubs)
    for p in peers:
        p.close()
    print(f'# {args.cycles} times killed, {sum(p.sent for p in pubs)} messages')


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cycles', type=int, default=10)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    parser.add_argument('--dataplane', choices=('user', 'kernel'), default='user')
    args = parser.parse_args()
    runner = Runner(1)
    runner.run(f'killed {args.cycles} times', run, args)
    sys.exit(runner.failed)


if __name__ == '__main__':
    main()
