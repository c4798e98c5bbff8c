// SPDX-License-Identifier: MIT
/*
 * CONNECT, MQTT 3.1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/minmax.h>
#include <linux/random.h>

#include "broker.h"
#include "client.h"
#include "client_plane.h"
#include "connack.h"
#include "handler.h"
#include "listener.h"
#include "log.h"
#include "session.h"
#include "stats.h"
#include "worker.h"

/* An identifier and four bytes */
#define WILL_DELAY_SIZE	5

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

/*
 * The delay is the server's own and no part of the message. It never passes:
 * the session ends with the connection, and that ends the delay (MQTT 5.0
 * 3.1.3.2.2). The properties are in the packet, which may be written to.
 */
static void cut_will_delay(struct mqtt_properties *props)
{
	u8 *delay;
	u32 at;

	if (!mqtt_property_present(props, MQTT_PROP_WILL_DELAY_INTERVAL))
		return;
	at = props->at[MQTT_PROP_WILL_DELAY_INTERVAL] - 1;
	delay = (u8 *)props->block + at;
	props->len -= WILL_DELAY_SIZE;
	memmove(delay, delay + WILL_DELAY_SIZE, props->len - at);
}

/* The will is kept as the PUBLISH that it may become. */
static int keep_will(struct client *client, struct packet_connect *connect)
{
	struct mqtt_publish pub = {
		.topic = connect->will_topic.data,
		.topic_len = connect->will_topic.len,
		.payload = connect->will_message.data,
		.payload_len = connect->will_message.len,
	};
	s32 size;

	if (!connect->will)
		return 0;
	cut_will_delay(&connect->will_props);
	pub.props = connect->will_props;
	size = mqtt_publish_header_size(&pub, client->protocol);
	client->will = size < 0 ? NULL : blob_new(size + pub.payload_len);
	if (!client->will)
		return -ENOMEM;
	mqtt_publish_header_write(client->will->data, &pub, client->protocol);
	if (pub.payload_len)
		memcpy(client->will->data + size, pub.payload, pub.payload_len);
	client->will_len = size + pub.payload_len;
	return 0;
}

static int keep_id(struct client *client, const struct packet_connect *connect)
{
	const struct packet_string *id = &connect->client_id;

	client->terms.id_assigned = !id->len;
	client->id = id->len ? strndup((const char *)id->data, id->len) :
			       generated_id(client->worker->broker->conf->auto_id_prefix);
	return client->id ? 0 : -ENOMEM;
}

static void keep_terms(struct client *client, const struct packet_connect *connect)
{
	const struct mqtt_properties *props = &connect->props;
	struct terms *terms = &client->terms;

	terms->clean = connect->clean;
	client->keepalive = connect->keepalive;
	if (client->protocol != MQTT_PROTOCOL_V5)
		return;
	terms->no_problem_info =
		!mqtt_property_number(props, MQTT_PROP_REQUEST_PROBLEM_INFORMATION, 1);
	terms->session_expiry = mqtt_property_number(props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0);
	terms->max_packet = mqtt_property_number(props, MQTT_PROP_MAXIMUM_PACKET_SIZE, 0);
	client->aliases.max = min_t(u32, client->endpoint->conf->max_topic_alias,
				    MQTT_TOPIC_ALIAS_MAX);
}

/* Each of the checks returns whether the client may go on. */

static bool check_id(struct client *client, const struct packet_connect *connect)
{
	bool may_be_empty = client->worker->broker->conf->allow_zero_length_clientid;

	/* [MQTT-3.1.3-8]; there was no such thing in 3.1, in 5.0 it has no condition */
	if (connect->protocol == MQTT_PROTOCOL_V31 ||
	    (connect->protocol == MQTT_PROTOCOL_V311 && !connect->clean))
		may_be_empty = false;
	if (!connect->client_id.len && !may_be_empty)
		connack_refuse(client, REASON_CLIENT_ID, "empty client identifier");
	return !client->closing;
}

