// SPDX-License-Identifier: MIT
/*
 * SUBSCRIBE, MQTT 3.8.
 */
#include <stdlib.h>

#include "client.h"
#include "client_roles.h"
#include "handler.h"
#include "log.h"
#include "replay.h"
#include "security.h"
#include "subscribe.h"

/* [MQTT-3.3.1-9..11], never to a group */
static bool wants_retained(const struct session_filter *f)
{
	size_t topic_len;
	const u8 *topic;

	if (f->code >= SESSION_SUB_FAILURE ||
	    subscribe_split(f->filter, f->len, &topic, &topic_len))
		return false;
	switch (f->options & FILTER_RETAIN_HANDLING) {
	case 0:
		return true;
	case FILTER_RETAIN_IF_NEW:
		return f->is_new;
	default:
		return false;
	}
}

static void check_permission(struct client *client, struct session_filter *f)
{
	size_t topic_len;
	const u8 *topic;

	if (f->code >= SESSION_SUB_FAILURE)
		return;
	subscribe_split(f->filter, f->len, &topic, &topic_len);
	if (client_may_subscribe(client, topic, topic_len))
		return;
	f->code = REASON_NOT_AUTHORIZED;
	security_client_event(client, (struct security_event){
		.kind = SECURITY_DENIED, .why = "not allowed", .access = "subscribe",
		.topic = f->filter, .topic_len = f->len });
}

void handle_subscribe(struct client *client, struct packet *packet)
{
	struct session_filter *filters;
	struct packet_filters list;
	u64 ticket;
	u32 i;

	filters = handler_filters(client, packet, &list);
	if (!filters)
		return;
	for (i = 0; i < list.n; i++)
		log_limited(LOG_TYPE_SUBSCRIBE, "%s %u %.*s", client->id,
			    filters[i].options & FILTER_QOS, (int)filters[i].len,
			    filters[i].filter);
	for (i = 0; i < list.n; i++)
		check_permission(client, &filters[i]);
	ticket = session_subscribe(client, filters, list.n);
	handler_ack(client, MQTT_PKT_SUBACK, &list, filters, ticket);
	for (i = 0; i < list.n && !client->closing; i++)
		if (wants_retained(&filters[i]))
			replay_begin(client, &filters[i]);
	if (!client->closing)
		replay_start(client);
	free(filters);
}
