// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups of shared subscriptions: who gets a message.
 *
 * Members take turns. Each CPU counts for itself, so that CPUs do not take a
 * counter from each other. It has a few counters, and which of them a group has follows
 * from its number. One that finds another group's begins anew, with a random member:
 * to go on with it would give the same member each message if two groups take turns.
 *
 * Whether a member can take a message is asked of a few, and then, if none of them can,
 * of many more: see MQTT_GROUP_PROBES_MORE.
 *
 * The packets of a train are dealt out like cards: what a publisher sends in one
 * go may be work for hours. Each member gets its share of them as one message.
 */
#include <linux/percpu.h>
#include <linux/random.h>

#include "group.h"
#include "msg.h"
#include "peer.h"
#include "port.h"
#include "route_impl.h"
#include "router.h"
#include "trace.h"

/* Members that are asked whether they have room, for each part of a message */
#define MQTT_GROUP_PROBES	16
#define MQTT_GROUP_TURNS	128

struct mqtt_group_turns {
	struct {
		u32 group;
		u32 next;
	} turn[MQTT_GROUP_TURNS];
};

static DEFINE_PER_CPU(struct mqtt_group_turns, mqtt_group_turns);

/* A port's reader is as slow as the queue is long. */
static bool mqtt_group_has_room(const struct mqtt_peer *peer, const struct mqtt_msg *msg)
{
	const struct mqtt_tx *tx = &peer->tx;
	u32 most;

	if (tx->port)
		return mqtt_queue_hint(tx->port->queue.bytes) + msg->truesize <=
		       READ_ONCE(tx->port->limit);
	most = READ_ONCE(peer->limits.queue_packets);
	return mqtt_queue_hint(tx->queue.bytes) + msg->truesize <=
	       READ_ONCE(peer->limits.queue_bytes) &&
	       (!most || mqtt_queue_hint(tx->queue.packets) + msg->packets <= most);
}

/* How good a choice a member is. */
enum mqtt_group_rank {
	MQTT_GROUP_NEVER,	/* it is on its way out, or may not get it */
	MQTT_GROUP_IF_NEEDED,	/* its queue does as its policy says */
	MQTT_GROUP_GOOD,
};

static enum mqtt_group_rank mqtt_group_rank(struct mqtt_route *route, struct mqtt_peer *peer)
{
	enum mqtt_group_rank rank = MQTT_GROUP_IF_NEEDED;
	const struct mqtt_publish *pub = route->in->pub;
	const struct mqtt_msg *msg = route->in->msg;
	struct mqtt_tx *tx = &peer->tx;

	if (!mqtt_acl_may_receive(peer, &route->acl, pub->topic, pub->topic_len))
		return MQTT_GROUP_NEVER;
	spin_lock(&tx->lock);
	if (tx->closed || tx->slow)
		rank = MQTT_GROUP_NEVER;
	else if (msg->longest <= tx->max_packet && mqtt_group_has_room(peer, msg))
		rank = MQTT_GROUP_GOOD;
	spin_unlock(&tx->lock);
	return rank;
}

static u32 *mqtt_group_turn(const struct mqtt_group *group)
{
	struct mqtt_group_turns *turns = this_cpu_ptr(&mqtt_group_turns);
	unsigned int i = group->number % MQTT_GROUP_TURNS;

	if (unlikely(turns->turn[i].group != group->number)) {
		turns->turn[i].group = group->number;
		turns->turn[i].next = get_random_u32();
	}
	return &turns->turn[i].next;
}

/*
 * NULL if there is nobody. @all_full: of those that were asked for another part nobody has
 * had room, so that more than the first few would be asked in vain.
 */
static struct mqtt_peer_sub *mqtt_group_pick(struct mqtt_route *route,
					     const struct mqtt_group *group,
					     struct mqtt_group_members *members, u32 n,
					     bool *all_full)
{
	u32 more = *all_full ? 0 : route->group_more;
	u32 i, most = min(n, MQTT_GROUP_PROBES + more);
	enum mqtt_group_rank best_rank = MQTT_GROUP_NEVER, rank;
	struct mqtt_peer_sub *best = NULL, *sub;
	u32 *next = mqtt_group_turn(group);
	u32 turn = *next;

	for (i = 0; i < most && best_rank < MQTT_GROUP_GOOD; i++) {
		sub = READ_ONCE(members->at[turn++ % n]);
		rank = mqtt_group_rank(route, sub->peer);
		route->cost++;
		if (rank <= best_rank)
			continue;
		best_rank = rank;
		best = sub;
		*next = turn;
	}
	if (i > MQTT_GROUP_PROBES)
		route->group_more -= i - MQTT_GROUP_PROBES;
	*all_full = best_rank < MQTT_GROUP_GOOD;
	/* Or the next message would ask the same ones. */
	if (unlikely(!best))
		*next = turn;
	return best;
}

/* All members that were asked are on their way out, or may not get it. */
static void mqtt_group_nobody(const struct mqtt_route *route, u32 packets)
{
	mqtt_trace_drop(route->router, NULL, 0, route->in->msg, MQTT_A_STATS_DROP_PEER_GONE,
			packets, false);
	mqtt_stats_add(route->router->stats, MQTT_A_STATS_DROP_PEER_GONE, packets);
}

/**
 * mqtt_group_deliver() - give a message to a group
 * @route: message; RCU read lock, bottom halves off
 * @group: group that was found in the topic table
 */
void mqtt_group_deliver(struct mqtt_route *route, struct mqtt_group *group)
{
	u32 packets = route->in->msg->packets, part, parts;
	struct mqtt_group_members *members;
	struct mqtt_peer_sub *sub;
	bool all_full = false;
	u32 n;

	/* pairs with smp_store_release() in mqtt_group_join() */
	n = smp_load_acquire(&group->n);
	if (!n)
		return;
	/* No older than @n: there is room for so many. */
	members = rcu_dereference(group->members);
	parts = min(packets, n);
	route->receivers += parts;
	for (part = 0; part < parts; part++) {
		u32 share = (packets - part + parts - 1) / parts;

		sub = mqtt_group_pick(route, group, members, n, &all_full);
		if (!sub)
			mqtt_group_nobody(route, share);
		else if (mqtt_copy_give_part(route, sub->peer, READ_ONCE(sub->how), part, parts))
			mqtt_stats_add(route->router->stats, MQTT_A_STATS_GROUP_DELIVERIES, share);
	}
}
