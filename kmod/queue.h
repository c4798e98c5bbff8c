/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A FIFO of messages, each with the id of the peer that it is for.
 */
#ifndef _MQTT_QUEUE_H
#define _MQTT_QUEUE_H

#include <linux/rbtree.h>
#include <linux/types.h>

#include "memory.h"

struct mqtt_msg;

#define MQTT_QUEUE_CHUNK_MSGS	40

/* An entry that the one in front of it pays for; it is the same message. */
#define MQTT_QUEUE_UNCHARGED	BIT(31)
/* An entry that is a struct mqtt_queue_node and not a message. */
#define MQTT_QUEUE_NODE		1UL

/**
 * struct mqtt_queue_chunk - a piece of a queue
 * @next: newer one
 * @prev: older one
 * @head: where it is emptied
 * @tail: where it is filled
 * @msg: messages, or tagged nodes, see mqtt_queue_untag()
 * @peer: ids, and MQTT_QUEUE_UNCHARGED
 */
struct mqtt_queue_chunk {
	struct mqtt_queue_chunk *next;
	struct mqtt_queue_chunk *prev;
	u32 head;
	u32 tail;
	struct mqtt_msg *msg[MQTT_QUEUE_CHUNK_MSGS];
	u32 peer[MQTT_QUEUE_CHUNK_MSGS];
};

/**
 * struct mqtt_queue_node - a message that can be found by its topic
 * @rb: in the queue's index, if @gen is the index's
 * @hash: of the topic
 * @msg: message
 * @gen: which index it was put into
 */
struct mqtt_queue_node {
	struct rb_node rb;
	u64 hash;
	struct mqtt_msg *msg;
	u32 gen;
};

/**
 * struct mqtt_queue_index - the newest message of each topic, see conflate.c
 * @root: nodes by their hashes
 * @cursor: newest chunk of those that have not been looked at, or NULL
 * @gen: changes when all nodes are forgotten; 0 is never in use
 * @nodes: how many the queue holds, forgotten ones too
 * @active: messages that come are put into it
 */
struct mqtt_queue_index {
	struct rb_root root;
	struct mqtt_queue_chunk *cursor;
	u32 gen;
	u32 nodes;
	bool active;
};

/**
 * struct mqtt_queue - a queue
 * @first: oldest chunk, the one that is emptied
 * @last: newest chunk, the one that is filled
 * @bytes: memory charged to it: messages, chunks and nodes
 * @allowed: bytes that it may hold without asking @memory
 * @memory: what it has reserved from, or NULL: no need to
 * @entries: how many, marks included
 * @packets: packets in the messages
 * @index: of its topics
 *
 * Locking is its owner's. An entry may be a mark, which has no message.
 */
struct mqtt_queue {
	struct mqtt_queue_chunk *first;
	struct mqtt_queue_chunk *last;
	u64 bytes;
	u64 allowed;
	struct mqtt_memory *memory;
	u32 entries;
	u32 packets;
	struct mqtt_queue_index index;
};

/* A place in a queue; valid as long as nothing is removed. */
struct mqtt_queue_pos {
	struct mqtt_queue_chunk *chunk;
	u32 i;
};

/*
 * How long a queue is, read without its lock: a moment later it is longer or shorter
 * anyway. Whoever has made it longer looks for somebody to send, or to wake, after
 * that. The writers are under the lock and on the way of each message, and use plain
 * stores: of a word, which is not written in parts. Of a 32-bit machine a u64 is two
 * words, of which the upper one changes at 4 GiB: who looks at that moment may see
 * 4 GiB more or less, once.
 */
#define mqtt_queue_hint(member)	data_race(READ_ONCE(member))

int mqtt_queue_push(struct mqtt_queue *queue, struct mqtt_msg *msg, u32 peer, u64 limit);
int mqtt_queue_push_shared(struct mqtt_queue *queue, struct mqtt_msg *msg, u32 peer, u64 limit);
void mqtt_queue_pop(struct mqtt_queue *queue);
void mqtt_queue_remove(struct mqtt_queue *queue, u32 n);
void mqtt_queue_splice(struct mqtt_queue *to, struct mqtt_queue *from);
u32 mqtt_queue_purge(struct mqtt_queue *queue);
void mqtt_queue_cut(struct mqtt_queue *rest, struct mqtt_queue *queue, u32 keep);
struct mqtt_queue_chunk *mqtt_queue_behead(struct mqtt_queue *queue);
void mqtt_queue_take(struct mqtt_queue *to, struct mqtt_queue *from);

/* For conflate.c and policy.c */
void mqtt_queue_trim(struct mqtt_queue *queue);
int mqtt_queue_fits(struct mqtt_queue *queue, u64 need, u64 limit);
int mqtt_queue_append(struct mqtt_queue *queue, struct mqtt_msg *entry, u32 peer, u64 need,
		      u64 limit);
void mqtt_queue_exchange(struct mqtt_queue *queue, struct mqtt_msg **place,
			 struct mqtt_msg *msg);
void mqtt_queue_unlink(struct mqtt_queue *queue, struct mqtt_queue_chunk *chunk);
void mqtt_queue_release(struct mqtt_queue *queue, struct mqtt_msg *entry, bool charged);

static inline void mqtt_queue_init(struct mqtt_queue *queue, struct mqtt_memory *memory)
{
	*queue = (struct mqtt_queue){ .allowed = MQTT_MEMORY_QUANTUM, .memory = memory };
}

static inline bool mqtt_queue_is_node(const struct mqtt_msg *entry)
{
	return (unsigned long)entry & MQTT_QUEUE_NODE;
}

static inline struct mqtt_queue_node *mqtt_queue_node(const struct mqtt_msg *entry)
{
	return (struct mqtt_queue_node *)((unsigned long)entry & ~MQTT_QUEUE_NODE);
}

/* The message of an entry */
static inline struct mqtt_msg *mqtt_queue_untag(struct mqtt_msg *entry)
{
	return unlikely(mqtt_queue_is_node(entry)) ? mqtt_queue_node(entry)->msg : entry;
}

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
	return mqtt_queue_untag(pos->chunk->msg[pos->i]);
}

/* The first entry's message; there is one. */
static inline struct mqtt_msg *mqtt_queue_first(const struct mqtt_queue *queue)
{
	return mqtt_queue_untag(queue->first->msg[queue->first->head]);
}

static inline u32 mqtt_queue_peer(const struct mqtt_queue_pos *pos)
{
	return pos->chunk->peer[pos->i] & ~MQTT_QUEUE_UNCHARGED;
}

#endif /* _MQTT_QUEUE_H */
