# SPDX-License-Identifier: MIT
"""Addresses that are banned, by the operator or for what has come from there."""
import json
import os
import signal
import socket
import subprocess

from broker import daemon_only, program
from connection import PATIENCE, Client
from test_9_10_events import wait_for
from test_9_5_tls import SERVER, Secure
from wire import Failure, check, connect

SETTINGS = 'control_socket_path DIR/control\nsecurity_log DIR/events\n'


def control(broker, *words, status=0, says=''):
    """mqttctl's output; @says is in what it complains about."""
    path = os.path.join(os.path.dirname(program()), 'mqttctl')
    done = subprocess.run([path, '-j', '-S', os.path.join(broker.dir.name, 'control'), *words],
                          capture_output=True, text=True, check=False)
    check((done.returncode, says in done.stderr), (status, True), f'{words}: {done.stderr}')
    return json.loads(done.stdout) if done.stdout.strip() else None


def bans(broker):
    return {ban['network']: ban for ban in control(broker, 'ban', 'show')}


def shut_out(address, source, **kwargs):
    """Without a word; a reset may come instead of the end."""
    try:
        with Client(address, 5, source=source, **kwargs) as client:
            client.expect_end()
    except (ConnectionResetError, BrokenPipeError, OSError):
        pass


@daemon_only
def own_ban(broker):
    """mqttctl ban add, show, del: who is there is told 0x98 and goes, who comes is not let in."""
    with broker(SETTINGS) as b:
        check(bans(b), {}, 'no bans')
        with Client(b.address, 5, source='127.0.7.1').connected('in') as inside, \
                Client(b.address, 4, source='127.0.8.1').connected('out') as outside:
            control(b, 'ban', 'add', '127.0.7.0/24')
            inside.expect_closed(0x98)
            outside.ping()
            shut_out(b.address, '127.0.7.9')
            Client(b.address, 5, source='127.0.6.255').connected('x').leave()
            ban = bans(b)['127.0.7.0/24']
            check((ban['why'], 'expires-in' in ban, ban['refused']), ('by the operator', False, 2),
                  'ban')
            control(b, 'ban', 'add', '127.0.8.1', 'for', '2h')
            outside.expect_closed(0x98)
            check(bans(b)['127.0.8.1/32']['expires-in'] in range(7000, 7201), True, 'the end')
            control(b, 'ban', 'del', '127.0.7.1/24')
            Client(b.address, 5, source='127.0.7.9').connected('x').leave()
        control(b, 'ban', 'del', '127.0.7.0/24', status=1, says='this network is not banned')
        control(b, 'ban', 'add', '127.0.7.0/33', status=1, says='is not an address')
        control(b, 'ban', 'add', '127.0.7.1', 'for', '2x', status=2, says='is not a number of')
        control(b, 'ban', 'add', '127.0.7.1', 'for', '0s', status=2, says='is not a number of')
        control(b, 'ban', 'add', '2001:db8::1')
        check('2001:db8::/64' in bans(b), True, 'IPv6')
        wait_for(b, event='ban', address='127.0.7.0/24', why='was banned')
        wait_for(b, event='ban', address='127.0.7.0/24', why='is no longer banned')
        wait_for(b, event='banned', why='ended', client='in')
        wait_for(b, event='banned', why='refused')


@daemon_only
def own_ban_kept(broker):
    """Bans outlive the broker; those whose time has come do not."""
    with broker(f'{SETTINGS}persistence true\npersistence_location DIR/\n') as b:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            control(b, 'ban', 'add', '127.0.9.1')
            control(b, 'ban', 'add', '127.0.10.0/24', 'for', '1h')
            control(b, 'ban', 'add', '127.0.11.1', 'for', '1s')
            control(b, 'ban', 'add', '127.0.12.1')
            control(b, 'ban', 'del', '127.0.12.1')
            # What is on the disk when CONNACK has come is all that was there before
            with Client(b.address, 5) as client:
                client.connected('durable', properties=[(0x11, 100)])
            b.restart(sig)
            check({'127.0.9.1/32', '127.0.10.0/24'} <= set(bans(b)), True, 'bans')
            check('127.0.12.1/32' in bans(b), False, 'one that was deleted')
            shut_out(b.address, '127.0.9.1')
            shut_out(b.address, '127.0.10.77')
            Client(b.address, 5, source='127.0.12.1').connected('x').leave()


@daemon_only
def own_ban_exempt(broker):
    """ban_exempt: not by itself, and not with what is around it."""
    with broker(f'{SETTINGS}ban_exempt 127.0.13.1 2001:db8::/32\nban_exempt 127.0.14.0/24\n') as b:
        control(b, 'ban', 'add', '127.0.13.1', status=1, says='ban_exempt has this network')
        control(b, 'ban', 'add', '2001:db8:1::/48', status=1, says='ban_exempt has this network')
        control(b, 'ban', 'add', '127.0.12.0/22')
        for source in ('127.0.13.1', '127.0.14.200'):
            Client(b.address, 5, source=source).connected('x').leave()
        for source in ('127.0.13.2', '127.0.15.0'):
            shut_out(b.address, source)
    try:
        with broker('ban_exempt 127.0.13.1 example.org\n'):
            raise Failure('a name was taken')
    except Failure as failure:
        check("ban_exempt: 'example.org' is not an address" in str(failure), True, str(failure))


@daemon_only
def own_ban_tls(broker):
    """Who is in a handshake while it is banned is not let in when it is through."""
    with Secure(broker, SERVER, settings=SETTINGS) as s, \
            socket.create_connection(s.address(), PATIENCE, ('127.0.16.1', 0)) as sock:
        control(s.broker, 'ban', 'add', '127.0.16.1')
        with s.context().wrap_socket(sock, server_hostname='127.0.0.1') as secure:
            secure.sendall(connect(5, 'x'))
            check(secure.recv(100), b'', 'what comes instead of CONNACK')
        wait_for(s.broker, event='banned', why='ended')
