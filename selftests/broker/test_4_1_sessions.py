# SPDX-License-Identifier: MIT
"""Sessions: 3.1.2.4, 3.1.2.11.2, 4.1, 4.4."""
from connection import LEVELS, NEVER, Client, forget, session
from wire import ALIAS_MAX, CONTENT_TYPE, EXPIRY, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, USER, \
    answer, check, publish


def present(level):
    """MQTT 3.1 has no Session Present."""
    return 0 if level == 3 else 1


def t_clean_start(address):
    """[MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.3-2] [MQTT-3.1.4-4] [MQTT-3.2.2-2]
    [MQTT-3.2.2-3] [MQTT-3.1.2-23] A session of each version goes on in each other."""
    for old in LEVELS:
        for new in LEVELS:
            session(address, old, 'clean').subscribed('clean', options=1).leave()
            with session(address, new, 'clean', present=present(new)) as client:
                client.publish('elsewhere', b'', 1)
                with Client(address, 4).connected('at') as pub:
                    pub.publish('clean', b'x', 1)
                    client.message('clean', b'x', 1)
                    client.drop()
                    # Without the session nothing is left of it
                    with Client(address, new).connected('clean') as client:
                        pub.publish('clean', b'x', 1)
                        client.subscribed('clean', options=1)
                        pub.publish('clean', b'y', 1)
                        client.message('clean', b'y', 1)
            forget(address, 'clean')


def t_session_ends_with_its_connection(address):
    """[MQTT-4.1.0-2] [MQTT-3.1.2-23] MQTT 5.0 without an expiry interval, 3.x with
    Clean Session."""
    for level in LEVELS:
        client = Client(address, level).connected('short', clean=level != 5)
        client.subscribed('short', options=1).leave()
        with Client(address, 5).connected('short', clean=False):
            pass


def t_offline_queue(address):
    """[MQTT-4.5.0-1] [MQTT-3.8.4-8] [MQTT-4.6.0-5] What came meanwhile, but at QoS 0, in order,
    with its properties, never as a duplicate."""
    given = [(USER, (b'k', b'1')), (CONTENT_TYPE, b't'), (USER, (b'k', b'0'))]
    for level in LEVELS:
        sub = session(address, level, 'away').subscribed('away/1', options=1)
        sub.subscribed('away/2', options=2).leave()
        with Client(address, 5).connected('at') as pub:
            for i in range(30):
                for topic in ('away/1', 'away/2'):
                    pub.publish(topic, b'%d' % i, i % 3, properties=given)
        with session(address, level, 'away', present=present(level)) as sub:
            want = {(topic, qos): [b'%d' % i for i in range(30) if min(i % 3, most) == qos]
                    for topic, most in (('away/1', 1), ('away/2', 2)) for qos in (1, 2)}
            for p in sub.receive(40):
                check((p.dup, p.retain), (False, False), 'DUP, RETAIN')
                check(p.payload, want[p.topic.decode(), p.qos].pop(0), 'payload')
                check(p.properties, given if level == 5 else [], 'properties')
        forget(address, 'away')


def t_again_after_a_break(address):
    """[MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.3.2-3] [MQTT-4.3.3-3]
    What was not acknowledged comes again with DUP, its identifier and in its order, a PUBREL
    instead of the PUBLISH; then no more."""
    for level in LEVELS:
        forget(address, 'break')
        with Client(address, 4).connected('at') as pub:
            sub = session(address, level, 'break').subscribed('break', options=2)
            for i in range(6):
                pub.publish('break', b'%d' % i, 1 + i % 2)
            first = [sub.message('break', b'%d' % i, 1 + i % 2, ack=False) for i in range(6)]
            sub.acknowledge(first[0], first[1])
            sub.send(answer(PUBREC, first[3].packet_id))
            sub.expect(PUBREL, first[3].packet_id)
            sub.drop()

            sub = session(address, level, 'break', present=present(level))
            got = {p.packet_id: p for p in (sub.next() for _ in range(4))}
            check(list(i for i, p in got.items() if p.type == PUBLISH),
                  [first[i].packet_id for i in (2, 4, 5)], 'PUBLISH again')
            check(got[first[3].packet_id].type, PUBREL, 'type')
            for i in (2, 4, 5):
                p = got[first[i].packet_id]
                check((p.payload, p.qos, p.dup), (b'%d' % i, 1 + i % 2, True), 'the message')
            sub.send(answer(PUBCOMP, first[3].packet_id))
            sub.acknowledge(got[first[5].packet_id])
            sub.send(answer(PUBACK, first[2].packet_id), answer(PUBACK, first[4].packet_id))
            sub.ping()
            sub.drop()

            with session(address, level, 'break', present=present(level)) as sub:
                for qos in (1, 2):
                    pub.publish('break', b'end', qos)
                    sub.message('break', b'end', qos)
    forget(address, 'break')


