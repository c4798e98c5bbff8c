// SPDX-License-Identifier: GPL-2.0-only
/*
 * A FIFO of messages in chunks: an entry costs two stores, and a whole queue
 * is put behind another one without touching its entries.
 */
#include <linux/minmax.h>
#include <linux/slab.h>

#include "conflate.h"
#include "msg.h"
#include "queue.h"

static bool mqtt_queue_needs_chunk(const struct mqtt_queue *queue)
{
	return !queue->last || queue->last->tail == MQTT_QUEUE_CHUNK_MSGS;
}

/* An empty queue keeps its last chunk, which is not charged. */
static bool mqtt_queue_grow(struct mqtt_queue *queue)
{
	struct mqtt_queue_chunk *chunk;

	chunk = kmalloc(sizeof(*chunk), MQTT_MSG_GFP);
	if (!chunk)
		return false;
	chunk->next = NULL;
	chunk->prev = queue->last;
	chunk->head = 0;
	chunk->tail = 0;
	if (queue->last) {
		queue->last->next = chunk;
		queue->bytes += sizeof(*chunk);
	} else {
		queue->first = chunk;
	}
	queue->last = chunk;
	return true;
}

/* May it hold @bytes? Reserves what is missing. */
static bool mqtt_queue_reserve(struct mqtt_queue *queue, u64 bytes)
{
	u64 more = round_up(bytes - queue->allowed, MQTT_MEMORY_QUANTUM);

	if (queue->memory && !mqtt_memory_reserve(queue->memory, more))
		return false;
	queue->allowed += more;
	return true;
}

/**
 * mqtt_queue_trim() - give back what a queue does not need
 * @queue: queue
 *
 * But not what it may need again at once.
 */
void mqtt_queue_trim(struct mqtt_queue *queue)
{
	u64 want = MQTT_MEMORY_QUANTUM;

	if (queue->bytes > MQTT_MEMORY_QUANTUM / 2)
		want = round_up(queue->bytes, MQTT_MEMORY_QUANTUM) + MQTT_MEMORY_QUANTUM;
	if (queue->allowed <= want)
		return;
	if (queue->memory)
		mqtt_memory_give(queue->memory, queue->allowed - want);
	queue->allowed = want;
}

/**
 * mqtt_queue_fits() - may a queue hold more?
 * @queue: queue
 * @need: bytes more
 * @limit: bytes that it may hold, U64_MAX for no limit
 *
 * Context: any; the queue is locked.
 * Return: 0; -ENOBUFS if @limit would be exceeded; -EDQUOT if all queues
 * together hold too much.
 */
int mqtt_queue_fits(struct mqtt_queue *queue, u64 need, u64 limit)
{
	u64 bytes = queue->bytes + need;

	if (bytes > limit)
		return -ENOBUFS;
	if (likely(bytes <= queue->allowed) || mqtt_queue_reserve(queue, bytes))
		return 0;
	return limit == U64_MAX ? 0 : -EDQUOT;
}

/**
 * mqtt_queue_append() - add an entry, as it is
 * @queue: where to
 * @entry: message, node or NULL; its reference is the queue's if this succeeds
 * @peer: id that goes with it, perhaps with MQTT_QUEUE_UNCHARGED
 * @need: bytes that it is charged with
 * @limit: bytes that the queue may hold, U64_MAX for no limit
 *
 * Context: any; the queue is locked.
 * Return: 0; -ENOBUFS, -EDQUOT as mqtt_queue_fits(); -ENOMEM.
 */
int mqtt_queue_append(struct mqtt_queue *queue, struct mqtt_msg *entry, u32 peer, u64 need,
		      u64 limit)
{
	struct mqtt_queue_chunk *chunk;
	int err;

	if (mqtt_queue_needs_chunk(queue)) {
		err = mqtt_queue_fits(queue, need + sizeof(*chunk), limit);
		if (err)
			return err;
		if (!mqtt_queue_grow(queue))
			return -ENOMEM;
	} else {
		err = mqtt_queue_fits(queue, need, limit);
		if (err)
			return err;
	}
	chunk = queue->last;
	chunk->msg[chunk->tail] = entry;
	chunk->peer[chunk->tail++] = peer;
	queue->bytes += need;
	queue->entries++;
	return 0;
}

