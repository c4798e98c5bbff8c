# SPDX-License-Identifier: MIT
"""Quality of service and its acknowledgements, both ways: 3.4 to 3.7, 4.3, 4.6, 4.9."""
import itertools

from connection import LEVELS, Client, forget, session
from wire import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, RECEIVE_MAX, SUBACK, USER, answer, \
    check, packet, publish, subscribe


def t_lower_qos(address):
    """[MQTT-3.8.4-8] [MQTT-4.3.1-1] [MQTT-4.3.2-2] [MQTT-4.3.2-4] [MQTT-4.3.3-2] [MQTT-4.3.3-4]
    [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-3.3.4-1] Of what is published and what is granted."""
    for to in LEVELS:
        with Client(address, to).connected('to') as sub:
            for granted in range(3):
                sub.subscribed(f'qos/{granted}/#', options=granted)
            for at in LEVELS:
                with Client(address, at).connected('at') as pub:
                    for granted, qos in itertools.product(range(3), range(3)):
                        topic = f'qos/{granted}/{qos}'
                        pub.publish(topic, b'x', qos)
                        sub.message(topic, b'x', min(granted, qos), properties=[])


def t_qos1_identifier_is_free(address):
    """[MQTT-4.3.2-5] [MQTT-3.3.1-3] [MQTT-2.2.1-5] After PUBACK it is a new message, with DUP too,
    and the DUP of a publisher is not passed on."""
    for level in LEVELS:
        with Client(address, level).connected('to').subscribed('free', options=1) as sub, \
                Client(address, level).connected('at') as pub:
            for dup in (False, True, True):
                pub.send(publish(level, 'free', b'x', qos=1, packet_id=0xffff, dup=dup))
                pub.expect(PUBACK, 0xffff)
                sub.message('free', b'x', 1)


def t_qos2_duplicates(address):
    """[MQTT-4.3.3-10] [MQTT-4.3.3-12] [MQTT-4.3.3-11] Until PUBREL it is the same message."""
    for level in LEVELS:
        with Client(address, level).connected('to').subscribed('two', options=2) as sub, \
                Client(address, level).connected('at') as pub:
            for payload in (b'first', b'second'):
                for dup in (False, True, False):
                    pub.send(publish(level, 'two', payload, qos=2, packet_id=7, dup=dup))
                    check(pub.expect(PUBREC, 7).code, 0, 'PUBREC')
                for _ in range(2):
                    pub.send(answer(PUBREL, 7))
                    pub.expect(PUBCOMP, 7)
                sub.message('two', payload, 2)


def t_identifiers_are_per_direction(address):
    """[MQTT-2.2.1-5] The same number at the same time, in both directions and kinds."""
    with Client(address, 5).connected('both').subscribed('dir', options=2) as client, \
            Client(address, 4).connected('at') as pub:
        pub.publish('dir', b'1', 2)
        first = client.message('dir', b'1', 2, ack=False)
        ident = first.packet_id
        client.send(subscribe(5, ('other', 0), packet_id=ident))
        client.expect(SUBACK, ident)
        client.send(publish(5, 'elsewhere', b'x', qos=2, packet_id=ident))
        client.expect(PUBREC, ident)
        client.acknowledge(first)
        client.send(answer(PUBREL, ident))
        client.expect(PUBCOMP, ident)


def t_unknown_identifiers(address):
    """[MQTT-4.3.3-4] [MQTT-4.3.3-11] PUBREC and PUBREL are answered even so, 0x92 in MQTT 5.0."""
    for level in LEVELS:
        with Client(address, level).connected('unknown') as client:
            client.send(answer(PUBACK, 9), answer(PUBCOMP, 9), answer(PUBREC, 9))
            code = 0x92 if level == 5 else 0
            check(client.expect(PUBREL, 9).code, code, 'PUBREL')
            client.send(answer(PUBREL, 9))
            check(client.expect(PUBCOMP, 9).code, code, 'PUBCOMP')
            client.ping()


