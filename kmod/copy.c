// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies of a message for receivers that do not get what others get.
 *
 * A copy has the identifiers of all subscriptions of its receiver that match (MQTT 5.0
 * 3.3.4), and RETAIN if one of them wants it. If only one list of subscriptions matches,
 * what a subscription says is all there is to know. Otherwise the receivers that have
 * something special among their subscriptions are written down as their lists are
 * walked, each with what is found, and served at the end:
 *
 *	peer A: RETAIN, last --> id 9 --> id 7		peer B: last --> id 7
 *
 * There are 32 places per CPU, and more are allocated. Where an entry is, is in the
 * place where the peer remembers the last message (struct mqtt_peer's @stamps): a
 * number of the message's own means that it has been served, a higher one the
 * entry. A message uses up as many numbers as it has entries, so what is there from
 * earlier ones is lower.
 *
 * Who wants the same gets the same copy; a payload in pages is in all of them.
 */
#include <linux/slab.h>
#include <mqtt/property.h>
#include <mqtt/wire.h>

#include "msg.h"
#include "peer.h"
#include "route_impl.h"
#include "router.h"
#include "translate.h"

/* Entries that need no allocation, of a page, and pages. */
#define MQTT_COPY_FIRST		32
#define MQTT_COPY_PAGE		(PAGE_SIZE / sizeof(struct mqtt_copy_entry))
#define MQTT_COPY_PAGES		(PAGE_SIZE / sizeof(struct mqtt_copy_entry *))
/* An identifier as a property */
#define MQTT_COPY_ID_MAX	(1 + MQTT_VARINT_BYTES_MAX)
#define MQTT_COPY_IDS_STACK	64
/* All packets of a train have at most so many bytes of identifiers together. */
#define MQTT_COPY_TRAIN_IDS	8192
/* As much work as a receiver: to write so many bytes of identifiers. */
#define MQTT_COPY_COST_BYTES	1024

/* Bits of struct mqtt_copy_entry.flags */
#define MQTT_COPY_RETAIN	0x1u
#define MQTT_COPY_NO_MEMORY	0x2u	/* an identifier is missing */

/**
 * struct mqtt_copy_entry - a receiver, or an identifier
 * @peer: which; NULL: this is an identifier
 * @last: of a receiver: its last identifier, 1 more than the index; 0: none
 * @flags: of a receiver
 * @id: of an identifier: it
 * @before: of an identifier: the one before it, 1 more than the index; 0: none
 */
struct mqtt_copy_entry {
	struct mqtt_peer *peer;
	union {
		u32 last;
		u32 id;
	};
	union {
		u32 flags;
		u32 before;
	};
};

/* Whoever uses it has bottom halves off. */
struct mqtt_copy_memory {
	struct mqtt_copy_entry first[MQTT_COPY_FIRST];
	struct mqtt_copy_entry **pages;
};

static DEFINE_PER_CPU(struct mqtt_copy_memory, mqtt_copy_memory);

/* Entries */

static struct mqtt_copy_entry *mqtt_copy_entry(u32 i)
{
	struct mqtt_copy_memory *memory = this_cpu_ptr(&mqtt_copy_memory);

	if (likely(i < MQTT_COPY_FIRST))
		return &memory->first[i];
	i -= MQTT_COPY_FIRST;
	return &memory->pages[i / MQTT_COPY_PAGE][i % MQTT_COPY_PAGE];
}

/* Is there a place for entry @i, the first one that there was none for? */
static bool mqtt_copy_grow(u32 i)
{
	struct mqtt_copy_memory *memory = this_cpu_ptr(&mqtt_copy_memory);
	struct mqtt_copy_entry **page;

	if (i < MQTT_COPY_FIRST || (i - MQTT_COPY_FIRST) % MQTT_COPY_PAGE)
		return true;
	if (i >= MQTT_COPY_FIRST + MQTT_COPY_PAGES * MQTT_COPY_PAGE)
		return false;
	if (!memory->pages)
		memory->pages = kmalloc(PAGE_SIZE, MQTT_MSG_GFP);
	if (!memory->pages)
		return false;
	page = &memory->pages[(i - MQTT_COPY_FIRST) / MQTT_COPY_PAGE];
	*page = kmalloc(PAGE_SIZE, MQTT_MSG_GFP);
	return *page;
}

static void mqtt_copy_shrink(u32 n)
{
	struct mqtt_copy_memory *memory = this_cpu_ptr(&mqtt_copy_memory);
	u32 i, pages = n > MQTT_COPY_FIRST ? DIV_ROUND_UP(n - MQTT_COPY_FIRST, MQTT_COPY_PAGE) : 0;

	for (i = 0; i < pages; i++)
		kfree(memory->pages[i]);
	kfree(memory->pages);
	memory->pages = NULL;
}

static struct mqtt_copy_entry *mqtt_copy_entry_new(struct mqtt_copies *copies)
{
	if (unlikely(!mqtt_copy_grow(copies->n)))
		return NULL;
	return mqtt_copy_entry(copies->n++);
}

/* The receiver's entry, or NULL if it has been served or lost its message. */
static struct mqtt_copy_entry *mqtt_copy_find(struct mqtt_route *route, struct mqtt_peer *peer)
{
	u64 *stamp = &peer->stamps[smp_processor_id()];
	struct mqtt_copy_entry *entry;

	if (*stamp > route->stamp)
		return mqtt_copy_entry(*stamp - route->stamp - 1);
	if (*stamp == route->stamp)
		return NULL;
	route->receivers++;
	*stamp = route->stamp;
	entry = mqtt_copy_entry_new(&route->copies);
	if (unlikely(!entry)) {
		mqtt_route_give(route, peer, NULL, route->in->msg->packets);
		return NULL;
	}
	*stamp += route->copies.n;
	*entry = (struct mqtt_copy_entry){ .peer = peer };
	return entry;
}

/**
 * mqtt_copy_note() - write down what a subscription wants
 * @route: message; several lists match
 * @peer: whose subscription it is
 * @how: what it says
 */
void mqtt_copy_note(struct mqtt_route *route, struct mqtt_peer *peer, u32 how)
{
	struct mqtt_copy_entry *entry = mqtt_copy_find(route, peer), *id;

	if (!entry)
		return;
	if (how & MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED)
		entry->flags |= MQTT_COPY_RETAIN;
	if (!mqtt_sub_id(how))
		return;
	id = mqtt_copy_entry_new(&route->copies);
	if (unlikely(!id)) {
		entry->flags |= MQTT_COPY_NO_MEMORY;
		return;
	}
	*id = (struct mqtt_copy_entry){ .id = mqtt_sub_id(how), .before = entry->last };
	entry->last = route->copies.n;
}

/* Copies */

static struct mqtt_copy *mqtt_copy_kept(struct mqtt_route *route, const struct mqtt_rewrite *how)
{
	bool v5 = how->protocol == MQTT_PROTOCOL_V5;
	struct mqtt_copies *copies = &route->copies;
	struct mqtt_copy *copy;

	for (copy = copies->kept; copy < copies->kept + copies->nr_kept; copy++)
		if (copy->v5 == v5 && copy->retain == how->retain &&
		    copy->ids_len == how->more_len &&
		    !memcmp(copy->ids, how->more, how->more_len))
			return copy;
	return NULL;
}

/* Takes the reference. */
static void mqtt_copy_keep(struct mqtt_route *route, const struct mqtt_rewrite *how,
			   struct mqtt_msg *msg)
{
	struct mqtt_copies *copies = &route->copies;
	struct mqtt_copy *copy = &copies->kept[copies->next];

	if (copies->nr_kept == MQTT_COPIES_KEPT)
		mqtt_route_put(route, copy->msg);
	else
		copies->nr_kept++;
	copies->next = (copies->next + 1) % MQTT_COPIES_KEPT;
	copy->msg = msg;
	copy->v5 = how->protocol == MQTT_PROTOCOL_V5;
	copy->retain = how->retain;
	copy->ids_len = how->more_len;
	if (how->more_len)
		memcpy(copy->ids, how->more, how->more_len);
}

static struct mqtt_msg *mqtt_copy_write(struct mqtt_route *route, const struct mqtt_rewrite *how)
{
	const struct mqtt_publication *in = route->in;
	struct mqtt_msg *msg;

	route->cost += MQTT_ROUTE_WRITE_COST + how->more_len / MQTT_COPY_COST_BYTES;
	msg = mqtt_rewrite(in->msg, in->pub, how, MQTT_MSG_GFP);
	if (msg && !mqtt_framed_alike(in->msg->protocol, how->protocol))
		mqtt_stats_add(route->router->stats, MQTT_A_STATS_TRANSLATED, msg->packets);
	return msg;
}

/* Returns whether it is queued. */
static bool mqtt_copy_send(struct mqtt_route *route, struct mqtt_peer *peer,
			   struct mqtt_rewrite *how)
{
	u32 packets = route->in->msg->packets;
	struct mqtt_copy *copy;
	struct mqtt_msg *msg;
	bool queued;

	how->protocol = peer->protocol;
	if (peer->protocol != MQTT_PROTOCOL_V5)
		how->more_len = 0;
	if (how->step > 1)
		packets = (packets - how->first + how->step - 1) / how->step;
	else if (!how->more_len && !how->retain)
		return mqtt_route_plain(route, peer);

	copy = how->step > 1 ? NULL : mqtt_copy_kept(route, how);
	if (copy)
		return mqtt_route_give(route, peer, copy->msg, packets);
	msg = mqtt_copy_write(route, how);
	queued = mqtt_route_give(route, peer, msg, packets);
	if (msg && how->step <= 1 && how->more_len <= MQTT_COPY_IDS_KEPT)
		mqtt_copy_keep(route, how, msg);
	else if (msg)
		mqtt_route_put(route, msg);
	return queued;
}

/*
 * The packets of a train one by one: all of them, with very many identifiers each, would
 * be more than can be had in one piece in softirq.
 */
static void mqtt_copy_send_each(struct mqtt_route *route, struct mqtt_peer *peer,
				struct mqtt_rewrite *how)
{
	how->step = route->in->msg->packets;
	for (how->first = 0; how->first < how->step; how->first++)
		mqtt_copy_send(route, peer, how);
}

static u32 mqtt_copy_put_id(u8 *p, u32 id)
{
	p[0] = MQTT_PROP_SUBSCRIPTION_IDENTIFIER;
	return 1 + mqtt_varint_write(p + 1, id);
}

static bool mqtt_copy_wants_retain(const struct mqtt_route *route, u32 how)
{
	return route->in->msg->retain && how & MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED;
}

/**
 * mqtt_copy_give_part() - give a peer what one subscription says
 * @route: message
 * @peer: receiver
 * @how: what its subscription says
 * @part: which packets of a train it is to get: every @parts-th one, from this on
 * @parts: 1: all of it
 *
 * Return: true if it is queued; else that is counted.
 */
bool mqtt_copy_give_part(struct mqtt_route *route, struct mqtt_peer *peer, u32 how, u32 part,
			 u32 parts)
{
	u8 ids[MQTT_COPY_ID_MAX];
	struct mqtt_rewrite rewrite = {
		.more = ids,
		.retain = mqtt_copy_wants_retain(route, how),
		.first = part,
		.step = parts,
	};

	if (mqtt_sub_id(how))
		rewrite.more_len = mqtt_copy_put_id(ids, mqtt_sub_id(how));
	return mqtt_copy_send(route, peer, &rewrite);
}

/**
 * mqtt_copy_give() - likewise, all of the message
 * @route: message; of the peer nothing else matches
 * @peer: receiver
 * @how: what its subscription says
 *
 * Return: likewise.
 */
bool mqtt_copy_give(struct mqtt_route *route, struct mqtt_peer *peer, u32 how)
{
	return mqtt_copy_give_part(route, peer, how, 0, 1);
}

/* The identifiers of a receiver as properties, in the order in which they were found. */

static u32 mqtt_copy_ids_len(const struct mqtt_copy_entry *entry)
{
	u32 at, len = 0;

	for (at = entry->last; at; at = mqtt_copy_entry(at - 1)->before)
		len += 1 + mqtt_varint_size(mqtt_copy_entry(at - 1)->id);
	return len;
}

static void mqtt_copy_put_ids(u8 *p, u32 len, const struct mqtt_copy_entry *entry)
{
	const struct mqtt_copy_entry *id;
	u32 at;

	for (at = entry->last; at; at = id->before) {
		id = mqtt_copy_entry(at - 1);
		len -= 1 + mqtt_varint_size(id->id);
		mqtt_copy_put_id(p + len, id->id);
	}
}

static void mqtt_copy_deliver(struct mqtt_route *route, const struct mqtt_copy_entry *entry)
{
	u32 len = mqtt_copy_ids_len(entry), packets = route->in->msg->packets;
	u8 few[MQTT_COPY_IDS_STACK], *ids = few;
	struct mqtt_rewrite how = {
		.more_len = len,
		.retain = route->in->msg->retain && entry->flags & MQTT_COPY_RETAIN,
	};

	if (unlikely(len > sizeof(few)))
		ids = kmalloc(len, MQTT_MSG_GFP);
	if (unlikely(!ids || entry->flags & MQTT_COPY_NO_MEMORY)) {
		mqtt_route_give(route, entry->peer, NULL, packets);
	} else {
		mqtt_copy_put_ids(ids, len, entry);
		how.more = ids;
		if (unlikely(packets > 1 && len * packets > MQTT_COPY_TRAIN_IDS))
			mqtt_copy_send_each(route, entry->peer, &how);
		else
			mqtt_copy_send(route, entry->peer, &how);
	}
	if (ids != few)
		kfree(ids);
}

/**
 * mqtt_copies_deliver() - all lists have been walked
 * @route: message
 *
 * Serves all who were written down, and lets go of copies.
 */
void mqtt_copies_deliver(struct mqtt_route *route)
{
	struct mqtt_copies *copies = &route->copies;
	const struct mqtt_copy_entry *entry;
	u32 i;

	for (i = 0; i < copies->n; i++) {
		entry = mqtt_copy_entry(i);
		if (entry->peer)
			mqtt_copy_deliver(route, entry);
	}
	/* With just as many there may be a place for pages, and no page. */
	if (unlikely(copies->n >= MQTT_COPY_FIRST))
		mqtt_copy_shrink(copies->n);
	while (copies->nr_kept)
		mqtt_route_put(route, copies->kept[--copies->nr_kept].msg);
}