/**
 * mqtt_queue_push() - add an entry
 * @queue: where to
 * @msg: message, of which the queue takes a reference; NULL for a mark
 * @peer: id that goes with it
 * @limit: bytes that the queue may hold, U64_MAX for no limit
 *
 * Context: any; the queue is locked.
 * Return: 0; -ENOBUFS if the limit would be exceeded; -EDQUOT if the router's
 * would; -ENOMEM.
 */
int mqtt_queue_push(struct mqtt_queue *queue, struct mqtt_msg *msg, u32 peer, u64 limit)
{
	int err = mqtt_queue_append(queue, msg, peer, msg ? msg->truesize : 0, limit);

	if (!err && msg) {
		mqtt_msg_hold(msg);
		queue->packets += msg->packets;
	}
	return err;
}

/* The last entry's message, NULL if it is a mark or there is none */
static const struct mqtt_msg *mqtt_queue_last(const struct mqtt_queue *queue)
{
	return queue->entries ? mqtt_queue_untag(queue->last->msg[queue->last->tail - 1]) : NULL;
}

/**
 * mqtt_queue_push_shared() - add an entry that may be another receiver's copy
 * @queue: where to; none of its entries is replaced or removed but the first
 * @msg: message, of which the queue takes a reference
 * @peer: id that goes with it
 * @limit: bytes that the queue may hold
 *
 * A message for several receivers in a row is charged once.
 *
 * Context: any; the queue is locked.
 * Return: as mqtt_queue_push().
 */
int mqtt_queue_push_shared(struct mqtt_queue *queue, struct mqtt_msg *msg, u32 peer, u64 limit)
{
	int err;

	if (msg != mqtt_queue_last(queue))
		return mqtt_queue_push(queue, msg, peer, limit);
	err = mqtt_queue_append(queue, msg, peer | MQTT_QUEUE_UNCHARGED, 0, limit);
	if (!err) {
		mqtt_msg_hold(msg);
		queue->packets += msg->packets;
	}
	return err;
}

/**
 * mqtt_queue_unlink() - free a chunk that has become empty
 * @queue: whose
 * @chunk: chunk; if it is the only one it stays
 */
void mqtt_queue_unlink(struct mqtt_queue *queue, struct mqtt_queue_chunk *chunk)
{
	if (queue->index.cursor == chunk)
		queue->index.cursor = chunk->prev;
	if (queue->first == queue->last) {
		chunk->head = 0;
		chunk->tail = 0;
		return;
	}
	if (chunk->prev)
		chunk->prev->next = chunk->next;
	else
		queue->first = chunk->next;
	if (chunk->next)
		chunk->next->prev = chunk->prev;
	else
		queue->last = chunk->prev;
	queue->bytes -= sizeof(*chunk);
	kfree(chunk);
}

/**
 * mqtt_queue_release() - let go of an entry that stands in a queue no more
 * @queue: the queue
 * @entry: message, node or NULL
 * @charged: it was paid for
 */
void mqtt_queue_release(struct mqtt_queue *queue, struct mqtt_msg *entry, bool charged)
{
	struct mqtt_msg *msg = mqtt_queue_untag(entry);

	if (unlikely(mqtt_queue_is_node(entry)))
		mqtt_conflate_free(queue, mqtt_queue_node(entry));
	if (!msg)
		return;
	queue->packets -= msg->packets;
	if (charged)
		queue->bytes -= msg->truesize;
	mqtt_msg_put(msg);
}

