/* SPDX-License-Identifier: MIT */
/*
 * Messages of one session on their way to its client, MQTT 5.0 4.4 and 4.9.
 *
 *   waiting ──identifier──> chosen ──sent──> in flight ──acknowledged──>
 *                              ^                 │
 *                              └─connection lost─┘
 *
 * Each list is in the order in which messages are sent, PUBREL as its PUBREC came.
 * Chosen and in flight together are bounded by the window: the client's Receive Maximum,
 * max_inflight_messages and max_inflight_bytes. A message at QoS 0 goes the same
 * way, without packet identifier and window, and is forgotten when it was sent.
 *
 * What a session in the store does here it does there as well: what is chosen
 * at QoS 2 is sent only after the choice is on the disk, or after a crash the
 * message would be sent with another packet identifier, as another message.
 *
 * Everything here is under the session's lock.
 */
#ifndef MQTTD_SESSION_QUEUE_H
#define MQTTD_SESSION_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <linux/types.h>

#include "delivery.h"
#include "hash.h"

struct session;
struct store;
struct store_entry;
struct stored;

/* In the store: only added to. */
enum entry_state {
	ENTRY_WAITING,		/* no packet identifier yet */
	ENTRY_CHOSEN,		/* one was chosen: it may have been sent */
	ENTRY_RELEASED,		/* QoS 2: PUBREC has come, PUBCOMP has not */
};

/**
 * struct session_entry - a message in a queue
 * @link: in one of the lists
 * @by_id: by packet identifier, if it has one
 * @msg: a reference
 * @delivery: how; what it points to is behind the entry
 * @seq: place in the queue, its key in the store
 * @ticket: change of the store that has to be durable before it is sent
 * @packet_id: 0 while it has none
 * @state: enum entry_state
 * @sent: it has been, at least once
 * @inflight: it is in that list
 */
struct session_entry {
	TAILQ_ENTRY(session_entry) link;
	struct hash_node by_id;
	struct stored *msg;
	struct delivery delivery;
	u64 seq;
	u64 ticket;
	u16 packet_id;
	u8 state;
	bool sent;
	bool inflight;
};

TAILQ_HEAD(session_list, session_entry);

/**
 * struct session_queue - all of them
 * @waiting: no packet identifier yet
 * @chosen: to be sent, for the first time or again
 * @inflight: sent over the connection at hand
 * @by_id: @chosen and @inflight but for QoS 0
 * @n_waiting: how many
 * @n_inflight: how many
 * @waiting_bytes: stored_size() of all in @waiting
 * @window_bytes: likewise of those with a packet identifier
 * @last_seq: of the last entry
 * @last_id: packet identifier that was chosen last
 * @notified: the client's worker has been told to look
 */
struct session_queue {
	struct session_list waiting;
	struct session_list chosen;
	struct session_list inflight;
	struct hash_table by_id;
	unsigned int n_waiting;
	unsigned int n_inflight;
	size_t waiting_bytes;
	size_t window_bytes;
	u64 last_seq;
	u16 last_id;
	bool notified;
};

/* An entry of the caller's, with a reference to @msg; NULL without memory. */
struct session_entry *queue_entry_new(struct stored *msg, const struct delivery *delivery);
void queue_entry_free(struct session_entry *entry);

/*
 * Takes @entry: 0; or leaves it: -ENOBUFS above a limit, or -ENOMEM; both have been
 * counted in @session->drops.
 */
int queue_add(struct session *session, struct session_entry *entry);

/* From the store, as it was: 0 or -ENOMEM. Takes a reference to @msg. */
int queue_restore(struct session *session, struct stored *msg, const struct store_entry *row);

/**
 * queue_next() - what is to be sent now
 * @session: with a connection
 * @committed: store_committed()
 * @next: result: the entry, which is in flight from now on, or NULL
 * @ticket: result: there is something to be sent when this change is durable, or 0
 *
 * Return: 0; -ENOMEM: there is none, but there would be.
 */
int queue_next(struct session *session, u64 committed, struct session_entry **next, u64 *ticket);

/* It was not sent after all, or has no acknowledgement: forgets and frees it. */
void queue_drop(struct session *session, struct session_entry *entry);

/* So many retained messages may be added that none of them is above a limit of the session. */
unsigned int queue_room(const struct session *session);

/* The entry that this packet identifier belongs to and that may have been sent, or NULL. */
struct session_entry *queue_find(const struct session *session, u16 packet_id);

/* PUBREC has come. Returns the change that has to be durable before PUBREL is sent. */
u64 queue_release(struct session *session, struct session_entry *entry);

/* A connection has come: what was in flight over the last one is to be sent again. */
void queue_rewind(struct session *session);

/* Without a connection: gives back the memory of a queue that has nothing in it. */
void queue_trim(struct session *session);

/* Takes the queue from a session that ends; @session->queue is NULL then. */
struct session_queue *queue_take(struct session *session);
/* Its first entry, for the caller; NULL: there is none, and @queue is freed. */
struct session_entry *queue_empty(struct session_queue *queue);

#endif /* MQTTD_SESSION_QUEUE_H */
