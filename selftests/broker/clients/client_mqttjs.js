// SPDX-License-Identifier: MIT
// client_mqttjs.js HOST PORT 3|4|5: MQTT.js, found through NODE_PATH (see clients.py).
'use strict';

const assert = require('assert');
const fs = require('fs');
const mqtt = require('mqtt');

const MESSAGES = 100;	// at each QoS, one after the other
const [host, port, version] = process.argv.slice(2);
const level = Number(version);
const topic = `mqttjs/${process.pid}`;
const patience = setTimeout(() => { throw new Error('nothing happens'); }, 30000);

const ca = process.env.MQTT_CAFILE;
const path = process.env.MQTT_WEBSOCKET;
const client = mqtt.connect({
	protocol: path ? (ca ? 'wss' : 'ws') : (ca ? 'mqtts' : 'mqtt'),
	...(ca ? { ca: fs.readFileSync(ca) } : {}),
	...(path ? { path } : {}),
	host,
	port: Number(port),
	protocolVersion: level,
	protocolId: level === 3 ? 'MQIsdp' : 'MQTT',
	clientId: `mqttjs-${process.pid}`,
	reconnectPeriod: 0,
	will: { topic: 'mqttjs/will', payload: 'x', qos: 0, retain: false },
});
let received = 0;

function fail(error) {
	console.error(String(error && error.stack || error));
	process.exit(1);
}

function publish(i) {
	const options = { qos: Math.floor(i / MESSAGES) };

	if (level === 5)
		options.properties = { userProperties: { n: String(i) }, contentType: 'text/plain' };
	client.publish(`${topic}/${i}`, String(i), options);
}

function publishAll(first) {
	for (let i = first; i < first + MESSAGES; i++)
		publish(i);
}

function finish() {
	client.unsubscribe(`${topic}/#`, (error) => {
		if (error)
			fail(error);
		clearTimeout(patience);
		client.end(false, {}, (failed) => failed ? fail(failed) : process.exit(0));
	});
}

client.on('error', fail);
client.on('disconnect', (packet) => fail(`DISCONNECT ${packet.reasonCode}`));
client.on('message', (name, payload, packet) => {
	assert.deepStrictEqual([name, payload.toString(), packet.qos, packet.retain],
			       [`${topic}/${received}`, String(received),
				Math.floor(received / MESSAGES), false]);
	if (level === 5)
		assert.strictEqual(packet.properties.userProperties.n, String(received));
	if (++received === 3 * MESSAGES)
		finish();
	else if (received % MESSAGES === 0)
		publishAll(received);
});
client.on('connect', () => {
	client.subscribe(`${topic}/#`, { qos: 2 }, (error, granted) => {
		if (error)
			fail(error);
		assert.strictEqual(granted[0].qos, 2);
		publishAll(0);
	});
});
