// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a message to the queues of its receivers.
 *
 * A peer gets one copy of a message however many of its filters match
 * (MQTT 3.3.5). Lists of subscriptions to one filter name each peer once, so
 * as long as only one list matches nothing has to be remembered. With more,
 * the message gets a number of its own on this CPU, and a peer that has
 * already seen the number here is skipped.
 *
 * Receivers whose protocol version frames PUBLISH packets in another way share
 * a twin of the message, which is built when the first of them is met.
 */
#include <linux/rculist.h>

#include <mqtt/match.h>
#include <mqtt/wire.h>

#include "msg.h"
#include "peer.h"
#include "policy.h"
#include "route.h"
#include "router.h"
#include "translate.h"
#include "tx.h"

/* Nodes of the topic table that one message may visit. */
#define MQTT_ROUTE_BUDGET	4096
/* To take a train apart, in receivers. */
#define MQTT_ROUTE_PICK_COST	16
/* Lists that are kept in mind before the first is delivered to. */
#define MQTT_ROUTE_LISTS	16

struct mqtt_route {
	struct mqtt_router *router;
	const struct mqtt_publication *in;
	struct mqtt_msg *twin;		/* framed as @in->msg is not, or NULL */
	bool twin_tried;
	struct mqtt_msg *pick;		/* short packets of @pick_of, or NULL */
	const struct mqtt_msg *pick_of;
	u32 pick_max;			/* bytes of the longest that was wanted */
	u32 pick_packets;
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

/* The message as a peer understands it; NULL if there was no memory for that. */
static struct mqtt_msg *mqtt_route_msg(struct mqtt_route *route, const struct mqtt_peer *peer)
{
	const struct mqtt_publication *in = route->in;

	if (likely(mqtt_framed_alike(in->msg->protocol, peer->protocol)))
		return in->msg;
	if (!route->twin_tried) {
		route->twin_tried = true;
		route->twin = mqtt_translate(in->msg, in->pub, peer->protocol,
					     GFP_ATOMIC | __GFP_ACCOUNT);
		if (route->twin)
			mqtt_stats_add(route->router->stats, MQTT_A_STATS_TRANSLATED,
				       in->msg->packets);
	}
	return route->twin;
}

/* MQTT 5.0 3.8.3.1; a peer's other subscriptions may still match. */
static bool mqtt_route_is_local(const struct mqtt_route *route, const struct mqtt_peer_sub *sub)
{
	return unlikely(READ_ONCE(sub->options) & MQTT_SUB_OPTION_NO_LOCAL) &&
	       sub->peer == route->in->source;
}

/* A train of which some packets are too long for this receiver. */
static void mqtt_route_pick(struct mqtt_route *route, const struct mqtt_msg *train,
			    struct mqtt_peer *peer)
{
	u32 max_packet = READ_ONCE(peer->tx.max_packet);

	if (route->pick_of != train || route->pick_max != max_packet) {
		if (route->pick)
			mqtt_msg_put(route->pick);
		route->pick = mqtt_train_pick(train, max_packet, &route->pick_packets,
					      GFP_ATOMIC | __GFP_ACCOUNT);
		route->pick_of = train;
		route->pick_max = max_packet;
		route->receivers += MQTT_ROUTE_PICK_COST;
	}
	mqtt_tx_too_large(peer, train->packets - route->pick_packets);
	if (route->pick_packets)
		mqtt_tx_enqueue(peer, route->pick, route->pick_packets);
}

static void mqtt_route_enqueue(struct mqtt_route *route, struct mqtt_peer *peer)
{
	struct mqtt_msg *msg = mqtt_route_msg(route, peer);

	if (unlikely(msg && msg->packets > 1 && msg->longest > READ_ONCE(peer->tx.max_packet)))
		mqtt_route_pick(route, msg, peer);
	else
		mqtt_tx_enqueue(peer, msg, route->in->msg->packets);
	if (unlikely(READ_ONCE(peer->limits.pause)) && route->in->publisher &&
	    mqtt_tx_above_high_water(peer))
		mqtt_pause_begin(route->in->publisher, peer);
}

static void mqtt_route_deliver(struct mqtt_route *route, const struct hlist_head *subs)
{
	struct mqtt_peer_sub *sub;

	hlist_for_each_entry_rcu(sub, subs, trie.link) {
		if (mqtt_route_is_local(route, sub))
			continue;
		if (route->stamp && mqtt_route_seen(sub->peer, route->stamp))
			continue;
		mqtt_route_enqueue(route, sub->peer);
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
 * @in: message
 *
 * Context: bottom halves off; the publisher's socket may be locked.
 * Return: how many receivers it was for, as a measure of the work done.
 */
unsigned int mqtt_route(struct mqtt_router *router, const struct mqtt_publication *in)
{
	struct mqtt_route route __uninitialized;
	int err;

	/* field by field, and not by the compiler: the lists are large and seldom used */
	route.router = router;
	route.in = in;
	route.twin = NULL;
	route.twin_tried = false;
	route.pick = NULL;
	route.pick_of = NULL;
	route.stamp = 0;
	route.receivers = 0;
	route.nr_lists = 0;
	rcu_read_lock();
	err = mqtt_match(&router->trie, in->last, in->pub->topic, in->pub->topic_len,
			 MQTT_ROUTE_BUDGET, mqtt_route_found, &route);
	mqtt_route_deliver_all(&route);
	rcu_read_unlock();
	if (route.twin)
		mqtt_msg_put(route.twin);
	if (route.pick)
		mqtt_msg_put(route.pick);

	if (unlikely(err))
		mqtt_stats_add(router->stats, MQTT_A_STATS_DROP_BUDGET, in->msg->packets);
	mqtt_stats_add(router->stats,
		       route.receivers ? MQTT_A_STATS_MATCHED : MQTT_A_STATS_UNMATCHED,
		       in->msg->packets);
	return route.receivers;
}
