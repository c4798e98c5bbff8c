// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer that was found too slow, by the policy "disconnect".
 *
 * It is found where a message comes for it, with another socket locked. So all
 * that is done there is to refuse this message and those to come; the rest
 * happens when somebody has the peer's socket: what waits is dropped, and the
 * socket gets the error.
 */
#include <net/sock.h>

#include "discard.h"
#include "peer.h"
#include "router.h"
#include "trace.h"
#include "tx.h"

/*
 * Empty the queue but for a packet of which TCP has taken a part, and PINGRESPs. Those
 * are all the same message, so others in another place are as good. Returns packets.
 */
static u32 mqtt_tx_slow_cut(struct mqtt_tx *tx, struct mqtt_queue *rest, u32 peer)
{
	u32 n, pings = tx->pings, before = tx->queue.packets;

	if (tx->pinned && mqtt_queue_first(&tx->queue) == mqtt_tx_pingresp)
		pings--;
	mqtt_queue_cut(rest, &tx->queue, tx->pinned);
	/* There is room for them in the chunk that is left. */
	for (n = 0; n < pings; n++)
		mqtt_queue_push(&tx->queue, mqtt_tx_pingresp, peer, U64_MAX);
	return before - tx->queue.packets;
}

/**
 * mqtt_tx_slow_report() - give the socket of a peer that was found too slow the error
 * @peer: receiver, hooked; nothing is being sent
 *
 * What waits is dropped, but for a packet of which TCP has taken a part, and
 * PINGRESPs.
 *
 * Context: the socket is locked, by lock_sock() or bh_lock_sock().
 */
void mqtt_tx_slow_report(struct mqtt_peer *peer)
{
	struct mqtt_tx *tx = &peer->tx;
	struct sock *sk = peer->sk;
	struct mqtt_queue rest;
	u32 dropped = 0;
	bool found;

	spin_lock_bh(&tx->lock);
	found = tx->slow == MQTT_TX_SLOW_FOUND;
	if (found) {
		mqtt_trace_purge(peer->router, &tx->queue, peer, tx->pinned,
				 MQTT_A_STATS_DROP_SLOW);
		dropped = mqtt_tx_slow_cut(tx, &rest, peer->id);
		mqtt_count(&tx->drop_slow, dropped);
		if (unlikely(tx->pauses.on))
			mqtt_pauses_look(peer);
		/* Not in the place of an error that the daemon has not read. */
		if (!sk->sk_err)
			WRITE_ONCE(tx->slow, MQTT_TX_SLOW_TOLD);
	}
	spin_unlock_bh(&tx->lock);

	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_DROP_SLOW, dropped);
	if (!found)
		return;
	mqtt_discard(peer->router, &rest);
	if (sk->sk_err) {
		mqtt_tx_retry(peer);
		return;
	}
	WRITE_ONCE(sk->sk_err, ENOBUFS);
	sk_error_report(sk);
}
