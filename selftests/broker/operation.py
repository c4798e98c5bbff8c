#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""operation.py [TEST...]

What the operator and the service manager see of build/mqttd (MQTTD): signals,
readiness, the watchdog, sockets from elsewhere, privileges, its other processes,
limits, the log, the control socket and TLS. Everything on the user data plane. Prints KTAP.
"""
import os
import sys

import operation_clients
import operation_helpers
import operation_process
import operation_tls
from broker import Runner


def main():
    modules = (operation_process, operation_clients, operation_tls, operation_helpers)
    tests = {name: f for module in modules for name, f in vars(module).items()
             if name.startswith('t_')}
    names = sys.argv[1:] or list(tests)
    for name in names:
        if name not in tests:
            raise SystemExit(f'operation.py: there is no test {name}')
    runner = Runner(len(names))
    for name in names:
        if getattr(tests[name], 'root', False) and os.geteuid():
            runner.skip(name, 'only root can')
        else:
            runner.run(name, tests[name])
    sys.exit(1 if runner.failed else 0)


if __name__ == '__main__':
    main()
