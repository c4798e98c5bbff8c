// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receive window of a publisher whose next packet is there in part.
 *
 * What is there stays in the receive queue, with all of the buffers that it is in, and
 * TCP knows nothing of the rest that is waited for. It opens the window for a reader
 * who reads everything that there is.
 */
#include <net/sock.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "rx.h"
#include "rxq.h"

/*
 * As tcp_set_rcvlowat() does, let the buffer grow: to twice what is needed,
 * because a packet that arrives in small segments takes more than its bytes.
 */
static void mqtt_rx_grow(struct sock *sk, u32 len)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int space;

	len *= 2;
	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK || tcp_full_space(sk) >= len)
		return;
	space = mqtt_space_from_win(sk, len);
	if (space <= sk->sk_rcvbuf || space > READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_rmem[2]))
		return;
	WRITE_ONCE(sk->sk_rcvbuf, space);
	if (tp->window_clamp && tp->window_clamp < len)
		WRITE_ONCE(tp->window_clamp, len);
}

/* Will TCP, as __tcp_select_window() sees it, open a window at all? */
static bool mqtt_rx_has_space(const struct sock *sk, int full)
{
	int mss = min_t(int, inet_csk(sk)->icsk_ack.rcv_mss, full);
	int space = round_down(tcp_space(sk), 1 << tcp_sk(sk)->rx_opt.rcv_wscale);

	return space >= full / 2 || (space >= full / 16 && space >= mss);
}

/*
 * The sender may wait until there is room for a segment, however little the packet
 * lacks. A segment is not longer than we have said, nor, as tcp_bound_to_half_wnd() has
 * it, than the half of the window at its largest.
 */
static int mqtt_rx_segment(const struct sock *sk, int full)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	int half = min_t(int, full, tp->window_clamp) / 2;

	return min_t(int, tp->advmss, max_t(int, half, inet_csk(sk)->icsk_ack.rcv_mss));
}

/* Would it open one of so many bytes? */
static bool mqtt_rx_may_open(const struct sock *sk, int full, int bytes)
{
	return tcp_space(sk) >= bytes && mqtt_rx_has_space(sk, full);
}

/*
 * Have the window opened so far, if possible. TCP itself tells a sender of more room only
 * if that is twice what the sender knows of, or when an acknowledgement is due. That is
 * enough for a reader who leaves nothing behind; but a few bytes that have to wait keep
 * all of the buffer that they are in.
 */
static bool mqtt_rx_open_window(struct sock *sk, int full, int bytes)
{
	if (!mqtt_rx_may_open(sk, full, bytes) &&
	    (!mqtt_rxq_compact(sk) || !mqtt_rx_may_open(sk, full, bytes)))
		return false;
	/* to take bytes off the queue may have done it */
	if (tcp_receive_window(tcp_sk(sk)) < bytes)
		mqtt_tcp_send_ack(sk);
	return true;
}

/**
 * mqtt_rx_will_fit() - will a packet become whole in the receive queue?
 * @sk: socket
 * @len: bytes of the packet, of which some are in the queue, and nothing else is
 *
 * If the window is about to close on it the sender would wait for us, and we for the
 * sender. So it is opened, if possible.
 *
 * Context: softirq or process; the socket is locked.
 */
bool mqtt_rx_will_fit(struct sock *sk, u32 len)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 have = tp->rcv_nxt - tp->copied_seq;
	int full, segment;

	mqtt_rx_grow(sk, len);
	full = tcp_full_space(sk);
	if (full < len)
		return false;
	/* What is in the backlog counts as used, and will be looked at soon. */
	if (READ_ONCE(sk->sk_backlog.tail) || sk->sk_shutdown & RCV_SHUTDOWN)
		return true;
	segment = mqtt_rx_segment(sk, full);
	if (tcp_receive_window(tp) >= segment || mqtt_rx_open_window(sk, full, segment))
		return true;
	return tcp_receive_window(tp) >= len - min(have, len) || mqtt_rx_has_space(sk, full);
}
