# SPDX-License-Identifier: MIT
"""Messages between clients of all versions."""
import itertools

from connection import LEVELS, Client
from wire import CONNACK, PINGRESP, PUBLISH, SUBACK, UNSUBACK, check, connect, publish, \
    subscribe, unsubscribe

PAIRS = tuple(itertools.product(LEVELS, LEVELS))

# In an order that is to be kept
PROPERTIES = [(0x26, (b'first', b'1')), (0x01, 1), (0x02, 1234), (0x03, b'text/plain'),
              (0x26, (b'first', b'2')), (0x08, b'answer/to'), (0x09, b'\0\1\xff'),
              (0x26, (b'', b''))]


def expect_message(client, topic, payload, properties=()):
    client.message(topic, payload, properties=properties)


def t_all_pairs(address):
    """[MQTT-4.3.1-1] [MQTT-3.3.1-2] Payloads of all lengths, from each version to each."""
    for at, to in PAIRS:
        with Client(address, to).connected('to').subscribed('pair/#') as sub, \
                Client(address, at).connected('at') as pub:
            for size in (0, 1, 120, 127, 128, 1023, 1025, 16381, 16384, 60000):
                payload = bytes(i * 7 % 251 for i in range(size))
                pub.send(publish(at, f'pair/{size}', payload))
                expect_message(sub, f'pair/{size}', payload)


def t_properties(address):
    """[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18]
    [MQTT-3.3.2-20] Are passed on to MQTT 5.0."""
    for at, to in PAIRS:
        given = PROPERTIES if at == 5 else []
        with Client(address, to).connected('to').subscribed('p') as sub, \
                Client(address, at).connected('at') as pub:
            for payload in (b'', b'short', b'long' * 1000):
                pub.send(publish(at, 'p', payload, given))
                expect_message(sub, 'p', payload, given)


def t_long_properties(address):
    """Their length takes two and three bytes."""
    for size in (130, 20000):
        given = [(0x26, (b'k', b'v' * size))]
        with Client(address, 5).connected('to5').subscribed('p') as sub5, \
                Client(address, 4).connected('to4').subscribed('p') as sub4, \
                Client(address, 5).connected('at') as pub:
            pub.send(publish(5, 'p', b'x', given))
            expect_message(sub5, 'p', b'x', given)
            expect_message(sub4, 'p', b'x')


def t_to_everybody(address):
    """One message for clients of all versions at once, on whatever worker."""
    subs = [Client(address, level).connected(f'all{i}-{level}').subscribed('all')
            for i in range(4) for level in LEVELS]
    for level in LEVELS:
        given = PROPERTIES if level == 5 else []
        with Client(address, level).connected('at') as pub:
            for payload in (b'one', b'two' * 1000):
                pub.send(publish(level, 'all', payload, given))
                for sub in subs:
                    expect_message(sub, 'all', payload, given)
    for sub in subs:
        sub.sock.close()


def t_aliases(address):
    """[MQTT-3.3.2-7] [MQTT-3.3.2-12] Set, used, set to another topic, and the connection's own."""
    for to in LEVELS:
        with Client(address, to).connected('to').subscribed('#') as sub, \
                Client(address, 5).connected('at') as pub:
            def say(topic, number, want, *others):
                given = [*others[:1], (0x23, number), *others[1:]]
                pub.send(publish(5, topic, topic.encode(), given))
                expect_message(sub, want, topic.encode(), others)

            say('one', 1, 'one')
            say('', 1, 'one')
            say('ten', 10, 'ten', (0x02, 5), (0x26, (b'k', b'v')))
            say('', 10, 'ten', (0x26, (b'k', b'v')), (0x02, 5))
            say('', 1, 'one', (0x03, b't'))
            say('other', 1, 'other')
            say('', 1, 'other')
            say('', 10, 'ten')
            say('t/' + 'x' * 3000, 2, 't/' + 'x' * 3000)
            say('', 2, 't/' + 'x' * 3000)
            # An alias is the connection's own, and what is not one stays possible
            pub.send(publish(5, 'plain', b'x' * 2000))
            expect_message(sub, 'plain', b'x' * 2000)
    with Client(address, 5).connected('one') as one, Client(address, 5).connected('two') as two:
        one.send(publish(5, 't', b'', [(0x23, 1)]))
        one.ping()
        two.send(publish(5, '', b'', [(0x23, 1)]))
        two.expect_closed(0x82)