def t_not_again_without_a_break(address):
    """[MQTT-4.4.0-1] Nothing that happens on the connection makes the broker send it again."""
    with Client(address, 5).connected('patient').subscribed('patient', options=1) as sub, \
            Client(address, 4).connected('at') as pub:
        pub.publish('patient', b'1', 1)
        first = sub.message('patient', b'1', 1, ack=False)
        sub.subscribed('patient', options=1)
        sub.ping()
        pub.publish('patient', b'2', 1)
        sub.message('patient', b'2', 1)
        sub.acknowledge(first)


def t_incoming_after_a_break(address):
    """[MQTT-4.3.3-10] The session knows which QoS 2 messages it has had; a new
    session does not."""
    for level in LEVELS:
        with Client(address, 4).connected('to').subscribed('in', options=2) as sub:
            with session(address, level, 'incoming') as pub:
                pub.send(publish(level, 'in', b'once', qos=2, packet_id=5))
                pub.expect(PUBREC, 5)
            with session(address, level, 'incoming', present=present(level)) as pub:
                pub.send(publish(level, 'in', b'once', qos=2, packet_id=5, dup=True))
                pub.expect(PUBREC, 5)
                pub.send(answer(PUBREL, 5))
                check(pub.expect(PUBCOMP, 5).code, 0, 'PUBCOMP')
                sub.message('in', b'once', 2)
                pub.send(publish(level, 'in', b'other', qos=2, packet_id=5))
                pub.expect(PUBREC, 5)
            with Client(address, level).connected('incoming') as pub:
                pub.send(publish(level, 'in', b'again', qos=2, packet_id=5, dup=True))
                pub.finish(2, 5)
                # What has become of the other one is for the broker to decide
                p = sub.receive(1)[0]
                if p.payload == b'other':
                    p = sub.receive(1)[0]
                check(p.payload, b'again', 'payload')


def t_subscriptions_are_kept(address):
    """[MQTT-3.1.2-5] [MQTT-4.1.0-1] With all of their options."""
    with session(address, 5, 'options') as sub:
        sub.subscribed('opt/id', options=1, ident=7).subscribed('opt/own', options=0x05)
        sub.subscribed('opt/rap', options=0x09)
    with session(address, 5, 'options', present=1) as sub, \
            Client(address, 5).connected('at') as pub:
        pub.publish('opt/id', b'1', 1)
        check(sub.message('opt/id', b'1', 1).values(0x0b), [7], 'subscription identifiers')
        pub.publish('opt/rap', b'', 1, retain=True)
        sub.message('opt/rap', b'', 1, retain=True)
        sub.publish('opt/own', b'own', 1)
        pub.publish('opt/own', b'of others', 1)
        sub.message('opt/own', b'of others', 1)
    forget(address, 'options')


def t_taken_over(address):
    """[MQTT-3.1.4-3] [MQTT-3.1.2-5] [MQTT-4.4.0-1] The session goes on at the new connection."""
    for old in LEVELS:
        for new in LEVELS:
            with session(address, old, 'over').subscribed('over', options=1) as first, \
                    Client(address, 4).connected('at') as pub:
                pub.publish('over', b'1', 1)
                ident = first.message('over', b'1', 1, ack=False).packet_id
                with session(address, new, 'over', present=present(new)) as second:
                    first.expect_closed(0x8e)
                    check(second.message('over', b'1', 1, dup=True).packet_id, ident, 'identifier')
                    pub.publish('over', b'2', 1)
                    second.message('over', b'2', 1)
            forget(address, 'over')