/* The first entry is gone. Does the one that is first now pay for the same message? */
static bool mqtt_queue_pass_charge(struct mqtt_queue *queue)
{
	u32 *peer;

	if (!queue->entries)
		return false;
	peer = &queue->first->peer[queue->first->head];
	if (likely(!(*peer & MQTT_QUEUE_UNCHARGED)))
		return false;
	*peer &= ~MQTT_QUEUE_UNCHARGED;
	return true;
}

/**
 * mqtt_queue_pop() - remove the first entry and its reference to the message
 * @queue: queue with at least one entry
 */
void mqtt_queue_pop(struct mqtt_queue *queue)
{
	struct mqtt_queue_chunk *chunk = queue->first;
	struct mqtt_msg *entry = chunk->msg[chunk->head++];

	queue->entries--;
	if (chunk->head == chunk->tail)
		mqtt_queue_unlink(queue, chunk);
	mqtt_queue_release(queue, entry, !mqtt_queue_pass_charge(queue));
	if (unlikely(queue->allowed != MQTT_MEMORY_QUANTUM))
		mqtt_queue_trim(queue);
}

/**
 * mqtt_queue_remove() - remove an entry that is not the first
 * @queue: queue of one peer, with more than @n entries
 * @n: how many stand in front of it, which is what it costs: they move
 */
void mqtt_queue_remove(struct mqtt_queue *queue, u32 n)
{
	struct mqtt_queue_chunk *first = queue->first;
	struct mqtt_queue_pos pos = mqtt_queue_begin(queue);
	u32 peer = first->peer[first->head];
	struct mqtt_msg *entry = first->msg[first->head];

	while (n--) {
		pos.i++;
		mqtt_queue_at(&pos);
		swap(pos.chunk->msg[pos.i], entry);
		swap(pos.chunk->peer[pos.i], peer);
	}
	first->msg[first->head] = entry;
	first->peer[first->head] = peer;
	mqtt_queue_pop(queue);
}

/**
 * mqtt_queue_exchange() - put a message in the place of another one
 * @queue: queue of one peer
 * @place: where the other one is: in a chunk, or in a node
 * @msg: message, of which the queue takes a reference; it fits
 */
void mqtt_queue_exchange(struct mqtt_queue *queue, struct mqtt_msg **place,
			 struct mqtt_msg *msg)
{
	struct mqtt_msg *old = *place;

	mqtt_msg_hold(msg);
	*place = msg;
	queue->packets += msg->packets - old->packets;
	queue->bytes += (s64)msg->truesize - old->truesize;
	mqtt_msg_put(old);
}

/**
 * mqtt_queue_splice() - put all entries of a queue behind another one's
 * @to: the other one, of the same router
 * @from: becomes empty
 *
 * Nothing is allocated, so it cannot fail; @to may exceed its limit.
 */
void mqtt_queue_splice(struct mqtt_queue *to, struct mqtt_queue *from)
{
	if (!from->entries)
		return;
	/* No chunk without entries may stand in front of others. */
	if (to->entries) {
		to->last->next = from->first;
		from->first->prev = to->last;
		to->bytes += sizeof(*from->first);
	} else {
		kfree(to->first);
		to->first = from->first;
	}
	to->last = from->last;
	to->bytes += from->bytes;
	to->entries += from->entries;
	to->packets += from->packets;
	to->index.nodes += from->index.nodes;
	to->allowed += from->allowed - MQTT_MEMORY_QUANTUM;
	if (to->bytes > to->allowed) {
		u64 more = round_up(to->bytes - to->allowed, MQTT_MEMORY_QUANTUM);

		if (to->memory)
			mqtt_memory_force(to->memory, more);
		to->allowed += more;
	}
	mqtt_queue_init(from, from->memory);
}

/* An entry of @from counts for @to. */
static void mqtt_queue_account(struct mqtt_queue *to, struct mqtt_queue *from,
			       struct mqtt_msg *entry)
{
	const struct mqtt_msg *msg = mqtt_queue_untag(entry);
	u32 node = mqtt_queue_is_node(entry);
	u32 bytes = msg->truesize + node * sizeof(struct mqtt_queue_node);

