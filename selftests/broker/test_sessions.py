# SPDX-License-Identifier: MIT
"""The end of connections: take-over, DISCONNECT, wills, keep-alive."""
import itertools
import signal

from wire import PUBLISH, Client, check, disconnect, packet, publish

LEVELS = (3, 4, 5)
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


WILL_PROPERTIES = [(0x26, (b'k', b'1')), (0x18, 3600), (0x03, b'text'), (0x26, (b'k', b'2'))]
WILL_CARRIED = [p for p in WILL_PROPERTIES if p[0] != 0x18]


def ended(client, how):
    """Ends the connection in this way. Returns whether the will is published."""
    level = client.level
    if how == 'disconnect':
        client.send(disconnect(level))
        client.expect_end()
        return False
    if how == 'with will':
        client.send(disconnect(5, 4))
        client.expect_end()
    elif how == 'with error':
        client.send(disconnect(5, 0x99, [(0x1f, 'wrong'), (0x26, ('k', 'v'))]))
        client.expect_end()
    elif how == 'error':
        client.send(b'\x00\x00')
        client.expect_closed(0x81)
    else:
        client.sock.close()
    return True


def t_wills(address):
    for at, to in PAIRS:
        ways = ['disconnect', 'error', 'silence'] + (['with will', 'with error'] if at == 5 else [])
        given = WILL_PROPERTIES if at == 5 else []
        with Client(address, to).connected('heir').subscribed('will', 'done') as heir:
            for how in ways:
                client = Client(address, at)
                client.connected('mortal', will=('will', how), will_properties=given)
                if ended(client, how):
                    p = heir.expect(PUBLISH)
                    check((p.byte1, p.topic, p.payload), (0x30, b'will', how.encode()), 'will')
                    if to == 5:
                        check(p.properties, WILL_CARRIED if at == 5 else [], 'properties')
                client.sock.close()
                heir.send(publish(to, 'done', b'x'))
                check(heir.expect(PUBLISH).topic, b'done', 'nothing else comes')


def t_will_of_the_taken_over(address):
    for old, new in PAIRS:
        with Client(address, 4).connected('heir').subscribed('will') as heir, \
                Client(address, old).connected('mortal', will=('will', 'x')) as first, \
                Client(address, new).connected('mortal'):
            first.expect_closed(0x8e)
            check(heir.expect(PUBLISH).payload, b'x', 'will')


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
