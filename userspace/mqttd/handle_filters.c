// SPDX-License-Identifier: MIT
/*
 * What SUBSCRIBE and UNSUBSCRIBE have in common: a list of topic filters, and
 * an answer with a code for each.
 */
#include <stdlib.h>

#include "client.h"
#include "handler.h"
#include "session.h"

struct session_filter *handler_filters(struct client *client, const struct packet *packet,
				       struct packet_filters *list)
{
	struct session_filter *filters, *f;
	struct packet_filter filter;
	const char *why;
	int err;

	err = packet_filters_parse(packet, client->protocol, list, &why);
	if (err) {
		handler_refuse(client, err, why);
		return NULL;
	}
	filters = calloc(list->n, sizeof(*filters));
	if (!filters) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return NULL;
	}
	for (f = filters; packet_filter_next(list, &filter); f++) {
		f->filter = filter.name.data;
		f->len = filter.name.len;
		f->options = filter.options & FILTER_NO_LOCAL;
		f->shared = packet_filter_shared(filter.name);
	}
	return filters;
}

void handler_ack(struct client *client, u8 type, const struct packet_filters *list,
		 const struct session_filter *filters)
{
	u8 *packet = malloc(PACKET_ACK_SIZE_MAX + list->n);
	bool old = client->protocol != MQTT_PROTOCOL_V5;
	/* Before 5.0 UNSUBACK has no codes */
	u32 n = old && type == MQTT_PKT_UNSUBACK ? 0 : list->n;
	size_t size;
	u32 i;

	if (!packet) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	size = packet_ack_write(packet, client->protocol, type, list->packet_id, n);
	for (i = 0; i < n; i++)
		packet[size++] = old && filters[i].code ? SESSION_SUB_FAILURE : filters[i].code;
	client_send(client, packet, size);
	free(packet);
}
