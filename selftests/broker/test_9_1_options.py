# SPDX-License-Identifier: MIT
"""Options of mosquitto.conf that change what clients see."""
import base64
import hashlib

from broker import free_port
from connection import LEVELS, NEVER, Client, forget, session
from wire import MAX_QOS, PUBACK, PUBLISH, PUBREC, SUBACK, WILL_DELAY, check, packet, publish, \
    subscribe


def hashed(kind, password):
    salt = b'twelve bytes'
    if kind == 6:
        digest = hashlib.sha512(password + salt).digest()
        head = '$6$'
    else:
        digest = hashlib.pbkdf2_hmac('sha512', password, salt, 101)
        head = '$7$101$'
    return head + '$'.join(base64.b64encode(part).decode() for part in (salt, digest))


def own_passwords(broker):
    """[MQTT-3.1.4-2] [MQTT-3.1.2-17] [MQTT-3.1.2-19] password_file: with both kinds of hashes."""
    users = f'# users\nsix:{hashed(6, b"old")}\nseven:{hashed(7, b"new")}\n'
    with broker('allow_anonymous false\npassword_file DIR/users\n', {'users': users}) as b:
        for level in LEVELS:
            wrong, anonymous = (0x86, 0x87) if level == 5 else (4, 5)
            for user, password, code in (('six', b'old', 0), ('seven', b'new', 0),
                                         ('six', b'new', wrong), ('seven', b'', wrong),
                                         ('six', None, wrong), ('nobody', b'old', wrong),
                                         ('SIX', b'old', wrong), ('', b'old', wrong),
                                         (None, None, anonymous)):
                with Client(b.address, level) as client:
                    if code:
                        client.refused('id', code, user=user, password=password)
                    else:
                        client.connected('id', user=user, password=password).leave()
        # What comes while the password is checked waits for it
        with Client(b.address, 5) as client:
            client.send(publish(5, 'x', b''))
            client.expect_end()


ACL = '''topic read all/#
topic readwrite anonymous/#

user ann
topic readwrite ann/#
topic write drop/box
topic read news/+
topic deny news/secret

pattern readwrite clients/%c/#
pattern read users/%u
'''


def own_permissions(broker):
    """[MQTT-4.3.3-9] acl_file: what may be published, by PUBACK and PUBREC 0x87 in MQTT 5.0, and what is
    delivered, whatever was subscribed to; wills and retained messages too."""
    with broker('acl_file DIR/acl\n', {'acl': ACL}) as b, \
            Client(b.address, 5) as ann, Client(b.address, 4) as other:
        ann.connected('c1', user='ann').subscribed('#', options=1)
        other.connected('c2').subscribed('#', options=1)

        def says(client, topic, *heard):
            for qos in (1, 2, 0):
                code = client.publish(topic, b'x', qos)
                allowed = bool(heard)
                if qos and client.level == 5:
                    check(code.code in ((0, 0x10) if allowed else (0x87,)), True,
                          f'reason code {code.code:#x} for {topic}')
            for listener in heard:
                for qos in (1, 1, 0):
                    listener.message(topic, b'x', qos)

        says(ann, 'ann/x', ann)
        says(other, 'ann/x')
        says(other, 'anonymous/x', other)
        says(ann, 'anonymous/x')
        says(other, 'all/x')
        says(ann, 'clients/c1/x', ann)
        says(ann, 'clients/c2/x')
        says(other, 'clients/c2/x', other)
        for topic in ('news/x', 'users/ann', 'unheard/of'):
            says(ann, topic)
        # The identifier of what was refused is free
        ann.send(publish(5, 'unheard/of', b'no', qos=2, packet_id=500))
        check(ann.expect(PUBREC, 500).code, 0x87, 'PUBREC')
        ann.send(publish(5, 'ann/x', b'yes', qos=2, packet_id=500))
        ann.finish(2, 500)
        ann.message('ann/x', b'yes', 1)
        # Written by one and read by nobody
        check(ann.publish('drop/box', b'x', 1).code in (0, 0x10), True, 'PUBACK')
        # Wills and retained messages are published with the rights of who has set them
        with Client(b.address, 4) as mortal:
            mortal.connected('c3', will=('ann/will', b'x'))
            mortal.drop()
        ann.publish('ann/kept', b'x', 1, retain=True)
        ann.message('ann/kept', b'x', 1)
        with Client(b.address, 4).connected('c4').subscribed('ann/#') as late:
            check(late.waiting(), [], 'what has come')
        for client in (ann, other):
            check(client.waiting(), [], 'what else has come')


def own_acl_denies_retained_and_queued(broker):
    """Read rules hold when a message is delivered: from a queue, and retained ones."""
    with broker('acl_file DIR/acl\n', {'acl': 'topic write #\n\nuser reader\ntopic read yes/#\n'
                                              'topic read no/really\n'}) as b, \
            Client(b.address, 5).connected('at') as pub:
        session(b.address, 5, 'queue', user='reader').subscribed('#', options=1).leave()
        for topic in ('no', 'yes/1', 'no/1', 'no/really'):
            pub.publish(topic, b'x', 1, retain=True)
        with session(b.address, 5, 'queue', present=1, user='reader') as sub:
            check([p.topic for p in sub.receive(2)], [b'yes/1', b'no/really'], 'topics')
            sub.subscribed('+/#', options=1)
            check(sorted(p.topic for p in sub.receive(2)), [b'no/really', b'yes/1'], 'retained')
            check(sub.waiting(), [], 'what else has come')


