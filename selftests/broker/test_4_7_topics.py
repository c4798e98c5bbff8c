# SPDX-License-Identifier: MIT
"""Topic names and filters: 4.7."""
from connection import LEVELS, Client, unretained
from wire import check, publish

# A filter and, of these topics, those that it matches
TOPICS = ('a', 'b', '/', '/a', 'a/', 'a/b', 'a//b', 'a/b/c', 'A', 'a b', ' ', 'ä', 'a\u0308',
          '\ufeffa', '$a', '$a/b', '$', 'a/$b', '\u007f', 'a\u0001b', '\U0001f600/x',
          'sport/tennis/player1', 'sport/tennis/player1/ranking', 'sport')
MATCHES = {
    '#': [t for t in TOPICS if t[0] != '$'],
    '+': ['a', 'b', 'A', 'a b', ' ', 'ä', 'a\u0308', '\ufeffa', '\u007f', 'a\u0001b', 'sport'],
    '/': ['/'],
    '+/+': ['/', '/a', 'a/', 'a/b', 'a/$b', '\U0001f600/x'],
    '/+': ['/', '/a'],
    '/#': ['/', '/a'],
    '+/': ['/', 'a/'],
    'a/#': ['a', 'a/', 'a/b', 'a//b', 'a/b/c', 'a/$b'],
    'a/+': ['a/', 'a/b', 'a/$b'],
    'a/+/b': ['a//b'],
    'a/+/#': ['a/', 'a/b', 'a//b', 'a/b/c', 'a/$b'],
    '+/b/#': ['a/b', 'a/b/c'],
    'A': ['A'],
    'a b': ['a b'],
    ' ': [' '],
    'ä': ['ä'],
    'a\u0308': ['a\u0308'],
    '\ufeffa': ['\ufeffa'],
    '$a': ['$a'],
    '$a/#': ['$a', '$a/b'],
    '$a/+': ['$a/b'],
    '+/$b': ['a/$b'],
    'sport/tennis/player1/#': ['sport/tennis/player1', 'sport/tennis/player1/ranking'],
    'sport/+/player1': ['sport/tennis/player1'],
    'sport/#': ['sport', 'sport/tennis/player1', 'sport/tennis/player1/ranking'],
}


def t_matching(address):
    """[MQTT-4.7.0-1] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT-4.7.3-1] [MQTT-4.7.3-4]
    [MQTT-1.5.4-3] [MQTT-3.3.2-3] Each filter with each topic, in the user plane's and the kernel's
    way."""
    with Client(address, 4).connected('at') as pub:
        for name, wanted in MATCHES.items():
            for qos in (0, 1):
                with Client(address, 5).connected('to').subscribed(name, 'end', options=1) as sub:
                    for topic in TOPICS:
                        pub.publish(topic, b'x', qos)
                    pub.publish('end', b'x', qos)
                    # Only messages of the same topic have an order
                    got = []
                    while len(got) <= len(wanted) or 'end' not in got:
                        got.append(sub.message_of().topic.decode())
                    check(sorted(got), sorted([*wanted, 'end']), f'topics for {name!r}')


def t_longest(address):
    """[MQTT-4.7.3-3] [MQTT-1.5.4-1] 65,535 bytes in names and filters, of one level and of many."""
    for name in ('x' * 65535, 'é' * 32767, 'x/' * 5000 + 'x' * 55535):
        for level in LEVELS:
            for pattern in (name, '+/#'):
                with Client(address, level).connected('to') as sub, \
                        Client(address, level).connected('at') as pub:
                    sub.subscribed(pattern, options=1)
                    for qos in range(3):
                        pub.publish(name, b'x', qos)
                        sub.message(name, b'x', min(qos, 1))
                    sub.unsubscribed(pattern)


def t_most_levels(address):
    """4.7.1: 10,000 levels and more, in names and in filters with and without wildcards."""
    levels = 10000
    name = '/'.join('x' * levels)
    filters = {'#': 1, name: 1, '/'.join('+' * levels): 1, name + '/#': 1, name + '/x': 0,
               '/'.join('+' * (levels - 1)): 0, name[:-1] + '#': 1, name[:-1] + '+': 1,
               '/'.join('+' * 1000) + '/#': 1}
    with unretained(address, name), Client(address, 5).connected('at') as pub:
        for pattern, matches in filters.items():
            with Client(address, 5).connected('to').subscribed(pattern, options=1) as sub:
                for qos in range(2):
                    pub.publish(name, b'x', qos)
                    if matches:
                        sub.message(name, b'x', qos)
                if pattern == '#':
                    pub.publish('/' * 65535, b'', 1)
                    sub.message('/' * 65535, b'', 1)
                sub.ping()
        pub.publish(name, b'kept', 1, retain=True)
        with Client(address, 5).connected('to').subscribed('x/+/#') as sub:
            sub.message(name, b'kept', retain=True)


def t_sys_is_the_brokers(address):
    """4.7.2: what clients publish to $SYS reaches nobody, and is not retained."""
    topic = '$SYS/broker/of/clients'
    for level in LEVELS:
        with Client(address, 4).connected('to').subscribed(topic, 'end') as sub:
            with Client(address, level).connected('at') as pub:
                for qos in range(3):
                    for retain in (False, True):
                        pub.publish(topic, b'x', qos, retain=retain)
                pub.publish('end', b'')
                sub.message('end', b'')
            with Client(address, level).connected('late').subscribed(topic) as late:
                late.ping()


def t_empty_topic(address):
    """[MQTT-4.7.3-1] [MQTT-3.3.2-1] A name of no bytes, without a topic alias."""
    for level in LEVELS:
        for qos in range(3):
            with Client(address, level).connected('empty') as client:
                client.send(publish(level, '', b'x', qos=qos, packet_id=1 if qos else b''))
                client.expect_closed((0x81, 0x82))
