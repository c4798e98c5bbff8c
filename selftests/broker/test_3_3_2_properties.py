# SPDX-License-Identifier: MIT
"""What properties do: expiry, topic aliases, sizes, requests and responses: 3.1.2.11, 3.3.2.3."""
import time

from connection import LEVELS, Client, forget, retained, session
from wire import ALIAS, ALIAS_MAX, CORRELATION, MESSAGE_EXPIRY, PACKET_MAX, PUBACK, PUBLISH, \
    PUBREC, PUBREL, REASON, RECEIVE_MAX, RESPONSE_INFORMATION, RESPONSE_TOPIC, SUBACK, UNSUBACK, \
    USER, WANT_PROBLEM, WANT_RESPONSE, answer, check, publish, subscribe, unsubscribe


def t_message_expiry(address):
    """[MQTT-3.3.2-5] [MQTT-3.3.2-6] [MQTT-4.3.3-7] [MQTT-4.3.3-13] [MQTT-4.4.0-1] Of retained
    messages, of those in queues; not of those that are on their way already."""
    short, long = [(MESSAGE_EXPIRY, 2)], [(MESSAGE_EXPIRY, 1000)]
    with Client(address, 5).connected('at') as pub:
        flying = session(address, 5, 'flying', properties=[(RECEIVE_MAX, 2)])
        flying.subscribed('e/flying', options=2)
        session(address, 5, 'resting').subscribed('e/resting', options=1).leave()
        for qos in (1, 2):
            pub.publish('e/flying', b'%d' % qos, qos, properties=short)
            flying.message('e/flying', b'%d' % qos, qos, ack=False)
        for topic in ('e/flying', 'e/resting'):
            pub.publish(topic, b'short', 1, properties=short)
            pub.publish(topic, b'long', 1, properties=long)
        with retained(address, 'e/kept/1', payload=b'short', properties=short), \
                retained(address, 'e/kept/2', payload=b'long', properties=long):
            time.sleep(2.1)
            # What was begun goes on, even after a break; what waited behind it has expired
            flying.drop()
            flying = session(address, 5, 'flying', present=1, properties=[(RECEIVE_MAX, 2)])
            begun = [flying.message('e/flying', b'%d' % qos, qos, dup=True, ack=False)
                     for qos in (1, 2)]
            flying.acknowledge(*begun)
            seconds_gone(flying.message_of('e/flying'), b'long')
            flying.drop()
            with session(address, 5, 'resting', present=1) as resting:
                seconds_gone(resting.message_of('e/resting'), b'long')
            with Client(address, 5).connected('late').subscribed('e/kept/+') as late:
                seconds_gone(late.message_of('e/kept/2'), b'long')
    forget(address, 'flying', 'resting')


def seconds_gone(message, payload):
    check(message.payload, payload, 'payload')
    left = message.value(MESSAGE_EXPIRY)
    check(900 < left < 1000, True, f'{left} seconds left of 1000')


def t_no_expiry(address):
    """[MQTT-3.3.2-6] One without an interval, or with a very long one."""
    with Client(address, 5).connected('to').subscribed('e', options=1) as sub, \
            Client(address, 5).connected('at') as pub:
        for given in ([], [(MESSAGE_EXPIRY, 0xffffffff)]):
            pub.publish('e', b'x', 1, properties=given)
            sub.message('e', b'x', 1, properties=given)
        pub.publish('e', b'at once', 1, properties=[(MESSAGE_EXPIRY, 0)])
        pub.publish('e', b'next', 1)
        p = sub.message_of('e')
        if p.payload == b'at once':
            p = sub.message_of('e')
        check(p.payload, b'next', 'payload')