def own_queue_qos0(broker):
    """queue_qos0_messages: for sessions that are offline, plain and shared."""
    with broker('queue_qos0_messages true\nmax_queued_messages 5\n') as b, \
            Client(b.address, 4).connected('at') as pub:
        for level in LEVELS:
            client = session(b.address, level, 'away').subscribed('q/+', options=0)
            client.subscribed('q/2', '$share/g/s', options=1)
            client.leave()
            pub.publish('q/1', b'1')
            pub.publish('q/2', b'2')
            pub.publish('q/2', b'3', 1)
            pub.publish('s', b'4')
            pub.publish('q/1', b'end', 1)
            with session(b.address, level, 'away', present=level != 3) as client:
                got = client.receive(5)
                check(sorted((p.payload, p.qos) for p in got),
                      [(b'1', 0), (b'2', 0), (b'3', 1), (b'4', 0), (b'end', 0)], 'messages')
            forget(b.address, 'away')


def own_upgrade_outgoing_qos(broker):
    """upgrade_outgoing_qos: the subscription's QoS, whatever the message's."""
    with broker('upgrade_outgoing_qos true\n') as b, \
            Client(b.address, 4).connected('at') as pub:
        for level in LEVELS:
            with Client(b.address, level).connected('to') as sub:
                for granted in (0, 1, 2):
                    sub.subscribed('up', options=granted)
                    for qos in (0, 1, 2):
                        pub.publish('up', b'x', qos)
                        sub.message('up', b'x', granted)
                pub.publish('kept', b'x', 0, retain=True)
                pub.publish('behind', b'', 1)
                sub.subscribed('kept', options=2)
                sub.message('kept', b'x', 2, retain=True)
                sub.subscribed('+', options=1)
                sub.message('kept', b'x', 1, retain=True)


def own_mount_point(broker):
    """mount_point: a listener's clients live below it, in all that has a topic."""
    other = free_port()
    with broker(f'mount_point inside/\nlistener {other} 127.0.0.1\n') as b, \
            Client(('127.0.0.1', other), 5).connected('out') as out:
        out.subscribed('#', options=2)
        with Client(b.address, 5).connected('in') as inside:
            inside.subscribed('#', '$share/g/shared', options=2)
            for qos in range(3):
                inside.publish('t', b'x', qos)
                inside.message('t', b'x', qos)
                out.message('inside/t', b'x', qos)
                out.publish('inside/t', b'y', qos)
                inside.message('t', b'y', qos)
                out.message('inside/t', b'y', qos)
                out.publish('t', b'z', qos)
                out.message('t', b'z', qos)
            inside.unsubscribed('#')
            out.publish('inside/shared', b's', 1)
            inside.message('shared', b's', 1)
            out.message('inside/shared', b's', 1)
            # A topic alias stands for the same topic
            inside.publish('alias', b'1', properties=[(0x23, 1)])
            inside.publish('', b'2', 1, properties=[(0x23, 1)])
            check({out.message_of('inside/alias').payload for _ in range(2)}, {b'1', b'2'}, 'alias')
            inside.publish('kept', b'k', 1, retain=True)
            out.message('inside/kept', b'k', 1)
            inside.subscribed('kept', '+', options=1)
            for _ in range(2):
                inside.message('kept', b'k', 1, retain=True)
            inside.publish('kept', b'', 1, retain=True)
            out.message('inside/kept', b'', 1)
        for delay in ([], [(WILL_DELAY, 0)]):
            with Client(b.address, 5) as mortal:
                mortal.connected('mortal', will=('will', b'w'), will_properties=delay)
                mortal.drop()
            out.message('inside/will', b'w')


MOUNT_ACL = '''topic readwrite plain
topic write in/w
topic read in/r
topic write in/will
topic write in/both
topic read in/both

user out
topic readwrite #
'''


def own_mount_point_permissions(broker):
    """acl_file is about topics with the mount point, in both directions, as in mosquitto."""
    other = free_port()
    with broker(f'acl_file DIR/acl\nmount_point in/\nlistener {other} 127.0.0.1\n',
                {'acl': MOUNT_ACL}) as b, \
            Client(('127.0.0.1', other), 5).connected('out', user='out') as out, \
            Client(b.address, 5).connected('in') as inside:
        out.subscribed('#', options=2)
        inside.subscribed('#', options=2)
        for topic, writes, reads in (('plain', False, False), ('w', True, False), ('r', False, True),
                                     ('both', True, True), ('in/w', False, False)):
            for qos in (0, 1, 2):
                done = inside.publish(topic, b'x', qos)
                if qos:
                    check(done.code == 0x87, not writes, f'PUBLISH of {topic}')
                out.publish('in/' + topic, b'y', qos)
                for _ in range(1 + writes):
                    out.message_of('in/' + topic)
                for _ in range((1 + writes) * reads):
                    inside.message_of(topic)
        with Client(b.address, 5) as mortal:
            mortal.connected('mortal', will=('will', b'w'))
            mortal.drop()
        out.message('in/will', b'w')
        with Client(b.address, 5) as mortal:
            mortal.connected('mortal', will=('plain', b'w'))
            mortal.drop()
        for client in (inside, out):
            check(client.waiting(), [], 'what else has come')


