// SPDX-License-Identifier: GPL-2.0-only
/*
 * Into a peer's queue: messages that are routed to it, within its limits, and
 * the answers to its pings, which no limit counts.
 */
#include "event.h"
#include "msg.h"
#include "peer.h"
#include "policy.h"
#include "port.h"
#include "router.h"
#include "trace.h"
#include "tx.h"

/* PINGRESPs in one queue. Who has asked so often gets an answer as it is. */
#define MQTT_TX_PINGS_MAX	16

/* PINGRESP, one for all; queues are not charged for it. */
struct mqtt_msg *mqtt_tx_pingresp;

/* Counts packets that could not be queued. Returns the router's counter for them. */
static unsigned int mqtt_tx_dropped(struct mqtt_tx *tx, int err, u32 packets)
{
	switch (err) {
	case -EPIPE:
		return MQTT_A_STATS_DROP_PEER_GONE;
	case -EMSGSIZE:
		mqtt_count(&tx->drop_too_large, packets);
		return MQTT_A_STATS_DROP_TOO_LARGE;
	case -ENOBUFS:
		mqtt_count(&tx->drop_queue_full, packets);
		return tx->port ? MQTT_A_STATS_DROP_PORT_FULL : MQTT_A_STATS_DROP_QUEUE_FULL;
	case -EDQUOT:
		mqtt_count(&tx->drop_router_full, packets);
		return MQTT_A_STATS_DROP_ROUTER_FULL;
	case -ECONNABORTED:
		mqtt_count(&tx->drop_slow, packets);
		return MQTT_A_STATS_DROP_SLOW;
	case -EACCES:
		mqtt_count(&tx->drop_denied, packets);
		return MQTT_A_STATS_DROP_DENIED_RECEIVE;
	default:
		mqtt_count(&tx->drop_no_memory, packets);
		return MQTT_A_STATS_DROP_NO_MEMORY;
	}
}

/* What is to be told is told without the lock: returns with a reference if so. */
static bool mqtt_tx_has_to_tell(struct mqtt_peer *peer, struct mqtt_verdict *verdict)
{
	struct mqtt_tx *tx = &peer->tx;

	lockdep_assert_held(&tx->lock);
	if (verdict->full) {
		verdict->full = !tx->full_told;
		tx->full_told = true;
	}
	if (!verdict->full && !verdict->router_full && !verdict->slow)
		return false;
	mqtt_peer_hold(peer);
	return true;
}

/* Takes the reference. */
static void mqtt_tx_tell(struct mqtt_peer *peer, const struct mqtt_verdict *verdict)
{
	struct mqtt_router *router = peer->router;

	if (verdict->full)
		mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_QUEUE_FULL);
	if (verdict->slow)
		mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_SLOW);
	if (verdict->router_full && mqtt_memory_tell(&router->memory))
		mqtt_event_router(router->net, MQTT_EVENT_TYPE_ROUTER_FULL);
	mqtt_peer_put(peer);
}

static int mqtt_tx_push(struct mqtt_peer *peer, struct mqtt_msg *msg,
			struct mqtt_verdict *verdict)
{
	int err;

	if (likely(mqtt_policy_is_plain(&peer->limits))) {
		err = mqtt_queue_push(&peer->tx.queue, msg, peer->id, peer->limits.queue_bytes);
		if (likely(!err) || err == -ENOMEM)
			return err;
	}
	return mqtt_policy_enqueue(peer, msg, verdict);
}

/**
 * mqtt_tx_enqueue() - put a message into a peer's queue
 * @peer: receiver; seen under RCU, no reference needed
 * @msg: message; the queue takes a reference of its own. NULL if there was no
 *	memory for it: then this counts
 * @packets: how many are in the message
 *
 * At a limit the peer's policy decides what is dropped, and that is counted.
 *
 * Context: bottom halves off, RCU read lock; the publisher's socket may be
 * locked.
 * Return: true if queued.
 */
