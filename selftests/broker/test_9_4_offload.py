# SPDX-License-Identifier: MIT
"""Who forwards: on the kernel data plane, the kernel, also for clients that want more."""
import json
import os
import socket
import time

from connection import PATIENCE, Client
from wire import SUBSCRIPTION_ID, check


def asked(broker, client_id, command='session-show'):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(os.path.join(broker.dir.name, 'control'))
        sock.sendall(json.dumps({'command': command, 'client-id': client_id}).encode() +
                     b'\n')
        with sock.makefile() as lines:
            return json.loads(lines.readline())['result']


def forwarded(broker, client_id):
    """Waits until the client's connection is where it is to be."""
    want = {'user': 'user', 'kernel': 'offloaded'}[broker.dataplane]
    deadline = time.monotonic() + PATIENCE
    while (shown := asked(broker, client_id))['dataplane'] != want:
        check(time.monotonic() < deadline, True, f'{client_id} is {want}, not {shown}')
        time.sleep(0.01)
    check(shown.get('needs') or '', '', 'what keeps it from that')


def idents(packet):
    return sorted(packet.values(SUBSCRIPTION_ID))


def own_offloaded_subscribers(broker):
    """[MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.1-13] [MQTT-4.8.2-3] Subscription identifiers,
    retain-as-published and groups keep nobody from the kernel."""
    with broker('control_socket_path DIR/control\n') as b, \
            Client(b.address, 5).connected('ids').subscribed('w/#', ident=7) as ids, \
            Client(b.address, 5).connected('published') as published, \
            Client(b.address, 5).connected('member 1') as one, \
            Client(b.address, 4).connected('member 2') as two, \
            Client(b.address, 5).connected('at') as pub:
        ids.subscribed('w/1', ident=268435455)
        published.subscribed('w/1', options=8)
        published.subscribed('w/+', ident=1)
        one.subscribed('$share/g/w/1', ident=9)
        two.subscribed('$share/g/w/1', '$share/h/w/1')
        for name in ('ids', 'published', 'member 1', 'member 2', 'at'):
            forwarded(b, name)
        for i in range(10):
            retain = i % 2 == 1
            pub.publish('w/1', b'%d' % i, retain=retain)
            check(idents(ids.message('w/1', b'%d' % i)), [7, 268435455], 'identifiers')
            check(idents(published.message('w/1', b'%d' % i, retain=retain)), [1], 'identifiers')
        got = one.waiting()
        check([p.payload for p in got if idents(p) != [9]], [], 'without the identifier')
        others = two.waiting()
        all_of_g = [p.payload for p in got + others]
        for i in range(10):
            all_of_g.remove(b'%d' % i)
        check(sorted(all_of_g), [b'%d' % i for i in range(10)], 'group h, besides group g')
        pub.publish('w/1', b'', retain=True)


def own_shared_and_kept(broker):
    """4.8.2: with queue_qos0_messages a message at QoS 0 goes to one member, connected or not."""
    with broker('queue_qos0_messages true\n') as b, Client(b.address, 4).connected('at') as pub, \
            Client(b.address, 4).connected('gone', clean=False) as gone:
        gone.subscribed('$share/g/k')
        gone.leave()
        pub.publish('k', b'for one that is away')
        pub.ping()
        with Client(b.address, 4).connected('here').subscribed('$share/g/k') as here:
            for i in range(6):
                pub.publish('k', b'%d' % i)
                here.message('k', b'%d' % i)
        with Client(b.address, 4).connected('gone', clean=False, session=1) as gone:
            gone.message('k', b'for one that is away')
            gone.ping()


def t_long_name_of_a_group(address):
    """4.8.2: longer than the kernel knows them, and one that is not, for the same topic."""
    long = '$share/' + 'n' * 300 + '/long/+'
    with Client(address, 5).connected('long 1').subscribed(long) as first, \
            Client(address, 5).connected('long 2').subscribed(long) as second, \
            Client(address, 5).connected('short').subscribed('$share/g/long/+') as short, \
            Client(address, 5).connected('plain').subscribed('long/#') as plain, \
            Client(address, 4).connected('at') as pub:
        want = [b'%d' % i for i in range(10)]
        for payload in want:
            pub.publish('long/1', payload)
            plain.message('long/1', payload)
            short.message('long/1', payload)
        got = first.waiting()
        deadline = time.monotonic() + PATIENCE
        while len(got) < len(want) and time.monotonic() < deadline:
            got += first.waiting() + second.waiting()
        check(sorted(p.payload for p in got), want, 'what the group has got')
        plain.ping()
        short.ping()
