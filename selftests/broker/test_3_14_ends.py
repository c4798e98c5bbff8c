# SPDX-License-Identifier: MIT
"""The end of connections: take-over, DISCONNECT, keep-alive: 3.1.2.10, 3.1.4, 3.14."""
import itertools
import select
import signal

from connection import LEVELS, Client
from wire import PUBLISH, check, disconnect, packet, publish

PAIRS = tuple(itertools.product(LEVELS, LEVELS))


def t_take_over(address):
    """[MQTT-3.1.4-3] [MQTT-3.1.2-4] [MQTT-3.14.4-1] [MQTT-3.14.4-2]"""
    for old, new in PAIRS:
        with Client(address, old).connected('taken').subscribed('t') as first, \
                Client(address, new).connected('taken') as second:
            first.expect_closed(0x8e)
            # The session was the connection's: nothing of it is left
            second.send(publish(new, 't', b'x'))
            second.ping()
            second.subscribed('t')
            second.send(publish(new, 't', b'y'))
            check(second.expect(PUBLISH).payload, b'y', 'payload')


def t_take_over_chain(address):
    """[MQTT-3.1.4-3] Again and again."""
    clients = [Client(address, level).connected('chain') for level in LEVELS * 3]
    for client in clients[:-1]:
        client.expect_closed(0x8e)
    clients[-1].ping()
    for client in clients:
        client.sock.close()


def t_session_expiry_at_the_end(address):
    """3.14.2.2.2: [MQTT-3.1.2-23] None may become one only if there was one."""
    for asked, last, fine in ((0, 1, False), (0, 0, True), (5, 7, True), (5, 0, True)):
        with Client(address, 5).connected('exp', properties=[(0x11, asked)]) as client:
            client.send(disconnect(5, 0, [(0x11, last)]))
            if fine:
                client.expect_end()
            else:
                client.expect_closed(0x82)


def t_keep_alive(address):
    """[MQTT-3.1.2-22] [MQTT-3.2.2-22] [MQTT-4.13.2-1] Silence for one and a half of it."""
    clients = [Client(address, level).connected(f'keep{level}', keepalive=1) for level in LEVELS]
    for client in clients:
        client.expect_closed(0x8d)
        client.sock.close()


def t_keep_alive_is_met(address):
    """[MQTT-3.1.2-22] By packets of any kind, and 0 is none."""
    with Client(address, 4).connected('none', keepalive=0) as none, \
            Client(address, 5).connected('talks', keepalive=1) as talks, \
            Client(address, 5).connected('silent', keepalive=1) as silent:
        # Which takes longer than either has to be silent for
        while not select.select([silent.sock], [], [], 0.4)[0]:
            talks.publish('keep/alive', b'', 1)
        silent.expect_closed(0x8d)
        talks.ping()
        none.ping()


def t_nothing_behind_disconnect(address):
    """[MQTT-3.14.4-1] What comes behind it has no effect."""
    with Client(address, 4).connected('witness').subscribed('behind') as witness:
        for level in LEVELS:
            with Client(address, level).connected('bye') as client:
                client.send(disconnect(level), publish(level, 'behind', b'x'))
                client.expect_end()
        witness.publish('behind', b'end')
        witness.message('behind', b'end')


def t_disconnect_reasons(address):
    """[MQTT-3.14.2-1] Each that a client may give."""
    for reason in (0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
                   0x99):
        with Client(address, 5).connected('bye') as client:
            client.leave(reason, [(0x1f, 'because'), (0x26, ('k', 'v'))])
    for reason in (0x01, 0x02, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x9c, 0x9d, 0xa2, 0xff):
        with Client(address, 5).connected('bye') as client:
            client.send(disconnect(5, reason))
            client.expect_closed((0x81, 0x82))


def t_disconnect_alone(address):
    """[MQTT-3.14.4-3] No more than the fixed header."""
    for level in LEVELS:
        with Client(address, level).connected('bye') as client:
            client.send(packet(0xe0, b''))
            client.expect_end()


def own_shutdown(broker):
    """[MQTT-3.14.2-1] The broker says goodbye."""
    with broker('') as b:
        clients = [Client(b.address, level).connected(f'down{level}') for level in LEVELS]
        b.process.send_signal(signal.SIGTERM)
        for client in clients:
            client.expect_closed(0x8b)
            client.sock.close()