def own_large(broker):
    """Longer than what the kernel forwards, with topic aliases."""
    with broker('max_packet_size 0\n') as b, \
            Client(b.address, 4).connected('to4').subscribed('#') as sub4, \
            Client(b.address, 5).connected('to5').subscribed('#') as sub5, \
            Client(b.address, 5).connected('at').subscribed('#', options=0x04) as pub, \
            Client(b.address, 5) as small:
        small.connected('small', properties=[(0x27, 1000)]).subscribed('#')
        large = bytes(range(256)) * 1200
        # One by one: what the daemon sends may overtake what waits in the kernel
        for topic, payload, want, given in (
                ('large', large, 'large', [(0x02, 9)]), ('', b'short', 'large', []),
                ('', large, 'large', [(0x03, b't')]), ('new', b'', 'new', []),
                ('', b'short', 'new', [])):
            pub.send(publish(5, topic, payload, [(0x23, 3), *given]))
            for sub in (sub4, sub5) if payload is large else (sub4, sub5, small):
                expect_message(sub, want, payload, given)
        pub.ping()


def t_no_local(address):
    """[MQTT-3.8.3-3] [MQTT-3.8.4-3] At QoS 0."""
    with Client(address, 5).connected('self') as client, \
            Client(address, 4).connected('other').subscribed('n') as other:
        def publish_and_see(*seen):
            client.send(publish(5, 'n', b'own'))
            expect_message(other, 'n', b'own')
            other.send(publish(4, 'n', b'of the other'))
            for payload in seen:
                expect_message(client, 'n', payload)
            expect_message(other, 'n', b'of the other')
            client.ping()

        client.subscribed('n', options=0x04)
        publish_and_see(b'of the other')
        client.subscribed('n', options=0x00)            # the subscription is replaced
        publish_and_see(b'own', b'of the other')
        client.subscribed('n', options=0x2c)
        publish_and_see(b'of the other')
        client.subscribed('+')                          # one that overlaps is enough
        publish_and_see(b'own', b'of the other')


def t_many_filters(address):
    """[MQTT-3.8.4-6] [MQTT-3.1.2-24] SUBACK and its length have many bytes; a small client
    cannot take it."""
    names = tuple((f'many/{i}', 0) for i in range(3000))
    for level in LEVELS:
        with Client(address, level).connected('many') as client:
            client.send(subscribe(level, *names))
            check(client.expect(SUBACK).codes, [0] * len(names), 'SUBACK')
    with Client(address, 5).connected('many', properties=[(0x27, 100)]) as client:
        client.send(subscribe(5, *names))
        client.expect_closed(0x95)


def t_pipelined(address):
    """[MQTT-3.2.0-1] [MQTT-3.1.4-5] All that a client has to say at once, before CONNACK
    has come."""
    for level in LEVELS:
        first = [(0x23, 1), (0x03, b't')] if level == 5 else []
        second = [(0x23, 1)] if level == 5 else []
        with Client(address, level) as client:
            client.send(connect(level, 'pipeline'), subscribe(level, ('l', 0)),
                        publish(level, 'l', b'1', first),
                        publish(level, '' if level == 5 else 'l', b'2', second),
                        subscribe(level, ('m', 0), packet_id=2), publish(level, 'm', b'3'),
                        unsubscribe(level, 'l', packet_id=3), publish(level, 'l', b'4'),
                        b'\xc0\x00')
            check(client.expect(CONNACK).code, 0, 'CONNACK')
            got = [client.next() for _ in range(7)]
            # An answer may overtake messages, but messages and answers keep their orders
            check([(p.topic, p.payload) for p in got if p.type == PUBLISH],
                  [(b'l', b'1'), (b'l', b'2'), (b'm', b'3')], 'messages')
            check([p.type for p in got if p.type != PUBLISH],
                  [SUBACK, SUBACK, UNSUBACK, PINGRESP], 'answers')


def t_dribble(address):
    """[MQTT-4.2-1] All in single bytes, in each direction's own order."""
    for level in LEVELS:
        given = [(0x23, 1), (0x26, (b'k', b'v'))] if level == 5 else []
        with Client(address, 5).connected('to').subscribed('d') as sub, \
                Client(address, level) as client:
            client.dribble(connect(level, 'dribble', will=('d', 'will')))
            check(client.next().code, 0, 'CONNACK')
            client.dribble(subscribe(level, ('d', 0)))
            check(client.expect(SUBACK).codes, [0], 'SUBACK')
            client.dribble(publish(level, 'd', b'message', given))
            expect_message(client, 'd', b'message', given[1:])
            expect_message(sub, 'd', b'message', given[1:])
            client.dribble(b'\xc0\x00')
            client.next()
            client.dribble(b'\xe0\x00')
            client.expect_end()
            sub.ping()