bool mqtt_tx_enqueue(struct mqtt_peer *peer, struct mqtt_msg *msg, u32 packets)
{
	struct mqtt_verdict verdict = { .packets = packets };
	unsigned int why = MQTT_A_STATS_ENQUEUED;
	struct mqtt_tx *tx = &peer->tx;
	bool tell = false;
	int err;

	spin_lock(&tx->lock);
	if (unlikely(tx->closed || tx->slow))
		err = tx->closed ? -EPIPE : -ECONNABORTED;
	else if (unlikely(!msg))
		err = -ENOMEM;
	else if (unlikely(msg->longest > tx->max_packet))
		err = -EMSGSIZE;
	else if (tx->port)
		err = mqtt_port_enqueue(tx->port, msg, peer->id);
	else
		err = mqtt_tx_push(peer, msg, &verdict);
	if (likely(!err)) {
		trace_mqtt_enqueue(peer, msg);
		if (!tx->port)
			mqtt_tx_make_dirty(peer);
	} else {
		why = mqtt_tx_dropped(tx, err, packets);
		mqtt_trace_drop(peer->router, peer, peer->id, msg, why, packets, false);
		verdict.full |= err == -ENOBUFS;
		verdict.router_full |= err == -EDQUOT;
		if (verdict.slow)
			mqtt_tx_wake(peer);
	}
	if (unlikely(verdict.full | verdict.router_full | verdict.slow))
		tell = mqtt_tx_has_to_tell(peer, &verdict);
	spin_unlock(&tx->lock);

	mqtt_stats_add(peer->router->stats, why, verdict.packets);
	if (unlikely(tell))
		mqtt_tx_tell(peer, &verdict);
	return !err;
}

/* Who is gone, or too slow, gets nothing for that reason and no other. */
static void mqtt_tx_lose(struct mqtt_peer *peer, const struct mqtt_msg *msg, u32 packets, int err)
{
	struct mqtt_tx *tx = &peer->tx;
	unsigned int why;

	spin_lock(&tx->lock);
	if (tx->closed)
		err = -EPIPE;
	else if (tx->slow)
		err = -ECONNABORTED;
	why = mqtt_tx_dropped(tx, err, packets);
	mqtt_trace_drop(peer->router, peer, peer->id, msg, why, packets, false);
	spin_unlock(&tx->lock);
	mqtt_stats_add(peer->router->stats, why, packets);
}

/**
 * mqtt_tx_too_large() - count packets that are too long for a peer
 * @peer: receiver
 * @msg: train that they are in
 * @packets: how many
 *
 * Context: as mqtt_tx_enqueue().
 */
void mqtt_tx_too_large(struct mqtt_peer *peer, const struct mqtt_msg *msg, u32 packets)
{
	mqtt_tx_lose(peer, msg, packets, -EMSGSIZE);
}

/**
 * mqtt_tx_denied() - count packets that a peer may not get
 * @peer: whom they would have been for
 * @msg: message that they are in, or NULL
 * @packets: how many
 *
 * Context: as mqtt_tx_enqueue().
 */
void mqtt_tx_denied(struct mqtt_peer *peer, const struct mqtt_msg *msg, u32 packets)
{
	mqtt_tx_lose(peer, msg, packets, -EACCES);
}

/**
 * mqtt_tx_ping() - answer a PINGREQ
 * @peer: who has sent it
 *
 * The PINGRESP is sent behind what is in the queue, and none is added if many
 * are waiting there already.
 *
 * Context: bottom halves off; the peer's socket is locked.
 */
void mqtt_tx_ping(struct mqtt_peer *peer)
{
	unsigned int count = MQTT_A_STATS_TX_PINGS;
	struct mqtt_tx *tx = &peer->tx;

	spin_lock(&tx->lock);
	if (unlikely(tx->closed || tx->pings == MQTT_TX_PINGS_MAX)) {
		spin_unlock(&tx->lock);
		return;
	}
	if (likely(!mqtt_queue_push(&tx->queue, mqtt_tx_pingresp, peer->id, U64_MAX))) {
		tx->pings++;
		mqtt_tx_make_dirty(peer);
	} else {
		mqtt_count(&tx->drop_no_memory, 1);
		count = MQTT_A_STATS_DROP_NO_MEMORY;
	}
	spin_unlock(&tx->lock);
	mqtt_stats_add(peer->router->stats, count, 1);
}

int __init mqtt_tx_enqueue_init(void)
{
	mqtt_tx_pingresp = mqtt_msg_alloc(2, 2, MQTT_PROTOCOL_V311, GFP_KERNEL);
	if (!mqtt_tx_pingresp)
		return -ENOMEM;
	mqtt_tx_pingresp->head[0] = MQTT_PKT_PINGRESP << 4;
	mqtt_tx_pingresp->head[1] = 0;
	mqtt_tx_pingresp->truesize = 0;
	return 0;
}

void mqtt_tx_enqueue_exit(void)
{
	mqtt_msg_put(mqtt_tx_pingresp);
}
