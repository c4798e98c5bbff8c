# SPDX-License-Identifier: MIT
"""Limits, sessions as the operator sees them, and the log."""
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time

import wire
from broker import program
from connection import PATIENCE, Client
from operation_daemon import Daemon
from wire import Failure, check


def t_max_connections():
    with Daemon('max_connections_total 2') as d:
        d.running()
        with d.client('a'), d.client('b'):
            Client(d.address, 5).expect_end()
            d.line('denied: max_connections_total exceeded')
        check(d.statistics()['connections refused: max_connections_total'], 1, 'counter')


def t_connection_rate():
    """Refused beyond the rate, also by any worker; nothing is logged a thousand times."""
    with Daemon('connection_rate 5') as d:
        d.running()
        start = time.monotonic()
        refused = 0
        for i in range(60):
            with Client(d.address, 5) as c:
                c.send(wire.connect(5, f'c{i}'))
                refused += c.next() is None
        allowed = 5 + 5 * (time.monotonic() - start) + 1
        check(60 - refused <= allowed and refused >= 1, True,
              f'{60 - refused} were let in, {allowed:.0f} may be')
        d.line('Client connection from 127.0.0.1:')
        check(d.statistics()['connections refused: connection_rate'], refused, 'counter')
        d.line('similar messages suppressed: "connection_rate exceeded"')
        d.configure('')
        d.reload()
        for i in range(20):
            with d.client(f'c{i}'):
                pass


def t_message_rate():
    """Who publishes faster is not read from for a while, and loses nothing."""
    with Daemon('message_rate 20') as d:
        d.running()
        with d.client('sub') as sub, d.client('pub') as pub:
            sub.subscribed('#')
            start = time.monotonic()
            pub.send(*(wire.publish(5, 't', b'%d' % i) for i in range(50)))
            for i in range(50):
                check(sub.expect(wire.PUBLISH).payload, str(i).encode(), 'payload')
            check(time.monotonic() - start > 1.2, True, 'it took more than 1.2 s')
            d.line('Client pub [127.0.0.1:')
            # Others do not wait, nor does it once it has paid
            sub.ping()
            pub.ping()
        check(d.statistics()['clients held: message_rate, byte_rate'] >= 1, True, 'counter')
        # Somebody who is waiting may go
        with d.client('pub') as pub:
            pub.send(*(wire.publish(5, 't', b'%d' % i) for i in range(200)))
            d.line('Client pub [127.0.0.1:')
        d.client('sub').ping()


def t_no_descriptors():
    """Without descriptors nobody is accepted; it is said once; later all are."""
    with Daemon(limit=40) as d:
        d.running()
        with contextlib.ExitStack() as stack:
            for i in range(50):
                stack.enter_context(Client(d.address, 5)).send(wire.connect(5, f'c{i}'))
            d.line('cannot accept connections for now: Too many open files')
            last = Client(d.address, 5)
            last.send(wire.connect(5, 'last'))
        check(last.expect(wire.CONNACK).code, 0, 'CONNACK')
        last.sock.close()
        d.line('Accepting connections again')


def subset(got, want, what):
    check({name: got.get(name) for name in want}, want, what)


def settle(function, want, what):
    """Waits for what others' threads are about to do."""
    deadline = time.monotonic() + PATIENCE
    while (got := function()) != want:
        if time.monotonic() > deadline:
            raise Failure(f'{what}: {got!r}, not {want!r}')
        time.sleep(0.01)


