// SPDX-License-Identifier: MIT
/*
 * PUBLISH, MQTT 3.3: from a client, and wills.
 */
#include <errno.h>
#include <string.h>
#include <mqtt/topic.h>
#include <mqtt/utf8.h>

#include "client.h"
#include "handler.h"
#include "log.h"
#include "message.h"
#include "route.h"
#include "stats.h"
#include "worker.h"

static void route(struct client *client, const u8 *start, size_t len, struct blob *storage)
{
	struct message msg;

	message_init(&msg, client->protocol, start, len, storage);
	msg.from = client->session;
	route_publish(client->worker, &msg);
	message_done(&msg);
}

/*
 * Subscribers get the packet as it came, but for the flags: QoS 0, not
 * retained [MQTT-3.3.1-9].
 */
static void publish_packet(struct client *client, struct packet *packet)
{
	u8 *start;

	start = packet_reheader(packet->body, packet->remaining, MQTT_PKT_PUBLISH << 4);
	route(client, start, packet->body + packet->remaining - start, packet->storage);
}

/* With a topic alias: they get the topic name instead. */
static void publish_anew(struct client *client, const struct mqtt_publish *pub)
{
	s32 size = mqtt_publish_header_size(pub, client->protocol);
	struct blob *blob = size < 0 ? NULL : blob_new(size + (size_t)pub->payload_len);

	if (!blob) {
		stats_add(&client->worker->stats, STAT_PUBLISH_DROPPED, 1);
		return;
	}
	mqtt_publish_header_write(blob->data, pub, client->protocol);
	if (pub->payload_len)
		memcpy(blob->data + size, pub->payload, pub->payload_len);
	route(client, blob->data, size + (size_t)pub->payload_len, blob);
	blob_put(blob);
}

/* MQTT 5.0 3.3.2.3.4. Closes the client if that fails. */
static bool resolve_alias(struct client *client, struct mqtt_publish *pub)
{
	if (pub->topic_alias > client->aliases.max) {
		client_close(client, CLOSE_TOPIC_ALIAS, NULL);
		return false;
	}
	if (!pub->topic_len) {
		pub->topic = alias_get(&client->aliases, pub->topic_alias, &pub->topic_len);
		if (!pub->topic)
			client_close(client, CLOSE_PROTOCOL, "PUBLISH: topic alias without topic");
		return pub->topic;
	}
	if (alias_set(&client->aliases, pub->topic_alias, pub->topic, pub->topic_len)) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return false;
	}
	return true;
}

/* Is it wildcards in the topic name that make the packet wrong? */
static bool wildcards(const struct packet *packet)
{
	const u8 *topic = packet->body + 2;
	u32 len;

	if (packet->remaining < 2)
		return false;
	len = packet->body[0] << 8 | packet->body[1];
	return len && len <= packet->remaining - 2 && mqtt_utf8_valid(topic, len) &&
	       !mqtt_topic_name_valid(topic, len);
}

/* Returns whether the broker can do what the client wants. */
static bool supported(struct client *client, const struct mqtt_publish *pub)
{
	if (pub->qos)
		client_close(client, CLOSE_QOS, "PUBLISH");
	else if (pub->retain && client->protocol == MQTT_PROTOCOL_V5)
		client_close(client, CLOSE_RETAIN, "PUBLISH");	/* CONNACK has said so */
	return !client->closing;
}

void handle_publish(struct client *client, struct packet *packet)
{
	struct mqtt_publish pub;
	int err;

	err = mqtt_publish_parse(packet->body, packet->remaining, packet->byte1,
				 client->protocol, &pub);
	if (err == -EBADMSG && wildcards(packet)) {
		client_close(client, CLOSE_TOPIC_NAME, "PUBLISH");
		return;
	}
	if (err) {
		handler_refuse(client, err, "PUBLISH");
		return;
	}
	if (!supported(client, &pub) || (pub.topic_alias && !resolve_alias(client, &pub)))
		return;
	if (log_enabled(LOG_TYPE_DEBUG))
		log_printf(LOG_TYPE_DEBUG, "Received PUBLISH from %s (r%d, '%.*s', ... (%u bytes))",
			   client->id, pub.retain, pub.topic_len, pub.topic, pub.payload_len);
	stats_add(&client->worker->stats, STAT_PUBLISH_RECEIVED, 1);
	if (pub.topic_alias)
		publish_anew(client, &pub);
	else
		publish_packet(client, packet);
}

/* CONNECT's handler has made it ready to be sent. */
void handler_will(struct client *client)
{
	if (client->will && client->state == CLIENT_CONNECTED)
		route(client, client->will->data, client->will_len, client->will);
}
