/* SPDX-License-Identifier: MIT */
/*
 * Sessions: what belongs to a client id, MQTT 5.0 4.1. A session begins with a
 * connection, and ends with it or its expiry interval later.
 *
 * There is one live session per client id, and at most one connection has it.
 * Another one that asks for the id becomes the heir: the owner is told to close,
 * and once its worker has done so the heir is told to ask again.
 *
 * Who may touch what is said on top of session.c.
 */
#ifndef MQTTD_SESSION_H
#define MQTTD_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/rcupdate.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "delivery.h"
#include "hash.h"
#include "timer.h"

struct broker;
struct client;
struct packet_ids;
struct session_queue;
struct stored;
struct worker;

/* Why a session did not get a message. */
enum session_drop {
	DROP_MESSAGES,		/* max_queued_messages */
	DROP_BYTES,		/* max_queued_bytes */
	DROP_TOTAL,		/* max_queued_bytes_total */
	DROP_MEMORY,
	DROP_EXPIRED,		/* its message expiry interval passed in the queue */
	DROP_TOO_LONG,		/* longer than the client takes */
	DROP_COUNT
};

/* Session expiry interval that never passes */
#define SESSION_NEVER	UINT32_MAX

/**
 * struct session_will - will of a connection, MQTT 5.0 3.1.2.5
 * @msg: a reference
 * @delay: seconds between the connection's end and publishing
 * @retain: it is to be retained
 * @at: when it is published, milliseconds of CLOCK_MONOTONIC; 0 while there is
 *	a connection
 */
struct session_will {
	struct stored *msg;
	u32 delay;
	bool retain;
	u64 at;
};

/**
 * struct session - state of a client id
 * @broker: constant
 * @id: client id, terminated; constant
 * @username: who it is, or NULL
 * @client: connection that messages are for, NULL: none; read under RCU
 * @owner: connection that has the session, CONNACK sent or not
 * @heir: connection that waits for the end of @owner
 * @subs: subscriptions, by their place in the trie
 * @node: in the registry
 * @timer: in the registry, while there is no owner: the session's end, or its
 *	will's time
 * @lock: protects @queue, @incoming, @dead, @drops, and changes of @client
 * @queue: messages for it, NULL until there is one
 * @incoming: packet identifiers of QoS 2 that PUBREL has not come for; NULL
 *	until there is one
 * @will: not yet published, or NULL
 * @key: in the store; 0: it is not kept there
 * @ends: when it does, milliseconds of CLOCK_MONOTONIC; 0: not yet known, or never
 * @expiry: session expiry interval in seconds
 * @drops: messages that it did not get, by enum session_drop
 * @protocol: enum mqtt_protocol of the last connection
 * @dead: it has ended
 * @doomed: it ends with its connection, whatever its expiry interval
 * @rcu: frees it after readers of the trie are done
 * @stamps: by worker: its number among those who get a message, see route.c
 */
struct session {
	struct broker *broker;
	char *id;
	char *username;
	struct client *client;
	struct client *owner;
	struct client *heir;
	struct hash_table subs;
	struct hash_node node;
	struct timer timer;
	pthread_mutex_t lock;
	struct session_queue *queue;
	struct packet_ids *incoming;
	struct session_will *will;
	u64 key;
	u64 ends;
	u32 expiry;
	u32 drops[DROP_COUNT];
	u8 protocol;
	bool dead;
	bool doomed;
	struct rcu_head rcu;
	u64 stamps[];
};

/**
 * struct session_registry - live sessions by client id
 * @lock: protects @by_id, @timers; see session.c for what else
 * @by_id: live sessions
 * @timers: of sessions without a connection
 * @key: client ids come from the network
 * @queued: stored_size() of all that is in queues of all sessions; any thread
 */
struct session_registry {
	pthread_mutex_t lock;
	struct hash_table by_id;
	struct timer_heap timers;
	siphash_key_t key;
	size_t queued;
};

void session_registry_init(struct session_registry *registry);
void session_registry_destroy(struct session_registry *registry);

/**
 * session_claim() - a connection wants a client id
 * @client: without a session
 * @id: client id, copied
 *
 * On success and on -EINPROGRESS session_leave() is to be called in the end.
 *
 * Return: 0; -EINPROGRESS if @client is to wait for NOTICE_READY; -ENOMEM.
 */
int session_claim(struct client *client, const char *id);

/* The connection is closed: an heir can go on. */
void session_leave(struct client *client);

/**
 * session_enqueue() - a message for a session
 * @worker: this thread's
 * @session: under RCU
 * @msg: gets a reference
 * @delivery: how; copied
 *
 * In any QoS; with a connection it is sent once the window allows. Puts it into
 * the store as well if the session is kept there, the message first if it is not there
 * yet. Any worker's thread.
 *
 * Return: 0; -ENOBUFS above the limits, counted; -ENOMEM, counted; -ESHUTDOWN if the
 * session has ended.
 */
int session_enqueue(struct worker *worker, struct session *session, struct stored *msg,
		    const struct delivery *delivery);

/* Sends what the window allows. By the client's worker. */
void session_pump(struct client *client);

/* Is there so much room that a queue for retained messages should go on? Any thread. */
bool session_has_room(struct session *session);

/*
 * QoS 2, by the owner's worker: a PUBLISH with this packet identifier has come:
 * 1 if it is new, 0 if it was there already, -ENOMEM. PUBREL has come, or it
 * was not taken: was it there? Both also in the store if the session is kept there.
 */
int session_incoming_add(struct session *session, u16 packet_id);
bool session_incoming_del(struct session *session, u16 packet_id);

#endif /* MQTTD_SESSION_H */
