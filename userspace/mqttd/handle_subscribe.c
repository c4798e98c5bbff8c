// SPDX-License-Identifier: MIT
/*
 * SUBSCRIBE, MQTT 3.8. What is granted is QoS 0.
 */
#include <stdlib.h>

#include "client.h"
#include "handler.h"
#include "log.h"
#include "session.h"

static void suback(struct client *client, u16 packet_id, const struct session_filter *filters,
		   u32 n)
{
	u8 *packet = malloc(PACKET_ACK_SIZE_MAX + n);
	size_t size;
	u32 i;

	if (!packet) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	size = packet_ack_write(packet, MQTT_PKT_SUBACK, packet_id, n);
	for (i = 0; i < n; i++)
		packet[size++] = filters[i].code;
	client_send(client, packet, size);
	free(packet);
}

void handle_subscribe(struct client *client, struct packet *packet)
{
	struct session_filter *filters;
	const char *why;
	u16 packet_id;
	long n, i;
	u32 pos = 0;

	n = packet_filters_check(packet->body, packet->remaining, true, &packet_id, &why);
	if (n < 0) {
		client_close(client, CLOSE_PROTOCOL, why);
		return;
	}
	filters = calloc(n, sizeof(*filters));
	if (!filters) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	for (i = 0; i < n; i++) {
		struct packet_string filter = packet_filter_next(packet->body, true, &pos);

		filters[i].filter = filter.data;
		filters[i].len = filter.len;
		log_printf(LOG_TYPE_SUBSCRIBE, "%s 0 %.*s", client->id, filter.len, filter.data);
	}
	session_subscribe(client, filters, n);
	suback(client, packet_id, filters, n);
	free(filters);
}
