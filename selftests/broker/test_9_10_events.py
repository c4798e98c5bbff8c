# SPDX-License-Identifier: MIT
"""Security events: lines of JSON, their limits, and what they do not say."""
import json
import os
import signal

from broker import daemon_only, free_port
from connection import LEVELS, Client
from test_9_1_options import hashed
from test_9_3_access import until
from test_9_3_sys import Tree
from test_9_5_certificates import MUTUAL
from test_9_5_tls import Secure
from wire import SUBACK, check, subscribe


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


@daemon_only
def own_events_flapping(broker):
    """flapping_connects: a client identifier that comes again and again, told of each time that it
    has come so often."""
    with broker('security_log DIR/events\nflapping_connects 10\n') as b:
        for i in range(25):
            Client(b.address, LEVELS[i % 3]).connected('flap').leave()
            Client(b.address, 5).connected(f'calm{i}').leave()
        with Client(b.address, 5).connected('a'), Client(b.address, 5) as second:
            second.connected('a')
            wait_for(b, event='taken-over')
        check([(e['client'], e['count']) for e in events(b) if e['event'] == 'flapping'],
              [('flap', 10), ('flap', 10)], 'events')


@daemon_only
def own_events_certificates(broker):
    """certificate_warning: the listeners' own at the start and after a reload, clients' when they
    come; and handshakes that fail."""
    with Secure(broker, MUTUAL, MUTUAL.replace('server', 'long'),
                settings='security_log DIR/events\n', names=('server', 'short', 'long'),
                options={'long': ('-enddate', '20900101000000Z')}) as s:
        b = s.broker
        event, = wait_for(b, event='certificate', why="a listener's certificate expires")
        check((event['listener'], event['subject']), (s.ports[0], '/CN=server'), 'event')
        s.said(f'the certificate of listener {s.ports[0]} 127.0.0.1 expires in ')
        check(f'listener {s.ports[1]} 127.0.0.1 expires' in b.text(), False, 'the other one')
        with s.client(name='long') as client, s.client(name='short') as short:
            client.connected('long')
            short.connected('short')
        event, = wait_for(b, event='certificate', client='short')
        check((event['subject'], event['why']), ('/CN=short', "a client's certificate expires"),
              'event')
        s.refused(s.context(), 'peer did not return a certificate')
        wait_for(b, event='tls-failed', why='peer did not return a certificate')
        s.reload()
        wait_for(b, 2, event='certificate', listener=s.ports[0], subject='/CN=server')
        check([e['client'] for e in events(b) if 'client' in e and e['event'] == 'certificate'],
              ['short'], 'clients')


@daemon_only
def own_events_others(broker):
    """A subscription that no role allows, and junk where a proxy's header should be."""
    port = free_port()
    settings = f'security_log DIR/events\nroles true\nlistener {port} 127.0.0.1\n' \
               'enable_proxy_protocol any\nproxy_trusted 127.0.0.1\n'
    with broker(settings) as b:
        with Client(b.address, 5).connected('c') as client:
            client.send(subscribe(5, ('secret/\u00e4', 0)))
            check(client.expect(SUBACK).codes, [0x87], 'SUBACK')
        event, = wait_for(b, event='denied', access='subscribe', client='c')
        check(event['topic'], 'secret/\u00e4', 'filter')
        with Client(('127.0.0.1', port), 5) as client:
            client.send(b'GET / HTTP/1.0\r\n\r\n')
            client.expect_end()
        event, = wait_for(b, event='peer')
        check((event['listener'], 'client' in event), (port, False), 'event')
