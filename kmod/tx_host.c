// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a peer's messages go: to its socket, or to the port that it is hosted
 * on; and when the kernel begins to send.
 */
#include <net/sock.h>

#include "peer.h"
#include "port.h"
#include "tx.h"

/**
 * mqtt_tx_host() - from now on everything for a peer goes to a port
 * @peer: receiver, new or about to be given back; its stream at a packet
 *	border if its connection is to be used any more
 * @port: port; the peer gets a reference of its own
 *
 * Context: the socket is locked if there is one.
 */
void mqtt_tx_host(struct mqtt_peer *peer, struct mqtt_port *port)
{
	struct mqtt_tx *tx = &peer->tx;

	mqtt_port_hold(port);
	spin_lock_bh(&tx->lock);
	mqtt_port_splice(port, &tx->queue);
	tx->port = port;
	/* Without a connection nothing is closed either. */
	tx->closed = false;
	tx->pings = 0;
	tx->pinned = 0;
	WRITE_ONCE(tx->slow, MQTT_TX_SLOW_NOT);
	tx->full_told = false;
	mqtt_pauses_lift(peer);
	spin_unlock_bh(&tx->lock);
	WRITE_ONCE(tx->off, 0);
}

/* From now on a hosted peer has a queue of its own; the port's reader is told. */
static int mqtt_tx_unhost(struct mqtt_peer *peer)
{
	struct mqtt_tx *tx = &peer->tx;
	struct mqtt_port *port;
	int err;

	spin_lock_bh(&tx->lock);
	port = tx->port;
	err = mqtt_port_mark(port, peer->id);
	if (!err) {
		tx->port = NULL;
		tx->full_told = false;
	}
	spin_unlock_bh(&tx->lock);
	if (!err)
		mqtt_port_put(port);
	return err;
}

/**
 * mqtt_tx_begin() - a peer's socket is about to be hooked
 * @peer: receiver; nobody is sending for it
 * @held: nothing is to be sent before mqtt_tx_release()
 *
 * A hosted peer is not hosted any more.
 *
 * Context: process, the socket is locked.
 * Return: 0 or -ENOMEM, and nothing has changed.
 */
int mqtt_tx_begin(struct mqtt_peer *peer, bool held)
{
	struct mqtt_tx *tx = &peer->tx;

	tx->flags = 0;
	tx->held = held;
	tx->user_unseen = held;
	tx->user_open = false;
	tx->user_raw = false;
	tx->user_left = 0;
	tx->user_header_len = 0;
	return tx->port ? mqtt_tx_unhost(peer) : 0;
}

/**
 * mqtt_tx_hold() - from now on the kernel only queues
 * @peer: receiver, offloaded
 *
 * What is in the queue is sent first as far as TCP takes it, and a packet that is
 * half sent is ended.
 *
 * Context: process, the socket locked by lock_sock().
 * Return: 0, or -ENOBUFS if there is no memory to end the packet.
 */
int mqtt_tx_hold(struct mqtt_peer *peer)
{
	int err = mqtt_tx_finish(peer);

	if (!err)
		peer->tx.held = true;
	return err;
}

/**
 * mqtt_tx_release() - the daemon stands between two packets: the kernel may send
 * @peer: receiver, offloaded, held or not
 *
 * Context: process, the socket locked by lock_sock().
 */
void mqtt_tx_release(struct mqtt_peer *peer)
{
	peer->tx.held = false;
	peer->tx.user_unseen = false;
	mqtt_tx_flush(peer);
}
