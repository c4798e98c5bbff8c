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


def passwd(directory):
    """What is in the file afterwards, and who may read it."""
    path = os.path.join(directory, 'users')
    link = os.path.join(directory, 'link')

    def edit(*words, stdin=None):
        return subprocess.run([ROOT / 'build/mqttctl', 'passwd', *words], text=True,
                              input=stdin, stderr=subprocess.PIPE, check=False).returncode

    def content():
        return [line.split('$')[:2] for line in pathlib.Path(path).read_text().splitlines()]

    def check(name, good):
        results.append(good)
        print(f'{"ok" if good else "not ok"} {len(results)} passwd: {name}')

    expect('passwd: no file', mqttctl('passwd', '-b', path, 'ann', 'x'), 1,
           f'cannot read {path}: No such file or directory; with -c it is made')
    edit('-c', '-b', path, 'ann', 'secret')
    check('-c', content() == [['ann:', 'argon2id']])
    check('mode', os.stat(path).st_mode & 0o777 == 0o600)
    with open(path, 'a', encoding='ascii') as file:
        file.write('# kept\nbob : old\nbob:older\nanna:x')
    os.chmod(path, 0o664)
    os.symlink('users', link)
    check('a link is followed',
          edit('-H', 'sha512-pbkdf2', link, 'bob', stdin='secret\n') == 0 and
          os.path.islink(link) and content() == [
              ['ann:', 'argon2id'], ['# kept'], ['bob:', '7'], ['anna:x']])
    check('the group may still read', os.stat(path).st_mode & 0o777 == 0o640)
    check('behind the last line', edit('-H', 'sha512', '-b', path, 'eve', 'x y') == 0 and
          content()[-2:] == [['anna:x'], ['eve:', '6']])
    check('-D', edit('-D', path, 'ann') == 0 and content()[0] == ['# kept'])
    expect('passwd: -D of nobody', mqttctl('passwd', '-D', path, 'ann'), 1,
           f"there is no user 'ann' in {path}")
    before = pathlib.Path(path).read_bytes()
    check('no password', edit(path, 'ann', stdin='\n') == 1 and edit(path, 'ann', stdin='') == 1)
    check('nothing changes without one', pathlib.Path(path).read_bytes() == before)
    check('nothing is left behind', sorted(os.listdir(directory)) == ['link', 'users'])
    for words, sentence in (
            ('FILE', "'passwd' wants FILE and USER, and with -b PASSWORD"),
            ('-b FILE ann', "'passwd' wants FILE and USER"),
            ('FILE ann secret', "'passwd' wants FILE and USER"),
            ('-c -D FILE ann', '-c and -D do not go together'),
            ('-H md5 FILE ann', "'md5' is not one of sha512, sha512-pbkdf2, argon2id"),
            ('-b FILE a:b x', "a user name has no ':'"),
            ('-b FILE #a x', "a user name does not begin with '#' or a blank"),
            ('-j FILE ann', "unknown option '-j'"),
    ):
        expect(f'passwd: {words}', mqttctl('passwd', *words.split()), 2, sentence)


def main():
    for words, sentence in (
            ('-x', "unknown option '-x'"),
            ('-jxp peer', "unknown option '-x'"),
            ('peer --nonsense', "unknown option '--nonsense'"),
            ('-json=3 peer', "unknown option '-json=3'"),
            ('peer -S', "option '-S' needs a value"),
            ('-j', 'which object'),
            ('pe s', "'s' is ambiguous"),
            ('peer set 1 queue-p 3', "'queue-p' is ambiguous"),
            ('peer set 1 queues 3', "'peer set' does not know 'queues'"),
            ('peer set 1 queue-policy old', "queue-policy cannot be 'old'"),
            ('peer set 1 rate-policy drop-new', "rate-policy cannot be 'drop-new'"),
            ('peer set 1 pause 65536', "'65536' is not a number up to 65535"),
            ('peer set 1 rate-packets x', "'x' is not a number up to 4294967295"),
            ('peer set 1 rate-bytes 1x', "'1x' is not a number of bytes"),
            ('peer set 1 pause', "'pause' needs a value"),
            ('role set r', "'role set' needs a name, and what to change"),
            ('role add r prio x', "'x' is not a number up to 1000000"),
            ('role add r 5', "it is 'priority', not '5'"),
            ('role add r priority', "'priority' needs a value"),
            ('role default publish', "'publish' needs a value"),
            ('role default publish maybe', "'maybe' is no action: allow, deny"),
            ('grant add r allow publish', "'grant add' needs a role, allow or deny, an access"),
            ('grant add r permit publish x', "'permit' is no action: allow, deny"),
            ('grant add r allow write x', "'write' is no access: publish, receive, subscribe"),
            ('grant add r allow publish x priority 1000001', "'1000001' is not a number up to"),
            ('grant del r x', "'grant del' needs a role, an access and a filter"),
            ('user add', "'user add' needs a name"),
            ('user add u no-role r', "'user add' does not know 'no-role'"),
            ('user set u role', "'role' needs a name"),
            ('group set g group h', "'group set' does not know 'group'"),
            ('user list x', "'user list' does not take 'x'"),
            ('acl test', "'acl test' needs who it is"),
            ('acl test c write x', "'write' is no access: publish, receive, subscribe"),
            ('acl test c publish x port 1', "of a client that is connected 'port' is known"),
            ('acl test --user u publish x y', "'acl test' does not know 'y'"),
            ('acl test --user u publish x claim a', "'claim' needs a value"),
            ('acl show --user u', "--user, --client-id and --roles are for 'acl test'"),
            ('peer show --roles r', "--user, --client-id and --roles are for 'acl test'"),
            ('router set memory-limit 0', "'0' is not a number of bytes"),
    ):
        expect(words, mqttctl(*words.split()), 2, sentence)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'sock')
        expect('nobody', mqttctl('-S', path, 'dataplane'), 1,
               f'cannot reach mqttd at {path}: No such file or directory; is mqttd running?')
        turned_away(path)
        expect('left behind', mqttctl('-S', path, 'dataplane'), 1,
               f'cannot reach mqttd at {path}: Connection refused; is mqttd running?')
    with tempfile.TemporaryDirectory() as directory:
        passwd(directory)
    print(f'1..{len(results)}')
    raise SystemExit(not all(results))


if __name__ == '__main__':
    main()