/* What 3.x cannot be told the broker does as well as it can. */
static bool check_abilities(struct client *client, const struct packet_connect *connect)
{
	if (connect->protocol != MQTT_PROTOCOL_V5)
		return true;
	if (mqtt_property_present(&connect->props, MQTT_PROP_AUTHENTICATION_METHOD))
		connack_refuse(client, REASON_AUTH_METHOD, "no authentication method is supported");
	else if (connect->will_qos)
		connack_refuse(client, REASON_QOS, "QoS of the will");
	else if (connect->will_retain)
		connack_refuse(client, REASON_RETAIN, "the will is to be retained");
	return !client->closing;
}

/* As mosquitto's max_keepalive: older clients cannot be told, and are refused. */
static bool check_keepalive(struct client *client)
{
	int64_t max = client->worker->broker->conf->max_keepalive;

	if (!max || (client->keepalive && client->keepalive <= max))
		return true;
	if (client->protocol != MQTT_PROTOCOL_V5) {
		connack_refuse(client, REASON_CLIENT_ID, "keep-alive above max_keepalive");
		return false;
	}
	client->keepalive = max;
	client->terms.keepalive_limited = true;
	return true;
}

static bool check(struct client *client, const struct packet_connect *connect)
{
	if (!check_id(client, connect) || !check_abilities(client, connect) ||
	    !check_keepalive(client))
		return false;
	if (!client->endpoint->conf->allow_anonymous) {
		connack_refuse(client, REASON_NOT_AUTHORIZED,
			       "allow_anonymous is false, and nothing else is supported yet");
		return false;
	}
	return true;
}

static void note_session(const struct client *client)
{
	static bool said;

	if ((client->protocol == MQTT_PROTOCOL_V5 ? !client->terms.session_expiry :
						    client->terms.clean) ||
	    __atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
		return;
	log_printf(LOG_TYPE_NOTICE,
		   "A client asked for a persistent session: it is not kept beyond the connection yet.");
}

/* MQTT 5.0 4.13: only its clients are told what is wrong with CONNECT. */
static void refuse_packet(struct client *client, int err, const char *why)
{
	if (err == -EPROTONOSUPPORT)
		connack_refuse(client, REASON_VERSION, why);
	else if (client->protocol != MQTT_PROTOCOL_V5)
		handler_refuse(client, err, why);
	else
		connack_refuse(client, err == -EPROTO ? REASON_PROTOCOL_ERROR : REASON_MALFORMED,
			       why);
}

void handle_connect(struct client *client, struct packet *packet)
{
	struct packet_connect connect;
	const char *why;
	int err;

	err = packet_connect_parse(packet->body, packet->remaining, &connect, &why);
	client->protocol = connect.protocol;
	if (err) {
		refuse_packet(client, err, why);
		return;
	}
	keep_terms(client, &connect);
	if (!check(client, &connect))
		return;
	note_session(client);
	err = keep_id(client, &connect);
	if (!err)
		err = keep_will(client, &connect);
	if (err)
		client_close(client, CLOSE_NO_MEMORY, NULL);
	else
		handler_connect_claim(client);
}

/* mosquitto's numbers for the versions */
static unsigned int log_version(u8 protocol)
{
	return protocol == MQTT_PROTOCOL_V5 ? 5 : protocol - 2;
}

static void finish(struct client *client)
{
	if (!connack_accept(client))
		return;
	client->state = CLIENT_CONNECTED;
	if (client->worker->broker->conf->connection_messages)
		log_limited(LOG_TYPE_NOTICE, "New client connected from %s as %s (p%u, c%u, k%u).",
			    client_address(client), client->id, log_version(client->protocol),
			    client->terms.clean, client->keepalive);
	client_keepalive_start(client);
	client_plane_join(client);
}

void handler_connect_claim(struct client *client)
{
	int err = session_claim(client, client->id);

	if (err == -EINPROGRESS) {
		client->state = CLIENT_WAITING;
		client_hold(client, HOLD_TAKEOVER);
	} else if (err) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
	} else {
		finish(client);
	}
}
