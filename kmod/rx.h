/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The receive side of a peer: whose the bytes in TCP's receive queue are.
 */
#ifndef _MQTT_RX_H
#define _MQTT_RX_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/mqtt.h>

#include "pause.h"
#include "rate.h"

struct mqtt_peer;
struct sock;

/* What holds up a publisher whose stream the kernel could frame. */
enum mqtt_rx_wait {
	MQTT_RX_WAIT_NONE,
	MQTT_RX_WAIT_RATE,	/* the next packet is above its rate */
	MQTT_RX_WAIT_PAUSE,	/* a subscriber's queue is long */
};

/**
 * struct mqtt_rx - receive side of a peer
 * @end: sequence number behind the last byte that was left to the daemon; the
 *	bytes from tp->copied_seq to here are its, and none behind it has been
 *	looked at for good
 * @state: enum mqtt_peer_state
 * @wait: enum mqtt_rx_wait; of interest while @state is MQTT_PEER_STATE_FAST. Set,
 *	@work is pending, and there are no bytes of the daemon's
 * @read_lock: serialises the daemon's readers from the look at @end to the end
 *	of TCP's recvmsg
 * @work: frames on when one run had too much to do, or what it waits for may be
 *	over; holds a reference to the peer while pending
 * @deferred: the socket's owner shall frame on in release_cb
 * @rate: how fast the client may publish
 * @pause: for whom it is held up
 *
 * @end, @state, @wait and the counters change under the socket's lock and are read
 * without it by poll.
 */
struct mqtt_rx {
	u32 end;
	u8 state;
	u8 wait;
	bool deferred;
	struct mutex read_lock;	/* see above */
	struct delayed_work work;
	struct mqtt_rate rate;
	struct mqtt_pause pause;

	u64 packets;
	u64 bytes;
	u64 pings;
	u64 slow_packets;
	u64 drop_no_memory;
	u64 drop_denied;
};

/* mqtt_rx_user_bytes(): TCP's recvmsg may do as it likes */
#define MQTT_RX_ALL	SIZE_MAX

void mqtt_rx_init(struct mqtt_rx *rx);
void mqtt_rx_start(struct mqtt_peer *peer, u32 skip);
void mqtt_rx_stop(struct mqtt_peer *peer);
void mqtt_rx_kick(struct mqtt_peer *peer);
bool mqtt_rx_waits(const struct mqtt_peer *peer);
bool mqtt_rx_readable(const struct mqtt_peer *peer);
bool mqtt_rx_waits_for_peer(struct mqtt_peer *peer);
void mqtt_rx_data_ready(struct mqtt_peer *peer);
size_t mqtt_rx_user_bytes(struct mqtt_peer *peer, int flags);
void mqtt_rx_user_done(struct mqtt_peer *peer);
void mqtt_rx_release_cb(struct mqtt_peer *peer);

/* rx_window.c */
bool mqtt_rx_will_fit(struct sock *sk, u32 len);

#endif /* _MQTT_RX_H */
