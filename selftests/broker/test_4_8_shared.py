# SPDX-License-Identifier: MIT
"""Shared subscriptions: 4.8.2."""
import contextlib
import time

from connection import LEVELS, NEVER, PATIENCE, Client, forget, session
from wire import PUBACK, PUBREC, RECEIVE_MAX, SUBACK, SUBSCRIPTION_ID, answer, check, \
    publish, subscribe


@contextlib.contextmanager
def members(address, number, name, level=5, options=2):
    """Clients that share a subscription."""
    clients = [Client(address, level).connected(f'member{i}').subscribed(name, options=options)
               for i in range(number)]
    try:
        yield clients
    finally:
        for client in clients:
            client.sock.close()


def gathered(clients, total):
    """The messages that they have got when there are so many; not acknowledged."""
    got = [[] for _ in clients]
    deadline = time.monotonic() + PATIENCE
    while sum(map(len, got)) < total and time.monotonic() < deadline:
        for client, messages in zip(clients, got):
            messages += client.waiting()
    check(sum(map(len, got)), total, 'messages')
    return got


def acknowledged(clients, total):
    got = gathered(clients, total)
    for client, messages in zip(clients, got):
        client.acknowledge(*messages)
    return sorted(p.payload for messages in got for p in messages)


def t_one_of_the_group(address):
    """[MQTT-4.8.2-1] [MQTT-4.8.2-3] Each message goes to one of them, in each version, at each
    QoS."""
    for level in LEVELS:
        for qos in range(3):
            with Client(address, 4).connected('at') as pub, \
                    members(address, 3, '$share/group/one/+', level) as clients, \
                    Client(address, 5).connected('plain').subscribed('one/1', options=2) as plain:
                want = [b'%d' % i for i in range(12)]
                for payload in want:
                    pub.publish('one/1', payload, qos)
                    plain.message('one/1', payload, qos)
                check(acknowledged(clients, len(want)), sorted(want), 'what the group has got')


def t_granted_qos_of_the_member(address):
    """[MQTT-4.8.2-3] [MQTT-3.8.4-8] Whoever is chosen gets it at its own QoS."""
    with Client(address, 4).connected('at') as pub, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(address, 5).connected(f'member{i}'))
                   for i in range(3)]
        for qos, client in enumerate(clients):
            client.subscribed('$share/g/granted', options=qos)
        for _ in range(9):
            pub.publish('granted', b'x', 2)
        for qos, messages in enumerate(gathered(clients, 9)):
            check([p.qos for p in messages], [qos] * len(messages), 'QoS')


def t_separate_copies(address):
    """4.8.2: one for each group and one for all plain subscriptions, each with its identifiers;
    [MQTT-3.3.4-5]."""
    with Client(address, 5).connected('all') as sub, Client(address, 4).connected('at') as pub:
        for name, ident in (('$share/g/c/a', 1), ('$share/g/c/+', 2), ('$share/h/c/a', 3),
                            ('c/a', 4), ('c/#', 5)):
            sub.subscribed(name, options=1, ident=ident)
        for qos in (0, 1):
            pub.publish('c/a', b'x', qos)
            got = sorted(sorted(sub.message('c/a', b'x', qos).values(SUBSCRIPTION_ID))
                         for _ in range(4))
            check(got, [[1], [2], [3], [4, 5]], 'identifiers of the copies')
        sub.ping()


def t_dollar_behind_the_group(address):
    """[MQTT-4.7.2-1] The filter begins behind the group's name."""
    with Client(address, 4).connected('at') as pub, \
            Client(address, 5).connected('d').subscribed('$share/g/$d/#', options=1) as hidden, \
            Client(address, 5).connected('wild').subscribed('$share/g/#', options=1) as wild:
        for topic, client in (('$d/x', hidden), ('d/x', wild), ('$d', hidden), ('/', wild)):
            pub.publish(topic, b'x', 1)
            client.message(topic, b'x', 1)
        hidden.ping()
        wild.ping()


def t_share_is_no_topic(address):
    """[MQTT-4.8.2-1] What is published to a topic of this kind is for no group."""
    with Client(address, 5).connected('sub').subscribed('$share/g/t', options=1) as sub, \
            Client(address, 4).connected('at') as pub:
        pub.publish('$share/g/t', b'x', 1)
        pub.publish('t', b'y', 1)
        sub.message('t', b'y', 1)


def t_names_of_groups(address):
    """[MQTT-4.8.2-1] [MQTT-4.8.2-2] Not empty, without wildcards, and a filter follows."""
    for level in LEVELS:
        for name in ('$share//a', '$share/g', '$share/g/', '$share/+/a', '$share/#', '$share/g+/a',
                     '$share/#/a', '$share/', '$share/g/a#', '$share/g/#/a'):
            with Client(address, level).connected('names') as client:
                client.send(subscribe(level, (name, 0)))
                p = client.next()
                if p and p.type == SUBACK:
                    check(p.codes[0] >= 0x80, True, f'{name} is refused')
                elif level == 5:
                    check(p.code in (0x81, 0x82, 0x8f), True, f'reason code {p.code:#x}')
                    client.expect_end()
                else:
                    check(p, None, f'what comes for {name}')
        with Client(address, level).connected('names') as client:
            client.subscribed('$share/ä/a', '$share/ /a', '$share/$/a', '$share/g//', '$share/g/+',
                              '$share', '$shared/g/a', '$SHARE/g/a')


def t_no_local_and_shared(address):
    """[MQTT-3.8.3-4] A protocol error."""
    with Client(address, 5).connected('nl') as client:
        client.send(subscribe(5, ('$share/g/a', 0x04)))
        client.expect_closed(0x82)


