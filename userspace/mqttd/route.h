/* SPDX-License-Identifier: MIT */
/*
 * The subscription tree of the user data plane, and the way of a message
 * through it.
 */
#ifndef MQTTD_ROUTE_H
#define MQTTD_ROUTE_H

#include <pthread.h>
#include <stddef.h>
#include <mqtt/trie.h>

#include "message.h"

struct session;
struct session_filter;
struct worker;

/**
 * struct route_table - subscriptions of all sessions
 * @trie: read under RCU
 * @lock: serialises writers
 */
struct route_table {
	struct mqtt_trie trie;
	pthread_mutex_t lock;
};

int route_table_init(struct route_table *table);	/* 0 or -ENOMEM */
void route_table_destroy(struct route_table *table);	/* all sessions are gone */

/*
 * All: @filter is valid by the standard. By the worker that owns @session.
 * The first two return 1 if the table has changed, 0 if it was so already, -errno
 * if the filter does not fit or there is no memory. route_subscribe() sets
 * @filter->was, route_restore() makes undone what it has changed.
 */
int route_subscribe(struct route_table *table, struct session *session,
		    struct session_filter *filter);
int route_unsubscribe(struct route_table *table, struct session *session,
		      const u8 *filter, size_t len);

void route_restore(struct route_table *table, struct session *session,
		   const struct session_filter *filter);

/* MQTT_SUB_OPTION_* bits of a subscription, or -1 if @session does not have it. */
int route_options(struct route_table *table, struct session *session, const u8 *filter,
		  size_t len);

/* Ends all subscriptions of @session. By the worker that owns it. */
void route_unsubscribe_all(struct route_table *table, struct session *session);

/*
 * Calls @visit with each subscription of @session until it returns something;
 * returns that. By the worker that owns @session. The filter is gone when @visit
 * returns.
 */
int route_visit(struct route_table *table, struct session *session,
		int (*visit)(void *ctx, const struct session_filter *filter), void *ctx);

/*
 * Has @msg delivered to every connected client that has subscribed, once each:
 * on the kernel data plane by the kernel.
 */
void route_publish(struct worker *worker, struct message *msg);

/*
 * Puts @msg into the queue of each of them. By @worker; other workers' clients
 * get it through their mailboxes.
 */
void route_deliver(struct worker *worker, struct message *msg);

#endif /* MQTTD_ROUTE_H */
