// SPDX-License-Identifier: MIT
/*
 * SUBSCRIBE, MQTT 3.8. What is granted is QoS 0. Of the options no-local
 * matters; the others are about retained messages, of which there are none.
 */
#include <stdlib.h>

#include "client.h"
#include "handler.h"
#include "log.h"
#include "session.h"

void handle_subscribe(struct client *client, struct packet *packet)
{
	struct session_filter *filters;
	struct packet_filters list;
	u32 i;

	filters = handler_filters(client, packet, &list);
	if (!filters)
		return;
	if (mqtt_property_present(&list.props, MQTT_PROP_SUBSCRIPTION_IDENTIFIER)) {
		client_close(client, CLOSE_SUBSCRIPTION_ID, "SUBSCRIBE");
		free(filters);
		return;
	}
	for (i = 0; i < list.n; i++)
		log_printf(LOG_TYPE_SUBSCRIBE, "%s 0 %.*s", client->id, (int)filters[i].len,
			   filters[i].filter);
	session_subscribe(client, filters, list.n);
	handler_ack(client, MQTT_PKT_SUBACK, &list, filters);
	free(filters);
}
