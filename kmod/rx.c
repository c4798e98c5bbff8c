// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes the kernel's packets off TCP's receive queue and leaves the others.
 *
 *          tp->copied_seq       rx->end            tp->rcv_nxt
 *   taken        | the daemon's bytes | not looked at yet |
 *  --------------+--------------------+-------------------+
 *
 * Only what stands at tp->copied_seq can be taken, so a packet of the
 * kernel's behind bytes that the daemon has not read waits its turn: order is
 * kept, and the receive window, FIN, reset and detach are TCP's own business.
 * Nothing is ever taken in part. A packet that the receive buffer cannot hold
 * whole is therefore the daemon's.
 *
 * Barrier: behind a packet that changes what later ones mean, nothing is
 * looked at until the daemon has read it and comes back for more; by then it
 * has acted on it.
 *
 * Wait: a publisher above its rate, or one that is paused for a subscriber, has
 * a fast packet or the end of one at tp->copied_seq, and nothing is looked at until
 * the time has come: a PINGREQ or the end of the stream behind it neither.
 */
#include <linux/sched/mm.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "event.h"
#include "framing.h"
#include "peer.h"
#include "router.h"
#include "rx.h"
#include "rx_publish.h"
#include "trace.h"

/*
 * What one run may cost before it lets others in: each packet one, and as much
 * for each so many receivers.
 */
#define MQTT_RX_BUDGET		1024
#define MQTT_RX_RECEIVERS	16

/* One run of the framer over the receive queue. */
struct mqtt_rx_run {
	struct mqtt_cursor cur;		/* the next packet */
	struct mqtt_frame frame;
	struct mqtt_frame_rules rules;
	u32 end;			/* rx->end to be */
	u32 taken;			/* bytes from tp->copied_seq on, to be taken off */
	u32 step;			/* bytes to the next packet to look at */
	u32 packets;
	u32 bytes;			/* of them */
	u32 pings;
	u32 cost;
	u32 waits_for;			/* bytes of a packet that is not whole yet */
	bool unknown;			/* whose it is, for so few are its bytes */
};

static void mqtt_rx_count(struct mqtt_peer *peer, unsigned int attr)
{
	mqtt_stats_add(peer->router->stats, attr, 1);
}

/* From here on the stream is the daemon's. */
static void mqtt_rx_give_up(struct mqtt_peer *peer)
{
	WRITE_ONCE(peer->rx.state, MQTT_PEER_STATE_RAW);
}

/* Leave the packet at run->cur to the daemon. */
static void mqtt_rx_leave(struct mqtt_peer *peer, struct mqtt_rx_run *run, bool barrier)
{
	run->end += run->frame.len;
	run->step = run->frame.len;
	mqtt_count(&peer->rx.slow_packets, 1);
	trace_mqtt_slow(peer, &run->frame, barrier);
	mqtt_rx_count(peer, MQTT_A_STATS_RX_SLOW_PACKETS);
	if (barrier) {
		WRITE_ONCE(peer->rx.state, MQTT_PEER_STATE_BARRIER);
		mqtt_rx_count(peer, MQTT_A_STATS_RX_BARRIERS);
	}
}

/* So many bytes from run->cur on are done with. */
static void mqtt_rx_take(struct mqtt_rx_run *run, u32 bytes)
{
	run->end += bytes;
	run->taken += bytes;
	run->step = bytes;
}

/* Is the packet at run->cur behind bytes that the daemon has not read? */
static bool mqtt_rx_not_yet(const struct mqtt_peer *peer, const struct mqtt_rx_run *run)
{
	return run->end != tcp_sk(peer->sk)->copied_seq + run->taken;
}

/*
 * The three that follow return 0, -EAGAIN if bytes are missing, -EBUSY if the packet
 * has to wait, -EBADMSG or -EPROTO.
 */

static int mqtt_rx_slow(struct mqtt_peer *peer, struct mqtt_rx_run *run, bool barrier)
{
	const struct mqtt_frame *frame = &run->frame;
	int err = 0;

	if (run->rules.aliases && mqtt_packet_type(frame->header.byte1) == MQTT_PKT_PUBLISH)
		err = mqtt_rx_publish_seen(peer, frame, run->cur);
	if (err == -EAGAIN)
		run->waits_for = frame->publish_len;
	if (!err)
		mqtt_rx_leave(peer, run, barrier);
	return err;
}

