# SPDX-License-Identifier: MIT
"""The end of connections: take-over, DISCONNECT, wills, keep-alive."""
import itertools
import signal

from connection import LEVELS, Client
from wire import PUBLISH, check, disconnect, packet, publish

PAIRS = tuple(itertools.product(LEVELS, LEVELS))


def t_take_over(address):
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
    clients = [Client(address, level).connected('chain') for level in LEVELS * 3]
    for client in clients[:-1]:
        client.expect_closed(0x8e)
    clients[-1].ping()
    for client in clients:
        client.sock.close()


def t_session_expiry_at_the_end(address):
    """MQTT 5.0 3.14.2.2.2"""
    for asked, last, fine in ((0, 1, False), (0, 0, True), (5, 7, True), (5, 0, True)):
        with Client(address, 5).connected('exp', properties=[(0x11, asked)]) as client:
            client.send(disconnect(5, 0, [(0x11, last)]))
            if fine:
                client.expect_end()
            else:
                client.expect_closed(0x82)


def t_keep_alive(address):
    clients = [Client(address, level).connected(f'keep{level}', keepalive=1) for level in LEVELS]
    for client in clients:
        client.expect_closed(0x8d)
        client.sock.close()


def t_disconnect_alone(address):
    """No more than the fixed header."""
    for level in LEVELS:
        with Client(address, level).connected('bye') as client:
            client.send(packet(0xe0, b''))
            client.expect_end()


def own_shutdown(broker):
    with broker('') as b:
        clients = [Client(b.address, level).connected(f'down{level}') for level in LEVELS]
        b.process.send_signal(signal.SIGTERM)
        for client in clients:
            client.expect_closed(0x8b)
            client.sock.close()
