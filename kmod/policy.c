// SPDX-License-Identifier: GPL-2.0-only
/*
 * How full a peer's queue is, and what happens when it is at a limit.
 *
 * Whatever is dropped is dropped by the packet, but for a train, many of which
 * share their memory: where bytes are short it goes as a whole. What TCP has
 * taken a part of, or is just being given, stays: the first tx->pinned entries.
 * So do PINGRESPs, which no limit counts.
 *
 * All of it happens where a message comes, under tx->lock; a message pays for
 * room for itself and for no more than a chunk of the work that was left.
 */
#include "conflate.h"
#include "msg.h"
#include "peer.h"
#include "policy.h"
#include "router.h"
#include "trace.h"
#include "translate.h"
#include "tx.h"

/* Messages that one may push out, so that a limit can be lowered at any time. */
#define MQTT_POLICY_DROPS_MAX	4096

/* Packets that count: no limit is for PINGRESPs. */
static u32 mqtt_tx_packets(const struct mqtt_tx *tx)
{
	u32 packets = mqtt_queue_hint(tx->queue.packets);
	u32 pings = mqtt_queue_hint(tx->pings);

	return packets > pings ? packets - pings : 0;
}

/**
 * mqtt_tx_above_high_water() - does a peer's queue hold three quarters of a limit?
 * @peer: receiver; seen under RCU, no reference needed
 *
 * The queue of a hosted peer is its port's, which has no such mark: false.
 *
 * Context: any; without a lock the answer may be old.
 */
bool mqtt_tx_above_high_water(const struct mqtt_peer *peer)
{
	const struct mqtt_limits *limits = &peer->limits;
	u32 most = READ_ONCE(limits->queue_packets);

	return mqtt_queue_hint(peer->tx.queue.bytes) * 4 >= READ_ONCE(limits->queue_bytes) * 3 ||
	       (most && mqtt_tx_packets(&peer->tx) * 4ULL >= most * 3ULL);
}

/**
 * mqtt_tx_below_low_water() - does a peer's queue hold less than half of each limit?
 * @peer: receiver; seen under RCU, no reference needed
 *
 * Of a hosted peer: true.
 *
 * Context: any; without a lock the answer may be old.
 */
bool mqtt_tx_below_low_water(const struct mqtt_peer *peer)
{
	const struct mqtt_limits *limits = &peer->limits;
	u32 most = READ_ONCE(limits->queue_packets);

	return mqtt_queue_hint(peer->tx.queue.bytes) * 2 < READ_ONCE(limits->queue_bytes) &&
	       (!most || mqtt_tx_packets(&peer->tx) * 2ULL < most);
}

/* How many packets more than the limit there would be */
static u32 mqtt_policy_excess(const struct mqtt_peer *peer, s64 packets)
{
	s64 sum = mqtt_tx_packets(&peer->tx) + packets;
	u32 most = peer->limits.queue_packets;

	return most && sum > most ? sum - most : 0;
}

static void mqtt_policy_count(struct mqtt_peer *peer, u64 *count, unsigned int attr, u32 packets)
{
	if (!packets)
		return;
	mqtt_count(count, packets);
	mqtt_stats_add(peer->router->stats, attr, packets);
}

/* The same of @msg, which is still there */
static void mqtt_policy_lose(struct mqtt_peer *peer, const struct mqtt_msg *msg, u64 *count,
			     unsigned int attr, u32 packets)
{
	mqtt_trace_drop(peer->router, peer, peer->id, msg, attr, packets, false);
	mqtt_policy_count(peer, count, attr, packets);
}

/* As it is, if it fits */
static int mqtt_policy_push(struct mqtt_peer *peer, struct mqtt_msg *msg)
{
	if (mqtt_policy_excess(peer, msg->packets))
		return -ENOBUFS;
	return mqtt_queue_push(&peer->tx.queue, msg, peer->id, peer->limits.queue_bytes);
}

/* Of a train those packets that there is room for */
static int mqtt_policy_drop_new(struct mqtt_peer *peer, struct mqtt_msg *msg,
				struct mqtt_verdict *verdict)
{
	u32 excess = mqtt_policy_excess(peer, msg->packets);
	struct mqtt_msg *part;
	int err;

	if (!excess || excess >= msg->packets)
		return mqtt_policy_push(peer, msg);
	part = mqtt_train_slice(msg, 0, msg->packets - excess, MQTT_MSG_GFP);
	if (!part)
		return -ENOMEM;
	err = mqtt_policy_push(peer, part);
	mqtt_msg_put(part);
	if (err)
		return err;
	mqtt_policy_lose(peer, msg, &peer->tx.drop_queue_full, MQTT_A_STATS_DROP_QUEUE_FULL,
			 excess);
	verdict->packets -= excess;
	verdict->full = true;
	return 0;
}

