# SPDX-License-Identifier: MIT
"""Retained messages: 3.3.1.3, 3.8.3.1, 4.8.2."""
from connection import LEVELS, Client, retained, unretained
from wire import PUBLISH, SUBACK, check, publish, subscribe


def nothing_retained(address, *topics):
    with Client(address, 5).connected('nothing').subscribed(*topics, options=1) as client:
        client.publish(topics[0], b'end', 1)
        client.message(topics[0], b'end', 1)


def t_retained(address):
    """[MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT-3.3.1-8] [MQTT-3.3.1-12] [MQTT-3.8.4-8]
    Set, replaced and removed at each QoS by each version."""
    for level in LEVELS:
        with unretained(address, 'r/1'), \
                Client(address, level).connected('live').subscribed('r/1', options=2) as live, \
                Client(address, level).connected('at') as pub:
            for qos in range(3):
                for payload in (b'one', b'two'):
                    pub.publish('r/1', payload, qos, retain=True)
                    live.message('r/1', payload, qos)
                pub.publish('r/1', b'', qos)
                live.message('r/1', b'', qos)
                pub.publish('r/1', b'passing', qos)
                live.message('r/1', b'passing', qos)
                for granted in range(3):
                    with Client(address, level).connected('late') as late:
                        late.subscribed('r/1', options=granted)
                        late.message('r/1', b'two', min(qos, granted), retain=True)
                pub.publish('r/1', b'', qos, retain=True)
                live.message('r/1', b'', qos)
                nothing_retained(address, 'r/1')
                live.message('r/1', b'end', 1)


def t_retained_properties(address):
    """[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18]
    [MQTT-3.3.2-20] [MQTT-3.3.4-3] Are kept with it, and subscription identifiers are added."""
    given = [(0x26, (b'k', b'1')), (0x01, 1), (0x03, b'text'), (0x08, b'answer'), (0x09, b'\0\xff'),
             (0x26, (b'k', b'0'))]
    with retained(address, 'r/p', properties=given):
        with Client(address, 4).connected('to4').subscribed('r/+') as sub:
            sub.message('r/p', b'kept', retain=True)
        with Client(address, 5).connected('to5').subscribed('r/+', ident=300) as sub:
            p = sub.message('r/p', b'kept', retain=True)
            check([x for x in p.properties if x[0] != 0x0b], given, 'properties')
            check(p.values(0x0b), [300], 'subscription identifiers')


def t_retain_handling(address):
    """[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-3] [MQTT-3.8.4-4] For new
    subscriptions and for those that there are."""
    with retained(address, 'r/h'):
        for handling, new, old in ((0, 1, 1), (1, 1, 0), (2, 0, 0)):
            with Client(address, 5).connected('handling') as sub:
                for expected in (new, old, old):
                    sub.subscribed('r/h', options=handling << 4)
                    check(len(sub.waiting(expected)), expected, 'retained messages')
                sub.unsubscribed('r/h')
                sub.subscribed('r/h', options=handling << 4)
                check(len(sub.waiting(new)), new, 'retained messages')
        for level in (3, 4):
            with Client(address, level).connected('handling') as sub:
                for _ in range(2):
                    sub.subscribed('r/h')
                    sub.message('r/h', b'kept', retain=True)


def t_retain_as_published(address):
    """[MQTT-3.3.1-12] [MQTT-3.3.1-13] The flag of those that come live."""
    with unretained(address, 'r/a'), \
            Client(address, 5).connected('rap').subscribed('r/a', options=0x0a) as rap, \
            Client(address, 5).connected('plain').subscribed('r/a', options=0x02) as plain:
        for level in LEVELS:
            with Client(address, level).connected('at') as pub:
                for qos in range(3):
                    for payload, retain in ((b'x', True), (b'y', False), (b'', True)):
                        pub.publish('r/a', payload, qos, retain=retain)
                        rap.message('r/a', payload, qos, retain=retain)
                        plain.message('r/a', payload, qos)


def t_retained_by_wildcards(address):
    """[MQTT-3.3.1-9] [MQTT-4.7.2-1] [MQTT-4.7.1-1] [MQTT-4.7.1-2] What matches, each once for
    each subscription."""
    topics = ['r/w', 'r/w/a', 'r/w/a/b', 'r/w/c', 'r/w//', '$r/w/a', 'R/w']
    wanted = {'r/w/#': topics[:5], 'r/w/+': ['r/w/a', 'r/w/c'], '+/w/+/#': topics[1:5],
              'r/+': ['r/w'], '$r/#': ['$r/w/a'], 'r/w/+/+': ['r/w/a/b', 'r/w//'], 'r/w/x': [],
              '+/w/a': ['r/w/a']}
    with retained(address, *topics):
        for name, want in wanted.items():
            with Client(address, 5).connected('wild').subscribed(name) as sub:
                got = [sub.message_of().topic.decode() for _ in want]
                check(sorted(got), sorted(want), f'topics for {name}')
                sub.ping()


def t_retained_and_shared(address):
    """4.8.2: a shared subscription is sent none."""
    with retained(address, 'r/s') as pub:
        for level in LEVELS:
            with Client(address, level).connected('shared').subscribed('$share/g/r/s') as sub:
                pub.publish('r/s', b'live')
                sub.message('r/s', b'live')


