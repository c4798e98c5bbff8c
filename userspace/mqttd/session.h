/* SPDX-License-Identifier: MIT */
/*
 * Sessions: what belongs to a client id, MQTT 5.0 4.1. A session begins with a
 * connection, and ends with it or its expiry interval later.
 *
 * There is one live session per client id, and at most one connection has it.
 * Another one that asks for the id becomes the heir: the owner is told to close,
 * and once its worker has done so the heir is told to ask again.
 *
 * Who may touch what when is said on top of session.c.
 */
#ifndef MQTTD_SESSION_H
#define MQTTD_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "delivery.h"
#include "hash.h"
#include "session_registry.h"
#include "timer.h"

struct broker;
struct client;
struct config;
struct packet_ids;
struct session_queue;
struct store_session;
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
	DROP_DENIED,		/* the client may not read it */
	DROP_COUNT
};

/* Kinds of subscriptions that the kernel's router knows nothing of */
enum sub_kind {
	SUB_WITH_ID,		/* a subscription identifier */
	SUB_AS_PUBLISHED,	/* retain-as-published */
	SUB_QOS,		/* QoS 1 or 2 */
	SUB_KIND_COUNT
};

/* Session expiry interval that never passes */
#define SESSION_NEVER	UINT32_MAX

/**
 * struct session_will - will of a connection, MQTT 5.0 3.1.2.5
 * @msg: a reference; its @expires is the message expiry interval in milliseconds,
 *	which begins when it is published
 * @at: when it is published, milliseconds of CLOCK_MONOTONIC; 0 while there is
 *	a connection
 * @delay: seconds between the connection's end and publishing
 * @retain: it is to be retained
 * @endpoint: the listener that its client came by; NULL: not known any more
 */
struct session_will {
	struct stored *msg;
	const struct endpoint *endpoint;
	u64 at;
	u32 delay;
	bool retain;
};

/**
 * struct session_history - for the operator
 * @ended_at: when the last connection ended, milliseconds of CLOCK_MONOTONIC; 0: never
 * @connections: that the session has had
 * @takeovers: of these those that the next one ended
 * @not_reading: messages at QoS 0 that were dropped as the client does not read; its
 *	worker's, as are the next ones
 * @old: of these those that were in its queue, for newer ones
 * @conflated: likewise, for one with the same topic
 * @above_rate: messages of the client's that were dropped, above its rate
 * @last_end: enum close_reason of the last connection
 */
struct session_history {
	u64 ended_at;
	u32 connections;
	u32 takeovers;
	u32 not_reading;
	u32 old;
	u32 conflated;
	u32 above_rate;
	u8 last_end;
};

/**
 * struct session - state of a client id
 * @broker: constant
 * @id: client id, terminated; constant
 * @username: who it is, or NULL
 * @client: connection that messages are for, NULL: none; read under RCU
 * @owner: connection that has the session, whether CONNACK was sent or not
 * @heir: connection that waits for the end of @owner
 * @subs: subscriptions, by their place in the trie
 * @sub_kinds: how many of @subs, but for those of groups, are of which enum sub_kind;
 *	under the route table's lock, and read by the owner's worker
 * @node: in the registry
 * @timer: in the registry while there is no owner: the session's end, or its
 *	will's time
 * @lock: see session.c
 * @queue: messages for it, NULL until there is one
 * @incoming: packet identifiers of QoS 2 that PUBREL has not come for; NULL
 *	until there is one
 * @will: not yet published, or NULL
 * @key: in the store; 0: it is not kept there; constant
 * @ends: when it does, milliseconds of CLOCK_MONOTONIC; 0: while there is an
 *	owner, or never
 * @expiry: session expiry interval in seconds
 * @drops: messages that it did not get, by enum session_drop
 * @window: messages that may be in flight to @client; 0 without one
 * @protocol: enum mqtt_protocol of the last connection
 * @history: with the registry locked
 * @dead: it has ended; under @lock, and read by who can do without
 * @doomed: it ends with its connection, whatever its expiry interval
 * @owned: it is @username's, or NULL's who is anonymous; with the registry locked
 * @kept: the agent has its subscriptions, see session_kept.h
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
	u32 sub_kinds[SUB_KIND_COUNT];
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
	struct session_history history;
	u16 window;
	u8 protocol;
	bool dead;
	bool doomed;
	bool owned;
	bool kept;
	struct rcu_head rcu;
	u64 stamps[];
};

/**
 * session_claim() - a connection wants the session of its client id
 * @client: without a session; @id, @username, @terms and @will are known
 * @ticket: result: change that has to be durable before CONNACK, or 0
 *
 * Without a clean start it gets the session that is there, and
 * @client->terms.session_present says so. On success and on -EINPROGRESS
 * session_leave() is to be called in the end; the will is the session's then.
 *
 * Return: 0; -EINPROGRESS if @client is to claim it again when NOTICE_READY
 * comes; -ESTALE: a connection with a later CONNECT was faster; -EPERM: the session is
 * somebody else's; -ENOMEM.
 */
int session_claim(struct client *client, u64 *ticket);

/* CONNACK was queued: messages can come, and what was not acknowledged is sent again. */
void session_online(struct client *client);

/*
 * The connection ends: no messages for it any more; and publishes the will if it
 * is time for that and @client->closing is a reason to.
 */
void session_offline(struct client *client);

/* The connection is closed: the session ends or waits, and an heir can go on. */
void session_leave(struct client *client);

/* As the client wants it, or what persistent_client_expiration leaves of that. */
u32 session_expiry_limit(const struct config *conf, u32 asked);

/* DISCONNECT has changed the session expiry interval; by the client's worker. */
void session_set_expiry(struct client *client, u32 expiry);

/* Ends sessions and publishes wills whose time has come. By worker 0, in each round. */
void session_run_timers(struct worker *worker);
/*
 * By session_restore.c, before the workers run: a session as it was, live and without a
 * connection. NULL without memory.
 */
struct session *session_revive(struct broker *broker, u64 key, const struct store_session *row);
void session_store(struct session *session);	/* as it is now; without memory the log says so */
void session_free(struct session *session);	/* that nobody else has */

/* Why messages were dropped, for people. */
const char *session_drop_text(enum session_drop drop);

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

/*
 * How many retained messages may be added to the queue, of those that may wait a part,
 * so that others find room as well; or are there any? Any thread.
 */
unsigned int session_room(struct session *session);
bool session_has_room(struct session *session);

/*
 * Packet identifiers at QoS 2, by the owner's worker; also in the store if the session
 * is kept there. _known(): has its PUBREL still to come? _add(): a PUBLISH has come;
 * 1 if it is new, 0 if it was there already, -ENOMEM. _del(): PUBREL has come, or the
 * PUBLISH was not taken; was it there?
 */
bool session_incoming_known(struct session *session, u16 packet_id);
int session_incoming_add(struct session *session, u16 packet_id);
bool session_incoming_del(struct session *session, u16 packet_id);

#endif /* MQTTD_SESSION_H */