def own_max_qos(broker):
    """[MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-11] [MQTT-3.2.2-12] [MQTT-3.8.4-7] max_qos of a
    listener."""
    for most in (0, 1):
        with broker(f'max_qos {most}\n') as b:
            for level in LEVELS:
                with Client(b.address, level).connected('c') as client:
                    if level == 5:
                        check(client.connack.value(MAX_QOS), most, 'Maximum QoS')
                    client.send(subscribe(level, ('q', 0), ('q', 1), ('q', 2)))
                    check(client.expect(SUBACK).codes, [min(most, qos) for qos in range(3)],
                          'SUBACK')
                    for qos in range(most + 1):
                        client.publish('q', b'x', qos)
                        client.message('q', b'x', qos)
                    client.send(publish(level, 'q', b'x', qos=most + 1, packet_id=9))
                    client.expect_closed(0x9b)
            with Client(b.address, 5) as client:
                client.refused('will', 0x9b, will=('w', b''), will_qos=most + 1)


def own_message_size_limit(broker):
    """message_size_limit: of payloads; what is longer is refused, and the client stays."""
    with broker('message_size_limit 100\n') as b:
        for level in LEVELS:
            with Client(b.address, level).connected('c').subscribed('m', options=2) as client, \
                    Client(b.address, level).connected('at') as pub:
                for qos in range(3):
                    p = pub.publish('m', b'x' * 101, qos)
                    if qos and level == 5:
                        check(p.code >= 0x80, True, f'reason code {p.code:#x}')
                    pub.publish('m', b'x' * 100, qos)
                    client.message('m', b'x' * 100, qos)


def own_check_payload_format(broker):
    """3.3.2.3.2: what is said to be UTF-8 and is not: 0x99."""
    with broker('check_payload_format true\n') as b, \
            Client(b.address, 5).connected('c').subscribed('f', options=2) as client, \
            Client(b.address, 5).connected('at') as pub:
        for qos, kind in ((1, PUBACK), (2, PUBREC)):
            pub.send(publish(5, 'f', b'\xff', [(0x01, 1)], qos=qos, packet_id=1))
            check(pub.expect(kind, 1).code, 0x99, 'reason code')
            for value, payload in ((0, b'\xff'), (1, b'\xc3\xa4')):
                pub.publish('f', payload, qos, properties=[(0x01, value)])
                client.message('f', payload, qos, properties=[(0x01, value)])


def own_client_id_prefixes(broker):
    """[MQTT-3.1.4-2] clientid_prefixes: others are not authorized."""
    with broker('clientid_prefixes good-\n') as b:
        for level in LEVELS:
            Client(b.address, level).connected('good-1').leave()
            with Client(b.address, level) as client:
                client.refused('bad-1', 0x87 if level == 5 else 5)


def own_server_reference(broker):
    """4.11: all are sent elsewhere; older clients are told that this one is not available."""
    with broker('server_reference elsewhere:1883\n') as b:
        for level in LEVELS:
            with Client(b.address, level) as client:
                p = client.refused('id', 0x9c if level == 5 else 3)
                check(p.value(0x1c), b'elsewhere:1883' if level == 5 else None, 'reference')


def own_large_payloads(broker):
    """Tens of megabytes at each QoS, by each version; from a queue too."""
    payload = bytes(range(256)) * (20 << 12)
    with broker('max_packet_size 0\n') as b, \
            Client(b.address, 4).connected('other', keepalive=0).subscribed('small') as other:
        session(b.address, 5, 'away', expiry=NEVER).subscribed('large', options=2).leave()
        for level, qos in ((3, 0), (4, 1), (5, 2)):
            with Client(b.address, level).connected('to').subscribed('large', options=2) as sub, \
                    Client(b.address, 5).connected('at') as pub:
                pub.publish('large', payload, qos)
                other.publish('small', b'x')
                other.message('small', b'x')
                sub.message('large', payload, qos)
        with session(b.address, 5, 'away', present=1) as sub:
            for qos in (1, 2):
                sub.message('large', payload, qos)


def own_long_message(broker):
    """A client that has much to read before it gets the answers to its requests is not closed."""
    payload = bytes(30 << 20)
    with broker('max_packet_size 0\n') as b:
        for qos in (0, 1):
            with Client(b.address, 4).connected('pub') as pub, \
                    Client(b.address, 4).connected('sub').subscribed('long', options=qos) as sub:
                pub.publish('long', payload, qos)
                sub.arriving(PUBLISH)
                sub.send(packet(0xc0, b'') * 3)
                sub.message('long', payload, qos)
                for _ in range(3):
                    sub.ping_answered()
                sub.ping()
