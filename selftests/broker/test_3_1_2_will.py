# SPDX-License-Identifier: MIT
"""Wills: 3.1.2.5 to 3.1.2.7, 3.1.3.2, 3.1.4."""
import itertools
import time

from connection import LEVELS, NEVER, Client, forget, session
from wire import EXPIRY, MESSAGE_EXPIRY, WILL_DELAY, check, disconnect, publish

PAIRS = tuple(itertools.product(LEVELS, LEVELS))

# In an order that is to be kept, with what is not passed on
PROPERTIES = [(0x26, (b'k', b'1')), (0x18, 0), (0x03, b'text'), (0x01, 1), (0x08, b'answer'),
              (0x26, (b'k', b'2')), (0x09, b'\0\xff')]
CARRIED = [p for p in PROPERTIES if p[0] != 0x18]


def mortal(address, level, payload, client_id='mortal', delay=None, expiry=None, **kwargs):
    """A client with a will, of topic "will"."""
    given = [] if expiry is None else [(EXPIRY, expiry)]
    kwargs.setdefault('will_properties', [] if delay is None else [(WILL_DELAY, delay)])
    return Client(address, level).connected(client_id, properties=given, will=('will', payload),
                                            **kwargs)


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
    elif how == 'reset':
        client.drop()
    else:
        client.sock.close()
    return True


def t_will(address):
    """[MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-9] [MQTT-3.1.2-10] [MQTT-3.14.4-3] [MQTT-3.1.3-10]
    However the connection ends, but not after DISCONNECT 0x00; once."""
    for at, to in PAIRS:
        ways = ['disconnect', 'error', 'silence', 'reset']
        if at == 5:
            ways += ['with will', 'with error']
        given = PROPERTIES if at == 5 else []
        with Client(address, to).connected('heir').subscribed('will', 'done') as heir, \
                Client(address, to).connected('witness') as witness:
            for how in ways:
                client = mortal(address, at, how, will_properties=given)
                if ended(client, how):
                    heir.message('will', how.encode(), properties=CARRIED if at == 5 else [])
                client.sock.close()
                witness.send(publish(to, 'done', b'x'))
                heir.message('done', b'x')


def t_no_will(address):
    """[MQTT-3.1.2-7] One without Will Flag does not have that of the connection before."""
    with Client(address, 4).connected('heir').subscribed('will', 'done') as heir:
        mortal(address, 4, b'x').leave()
        Client(address, 4).connected('mortal').drop()
        with Client(address, 4).connected('mortal'):
            heir.publish('done', b'')
            heir.message('done', b'')


def t_will_of_the_taken_over(address):
    """[MQTT-3.1.2-8] [MQTT-3.1.4-3] Its connection is closed: without a delay it is published."""
    for old, new in PAIRS:
        with Client(address, 4).connected('heir').subscribed('will') as heir, \
                mortal(address, old, b'x') as first, \
                Client(address, new).connected('mortal'):
            first.expect_closed(0x8e)
            heir.message('will', b'x')


def t_will_qos_and_retain(address):
    """[MQTT-3.1.2-12] [MQTT-3.1.2-14] [MQTT-3.1.2-15] At each QoS."""
    for level in LEVELS:
        for qos, retain in itertools.product(range(3), (False, True)):
            with Client(address, level).connected('heir').subscribed('will', options=2) as heir:
                mortal(address, level, b'x', will_qos=qos, will_retain=retain).drop()
                heir.message('will', b'x', qos)
                # Who comes later
                with Client(address, level).connected('late').subscribed('will', options=2) as late:
                    if retain:
                        late.message('will', b'x', qos, retain=True)
                    heir.publish('will', b'', 1, retain=True)
                    late.message('will', b'', 1)


def t_empty_will(address):
    """A payload of no bytes, which as a retained message removes the one that there is."""
    with Client(address, 5).connected('heir') as heir:
        heir.publish('will', b'to be removed', 1, retain=True)
        heir.subscribed('will')
        heir.message('will', b'to be removed', retain=True)
        mortal(address, 5, b'', will_retain=True).drop()
        heir.message('will', b'')
        heir.subscribed('will')
        heir.ping()


def t_will_expiry(address):
    """3.1.3.2.4: its message expiry interval begins when it is published."""
    with Client(address, 5).connected('heir').subscribed('will') as heir:
        mortal(address, 5, b'x', will_properties=[(MESSAGE_EXPIRY, 1000)]).drop()
        heir.message('will', b'x', properties=[(MESSAGE_EXPIRY, 1000)])


def t_will_delay(address):
    """[MQTT-3.1.2-8] [MQTT-3.1.3-9] [MQTT-3.1.2-10] [MQTT-4.1.0-2] The delay, or the end of the
    session if that is earlier; a connection in between cancels it."""
    with Client(address, 5).connected('heir').subscribed('will') as heir:
        begun = time.monotonic()
        mortal(address, 5, b'cancelled', 'w1', 1, NEVER).drop()
        mortal(address, 5, b'delay', 'w2', 1, NEVER).drop()
        mortal(address, 5, b'session', 'w3', 1000, 1).drop()
        mortal(address, 5, b'both', 'w4', 1000, 0).drop()
        mortal(address, 5, b'none', 'w5', 0, NEVER).drop()
        asked = mortal(address, 5, b'asked for', 'w6', 1, NEVER)
        asked.leave(0x04)
        mortal(address, 5, b'discarded', 'w7', 1, NEVER).leave()
        mortal(address, 5, b'ended', 'w8', 1, NEVER).drop()
        for present, name in ((1, 'w1'), (0, 'w8')):
            with session(address, 5, name, present=present) if present else \
                    Client(address, 5).connected(name):
                pass
        # At once, in whatever order
        check({heir.message_of('will').payload for _ in range(3)}, {b'both', b'none', b'ended'},
              'wills at once')
        check({heir.message_of('will').payload for _ in range(3)},
              {b'delay', b'session', b'asked for'}, 'wills after a second')
        check(time.monotonic() - begun > 0.9, True, 'a second has passed')
        # A session whose will has come because it ended is no more
        with session(address, 5, 'w3', present=0), session(address, 5, 'w2', present=1):
            heir.publish('will', b'end')
            heir.message('will', b'end')
    forget(address, *(f'w{i}' for i in range(1, 9)))


def t_delayed_will_of_the_taken_over(address):
    """[MQTT-3.1.2-8] [MQTT-3.1.3-9] 3.1.4: the session goes on and so it is cancelled, unless the
    session ends with the take-over."""
    with Client(address, 5).connected('heir').subscribed('will') as heir:
        for expiry, clean, published in ((NEVER, False, False), (NEVER, True, True),
                                         (0, True, True)):
            with mortal(address, 5, b'x', delay=1000, expiry=expiry) as first, \
                    Client(address, 5) as second:
                second.connected('mortal', clean=clean, session=not clean)
                first.expect_closed(0x8e)
                if published:
                    heir.message('will', b'x')
                heir.publish('will', b'end')
                heir.message('will', b'end')
            forget(address, 'mortal')