def t_aliases_of_the_broker(address):
    """[MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] [MQTT-3.3.2-8] [MQTT-3.3.2-7] It may use
    as many as the client says, or none; each stands for what it was set to."""
    for most in (0, 1, 3):
        for _ in range(2):
            with Client(address, 5) as sub, Client(address, 4).connected('at') as pub:
                sub.connected('aliases', properties=[(ALIAS_MAX, most)] if most else [])
                sub.subscribed('alias/#', options=1)
                topics = {}
                for i in range(24):
                    name = f'alias/{i * i % 6}'
                    pub.publish(name, name.encode(), i % 2)
                    p = sub.expect(PUBLISH)
                    sub.acknowledge(p)
                    alias = p.value(ALIAS)
                    check(alias is None or 1 <= alias <= most, True, f'alias {alias} of {most}')
                    if p.topic and alias:
                        topics[alias] = p.topic
                    check(p.topic or topics[alias], p.payload, 'topic')


def t_all_aliases(address):
    """[MQTT-3.2.2-17] [MQTT-3.3.2-9] [MQTT-3.3.2-12] Each number up to the maximum, at each
    QoS; an alias is not passed on; one more is 0x94."""
    with Client(address, 5).connected('at') as pub, \
            Client(address, 5).connected('to').subscribed('alias/#', options=2) as sub:
        most = pub.connack.value(ALIAS_MAX)
        for i in range(1, most + 1):
            for topic in (f'alias/{i}', '', f'alias/{i}/new', ''):
                name = topic or name
                pub.publish(topic, name.encode(), i % 3, properties=[(ALIAS, i)])
                sub.message(name, name.encode(), i % 3, properties=[])
        pub.send(publish(5, 'alias', b'', [(ALIAS, most + 1)]))
        pub.expect_closed(0x94)


def t_too_long_for_a_client(address):
    """[MQTT-3.1.2-24] [MQTT-3.1.2-25] At QoS 1 and 2 it is dropped as if it had been delivered:
    it does not stop the window."""
    limits = [(PACKET_MAX, 100), (RECEIVE_MAX, 1)]
    with Client(address, 5).connected('at') as pub:
        with Client(address, 5).connected('small', properties=limits) as sub:
            sub.subscribed('m', options=2)
            for qos in range(3):
                for payload in (b'x' * 200, b'a', b'x' * 20000, b'b'):
                    pub.publish('m', payload, qos)
                for payload in (b'a', b'b'):
                    sub.message('m', payload, qos)
        # In a queue too, and the client may want less than it did before
        session(address, 5, 'smaller').subscribed('m', options=1).leave()
        for payload in (b'x' * 200, b'a', b'x' * 20000, b'b'):
            pub.publish('m', payload, 1)
        with session(address, 5, 'smaller', present=1, properties=limits) as sub:
            for payload in (b'a', b'b'):
                sub.message('m', payload, 1)
        # One that others get
        with Client(address, 4).connected('to').subscribed('m') as sub:
            pub.publish('m', b'x' * 20000)
            sub.message('m', b'x' * 20000)
    forget(address, 'smaller')


def t_exactly_the_maximum(address):
    """[MQTT-3.1.2-24] [MQTT-3.2.2-15] To the byte, in both directions, at each QoS."""
    with Client(address, 5) as sub, Client(address, 5).connected('at') as pub:
        sub.connected('small', properties=[(PACKET_MAX, 100)]).subscribed('m', options=2)
        for qos in range(3):
            # Two bytes of fixed header, three of topic, one of properties
            size = 94 - (2 if qos else 0)
            for more in (0, 1):
                pub.publish('m', b'a' * (size + more), qos)
            pub.publish('m', b'end', qos)
            sub.message('m', b'a' * size, qos)
            sub.message('m', b'end', qos)
        most = pub.connack.value(PACKET_MAX)
        if most:
            head = len(publish(5, 'mm', b'x' * (most - 100), qos=1, packet_id=1)) - (most - 100)
            pub.publish('mm', b'x' * (most - head), 1)
            pub.send(publish(5, 'mm', b'x' * (most - head + 1), qos=1, packet_id=1))
            pub.expect_closed(0x95)


