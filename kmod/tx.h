/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The transmit side of a peer: its queue, and whose turn it is on its socket.
 */
#ifndef _MQTT_TX_H
#define _MQTT_TX_H

#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <mqtt/wire.h>

#include "pause.h"
#include "queue.h"

struct mqtt_msg;
struct mqtt_peer;
struct mqtt_port;
struct sock;

/* Bits of struct mqtt_tx.flags */
enum mqtt_tx_flag {
	MQTT_TX_DIRTY,		/* on a CPU's list of peers to be sent for */
	MQTT_TX_BLOCKED,	/* waits for write_space or the retry work */
	MQTT_TX_DEFERRED,	/* its socket's owner shall send in release_cb */
	MQTT_TX_USER_WANTS,	/* the daemon waits for the kernel's packet to end */
};

/* The policy "disconnect", see tx_slow.c */
enum mqtt_tx_slow {
	MQTT_TX_SLOW_NOT,
	MQTT_TX_SLOW_FOUND,	/* its socket is to get the error */
	MQTT_TX_SLOW_TOLD,	/* and has got it */
};

/**
 * struct mqtt_tx - transmit side of a peer
 * @lock: protects the queue: what follows, down to @port; taken before a port's
 * @queue: what is to be sent
 * @max_packet: longest packet that the client takes
 * @pings: PINGRESPs in @queue, which no limit counts
 * @slow: enum mqtt_tx_slow; if it is, nothing may be queued either
 * @pinned: entries at the head of @queue that the kernel is sending, or has
 *	sent in part: they stay where they are
 * @full_told: that the queue is full has been told since it became empty
 * @port: where everything goes instead if the peer is hosted, held
 * @closed: nothing may be queued any more
 * @pauses: publishers that wait for the queue; also under @lock
 * @flags: enum mqtt_tx_flag
 * @dirty: link in a CPU's list, owned by whoever set MQTT_TX_DIRTY
 * @work: sends in process context, holds a reference to the peer while pending
 * @user_lock: serialises the daemon's senders, held while one sends
 * @off: bytes of the first message that TCP has taken; not zero means that a
 *	kernel packet is open and the daemon has to wait
 * @held: the daemon keeps the socket to itself (tx-hold)
 * @user_unseen: it has done so since the attach: where its packets begin is unknown
 * @running: the kernel is sending; release_cb must not begin again
 * @user_open: the daemon is sending or stands in the middle of a packet
 * @user_raw: what the daemon sends is not MQTT, so no border can be found
 * @user_left: bytes that the daemon's packet still lacks behind its header
 * @user_header_len: bytes in @user_header
 * @user_header: a fixed header that the daemon has sent in part
 * @sent_packets: packets that TCP has taken whole
 * @sent_bytes: their bytes
 * @drop_queue_full: not queued, the peer's limit; under @lock
 * @drop_no_memory: not queued, no memory; under @lock
 * @drop_too_large: not queued, @max_packet; under @lock
 * @drop_old: removed for newer ones; under @lock
 * @drop_conflated: replaced by newer ones of their topics; under @lock
 * @drop_slow: not queued, or removed, as it is too slow; under @lock
 * @drop_router_full: not queued, the router's limit; under @lock
 * @drop_denied: not for it, as its sets of rules say; under @lock
 *
 * @off, @held, @user_unseen, @running, @user_open and @sent_* change under the socket's lock;
 * @user_raw, @user_left and @user_header* belong to the holder of @user_lock.
 */
struct mqtt_tx {
	spinlock_t lock;	/* see above */
	bool closed;
	u8 slow;
	bool full_told;
	u8 pings;
	u32 pinned;
	u32 max_packet;
	struct mqtt_queue queue;
	struct mqtt_port *port;
	struct mqtt_pauses pauses;

	unsigned long flags;
	struct llist_node dirty;
	struct delayed_work work;

	struct mutex user_lock;	/* see above */
	u32 off;
	bool held;
	bool user_unseen;
	bool running;
	bool user_open;
	bool user_raw;
	u8 user_header_len;
	u8 user_header[MQTT_FIXED_HEADER_MAX];
	u32 user_left;

	u64 sent_packets;
	u64 sent_bytes;
	u64 drop_queue_full;
	u64 drop_no_memory;
	u64 drop_too_large;
	u64 drop_old;
	u64 drop_conflated;
	u64 drop_slow;
	u64 drop_router_full;
	u64 drop_denied;
};

int mqtt_tx_module_init(void);
void mqtt_tx_module_exit(void);

void mqtt_tx_init(struct mqtt_tx *tx, struct mqtt_memory *memory, u32 max_packet);
void mqtt_tx_close(struct mqtt_peer *peer);
void mqtt_tx_make_dirty(struct mqtt_peer *peer);
void mqtt_tx_wake(struct mqtt_peer *peer);
void mqtt_tx_retry(struct mqtt_peer *peer);

int mqtt_tx_flush(struct mqtt_peer *peer);
int mqtt_tx_finish(struct mqtt_peer *peer);
void mqtt_tx_write_space(struct mqtt_peer *peer);
void mqtt_tx_release_cb(struct mqtt_peer *peer);

/* tx_enqueue.c */
extern struct mqtt_msg *mqtt_tx_pingresp;
int mqtt_tx_enqueue_init(void);
void mqtt_tx_enqueue_exit(void);
bool mqtt_tx_enqueue(struct mqtt_peer *peer, struct mqtt_msg *msg, u32 packets);
void mqtt_tx_too_large(struct mqtt_peer *peer, const struct mqtt_msg *msg, u32 packets);
void mqtt_tx_denied(struct mqtt_peer *peer, const struct mqtt_msg *msg, u32 packets);
void mqtt_tx_ping(struct mqtt_peer *peer);

/* tx_host.c */
void mqtt_tx_host(struct mqtt_peer *peer, struct mqtt_port *port);
int mqtt_tx_begin(struct mqtt_peer *peer, bool held);
int mqtt_tx_hold(struct mqtt_peer *peer);
void mqtt_tx_release(struct mqtt_peer *peer);

/* tx_slow.c */
void mqtt_tx_slow_report(struct mqtt_peer *peer);

/* tx_user.c */
int mqtt_tx_user_begin(struct mqtt_peer *peer, int flags);
void mqtt_tx_user_end(struct mqtt_peer *peer, struct iov_iter *from, size_t sent);

#endif /* _MQTT_TX_H */
