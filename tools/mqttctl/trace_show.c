// SPDX-License-Identifier: MIT
/* An event as a line. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <linux/mqtt.h>

#include "trace.h"

#define SECOND 1000000000LL

/* As in mqttctl monitor: the day is known to people. */
static void show_time(struct out *out, int64_t time)
{
	bool json = out->flags & OUT_JSON;
	time_t seconds = (time_t)(time / SECOND);
	unsigned int us = (unsigned int)(time % SECOND / 1000);
	char text[64], fraction[16];
	struct tm tm;

	if (json)
		gmtime_r(&seconds, &tm);
	else
		localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), json ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &tm);
	snprintf(fraction, sizeof(fraction), ".%06u%s", us, json ? "Z" : "");
	strncat(text, fraction, sizeof(text) - strlen(text) - 1);
	out_word(out, "time", text);
}

static const char *name_of(const char *const names[], size_t n, size_t i)
{
	return i < n && names[i] ? names[i] : "unknown";
}

#define NAME_OF(names, i) name_of(names, sizeof(names) / sizeof((names)[0]), i)

static const char *const types[] = {
	[TRACE_RX]	= "rx",
	[TRACE_MATCH]	= "match",
	[TRACE_ENQUEUE]	= "queue",
	[TRACE_TX]	= "tx",
	[TRACE_DROP]	= "drop",
	[TRACE_SLOW]	= "slow",
	[TRACE_ATTACH]	= "attach",
	[TRACE_DETACH]	= "detach",
};

static const char *const reasons[] = {
	[MQTT_A_STATS_DROP_QUEUE_FULL]		= "queue-full",
	[MQTT_A_STATS_DROP_NO_MEMORY]		= "no-memory",
	[MQTT_A_STATS_DROP_PEER_GONE]		= "peer-gone",
	[MQTT_A_STATS_DROP_BUDGET]		= "budget",
	[MQTT_A_STATS_DROP_TOO_LARGE]		= "too-large",
	[MQTT_A_STATS_DROP_PORT_FULL]		= "port-full",
	[MQTT_A_STATS_DROP_OLD]			= "old",
	[MQTT_A_STATS_DROP_CONFLATED]		= "conflated",
	[MQTT_A_STATS_DROP_SLOW]		= "slow",
	[MQTT_A_STATS_DROP_ROUTER_FULL]		= "router-full",
	[MQTT_A_STATS_DROP_RATE]		= "rate",
	[MQTT_A_STATS_DROP_DENIED_PUBLISH]	= "denied-publish",
	[MQTT_A_STATS_DROP_DENIED_RECEIVE]	= "denied-receive",
};

static const char *const ends[] = {
	[MQTT_EVENT_TYPE_ROUTER_END]	= "router-end",
	[MQTT_EVENT_TYPE_PEER_DETACH]	= "detach",
	[MQTT_EVENT_TYPE_PEER_CLOSE]	= "close",
};

/* MQTT 2.2.1 */
static const char *const packets[] = {
	NULL, "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP",
	"DISCONNECT", "AUTH",
};

static void show_text(struct out *out, const char *name, const struct trace_text *text)
{
	out_string(out, name, text->bytes, text->len);
}

static void show_peer(struct out *out, const struct trace_event *event)
{
	if (!event->peer)
		return;
	out_count(out, "peer-id", event->peer);
	if (event->client.len)
		show_text(out, "client-id", &event->client);
}

static void show_message(struct out *out, const struct trace_event *event)
{
	if (event->id)
		out_count(out, "message-id", event->id);
	if (event->topic_len)
		show_text(out, "topic", &event->topic);
	if (event->topic_len > event->topic.len)
		out_count(out, "topic-bytes", event->topic_len);
}

static void show_from(struct out *out, const struct trace_message *from)
{
	if (from && from->client.len)
		show_text(out, "from", &from->client);
}

static void show_port(struct out *out, const struct trace_event *event)
{
	if (event->port)
		out_count(out, "port-id", event->port);
}

static void show_rx(struct out *out, const struct trace_event *event)
{
	out_count(out, "packets", event->packets);
	out_count(out, "bytes", event->bytes);
	if (event->from_port)
		out_word(out, "by", "mqttd");
}

static void show_tx(struct out *out, const struct trace_event *event)
{
	char delay[32];

	show_port(out, event);
	out_count(out, "packets", event->packets);
	out_count(out, "bytes", event->bytes);
	if (out->flags & OUT_JSON) {
		out_count(out, "delay-ns", event->delay);
		return;
	}
	snprintf(delay, sizeof(delay), "%llu.%03lluus", (unsigned long long)(event->delay / 1000),
		 (unsigned long long)(event->delay % 1000));
	out_word(out, "delay", delay);
}

static void show_slow(struct out *out, const struct trace_event *event)
{
	out_word(out, "packet", NAME_OF(packets, event->packet_type));
	if (event->packet_type == 3) {
		out_count(out, "qos", event->flags >> 1 & 3);
		out_count(out, "retain", event->flags & 1);
	}
	out_count(out, "bytes", event->bytes);
	out_count(out, "barrier", event->barrier);
}

static void show_rest(struct out *out, const struct trace_event *event)
{
	switch (event->type) {
	case TRACE_RX:
		show_rx(out, event);
		break;
	case TRACE_MATCH:
		out_count(out, "receivers", event->receivers);
		out_count(out, "cached", event->cached);
		break;
	case TRACE_ENQUEUE:
		show_port(out, event);
		out_count(out, "queue-bytes", event->queue_bytes);
		break;
	case TRACE_TX:
		show_tx(out, event);
		break;
	case TRACE_DROP:
		out_count(out, "packets", event->packets);
		out_word(out, "reason", NAME_OF(reasons, event->reason));
		break;
	case TRACE_SLOW:
		show_slow(out, event);
		break;
	case TRACE_ATTACH:
		show_port(out, event);
		break;
	case TRACE_DETACH:
		out_word(out, "reason", NAME_OF(ends, event->reason));
		break;
	case TRACE_TYPES:
		break;
	}
}

void trace_show(struct out *out, const struct trace_event *event,
		const struct trace_message *from, int64_t offset)
{
	out_object_begin(out, NULL, OUT_ROW);
	show_time(out, (int64_t)event->time + offset);
	out_word(out, "event", NAME_OF(types, event->type));
	show_message(out, event);
	/* Whose message is lost before anybody gets it is no receiver. */
	if (event->type == TRACE_RX || event->publisher) {
		if (event->client.len)
			show_text(out, "from", &event->client);
	} else {
		show_from(out, from);
		show_peer(out, event);
	}
	show_rest(out, event);
	out_object_end(out);
}

void trace_show_lost(struct out *out, uint64_t count, int64_t now)
{
	out_object_begin(out, NULL, OUT_ROW);
	show_time(out, now);
	out_word(out, "event", "lost");
	out_count(out, "events", count);
	out_object_end(out);
}