def t_many_retained(address):
    """[MQTT-3.3.1-9] Others are served meanwhile, and the subscriber answered."""
    total = 400
    topics = [f'r/many/{i % 20}/{i}' for i in range(total)]
    with unretained(address, 'r/many', *topics), Client(address, 5).connected('at') as pub, \
            Client(address, 4).connected('other').subscribed('r/other') as other:
        pub.send(*(publish(5, topic, b'x' * 100, retain=True) for topic in topics))
        pub.publish('r/many', b'last', 1, retain=True)
        with Client(address, 5).connected('to') as sub:
            sub.send(subscribe(5, ('r/many/#', 1)))
            pub.publish('r/other', b'x')
            other.message('r/other', b'x')
            got, answers = [], 0
            while len(got) < total + 1 or not answers:
                p = sub.next()
                if p.type == PUBLISH:
                    check(p.retain, True, 'RETAIN')
                    got.append(p.topic.decode())
                    sub.acknowledge(p)
                else:
                    check(p.type, SUBACK, 'type')
                    answers += 1
            check(sorted(got), sorted(topics + ['r/many']), 'topics')
    nothing_retained(address, 'r/many/0/0', 'r/many/#')


def t_subscribing_meanwhile(address):
    """[MQTT-3.3.1-5] [MQTT-3.3.1-9] [MQTT-4.6.0-6] None is missed, none comes twice, and none comes
    behind a later one, whether it is still on its way when the client subscribes or retained
    already."""
    number = 0
    with retained(address, 'r/race', payload=b'0', qos=0), \
            Client(address, 5).connected('at') as pub:
        for count in [1, 2, 5, 30] * 8:
            with Client(address, 4).connected('to') as sub:
                burst = [publish(5, 'r/race', b'%d' % (number + 1 + i), retain=True)
                         for i in range(2 * count)]
                number += 2 * count
                pub.send(*burst[:count])
                sub.send(subscribe(4, ('r/race', 0)))
                pub.send(*burst[count:])
                seen_all(sub, number)


def t_published_behind_subscribe(address):
    """[MQTT-3.3.1-9] What a client publishes right behind its SUBSCRIBE comes once, and not as
    retained."""
    topics = [f'r/behind/{i}' for i in range(20)]
    for level in LEVELS:
        with unretained(address, *topics), \
                Client(address, level).connected('both') as client:
            for topic in topics:
                client.send(subscribe(level, (topic, 0)),
                            publish(level, topic, b'x', retain=True))
                client.expect(SUBACK)
                client.message(topic, b'x')
            client.ping()
            check(client.waiting(), [], 'what else has come')


def seen_all(sub, last):
    """Up to @last, each of them once: the retained message, unless a later one that came by the
    subscription has replaced it, and those behind it in their order."""
    got = []
    while not got or got[-1] < last:
        p = sub.next()
        if p.type == SUBACK:
            continue
        check((p.type, p.qos), (PUBLISH, 0), 'PUBLISH at QoS 0')
        check((bool(p.retain), bool(got)) != (True, True), True, f'a retained message after {got}')
        got.append(int(p.payload))
    check(got, list(range(got[0], last + 1)), 'messages')


def t_retained_window(address):
    """[MQTT-3.3.4-9] Retained messages too are sent as the receiver's window allows."""
    with retained(address, 'r/q/1', 'r/q/2', 'r/q/3', qos=2), Client(address, 5) as sub:
        sub.connected('to', properties=[(0x21, 1)]).subscribed('r/q/+', options=2)
        first = sub.expect(PUBLISH)
        sub.ping()
        sub.acknowledge(first)
        sub.receive(2)


def t_retained_alias(address):
    """[MQTT-3.3.2-12] Retained under the topic that the alias stands for."""
    with unretained(address, 'r/alias'), Client(address, 5).connected('at') as pub:
        pub.publish('r/alias', b'', properties=[(0x23, 3)])
        pub.publish('', b'kept', 1, retain=True, properties=[(0x23, 3)])
        with Client(address, 5).connected('to').subscribed('r/#') as sub:
            sub.message('r/alias', b'kept', retain=True, properties=[])
        pub.publish('', b'', 1, retain=True, properties=[(0x23, 3)])
        nothing_retained(address, 'r/alias')


def own_retain_paced(broker):
    """3.8.4: more retained messages than a session's queue takes wait until there is room in it."""
    total = 50
    for limits in ('max_queued_messages 10', 'max_queued_messages 1', 'max_queued_bytes 5000'):
        with broker(f'max_inflight_messages 1\n{limits}\n') as b, \
                Client(b.address, 5).connected('at') as pub:
            for i in range(total):
                pub.publish(f'r/{i}', b'x' * (i % 4 * 1000 + 1), i % 2 + 1, retain=True)
            for level in LEVELS:
                with Client(b.address, level).connected('to').subscribed('r/+', options=2) as sub:
                    got = {sub.message_of().topic for _ in range(total)}
                    check(len(got), total, 'topics')
                    check(sub.waiting(), [], 'what else has come')


def own_retain_available(broker):
    """[MQTT-3.2.2-13] [MQTT-3.2.2-14] With retain_available false."""
    with broker('retain_available false\n') as b:
        with Client(b.address, 5).connected('no') as client:
            check(client.connack.value(0x25), 0, 'Retain Available')
            client.send(publish(5, 'r', b'x', retain=True))
            client.expect_closed(0x9a)
        with Client(b.address, 5) as client:
            client.refused('no', 0x9a, will=('r', b'x'), will_retain=True)