def t_forms_of_answers(address):
    """3.4.2 to 3.7.2: with and without reason code and properties."""
    with Client(address, 5).connected('forms').subscribed('forms', options=2) as client, \
            Client(address, 4).connected('at') as pub:
        for form in ({}, {'code': 0}, {'code': 0x10}, {'code': 0, 'properties': []},
                     {'code': 0, 'properties': [(USER, ('k', 'v')), (0x1f, 'fine')]}):
            pub.publish('forms', b'1', 1)
            client.send(answer(PUBACK, client.message('forms', b'1', 1, ack=False).packet_id,
                               **form))
            pub.publish('forms', b'2', 2)
            ident = client.message('forms', b'2', 2, ack=False).packet_id
            client.send(answer(PUBREC, ident, **form))
            client.expect(PUBREL, ident)
            if form.get('code') == 0x10:
                form = {'code': 0}
            client.send(answer(PUBCOMP, ident, **form))
            # The same from the other side
            client.send(publish(5, 'elsewhere', b'', qos=2, packet_id=3))
            client.expect(PUBREC, 3)
            client.send(answer(PUBREL, 3, **form))
            client.expect(PUBCOMP, 3)


def t_wrong_answers(address):
    """[MQTT-3.3.4-1] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] PUBACK at QoS 2,
    PUBREC at QoS 1, reason codes that are not of the packet."""
    wrong = [(1, lambda i: answer(PUBREC, i)), (2, lambda i: answer(PUBACK, i)),
             (1, lambda i: answer(PUBACK, i, 0x92)), (2, lambda i: answer(PUBREC, i, 1)),
             (2, lambda i: answer(PUBCOMP, i, 0x80)), (1, lambda i: answer(PUBREL, i, 0x10)),
             (1, lambda i: answer(PUBACK, i, 0, [(0x1f, 'a'), (0x1f, 'b')])),
             (2, lambda i: answer(PUBREC, i, 0, [(0x02, 1)])),
             (1, lambda i: packet(0x40, b'\0')), (1, lambda i: packet(0x40, b'')),
             (1, lambda i: answer(PUBACK, 0))]
    with Client(address, 4).connected('at') as pub:
        for qos, make in wrong:
            with Client(address, 5).connected('wrong').subscribed('wrong', options=2) as client:
                pub.publish('wrong', b'', qos)
                client.send(make(client.message('wrong', b'', qos, ack=False).packet_id))
                client.expect_closed((0x81, 0x82))


def t_order(address):
    """[MQTT-4.6.0-5] [MQTT-4.6.0-6] Of one topic and QoS, whatever the window."""
    total = 40
    for level in LEVELS:
        with Client(address, level).connected('to').subscribed('order', options=2) as sub, \
                Client(address, 5).connected('at') as pub:
            pub.send(*(publish(5, 'order', b'%d' % i, qos=1 + i % 2, packet_id=i + 1)
                       for i in range(total)))
            for i in range(total):
                pub.expect(PUBREC if i % 2 else PUBACK, i + 1)
            pub.send(*(answer(PUBREL, i + 1) for i in range(1, total, 2)))
            got = {1: [], 2: []}
            for p in sub.receive(total):
                got[p.qos].append(int(p.payload))
            check(got, {1: list(range(0, total, 2)), 2: list(range(1, total, 2))}, 'order')


def t_receive_maximum_of_clients(address):
    """[MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] [MQTT-4.3.2-3]
    [MQTT-4.3.3-3] QoS 0 and answers go on when the window is full."""
    for qos in (1, 2):
        with Client(address, 5) as sub, Client(address, 5).connected('at') as pub:
            sub.connected('window', properties=[(RECEIVE_MAX, 2)])
            sub.subscribed('w/1', 'w/2', options=2)
            for i in range(5):
                pub.publish('w/1', b'%d' % i, qos)
            pub.publish('w/2', b'free')
            # QoS 0 has an order of its own
            got = [sub.expect(PUBLISH) for _ in range(3)]
            first = [p for p in got if p.qos]
            check(sorted(p.payload for p in got), [b'0', b'1', b'free'], 'messages')
            sub.ping()
            sub.subscribed('w/3')
            # One is acknowledged, one comes; a PUBREC is not enough
            sub.acknowledge(first[0])
            third = sub.message('w/1', b'2', qos, ack=False)
            if qos == 2:
                sub.send(answer(PUBREC, third.packet_id))
                sub.expect(PUBREL, third.packet_id)
                sub.ping()
                sub.send(answer(PUBCOMP, third.packet_id))
            else:
                sub.acknowledge(third)
            fourth = sub.message('w/1', b'3', qos, ack=False)
            sub.acknowledge(first[1])
            sub.message('w/1', b'4', qos)
            sub.acknowledge(fourth)


