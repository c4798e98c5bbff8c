// SPDX-License-Identifier: MIT
/*
 * CONNACK, MQTT 3.2: what the broker can do, or why it does not want to.
 */
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "client.h"
#include "connack.h"
#include "handler.h"
#include "listener.h"
#include "stats.h"

/* Return codes of MQTT 3.1.1, 3.2.2.3 */
enum connack_code {
	CONNACK_ACCEPTED,
	CONNACK_PROTOCOL_VERSION,
	CONNACK_IDENTIFIER,
	CONNACK_UNAVAILABLE,
	CONNACK_CREDENTIALS,
	CONNACK_NOT_AUTHORIZED,
};

/* Properties but for strings: sixteen would fit */
#define NUMBERS_MAX	80

static u8 old_code(u8 code)
{
	switch (code) {
	case REASON_SUCCESS:
		return CONNACK_ACCEPTED;
	case REASON_VERSION:
		return CONNACK_PROTOCOL_VERSION;
	case REASON_CLIENT_ID:
		return CONNACK_IDENTIFIER;
	case REASON_CREDENTIALS:
		return CONNACK_CREDENTIALS;
	case REASON_NOT_AUTHORIZED:
		return CONNACK_NOT_AUTHORIZED;
	default:
		return CONNACK_UNAVAILABLE;
	}
}

static void put_text(struct mqtt_property_writer *props, unsigned int id, const char *text)
{
	mqtt_property_put_data(props, id, text, strlen(text));
}

/* What is not said is as the standard has it: all works. MQTT 5.0 3.2.2.3 */
static void put_abilities(struct client *client, struct mqtt_property_writer *props)
{
	const struct listener_config *listener = client->endpoint->conf;
	const struct config *conf = client->worker->broker->conf;
	const struct terms *terms = &client->terms;

	if (listener->max_qos < 2)
		mqtt_property_put_number(props, MQTT_PROP_MAXIMUM_QOS, listener->max_qos);
	if (!conf->retain_available)
		mqtt_property_put_number(props, MQTT_PROP_RETAIN_AVAILABLE, 0);
	if (conf->receive_maximum < UINT16_MAX)
		mqtt_property_put_number(props, MQTT_PROP_RECEIVE_MAXIMUM, conf->receive_maximum);
	if (client->aliases.max)
		mqtt_property_put_number(props, MQTT_PROP_TOPIC_ALIAS_MAXIMUM,
					 client->aliases.max);
	if (conf->max_packet_size)
		mqtt_property_put_number(props, MQTT_PROP_MAXIMUM_PACKET_SIZE,
					 conf->max_packet_size);
	if (terms->expiry_limited)
		mqtt_property_put_number(props, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
					 terms->session_expiry);
	if (terms->keepalive_limited)
		mqtt_property_put_number(props, MQTT_PROP_SERVER_KEEP_ALIVE, client->keepalive);
	if (terms->id_assigned)
		put_text(props, MQTT_PROP_ASSIGNED_CLIENT_IDENTIFIER, client->id);
}

static void put_all(struct client *client, struct mqtt_property_writer *props, u8 code,
		    const char *why)
{
	if (!code)
		put_abilities(client, props);
	else if (code == REASON_USE_ANOTHER)
		put_text(props, MQTT_PROP_SERVER_REFERENCE,
			 client->worker->broker->conf->server_reference);
	else if (why && !client->terms.no_problem_info)
		put_text(props, MQTT_PROP_REASON_STRING, why);
}

/*
 * [MQTT-3.1.2-24] is for CONNACK as well: a client that does not take it is told
 * only that. Returns the code that was sent.
 */
static u8 connack_v5(struct client *client, u8 code, const char *why)
{
	const char *reference = client->worker->broker->conf->server_reference;
	size_t room = NUMBERS_MAX + (client->id ? strlen(client->id) : 0) +
		      (why ? strlen(why) : 0) + (reference ? strlen(reference) : 0);
	u8 *packet = malloc(PACKET_CONNACK_SIZE_MAX + 2 * room);
	struct mqtt_property_writer props = { .size = room };
	bool present = !code && client->terms.session_present;
	u32 limit = client->terms.max_packet;
	size_t len;

	if (!packet) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return code;
	}
	props.buf = packet + PACKET_CONNACK_SIZE_MAX + room;
	put_all(client, &props, code, why);
	len = packet_connack_write(packet, present, code, &props);
	if (limit && len > limit) {
		code = code ? code : REASON_TOO_LARGE;
		props.len = 0;
		len = packet_connack_write(packet, present, code, &props);
	}
	client_send(client, packet, len);
	free(packet);
	return code;
}

static u8 connack(struct client *client, u8 code, const char *why)
{
	/* MQTT 3.1 has no such flag */
	bool present = !code && client->terms.session_present &&
		       client->protocol != MQTT_PROTOCOL_V31;
	u8 packet[PACKET_CONNACK_SIZE_MAX];

	if (client->protocol == MQTT_PROTOCOL_V5)
		return connack_v5(client, code, why);
	client_send(client, packet, packet_connack_write(packet, present, old_code(code), NULL));
	return code;
}

static void refused(struct client *client, const char *why)
{
	stats_add(&client->worker->stats, STAT_CONNECTIONS_REFUSED, 1);
	client_close(client, CLOSE_REFUSED, why);
}

bool connack_accept(struct client *client)
{
	if (connack(client, REASON_SUCCESS, NULL))
		refused(client, "CONNACK is longer than its maximum packet size");
	return !client->closing;
}

void connack_refuse(struct client *client, u8 code, const char *why)
{
	connack_refuse_detail(client, code, why, why);
}

void connack_refuse_detail(struct client *client, u8 code, const char *why, const char *detail)
{
	connack(client, code, why);
	refused(client, detail);
	client->close_detail = why;
}
