// SPDX-License-Identifier: GPL-2.0-only
/*
 * The daemon's turn on a socket that the kernel sends on as well.
 *
 * Both write whole MQTT packets, so each may begin only where the other has
 * ended one. Where the kernel's end is known; where the daemon's end is found
 * by following the fixed headers in what it writes. The daemon never waits
 * for more than the end of the packet that the kernel has begun; the kernel
 * waits, and its queue grows up to the peer's limit, while the daemon is
 * inside sendmsg or has written a part of a packet.
 */
#include <linux/sched/signal.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "peer.h"
#include "tx.h"

static bool mqtt_tx_user_must_wait(const struct mqtt_peer *peer)
{
	const struct sock *sk = peer->sk;

	return READ_ONCE(peer->tx.off) && READ_ONCE(peer->hooked) && !READ_ONCE(sk->sk_err) &&
	       !(READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN);
}

/* The socket is locked; it is not while we sleep. */
static int mqtt_tx_user_wait(struct mqtt_peer *peer, int flags)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = peer->sk;
	long timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	int err = 0;

	add_wait_queue(sk_sleep(sk), &wait);
	while (mqtt_tx_user_must_wait(peer)) {
		set_bit(MQTT_TX_USER_WANTS, &peer->tx.flags);
		if (!timeo)
			err = -EAGAIN;
		else if (signal_pending(current))
			err = sock_intr_errno(timeo);
		if (err)
			break;
		sk_wait_event(sk, &timeo, !mqtt_tx_user_must_wait(peer), &wait);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return err;
}

/**
 * mqtt_tx_user_begin() - the daemon wants to send
 * @peer: on whose socket
 * @flags: MSG_DONTWAIT or not
 *
 * On success the kernel does not send until mqtt_tx_user_end().
 *
 * Context: process, the socket not locked.
 * Return: 0; -EAGAIN if the kernel, or another thread, is in the middle of a
 * packet and the caller does not want to wait, or waited for SO_SNDTIMEO;
 * -ERESTARTSYS or -EINTR on a signal.
 */
int mqtt_tx_user_begin(struct mqtt_peer *peer, int flags)
{
	struct mqtt_tx *tx = &peer->tx;
	struct sock *sk = peer->sk;
	int err;

	if (flags & MSG_DONTWAIT) {
		if (!mutex_trylock(&tx->user_lock))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&tx->user_lock)) {
		return sock_intr_errno(sock_sndtimeo(sk, 0));
	}

	lock_sock(sk);
	/* What waits for nothing but the tasklet was there before. */
	if (mqtt_queue_hint(tx->queue.entries))
		mqtt_tx_flush(peer);
	err = mqtt_tx_user_wait(peer, flags);
	if (!err) {
		clear_bit(MQTT_TX_USER_WANTS, &tx->flags);
		tx->user_open = true;
	}
	release_sock(sk);

	if (err)
		mutex_unlock(&tx->user_lock);
	return err;
}

/*
 * Follow @n bytes of packets. What is read here a second time may have been
 * changed by the daemon since: then it has broken its own stream, no more.
 */
static void mqtt_tx_user_follow(struct mqtt_tx *tx, struct iov_iter *from, size_t n)
{
	while (n && !tx->user_raw) {
		struct mqtt_fixed_header fh;
		size_t skip = min_t(size_t, n, tx->user_left);
		u8 byte;

		if (skip) {
			iov_iter_advance(from, skip);
			tx->user_left -= skip;
			n -= skip;
			continue;
		}
		if (copy_from_iter(&byte, 1, from) != 1) {
			tx->user_raw = true;
			break;
		}
		tx->user_header[tx->user_header_len++] = byte;
		n--;

		switch (mqtt_fixed_header_parse(tx->user_header, tx->user_header_len, &fh)) {
		case 0:
			tx->user_left = fh.remaining;
			tx->user_header_len = 0;
			break;
		case -EAGAIN:
			break;
		default:
			tx->user_raw = true;
		}
	}
}

/**
 * mqtt_tx_user_end() - the daemon has sent
 * @peer: on whose socket
 * @from: what it wanted to send, from the first byte on; consumed
 * @sent: bytes of it that TCP has taken, 0 on an error
 *
 * Ends what mqtt_tx_user_begin() began.
 *
 * Context: process, the socket not locked.
 */
void mqtt_tx_user_end(struct mqtt_peer *peer, struct iov_iter *from, size_t sent)
{
	struct mqtt_tx *tx = &peer->tx;
	struct sock *sk = peer->sk;

	/* Where the packets begin that go before the kernel's first is not known. */
	if (!READ_ONCE(tx->user_unseen))
		mqtt_tx_user_follow(tx, from, sent);

	lock_sock(sk);
	tx->user_open = tx->user_raw || tx->user_left || tx->user_header_len;
	if (!tx->user_open && mqtt_queue_hint(tx->queue.entries))
		set_bit(MQTT_TX_DEFERRED, &tx->flags);
	release_sock(sk);
	mutex_unlock(&tx->user_lock);
}