def t_session_list():
    """Online and offline ones, with what waits for them."""
    with Daemon() as d:
        d.running()
        check(d.sessions(), {}, 'at first')
        with d.client('on', keepalive=60) as on, \
                d.client('off', properties=[(0x11, 3600)]) as off, d.client('old', level=4):
            off.send(wire.subscribe(5, ('a/#', 1), ('b', 2)))
            check(off.expect(wire.SUBACK).codes, [1, 2], 'SUBACK')
            off.send(wire.disconnect(5))
            off.expect_end()
            settle(lambda: d.sessions()['off']['state'], 'offline', 'state')
            on.send(wire.publish(5, 'a/b', b'x' * 100, packet_id=b'\0\1', byte1=0x32))
            check(on.expect(wire.PUBACK).type, wire.PUBACK, 'PUBACK')
            found = d.sessions()
            check(sorted(found), ['off', 'old', 'on'], 'client ids')
            subset(found['off'], {'state': 'offline', 'subscriptions': 2, 'queue-messages': 1,
                                  'expiry': '3600', 'remote': None, 'protocol': '5.0'}, 'off')
            check(103 <= found['off']['queue-bytes'] <= 400, True, 'bytes in the queue')
            check(3500 < found['off']['expires-in'] <= 3600, True, 'expires in')
            host, port = on.sock.getsockname()
            subset(found['on'], {'state': 'online', 'remote': f'{host}:{port}', 'expiry': '0',
                                 'dataplane': 'user', 'subscriptions': 0, 'drops': 0}, 'on')
            subset(found['old'], {'protocol': '3.1.1'}, 'old')
            # As text
            status, out, _ = d.ctl('session')
            check((status, 'client-id "off" state offline' in out), (0, True), 'text')
            subset(d.session('on'), {'keep-alive': 60, 'connections': 1, 'take-overs': 0,
                                      'filters': []}, 'on')
            check(d.session('off')['filters'] in ([{'filter': 'a/#', 'qos': 1},
                                                    {'filter': 'b', 'qos': 2}],
                                                   [{'filter': 'b', 'qos': 2},
                                                    {'filter': 'a/#', 'qos': 1}]),
                  True, 'filters')
            subset(d.session('off'), {'last-end': 'disconnected', 'durable': 'no'}, 'off')


def t_session_pages():
    """More than fit on one page: each once."""
    with Daemon() as d:
        d.running()
        for i in range(700):
            with Client(d.address, 4) as c:
                c.connected(f'client {i}', clean=False)
                c.send(wire.disconnect(4))
                c.expect_end()
        page = d.ask(command='session-list')['result']
        check(200 < len(page['sessions']) < 400 and page['next'] != 0, True, 'one page')
        status, out, _ = d.ctl('-j', 'session', 'list')
        check(status, 0, 'exit status')
        check(sorted(s['client-id'] for s in json.loads(out)),
              sorted(f'client {i}' for i in range(700)), 'all of them')
        check(d.ask(command='session-list', cursor=-7)['ok'], True, 'a strange cursor')


def t_session_show():
    """Options and identifiers of subscriptions; strange names."""
    with Daemon() as d:
        d.running()
        name = 'x"\\\n\u202e/+é'.replace('\n', ' ')
        with Client(d.address, 5).connected(name) as c:
            c.send(wire.subscribe(5, ('s/#', 0x2c | 1), properties=[(0x0b, 77)]))
            check(c.expect(wire.SUBACK).codes, [1], 'SUBACK')
            shown = d.session(name)
            check(shown['filters'], [{'filter': 's/#', 'qos': 1, 'id': 77, 'options':
                                      'no-local,retain-as-published,retain-never'}], 'filters')
            check(shown['needs'], 'subscription-id,retain-as-published', 'needs')
            status, out, _ = d.ctl('session', 'show', name)
            check((status, '\u202e' in out), (0, False), 'text')
        check(d.ctl('session', 'show', 'nobody'),
              (1, '', 'mqttctl: there is no session of this client id\n'), 'nobody')
        check(d.ctl('session', 'show')[0], 2, 'without a client id')
        check(d.ctl('session', 'show', b'\xff')[0], 1, 'not UTF-8')
        check(d.ask(command='session-show'),
              {'ok': False, 'error': '"client-id" has to be a string'}, 'without a client id')


def t_session_kick():
    with Daemon() as d:
        d.running()
        with d.client('watcher') as watcher:
            watcher.subscribed('will')
            with d.client('x', properties=[(0x11, 100)], will=('will', b'gone')) as c:
                check(d.ctl('session', 'kick', 'x'), (0, '', ''), 'kick')
                c.expect_closed(0x98)
            check(watcher.expect(wire.PUBLISH).payload, b'gone', 'will')
            settle(lambda: d.sessions()['x']['state'], 'offline', 'state')
            check(d.ctl('session', 'kick', 'x'),
                  (1, '', 'mqttctl: this client is not connected\n'), 'offline')
            check(d.session('x')['last-end'], 'disconnected by the operator', 'last end')
            with Client(d.address, 5) as c:
                c.send(wire.connect(5, 'x', clean=False))
                check(c.expect(wire.CONNACK).session, 1, 'session present')
                subset(d.session('x'), {'connections': 2}, 'x')
        check(d.ctl('session', 'kick', 'nobody')[0], 1, 'nobody')


