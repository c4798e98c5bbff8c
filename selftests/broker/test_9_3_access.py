# SPDX-License-Identifier: MIT
"""Files of the configuration that are read again, and ways in that are not TCP."""
import os
import signal
import time

from connection import LEVELS, PATIENCE, Client
from test_9_1_options import hashed
from wire import (CONNACK, PINGREQ_PACKET, PINGRESP, PUBCOMP, PUBLISH, PUBREC, PUBREL, Failure,
                  answer, check, connect, publish)


def until(what, condition):
    """SIGHUP is not answered: what follows from it is waited for."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f'{what}: not within {PATIENCE} s')


def reload(broker, name, text):
    broker.write(name, text)
    broker.process.send_signal(signal.SIGHUP)


def own_reload_permissions(broker):
    """SIGHUP: clients stay, and what they may do is what the file says now."""
    with broker('acl_file DIR/acl\n', {'acl': 'topic write up/#\ntopic read down/#\n'}) as b, \
            Client(b.address, 5).connected('c') as client, \
            Client(b.address, 4).connected('d') as other:
        other.subscribed('#', options=1)
        check(client.publish('up/1', b'', 1).code in (0, 0x10), True, 'allowed')
        check(client.publish('down/1', b'', 1).code, 0x87, 'forbidden')
        reload(b, 'acl', 'topic readwrite down/#\n')
        until('permissions', lambda: client.publish('down/2', b'', 1).code != 0x87)
        check(client.publish('up/2', b'', 1).code, 0x87, 'forbidden now')
        other.message('down/2', b'', 1)
        # Who only receives is told to by the new file as well
        reload(b, 'acl', 'topic write down/#\ntopic write end\ntopic read end\n')
        until('permissions', lambda: client.publish('end', b'', 1).code != 0x87)
        client.publish('down/3', b'', 1)
        check({p.topic for p in other.waiting(1)}, {b'end'}, 'topics')
        # A file with a mistake in it says nothing
        reload(b, 'acl', 'topic readwrite #\ntopic nonsense #\n')
        until('log', lambda: "the configuration stays as it was" in b.text())
        until('what is wrong',
              lambda: f"{b.dir.name}/acl:2: 'nonsense' is not one of" in b.text())
        check(client.publish('up/3', b'', 1).code, 0x87, 'still forbidden')


def own_reload_known(broker):
    """[MQTT-4.3.3-10] What was taken at QoS 2 is so whatever the file says now, and its identifier is
    free after PUBREL."""
    with broker('acl_file DIR/acl\n', {'acl': ''}) as b, \
            Client(b.address, 5).connected('probe') as probe:

        def allow(what, others):
            reload(b, 'acl', f'topic readwrite {what}\n')
            until('permissions', lambda: (probe.publish('x', b'', 1).code != 0x87) == others)

        for level in LEVELS:
            allow('#', True)
            with Client(b.address, level).connected('to') as sub, \
                    Client(b.address, level).connected('at') as pub:
                sub.subscribed('t', 'allowed', options=1)
                pub.send(publish(level, 't', b'1', qos=2, packet_id=5))
                check(pub.expect(PUBREC, 5).code, 0, 'PUBREC')
                sub.message('t', b'1', 1)
                allow('allowed', False)
                pub.send(publish(level, 't', b'1', qos=2, packet_id=5, dup=True))
                check(pub.expect(PUBREC, 5).code, 0, 'PUBREC of what is known')
                pub.send(answer(PUBREL, 5))
                check(pub.expect(PUBCOMP, 5).code, 0, 'PUBCOMP')
                pub.send(publish(level, 'allowed', b'2', qos=2, packet_id=5))
                pub.finish(2, 5)
                sub.message('allowed', b'2', 1)
                check(sub.waiting(), [], 'what else has come')


def own_reload_passwords(broker):
    """Likewise: passwords are asked for by CONNECT only."""
    users = f'ann:{hashed(7, b"old")}\nbob:{hashed(6, b"bob")}\n'
    with broker('allow_anonymous false\npassword_file DIR/users\n', {'users': users}) as b, \
            Client(b.address, 4).connected('ann', user='ann', password=b'old') as ann:
        reload(b, 'users', f'ann:{hashed(6, b"new")}\nbroken\n')

        def changed():
            with Client(b.address, 5) as client:
                client.send(connect(5, 'try', user='ann', password=b'new'))
                return client.expect(CONNACK).code == 0

        until('passwords', changed)
        ann.ping()
        until('what is wrong',
              lambda: f'{b.dir.name}/users:2 is ignored: it is not USER:PASSWORD' in b.text())
        for user, password in (('ann', b'old'), ('bob', b'bob')):
            with Client(b.address, 5) as client:
                client.refused('id', 0x86, user=user, password=password)


def own_unix_listener(broker):
    """listener 0 PATH: no different from others; the socket is gone in the end."""
    with broker('max_connections 100\nlistener 0 DIR/mqtt.sock\nmount_point m/\n') as b:
        path = os.path.join(b.dir.name, 'mqtt.sock')
        for level in LEVELS:
            with Client(path, level) as near, Client(b.address, level) as far:
                near.connected('near', keepalive=60).subscribed('t/#')
                far.connected('far').subscribed('m/#')
                for qos in (0, 1, 2):
                    near.publish('t/1', b'near', qos)
                    near.message('t/1', b'near')
                    far.message('m/t/1', b'near')
                    far.publish('m/t/2', b'x' * 50000, qos)
                    far.message('m/t/2', b'x' * 50000)
                    near.message('t/2', b'x' * 50000)
                near.send(PINGREQ_PACKET)
                near.expect(PINGRESP)
        check(os.path.exists(path), True, 'the socket')
        b.stop()
        check(os.path.exists(path), False, 'the socket in the end')


def own_unix_keepalive(broker):
    """[MQTT-3.1.2-22] Nothing is heard from a Unix socket's client for 1.5 times its interval."""
    with broker('listener 0 DIR/mqtt.sock\n') as b, \
            Client(os.path.join(b.dir.name, 'mqtt.sock'), 5) as client:
        client.connected('quiet', keepalive=1)
        client.expect_closed(0x8d)


def own_include_dir(broker):
    """Files in their order; a listener of one is not another's."""
    files = {'10.conf': 'max_keepalive 100\nmax_inflight_messages 5\n', '20.conf': 'max_keepalive 7\n',
             'ignored.txt': 'nonsense\n'}
    with broker('include_dir DIR\n', files) as b, Client(b.address, 5) as client:
        client.connected('c', keepalive=50)
        check([value for ident, value in client.connack.properties if ident == 0x13], [7],
              'Server Keep Alive')
        client.send(publish(5, 'x', b''))
        client.subscribed('x')
        check([p.type for p in client.waiting()], [], str(PUBLISH))
