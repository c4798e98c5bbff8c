// SPDX-License-Identifier: MIT
/*
 * What SUBSCRIBE and UNSUBSCRIBE have in common: a list of topic filters, and
 * an answer with a code for each.
 */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "handler.h"
#include "listener.h"
#include "subscribe.h"

/* What a topic filter may be in a packet, and so with a mount point */
#define FILTER_MAX 65535

static u8 *put(u8 *to, const void *data, size_t len)
{
	if (len)
		memcpy(to, data, len);
	return to + len;
}

/* With the mount point in front of what topics have to match. Returns where the text ends. */
static u8 *mount(struct session_filter *f, const char *point, size_t point_len, u8 *text)
{
	size_t topic_len;
	const u8 *topic;
	u8 *end;

	subscribe_split(f->filter, f->len, &topic, &topic_len);
	end = put(text, f->filter, topic - f->filter);
	end = put(end, point, point_len);
	end = put(end, topic, topic_len);
	f->filter = text;
	f->len = end - text;
	return end;
}

/* MQTT 5.0 3.8.3: with no more QoS than the listener has. */
static void describe(const struct client *client, const struct packet_filters *list,
		     const struct packet_filter *filter, struct session_filter *f)
{
	u8 qos = filter->options & FILTER_QOS, max = client->endpoint->conf->max_qos;

	f->filter = filter->name.data;
	f->len = filter->name.len;
	f->options = (filter->options & ~FILTER_QOS) | (qos < max ? qos : max);
	f->id = mqtt_property_number(&list->props, MQTT_PROP_SUBSCRIPTION_IDENTIFIER, 0);
}

static void describe_all(const struct client *client, struct packet_filters *list,
			 struct session_filter *f, u8 *text)
{
	const char *point = client->endpoint->conf->mount_point;
	size_t point_len = point ? strlen(point) : 0;
	struct packet_filter filter;

	for (; packet_filter_next(list, &filter); f++) {
		describe(client, list, &filter, f);
		if (subscribe_bad_share(f->filter, f->len) || f->len + point_len > FILTER_MAX)
			f->code = REASON_FILTER;
		else if (point_len)
			text = mount(f, point, point_len, text);
	}
}

/* Bytes of all filters with their mount points, which are behind the list. */
static size_t text_size(const struct client *client, const struct packet_filters *list)
{
	const char *point = client->endpoint->conf->mount_point;

	return point ? list->n * strlen(point) + (list->end - list->rest) : 0;
}

struct session_filter *handler_filters(struct client *client, const struct packet *packet,
				       struct packet_filters *list)
{
	struct session_filter *filters;
	const char *why;
	int err;

	err = packet_filters_parse(packet, client->protocol, list, &why);
	if (err) {
		handler_refuse(client, err, why);
		return NULL;
	}
	filters = calloc(1, list->n * sizeof(*filters) + text_size(client, list));
	if (!filters) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return NULL;
	}
	describe_all(client, list, filters, (u8 *)(filters + list->n));
	return filters;
}

void handler_ack(struct client *client, u8 type, const struct packet_filters *list,
		 const struct session_filter *filters, u64 ticket)
{
	u8 *packet = malloc(PACKET_ACK_SIZE_MAX + list->n);
	bool old = client->protocol != MQTT_PROTOCOL_V5;
	/* Before 5.0 UNSUBACK has no codes */
	u32 n = old && type == MQTT_PKT_UNSUBACK ? 0 : list->n;
	size_t size;
	u8 code;
	u32 i;

	if (!packet) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	size = packet_ack_write(packet, client->protocol, type, list->packet_id, n);
	for (i = 0; i < n; i++) {
		code = filters[i].code;
		packet[size++] = old && code >= SESSION_SUB_FAILURE ? SESSION_SUB_FAILURE : code;
	}
	client_answer(client, packet, size, ticket);
	free(packet);
}
