# SPDX-License-Identifier: MIT
"""Passwords that others could read on their way."""
import os
import socket
import subprocess

from broker import daemon_only, free_port, program
from connection import LEVELS, Client
from test_9_10_events import wait_for
from test_9_10_owner import USERS, as_user
from test_9_3_access import reload, until
from wire import check

SETTINGS = 'password_file DIR/users\nsecurity_log DIR/events\n'
WARNING = 'has no TLS: clients that are not on this machine are refused if they send a password'


def elsewhere():
    """An address of this machine that is no loopback address; None if it has none. Nothing is
    sent: the network is for documentation."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(('198.51.100.1', 9))
        except OSError:
            return None
        address = s.getsockname()[0]
        return None if address.startswith('127.') else address


@daemon_only
def own_unprotected(broker):
    """[MQTT-3.2.2-7] Not over a connection without TLS from elsewhere, unless it is allowed; the same
    listener takes it on loopback, and those who send none."""
    port, open_port = free_port(), free_port()
    settings = f'{SETTINGS}listener {port}\nlistener {open_port} 0.0.0.0\n' \
               'allow_unencrypted_passwords true\n'
    with broker(settings, {'users': USERS}) as b:
        check(f'listener {port} {WARNING}' in b.text(), True, 'the warning')
        check(f'listener {open_port} 0.0.0.0 {WARNING}' in b.text(), False, 'a warning')
        check(f'127.0.0.1 {WARNING}' in b.text(), False, 'a warning')
        for level in LEVELS:
            Client(('127.0.0.1', port), level).connected('x', **as_user('ann')).leave()
        host = elsewhere()
        if not host:
            print('# there is no other address')
            return
        for level in LEVELS:
            with Client((host, port), level) as client:
                client.refused('x', 0x87 if level == 5 else 5, **as_user('ann'))
            Client((host, open_port), level).connected('x', **as_user('ann')).leave()
            Client((host, port), level).connected('y').leave()
        wait_for(b, 3, event='unprotected', user='ann')
        check('see allow_unencrypted_passwords' in b.text(), True, 'the log')
        # Nobody has looked at it
        with Client((host, port), 5) as client:
            client.refused('x', 0x87, user='ann', password=b'wrong')
        with open(os.path.join(b.dir.name, 'conf'), encoding='utf-8') as file:
            text = file.read()
        reload(b, 'conf', text.replace(f'listener {port}\n',
                                       f'listener {port}\nallow_unencrypted_passwords true\n'))
        until('reloaded', lambda: 'The configuration is in force.' in b.text())
        Client((host, port), 5).connected('x', **as_user('ann')).leave()


@daemon_only
def own_unprotected_config(broker):
    """--test-config says so, and it is no error; nor is a file that all can read."""
    with broker('') as b:
        b.write('users', USERS)
        path = b.write('drop-in', 'listener 1883\npassword_file DIR/users\n')
        done = subprocess.run([program(), '--test-config', '-c', path], capture_output=True,
                              text=True, check=False)
        check((done.returncode, f'listener 1883 {WARNING}' in done.stderr), (0, True), done.stderr)
        path = b.write('drop-in', 'allow_unencrypted_passwords true\nlistener 1883\n'
                                  'password_file DIR/users\n')
        done = subprocess.run([program(), '--test-config', '-c', path], capture_output=True,
                              text=True, check=False)
        check((done.returncode, WARNING in done.stderr), (0, False), done.stderr)
        for mode in (0o644, 0o640):
            os.chmod(os.path.join(b.dir.name, 'users'), mode)
            done = subprocess.run([program(), '--test-config', '-c', path], capture_output=True,
                                  text=True, check=False)
            check("users' can be read by anybody" in done.stderr, mode == 0o644, done.stderr)
