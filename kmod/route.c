// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a message to the queues of its receivers.
 *
 * A peer gets one copy of a message however many of its filters match
 * (MQTT 3.3.5). Lists of subscriptions to one filter name each peer once, so
 * as long as only one list matches nothing has to be remembered. With more,
 * the message gets a number of its own on this CPU, and a peer that has
 * already seen the number here is skipped.
 */
#include <linux/rculist.h>

#include "msg.h"
#include "peer.h"
#include "route.h"
#include "router.h"
#include "tx.h"

/* Nodes of the topic table that one message may visit. */
#define MQTT_ROUTE_BUDGET	4096
/* Lists that are kept in mind before the first is delivered to. */
#define MQTT_ROUTE_LISTS	16

struct mqtt_route {
	struct mqtt_msg *msg;
	u64 stamp;
	unsigned int receivers;
	unsigned int nr_lists;
	const struct hlist_head *lists[MQTT_ROUTE_LISTS];
};

static DEFINE_PER_CPU(u64, mqtt_route_stamp);

static bool mqtt_route_seen(struct mqtt_peer *peer, u64 stamp)
{
	u64 *last = &peer->stamps[smp_processor_id()];

	if (*last == stamp)
		return true;
	*last = stamp;
	return false;
}

static void mqtt_route_deliver(struct mqtt_route *route, const struct hlist_head *subs)
{
	struct mqtt_peer_sub *sub;

	hlist_for_each_entry_rcu(sub, subs, trie.link) {
		if (route->stamp && mqtt_route_seen(sub->peer, route->stamp))
			continue;
		mqtt_tx_enqueue(sub->peer, route->msg);
		route->receivers++;
	}
}

static void mqtt_route_deliver_all(struct mqtt_route *route)
{
	unsigned int i;

	for (i = 0; i < route->nr_lists; i++)
		mqtt_route_deliver(route, route->lists[i]);
	route->nr_lists = 0;
}

static void mqtt_route_found(void *ctx, const struct hlist_head *subs)
{
	struct mqtt_route *route = ctx;

	if (route->nr_lists && !route->stamp)
		route->stamp = this_cpu_inc_return(mqtt_route_stamp);
	if (route->nr_lists == MQTT_ROUTE_LISTS)
		mqtt_route_deliver_all(route);
	route->lists[route->nr_lists++] = subs;
}

/**
 * mqtt_route() - give a message to all who subscribed to its topic
 * @router: whose topic table
 * @msg: the packet as its receivers get it; the caller keeps its reference
 * @topic: its topic name, valid by the standard's rules
 * @topic_len: bytes at @topic
 *
 * Context: bottom halves off; the publisher's socket is locked.
 * Return: how many receivers it was for, as a measure of the work done.
 */
unsigned int mqtt_route(struct mqtt_router *router, struct mqtt_msg *msg, const u8 *topic,
			u16 topic_len)
{
	struct mqtt_route route = { .msg = msg };
	int err;

	rcu_read_lock();
	err = mqtt_trie_match(&router->trie, topic, topic_len, MQTT_ROUTE_BUDGET,
			      mqtt_route_found, &route);
	mqtt_route_deliver_all(&route);
	rcu_read_unlock();

	if (unlikely(err))
		mqtt_stats_add(router->stats, MQTT_A_STATS_DROP_BUDGET, 1);
	mqtt_stats_add(router->stats,
		       route.receivers ? MQTT_A_STATS_MATCHED : MQTT_A_STATS_UNMATCHED, 1);
	return route.receivers;
}