def t_refused_by_the_receiver(address):
    """[MQTT-4.4.0-2] PUBACK and PUBREC with an error are the end of it, and free their place."""
    with Client(address, 5).connected('at') as pub:
        sub = session(address, 5, 'refuses', properties=[(RECEIVE_MAX, 1)])
        sub.subscribed('refuse', options=2)
        for qos in (1, 2):
            pub.publish('refuse', b'no', qos)
            pub.publish('refuse', b'yes', qos)
            p = sub.message('refuse', b'no', qos, ack=False)
            sub.send(answer(PUBACK if qos == 1 else PUBREC, p.packet_id, 0x83))
            sub.message('refuse', b'yes', qos)
        sub.drop()
        with session(address, 5, 'refuses', present=1) as sub:
            pub.publish('refuse', b'next', 1)
            sub.message('refuse', b'next', 1)
    forget(address, 'refuses')


def t_nobody_subscribes(address):
    """[MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8] 0x10 may say so."""
    for level in LEVELS:
        with Client(address, level).connected('alone') as client:
            for qos in (1, 2):
                code = client.publish('nobody/at/all', b'x', qos).code
                check(code in (0, 0x10), True, f'reason code {code:#x}')


def own_thousands_in_flight(broker):
    """[MQTT-4.3.3-4] [MQTT-4.6.0-5] [MQTT-3.3.4-9] At QoS 2, none of them acknowledged for long."""
    total = 3000
    with broker('max_inflight_messages 0\nmax_queued_messages 0\n') as b, \
            Client(b.address, 5).connected('to').subscribed('fly', options=2) as sub, \
            Client(b.address, 5).connected('at') as pub:
        window = range(1, total + 1)
        pub.send(*(publish(5, 'fly', b'%d' % i, qos=2, packet_id=i) for i in window))
        for i in window:
            pub.expect(PUBREC, i)
        pub.send(*(answer(PUBREL, i) for i in window))
        for i in window:
            pub.expect(PUBCOMP, i)
        got = [sub.message('fly', b'%d' % i, 2, ack=False) for i in window]
        check(len({p.packet_id for p in got}), total, 'different packet identifiers')
        sub.send(*(answer(PUBREC, p.packet_id) for p in got))
        for p in got:
            sub.expect(PUBREL, p.packet_id)
        sub.send(*(answer(PUBCOMP, p.packet_id) for p in got))
        pub.publish('fly', b'end', 2)
        sub.message('fly', b'end', 2)


def own_receive_maximum(broker):
    """[MQTT-3.3.4-7] As many as CONNACK says, one more is 0x93; QoS 0 and what is known already
    do not count, PUBREL and PUBACK make room. Older clients know of no such limit."""
    with broker('receive_maximum 50\n') as b:
        for level in LEVELS:
            with Client(b.address, level).connected('many') as client:
                if level == 5:
                    check(client.connack.value(RECEIVE_MAX), 50, 'Receive Maximum')
                ids = range(1, 51)
                client.send(*(publish(level, 'rm', b'', qos=2, packet_id=i) for i in ids))
                for i in ids:
                    client.expect(PUBREC, i)
                client.send(publish(level, 'rm', b''),
                            publish(level, 'rm', b'', qos=2, packet_id=5, dup=True))
                client.expect(PUBREC, 5)
                client.send(answer(PUBREL, 1))
                client.expect(PUBCOMP, 1)
                for _ in range(3):
                    client.send(publish(level, 'rm', b'', qos=1, packet_id=70))
                    client.expect(PUBACK, 70)
                client.send(publish(level, 'rm', b'', qos=2, packet_id=1))
                client.expect(PUBREC, 1)
                client.send(publish(level, 'rm', b'', qos=2, packet_id=99))
                if level == 5:
                    client.expect_closed(0x93)
                else:
                    client.expect(PUBREC, 99)


def own_max_inflight(broker):
    """The window of clients that name none, as in mosquitto."""
    with broker('max_inflight_messages 3\n') as b, \
            Client(b.address, 4).connected('at') as pub:
        for level in LEVELS:
            with Client(b.address, level).connected('to').subscribed('i', 'end', options=1) as sub:
                for i in range(5):
                    pub.publish('i', b'%d' % i, 1)
                pub.publish('end', b'')
                got = [sub.expect(PUBLISH) for _ in range(4)]
                check(sorted(p.payload for p in got), [b'', b'0', b'1', b'2'], 'messages')
                sub.acknowledge(*got)
                for i in (3, 4):
                    sub.message('i', b'%d' % i, 1)
