/* SPDX-License-Identifier: MIT */
/*
 * Messages at QoS 0 for a client that does not take them as fast as they come: what
 * is behind the bytes that are on their way, so that any of them may still be dropped.
 *
 *   first ──> message ──> message ──> ... <── last
 *                ^           │
 *                └──older────┘   those of one topic; the table knows the newest
 *
 * Each is a whole PUBLISH packet without a topic alias. The table is there only while
 * messages are conflated.
 */
#ifndef MQTTD_SLOWQ_H
#define MQTTD_SLOWQ_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "hash.h"
#include "outq.h"

struct slowq_entry;

/**
 * struct slowq - a queue; all zero but @entries is an empty one, see slowq_init()
 * @entries: in the order in which they leave
 * @by_topic: the newest message of each topic
 * @key: of the table's hash; not owned
 * @bytes: of the packets, and what it takes to keep them
 * @messages: how many
 */
struct slowq {
	TAILQ_HEAD(slowq_list, slowq_entry) entries;
	struct hash_table by_topic;
	const siphash_key_t *key;
	size_t bytes;
	unsigned int messages;
};

/* What the policies of mqttd.conf(5) do with the messages that are there already. */
enum slowq_policy {
	SLOWQ_KEEP,		/* nothing */
	SLOWQ_DROP_OLD,		/* the oldest go as far as there has to be room */
	SLOWQ_CONFLATE,		/* so does the one with the same topic, from the mark on */
};

/**
 * struct slowq_limits - how much there may be
 * @policy: see above
 * @bytes: limit of @beside and the queue's bytes together
 * @beside: bytes that are elsewhere, and count
 * @messages: limit of messages, 0: any number
 */
struct slowq_limits {
	enum slowq_policy policy;
	size_t bytes;
	size_t beside;
	unsigned int messages;
};

/* What was dropped of what was there */
struct slowq_drops {
	unsigned int old;
	unsigned int conflated;
};

/* Three quarters of a limit: from here on the queue is too long. */
static inline size_t slowq_mark(size_t limit)
{
	return limit - limit / 4;
}

void slowq_init(struct slowq *q, const siphash_key_t *key);

/**
 * slowq_add() - one more message
 * @q: where to
 * @limits: what to keep to
 * @packet: its bytes, which are taken over; of its first piece are at least those to the
 *	end of the topic name
 * @drops: result: what had to go
 *
 * A message that a limit is too low for, whatever may go, drops nothing. The work is that
 * for the message and for those that it drops.
 *
 * Return: 0; -ENOBUFS: there is no room for it; -ENOMEM. If not 0 @packet stays as it was.
 */
int slowq_add(struct slowq *q, const struct slowq_limits *limits, struct outq *packet,
	      struct slowq_drops *drops);

/* What @packet will count there. */
size_t slowq_charge(const struct outq *packet);

/* Moves the first messages, at least one and about @bytes, to the end of @out. */
void slowq_send(struct slowq *q, struct outq *out, size_t bytes);
void slowq_clear(struct slowq *q);

#endif /* MQTTD_SLOWQ_H */