	to->entries++;
	to->packets += msg->packets;
	to->bytes += bytes;
	to->index.nodes += node;
	from->packets -= msg->packets;
	from->bytes -= bytes;
	from->index.nodes -= node;
}

/**
 * mqtt_queue_cut() - take everything out of a queue but for its first entries
 * @rest: is set to what was taken out, to be discarded
 * @queue: queue of one peer, without marks
 * @keep: as many stay; not more than there are in the first chunk
 *
 * Nothing is allocated, and it does not take longer for a long queue.
 */
void mqtt_queue_cut(struct mqtt_queue *rest, struct mqtt_queue *queue, u32 keep)
{
	struct mqtt_queue_chunk *first = queue->first;
	u32 i, n = 0;

	mqtt_conflate_end(queue);
	mqtt_queue_take(rest, queue);
	if (!first)
		return;
	/* It has nodes of former indexes. */
	queue->index.gen = rest->index.gen;
	for (i = first->head; i < first->tail; i++, rest->entries--) {
		if (n == keep) {
			mqtt_queue_release(rest, first->msg[i], true);
			continue;
		}
		mqtt_queue_account(queue, rest, first->msg[i]);
		first->msg[n] = first->msg[i];
		first->peer[n++] = first->peer[i];
	}
	rest->first = first->next;
	if (rest->first) {
		rest->first->prev = NULL;
		rest->bytes -= sizeof(*first);
	} else {
		rest->last = NULL;
	}
	first->next = NULL;
	first->head = 0;
	first->tail = n;
	queue->first = first;
	queue->last = first;
	if (queue->bytes <= queue->allowed)
		return;
	/* What was reserved is the rest's until it is freed. */
	i = round_up(queue->bytes - queue->allowed, MQTT_MEMORY_QUANTUM);
	if (queue->memory)
		mqtt_memory_force(queue->memory, i);
	queue->allowed += i;
}

/**
 * mqtt_queue_behead() - empty the first chunk of a long queue
 * @queue: queue that is about to be purged, without an index; its @bytes is not kept
 *
 * Return: the memory of the chunk, the caller's; NULL if there is none behind it, and
 * nothing has happened.
 */
struct mqtt_queue_chunk *mqtt_queue_behead(struct mqtt_queue *queue)
{
	struct mqtt_queue_chunk *chunk = queue->first;

	if (!chunk || !chunk->next)
		return NULL;
	queue->first = chunk->next;
	queue->first->prev = NULL;
	for (; chunk->head < chunk->tail; chunk->head++, queue->entries--)
		mqtt_queue_release(queue, chunk->msg[chunk->head], false);
	return chunk;
}

/**
 * mqtt_queue_take() - take everything out of a queue
 * @to: is set to what it was
 * @from: becomes empty, and can be used again
 */
void mqtt_queue_take(struct mqtt_queue *to, struct mqtt_queue *from)
{
	*to = *from;
	mqtt_queue_init(from, from->memory);
}

/**
 * mqtt_queue_purge() - empty a queue and free all its memory
 * @queue: queue, which can be used again
 *
 * Return: how many packets it had.
 */
u32 mqtt_queue_purge(struct mqtt_queue *queue)
{
	struct mqtt_queue_chunk *chunk = queue->first;
	u32 dropped = queue->packets;

	/* One by one would be to look for each in the index. */
	mqtt_conflate_end(queue);
	while (chunk) {
		struct mqtt_queue_chunk *next = chunk->next;

		for (; chunk->head < chunk->tail; chunk->head++)
			mqtt_queue_release(queue, chunk->msg[chunk->head], false);
		kfree(chunk);
		chunk = next;
	}
	if (queue->memory)
		mqtt_memory_give(queue->memory, queue->allowed - MQTT_MEMORY_QUANTUM);
	mqtt_queue_init(queue, queue->memory);
	return dropped;
}
