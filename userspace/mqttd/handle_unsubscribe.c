// SPDX-License-Identifier: MIT
/*
 * UNSUBSCRIBE, MQTT 3.10.
 */
#include <stdlib.h>

#include "client.h"
#include "handler.h"
#include "log.h"
#include "replay.h"
#include "subscribe.h"

void handle_unsubscribe(struct client *client, struct packet *packet)
{
	struct session_filter *filters;
	struct packet_filters list;
	u64 ticket;
	u32 i;

	filters = handler_filters(client, packet, &list);
	if (!filters)
		return;
	for (i = 0; i < list.n; i++) {
		log_limited(LOG_TYPE_UNSUBSCRIBE, "%s %.*s", client->id, (int)filters[i].len,
			    filters[i].filter);
		replay_cancel(client, &filters[i]);
	}
	ticket = session_unsubscribe(client, filters, list.n);
	handler_ack(client, MQTT_PKT_UNSUBACK, &list, filters, ticket);
	free(filters);
}
