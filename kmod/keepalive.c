// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients that have fallen silent.
 *
 * A client has to send something within its keep-alive time, and is given up
 * after one and a half times as long (MQTT 3.1.2.10). When it has sent last,
 * TCP knows: so packets cost nothing here, and the timer, when it fires,
 * mostly finds out how much longer to wait.
 *
 * Who is kept waiting is not silent. As long as bytes are there that we or the
 * daemon have not come to, the client's window may be closed; and when they
 * have been read, it needs time to go on. So silence counts from the first look
 * at which it was the client's turn.
 *
 * The timer may be about to run while the socket is given back, or be set by
 * a run that found the socket owned by who gives it back. Therefore it has a
 * reference to the peer and looks, under the socket's lock, whether the socket
 * is hooked still.
 */
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "event.h"
#include "keepalive.h"
#include "peer.h"
#include "router.h"

/* When to look again at a socket that somebody was using. */
#define MQTT_KEEPALIVE_RETRY	(HZ / 20)

static u32 mqtt_keepalive_limit(const struct mqtt_keepalive *ka)
{
	return ka->seconds * (3 * HZ) / 2;
}

static void mqtt_keepalive_arm(struct mqtt_peer *peer, u32 delay)
{
	mqtt_peer_hold(peer);
	if (mod_timer(&peer->keepalive.timer, jiffies + delay))
		mqtt_peer_put(peer);
}

static void mqtt_keepalive_expire(struct mqtt_peer *peer)
{
	struct sock *sk = peer->sk;

	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_KEEP_ALIVE_EXPIRED, 1);
	mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_KEEP_ALIVE);
	WRITE_ONCE(sk->sk_err, ETIMEDOUT);
	sk_error_report(sk);
}

/* How long to wait with the next look; 0 if the time is over. */
static u32 mqtt_keepalive_left(struct mqtt_peer *peer)
{
	struct mqtt_keepalive *ka = &peer->keepalive;
	bool held_up_before = ka->held_up;
	u32 limit = mqtt_keepalive_limit(ka);
	u32 now = tcp_jiffies32;
	u32 idle;

	/* An error that the daemon has not read stands in front of ours. */
	ka->held_up = peer->sk->sk_err || !mqtt_rx_waits_for_peer(peer);
	if (ka->held_up || held_up_before) {
		ka->since = now;
		return limit;
	}
	idle = min(now - ka->since, now - inet_csk(peer->sk)->icsk_ack.lrcvtime);
	return idle < limit ? limit - idle : 0;
}

/* The socket is locked, and not owned by a user. */
static void mqtt_keepalive_look(struct mqtt_peer *peer)
{
	struct sock *sk = peer->sk;
	u32 left;

	/* The daemon has been told of the end of the stream, which is final. */
	if (!peer->hooked || !peer->keepalive.seconds || sock_flag(sk, SOCK_DEAD) ||
	    sk->sk_shutdown & RCV_SHUTDOWN || sk->sk_state == TCP_CLOSE)
		return;
	left = mqtt_keepalive_left(peer);
	if (left)
		mqtt_keepalive_arm(peer, left);
	else
		mqtt_keepalive_expire(peer);
}

static void mqtt_keepalive_timer(struct timer_list *timer)
{
	struct mqtt_peer *peer = from_timer(peer, timer, keepalive.timer);
	struct sock *sk = peer->sk;

	bh_lock_sock(sk);
	if (sock_owned_by_user(sk))
		mqtt_keepalive_arm(peer, MQTT_KEEPALIVE_RETRY);
	else
		mqtt_keepalive_look(peer);
	bh_unlock_sock(sk);
	mqtt_peer_put(peer);
}

/**
 * mqtt_keepalive_init() - prepare the keep-alive of a new peer
 * @ka: keep-alive, zeroed
 * @seconds: what the client has promised, 0 for nothing
 */
void mqtt_keepalive_init(struct mqtt_keepalive *ka, u16 seconds)
{
	timer_setup(&ka->timer, mqtt_keepalive_timer, 0);
	ka->seconds = seconds;
}

/**
 * mqtt_keepalive_start() - begin to watch a peer
 * @peer: peer, hooked
 *
 * Context: the socket is locked.
 */
void mqtt_keepalive_start(struct mqtt_peer *peer)
{
	struct mqtt_keepalive *ka = &peer->keepalive;

	if (!ka->seconds)
		return;
	ka->held_up = false;
	ka->since = tcp_jiffies32;
	mqtt_keepalive_arm(peer, mqtt_keepalive_limit(ka));
}

/**
 * mqtt_keepalive_stop() - watch a peer no more
 * @peer: peer; the caller has a reference
 *
 * Context: the socket is locked. A run that is waiting for the lock does nothing
 * if the peer is not hooked any more, or has no keep-alive.
 */
void mqtt_keepalive_stop(struct mqtt_peer *peer)
{
	if (del_timer(&peer->keepalive.timer))
		mqtt_peer_put(peer);
}

/**
 * mqtt_keepalive_set() - change a peer's keep-alive
 * @peer: peer; its router's lock is held
 * @seconds: from now on, 0 for none
 *
 * Context: process, the socket of one that is not hosted locked.
 */
void mqtt_keepalive_set(struct mqtt_peer *peer, u16 seconds)
{
	WRITE_ONCE(peer->keepalive.seconds, seconds);
	if (mqtt_peer_is_hosted(peer))
		return;
	mqtt_keepalive_stop(peer);
	mqtt_keepalive_start(peer);
}

/* No peer is left, but the timer of the last one may have put it just now. */
void mqtt_keepalive_module_exit(void)
{
	/* A timer runs with bottom halves off. */
	synchronize_rcu();
}
