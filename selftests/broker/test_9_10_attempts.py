# SPDX-License-Identifier: MIT
"""Attempts to authenticate that fail: they slow down who makes them, and nobody else."""
import contextlib

from broker import daemon_only
from connection import Client
from test_9_10_bans import bans, control, shut_out
from test_9_10_events import events, wait_for
from test_9_10_owner import USERS, as_user
from test_9_3_access import until
from wire import CONNACK, check, connect

SETTINGS = 'allow_anonymous false\npassword_file DIR/users\nsecurity_log DIR/events\n' \
           'control_socket_path DIR/control\n'


def attempt(broker, source, user, password, level=5):
    """The reason code."""
    with Client(broker.address, level, source=source) as client:
        client.send(connect(level, f'of {user}', user=user, password=password))
        return client.expect(CONNACK).code


@daemon_only
def own_attempts_delayed(broker):
    """auth_delay: the same user from the same address waits for an answer, others do not; a right
    password is let in when its time has come, and then it is over."""
    with broker(f'{SETTINGS}auth_delay 1\n', {'users': USERS}) as b:
        for _ in range(2):
            check(attempt(b, '127.0.20.1', 'ann', b'wrong'), 0x86, 'wrong')
        # Each waits at first for what is before it, then there are too many
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(b.address, 5, source='127.0.20.1'))
                       for _ in range(20)]
            for client in clients:
                client.send(connect(5, '', user='ann', password=b'wrong'))
            codes = [client.expect(CONNACK).code for client in clients]
        check(set(codes), {0x86, 0x89}, 'reason codes')
        until('a right password', lambda: attempt(b, '127.0.20.1', 'ann', b'ann') == 0)
        wait_for(b, event='auth-delayed', why='delayed', user='ann')
        wait_for(b, event='auth-delayed', why='refused')
        before = len([e for e in events(b) if e['event'] == 'auth-delayed'])
        check(attempt(b, '127.0.20.1', 'ann', b'ann'), 0, 'after the first success')
        for source in ('127.0.20.2', '127.0.20.1'):
            check(attempt(b, source, 'bob', b'bob'), 0, 'another user')
            check(attempt(b, source, 'ann', b'ann', level=4), 0, 'ann')
        # What was written last is behind all that was before it
        check(attempt(b, '127.0.20.3', 'eve', b'eve'), 0x86, 'an unknown user')
        wait_for(b, event='auth-failed', user='eve')
        check(len([e for e in events(b) if e['event'] == 'auth-delayed']), before, 'delays')


@daemon_only
def own_attempts_banned(broker):
    """ban_after: the address, not the user, and not an exempt one."""
    settings = f'{SETTINGS}ban_after 3\nban_for 600\nban_exempt 127.0.21.9\n'
    with broker(settings, {'users': USERS}) as b, \
            Client(b.address, 5, source='127.0.21.1') as inside:
        inside.connected('in', **as_user('bob'))
        for name in ('ann', 'bob', 'eve'):
            check(attempt(b, '127.0.21.1', name, b'wrong'), 0x86, name)
            for source in ('127.0.21.2', '127.0.21.9'):
                check(attempt(b, source, 'ann', b'ann'), 0, source)
        inside.expect_closed(0x98)
        shut_out(b.address, '127.0.21.1')
        ban = bans(b)['127.0.21.1/32']
        check((ban['why'], ban['expires-in'] in range(590, 601)),
              ('3 failed attempts to authenticate', True), 'ban')
        for _ in range(5):
            check(attempt(b, '127.0.21.9', 'ann', b'wrong'), 0x86, 'exempt')
        check(len(bans(b)), 1, 'bans')
        control(b, 'ban', 'del', '127.0.21.1')
        check(attempt(b, '127.0.21.1', 'ann', b'ann'), 0, 'after the ban')
