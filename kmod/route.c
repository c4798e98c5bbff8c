// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a message to the queues of its receivers.
 *
 * A peer gets one copy of a message however many of its filters match
 * (MQTT 3.3.5), and one more for each group whose turn it is. Lists of subscriptions
 * to one filter name each peer once, so as long as only one list matches nothing has to
 * be remembered. With more, the message gets a number of its own on this CPU, and a
 * peer that has already seen the number here is skipped.
 *
 * Receivers whose protocol version frames PUBLISH packets in another way share
 * a twin of the message, which is built when the first of them is met. Those with
 * Subscription Identifiers and the like are copy.c's business.
 */
#include <linux/rculist.h>

#include <mqtt/match.h>
#include <mqtt/wire.h>

#include "acl_ask.h"
#include "group.h"
#include "msg.h"
#include "peer.h"
#include "policy.h"
#include "route_impl.h"
#include "router.h"
#include "trace.h"
#include "translate.h"
#include "tx.h"

/* Nodes of the topic table that one message may visit. */
#define MQTT_ROUTE_BUDGET	4096

static DEFINE_PER_CPU(u64, mqtt_route_stamp);

static bool mqtt_route_seen(struct mqtt_peer *peer, u64 stamp)
{
	u64 *last = &peer->stamps[smp_processor_id()];

	/* A higher number is of this message, too: see copy.c. */
	if (*last >= stamp)
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
					     MQTT_MSG_GFP);
		if (route->twin)
			mqtt_stats_add(route->router->stats, MQTT_A_STATS_TRANSLATED,
				       in->msg->packets);
	}
	return route->twin;
}

/* A train of which some packets are too long for this receiver. */
static bool mqtt_route_pick(struct mqtt_route *route, const struct mqtt_msg *train,
			    struct mqtt_peer *peer)
{
	u32 max_packet = READ_ONCE(peer->tx.max_packet);

	if (route->pick_of != train || route->pick_max != max_packet) {
		if (route->pick)
			mqtt_msg_put(route->pick);
		route->pick = mqtt_train_pick(train, max_packet, &route->pick_packets,
					      MQTT_MSG_GFP);
		route->pick_of = train;
		route->pick_max = max_packet;
		route->cost += MQTT_ROUTE_WRITE_COST;
	}
	mqtt_tx_too_large(peer, train, train->packets - route->pick_packets);
	return route->pick_packets && mqtt_tx_enqueue(peer, route->pick, route->pick_packets);
}

/**
 * mqtt_route_give() - put a copy of the message into a receiver's queue
 * @route: message
 * @peer: receiver: whatever it is that makes it one, it comes through here
 * @msg: copy as the peer is to get it; NULL if there was no memory for it
 * @packets: how many are in it
 *
 * Return: true if it is queued; else that is counted.
 */
bool mqtt_route_give(struct mqtt_route *route, struct mqtt_peer *peer, struct mqtt_msg *msg,
		     u32 packets)
{
	bool queued;

	if (unlikely(!mqtt_acl_may_receive(peer, &route->acl, route->in->pub->topic,
					   route->in->pub->topic_len))) {
		mqtt_tx_denied(peer, msg, packets);
		return false;
	}
	if (unlikely(msg && msg->packets > 1 && msg->longest > READ_ONCE(peer->tx.max_packet)))
		queued = mqtt_route_pick(route, msg, peer);
	else
		queued = mqtt_tx_enqueue(peer, msg, packets);
	if (unlikely(READ_ONCE(peer->limits.pause)) && route->in->publisher &&
	    mqtt_tx_above_high_water(peer))
		mqtt_pause_begin(route->in->publisher, peer);
	return queued;
}

/* Likewise, of a peer that gets what all others get. */
bool mqtt_route_plain(struct mqtt_route *route, struct mqtt_peer *peer)
{
	return mqtt_route_give(route, peer, mqtt_route_msg(route, peer), route->in->msg->packets);
}

