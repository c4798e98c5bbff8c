/* SPDX-License-Identifier: MIT */
/*
 * mqttctl trace, in parts: where events come from (trace_source.c), which of them
 * are wanted and what belongs together (trace_filter.c), what is printed
 * (trace_show.c), and the command (trace.c).
 */
#ifndef MQTTCTL_TRACE_H
#define MQTTCTL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "output.h"

enum trace_type {
	TRACE_RX,
	TRACE_MATCH,
	TRACE_ENQUEUE,
	TRACE_TX,
	TRACE_DROP,
	TRACE_SLOW,
	TRACE_ATTACH,
	TRACE_DETACH,
	TRACE_TYPES,
};

/* What the kernel records of a topic name or a client id; see kmod/trace.h */
#define TRACE_TEXT_MAX	128

struct trace_text {
	uint8_t len;
	uint8_t bytes[TRACE_TEXT_MAX];
};

/**
 * struct trace_event - a tracepoint was passed
 * @type: which
 * @time: when, CLOCK_MONOTONIC, nanoseconds
 * @order: of events with the same time
 * @id: the message's, or 0
 * @client: of the peer that it is about; empty if that is not known
 * @topic: the first bytes of the message's
 * @topic_len: how many it has; 0: not known
 *
 * What else there is depends on the type, see kmod/trace.h.
 */
struct trace_event {
	enum trace_type type;
	uint64_t time;
	uint64_t order;
	uint32_t id;
	uint32_t peer;
	uint32_t port;
	uint32_t packets;
	uint32_t bytes;
	uint32_t receivers;
	uint32_t reason;
	uint32_t topic_len;
	uint32_t packet_type;
	uint32_t flags;
	uint64_t queue_bytes;
	uint64_t delay;			/* nanoseconds */
	bool cached;
	bool publisher;
	bool barrier;
	bool from_port;
	struct trace_text client;
	struct trace_text topic;
};

/* --- trace_filter.c ---------------------------------------------------------- */

/* Of so many messages and peers is known what was said of them earlier. */
#define TRACE_MESSAGES	16384
#define TRACE_PEERS	4096

/* Who has published a message. */
struct trace_message {
	uint32_t id;
	uint32_t peer;
	struct trace_text client;
};

struct trace_peer {
	uint32_t peer;
	struct trace_text client;
};

/**
 * struct trace_filter - what is wanted, and what has been learnt
 * @topic: topic filter, or NULL: any topic
 * @client: client id, or NULL: any client
 * @statistics: also what is of interest to few
 * @messages: by id, the newest ones
 * @peers: by id
 */
struct trace_filter {
	const char *topic;
	const char *client;
	bool statistics;
	struct trace_message messages[TRACE_MESSAGES];
	struct trace_peer peers[TRACE_PEERS];
};

struct trace_filter *trace_filter_new(const char *topic, const char *client, bool statistics);
void trace_filter_free(struct trace_filter *filter);

/*
 * Is the event wanted? It is completed with what earlier ones said, and *@from is
 * the message's publisher, or NULL if it is not known. Every event has to come
 * here, in their order.
 */
bool trace_filter_event(struct trace_filter *filter, struct trace_event *event,
			const struct trace_message **from);

/*
 * Does a topic filter match a topic name, of which the first @len bytes are known
 * and @cut says whether there are more? If these do not tell: yes.
 */
bool trace_topic_matches(const char *filter, const uint8_t *topic, size_t len, bool cut);

/* --- trace_show.c -------------------------------------------------------------- */

/* A line; @offset is what CLOCK_REALTIME is ahead of the events' clock. */
void trace_show(struct out *out, const struct trace_event *event,
		const struct trace_message *from, int64_t offset);
void trace_show_lost(struct out *out, uint64_t count, int64_t now);

/* --- trace_source.c ------------------------------------------------------------ */

struct trace_source;

/* Returns DONE, or FAILED after a sentence on stderr. */
int trace_source_open(struct trace_source **source);

/* Removes what was made in tracefs; NULL is fine. */
void trace_source_close(struct trace_source *source);

/* No more events from now on; those that there are can still be read. */
void trace_source_stop(struct trace_source *source);

/*
 * Calls @take for every event there is, of each CPU in its order. @take returns
 * not 0 to end it. Return: 0, or a negative errno; -ENODEV if the module has gone.
 */
int trace_source_read(struct trace_source *source,
		      int (*take)(const struct trace_event *event, void *arg), void *arg);

/* How many the kernel has lost since the last call, for lack of room */
uint64_t trace_source_lost(struct trace_source *source);

#endif /* MQTTCTL_TRACE_H */
