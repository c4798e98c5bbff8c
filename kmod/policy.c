// SPDX-License-Identifier: GPL-2.0-only
/*
 * How full a peer's queue is.
 */
#include "peer.h"
#include "policy.h"

/* Packets that count: no limit is for PINGRESPs. */
static u32 mqtt_tx_packets(const struct mqtt_tx *tx)
{
	u32 packets = READ_ONCE(tx->queue.packets);
	u32 pings = READ_ONCE(tx->pings);

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

	return READ_ONCE(peer->tx.queue.bytes) * 4 >= READ_ONCE(limits->queue_bytes) * 3 ||
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

	return READ_ONCE(peer->tx.queue.bytes) * 2 < READ_ONCE(limits->queue_bytes) &&
	       (!most || mqtt_tx_packets(&peer->tx) * 2ULL < most);
}
