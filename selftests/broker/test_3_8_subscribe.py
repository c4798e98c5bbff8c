# SPDX-License-Identifier: MIT
"""SUBSCRIBE and UNSUBSCRIBE and their answers: 3.3.4, 3.8 to 3.11."""
import itertools

from connection import LEVELS, Client, session
from wire import PUBLISH, PUBREL, SUBACK, SUBSCRIPTION_ID, UNSUBACK, USER, answer, check, packet, \
    publish, string, subscribe, unsubscribe


def t_suback(address):
    """[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1]
    [MQTT-2.2.1-6] The granted QoS of each, in their order; the last of the same filter holds."""
    filters = (('s/2', 2), ('s/0', 0), ('s/1', 1), ('s/2', 1), ('s/+/', 2))
    for level in LEVELS:
        with Client(address, level).connected('sub') as client:
            for packet_id in (1, 0x1234, 0xffff):
                client.send(subscribe(level, *filters, packet_id=packet_id))
                check(client.expect(SUBACK, packet_id).codes, [2, 0, 1, 1, 2], 'SUBACK')
            client.publish('s/2', b'x', 2)
            client.message('s/2', b'x', 1)


def t_subscribe_properties(address):
    """3.8.2.1: user properties and all other options at once."""
    with Client(address, 5).connected('sub') as client:
        for options in (0x00, 0x04, 0x08, 0x10, 0x2e):
            client.send(subscribe(5, ('s', options), properties=[
                (USER, ('k', 'v')), (SUBSCRIPTION_ID, 268435455), (USER, ('k', 'w'))]))
            check(client.expect(SUBACK).codes, [options & 3], 'SUBACK')
        client.send(unsubscribe(5, 's', properties=[(USER, ('k', 'v')), (USER, ('k', 'v'))]))
        check(client.expect(UNSUBACK).codes, [0], 'UNSUBACK')


def t_unsuback(address):
    """[MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6]
    [MQTT-3.11.3-1] [MQTT-2.2.1-6] Filters are compared as they are, not matched."""
    for level in LEVELS:
        with Client(address, level).connected('unsub') as client:
            client.subscribed('u/a', 'u/+', 'u/b', 'u/#', '$share/g/u/a', options=1)
            client.send(unsubscribe(level, 'u/#', 'u/x', '+/a', 'U/a', 'u/+', 'u/#',
                                    packet_id=0xffff))
            check(client.expect(UNSUBACK, 0xffff).codes,
                  [0, 0x11, 0x11, 0x11, 0, 0x11] if level == 5 else [], 'UNSUBACK')
            client.unsubscribed('$share/g/u/a')
            for topic in ('u/x', 'u/a', 'u/c', 'u/b'):
                client.publish(topic, b'x', 1)
            check([client.message_of().topic for _ in range(2)], [b'u/a', b'u/b'], 'topics')
            client.unsubscribed('u/a', 'u/b')
            client.publish('u/a', b'x', 1)
            client.ping()


def t_unsubscribe_in_flight(address):
    """[MQTT-3.10.4-3] What has been begun is brought to its end, also after a break."""
    with Client(address, 4).connected('at') as pub:
        sub = session(address, 5, 'flight').subscribed('f', options=2)
        for qos in (1, 2):
            pub.publish('f', b'%d' % qos, qos)
        first = [sub.message('f', b'%d' % qos, qos, ack=False) for qos in (1, 2)]
        sub.unsubscribed('f')
        sub.drop()
        sub = session(address, 5, 'flight', present=1)
        again = [sub.message('f', b'%d' % qos, qos, dup=True, ack=False) for qos in (1, 2)]
        check([p.packet_id for p in again], [p.packet_id for p in first], 'identifiers')
        sub.acknowledge(*again)
        sub.leave(properties=[(0x11, 0)])


def t_resubscribe(address):
    """[MQTT-3.8.4-3] [MQTT-3.8.4-4] All options are the new ones, and nothing is lost."""
    with Client(address, 5).connected('re') as sub, Client(address, 4).connected('at') as pub:
        for options, ident in ((1, 5), (2, None), (0x0a, 6), (0, 7), (1, None)):
            sub.subscribed('re', options=options, ident=ident)
            for retain in (False, True):
                pub.publish('re', b'', 2, retain=retain)
                p = sub.message('re', b'', options & 3, retain=retain and bool(options & 8))
                check(p.values(SUBSCRIPTION_ID), [ident] if ident else [], 'identifiers')
    with Client(address, 5).connected('re') as sub, Client(address, 5).connected('at') as pub:
        sub.subscribed('re', options=1)
        pub.send(*(publish(5, 're', b'%d' % i, qos=1, packet_id=i + 1) for i in range(20)))
        sub.send(*(subscribe(5, ('re', 1), packet_id=9) for _ in range(20)))
        got = []
        while len(got) < 40:
            p = sub.next()
            sub.acknowledge(*([p] if p.type == PUBLISH else []))
            got.append(p)
        check([int(p.payload) for p in got if p.type == PUBLISH], list(range(20)), 'messages')


