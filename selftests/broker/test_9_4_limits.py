# SPDX-License-Identifier: MIT
"""Clients that do not read, and those that publish too much."""
import contextlib
import select
import signal
import time

from connection import LEVELS, PATIENCE, Client
from wire import DISCONNECT, PUBLISH, Failure, check, first_packet, publish

# More than what the system keeps for two sockets, and the queue in between
COUNT, SIZE = 600, 16000


def lazy(address, level=5, client_id='lazy', **kwargs):
    """A subscriber: as long as it does not read its system takes little for it."""
    return Client(address, level).connected(client_id, **kwargs)


def numbered(level, i, topic='t'):
    return publish(level, topic, b'%08d' % i + bytes(SIZE - 8))


def flood(pub, begin=0, end=COUNT, topics=1):
    """The broker has seen it all when this returns."""
    for i in range(begin, end):
        pub.send(numbered(pub.level, i, f't/{i % topics}'))
    pub.ping()


def ready(client, seconds):
    return bool(client.aside or first_packet(client.data) or client.readable(seconds))


def harvest(sub, pub):
    """Numbers and topics of all messages that are still to come."""
    got, deadline = [], time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not ready(sub, 0.1):
            # Nothing that comes later overtakes it; it may be dropped itself
            pub.send(publish(pub.level, 'end', b''))
            ready(sub, 0.3)
            continue
        p = sub.expect(PUBLISH)
        if p.topic == b'end':
            return got
        got.append((int(p.payload[:8]), p.topic.decode()))
    raise Failure(f'the end does not come, but {len(got)} messages')


def numbers(got):
    result = [number for number, _ in got]
    check(result, sorted(set(result)), 'in the order in which they were published')
    return result


@contextlib.contextmanager
def slow(broker, settings, level=5):
    """What a subscriber gets that has not read for a while: its numbers and topics."""
    with broker(settings) as b, lazy(b.address, level) as sub, \
            Client(b.address, level).connected('pub') as pub:
        sub.subscribed('t/#', 'end')
        flood(pub)
        yield harvest(sub, pub)


def own_drop_new(broker):
    """slow_consumer_policy drop-new: what comes first is there."""
    # One worker: the publisher's PINGRESP comes behind the last message
    with slow(broker, 'workers 1\nmax_queued_bytes 200000\n') as got:
        got = numbers(got)
        check(got[0] == 0 and got[-1] < COUNT - 1, True, f'{len(got)} of the first')


def own_drop_old(broker):
    """slow_consumer_policy drop-old: what comes last is there, and packets are whole."""
    for level in LEVELS:
        with slow(broker, 'max_queued_bytes 200000\nslow_consumer_policy drop-old\n',
                  level) as got:
            got = numbers(got)
            check(len(got) < COUNT, True, 'some were dropped')
            check(got[-5:], list(range(COUNT - 5, COUNT)), 'the last ones')


