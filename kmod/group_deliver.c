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
 * of many more: see MQTT_GROUP_PROBES_MORE. Where all of these were full, no more than the
 * few are asked again before the clock's next tick. To find out whether a member may get
 * the message can be more work than that: see MQTT_GROUP_STEPS.
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

/**
 * struct mqtt_group_turn - whose turn it is on a CPU
 * @group: number of the group
 * @next: the member that is asked first
 * @full: when nobody who was asked had room, in jiffies
 */
struct mqtt_group_turn {
	u32 group;
	u32 next;
	unsigned long full;
};

struct mqtt_group_turns {
	struct mqtt_group_turn turn[MQTT_GROUP_TURNS];
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

/* How good a choice a member is */
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

static struct mqtt_group_turn *mqtt_group_turn(const struct mqtt_group *group)
{
	struct mqtt_group_turns *turns = this_cpu_ptr(&mqtt_group_turns);
	struct mqtt_group_turn *turn = &turns->turn[group->number % MQTT_GROUP_TURNS];

	if (unlikely(turn->group != group->number)) {
		turn->group = group->number;
		turn->next = get_random_u32();
		turn->full = jiffies - 1;
	}
	return turn;
}

/* May another member be asked? @full: there is no use in asking more than a few. */
static bool mqtt_group_goes_on(struct mqtt_route *route, u32 asked, bool full)
{
	if (asked && !route->group_steps)
		return false;
	if (asked < MQTT_GROUP_PROBES)
		return true;
	if (full || !route->group_more)
		return false;
	route->group_more--;
	return true;
}

/* Counts what it takes to find out how good a choice a member is. */
static enum mqtt_group_rank mqtt_group_ask(struct mqtt_route *route, struct mqtt_peer *peer)
{
	u32 before = route->acl.steps;
	enum mqtt_group_rank rank = mqtt_group_rank(route, peer);

	route->group_steps -= min(route->group_steps, route->acl.steps - before);
	route->cost++;
	return rank;
}

/* NULL if there is nobody. */
static struct mqtt_peer_sub *mqtt_group_pick(struct mqtt_route *route,
					     const struct mqtt_group *group,
					     struct mqtt_group_members *members, u32 n)
{
	enum mqtt_group_rank best_rank = MQTT_GROUP_NEVER, rank;
	struct mqtt_group_turn *turn = mqtt_group_turn(group);
	struct mqtt_peer_sub *best = NULL, *sub;
	bool full = time_in_range(jiffies, turn->full, turn->full);
	u32 i, next = turn->next;

	for (i = 0; i < n && best_rank < MQTT_GROUP_GOOD; i++) {
		if (!mqtt_group_goes_on(route, i, full && best))
			break;
		sub = READ_ONCE(members->at[next++ % n]);
		rank = mqtt_group_ask(route, sub->peer);
		if (rank <= best_rank)
			continue;
		best_rank = rank;
		best = sub;
		turn->next = next;
	}
	if (best_rank < MQTT_GROUP_GOOD)
		turn->full = jiffies;
	/* Or the next message would ask the same ones. */
	if (unlikely(!best))
		turn->next = next;
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

		sub = mqtt_group_pick(route, group, members, n);
		if (!sub)
			mqtt_group_nobody(route, share);
		else if (mqtt_copy_give_part(route, sub->peer, READ_ONCE(sub->how), part, parts))
			mqtt_stats_add(route->router->stats, MQTT_A_STATS_GROUP_DELIVERIES, share);
	}
}