def t_overlap(address):
    """[MQTT-3.3.4-2] [MQTT-3.3.4-1] One copy, at the highest QoS of all that match."""
    for level in LEVELS:
        for qoses in itertools.permutations((0, 1, 2)):
            with Client(address, level).connected('over') as sub, \
                    Client(address, level).connected('at') as pub:
                for name, qos in zip(('o/#', 'o/+', 'o/a'), qoses):
                    sub.subscribed(name, options=qos)
                for qos in (0, 1, 2):
                    pub.publish('o/a', b'1', qos)
                    sub.message('o/a', b'1', qos)
                    pub.publish('o/b', b'2', qos)
                    sub.message('o/b', b'2', min(qos, max(qoses[:2])))


def t_identifiers_of_overlapping_ones(address):
    """[MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] All that match, however many copies there are
    of what they may be."""
    with Client(address, 5).connected('ids') as sub, Client(address, 4).connected('at') as pub:
        for name, ident in (('i/#', 1), ('i/+', 268435455), ('i/a', 128), ('i/b', None),
                            ('+/a', 1)):
            sub.subscribed(name, options=1, ident=ident)
        for qos in (0, 1, 2):
            for topic, want in (('i/a', [1, 1, 128, 268435455]), ('i/b', [1, 268435455]),
                                ('i/c/d', [1])):
                pub.publish(topic, b'x', qos)
                p = sub.message(topic, b'x', min(qos, 1))
                # One that is there twice may be named once
                check(set(p.values(SUBSCRIPTION_ID)), set(want), f'identifiers of {topic}')
        sub.unsubscribed('i/+')
        sub.subscribed('i/#', options=1)
        pub.publish('i/c', b'x', 1)
        check(sub.message('i/c', b'x', 1).values(SUBSCRIPTION_ID), [], 'identifiers')


def t_no_local_at_each_qos(address):
    """[MQTT-3.8.3-3] By the client, which is not the connection."""
    sub = session(address, 5, 'self').subscribed('n', options=0x06)
    with Client(address, 4).connected('other') as other:
        for qos in range(3):
            sub.publish('n', b'own', qos)
            other.publish('n', b'of the other', qos)
            sub.message('n', b'of the other', qos)
        sub.publish('n', b'own and kept', 1, retain=True)
        sub.drop()
        with session(address, 5, 'self', present=1) as sub:
            sub.publish('n', b'own', 1)
            other.publish('n', b'', 1, retain=True)
            sub.message('n', b'', 1)
            sub.leave(properties=[(0x11, 0)])


def t_no_local_of_overlapping_ones(address):
    """[MQTT-3.8.3-3] [MQTT-3.3.4-2] [MQTT-3.3.4-3] A subscription without it delivers, with its
    own QoS and identifier."""
    with Client(address, 5).connected('self') as client:
        client.subscribed('n/a', options=0x06, ident=1)
        client.subscribed('n/+', options=0x01, ident=2)
        client.publish('n/a', b'own', 2)
        p = client.message('n/a', b'own', 1)
        check(p.values(SUBSCRIPTION_ID), [2], 'identifiers')


def t_nothing_in_it(address):
    """[MQTT-3.8.3-2] [MQTT-3.10.3-2] No filter."""
    for level in LEVELS:
        for byte1 in (0x82, 0xa2):
            with Client(address, level).connected('none') as client:
                client.send(packet(byte1, b'\0\1' + (b'\0' if level == 5 else b'')))
                client.expect_closed((0x81, 0x82))


def t_filters_that_are_not(address):
    """[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-3.8.3-1] [MQTT-3.10.3-1]
    [MQTT-1.5.4-1] [MQTT-1.5.4-2] Nothing of a packet with such a filter is done."""
    for level in LEVELS:
        none = b'\0' if level == 5 else b''
        for name in ('', 'a/#/b', '#/', 'a#', '##', '+a', 'a+', 'a/+b/c', '++', b'a\0', b'\xff',
                     b'\xed\xbf\xbf', b'\xf4\x90\x80\x80'):
            with Client(address, level).connected('wrong') as client:
                client.send(subscribe(level, ('w', 0), (name, 0)), publish(level, 'w', b'x'))
                client.expect_closed((0x81, 0x82, 0x8f))
            with Client(address, level).connected('wrong') as client:
                client.send(packet(0xa2, b'\0\1' + none + string(name)))
                client.expect_closed((0x81, 0x82, 0x8f))


def t_suback_comes_first(address):
    """3.8.4: what the client has published itself comes behind SUBACK on its connection."""
    for level in LEVELS:
        with Client(address, level).connected('first') as client:
            client.send(subscribe(level, ('first', 1)),
                        publish(level, 'first', b'x', qos=2, packet_id=4))
            check(client.answer(SUBACK, 1).codes, [1], 'SUBACK')
            client.finish(2, 4)
            client.message('first', b'x', 1)
            client.send(answer(PUBREL, 4))
            client.expect(7, 4)
