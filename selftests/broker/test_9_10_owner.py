# SPDX-License-Identifier: MIT
"""Whose sessions are, and which client identifiers somebody may have."""
import os
import signal
import sqlite3

from broker import daemon_only
from connection import LEVELS, Client, forget, session
from test_9_10_events import wait_for
from test_9_1_options import hashed
from test_9_5_certificates import MUTUAL
from test_9_5_tls import Secure
from wire import check

USERS = ''.join(f'{name}:{hashed(7, name.encode())}\n' for name in ('ann', 'bob'))
SETTINGS = 'password_file DIR/users\nsecurity_log DIR/events\n'


def no(level):
    return 0x85 if level == 5 else 2


def as_user(name):
    return {'user': name, 'password': name.encode()} if name else {}


@daemon_only
def own_session_owner(broker):
    """[MQTT-3.2.2-6] Only who has a session may go on with it, end it, or take its connection over;
    an anonymous client is somebody, too."""
    with broker(SETTINGS, {'users': USERS}) as b:
        for owner in ('ann', None):
            others = {'ann', 'bob', None} - {owner}
            for level in LEVELS:
                with session(b.address, level, 's', **as_user(owner)) as first:
                    first.subscribed('t', options=1)
                    for other in others:
                        for clean in (True, False):
                            with Client(b.address, level) as client:
                                client.refused('s', no(level), clean=clean, **as_user(other))
                    first.ping()
                    first.leave()
                for other in others:
                    for clean in (True, False):
                        with Client(b.address, level) as client:
                            client.refused('s', no(level), clean=clean, **as_user(other))
                with Client(b.address, 5).connected('at') as pub:
                    pub.publish('t', b'x', 1)
                with session(b.address, level, 's', level != 3, **as_user(owner)) as again:
                    again.message('t', b'x', 1)
                    with Client(b.address, level) as later:
                        later.connected('s', **as_user(owner))
                        again.expect_closed(0x8e)
                        # It ends with its connection, and then it is nobody's
                        later.leave()
        event = wait_for(b, event='not-owner', client='s', user='bob')[0]
        check(event['why'], "the session is another user's", 'why')


@daemon_only
def own_session_owner_restart(broker):
    """The owner is kept with the session. One of a database that knows of none: the first one's."""
    settings = f'{SETTINGS}persistence true\npersistence_location DIR/\n'
    with broker(settings, {'users': USERS}) as b:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            session(b.address, 5, 'named', **as_user('ann')).leave()
            session(b.address, 4, 'anonymous').leave()
            b.restart(sig)
            for level in (4, 5):
                for name, other in (('named', 'bob'), ('named', None), ('anonymous', 'ann')):
                    with Client(b.address, level) as client:
                        client.refused(name, no(level), clean=False, **as_user(other))
            session(b.address, 4, 'anonymous', 1).leave()
            forget(b.address, 'anonymous')
            with Client(b.address, 5) as client:
                client.connected('named', **as_user('ann'))
        session(b.address, 5, 'named', **as_user('ann')).leave()
        session(b.address, 4, 'anonymous').leave()
        b.stop()
        # As it was before there were owners
        database = sqlite3.connect(os.path.join(b.dir.name, 'mqttd.db'))
        database.executescript('ALTER TABLE session DROP COLUMN owned; DROP TABLE ban; '
                               'DROP TABLE access; PRAGMA user_version = 1')
        database.close()
        b.restart_stopped()
        with Client(b.address, 5) as client:
            client.refused('named', 0x85, **as_user('bob'))
        session(b.address, 5, 'anonymous', 1, **as_user('bob')).leave()
        with Client(b.address, 4) as client:
            client.refused('anonymous', 2)
        session(b.address, 5, 'anonymous', 1, **as_user('bob')).leave()


@daemon_only
def own_session_takeover_any(broker):
    """session_takeover any: as it is with mosquitto."""
    with broker(f'{SETTINGS}session_takeover any\n', {'users': USERS}) as b:
        first = session(b.address, 5, 's', **as_user('ann')).subscribed('t')
        second = session(b.address, 4, 's', 1, **as_user('bob'))
        first.expect_closed(0x8e)
        second.leave()
        with Client(b.address, 5) as client:
            client.connected('s', clean=False, session=1)


@daemon_only
def own_client_id_bound(broker):
    """require_username_as_clientid: nobody has another client identifier than its user name."""
    with broker(f'{SETTINGS}require_username_as_clientid true\n', {'users': USERS}) as b:
        for level in LEVELS:
            with Client(b.address, level) as client:
                client.connected('ann', **as_user('ann'))
            for name, user in (('bob', 'ann'), ('Ann', 'ann'), ('ann', None)):
                with Client(b.address, level) as client:
                    client.refused(name, no(level), **as_user(user))
        with Client(b.address, 5) as client:
            client.refused('', 0x85, **as_user('ann'))
        wait_for(b, event='not-owner', why='the client identifier is not the user name')


@daemon_only
def own_client_id_certificate(broker):
    """Likewise, with a certificate's common name for the user name, whatever CONNECT says."""
    with Secure(broker, MUTUAL + 'use_identity_as_username true\n'
                        'require_username_as_clientid true\n', names=('server', 'ann')) as s:
        for level in LEVELS:
            with s.client(level, name='ann') as client:
                client.connected('ann')
            with s.client(level, name='ann') as client:
                client.refused('bob', no(level), user='bob', password=b'bob')
