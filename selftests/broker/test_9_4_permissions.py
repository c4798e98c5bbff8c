# SPDX-License-Identifier: MIT
"""acl_file with messages at QoS 0 between clients of which, where there is one, the kernel has the
connections: what is asked there for each message is what the daemon would have said."""
import json
import os
import subprocess
import threading

from broker import program
from connection import LEVELS, Client
from test_9_1_options import ACL
from test_9_3_access import reload, until
from wire import PUBLISH, check, publish

CONTROL = os.path.join(os.path.dirname(program()), 'mqttctl')
SOCKET = 'control_socket_path DIR/control\n'
IN_FORCE = 'The configuration is in force.'


def session_of(broker, client_id):
    listed = subprocess.run([CONTROL, '-S', os.path.join(broker.dir.name, 'control'), '-j',
                             'session', 'show', client_id], stdout=subprocess.PIPE, check=True)
    return json.loads(listed.stdout)


def settled(broker, *client_ids):
    """Where there is a router it has their connections: a client becomes offloaded by itself."""
    with open(os.path.join(broker.dir.name, 'conf'), encoding='utf-8') as f:
        plane = 'offloaded' if 'dataplane kernel' in f.read() else 'user'
    for client_id in client_ids:
        until(f'{client_id} is {plane}',
              lambda name=client_id: plane in json.dumps(session_of(broker, name)))


def own_permissions_qos0(broker):
    """Users, patterns, what is denied before it is allowed, and who is nobody."""
    with broker(f'{SOCKET}acl_file DIR/acl\n', {'acl': ACL}) as b, \
            Client(b.address, 5) as ann, Client(b.address, 4) as other, Client(b.address, 3) as third:
        ann.connected('c1', user='ann').subscribed('#')
        other.connected('c2').subscribed('#', 'clients/+/x')
        third.connected('c3', user='unknown').subscribed('#')
        settled(b, 'c1', 'c2', 'c3')

        def says(client, topic, *heard):
            for n in range(2):
                client.publish(topic, b'%d' % n)
                # Another one, so that what was found out for the first may be forgotten
                client.publish('nobody/reads', b'')
            for listener in heard:
                for n in range(2):
                    listener.message(topic, b'%d' % n)

        says(ann, 'ann/x', ann)
        says(other, 'ann/x')
        says(other, 'anonymous/x', other)
        says(ann, 'anonymous/x')
        says(other, 'all/x')
        says(ann, 'clients/c1/x', ann)
        says(ann, 'clients/c2/x')
        says(other, 'clients/c2/x', other)
        says(third, 'clients/c3/x', third)
        for topic in ('ann/x', 'anonymous/x', 'clients/c1/x', 'clients', 'all/x'):
            says(third, topic)
        for topic in ('news/x', 'news/secret', 'users/ann', 'unheard/of'):
            says(ann, topic)
        for client in (ann, other, third):
            check(client.waiting(), [], 'what else has come')


def own_permissions_patterns(broker):
    """deny of a pattern is before what another one allows; names with wildcards are nobody's."""
    files = {'acl': 'topic readwrite open/#\n\nuser u+\ntopic readwrite mine\n\n'
                    'pattern deny up/secret\npattern readwrite up/#\n'
                    'pattern deny own/%c/not\npattern readwrite own/#\n'
                    'pattern readwrite by/%u/%c\n'}
    with broker(f'{SOCKET}acl_file DIR/acl\n', files) as b, Client(b.address, 5) as a, \
            Client(b.address, 4) as wild, Client(b.address, 4) as user, Client(b.address, 5) as odd:
        clients = {'a': a.connected('a'), 'w#': wild.connected('w#'),
                   'u': user.connected('u', user='name'), 'o': odd.connected('o', user='u+')}
        for client in clients.values():
            client.subscribed('#')
        settled(b, 'a', 'u', 'o', 'w#')
        #        topic         who may publish it and gets it
        table = {'open/x':     ('a', 'w#'),
                 'up/x':       ('a', 'u'),
                 'up/secret':  (),
                 'own/a/not':  ('u',),
                 'own/u/not':  ('a',),
                 'own/o/not':  ('a', 'u'),
                 'by/name/u':  ('u',),
                 'by//a':      (),
                 'mine':       ('o',),
                 'else':       ()}
        for topic, may in table.items():
            for name, client in clients.items():
                client.publish(topic, name.encode())
            for name in may:
                got = [clients[name].message_of(topic).payload.decode() for _ in may]
                check(sorted(got), sorted(may), f'who was heard on {topic}')
        for name, client in clients.items():
            check(client.waiting(), [], f'what else has come to {name}')


