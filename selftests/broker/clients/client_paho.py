#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""client_paho.py HOST PORT 3|4|5: Eclipse Paho's Python client (see clients.py)."""
import os
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MESSAGES = 100      # at each QoS, one after the other


class Scenario:
    def __init__(self, level):
        self.level = level
        self.topic = f'paho-py/{os.getpid()}'
        self.seen = []
        self.steps = []
        name = f'paho-py-{os.getpid()}'
        path = os.environ.get('MQTT_WEBSOCKET')
        self.client = mqtt.Client(name, protocol=level, transport='websockets' if path else 'tcp',
                                  **({} if level == 5 else {'clean_session': True}))
        if path:
            self.client.ws_set_options(path)
        self.client.will_set(self.topic + '/will', b'x')
        self.client.on_connect = lambda *a: self.steps.append(('connected', int(
            getattr(a[3], 'value', a[3]))))
        self.client.on_subscribe = lambda *a: self.steps.append(('subscribed', [int(
            getattr(code, 'value', code)) for code in a[3]]))
        self.client.on_unsubscribe = lambda *a: self.steps.append(('unsubscribed', None))
        self.client.on_disconnect = lambda *a: self.steps.append(('disconnected', int(
            getattr(a[2], 'value', a[2]))))
        self.client.on_message = self.message

    def message(self, _client, _userdata, msg):
        pairs = getattr(getattr(msg, 'properties', None), 'UserProperty', None)
        self.seen.append((msg.topic, msg.payload, msg.qos, msg.retain, pairs))

    def until(self, condition, what):
        deadline = time.monotonic() + 30
        while not condition():
            if time.monotonic() > deadline:
                sys.exit(f'not {what}: {self.steps}, {len(self.seen)} messages')
            self.client.loop(1)

    def step(self, *want):
        self.until(lambda: self.steps, want[0])
        got = self.steps.pop(0)
        if got != want:
            sys.exit(f'{got}, not {want}')

    def publish(self, i):
        properties = None
        if self.level == 5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [('n', str(i)), ('n', 'again')]
            properties.ContentType = 'text/plain'
        self.client.publish(f'{self.topic}/{i}', str(i), i // MESSAGES, properties=properties)

    def run(self, host, port):
        if 'MQTT_CAFILE' in os.environ:
            self.client.tls_set(os.environ['MQTT_CAFILE'])
        self.client.connect(host, port, 60)
        self.step('connected', 0)
        self.client.subscribe(self.topic + '/#', 2)
        self.step('subscribed', [2])
        for qos in range(3):
            for i in range(qos * MESSAGES, (qos + 1) * MESSAGES):
                self.publish(i)
            self.until(lambda end=i: len(self.seen) == end + 1, 'all messages')
        for i, got in enumerate(self.seen):
            pairs = [('n', str(i)), ('n', 'again')] if self.level == 5 else None
            want = (f'{self.topic}/{i}', str(i).encode(), i // MESSAGES, False, pairs)
            if got != want:
                sys.exit(f'{got}, not {want}')
        self.client.unsubscribe(self.topic + '/#')
        self.step('unsubscribed', None)
        self.client.disconnect()
        self.step('disconnected', 0)


if __name__ == '__main__':
    Scenario(int(sys.argv[3])).run(sys.argv[1], int(sys.argv[2]))
