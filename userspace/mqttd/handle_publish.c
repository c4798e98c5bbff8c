// SPDX-License-Identifier: MIT
/*
 * PUBLISH, MQTT 3.3: from a client, and wills.
 */
#include "client.h"
#include "handler.h"
#include "log.h"
#include "route.h"
#include "stats.h"
#include "worker.h"

/*
 * Subscribers get the packet as it came, but for the flags: QoS 0, not
 * retained [MQTT-3.3.1-9].
 */
static void publish(struct client *client, struct packet *packet)
{
	struct message msg;
	u8 *start;

	start = packet_reheader(packet->body, packet->remaining, MQTT_PKT_PUBLISH << 4);
	message_init(&msg, client->protocol, start, packet->body + packet->remaining - start,
		     packet->storage);
	msg.from = client->session;
	route_publish(client->worker, &msg);
	message_done(&msg);
}

void handle_publish(struct client *client, struct packet *packet)
{
	struct mqtt_publish pub;

	if (mqtt_publish_parse(packet->body, packet->remaining, packet->byte1,
			       MQTT_PROTOCOL_V311, &pub)) {
		client_close(client, CLOSE_PROTOCOL, "malformed PUBLISH");
		return;
	}
	if (pub.qos) {
		client_close(client, CLOSE_UNSUPPORTED, "PUBLISH with QoS 1 or 2");
		return;
	}
	if (log_enabled(LOG_TYPE_DEBUG))
		log_printf(LOG_TYPE_DEBUG, "Received PUBLISH from %s (r%d, '%.*s', ... (%u bytes))",
			   client->id, pub.retain, pub.topic_len, pub.topic, pub.payload_len);
	stats_add(&client->worker->stats, STAT_PUBLISH_RECEIVED, 1);
	publish(client, packet);
}

/* The will was made by CONNECT's handler: its packet is valid, and ours alone. */
void handler_will(struct client *client)
{
	struct packet packet = { .storage = client->will };
	struct mqtt_fixed_header fh;
	struct mqtt_publish pub;

	if (!client->will || client->state != CLIENT_CONNECTED)
		return;
	if (mqtt_fixed_header_parse(client->will->data, client->will_len, &fh))
		return;
	packet.body = client->will->data + fh.size;
	packet.remaining = fh.remaining;
	if (mqtt_publish_parse(packet.body, packet.remaining, fh.byte1, MQTT_PROTOCOL_V311,
			       &pub))
		return;
	publish(client, &packet);
}
