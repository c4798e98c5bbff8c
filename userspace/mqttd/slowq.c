// SPDX-License-Identifier: MIT
/*
 * Queues of messages that may be dropped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>
#include <mqtt/wire.h>

#include "slowq.h"

/* Shorter ones are copied when their turn comes: the system has less pieces to gather. */
#define COPY_MAX	2048

/**
 * struct slowq_entry - a message
 * @link: in the queue
 * @by_topic: in the table, if @known and there is no newer one
 * @older: of the same topic, or NULL; and @newer
 * @packet: its bytes
 * @charge: what it counts
 * @topic: in @packet
 * @topic_len: bytes there
 * @known: it is in the table, or behind one that is
 */
struct slowq_entry {
	TAILQ_ENTRY(slowq_entry) link;
	struct hash_node by_topic;
	struct slowq_entry *older;
	struct slowq_entry *newer;
	struct outq packet;
	size_t charge;
	const u8 *topic;
	u16 topic_len;
	bool known;
};

void slowq_init(struct slowq *q, const siphash_key_t *key)
{
	*q = (struct slowq){ .key = key };
	TAILQ_INIT(&q->entries);
}

/* With a piece or two, and what malloc() keeps to itself */
size_t slowq_charge(const struct outq *packet)
{
	return packet->bytes + sizeof(struct slowq_entry) + 128;
}

/* The table */

static void find_topic(struct slowq_entry *entry)
{
	struct mqtt_fixed_header fh;
	const u8 *start;
	size_t len;

	start = outq_front(&entry->packet, &len);
	/* It was written by us, as long as it says. */
	if (mqtt_fixed_header_parse(start, len, &fh) || fh.size + 2u > len)
		return;
	entry->topic_len = start[fh.size] << 8 | start[fh.size + 1];
	entry->topic = start + fh.size + 2;
}

static u64 hash_of(const struct slowq *q, const struct slowq_entry *entry)
{
	return siphash(entry->topic, entry->topic_len, q->key);
}

/* The newest of its topic, or NULL. */
static struct slowq_entry *find_newest(const struct slowq *q, const struct slowq_entry *like)
{
	struct hash_node *node = hash_first(&q->by_topic, hash_of(q, like));

	for (; node; node = hash_next(node)) {
		struct slowq_entry *entry = container_of(node, struct slowq_entry, by_topic);

		if (entry->topic_len == like->topic_len &&
		    !memcmp(entry->topic, like->topic, like->topic_len))
			return entry;
	}
	return NULL;
}

/* Without memory it is not known, and goes when it is the oldest. */
static void table_add(struct slowq *q, struct slowq_entry *entry)
{
	struct slowq_entry *newest = find_newest(q, entry);

	if (newest)
		hash_del(&q->by_topic, &newest->by_topic);
	if (hash_add(&q->by_topic, &entry->by_topic, hash_of(q, entry)))
		return;
	entry->known = true;
	entry->older = newest;
	if (newest)
		newest->newer = entry;
}

static void table_del(struct slowq *q, struct slowq_entry *entry)
{
	if (!entry->known)
		return;
	entry->known = false;
	if (entry->older)
		entry->older->newer = entry->newer;
	if (entry->newer) {
		entry->newer->older = entry->older;
		return;
	}
	hash_del(&q->by_topic, &entry->by_topic);
	/* There is a table: that finds a place in it. */
	if (entry->older)
		hash_add(&q->by_topic, &entry->older->by_topic, entry->by_topic.hash);
}

static void leave_table(struct hash_node *node, void *ctx)
{
	(void)node;
	(void)ctx;
}

static void table_clear(struct slowq *q)
{
	struct slowq_entry *entry;

	hash_clear(&q->by_topic, leave_table, NULL);
	TAILQ_FOREACH(entry, &q->entries, link) {
		entry->known = false;
		entry->older = NULL;
		entry->newer = NULL;
	}
}

/* The policy has changed: there was no table yet, or it is not needed any more. */
static void table_follow(struct slowq *q, const struct slowq_limits *limits)
{
	struct slowq_entry *entry;

	if (limits->policy == SLOWQ_CONFLATE && !q->by_topic.buckets)
		TAILQ_FOREACH(entry, &q->entries, link)
			table_add(q, entry);
	else if (limits->policy != SLOWQ_CONFLATE && q->by_topic.buckets)
		table_clear(q);
}