static int mqtt_rx_fast(struct mqtt_peer *peer, struct mqtt_rx_run *run)
{
	const struct mqtt_frame *frame = &run->frame;
	struct mqtt_taken taken = { .packets = 1, .bytes = frame->len };
	int ret;

	if (frame->len <= MQTT_TRAIN_PACKET_MAX)
		ret = mqtt_rx_train(peer, frame, run->cur, &run->rules, &taken);
	else
		ret = mqtt_rx_publish(peer, frame, run->cur);
	if (ret == -EAGAIN)
		run->waits_for = frame->len;
	if (ret == -ENOENT) {
		mqtt_rx_leave(peer, run, true);
		return 0;
	}
	if (ret < 0)
		return ret;
	run->cost += ret / MQTT_RX_RECEIVERS + taken.packets - 1;
	run->packets += taken.packets;
	run->bytes += taken.bytes;
	mqtt_rx_take(run, taken.bytes);
	return 0;
}

static int mqtt_rx_ping(struct mqtt_peer *peer, struct mqtt_rx_run *run)
{
	mqtt_tx_ping(peer);
	run->pings++;
	mqtt_rx_take(run, run->frame.len);
	return 0;
}

/* Handle the packet at run->cur. Returns whether to go on to the next one. */
static bool mqtt_rx_step(struct mqtt_peer *peer, struct mqtt_rx_run *run)
{
	const struct mqtt_frame *frame = &run->frame;
	enum mqtt_frame_kind kind;
	int err = -EBADMSG;

	run->cost++;
	kind = mqtt_frame_look(&run->frame, run->cur, peer->sk, &run->rules);
	switch (kind) {
	case MQTT_FRAME_INCOMPLETE:
		run->waits_for = frame->need;
		run->unknown = !frame->len;
		return false;
	case MQTT_FRAME_SLOW:
	case MQTT_FRAME_BARRIER:
		err = mqtt_rx_slow(peer, run, kind == MQTT_FRAME_BARRIER);
		break;
	case MQTT_FRAME_PING:
		/* The answer is not to come before what the daemon says to those. */
		err = mqtt_rx_not_yet(peer, run) ? mqtt_rx_slow(peer, run, false) :
						   mqtt_rx_ping(peer, run);
		break;
	case MQTT_FRAME_FAST:
		if (mqtt_rx_not_yet(peer, run))
			return false;
		err = mqtt_rx_fast(peer, run);
		break;
	case MQTT_FRAME_MALFORMED:
		break;
	}
	if (err && err != -EAGAIN && err != -EBUSY) {
		mqtt_rx_give_up(peer);
		mqtt_rx_count(peer, MQTT_A_STATS_RX_MALFORMED);
		mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_MALFORMED);
	}
	if (err || peer->rx.state != MQTT_PEER_STATE_FAST || unlikely(peer->rx.wait))
		return false;
	return mqtt_cursor_skip(&run->cur, peer->sk, run->step);
}

/* Take off the queue what has been forwarded. */
static void mqtt_rx_commit(struct mqtt_peer *peer, const struct mqtt_rx_run *run)
{
	if (run->taken) {
		tcp_read_done(peer->sk, run->taken);
		mqtt_count(&peer->rx.packets, run->packets);
		mqtt_count(&peer->rx.bytes, run->bytes);
		mqtt_count(&peer->rx.pings, run->pings);
		mqtt_stats_add(peer->router->stats, MQTT_A_STATS_RX_PACKETS, run->packets);
		mqtt_stats_add(peer->router->stats, MQTT_A_STATS_RX_BYTES, run->bytes);
		mqtt_stats_add(peer->router->stats, MQTT_A_STATS_RX_PINGS, run->pings);
	}
	WRITE_ONCE(peer->rx.end, run->end);
}

/* The packet that is waited for cannot become whole in the queue. */
static void mqtt_rx_no_buffer(struct mqtt_peer *peer, struct mqtt_rx_run *run)
{
	mqtt_rx_count(peer, MQTT_A_STATS_RX_NO_BUFFER);
	if (run->unknown) {
		mqtt_rx_give_up(peer);
		return;
	}
	/* It may be a PUBLISH with a topic alias. */
	mqtt_alias_forget(&peer->aliases);
	mqtt_rx_leave(peer, run, true);
	WRITE_ONCE(peer->rx.end, run->end);
}

