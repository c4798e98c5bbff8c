# SPDX-License-Identifier: MIT
"""What outlives the broker's process: persistence, ended with SIGTERM and with SIGKILL."""
import signal

from connection import LEVELS, NEVER, Client, forget, session
from wire import EXPIRY, MESSAGE_EXPIRY, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, \
    SUBSCRIPTION_ID, USER, WILL_DELAY, answer, check, publish

SETTINGS = 'persistence true\npersistence_location DIR/\n'
PROPERTIES = [(USER, (b'k', b'1')), (0x03, b'text'), (0x01, 1), (0x08, b'to'), (0x09, b'\0\xff'),
              (USER, (b'k', b'0'))]


def both(broker, before, after, settings=SETTINGS):
    """Runs @before, ends the broker in one way and the other, runs @after with its results."""
    with broker(settings) as b:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            state = before(b.address)
            b.restart(sig)
            after(b.address, state)


def own_restart_sessions(broker):
    """[MQTT-3.1.2-5] [MQTT-3.1.2-23] [MQTT-4.1.0-2] Sessions of all versions with their
    subscriptions and options, but for those that end with their connection."""
    def before(address):
        for level in LEVELS:
            # One that is there when the broker ends, one that is not
            session(address, level, f'on{level}').subscribed('p/1', options=1)
            session(address, level, f'off{level}').subscribed('p/1', 'p/#', options=2).leave()
        sub = session(address, 5, 'options').subscribed('p/id', options=0x29, ident=9)
        sub.subscribed('p/own', options=0x05).subscribed('$share/g/p/s', options=1)
        sub.subscribed('gone', options=1).unsubscribed('gone')
        Client(address, 5).connected('short').subscribed('p/1')
        Client(address, 4).connected('clean').subscribed('p/1')

    def after(address, _):
        with Client(address, 4).connected('at') as pub:
            pub.publish('p/1', b'x', 2)
            for level in LEVELS:
                for name, qos in ((f'on{level}', 1), (f'off{level}', 2)):
                    with session(address, level, name, present=level != 3) as sub:
                        sub.message('p/1', b'x', qos)
                    forget(address, name)
            with session(address, 5, 'options', present=1) as sub:
                pub.publish('gone', b'x', 1)
                pub.publish('p/s', b'shared', 1)
                sub.message('p/s', b'shared', 1)
                sub.publish('p/own', b'own', 1)
                pub.publish('p/id', b'', 1, retain=True)
                p = sub.message('p/id', b'', 1, retain=True)
                check(p.values(SUBSCRIPTION_ID), [9], 'identifiers')
                sub.leave(properties=[(EXPIRY, 0)])
        for level, name in ((5, 'short'), (4, 'clean')):
            session(address, level, name, expiry=0).leave()
        forget(address, 'clean')

    both(broker, before, after)


def own_restart_many_filters(broker):
    """What SUBACK and UNSUBACK say is on the disk, also of a packet with thousands of filters."""
    filters = [f'f/{i}' for i in range(2000)]

    def before(address):
        sub = session(address, 5, 'many').subscribed(*filters, options=1)
        sub.unsubscribed(*filters[::2])

    def after(address, _):
        with session(address, 5, 'many', present=1) as sub:
            sub.subscribed('f/end', options=1)
            for name in (*filters[:6], *filters[-6:], 'f/end'):
                sub.publish(name, b'x', 1)
            for name in (*filters[1:6:2], *filters[-5::2], 'f/end'):
                sub.message(name, b'x', 1)
        forget(address, 'many')

    both(broker, before, after)


def own_restart_queues(broker):
    """[MQTT-4.5.0-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8] What was acknowledged is delivered, in order,
    with its properties, once."""
    def before(address):
        session(address, 5, 'q5').subscribed('q', options=2).leave()
        session(address, 4, 'q4').subscribed('q', options=1).leave()
        with Client(address, 5).connected('at') as pub:
            for i in range(40):
                pub.publish('q', b'%d' % i, 1 + i % 2, properties=PROPERTIES)
            pub.publish('q', b'expires', 1, properties=[(MESSAGE_EXPIRY, 1000)])

    def after(address, _):
        for level, most in ((5, 2), (4, 1)):
            with session(address, level, f'q{level}', present=1) as sub:
                got = sub.receive(41)
                check(got[-1].payload, b'expires', 'payload')
                if level == 5:
                    check(900 < got[-1].value(MESSAGE_EXPIRY) <= 1000, True, 'expiry')
                for i, p in enumerate(got[:-1]):
                    check((p.payload, p.qos, p.dup), (b'%d' % i, min(most, 1 + i % 2), False),
                          'message')
                    if level == 5:
                        check([x for x in p.properties if x[0] == USER],
                              [x for x in PROPERTIES if x[0] == USER], 'user properties')
                        check(sorted(map(str, p.properties)), sorted(map(str, PROPERTIES)),
                              'properties')
                check(sub.waiting(), [], 'what else has come')
            forget(address, f'q{level}')

    both(broker, before, after)


