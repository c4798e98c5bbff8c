#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""conformance.py [--dataplane user|kernel] [--address HOST:PORT] [TEST...]

What clients of MQTT 3.1, 3.1.1 and 5.0 see of the broker, byte by byte. Starts
build/mqttd (MQTTD) on a port of its own; with --address (MQTT_BROKER) asks
a broker that is there, and leaves out what needs settings of our own. Prints
KTAP. What is expected is the same on both data planes.
"""
import argparse
import itertools
import os

import test_connect
import test_errors
import test_messages
import test_sessions
from broker import Broker, Outside, Runner, program

MODULES = (test_connect, test_errors, test_messages, test_sessions)


def select(names):
    """(name, function, needs settings of its own)"""
    found = [(name, function, name.startswith('own_'))
             for name, function in itertools.chain(*(vars(m).items() for m in MODULES))
             if name.startswith(('t_', 'own_'))]
    known = {name for name, _, _ in found}
    for name in names:
        if name not in known:
            raise SystemExit(f'conformance.py: there is no test {name}')
    return [test for test in found if not names or test[0] in names]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[2])
    parser.add_argument('--dataplane', choices=('user', 'kernel'), default='user')
    parser.add_argument('--address', default=os.environ.get('MQTT_BROKER'))
    parser.add_argument('tests', nargs='*')
    args = parser.parse_args()

    tests = select(args.tests)
    runner = Runner(len(tests))
    # A network namespace has one router: these come when ours is through
    later = [t for t in tests if t[2]]
    with Outside(args.address) if args.address else Broker(program(), args.dataplane) as broker:
        for name, function, own in tests:
            if not own:
                runner.run(name, function, broker.address)
    for name, function, _ in later:
        if args.address:
            runner.skip(name, 'needs a broker of its own')
        else:
            runner.run(name, function, lambda s: Broker(program(), args.dataplane, s))
    runner.finish(broker)


if __name__ == '__main__':
    main()