def t_leaving_the_group(address):
    """[MQTT-3.10.4-1] [MQTT-3.10.4-2] By UNSUBSCRIBE, by the end of the session, and with the
    last member the group is gone."""
    with Client(address, 4).connected('at') as pub, \
            members(address, 3, '$share/g/leave', options=1) as clients:
        clients[0].unsubscribed('$share/g/leave')
        for i in range(4):
            pub.publish('leave', b'%d' % i, 1)
        check(acknowledged(clients[1:], 4), [b'0', b'1', b'2', b'3'], 'of two')
        clients[1].leave()
        for i in range(4):
            pub.publish('leave', b'%d' % i, 1)
            clients[2].message('leave', b'%d' % i, 1)
        clients[2].unsubscribed('$share/g/leave')
        pub.publish('leave', b'nobody', 1)
        clients[0].subscribed('$share/g/leave', options=1)
        pub.publish('leave', b'back', 1)
        clients[0].message('leave', b'back', 1)


def t_replaced_in_the_group(address):
    """[MQTT-3.8.4-3] The same subscription once more has its new options."""
    with Client(address, 5).connected('again') as sub, Client(address, 4).connected('at') as pub:
        for options, ident in ((0, 1), (2, 2), (1, None)):
            sub.subscribed('$share/g/again', options=options, ident=ident)
            for _ in range(2):
                pub.publish('again', b'x', 2)
                p = sub.message('again', b'x', options)
                check(p.values(SUBSCRIPTION_ID), [ident] if ident else [], 'identifiers')


def t_offline_members(address):
    """4.8.2: if nobody of the group is there, it waits for one of them."""
    sub = session(address, 5, 'alone').subscribed('$share/g/off', options=1)
    sub.leave()
    with Client(address, 4).connected('at') as pub:
        for i in range(4):
            pub.publish('off', b'%d' % i, 1)
        with session(address, 5, 'alone', present=1) as sub:
            for i in range(4):
                sub.message('off', b'%d' % i, 1)
    forget(address, 'alone')


def first_member(address, options, expiry=NEVER):
    """Of group g of topic "re", with a window of one message."""
    first = session(address, 5, 'first', expiry=expiry, properties=[(RECEIVE_MAX, 1)])
    return first.subscribed('$share/g/re', options=options)


def t_qos1_goes_to_another_one(address):
    """4.8.2: when the session of the chosen one ends before its PUBACK; also what waited."""
    with Client(address, 4).connected('at') as pub:
        first = first_member(address, 1, expiry=0)
        for i in range(3):
            pub.publish('re', b'%d' % i, 1)
        first.message('re', b'0', 1, ack=False)
        with Client(address, 5).connected('second').subscribed('$share/g/re', options=1) as second:
            first.leave()
            check([second.message_of('re').payload for _ in range(3)], [b'0', b'1', b'2'],
                  'messages of the other one')


def t_qos2_stays(address):
    """[MQTT-4.8.2-4] [MQTT-4.8.2-5] Completed when the same client is there again, and with the
    end of its session given to nobody."""
    with Client(address, 4).connected('at') as pub:
        for ends in (False, True):
            first = first_member(address, 2)
            pub.publish('re', b'x', 2)
            ident = first.message('re', b'x', 2, ack=False).packet_id
            with Client(address, 5).connected('second') as second:
                second.subscribed('$share/g/re', options=2)
                first.drop()
                if ends:
                    forget(address, 'first')
                else:
                    with session(address, 5, 'first', present=1) as first:
                        check(first.message('re', b'x', 2, dup=True).packet_id, ident, 'identifier')
                        first.unsubscribed('$share/g/re')
                pub.publish('re', b'next', 2)
                second.message('re', b'next', 2)
            forget(address, 'first')


def t_refused_is_discarded(address):
    """[MQTT-4.8.2-6] PUBACK and PUBREC with an error: nobody else gets it, even later."""
    for qos in (1, 2):
        with Client(address, 4).connected('at') as pub, \
                members(address, 2, '$share/g/refuse', options=qos) as clients:
            for i in range(6):
                pub.publish('refuse', b'%d' % i, qos)
            for client, messages in zip(clients, gathered(clients, 6)):
                for p in messages:
                    client.send(answer(PUBACK if qos == 1 else PUBREC, p.packet_id, 0x83))
            clients[0].leave()
            pub.publish('refuse', b'next', qos)
            clients[1].message('refuse', b'next', qos)


def t_shared_expiry_of_the_session(address):
    """4.8.2, [MQTT-4.1.0-2] A member whose session has expired is not chosen any more."""
    with Client(address, 4).connected('at') as pub:
        session(address, 5, 'gone', expiry=0).subscribed('$share/g/gone', options=1).leave()
        with Client(address, 5).connected('there').subscribed('$share/g/gone', options=1) as there:
            for i in range(4):
                pub.publish('gone', b'%d' % i, 1)
                there.message('gone', b'%d' % i, 1)


def t_two_filters_of_a_group(address):
    """4.8.2: the same name with another filter is another subscription."""
    with Client(address, 5).connected('f1').subscribed('$share/g/f/1', options=1) as one, \
            Client(address, 5).connected('f2').subscribed('$share/g/f/+', options=1) as two, \
            Client(address, 5).connected('at') as pub:
        pub.send(publish(5, 'f/1', b'x', qos=1, packet_id=1))
        pub.expect(PUBACK, 1)
        one.message('f/1', b'x', 1)
        two.message('f/1', b'x', 1)