def own_permissions_many(broker):
    """More lines than are compared one by one."""
    lines = ''.join(f'topic {"deny" if n % 3 == 0 else "readwrite"} many/{n}\n' for n in range(3000))
    with broker(f'{SOCKET}acl_file DIR/acl\n', {'acl': f'{lines}topic read many/+\n'}) as b, \
            Client(b.address, 4).connected('c').subscribed('#') as client:
        settled(b, 'c')
        for n in (0, 1, 2, 3, 1499, 1500, 2999, 3000):
            client.publish(f'many/{n}', b'x')
        for n in (1, 2, 1499, 2999):
            client.message(f'many/{n}', b'x')
        check(client.waiting(), [], 'what else has come')


def own_permissions_reload_qos0(broker):
    """When a reload is said to be done what the new file says holds for every client, at once."""
    both = 'topic readwrite keep\n'
    with broker(f'{SOCKET}acl_file DIR/acl\n', {'acl': both + 'topic readwrite old/#\n'}) as b, \
            Client(b.address, 5).connected('pub') as pub, \
            Client(b.address, 4).connected('reader') as reader:
        reader.subscribed('#')
        settled(b, 'pub', 'reader')
        others = [Client(b.address, level).connected(f'o{n}').subscribed('#')
                  for n in range(5) for level in LEVELS[:1]]
        settled(b, *(f'o{n}' for n in range(5)))
        for turn in range(4):
            old, new = ('old', 'new') if turn % 2 == 0 else ('new', 'old')
            for client in (pub, *others):
                client.publish(f'{old}/x', b'before')
                client.publish(f'{new}/x', b'before')
            for client in (reader, *others):
                for topic, payload in [(f'{old}/x', b'before')] * 6:
                    client.message(topic, payload)
            for client in (pub, *others):
                client.ping()
            done = b.text().count(IN_FORCE)
            reload(b, 'acl', f'{both}topic readwrite {new}/#\n')
            until('reload', lambda: b.text().count(IN_FORCE) > done)
            for client in (pub, *others):
                client.publish(f'{old}/x', b'after')
                client.publish(f'{new}/x', b'after')
                client.publish('keep', b'x')
            for client in (reader, *others):
                rest = [client.message_of() for _ in range(12)]
                check(sorted((p.topic.decode(), p.payload) for p in rest),
                      sorted([(f'{new}/x', b'after')] * 6 + [('keep', b'x')] * 6), 'after the reload')
        for client in (reader, *others):
            check(client.waiting(), [], 'what else has come')
            client.sock.close()


def own_permissions_reload_traffic(broker):
    """The same while messages flow: what stays allowed loses none."""
    both = 'topic readwrite keep\n'
    with broker(f'{SOCKET}acl_file DIR/acl\n', {'acl': both}) as b, \
            Client(b.address, 5).connected('pub') as pub, \
            Client(b.address, 5).connected('sub').subscribed('keep') as sub:
        settled(b, 'pub', 'sub')
        turns, total, ended = 6, 0, threading.Event()

        def flood():
            nonlocal total
            while not ended.is_set():
                pub.send(b''.join(publish(5, 'keep', b'%d' % (total + n)) for n in range(10)))
                total += 10
                ended.wait(0.001)

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            for turn in range(turns):
                done = b.text().count(IN_FORCE)
                reload(b, 'acl', f'{both}topic readwrite turn/{turn}\n')
                until('reload', lambda done=done: b.text().count(IN_FORCE) > done)
        finally:
            ended.set()
            thread.join()
        for n in range(total):
            p = sub.expect(PUBLISH)
            if p.payload != b'%d' % n:
                check(p.payload, b'%d' % n, 'number')
