#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""clients.py [--dataplane user|kernel] [--tls] [--websockets] [--address HOST:PORT] [NAME...]

Clients that others have written, with each version of MQTT that they speak:
each connects with a will, subscribes, publishes a hundred messages, with MQTT
5.0 with properties, gets them in order, unsubscribes and disconnects. They are
Debian's, but for MQTT.js, which npm loads into ~/.cache/mqtt-clients. Starts
build/mqttd (MQTTD), with --tls for clients with TLS, with --websockets for those that can
use these; --address (MQTT_BROKER) is of a broker that is there. Prints KTAP.
"""
import argparse
import os
import subprocess
import sys

from broker import Broker, Outside, Runner, program
from connection import PATIENCE
from wire import Failure

HERE = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'clients')
BUILD = os.path.join(os.path.dirname(program()), 'clients')

# With what it depends on as it was on that day
MQTTJS = '5.16.0'
MQTTJS_BEFORE = '2026-11-20'

# Command, versions
CLIENTS = {
    'paho-python': ([os.path.join(HERE, 'client_paho.py')], (3, 4, 5)),
    'libmosquitto': ([os.path.join(BUILD, 'client_mosquitto')], (3, 4, 5)),
    'paho-c': ([os.path.join(BUILD, 'client_paho')], (3, 4, 5)),
    'paho-c-sync': ([os.path.join(BUILD, 'client_paho_sync')], (5,)),
    'mosquitto-clients': ([os.path.join(HERE, 'client_tools')], (3, 4, 5)),
    'mqtt.js': (['node', os.path.join(HERE, 'client_mqttjs.js')], (3, 4, 5)),
}
# Of these
WEB = ('paho-python', 'paho-c', 'mqtt.js')


def mqttjs():
    """Where node finds MQTT.js; None if it cannot be had."""
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache')),
                         'mqtt-clients')
    place = os.path.join(cache, f'mqtt-js-{MQTTJS}-{MQTTJS_BEFORE}')
    modules = os.path.join(place, 'node_modules')
    if os.path.isdir(modules):
        return modules
    new = f'{place}.{os.getpid()}'
    try:
        os.makedirs(new)
        subprocess.run(['npm', 'install', '--prefix', new, '--no-save', '--no-audit', '--no-fund',
                        '--ignore-scripts', '--loglevel=error', f'--before={MQTTJS_BEFORE}',
                        f'mqtt@{MQTTJS}'], check=True, stdout=sys.stderr, timeout=300)
        os.rename(new, place)
    except (OSError, subprocess.SubprocessError) as error:
        print(f'# mqtt.js: {error}', flush=True)
        return modules if os.path.isdir(modules) else None
    return modules


def run(address, command, level, env):
    done = subprocess.run([*command, address[0], str(address[1]), str(level)], env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=3 * PATIENCE, check=False)
    if done.returncode:
        raise Failure(f'exit status {done.returncode}: ' + done.stdout.decode(errors='replace'))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[2])
    parser.add_argument('--dataplane', choices=('user', 'kernel'), default='user')
    parser.add_argument('--tls', action='store_true')
    parser.add_argument('--websockets', action='store_true')
    parser.add_argument('--address', default=os.environ.get('MQTT_BROKER'))
    parser.add_argument('--fetch', action='store_true', help='load MQTT.js, and no more')
    parser.add_argument('names', nargs='*')
    args = parser.parse_args()
    if args.fetch:
        sys.exit(0 if mqttjs() else 1)

    names = args.names or list(WEB if args.websockets else CLIENTS)
    runner = Runner(sum(len(CLIENTS[name][1]) for name in names))
    modules = mqttjs() if 'mqtt.js' in names else None
    env = {**os.environ, 'NODE_PATH': modules or ''}
    with Outside(args.address) if args.address else Broker(program(), args.dataplane,
                                                           tls=args.tls,
                                                           web=args.websockets) as broker:
        if args.tls:
            env['MQTT_CAFILE'] = os.path.join(broker.dir.name, 'tls-ca.pem')
        if args.websockets:
            env['MQTT_WEBSOCKET'] = '/mqtt'
        for name in names:
            command, levels = CLIENTS[name]
            for level in levels:
                if name == 'mqtt.js' and not modules:
                    runner.skip(f'{name} {level}', 'it cannot be loaded')
                else:
                    runner.run(f'{name} {level}', run, broker.address, command, level, env)
    runner.finish(broker)


if __name__ == '__main__':
    main()