def t_session_delete():
    """Online or not, it is gone."""
    with Daemon() as d:
        d.running()
        with d.client('x', properties=[(0x11, 100)]) as c:
            check(d.ctl('session', 'delete', 'x'), (0, '', ''), 'online')
            c.expect_closed(0x98)
        settle(lambda: d.sessions(), {}, 'sessions')
        with d.client('x', properties=[(0x11, 100)]) as c:
            c.send(wire.disconnect(5))
            c.expect_end()
        settle(lambda: d.sessions()['x']['state'], 'offline', 'state')
        check(d.ctl('session', 'delete', 'x'), (0, '', ''), 'offline')
        settle(lambda: d.sessions(), {}, 'sessions')
        with Client(d.address, 5) as c:
            c.send(wire.connect(5, 'x', clean=False))
            check(c.expect(wire.CONNACK).session, 0, 'session present')


def t_incidents():
    """Who was refused, taken over, or closed, and why."""
    with Daemon('max_connections_total 2\nconnection_messages false') as d:
        d.running()
        with d.client('x') as first, d.client('x') as second:
            first.expect_closed(0x8e)
            with d.client('y') as y:
                Client(d.address, 5).expect_end()
                Client(d.address, 5).expect_end()
                y.send(wire.packet(0x70, b'\0\0\0\0'))
                y.expect(wire.DISCONNECT)
            subset(d.session('x'), {'connections': 1}, 'x: the sessions are not the same')
            status, out, _ = d.ctl('-j', 'session', 'incidents')
            check(status, 0, 'exit status')
            found = [(i.get('client-id'), i['what'], i['times']) for i in json.loads(out)]
            check([f[0] for f in found], ['y', None, 'x'], 'client ids')
            check(found[1][1:], ('max_connections_total exceeded', 2), 'refused')
            status, out, _ = d.ctl('-j', 'session', 'incidents', 'x')
            check([i['what'] for i in json.loads(out)],
                  ['already connected, closing old connection'], 'of one client')
            second.ping()


def t_refused_users():
    """The log and the incidents say which user was refused, and what is missing."""
    with tempfile.NamedTemporaryFile() as users:
        os.chmod(users.name, 0o644)
        for settings, code, text in (
                (f'password_file {users.name}', 0x86, "bad user name or password, user 'ann'"),
                ('', 0x87, "the listener has no password_file for user 'ann'")):
            with Daemon(settings) as d:
                d.running()
                d.forbid_anonymous()
                with Client(d.address, 5) as c:
                    c.send(wire.connect(5, 'x', user='ann', password=b'wrong'))
                    check(c.expect(wire.CONNACK).code, code, 'CONNACK')
                d.line(f'refused ({text})')
                status, out, _ = d.ctl('-j', 'session', 'incidents', 'x')
                check((status, json.loads(out)[0]['detail']), (0, text), 'incident')


def t_flood():
    """A client that provokes lines gets a few, and then their number."""
    with Daemon('log_type all') as d:
        d.running()
        for i in range(100):
            with Client(d.address, 5) as c:
                c.send(b'\xf0\x00')
                c.expect_end()
        line = d.line('similar messages suppressed: "disconnected due to')
        check(int(line.split()[1]) > 0, True, 'number')


def t_log_topic():
    """Log lines as messages, to those who have subscribed."""
    with Daemon('log_dest stderr\nlog_dest topic\nlog_type all\nlog_timestamp false') as d:
        d.running()
        with d.client('watcher') as watcher:
            watcher.subscribed('$SYS/broker/log/M/#', '$SYS/broker/log/N')

            def wait_for(topic, text):
                while True:
                    line = watcher.message_of()
                    if (line.topic, text in line.payload) == (topic, True):
                        return

            with d.client('x') as c:
                wait_for(b'$SYS/broker/log/N', b'New client connected from 127.0.0.1:')
                c.subscribed('a/b')
                wait_for(b'$SYS/broker/log/M/subscribe', b'x 0 a/b')
            # More than there is room for
            for _ in range(300):
                with Client(d.address, 5) as c:
                    c.send(b'\xf0\x00')
            d.client('last')
            wait_for(b'$SYS/broker/log/N', b' as last ')


def t_journal():
    """Lines for a stream of the journal have priorities, and no time stamps."""
    read, write = os.pipe()
    st = os.fstat(write)
    with Daemon() as d:
        d.running()
        env = {**os.environ, 'JOURNAL_STREAM': f'{st.st_dev}:{st.st_ino}'}
        d.end()
        p = subprocess.Popen([program(), '-c', d.config], stderr=write, env=env)
        os.close(write)
        with os.fdopen(read) as lines:
            check(next(lines).startswith('<6>mqttd '), True, 'the first line')
            for line in lines:
                if line.endswith('running\n'):
                    p.send_signal(signal.SIGTERM)
        check(p.wait(PATIENCE), 0, 'exit status')