def own_conflate(broker):
    """slow_consumer_policy conflate: of each topic what comes last is there, however rare."""
    for level in (4, 5):
        with broker('max_queued_bytes 400000\nslow_consumer_policy conflate\n') as b, \
                lazy(b.address, level) as sub, Client(b.address, level).connected('pub') as pub:
            sub.subscribed('t/#', 'end')
            flood(pub, 0, COUNT // 2, topics=10)
            pub.send(numbered(level, COUNT, 't/rare'))
            flood(pub, COUNT // 2, COUNT, topics=10)
            got = harvest(sub, pub)
            check(len(got) < COUNT, True, 'some were dropped')
            check((COUNT, 't/rare') in got, True, 'the rare one is there')
            for topic in range(10):
                mine = numbers([one for one in got if one[1] == f't/{topic}'])
                check(mine[-1], COUNT - 10 + topic, f'the last one of t/{topic}')


def own_messages(broker):
    """slow_consumer_messages: a limit besides the bytes, with each policy."""
    for policy in ('drop-new', 'drop-old', 'conflate'):
        with slow(broker, f'workers 1\nslow_consumer_messages 10\n'
                          f'slow_consumer_policy {policy}\n') as got:
            got = numbers(got)
            check(len(got) < COUNT, True, 'some were dropped')
            check(COUNT - 1 in got, policy != 'drop-new', f'the last one is there: {policy}')


def own_total(broker):
    """max_queued_bytes_total: what all queues may hold together."""
    with slow(broker, 'max_queued_bytes_total 500000\nslow_consumer_policy drop-old\n') as got:
        check(len(numbers(got)) < COUNT, True, 'some were dropped')


def ends_slow(sub):
    """The rest of the stream of a client that was too slow; old ones are told nothing."""
    if sub.level < 5:
        while sub.sock.recv(1 << 20):
            pass
        return
    while (p := sub.next()) and p.type == PUBLISH:
        pass
    check(p and (p.type, p.code), (DISCONNECT, 0x97), 'DISCONNECT')
    sub.expect_end()


def flood_until_closed(b, pub, text):
    """Others are served on, and the operator can see it."""
    deadline, i = time.monotonic() + PATIENCE, 0
    while text not in b.text():
        check(time.monotonic() < deadline, True, f'"{text}" comes in time')
        flood(pub, i, i + 100)
        i += 100


def own_disconnect(broker):
    """slow_consumer_policy disconnect: with reason code 0x97, and nothing else is lost."""
    with broker('max_queued_bytes 200000\nslow_consumer_policy disconnect\n') as b, \
            Client(b.address, 5).connected('pub') as pub, \
            Client(b.address, 4).connected('other').subscribed('other') as other:
        for level in LEVELS:
            name = f'lazy{level}'
            with lazy(b.address, level, name) as sub:
                sub.subscribed('t/#')
                flood_until_closed(b, pub, f'Client {name} [127.0.0.1:')
                ends_slow(sub)
            pub.publish('other', b'%d' % level)
            other.message('other', b'%d' % level, 0)
            with Client(b.address, level).connected(name).subscribed('x') as sub:
                sub.publish('x', b'back')
                sub.message('x', b'back', 0)


def own_limits_reload(broker):
    """What SIGHUP has changed holds for clients that are there."""
    with broker('max_queued_bytes 200000\n') as b, \
            Client(b.address, 5).connected('pub') as pub, lazy(b.address) as sub:
        sub.subscribed('t/#')
        flood(pub)
        b.write('conf', f'listener {b.address[1]} 127.0.0.1\nallow_anonymous true\n'
                        'log_type all\nmax_packet_size 100000\n'
                        'max_queued_bytes 200000\nslow_consumer_policy disconnect\n')
        b.process.send_signal(signal.SIGHUP)
        flood_until_closed(b, pub, 'Client lazy [127.0.0.1:')
        ends_slow(sub)


def own_qos1_stays(broker):
    """Policies are about QoS 0: messages at QoS 1 wait, and control packets pass."""
    with broker('max_queued_bytes 200000\nmax_queued_messages 100\n'
                'slow_consumer_policy drop-old\n') as b, \
            lazy(b.address) as sub, Client(b.address, 5).connected('pub') as pub:
        sub.subscribed('t/#', 'end').subscribed('kept/#', options=1)
        flood(pub, 0, COUNT // 2)
        for i in range(10):
            check(pub.publish(f'kept/{i}', b'%d' % i, 1).code, 0, 'PUBACK')
        flood(pub, COUNT // 2, COUNT)
        sub.send(b'\xc0\x00')
        kept, last, pong = [], -1, 0
        deadline = time.monotonic() + PATIENCE
        while len(kept) < 10 or last < COUNT - 1 or not pong:
            check(time.monotonic() < deadline, True, 'all comes in time')
            p = sub.next()
            if p.type != PUBLISH:
                check(p.byte1, 0xd0, 'a packet')
                pong += 1
            elif p.qos:
                sub.send(bytes([0x40, 2]) + p.packet_id.to_bytes(2, 'big'))
                kept.append(p.topic)
            else:
                check(int(p.payload[:8]) > last, True, 'in order')
                last = int(p.payload[:8])
        check(kept, [b'kept/%d' % i for i in range(10)], 'messages at QoS 1')


def send_or_stall(pub, data):
    """Returns what is left when the broker has not taken anything for a while."""
    view = memoryview(data)
    while view and select.select([], [pub.sock], [], 1)[1]:
        view = view[pub.send_some(view):]
    return view


def own_pause(broker):
    """slow_consumer_pause: publishers wait for a subscriber, and nothing is lost."""
    with broker('workers 1\nmax_queued_bytes 2000000\nslow_consumer_pause 10000\n') as b, \
            lazy(b.address) as sub, Client(b.address, 5).connected('pub') as pub, \
            Client(b.address, 5).connected('other') as other:
        sub.subscribed('t/#')
        left = send_or_stall(pub, b''.join(numbered(5, i, 't/0') for i in range(2 * COUNT)))
        check(len(left) > 0, True, 'the publisher has to wait')
        # One that has nothing to do with it does not
        other.publish('x', b'', 1)
        got = []
        while len(got) < 2 * COUNT:
            _, writable, _ = select.select([sub.sock], [pub.sock] if left else [], [], PATIENCE)
            if writable:
                left = left[pub.send_some(left):]
            while ready(sub, 0) and len(got) < 2 * COUNT:
                got.append(int(sub.expect(PUBLISH).payload[:8]))
        check(got, list(range(2 * COUNT)), 'messages')


def own_pause_all(broker):
    """Whichever worker has them, publishers to one that does not read have to wait."""
    with broker('max_queued_bytes 2000000\nslow_consumer_pause 10000\n') as b, \
            lazy(b.address) as sub, contextlib.ExitStack() as stack:
        sub.subscribed('t/#')
        data = b''.join(numbered(5, i, 't/0') for i in range(2 * COUNT))
        for i in range(5):
            pub = stack.enter_context(Client(b.address, 5).connected(f'pub{i}'))
            check(len(send_or_stall(pub, data)) > 0, True, f'publisher {i} has to wait')


def own_pause_ends(broker):
    """One that does not read at all holds publishers up once, and then loses messages."""
    with slow(broker, 'workers 1\nmax_queued_bytes 200000\nslow_consumer_pause 500\n') as got:
        check(numbers(got)[-1] < COUNT - 1, True, 'some were dropped')


def own_rate_waits(broker):
    """message_rate and byte_rate with rate_policy wait: nothing is lost, and it takes its time."""
    for settings in ('message_rate 120', f'byte_rate {120 * SIZE}'):
        with broker(f'{settings}\n') as b, \
                Client(b.address, 5).connected('sub').subscribed('t') as sub, \
                Client(b.address, 5).connected('pub') as pub:
            begin = time.monotonic()
            pub.send(*(numbered(5, i) for i in range(300)))
            for i in range(300):
                check(int(sub.expect(PUBLISH).payload[:8]), i, 'message')
            check(time.monotonic() - begin > 1.2, True, 'it took more than 1.2 s')


def own_rate_drops(broker):
    """rate_policy drop: QoS 0 only, and the burst of a second is there."""
    for settings in ('message_rate 50', f'byte_rate {50 * SIZE}'):
        with broker(f'{settings}\nrate_policy drop\n') as b, \
                Client(b.address, 5).connected('sub').subscribed('t', options=1) as sub, \
                Client(b.address, 5).connected('pub') as pub, \
                Client(b.address, 5).connected('other') as other:
            sub.subscribed('end')
            pub.send(*(numbered(5, i, 't') for i in range(COUNT)))
            for i in range(10):
                check(pub.publish('t', b'%08d' % i + bytes(SIZE - 8), 1).code, 0, 'PUBACK')
            other.send(publish(5, 'end', b''))
            zero, one = [], []
            # On the kernel's data plane they may come in any order
            while len(one) < 10 or zero[-1:] != ['end']:
                p = sub.message_of()
                (one if p.qos else zero).append(p.topic == b'end' and 'end' or int(p.payload[:8]))
            check(one, list(range(10)), 'messages at QoS 1')
            check(zero[:-1], sorted(set(zero[:-1])), 'in order')
            check(zero[:45], list(range(45)), 'the first ones')
            check(len(zero) < COUNT - 50, True, f'{len(zero)} of {COUNT}')


def own_limits_counted(broker):
    """What was dropped and who had to wait is told below $SYS, of both data planes."""
    def figures(b):
        names = {f'$SYS/broker/{name}' for name in (
            'publish/messages/dropped', 'publish/messages/dropped/old',
            'publish/messages/dropped/rate', 'clients/held/rate')}
        with Client(b.address, 5).connected('sys').subscribed('$SYS/broker/#') as client:
            found = {}
            while not names <= set(found):
                p = client.expect(PUBLISH)
                found[p.topic.decode()] = p.payload.decode()
            return [int(found[name]) for name in sorted(names)]

    def wait(b, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition(*figures(b)):
            check(time.monotonic() < deadline, True, f'the figures change: {figures(b)}')

    with broker('sys_interval 1\nmax_queued_bytes 200000\nslow_consumer_policy drop-old\n') as b, \
            lazy(b.address) as sub, Client(b.address, 5).connected('pub') as pub:
        sub.subscribed('t/#')
        flood(pub)
        wait(b, lambda held, dropped, old, rate: dropped >= old > 0 == rate == held)
    with broker('sys_interval 1\nmessage_rate 10\nrate_policy drop\n') as b, \
            Client(b.address, 5).connected('pub') as pub, \
            Client(b.address, 5).connected('sub').subscribed('t'):
        pub.send(*(publish(5, 't', b'') for _ in range(300)))
        wait(b, lambda held, dropped, old, rate: dropped >= rate > 0 == old)
        for _ in range(30):
            pub.publish('t', b'', 1)
        wait(b, lambda held, dropped, old, rate: held > 0)
