# SPDX-License-Identifier: MIT
"""What the broker says of itself: $SYS, and the option sys_interval."""
import time

from connection import PATIENCE, Client
from wire import EXPIRY, PINGREQ_PACKET, PINGRESP, PUBLISH, Failure, check

LOADS = [f'load/{what}/{span}' for span in ('1min', '5min', '15min') for what in
         ('bytes/received', 'bytes/sent', 'connections', 'messages/received', 'messages/sent',
          'publish/dropped', 'publish/received', 'publish/sent', 'sockets')]
NUMBERS = ['bytes/received', 'bytes/sent', 'clients/active', 'clients/connected',
           'clients/disconnected', 'clients/expired', 'clients/inactive', 'clients/maximum',
           'clients/total', 'heap/current', 'heap/maximum', 'messages/received', 'messages/sent',
           'messages/stored', 'publish/bytes/received', 'publish/bytes/sent',
           'publish/messages/dropped', 'publish/messages/received', 'publish/messages/sent',
           'retained messages/count', 'shared_subscriptions/count', 'store/messages/bytes',
           'store/messages/count', 'subscriptions/count', 'tls/failed', 'tls/handshakes',
           'tls/resumed', 'clients/held/pause', 'clients/held/rate',
           *(f'publish/messages/dropped/{why}' for why in
             ('conflated', 'disconnected', 'old', 'rate', 'total')),
           *(f'security/{what}' for what in
             ('auth-delayed', 'auth-failed', 'ban', 'banned', 'certificate', 'denied', 'expired',
              'flapping', 'not-owner', 'peer', 'taken-over', 'tls-failed', 'unprotected'))]


class Tree:
    """All that a client has heard of it."""

    def __init__(self, address):
        self.client = Client(address, 5).connected('sys').subscribed('$SYS/#', options=0)
        self.values = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.sock.close()

    def hear(self):
        p = self.client.expect(PUBLISH)
        check(p.topic.startswith(b'$SYS/broker/'), True, 'topic')
        self.values[p.topic[len('$SYS/broker/'):].decode()] = p.payload.decode()

    def wait(self, what, condition):
        """Until the values fulfil it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if condition(lambda name: int(self.values[name])):
                    return
            except KeyError:
                pass
            if time.monotonic() > deadline:
                raise Failure(f'{what}: {self.values}')
            self.hear()


def own_sys_tree(broker):
    """All names of mosquitto and more, retained, and later what has changed."""
    with broker('sys_interval 1\n') as b, Tree(b.address) as tree:
        tree.wait('all names', lambda n: {'uptime', 'version', *LOADS, *NUMBERS} <= set(tree.values))
        check(tree.values['version'].startswith('mqttd version '), True, 'version')
        check(tree.values['uptime'].endswith(' seconds'), True, 'uptime')
        for name in LOADS:
            float(tree.values[name])
        uptime = tree.values['uptime']
        while tree.values['uptime'] == uptime:
            tree.hear()
        with Client(b.address, 4).connected('late').subscribed('$SYS/broker/version') as late:
            late.message('$SYS/broker/version', tree.values['version'].encode(), retain=True)


def own_sys_counts(broker):
    """Clients, sessions, subscriptions, messages of both data planes."""
    with broker('sys_interval 1\n') as b, Tree(b.address) as tree:
        tree.wait('alone', lambda n: n('clients/connected') == 1 and n('subscriptions/count') == 1)
        before = {name: int(tree.values[name]) for name in NUMBERS}
        with Client(b.address, 5) as kept, Client(b.address, 4).connected('pub') as pub:
            kept.connected('kept', properties=[(EXPIRY, 3600)])
            kept.subscribed('c/#', '$share/g/c/1', options=0)
            tree.wait('three', lambda n: n('clients/connected') == 3 == n('clients/total') and
                      n('subscriptions/count') == 3 and n('shared_subscriptions/count') == 1)
            for i in range(100):
                pub.publish('c/1', b'x' * 50)
                pub.publish('nobody', b'x' * 50)
            for _ in range(200):
                kept.expect(PUBLISH)
            for _ in range(10):
                pub.send(PINGREQ_PACKET)
                pub.expect(PINGRESP)
            tree.wait('messages', lambda n: all((
                n('publish/messages/received') == before['publish/messages/received'] + 200,
                n('publish/messages/sent') >= before['publish/messages/sent'] + 200,
                n('publish/bytes/received') >= before['publish/bytes/received'] + 200 * 55,
                n('publish/bytes/sent') >= before['publish/bytes/sent'] + 200 * 55,
                n('messages/received') >= before['messages/received'] + 213,
                n('messages/sent') >= before['messages/sent'] + 213,
                n('bytes/received') > before['bytes/received'] + 200 * 55,
                n('bytes/sent') > before['bytes/sent'] + 200 * 55)))
        tree.wait('two have left', lambda n: n('clients/connected') == 1 and
                  n('clients/disconnected') == 1 == n('clients/inactive') and
                  n('clients/total') == 2 and n('clients/maximum') == 3)
        with Client(b.address, 5).connected('pub') as pub:
            stored = int(tree.values['store/messages/count'])
            pub.publish('keep', b'x', 1, retain=True)
            for _ in range(5):
                pub.publish('c/2', b'x', 1)
            tree.wait('stored', lambda n: n('store/messages/count') >= stored + 1 and
                      n('retained messages/count') > before['retained messages/count'])
        with Client(b.address, 5).connected('kept', properties=[(EXPIRY, 0)]):
            pass
        tree.wait('all have left', lambda n: n('clients/total') == 1 and
                  n('subscriptions/count') == 1 and n('shared_subscriptions/count') == 0)


def own_sys_expired(broker):
    """A session that has expired is counted."""
    with broker('sys_interval 1\n') as b, Tree(b.address) as tree:
        with Client(b.address, 5) as client:
            client.connected('short', properties=[(EXPIRY, 1)])
        tree.wait('expired', lambda n: n('clients/expired') == 1 and n('clients/total') == 1)


def own_sys_off(broker):
    """sys_interval 0; and nobody else may say something there."""
    with broker('sys_interval 0\n') as b, \
            Client(b.address, 5).connected('sys').subscribed('$SYS/#', 'end') as client:
        client.publish('$SYS/broker/uptime', b'forged', 0, retain=True)
        client.publish('end', b'', 0)
        client.message('end', b'')
        with Client(b.address, 5).connected('late').subscribed('$SYS/#', 'end') as late:
            client.publish('end', b'', 0)
            late.message('end', b'')