/* Have the peer looked at so many jiffies from now, whatever was planned before. */
static void mqtt_rx_schedule(struct mqtt_peer *peer, unsigned long delay)
{
	mqtt_peer_hold(peer);
	if (mod_delayed_work(mqtt_wq, &peer->rx.work, delay))
		mqtt_peer_put(peer);
}

/* How long is what holds the peer up to stay there? In jiffies. */
static unsigned long mqtt_rx_left(struct mqtt_peer *peer)
{
	return peer->rx.wait == MQTT_RX_WAIT_RATE ? mqtt_rate_left(peer) : mqtt_pause_left(peer);
}

/*
 * Is what holds the peer up still there? Then it is looked at again later. That may
 * take the place of a look which somebody else wants at once, for a reason that has come
 * before it: see mqtt_rx_kick(). So the reasons are looked at behind it.
 */
static bool mqtt_rx_still_waits(struct mqtt_peer *peer)
{
	unsigned long left = mqtt_rx_left(peer), later;

	while (left) {
		mqtt_rx_schedule(peer, left);
		later = left;
		left = mqtt_rx_left(peer);
		if (left >= later)
			return true;
	}
	WRITE_ONCE(peer->rx.wait, MQTT_RX_WAIT_NONE);
	return false;
}

/*
 * Look at everything that has arrived and not been looked at.
 *
 * The socket is locked and bottom halves are off. Returns true if the budget
 * ended it and the rest has to be looked at soon.
 */
static bool mqtt_rx_run(struct mqtt_peer *peer)
{
	struct mqtt_rx_run run = { .end = peer->rx.end };
	struct mem_cgroup *old_memcg;
	struct sock *sk = peer->sk;
	bool more;

	if (peer->rx.state == MQTT_PEER_STATE_RAW || READ_ONCE(peer->router->ended))
		return false;
	/* TCP skips the urgent byte as it likes, so no border is certain. */
	if (unlikely(tcp_sk(sk)->urg_data)) {
		mqtt_rx_give_up(peer);
		mqtt_rx_count(peer, MQTT_A_STATS_RX_URGENT);
		mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_URGENT);
		return false;
	}
	/* Nothing can be taken before the daemon's bytes; when it has read them. */
	if (peer->rx.state != MQTT_PEER_STATE_FAST || run.end != tcp_sk(sk)->copied_seq)
		return false;
	if (unlikely(peer->rx.wait) && mqtt_rx_still_waits(peer))
		return false;

	mqtt_rate_begin(peer);
	run.rules.max_packet = READ_ONCE(peer->router->offload_max_packet);
	run.rules.protocol = peer->protocol;
	run.rules.aliases = peer->aliases.max;
	/* The publisher's memory cgroup pays for what it makes the kernel hold. */
	old_memcg = set_active_memcg(mqtt_sk_memcg(sk));
	more = mqtt_cursor_init(&run.cur, sk, run.end);
	while (more && run.cost < MQTT_RX_BUDGET)
		more = mqtt_rx_step(peer, &run);
	set_active_memcg(old_memcg);
	mqtt_rx_commit(peer, &run);
	if (unlikely(peer->rx.wait))
		return !mqtt_rx_still_waits(peer);

	/* What stands behind unread bytes of the daemon's is waited for later. */
	if (run.waits_for && run.end == tcp_sk(sk)->copied_seq &&
	    !mqtt_rx_will_fit(sk, run.waits_for))
		mqtt_rx_no_buffer(peer, &run);
	return more;
}

/**
 * mqtt_rx_kick() - what holds a peer up may have gone
 * @peer: peer, held up or not; the caller has a reference, or the socket has one
 *	that it cannot lose now
 *
 * Context: any but hard interrupt; any lock.
 */
void mqtt_rx_kick(struct mqtt_peer *peer)
{
	mqtt_rx_schedule(peer, 0);
}

