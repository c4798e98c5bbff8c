// SPDX-License-Identifier: MIT
/*
 * UNSUBSCRIBE, MQTT 3.10.
 */
#include <stdlib.h>

#include "client.h"
#include "handler.h"
#include "log.h"
#include "session.h"

void handle_unsubscribe(struct client *client, struct packet *packet)
{
	u8 unsuback[PACKET_ACK_SIZE_MAX];
	struct session_filter *filters;
	const char *why;
	u16 packet_id;
	long n, i;
	u32 pos = 0;

	n = packet_filters_check(packet->body, packet->remaining, false, &packet_id, &why);
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
		struct packet_string filter = packet_filter_next(packet->body, false, &pos);

		filters[i].filter = filter.data;
		filters[i].len = filter.len;
		log_printf(LOG_TYPE_UNSUBSCRIBE, "%s %.*s", client->id, filter.len, filter.data);
	}
	session_unsubscribe(client, filters, n);
	client_send(client, unsuback, packet_ack_write(unsuback, MQTT_PKT_UNSUBACK, packet_id, 0));
	free(filters);
}