/* A copy is done with; its address may be that of the next one. */
void mqtt_route_put(struct mqtt_route *route, struct mqtt_msg *msg)
{
	if (route->pick_of == msg)
		route->pick_of = NULL;
	mqtt_msg_put(msg);
}

/* A group, or a subscription that is not like others, or one of a peer that has such. */
static noinline void mqtt_route_special(struct mqtt_route *route, struct mqtt_peer_sub *sub,
					u32 how)
{
	struct mqtt_peer *peer = sub->peer;

	if (how & MQTT_SUB_GROUP) {
		mqtt_group_deliver(route, container_of(sub, struct mqtt_group, entry));
		return;
	}
	/* MQTT 5.0 3.8.3.1; a peer's other subscriptions may still match. */
	if (how & MQTT_SUB_OPTION_NO_LOCAL && peer == route->in->source)
		return;
	if (route->stamp && (how | READ_ONCE(peer->special)) & route->special &
			    ~MQTT_SUB_OPTION_NO_LOCAL) {
		mqtt_copy_note(route, peer, how);
	} else if (!route->stamp || !mqtt_route_seen(peer, route->stamp)) {
		route->receivers++;
		mqtt_copy_give(route, peer, how);
	}
}

static void mqtt_route_deliver(struct mqtt_route *route, const struct hlist_head *subs)
{
	struct mqtt_peer_sub *sub;

	hlist_for_each_entry_rcu(sub, subs, trie.link) {
		u32 how = READ_ONCE(sub->how);

		/* A group has no peer. */
		if (unlikely(how & route->special || READ_ONCE(sub->peer->special) &
			     route->special)) {
			mqtt_route_special(route, sub, how);
			continue;
		}
		if (route->stamp && mqtt_route_seen(sub->peer, route->stamp))
			continue;
		mqtt_route_plain(route, sub->peer);
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
 * Return: the work done, in receivers.
 */
unsigned int mqtt_route(struct mqtt_router *router, const struct mqtt_publication *in)
{
	struct mqtt_route route __uninitialized;
	bool kept = false;
	int err;

	in->msg->source = in->source ? in->source->id : 0;
	/* field by field, and not by the compiler: the lists are large and seldom used */
	route.router = router;
	route.in = in;
	route.twin = NULL;
	route.twin_tried = false;
	route.pick = NULL;
	route.pick_of = NULL;
	route.special = in->msg->retain ? U32_MAX : ~MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED;
	route.stamp = 0;
	route.receivers = 0;
	route.cost = 0;
	route.group_more = MQTT_GROUP_PROBES_MORE;
	route.group_steps = MQTT_GROUP_STEPS;
	route.acl.used = false;
	route.acl.steps = 0;
	route.copies.n = 0;
	route.copies.nr_kept = 0;
	route.copies.next = 0;
	route.nr_lists = 0;
	mqtt_msg_is_born(in->msg);
	rcu_read_lock();
	trace_mqtt_rx(router, in);
	if (trace_mqtt_match_enabled())
		kept = mqtt_match_is_kept(&router->trie, in->last, in->pub->topic,
					  in->pub->topic_len);
	err = mqtt_match(&router->trie, in->last, in->pub->topic, in->pub->topic_len,
			 MQTT_ROUTE_BUDGET, mqtt_route_found, &route);
	mqtt_route_deliver_all(&route);
	if (unlikely(route.copies.n || route.copies.nr_kept)) {
		mqtt_copies_deliver(&route);
		this_cpu_add(mqtt_route_stamp, route.copies.n);
	}
	trace_mqtt_match(router, in->msg, route.receivers, kept);
	if (unlikely(err))
		mqtt_trace_drop(router, in->source, in->source ? in->source->id : 0, in->msg,
				MQTT_A_STATS_DROP_BUDGET, in->msg->packets, true);
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
	return route.receivers + route.cost + route.acl.steps / MQTT_ROUTE_STEPS;
}