/**
 * mqtt_rx_waits() - is a peer held up by its rate or for a subscriber?
 * @peer: peer
 *
 * Bytes may be there then, or the end of the stream, that nobody is to see yet. A
 * connection that is dead, or on which the daemon has said its last, waits for
 * nothing.
 *
 * Context: any, no lock; then the answer may be old as soon as it is given.
 */
bool mqtt_rx_waits(const struct mqtt_peer *peer)
{
	const struct sock *sk = peer->sk;

	return unlikely(READ_ONCE(peer->rx.wait)) &&
	       READ_ONCE(peer->rx.state) == MQTT_PEER_STATE_FAST &&
	       !(READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN) &&
	       inet_sk_state_load(sk) != TCP_CLOSE;
}

/**
 * mqtt_rx_readable() - would the daemon's recv() return something?
 * @peer: whose socket
 *
 * At the end of a barrier packet it would return EAGAIN, but it has to be
 * called.
 *
 * Context: any, no lock; then the answer may be old as soon as it is given.
 */
bool mqtt_rx_readable(const struct mqtt_peer *peer)
{
	const struct tcp_sock *tp = tcp_sk(peer->sk);
	u8 state = READ_ONCE(peer->rx.state);
	u32 copied = READ_ONCE(tp->copied_seq);
	s32 left = READ_ONCE(peer->rx.end) - copied;
	bool data = READ_ONCE(tp->rcv_nxt) != copied;

	switch (state) {
	case MQTT_PEER_STATE_RAW:
		return data;
	case MQTT_PEER_STATE_BARRIER:
		return left <= 0 || data;
	default:
		return left > 0 && data;
	}
}

/**
 * mqtt_rx_waits_for_peer() - is it the client's turn?
 * @peer: peer
 *
 * False while there are bytes that we, or the daemon, have not come to: then
 * the client may be silent because its window is closed. A packet that is there
 * in part is not among them.
 *
 * Context: the socket is locked and not owned by a user.
 */
bool mqtt_rx_waits_for_peer(struct mqtt_peer *peer)
{
	return !work_busy(&peer->rx.work.work) && !mqtt_rx_waits(peer) &&
	       !mqtt_rx_readable(peer);
}

/*
 * Has the connection come to an end that the daemon has to be told of? An error
 * alone is none: the stream goes on behind it.
 */
static bool mqtt_rx_ended(const struct sock *sk)
{
	return sk->sk_shutdown & RCV_SHUTDOWN || sk->sk_state == TCP_CLOSE;
}

/**
 * mqtt_rx_data_ready() - bytes have arrived
 * @peer: whose
 *
 * Context: the socket is locked: its spinlock in softirq, or its owner works
 * off the backlog.
 */
void mqtt_rx_data_ready(struct mqtt_peer *peer)
{
	local_bh_disable();
	if (mqtt_rx_run(peer))
		mqtt_rx_schedule(peer, 0);
	local_bh_enable();
	/* The end of the stream may have had to wait. */
	if (mqtt_rx_readable(peer) || (mqtt_rx_ended(peer->sk) && !mqtt_rx_waits(peer)))
		peer->saved_data_ready(peer->sk);
}

static void mqtt_rx_work(struct work_struct *work)
{
	struct mqtt_peer *peer = container_of(to_delayed_work(work), struct mqtt_peer, rx.work);

	local_bh_disable();
	bh_lock_sock(peer->sk);
	if (sock_owned_by_user(peer->sk))
		WRITE_ONCE(peer->rx.deferred, true);
	else if (peer->hooked)
		mqtt_rx_data_ready(peer);
	bh_unlock_sock(peer->sk);
	local_bh_enable();
	mqtt_peer_put(peer);
}

/**
 * mqtt_rx_release_cb() - the socket's owner lets go of it
 * @peer: whose socket it is
 *
 * Context: as mqtt_tx_release_cb(). Inside TCP's recvmsg the bytes at the head of
 * the queue are the daemon's, and nothing is taken.
 */
void mqtt_rx_release_cb(struct mqtt_peer *peer)
{
	if (likely(!READ_ONCE(peer->rx.deferred)))
		return;
	WRITE_ONCE(peer->rx.deferred, false);
	if (peer->hooked)
		mqtt_rx_data_ready(peer);
}

