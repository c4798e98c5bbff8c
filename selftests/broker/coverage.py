# SPDX-License-Identifier: MIT
"""Which tests look at which normative statement: Documentation/conformance.rst."""
import inspect
import os
import re
import textwrap

import connection
import wire
from statements import SECTIONS, STATEMENTS

HEAD = '''.. SPDX-License-Identifier: GPL-2.0-only OR MIT
.. Made by selftests/broker/conformance.py --coverage

===========
Conformance
===========

The numbered statements of the `MQTT 5.0 standard
<https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html>`_ in short, and
the tests in ``selftests/broker`` that look at each. A test tells in its docstring
what it is for. Names without ``t_`` or ``own_`` are no tests of their own: through
``Packet`` and ``Client`` goes everything that the broker sends in any test.

Of {total} statements {broker} are about what can be seen of a broker that has no
exchange of AUTH packets; {tested} of these have tests. What holds for MQTT 3.1 and 3.1.1
too is tried with each version.
'''

DOCUMENT = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                        '../../Documentation/conformance.rst')

WHY = {'c': 'of clients', 'a': 'there is no exchange of AUTH packets'}


def cited(doc):
    return re.findall(r'\[MQTT-([0-9.]+-[0-9]+)\]', doc or '')


def sources(tests):
    """(name, docstring) of all that can cite statements"""
    yield from ((name, function.__doc__) for name, function in tests)
    yield 'Packet', wire.Packet.__doc__
    for _, method in inspect.getmembers(connection.Client, inspect.isfunction):
        yield 'Client', method.__doc__


def collect(tests):
    found = {number: [] for number in STATEMENTS}
    for name, doc in sources(tests):
        for number in cited(doc):
            if number not in found:
                raise SystemExit(f'coverage: {name} cites {number}, which there is not')
            if name not in found[number]:
                found[number].append(name)
    return found


def heading(text):
    return f'{text}\n{"=" * len(text)}\n'


def entry(number, what, names):
    """What is said of one statement, and its tests"""
    names = names if isinstance(names, str) else ', '.join(f'``{name}``' for name in names)
    return f'MQTT-{number}\n' + textwrap.fill(
        f'{what}: {names}', 80, break_on_hyphens=False, break_long_words=False,
        initial_indent='    ', subsequent_indent='    ') + '\n'


def table(tests):
    found = collect(tests)
    broker = [number for number, (who, _) in STATEMENTS.items() if who == 'b']
    out = [HEAD.format(total=len(STATEMENTS), broker=len(broker),
                       tested=sum(bool(found[number]) for number in broker))]
    last = None
    for number, (who, what) in STATEMENTS.items():
        section = '.'.join(number.split('-', maxsplit=1)[0].split('.')[:2])
        if section != last:
            out.append(heading(f'{section} {SECTIONS[section]}'))
            last = section
        out.append(entry(number, what, found[number] or WHY.get(who, 'no test')))
    return '\n'.join(out)


def check(tests):
    """KTAP: does Documentation/conformance.rst say this?"""
    with open(DOCUMENT, encoding='utf-8') as f:
        current = f.read() == table(tests)
    print('KTAP version 1\n1..1')
    if not current:
        print('# selftests/broker/conformance.py --coverage > Documentation/conformance.rst')
    print('ok' if current else 'not ok', '1 Documentation/conformance.rst is current')
    return current
