/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A FIFO of messages, each with the id of the peer that it is for.
 */
#ifndef _MQTT_QUEUE_H
#define _MQTT_QUEUE_H

#include <linux/types.h>

struct mqtt_msg;

#define MQTT_QUEUE_CHUNK_MSGS	40

/* A piece of a queue: filled at @tail, emptied at @head. */
struct mqtt_queue_chunk {
	struct mqtt_queue_chunk *next;
	u32 head;
	u32 tail;
	struct mqtt_msg *msg[MQTT_QUEUE_CHUNK_MSGS];
	u32 peer[MQTT_QUEUE_CHUNK_MSGS];
};

/**
 * struct mqtt_queue - a queue; zeroed it is empty
 * @first: oldest chunk, the one that is emptied
 * @last: newest chunk, the one that is filled
 * @bytes: memory charged to it, messages and chunks
 * @entries: how many, marks included
 * @packets: packets in the messages
 *
 * Locking is its owner's. An entry may be a mark, which has no message.
 */
struct mqtt_queue {
	struct mqtt_queue_chunk *first;
	struct mqtt_queue_chunk *last;
	u64 bytes;
	u32 entries;
	u32 packets;
};

/* A place in a queue; valid as long as nothing is popped. */
struct mqtt_queue_pos {
	const struct mqtt_queue_chunk *chunk;
	u32 i;
};

int mqtt_queue_push(struct mqtt_queue *queue, struct mqtt_msg *msg, u32 peer, u64 limit);
void mqtt_queue_pop(struct mqtt_queue *queue);
void mqtt_queue_splice(struct mqtt_queue *to, struct mqtt_queue *from);
u32 mqtt_queue_purge(struct mqtt_queue *queue);

static inline struct mqtt_queue_pos mqtt_queue_begin(const struct mqtt_queue *queue)
{
	return (struct mqtt_queue_pos){ queue->first, queue->first ? queue->first->head : 0 };
}

/* Steps to an entry if @pos is not at one; returns false behind the last. */
static inline bool mqtt_queue_at(struct mqtt_queue_pos *pos)
{
	while (pos->chunk && pos->i == pos->chunk->tail) {
		pos->chunk = pos->chunk->next;
		pos->i = pos->chunk ? pos->chunk->head : 0;
	}
	return pos->chunk;
}

static inline struct mqtt_msg *mqtt_queue_msg(const struct mqtt_queue_pos *pos)
{
	return pos->chunk->msg[pos->i];
}

/* The first entry's message; there is one. */
static inline struct mqtt_msg *mqtt_queue_first(const struct mqtt_queue *queue)
{
	return queue->first->msg[queue->first->head];
}

static inline u32 mqtt_queue_peer(const struct mqtt_queue_pos *pos)
{
	return pos->chunk->peer[pos->i];
}

#endif /* _MQTT_QUEUE_H */