/* Would it fit if everything were dropped that may be? */
static bool mqtt_policy_may_fit(const struct mqtt_peer *peer, const struct mqtt_msg *msg)
{
	const struct mqtt_tx *tx = &peer->tx;
	struct mqtt_queue_pos pos = mqtt_queue_begin(&tx->queue);
	u32 n, most = peer->limits.queue_packets;
	u64 packets = msg->packets;
	u64 bytes = msg->truesize;

	for (n = 0; n < tx->pinned && mqtt_queue_at(&pos); n++, pos.i++) {
		const struct mqtt_msg *pinned = mqtt_queue_msg(&pos);

		bytes += pinned->truesize;
		packets += pinned == mqtt_tx_pingresp ? 0 : pinned->packets;
	}
	return bytes <= peer->limits.queue_bytes && (!most || packets <= most);
}

/* The first @excess packets of a train, which has more */
static bool mqtt_policy_cut(struct mqtt_queue *queue, const struct mqtt_queue_pos *pos, u32 excess)
{
	struct mqtt_msg **place = &pos->chunk->msg[pos->i];
	struct mqtt_msg *msg = mqtt_queue_msg(pos);
	struct mqtt_msg *rest;

	rest = mqtt_train_slice(msg, excess, msg->packets - excess, MQTT_MSG_GFP);
	if (!rest)
		return false;
	if (mqtt_queue_is_node(*place))
		place = &mqtt_queue_node(*place)->msg;
	mqtt_queue_exchange(queue, place, rest);
	mqtt_msg_put(rest);
	return true;
}

/* @excess: as many packets are enough; 0: the whole message. False if there is none. */
static bool mqtt_policy_drop_oldest(struct mqtt_peer *peer, u32 excess)
{
	struct mqtt_tx *tx = &peer->tx;
	struct mqtt_queue_pos pos = mqtt_queue_begin(&tx->queue);
	struct mqtt_msg *msg;
	u32 packets, n;

	for (n = 0; mqtt_queue_at(&pos); n++, pos.i++)
		if (n >= tx->pinned && mqtt_queue_msg(&pos) != mqtt_tx_pingresp)
			break;
	if (n == tx->queue.entries)
		return false;
	msg = mqtt_queue_msg(&pos);
	packets = msg->packets;
	mqtt_msg_hold(msg);
	if (excess && excess < packets && mqtt_policy_cut(&tx->queue, &pos, excess))
		packets = excess;
	else
		mqtt_queue_remove(&tx->queue, n);
	mqtt_policy_lose(peer, msg, &tx->drop_old, MQTT_A_STATS_DROP_OLD, packets);
	mqtt_msg_put(msg);
	return true;
}

/* In the place of the one of the same topic, or behind the others */
static int mqtt_policy_put(struct mqtt_peer *peer, struct mqtt_msg *msg,
			   const struct mqtt_topic *topic)
{
	struct mqtt_tx *tx = &peer->tx;
	struct mqtt_queue_node *node;
	struct mqtt_msg *old;
	int err;

	if (!topic)
		return mqtt_policy_push(peer, msg);
	node = mqtt_conflate_find(&tx->queue, topic, tx->pinned);
	/* one of a whole train may be less than what it replaces */
	if (mqtt_policy_excess(peer, (s64)msg->packets - (node ? node->msg->packets : 0)))
		return -ENOBUFS;
	if (!node)
		return mqtt_conflate_push(&tx->queue, msg, topic, peer->id,
					  peer->limits.queue_bytes);
	old = node->msg;
	mqtt_msg_hold(old);
	err = mqtt_conflate_replace(&tx->queue, node, msg, peer->limits.queue_bytes);
	if (!err)
		mqtt_policy_lose(peer, old, &tx->drop_conflated, MQTT_A_STATS_DROP_CONFLATED,
				 old->packets);
	mqtt_msg_put(old);
	return err;
}

/* The oldest ones go for it. */
static int mqtt_policy_put_anyway(struct mqtt_peer *peer, struct mqtt_msg *msg,
				  const struct mqtt_topic *topic, struct mqtt_verdict *verdict)
{
	int err = mqtt_policy_put(peer, msg, topic);
	u32 n;

	if (err != -ENOBUFS && err != -EDQUOT)
		return err;
	if (!mqtt_policy_may_fit(peer, msg))
		return err;
	for (n = 0; n < MQTT_POLICY_DROPS_MAX && (err == -ENOBUFS || err == -EDQUOT); n++) {
		verdict->full |= err == -ENOBUFS;
		verdict->router_full |= err == -EDQUOT;
		if (!mqtt_policy_drop_oldest(peer, mqtt_policy_excess(peer, msg->packets)))
			break;
		err = mqtt_policy_put(peer, msg, topic);
	}
	return err;
}

/* Of a train that is longer than the whole queue its end */
static int mqtt_policy_drop_old(struct mqtt_peer *peer, struct mqtt_msg *msg,
				struct mqtt_verdict *verdict)
{
	u32 most = peer->limits.queue_packets;
	struct mqtt_msg *part;
	int err;

