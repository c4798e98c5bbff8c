#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""browser.py: a page with MQTT.js, in Chromium without a screen, sends messages through
build/mqttd (MQTTD) and gets them back: with WebSockets, and with TLS below them. A page
of another origin is not let in. Both programs are loaded into ~/.cache/mqtt-clients.
Prints KTAP.
"""
import http.server
import os
import queue
import signal
import subprocess
import tempfile
import threading
import urllib.parse

from broker import Broker, Runner, program
from clients import mqttjs
from connection import PATIENCE
from wire import check

HERE = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'clients')


class Site(http.server.ThreadingHTTPServer):
    """The page, the library, and where the page says how it went."""

    def __init__(self, modules):
        super().__init__(('127.0.0.1', 0), Handler)
        self.results = queue.Queue()
        self.files = {'/page.html': (os.path.join(HERE, 'page.html'), 'text/html'),
                      '/mqtt.min.js': (os.path.join(modules, 'mqtt/dist/mqtt.min.js'),
                                       'text/javascript')}
        self.origin = f'http://127.0.0.1:{self.server_port}'
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):      # pylint: disable=arguments-differ
        pass

    def answer(self, status, kind, data):
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):               # pylint: disable=invalid-name
        found = self.server.files.get(self.path.partition('?')[0])
        if not found:
            self.answer(404, 'text/plain', b'')
            return
        with open(found[0], 'rb') as f:
            self.answer(200, found[1], f.read())

    def do_POST(self):              # pylint: disable=invalid-name
        said = self.rfile.read(int(self.headers['Content-Length'])).decode()
        self.answer(200, 'text/plain', b'')
        self.server.results.put(said)


def visit(chromium, site, url):
    """What the page at the site says of the broker at this URL."""
    libraries = os.path.join(chromium, 'usr/lib/x86_64-linux-gnu')
    env = {**os.environ, 'LD_LIBRARY_PATH': f'{libraries}:{libraries}/pulseaudio'}
    page = f'{site.origin}/page.html?{urllib.parse.urlencode({"url": url})}'
    # What it leaves behind when it is killed may still be written
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, \
            open(os.path.join(home, 'log'), 'wb+') as log:
        with subprocess.Popen(
                [os.path.join(chromium, 'usr/lib/chromium/chromium'), '--headless', '--no-sandbox',
                 '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
                 '--ignore-certificate-errors', f'--user-data-dir={home}/data', page],
                env={**env, 'HOME': home}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True) as process:
            try:
                return site.results.get(timeout=4 * PATIENCE)
            except queue.Empty:
                log.seek(0)
                return 'the page says nothing: ' + log.read()[-2000:].decode(errors='replace')
            finally:
                os.killpg(process.pid, signal.SIGKILL)


def main():
    runner = Runner(3)
    modules = mqttjs()
    found = subprocess.run([os.path.join(HERE, 'chromium')], stdout=subprocess.PIPE, check=False)
    chromium = found.stdout.decode().strip()

    def trip(origin, secure):
        settings = f'websockets_origin {origin}\nwebsockets_path /mqtt\nmax_packet_size 0\n'
        with Broker(program(), 'user', tls=secure) as b:
            with open(os.path.join(b.dir.name, 'conf'), encoding='utf-8') as f:
                first, rest = f.read().split('\n', 1)
            b.write('conf', f'{first}\nprotocol websockets\n' +
                    rest.replace('max_packet_size 100000\n', settings))
            b.restart()
            scheme = 'wss' if secure else 'ws'
            said = visit(chromium, site, f'{scheme}://127.0.0.1:{b.address[1]}/mqtt')
            return said if said == 'ok' else f'{said}\n{b.last_words()[-2000:]}'

    if not modules or not chromium:
        for name in ('ws', 'wss', 'origin'):
            runner.skip(name, 'MQTT.js or Chromium cannot be loaded')
        return
    site = Site(modules)
    runner.run('ws', lambda: check(trip(site.origin, False), 'ok', 'the page'))
    runner.run('wss', lambda: check(trip(site.origin, True), 'ok', 'the page'))
    runner.run('origin', lambda: check('(pages of this origin are not welcome)' in
                                       trip('http://other.example', False), True, 'refused'))
    site.shutdown()
    raise SystemExit(1 if runner.failed else 0)


if __name__ == '__main__':
    main()