def own_restart_in_flight(broker):
    """[MQTT-4.4.0-1] [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.3.3-10] Identifiers and states of both
    directions."""
    def before(address):
        with Client(address, 4).connected('at') as pub:
            sub = session(address, 5, 'fly').subscribed('fly', options=2)
            for i in range(4):
                pub.publish('fly', b'%d' % i, 1 + i % 2)
            got = [sub.message('fly', b'%d' % i, 1 + i % 2, ack=False) for i in range(4)]
            sub.send(answer(PUBREC, got[3].packet_id))
            sub.expect(PUBREL, got[3].packet_id)
            sub.acknowledge(got[0])
            sub.waiting()
            at = session(address, 4, 'half').subscribed('half', options=2)
            at.send(publish(4, 'half', b'x', qos=2, packet_id=77))
            at.answer(PUBREC, 77)
            return [p.packet_id for p in got]

    def after(address, ids):
        with session(address, 5, 'fly', present=1) as sub:
            got = {p.packet_id: p for p in (sub.next() for _ in range(3))}
            check({ident: p.type for ident, p in got.items()},
                  {ids[1]: PUBLISH, ids[2]: PUBLISH, ids[3]: PUBREL}, 'what comes again')
            check([(got[i].payload, got[i].dup) for i in ids[1:3]], [(b'1', True), (b'2', True)],
                  'messages')
            sub.send(answer(PUBCOMP, ids[3]), answer(PUBACK, ids[2]))
            sub.acknowledge(got[ids[1]])
            check(sub.waiting(), [], 'what else has come')
        with session(address, 4, 'half', present=1) as at:
            at.send(publish(4, 'half', b'x', qos=2, packet_id=77, dup=True))
            at.finish(2, 77)
            p = at.message_of('half')
            check((p.payload, p.qos), (b'x', 2), 'message')
            check(at.waiting(), [], 'what else has come')
        forget(address, 'fly', 'half')

    both(broker, before, after)


def own_restart_retained(broker):
    """[MQTT-3.3.1-5] [MQTT-3.3.1-6] Set, replaced and removed; with QoS, properties, expiry."""
    def before(address):
        with Client(address, 5).connected('at') as pub:
            for i in range(30):
                pub.publish(f'k/{i}', b'old', 1, retain=True)
            for i in range(0, 30, 3):
                pub.publish(f'k/{i}', b'', 1, retain=True)
            for i in range(1, 30, 3):
                pub.publish(f'k/{i}', b'new', 2, retain=True,
                            properties=[*PROPERTIES, (MESSAGE_EXPIRY, 1000)])

    def after(address, _):
        with Client(address, 5).connected('to').subscribed('k/#', options=2) as sub:
            got = {int(p.topic[2:]): p for p in sub.receive(20)}
            for i in range(30):
                if i % 3:
                    check((got[i].payload, got[i].qos, got[i].retain),
                          (b'new', 2, True) if i % 3 == 1 else (b'old', 1, True), 'message')
            check(900 < got[1].value(MESSAGE_EXPIRY) <= 1000, True, 'expiry')
            check(got[1].values(USER), [(b'k', b'1'), (b'k', b'0')], 'user properties')
        # The next round begins with what is left of this one

    both(broker, before, after)


def own_restart_will(broker):
    """[MQTT-3.1.2-8] A will that waits for its delay is not forgotten."""
    def before(address):
        session(address, 5, 'heir', expiry=NEVER).subscribed('will', options=1).leave()
        with Client(address, 5) as mortal:
            mortal.connected('mortal', properties=[(EXPIRY, NEVER)], will=('will', b'x'),
                             will_qos=1, will_properties=[(WILL_DELAY, 1)])
            mortal.leave(0x04)

    def after(address, _):
        with session(address, 5, 'heir', present=1) as heir:
            heir.message('will', b'x', 1)
        forget(address, 'heir', 'mortal')

    both(broker, before, after)


def own_not_persistent(broker):
    """persistence false: a new process knows nothing."""
    def before(address):
        session(address, 5, 'gone').subscribed('g', options=1).leave()
        with Client(address, 4).connected('at') as pub:
            pub.publish('g', b'kept', 1, retain=True)

    def after(address, _):
        with session(address, 5, 'gone', present=0).subscribed('#', options=1) as sub:
            check(sub.waiting(), [], 'what has come')
        forget(address, 'gone')

    both(broker, before, after, 'persistence false\npersistence_location DIR/\n')