	if (!most || msg->packets <= most)
		return mqtt_policy_put_anyway(peer, msg, NULL, verdict);
	part = mqtt_train_slice(msg, msg->packets - most, most, MQTT_MSG_GFP);
	if (!part)
		return -ENOMEM;
	err = mqtt_policy_put_anyway(peer, part, NULL, verdict);
	mqtt_msg_put(part);
	if (err)
		return err;
	mqtt_policy_lose(peer, msg, &peer->tx.drop_old, MQTT_A_STATS_DROP_OLD,
			 msg->packets - most);
	verdict->full = true;
	return 0;
}

/* Of a train its last packet */
static int mqtt_policy_put_last(struct mqtt_peer *peer, struct mqtt_msg *msg,
				struct mqtt_verdict *verdict)
{
	struct mqtt_msg *last = NULL;
	struct mqtt_topic topic;
	int err;

	if (msg->packets > 1)
		last = mqtt_train_slice(msg, msg->packets - 1, 1, MQTT_MSG_GFP);
	err = mqtt_policy_put_anyway(peer, last ?: msg,
				     mqtt_conflate_topic(last ?: msg, &topic) ? &topic : NULL,
				     verdict);
	if (!last)
		return err;
	if (!err)
		mqtt_policy_lose(peer, msg, &peer->tx.drop_conflated, MQTT_A_STATS_DROP_CONFLATED,
				 msg->packets - 1);
	mqtt_msg_put(last);
	return err;
}

static int mqtt_policy_conflate(struct mqtt_peer *peer, struct mqtt_msg *msg,
				struct mqtt_verdict *verdict)
{
	struct mqtt_queue *queue = &peer->tx.queue;
	u32 dropped;

	if (queue->index.active && mqtt_tx_below_low_water(peer))
		mqtt_conflate_end(queue);
	if (!queue->index.active) {
		int err = mqtt_tx_above_high_water(peer) ? -ENOBUFS : mqtt_policy_push(peer, msg);

		if (err != -ENOBUFS && err != -EDQUOT)
			return err;
		mqtt_conflate_begin(queue);
	}
	dropped = mqtt_conflate_step(peer);
	mqtt_policy_count(peer, &peer->tx.drop_conflated, MQTT_A_STATS_DROP_CONFLATED, dropped);
	if (unlikely(dropped && peer->tx.pauses.on))
		mqtt_pauses_look(peer);
	return mqtt_policy_put_last(peer, msg, verdict);
}

/* The router's limit is not its fault. */
static int mqtt_policy_disconnect(struct mqtt_peer *peer, struct mqtt_msg *msg,
				  struct mqtt_verdict *verdict)
{
	int err = mqtt_policy_push(peer, msg);

	if (err != -ENOBUFS)
		return err;
	WRITE_ONCE(peer->tx.slow, MQTT_TX_SLOW_FOUND);
	verdict->slow = true;
	return -ECONNABORTED;
}

/**
 * mqtt_policy_enqueue() - put a message into a peer's queue as its policy says
 * @peer: receiver, offloaded, its queue neither closed nor found too slow
 * @msg: message; the queue takes a reference of its own, of it or of a part
 * @verdict: with @packets those of @msg; result, valid if this returns 0 too
 *
 * What is dropped of other messages, and of this one if this returns 0, is
 * counted.
 *
 * Context: bottom halves off, tx->lock is held.
 * Return: 0; -ENOBUFS at a limit of the queue; -EDQUOT at the router's;
 * -ECONNABORTED if the peer is too slow; -ENOMEM.
 */
int mqtt_policy_enqueue(struct mqtt_peer *peer, struct mqtt_msg *msg,
			struct mqtt_verdict *verdict)
{
	lockdep_assert_held(&peer->tx.lock);
	switch (peer->limits.queue_policy) {
	case MQTT_QUEUE_POLICY_DROP_OLD:
		return mqtt_policy_drop_old(peer, msg, verdict);
	case MQTT_QUEUE_POLICY_CONFLATE:
		return mqtt_policy_conflate(peer, msg, verdict);
	case MQTT_QUEUE_POLICY_DISCONNECT:
		return mqtt_policy_disconnect(peer, msg, verdict);
	default:
		return mqtt_policy_drop_new(peer, msg, verdict);
	}
}

/**
 * mqtt_policy_change() - a peer is about to have other limits
 * @peer: peer
 * @limits: those to be
 *
 * What is in its queue stays. One that was found too slow gets messages again
 * unless the policy is the same still.
 *
 * Context: bottom halves off, tx->lock is held.
 */
void mqtt_policy_change(struct mqtt_peer *peer, const struct mqtt_limits *limits)
{
	lockdep_assert_held(&peer->tx.lock);
	if (limits->queue_policy != MQTT_QUEUE_POLICY_CONFLATE)
		mqtt_conflate_end(&peer->tx.queue);
	if (limits->queue_policy != MQTT_QUEUE_POLICY_DISCONNECT)
		WRITE_ONCE(peer->tx.slow, MQTT_TX_SLOW_NOT);
}
