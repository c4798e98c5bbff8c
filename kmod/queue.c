// SPDX-License-Identifier: GPL-2.0-only
/*
 * A FIFO of messages in chunks: an entry costs two stores, and a whole queue
 * is put behind another one without touching its entries.
 */
#include <linux/minmax.h>
#include <linux/slab.h>

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

	chunk = kmalloc(sizeof(*chunk), GFP_ATOMIC | __GFP_NOWARN | __GFP_ACCOUNT);
	if (!chunk)
		return false;
	chunk->next = NULL;
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

/* The last entry's message, NULL if it is a mark or there is none */
static const struct mqtt_msg *mqtt_queue_last(const struct mqtt_queue *queue)
{
	return queue->entries ? queue->last->msg[queue->last->tail - 1] : NULL;
}

/* A message for several receivers in a row is charged once. */
static u64 mqtt_queue_charge(const struct mqtt_queue *queue, const struct mqtt_msg *msg)
{
	return msg && msg != mqtt_queue_last(queue) ? msg->truesize : 0;
}

/**
 * mqtt_queue_push() - add an entry
 * @queue: where to
 * @msg: message, of which the queue takes a reference; NULL for a mark
 * @peer: id that goes with it
 * @limit: bytes that the queue may hold, U64_MAX for no limit
 *
 * Context: any; the queue is locked.
 * Return: 0; -ENOBUFS if the limit would be exceeded; -ENOMEM.
 */
int mqtt_queue_push(struct mqtt_queue *queue, struct mqtt_msg *msg, u32 peer, u64 limit)
{
	u64 need = mqtt_queue_charge(queue, msg);
	struct mqtt_queue_chunk *chunk;

	if (mqtt_queue_needs_chunk(queue)) {
		if (queue->bytes + need + sizeof(*chunk) > limit)
			return -ENOBUFS;
		if (!mqtt_queue_grow(queue))
			return -ENOMEM;
	} else if (queue->bytes + need > limit) {
		return -ENOBUFS;
	}
	if (msg) {
		mqtt_msg_hold(msg);
		queue->packets += msg->packets;
	}
	chunk = queue->last;
	chunk->msg[chunk->tail] = msg;
	chunk->peer[chunk->tail++] = peer;
	queue->bytes += need;
	queue->entries++;
	return 0;
}

/* Drop the emptied first chunk, unless it is the only one. */
static void mqtt_queue_advance(struct mqtt_queue *queue)
{
	struct mqtt_queue_chunk *chunk = queue->first;

	if (!chunk->next) {
		chunk->head = 0;
		chunk->tail = 0;
		return;
	}
	queue->first = chunk->next;
	queue->bytes -= sizeof(*chunk);
	kfree(chunk);
}

/**
 * mqtt_queue_pop() - remove the first entry and its reference to the message
 * @queue: queue with at least one entry
 */
void mqtt_queue_pop(struct mqtt_queue *queue)
{
	struct mqtt_queue_chunk *chunk = queue->first;
	struct mqtt_msg *msg = chunk->msg[chunk->head++];

	queue->entries--;
	if (chunk->head == chunk->tail)
		mqtt_queue_advance(queue);
	if (!msg)
		return;
	queue->packets -= msg->packets;
	if (!queue->entries || mqtt_queue_first(queue) != msg)
		queue->bytes -= msg->truesize;
	mqtt_msg_put(msg);
}

/**
 * mqtt_queue_splice() - put all entries of a queue behind another one's
 * @to: the other one
 * @from: becomes empty
 *
 * Nothing is allocated, so it cannot fail; @to may exceed its limit.
 */
void mqtt_queue_splice(struct mqtt_queue *to, struct mqtt_queue *from)
{
	if (!from->entries)
		return;
	if (mqtt_queue_last(to) && mqtt_queue_last(to) == mqtt_queue_first(from))
		from->bytes -= mqtt_queue_last(to)->truesize;
	/* No chunk without entries may stand in front of others. */
	if (to->entries) {
		to->last->next = from->first;
		to->bytes += sizeof(*from->first);
	} else {
		kfree(to->first);
		to->first = from->first;
	}
	to->last = from->last;
	to->bytes += from->bytes;
	to->entries += from->entries;
	to->packets += from->packets;
	*from = (struct mqtt_queue){};
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

	*queue = (struct mqtt_queue){};
	while (chunk) {
		struct mqtt_queue_chunk *next = chunk->next;

		for (; chunk->head < chunk->tail; chunk->head++)
			if (chunk->msg[chunk->head])
				mqtt_msg_put(chunk->msg[chunk->head]);
		kfree(chunk);
		chunk = next;
	}
	return dropped;
}
