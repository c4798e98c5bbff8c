# SPDX-License-Identifier: MIT
"""What was left to be sent later is sent if who has left it may send it then."""
import signal

from broker import daemon_only
from connection import NEVER, Client, session
from test_9_10_events import wait_for
from test_9_3_access import reload, until
from wire import EXPIRY, WILL_DELAY, check

SETTINGS = 'acl_file DIR/acl\nsecurity_log DIR/events\n'
ALL = 'topic readwrite #\n'
DENIED = 'topic readwrite #\ntopic deny will/#\ntopic deny kept/#\n'


def mortal(address, name, delay):
    return session(address, 5, name, will=(f'will/{name}', name.encode(), 0, False), expiry=NEVER,
                   will_properties=[(WILL_DELAY, delay)])


def ended(address, name):
    """By a clean start, so its will is due."""
    with Client(address, 5) as client:
        client.connected(name)


@daemon_only
def own_will_later(broker):
    """[MQTT-3.1.2-8] A will is published if its client may do that when its time has come, not only when
    the connection ends."""
    with broker(SETTINGS, {'acl': ALL}) as b, \
            Client(b.address, 5).connected('probe').subscribed('#') as probe:

        def allow(text, allowed):
            reload(b, 'acl', text)
            until('permissions', lambda: (Client(b.address, 5).connected('p').publish(
                'will/p', b'', 1).code != 0x87) == allowed)

        for name in ('timer', 'clean'):
            mortal(b.address, name, 3 if name == 'timer' else 1000).drop()
            until('the end', lambda name=name: f'Client {name} [127.0.0.1:' in b.text())
            allow(DENIED, False)
            if name == 'clean':
                ended(b.address, name)
            event, = wait_for(b, event='denied', access='will', client=name)
            check((event['topic'], event['why']), (f'will/{name}', 'not allowed any more'), 'event')
            allow(ALL, True)
        mortal(b.address, 'allowed', 1000).drop()
        until('the end', lambda: 'Client allowed [127.0.0.1:' in b.text())
        ended(b.address, 'allowed')
        until('the will', lambda: probe.next().topic == b'will/allowed')


@daemon_only
def own_will_later_restart(broker):
    """Likewise after a restart."""
    settings = f'{SETTINGS}persistence true\npersistence_location DIR/\n'
    with broker(settings, {'acl': ALL}) as b:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            for name in ('one', 'two'):
                client = mortal(b.address, name, 1000)
                client.ping()
                client.drop()
                until('the end', lambda name=name: f'Client {name} [127.0.0.1:' in b.text())
            b.write('acl', DENIED)
            b.restart(sig)
            ended(b.address, 'one')
            wait_for(b, event='denied', access='will', client='one')
            b.write('acl', ALL)
            b.restart(sig)
            with Client(b.address, 5).connected('probe').subscribed('will/#') as probe:
                ended(b.address, 'two')
                probe.message('will/two', b'two')


@daemon_only
def own_retained_later(broker):
    """check_retain_source: a message goes to new subscribers if who has retained it may publish it
    now."""
    with broker(SETTINGS, {'acl': ALL}) as b:
        with Client(b.address, 5).connected('keeper', properties=[(EXPIRY, 0)]) as keeper:
            keeper.publish('kept/1', b'kept', 1, retain=True)
            keeper.publish('other', b'other', 1, retain=True)
            reload(b, 'acl', DENIED.replace('deny kept', 'read kept'))
            until('permissions', lambda: keeper.publish('will/x', b'', 1).code == 0x87)
            with Client(b.address, 5).connected('late').subscribed('kept/#', 'other') as late:
                check({p.topic for p in late.waiting(2)}, {b'kept/1', b'other'}, 'still allowed')
            reload(b, 'acl', 'topic read #\ntopic write other\n')
            until('permissions', lambda: keeper.publish('kept/x', b'', 1).code == 0x87)
            with Client(b.address, 5).connected('late').subscribed('kept/#', 'other') as late:
                check({p.topic for p in late.waiting(1)}, {b'other'}, 'allowed')
