#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What build/mqttctl says when there is nothing to show. Prints TAP.

mqttd's place is taken by a socket that turns everybody away.
"""
import os
import pathlib
import socket
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SENTENCE = 'not permitted: only root and mqttd\'s user may do this'

results = []


def mqttctl(*args):
    return subprocess.Popen([ROOT / 'build/mqttctl', *args], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def expect(name, process, status, sentence):
    """Nothing on stdout, and one line on stderr, that begins with @sentence."""
    out, err = process.communicate(timeout=60)
    good = (process.returncode == status and not out and err.count('\n') == 1 and
            err.startswith(f'mqttctl: {sentence}'))
    results.append(good)
    print(f'{"ok" if good else "not ok"} {len(results)} {name}')
    if not good:
        print(f'# status {process.returncode}: {out!r} {err!r}')


def turned_away(path):
    """The connection may be closed before or after the request has come."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        for i in range(20):
            process = mqttctl('-S', path, 'dataplane')
            connection, _ = listener.accept()
            connection.sendall(f'{{"ok":false,"error":"{SENTENCE}"}}\n'.encode())
            connection.close()
            expect(f'turned away {i}', process, 1, SENTENCE)


def main():
    for words, sentence in (
            ('-x', "unknown option '-x'"),
            ('-jxp peer', "unknown option '-x'"),
            ('peer --nonsense', "unknown option '--nonsense'"),
            ('-json=3 peer', "unknown option '-json=3'"),
            ('peer -S', "option '-S' needs a value"),
            ('-j', 'which object'),
            ('pe s', "'s' is ambiguous"),
    ):
        expect(words, mqttctl(*words.split()), 2, sentence)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'sock')
        expect('nobody', mqttctl('-S', path, 'dataplane'), 1,
               f'cannot reach mqttd at {path}: No such file or directory; is mqttd running?')
        turned_away(path)
        expect('left behind', mqttctl('-S', path, 'dataplane'), 1,
               f'cannot reach mqttd at {path}: Connection refused; is mqttd running?')
    print(f'1..{len(results)}')
    raise SystemExit(not all(results))


if __name__ == '__main__':
    main()
