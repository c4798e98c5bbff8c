/* SPDX-License-Identifier: MIT */
/*
 * The subscriptions of all sessions, and the way of a message to those that match.
 */
#ifndef MQTTD_ROUTE_H
#define MQTTD_ROUTE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <mqtt/trie.h>

#include "message.h"
#include "share.h"

struct client;
struct config;
struct session;
struct session_filter;
struct subscription;
struct worker;

/**
 * struct route_table - subscriptions of all sessions
 * @trie: read under RCU
 * @shares: groups of shared subscriptions
 * @lock: serialises writers
 * @conf: says which groups are the kernel's
 */
struct route_table {
	struct mqtt_trie trie;
	struct share_table shares;
	pthread_mutex_t lock;
	const struct config *conf;
};

/* Below: route_table.c */

int route_table_init(struct route_table *table, const struct config *conf); /* 0 or -ENOMEM */
void route_table_destroy(struct route_table *table);	/* all sessions are gone */

/**
 * route_subscribe() - add or change a subscription
 * @table: to which
 * @session: whose; by its owner's worker, or while nobody owns it
 * @filter: valid by the standard, with options and identifier; gets @is_new and @was
 *
 * Messages find the old options or the new ones, and always some.
 *
 * Return: 0; -ENOMEM, and nothing has changed.
 */
int route_subscribe(struct route_table *table, struct session *session,
		    struct session_filter *filter);
/* Was it there? */
bool route_unsubscribe(struct route_table *table, struct session *session,
		       const u8 *filter, size_t len);
/* Undoes what route_subscribe() has done. */
void route_restore(struct route_table *table, struct session *session,
		   const struct session_filter *filter);

/* A subscription's options and identifier (subscription_how()). False: @session has no such. */
bool route_how(struct route_table *table, struct session *session, const u8 *filter, size_t len,
	       u64 *how);

/* Ends all subscriptions of @session. Calls @left with those of groups. */
void route_unsubscribe_all(struct route_table *table, struct session *session,
			   void (*left)(void *ctx, const u8 *filter, size_t len), void *ctx);

/*
 * Calls @visit with each subscription of @session until it returns something;
 * returns that. The filter is gone when @visit returns.
 */
int route_visit(struct route_table *table, struct session *session,
		int (*visit)(void *ctx, const struct session_filter *filter), void *ctx);

/* For route.c: the subscription of @session at a place in the trie, or NULL. */
struct subscription *route_find_place(struct session *session,
				      const struct mqtt_trie_node *place, bool hash);

/* Below: route.c. Each returns how many sessions get @msg, or -ENOMEM if one misses it. */

/*
 * Has @msg delivered to every session that has subscribed, once each: at QoS 0 on
 * the kernel data plane by the kernel, of which the number is not known: 1.
 */
int route_publish(struct worker *worker, struct message *msg);

/*
 * Puts @msg into the queue of each of them. By @worker; other workers' clients
 * get it through their mailboxes.
 */
int route_deliver(struct worker *worker, struct message *msg);

/*
 * Likewise, but only to groups that are the agent's and to sessions that have no
 * connection: @msg is at QoS 0 and the kernel delivers it to the others.
 */
int route_deliver_kept(struct worker *worker, struct message *msg);

/*
 * Likewise, but only to the @n @clients, which are @worker's own, and each that has
 * subscribed: how is in the trie.
 */
int route_deliver_to(struct worker *worker, struct message *msg, struct client **clients,
		     unsigned int n);

/**
 * struct route_memory - a worker's, used for one message after the other
 * @targets: who gets it, if several filters match
 * @ids: subscription identifiers of these, linked lists
 * @flat: the ones of one target
 */
struct route_memory {
	struct route_target *targets;
	struct route_id *ids;
	u32 *flat;
	u32 n_targets;
	u32 targets_room;
	u32 n_ids;
	u32 ids_room;
	u32 flat_room;
};

void route_memory_free(struct route_memory *memory);

#endif /* MQTTD_ROUTE_H */