def t_expiry_at_disconnect(address):
    """3.14.2.2.2: DISCONNECT has the last word on how long the session is kept, and 0 ends it;
    [MQTT-4.1.0-2]."""
    for last, kept in ((0, 0), (100, 1), (NEVER, 1), (None, 1)):
        session(address, 5, 'last', expiry=1000).leave(
            properties=[] if last is None else [(EXPIRY, last)])
        with session(address, 5, 'last', present=kept):
            pass
        forget(address, 'last')


def t_expiry_of_the_last_connection(address):
    """3.1.2.11.2: each CONNECT says anew how long the session is kept."""
    for kept, expiry in ((0, NEVER), (1, 0), (0, 100), (1, None), (0, 0)):
        session(address, 5, 'anew', present=kept, expiry=expiry).leave()


def t_aliases_are_the_connections(address):
    """[MQTT-3.3.2-7] A session that is resumed has no topic aliases of before."""
    with session(address, 5, 'alias') as client:
        client.publish('alias', b'', properties=[(0x23, 1)])
        client.ping()
    with session(address, 5, 'alias', present=1, properties=[(ALIAS_MAX, 5)]) as client:
        client.send(publish(5, '', b'', [(0x23, 1)]))
        client.expect_closed(0x82)
    forget(address, 'alias')


class Receiver:
    """Gets messages of a session at QoS 2 exactly once, over connections that break."""

    def __init__(self, address, level):
        self.address, self.level = address, level
        self.got, self.held = [], set()
        self.sub = session(address, level, 'breaks').subscribed('breaks', options=2)

    def take(self, steps):
        """So many packets, and an answer to each; then the connection breaks."""
        for _ in range(steps):
            p = self.sub.next()
            if p.type == PUBLISH:
                check(p.dup or p.packet_id not in self.held, True, 'known ones have DUP')
                if p.packet_id not in self.held:
                    self.got.append(int(p.payload))
                self.held.add(p.packet_id)
                self.sub.send(answer(PUBREC, p.packet_id))
            else:
                check(p.type, PUBREL, 'type')
                self.held.discard(p.packet_id)
                self.sub.send(answer(PUBCOMP, p.packet_id))
        self.sub.drop()
        self.sub = session(self.address, self.level, 'breaks', present=present(self.level))


def t_exactly_once_over_breaks(address):
    """[MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.3.3-10] [MQTT-4.4.0-1] [MQTT-4.5.0-1] [MQTT-4.6.0-5]
    Both sides break again and again, in all states; nothing is lost, doubled or disordered."""
    total = 30
    for level in LEVELS:
        receiver = Receiver(address, level)
        pub = session(address, level, 'sender')
        for i in range(total):
            again = {'qos': 2, 'packet_id': i + 1}
            for broken in range(i % 3):
                pub.send(publish(level, 'breaks', b'%d' % i, dup=broken > 0, **again))
                if i % 2:
                    pub.expect(PUBREC, i + 1)
                pub.drop()
                pub = session(address, level, 'sender', present=present(level))
            pub.send(publish(level, 'breaks', b'%d' % i, dup=i % 3 > 0, **again))
            pub.finish(2, i + 1)
            if i % 7 == 6:
                receiver.take(i // 7 + 1)
        while len(receiver.got) < total or receiver.held:
            receiver.take(1)
        check(receiver.got, list(range(total)), 'messages')
        receiver.sub.drop()
        pub.drop()
        forget(address, 'breaks', 'sender')


def own_queue_limits(broker):
    """max_queued_messages: the newest are dropped; no publisher notices."""
    with broker('max_queued_messages 5\nmax_inflight_messages 1\n') as b, \
            Client(b.address, 5).connected('at') as pub:
        session(b.address, 4, 'full').subscribed('full', options=1).leave()
        for i in range(10):
            check(pub.publish('full', b'%d' % i, 1).code, 0, 'PUBACK')
        with session(b.address, 4, 'full', present=1) as sub:
            got = [int(sub.message_of('full').payload) for _ in range(5)]
            pub.publish('full', b'99', 1)
            while got[-1] != 99:
                got.append(int(sub.message_of('full').payload))
            # Those in flight may be in addition
            check(got in ([0, 1, 2, 3, 4, 99], [0, 1, 2, 3, 4, 5, 99]), True, f'messages {got}')