static size_t mqtt_rx_user_bytes_locked(struct mqtt_peer *peer, int flags)
{
	struct mqtt_rx *rx = &peer->rx;
	struct sock *sk = peer->sk;
	s32 left = rx->end - tcp_sk(sk)->copied_seq;
	bool more;

	if (rx->state == MQTT_PEER_STATE_BARRIER && left <= 0) {
		if (flags & MSG_PEEK)
			return 0;
		WRITE_ONCE(rx->state, MQTT_PEER_STATE_FAST);
	}
	local_bh_disable();
	more = mqtt_rx_run(peer);
	local_bh_enable();
	if (more)
		mqtt_rx_schedule(peer, 0);

	left = rx->end - tcp_sk(sk)->copied_seq;
	if (rx->state != MQTT_PEER_STATE_RAW && left > 0)
		return left;
	if (rx->state == MQTT_PEER_STATE_FAST && mqtt_rx_ended(sk) && !more &&
	    !mqtt_rx_waits(peer))
		mqtt_rx_give_up(peer);	/* what is left will not become whole */
	return rx->state == MQTT_PEER_STATE_RAW ? MQTT_RX_ALL : 0;
}

/**
 * mqtt_rx_user_bytes() - how much may the daemon receive now?
 * @peer: whose socket
 * @flags: MSG_PEEK or not
 *
 * Without MSG_PEEK it ends a barrier whose packet has been read, and lets the
 * kernel take its packets first.
 *
 * Context: process, the socket not locked; rx->read_lock is held, and as long
 * as it is, so many bytes at the head of the receive queue stay the daemon's.
 * Return: bytes, of which some may not have arrived; 0 if there are none;
 * MQTT_RX_ALL if there is no limit, as behind the end of the stream.
 */
size_t mqtt_rx_user_bytes(struct mqtt_peer *peer, int flags)
{
	size_t bytes = MQTT_RX_ALL;

	lock_sock(peer->sk);
	if (peer->hooked)
		bytes = mqtt_rx_user_bytes_locked(peer, flags);
	release_sock(peer->sk);
	return bytes;
}

/**
 * mqtt_rx_user_done() - the daemon has received
 * @peer: whose socket
 *
 * If it has read all of its bytes, the packets behind them are looked at.
 *
 * Context: process, the socket not locked.
 */
void mqtt_rx_user_done(struct mqtt_peer *peer)
{
	lock_sock(peer->sk);
	if (peer->hooked && peer->rx.end == tcp_sk(peer->sk)->copied_seq)
		mqtt_rx_data_ready(peer);
	release_sock(peer->sk);
}

/**
 * mqtt_rx_init() - prepare the receive side of a new peer
 * @rx: receive side, zeroed
 */
void mqtt_rx_init(struct mqtt_rx *rx)
{
	mutex_init(&rx->read_lock);
	INIT_DELAYED_WORK(&rx->work, mqtt_rx_work);
	mqtt_rate_init(&rx->rate);
}

/**
 * mqtt_rx_start() - a peer's socket is hooked, and its stream begins
 * @peer: peer
 * @skip: bytes at the head of the stream that are the daemon's; a barrier
 *
 * Context: the socket is locked.
 */
void mqtt_rx_start(struct mqtt_peer *peer, u32 skip)
{
	/* While it was hosted the client may have told others. */
	mqtt_alias_forget(&peer->aliases);
	mqtt_rate_start(&peer->rx.rate);
	WRITE_ONCE(peer->rx.end, tcp_sk(peer->sk)->copied_seq + skip);
	WRITE_ONCE(peer->rx.state, skip ? MQTT_PEER_STATE_BARRIER : MQTT_PEER_STATE_FAST);
}

/**
 * mqtt_rx_stop() - a peer's socket is given back
 * @peer: peer; the caller has a reference
 *
 * What waits in its receive queue is the daemon's.
 *
 * Context: the socket is locked. A run of the work that is waiting for the lock does
 * nothing if the peer is not hooked any more.
 */
void mqtt_rx_stop(struct mqtt_peer *peer)
{
	if (cancel_delayed_work(&peer->rx.work))
		mqtt_peer_put(peer);
	mqtt_pause_end(peer);
	WRITE_ONCE(peer->rx.wait, MQTT_RX_WAIT_NONE);
}
