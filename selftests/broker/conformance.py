#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""conformance.py [--dataplane user|kernel] [--tls] [--websockets] [--address HOST:PORT] [TEST...]

What clients of MQTT 3.1, 3.1.1 and 5.0 see of the broker, byte by byte. Starts
build/mqttd (MQTTD) on a port of its own; with --address (MQTT_BROKER) asks
a broker that is there, and leaves out what needs settings of our own. Prints
KTAP. What is expected is the same on both data planes, and with --tls and --websockets,
which have all brokers' first listeners and their clients use these.

Modules are named for the sections of MQTT 5.0, tests t_* and, if they start a
broker, own_*. TEST may have wildcards. The statements of the standard that a test looks at are in its
docstring; conformance.py --coverage prints Documentation/conformance.rst.
"""
import argparse
import fnmatch
import glob
import importlib
import os
import sys

import coverage
from broker import Broker, Outside, Runner, program

HERE = os.path.dirname(os.path.realpath(__file__))


def section(name):
    """test_3_14_ends is of 3.14"""
    return tuple(int(part) for part in name.split('_') if part.isdigit())


def modules():
    names = [os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, 'test_*.py'))]
    return [importlib.import_module(name) for name in sorted(names, key=lambda n: (section(n), n))]


def tests():
    """(name, function), in the order of the standard"""
    found = [(name, function) for module in modules() for name, function in vars(module).items()
             if name.startswith(('t_', 'own_')) and function.__module__ == module.__name__]
    names = [name for name, _ in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f'conformance.py: several tests have the name {twice}')
    return found


def select(patterns, dataplane):
    """Those with such names; what is the same on both data planes is tried on one."""
    found = tests()
    for pattern in patterns:
        if not fnmatch.filter([name for name, _ in found], pattern):
            raise SystemExit(f'conformance.py: there is no test {pattern}')
    if patterns:
        return [test for test in found if any(fnmatch.fnmatch(test[0], p) for p in patterns)]
    return [test for test in found if dataplane == 'user' or
            not getattr(test[1], 'daemon_only', False)]


def shared(broker, function):
    """A test that ends the broker has failed, and has not for those behind it."""
    try:
        function(broker.address)
    finally:
        broker.alive()


def run(args):
    selected = select(args.tests, args.dataplane)
    runner = Runner(len(selected), args.times)

    def own(settings='', files=(), **more):
        return Broker(program(), args.dataplane, settings, files, args.tls,
                      args.websockets, **more)

    # A network namespace has one router: those with brokers of their own come when ours is through
    with Outside(args.address) if args.address else own(args.set.replace(';', '\n')) as broker:
        for name, function in selected:
            if name.startswith('t_'):
                runner.run(name, shared, broker, function)
    for name, function in selected:
        if name.startswith('own_') and args.address:
            runner.skip(name, 'needs a broker of its own')
        elif name.startswith('own_'):
            runner.run(name, function, own)
    runner.finish(broker)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[2])
    parser.add_argument('--dataplane', choices=('user', 'kernel'), default='user')
    parser.add_argument('--address', default=os.environ.get('MQTT_BROKER'))
    parser.add_argument('--tls', action='store_true')
    parser.add_argument('--websockets', action='store_true')
    parser.add_argument('--set', default='', metavar='SETTINGS',
                        help='more of them for the broker that most tests share, between ";"')
    parser.add_argument('--times', action='store_true', help='print how long each test takes')
    parser.add_argument('--coverage', action='store_true', help='which test is of which statement')
    parser.add_argument('--check-coverage', action='store_true',
                        help='whether Documentation/conformance.rst tells the same')
    parser.add_argument('tests', nargs='*')
    args = parser.parse_args()
    if args.coverage:
        sys.stdout.write(coverage.table(tests()))
    elif args.check_coverage:
        sys.exit(0 if coverage.check(tests()) else 1)
    else:
        run(args)


if __name__ == '__main__':
    main()
