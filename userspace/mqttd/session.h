/* SPDX-License-Identifier: MIT */
/*
 * Sessions: what belongs to a client id. For now a session lives as long as
 * its connection.
 *
 * There is one live session per client id. A connection that asks for an id
 * that is in use becomes the heir: the old connection is told to close, and
 * once its worker has done so the heir is told that the id is its own.
 */
#ifndef MQTTD_SESSION_H
#define MQTTD_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/rcupdate.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "hash.h"

struct broker;
struct client;

/**
 * struct session - state of a client id
 * @client: its connection; constant
 * @id: client id, terminated
 * @subs: subscriptions, by their place in the trie; the client's worker's
 * @node: in the registry
 * @heir: session that waits for the end of this one
 * @predecessor: session whose end this one waits for; NULL once it is live
 * @live: it is in the registry, the id is its own
 * @rcu: frees it after readers of the trie are done
 * @stamps: by worker: the last message that it gave to this session
 */
struct session {
	struct client *client;
	char *id;
	struct hash_table subs;
	struct hash_node node;
	struct session *heir;
	struct session *predecessor;
	bool live;
	struct rcu_head rcu;
	u64 stamps[];
};

/**
 * struct session_registry - live sessions by client id
 * @lock: protects @by_id, and @node, @live, @heir, @predecessor of all sessions
 * @by_id: live sessions
 * @key: client ids come from the network
 */
struct session_registry {
	pthread_mutex_t lock;
	struct hash_table by_id;
	siphash_key_t key;
};

void session_registry_init(struct session_registry *registry);
void session_registry_destroy(struct session_registry *registry);

/**
 * session_claim() - a connection wants a client id
 * @client: without a session
 * @id: client id, copied
 *
 * On success and on -EINPROGRESS @client has a session, to be ended by
 * session_leave().
 *
 * Return: 0; -EINPROGRESS if @client is to wait for NOTICE_READY; -ENOMEM.
 */
int session_claim(struct client *client, const char *id);

/* The connection is closed: ends its session, and an heir can go on. */
void session_leave(struct client *client);

/**
 * struct session_filter - one of those in a SUBSCRIBE or UNSUBSCRIBE
 * @filter: topic filter
 * @len: bytes at @filter
 * @options: MQTT_SUB_OPTION_* bits
 * @shared: it is of a shared subscription
 * @code: result: what SUBACK or UNSUBACK of MQTT 5.0 says about it
 * @changed: result: the subscription is new, or has other options than before;
 *	or it is gone
 * @was: result, if @changed: its former options, or -1 if there was none
 */
struct session_filter {
	const u8 *filter;
	size_t len;
	u8 options;
	bool shared;
	u8 code;
	bool changed;
	int was;
};

/* Any reason not to subscribe, for SUBACK of MQTT 3.1.1. */
#define SESSION_SUB_FAILURE 0x80

/*
 * Subscribe to each of @filters, valid by the standard, in all data planes:
 * when it returns later messages are delivered. Sets the codes.
 */
void session_subscribe(struct client *client, struct session_filter *filters, size_t n);
void session_unsubscribe(struct client *client, struct session_filter *filters, size_t n);

/*
 * The client is a new peer of the kernel's router: gives it all subscriptions of
 * the session. Returns 0 or -errno: -EMSGSIZE if it does not take one.
 */
int session_load(struct client *client);

#endif /* MQTTD_SESSION_H */
