// SPDX-License-Identifier: MIT
/*
 * CONNECT, MQTT 3.1, and the CONNACK that answers it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/random.h>

#include "broker.h"
#include "client.h"
#include "client_plane.h"
#include "handler.h"
#include "listener.h"
#include "log.h"
#include "session.h"
#include "stats.h"
#include "worker.h"

static void connack(struct client *client, enum connack_code code)
{
	u8 packet[PACKET_CONNACK_SIZE];

	client_send(client, packet, packet_connack_write(packet, false, code));
}

static void refuse(struct client *client, enum connack_code code, const char *why)
{
	stats_add(&client->worker->stats, STAT_CONNECTIONS_REFUSED, 1);
	connack(client, code);
	client_close(client, CLOSE_REFUSED, why);
}

/* As mosquitto's: a prefix and a random UUID. */
static char *generated_id(const char *prefix)
{
	char *id;
	u8 r[16];

	get_random_bytes(r, sizeof(r));
	r[6] = (r[6] & 0x0f) | 0x40;
	r[8] = (r[8] & 0x3f) | 0x80;
	if (asprintf(&id, "%s%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X",
		     prefix, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10],
		     r[11], r[12], r[13], r[14], r[15]) < 0)
		return NULL;
	return id;
}

/* The will is kept as the PUBLISH that it may become. */
static int keep_will(struct client *client, const struct packet_connect *connect)
{
	size_t len;

	if (!connect->will)
		return 0;
	len = packet_publish_write(NULL, connect->will_topic, connect->will_message);
	client->will = blob_new(len);
	if (!client->will)
		return -ENOMEM;
	packet_publish_write(client->will->data, connect->will_topic, connect->will_message);
	client->will_len = len;
	return 0;
}

static int keep(struct client *client, const struct packet_connect *connect)
{
	client->protocol = connect->level;
	client->keepalive = connect->keepalive;
	if (connect->client_id.len)
		client->id = strndup((const char *)connect->client_id.data,
				     connect->client_id.len);
	else
		client->id = generated_id(client->worker->broker->conf->auto_id_prefix);
	return client->id ? keep_will(client, connect) : -ENOMEM;
}

/* Returns whether the client may go on. */
static bool check(struct client *client, const struct packet_connect *connect)
{
	const struct config *conf = client->worker->broker->conf;

	if (!connect->client_id.len &&
	    (!connect->clean_session || !conf->allow_zero_length_clientid)) {
		refuse(client, CONNACK_IDENTIFIER, "empty client identifier"); /* [MQTT-3.1.3-8] */
		return false;
	}
	if (!client->endpoint->conf->allow_anonymous) {
		refuse(client, CONNACK_NOT_AUTHORIZED,
		       "allow_anonymous is false, and nothing else is supported yet");
		return false;
	}
	return true;
}

static void note_session(const struct packet_connect *connect)
{
	static bool said;

	if (!connect->clean_session && !__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
		log_printf(LOG_TYPE_NOTICE,
			   "A client asked for a persistent session: it is not kept beyond the connection yet.");
}

void handle_connect(struct client *client, struct packet *packet)
{
	struct packet_connect connect;
	const char *why;
	int err;

	err = packet_connect_parse(packet->body, packet->remaining, &connect, &why);
	if (err == -EPROTONOSUPPORT) {
		refuse(client, CONNACK_PROTOCOL_VERSION, "unacceptable protocol version");
		return;
	}
	if (err) {
		client_close(client, CLOSE_PROTOCOL, why);
		return;
	}
	if (!check(client, &connect))
		return;
	note_session(&connect);
	err = keep(client, &connect);
	if (!err)
		err = session_claim(client, client->id);
	if (err == -EINPROGRESS) {
		client->state = CLIENT_WAITING;
		client_hold(client, HOLD_TAKEOVER);
	} else if (err) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
	} else {
		handler_connect_finish(client);
	}
}

void handler_connect_finish(struct client *client)
{
	client->state = CLIENT_CONNECTED;
	if (client->worker->broker->conf->connection_messages)
		log_limited(LOG_TYPE_NOTICE, "New client connected from %s as %s (p2, k%u).",
			    client_address(client), client->id, client->keepalive);
	connack(client, CONNACK_ACCEPTED);
	client_keepalive_start(client);
	client_plane_join(client);
}