/* The queue */

static void entry_del(struct slowq *q, struct slowq_entry *entry)
{
	table_del(q, entry);
	TAILQ_REMOVE(&q->entries, entry, link);
	q->bytes -= entry->charge;
	q->messages--;
	outq_clear(&entry->packet);
	free(entry);
}

static void entry_add(struct slowq *q, struct slowq_entry *entry, struct slowq_entry *before)
{
	if (before)
		TAILQ_INSERT_BEFORE(before, entry, link);
	else
		TAILQ_INSERT_TAIL(&q->entries, entry, link);
	q->bytes += entry->charge;
	q->messages++;
}

static bool above(const struct slowq *q, const struct slowq_limits *limits, size_t bytes,
		  unsigned int messages)
{
	return limits->beside + q->bytes > bytes || (limits->messages && q->messages > messages);
}

/* Would it be too much if it were all? */
static bool hopeless(const struct slowq_limits *limits, size_t charge)
{
	return limits->beside + charge > limits->bytes;
}

/*
 * In the place of the newest one with this topic, so that one that is often published
 * has its turn as well; older ones go.
 */
static void conflate(struct slowq *q, struct slowq_entry *entry, struct slowq_drops *drops)
{
	struct slowq_entry *old = find_newest(q, entry), *older;

	entry_add(q, entry, old);
	for (; old; old = older) {
		older = old->older;
		entry_del(q, old);
		drops->conflated++;
	}
}

static void drop_old(struct slowq *q, const struct slowq_limits *limits,
		     const struct slowq_entry *but, struct slowq_drops *drops)
{
	struct slowq_entry *entry;

	while (above(q, limits, limits->bytes, limits->messages)) {
		entry = TAILQ_FIRST(&q->entries);
		if (entry == but)
			entry = TAILQ_NEXT(entry, link);
		if (!entry)
			break;
		entry_del(q, entry);
		drops->old++;
	}
}

static bool too_long(const struct slowq *q, const struct slowq_limits *limits, size_t charge)
{
	if (limits->messages && q->messages >= limits->messages)
		return true;
	return limits->beside + q->bytes + charge > limits->bytes;
}

static bool marked(const struct slowq *q, const struct slowq_limits *limits, size_t charge)
{
	if (limits->messages && q->messages >= slowq_mark(limits->messages))
		return true;
	return limits->beside + q->bytes + charge > slowq_mark(limits->bytes);
}

static struct slowq_entry *entry_new(struct outq *packet)
{
	struct slowq_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->charge = slowq_charge(packet);
	outq_join(&entry->packet, packet);
	find_topic(entry);
	return entry;
}

int slowq_add(struct slowq *q, const struct slowq_limits *limits, struct outq *packet,
	      struct slowq_drops *drops)
{
	size_t charge = slowq_charge(packet);
	struct slowq_entry *entry;

	*drops = (struct slowq_drops){};
	if (hopeless(limits, charge) ||
	    (limits->policy == SLOWQ_KEEP && too_long(q, limits, charge)))
		return -ENOBUFS;
	entry = entry_new(packet);
	if (!entry)
		return -ENOMEM;
	table_follow(q, limits);
	if (limits->policy == SLOWQ_CONFLATE && marked(q, limits, charge))
		conflate(q, entry, drops);
	else
		entry_add(q, entry, NULL);
	if (limits->policy == SLOWQ_CONFLATE)
		table_add(q, entry);
	drop_old(q, limits, entry, drops);
	return 0;
}

void slowq_send(struct slowq *q, struct outq *out, size_t bytes)
{
	struct slowq_entry *entry;
	size_t end = out->bytes + bytes;

	do {
		entry = TAILQ_FIRST(&q->entries);
		if (!entry)
			return;
		if (entry->packet.bytes > COPY_MAX || outq_merge(out, &entry->packet))
			outq_join(out, &entry->packet);
		entry_del(q, entry);
	} while (out->bytes < end);
}

void slowq_clear(struct slowq *q)
{
	struct slowq_entry *entry;

	table_clear(q);
	while ((entry = TAILQ_FIRST(&q->entries)))
		entry_del(q, entry);
}