def t_answers_to_small_clients(address):
    """[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3]
    [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]
    [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.2.2-19] [MQTT-3.2.2-20] Reasons are left out."""
    with Client(address, 5) as client:
        # CONNACK, with all that the broker has to say in it
        client.connected('small', properties=[(PACKET_MAX, 60)])
        check(len(client.connack.body) + 2 <= 60, True, 'length of CONNACK')
        client.subscribed('small')
        for make, kind in ((lambda: answer(PUBREC, 9), PUBREL),
                           (lambda: answer(PUBREL, 9), 7),
                           (lambda: publish(5, '$SYS/x', b'', qos=1, packet_id=1), PUBACK),
                           (lambda: publish(5, '$SYS/x', b'', qos=2, packet_id=1), PUBREC),
                           (lambda: subscribe(5, ('a', 0)), SUBACK),
                           (lambda: unsubscribe(5, 'never'), UNSUBACK)):
            client.send(make())
            check(len(client.expect(kind).body) + 2 <= 60, True, 'length')
        client.send(b'\0\0')
        check(len(client.expect_closed(0x81).body) + 2 <= 60, True, 'length of DISCONNECT')


def t_problem_information(address):
    """[MQTT-3.1.2-29] Without it no reason in answers."""
    for wanted in (0, 1):
        with Client(address, 5) as client:
            client.connected('quiet', properties=[(WANT_PROBLEM, wanted)])
            client.send(answer(PUBREC, 9), answer(PUBREL, 9),
                        publish(5, '$SYS/x', b'', qos=1, packet_id=1),
                        publish(5, '$SYS/x', b'', qos=2, packet_id=1),
                        subscribe(5, ('a', 0)), unsubscribe(5, 'never'))
            for kind in (PUBREL, 7, PUBACK, PUBREC, SUBACK, UNSUBACK):
                p = client.expect(kind)
                if not wanted:
                    check((p.value(REASON), p.value(USER)), (None, None), 'reason and properties')


def t_request_and_response(address):
    """[MQTT-3.3.2-15] [MQTT-3.3.2-16] 4.10: through the broker, at each QoS."""
    with Client(address, 5).connected('asks').subscribed('answers/asks', options=2) as asks, \
            Client(address, 5).connected('knows').subscribed('questions', options=2) as knows:
        for qos in range(3):
            for data in (b'', b'\0', bytes(range(256)), b'x' * 65535):
                asks.publish('questions', b'?', qos, properties=[
                    (RESPONSE_TOPIC, b'answers/asks'), (CORRELATION, data)])
                p = knows.message_of('questions')
                check((p.value(RESPONSE_TOPIC), p.value(CORRELATION)), (b'answers/asks', data),
                      'response topic and correlation data')
                knows.publish(p.value(RESPONSE_TOPIC), b'!', qos,
                              properties=[(CORRELATION, p.value(CORRELATION))])
                asks.message('answers/asks', b'!', qos, properties=[(CORRELATION, data)])


def t_response_information(address):
    """[MQTT-3.1.2-28] Not without being asked for."""
    for given in ([], [(WANT_RESPONSE, 0)]):
        with Client(address, 5).connected('no', properties=given) as client:
            check(client.connack.value(RESPONSE_INFORMATION), None, 'Response Information')


def t_between_versions(address):
    """[MQTT-3.3.2-4] [MQTT-3.3.2-17] [MQTT-3.3.2-20] MQTT 3.x gets messages without properties,
    and what it says has none; also from a queue."""
    given = [(0x01, 1), (0x03, b't'), (USER, (b'k', b'v')), (0x08, b'r'), (0x09, b'c')]
    for at in LEVELS:
        for to in LEVELS:
            session(address, to, 'queue').subscribed('v', options=2).leave()
            with Client(address, at).connected('at') as pub, \
                    Client(address, to).connected('to').subscribed('v', options=2) as sub:
                properties = given if at == 5 else []
                for qos in range(3):
                    pub.publish('v', b'x', qos, properties=properties)
                    sub.message('v', b'x', qos, properties=properties)
            # Whatever version it comes back with
            with session(address, 5, 'queue', present=1) as sub:
                for qos in (1, 2):
                    sub.message('v', b'x', qos, properties=properties)
            forget(address, 'queue')
