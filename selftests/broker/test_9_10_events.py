# SPDX-License-Identifier: MIT
"""Security events: lines of JSON, their limits, and what they do not say."""
import json
import os
import signal

from broker import daemon_only
from connection import LEVELS, Client
from test_9_1_options import hashed
from test_9_3_access import until
from test_9_3_sys import Tree
from wire import check


def events(broker, name='events'):
    """All that were written so far; whoever reads sees whole lines."""
    path = os.path.join(broker.dir.name, name)
    if not os.path.exists(path):
        return []
    with open(path, encoding='ascii') as file:
        return [json.loads(line) for line in file.read().splitlines(True) if line.endswith('\n')]


def wait_for(broker, count=1, name='events', **members):
    """The events that have these members, when there are so many of them."""
    def found():
        return [e for e in events(broker, name) if members.items() <= e.items()]

    until(f'events {members}', lambda: len(found()) >= count)
    return found()


@daemon_only
def own_events(broker):
    """security_log FILE: who failed, was denied, was taken over; no secret is in it."""
    users = f'ann:{hashed(7, b"geheim")}\n'
    files = {'users': users, 'acl': 'user ann\ntopic readwrite ann/#\n'}
    settings = 'allow_anonymous false\npassword_file DIR/users\nacl_file DIR/acl\n' \
               'security_log DIR/events\nsys_interval 1\n'
    with broker(settings, files) as b:
        port = b.address[1]
        odd = 'odd "\\\u00e9\U0001f600 id'
        with Client(b.address, 5) as client:
            client.refused(odd, 0x86, user='ann', password=b'nichtgeheim')
        event, = wait_for(b, event='auth-failed')
        check((event['client'], event['user'], event['listener'], event['method']),
              (odd, 'ann', port, 'password'), 'authentication failure')
        check(event['address'].startswith('127.0.0.1:'), True, event['address'])
        with Client(b.address, 4) as client:
            client.refused('nobody', 5)
        wait_for(b, event='auth-failed', client='nobody', why='no user name')
        with Client(b.address, 5) as first, Client(b.address, 4) as second:
            first.connected('a', user='ann', password=b'geheim')
            check(first.publish('bob/1', b'payload', 1).code, 0x87, 'PUBACK')
            event, = wait_for(b, event='denied')
            check((event['topic'], event['access'], event['client'], event['user']),
                  ('bob/1', 'publish', 'a', 'ann'), 'denial')
            second.connected('a', user='ann', password=b'geheim', will=('bob/2', b'', 0, False))
            first.expect_closed(0x8e)
        wait_for(b, event='taken-over', client='a', user='ann')
        wait_for(b, event='denied', access='will', topic='bob/2')
        with open(os.path.join(b.dir.name, 'events'), encoding='ascii') as file:
            text = file.read()
        for secret in ('geheim', 'payload', hashed(7, b'geheim')):
            check(secret in text or secret in b.text(), False, f'{secret} is in a log')


@daemon_only
def own_events_limited(broker):
    """A flood of one kind is cut, told of, and hides nothing of another kind; all are counted."""
    files = {'acl': 'topic readwrite $SYS/#\ntopic read $SYS/#\ntopic write allowed\n'}
    with broker('acl_file DIR/acl\nsecurity_log DIR/events\nsys_interval 1\n', files) as b:
        with Client(b.address, 5).connected('flood') as client:
            for _ in range(300):
                client.publish('denied', b'', 1)
        with Client(b.address, 5).connected('x') as first, Client(b.address, 4) as second:
            second.connected('x')
            first.expect_closed(0x8e)
        wait_for(b, event='taken-over')

        def told():
            return sum(e.get('suppressed', 0) for e in events(b)) + \
                sum(e['count'] for e in events(b) if e['event'] == 'suppressed')

        written = len(wait_for(b, event='denied'))
        check(written < 100, True, f'{written} lines')
        until('all told', lambda: told() + len(wait_for(b, event='denied')) == 300)
        with Tree(b.address) as tree:
            tree.wait('counters', lambda n: n('security/denied') == 300 and
                      n('security/taken-over') == 1 and n('security/auth-failed') == 0)


@daemon_only
def own_events_reopened(broker):
    """SIGHUP makes the file anew when it was moved away."""
    with broker('security_log DIR/events\nallow_anonymous false\n') as b:
        for level in LEVELS:
            with Client(b.address, level) as client:
                client.refused(f'before{level}', 0x87 if level == 5 else 5)
        wait_for(b, 3, event='auth-failed')
        os.rename(os.path.join(b.dir.name, 'events'), os.path.join(b.dir.name, 'old'))
        b.process.send_signal(signal.SIGHUP)
        until('a new file', lambda: os.path.exists(os.path.join(b.dir.name, 'events')))
        until('reloaded', lambda: 'The configuration is in force.' in b.text())
        with Client(b.address, 5) as client:
            client.refused('after', 0x87)
        event, = wait_for(b, event='auth-failed', client='after')
        check(len(events(b, 'old')), 3, 'lines of the old file')
