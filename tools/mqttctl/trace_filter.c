// SPDX-License-Identifier: MIT
/*
 * Which events are wanted, and what belongs together.
 *
 * Tables of fixed size, in which the newest has its place by its id: message ids
 * count up, so each message stays for about as many as there are places.
 */
#include <stdlib.h>
#include <string.h>

#include "trace.h"

struct trace_filter *trace_filter_new(const char *topic, const char *client, bool statistics)
{
	struct trace_filter *filter = calloc(1, sizeof(*filter));

	if (!filter)
		return NULL;
	filter->topic = topic;
	filter->client = client;
	filter->statistics = statistics;
	return filter;
}

void trace_filter_free(struct trace_filter *filter)
{
	free(filter);
}

/* --- topics ------------------------------------------------------------------ */

static size_t level_len(const uint8_t *p, size_t len)
{
	const uint8_t *slash = memchr(p, '/', len);

	return slash ? (size_t)(slash - p) : len;
}

/* One level of the filter and of the topic, which ends at @end if it is cut. */
static bool level_matches(const uint8_t *f, size_t flen, const uint8_t *t, size_t tlen,
			  bool cut)
{
	if (flen == 1 && *f == '+')
		return true;
	if (cut)
		return tlen <= flen && !memcmp(f, t, tlen);
	return tlen == flen && !memcmp(f, t, tlen);
}

bool trace_topic_matches(const char *filter, const uint8_t *topic, size_t len, bool cut)
{
	const uint8_t *f = (const uint8_t *)filter;
	size_t flen = strlen(filter);

	/* MQTT 4.7.2 */
	if (len && *topic == '$' && (*f == '+' || *f == '#'))
		return false;
	for (;;) {
		size_t fl = level_len(f, flen), tl = level_len(topic, len);
		bool last = tl == len;

		if (fl == 1 && *f == '#')
			return true;
		if (!level_matches(f, fl, topic, tl, cut && last))
			return false;
		if (last && cut)
			return true;
		f += fl;
		flen -= fl;
		/* "a/#" matches "a" */
		if (last)
			return !flen || (flen == 2 && f[1] == '#');
		if (!flen)
			return false;
		f++;
		flen--;
		topic += tl + 1;
		len -= tl + 1;
	}
}

static bool has_message(const struct trace_event *event)
{
	return event->type <= TRACE_DROP;
}

static bool topic_wanted(const struct trace_filter *filter, const struct trace_event *event)
{
	if (!filter->topic)
		return true;
	if (!has_message(event))
		return false;
	/* Lost before it was looked at: it may be one of them. */
	if (!event->topic_len)
		return event->type == TRACE_DROP;
	return trace_topic_matches(filter->topic, event->topic.bytes, event->topic.len,
				   event->topic_len > event->topic.len);
}

/* --- clients ----------------------------------------------------------------- */

static bool client_is(const struct trace_text *text, const char *client)
{
	size_t len = strlen(client);

	if (len > TRACE_TEXT_MAX)
		len = TRACE_TEXT_MAX;
	return text->len == len && !memcmp(text->bytes, client, len);
}

static bool client_wanted(const struct trace_filter *filter, const struct trace_event *event,
			  const struct trace_message *from)
{
	if (!filter->client)
		return true;
	if (event->type != TRACE_MATCH && client_is(&event->client, filter->client))
		return true;
	return from && client_is(&from->client, filter->client);
}

/* --- what is known ----------------------------------------------------------- */

static void learn_peer(struct trace_filter *filter, struct trace_event *event)
{
	struct trace_peer *peer = &filter->peers[event->peer % TRACE_PEERS];

	if (!event->peer)
		return;
	if (event->client.len) {
		peer->peer = event->peer;
		peer->client = event->client;
	} else if (peer->peer == event->peer) {
		event->client = peer->client;
	}
}

static const struct trace_message *learn_message(struct trace_filter *filter,
						 const struct trace_event *event)
{
	struct trace_message *message = &filter->messages[event->id % TRACE_MESSAGES];

	if (!has_message(event) || !event->id)
		return NULL;
	if (event->type == TRACE_RX) {
		message->id = event->id;
		message->peer = event->peer;
		message->client = event->client;
	}
	return message->id == event->id ? message : NULL;
}

bool trace_filter_event(struct trace_filter *filter, struct trace_event *event,
			const struct trace_message **from)
{
	learn_peer(filter, event);
	*from = learn_message(filter, event);
	if (event->type == TRACE_ENQUEUE && !filter->statistics)
		return false;
	return topic_wanted(filter, event) && client_wanted(filter, event, *from);
}
