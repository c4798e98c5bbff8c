// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP's receive queue, as much as others than TCP may know of it: buffers in
 * the order of their sequence numbers, of which those below tp->copied_seq
 * are done with. All functions want the socket locked.
 */
#include <net/sock.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "rxq.h"

static struct sk_buff *mqtt_rxq_next(struct sock *sk, struct sk_buff *skb)
{
	return skb_queue_is_last(&sk->sk_receive_queue, skb) ? NULL :
	       skb_queue_next(&sk->sk_receive_queue, skb);
}

/* Step over the end of buffers, a FIN among them carries no bytes. */
static bool mqtt_cursor_settle(struct mqtt_cursor *cur, struct sock *sk)
{
	while (cur->skb && cur->off >= cur->skb->len) {
		cur->skb = mqtt_rxq_next(sk, cur->skb);
		/* Buffers overlap when a segment was sent again in part. */
		if (cur->skb)
			cur->off = cur->seq - TCP_SKB_CB(cur->skb)->seq;
	}
	return cur->skb;
}

/**
 * mqtt_cursor_init() - find a place in the receive queue
 * @cur: result
 * @sk: locked socket
 * @seq: sequence number of the place, tp->copied_seq or later
 *
 * Return: false if that byte has not arrived.
 */
bool mqtt_cursor_init(struct mqtt_cursor *cur, struct sock *sk, u32 seq)
{
	cur->seq = seq;
	cur->skb = skb_peek(&sk->sk_receive_queue);
	if (!cur->skb)
		return false;
	cur->off = seq - TCP_SKB_CB(cur->skb)->seq;
	return mqtt_cursor_settle(cur, sk);
}

/*
 * skb_copy_bits() for a few bytes: most often they stand in the first piece of
 * the buffer's memory, which is at hand.
 */
static bool mqtt_cursor_bits(const struct mqtt_cursor *cur, u8 *to, u32 len)
{
	const struct sk_buff *skb = cur->skb;
	u32 head = skb_headlen(skb), off = cur->off;
	const u8 *from = skb->data;

	if (off >= head && skb_shinfo(skb)->nr_frags) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[0];

		off -= head;
		head = skb_frag_size(frag);
		/* 6.12 has no page to take an address of in a device's memory. */
		from = mqtt_skb_frags_readable(skb) ? skb_frag_address_safe(frag) : NULL;
	}
	if (unlikely(!from || off > head || len > head - off))
		return !skb_copy_bits(skb, cur->off, to, len);
	memcpy(to, from + off, len);
	return true;
}

/**
 * mqtt_cursor_copy() - copy bytes and move behind them
 * @cur: place
 * @sk: locked socket
 * @to: where to
 * @len: how many
 *
 * Return: bytes copied; fewer if no more have arrived.
 */
u32 mqtt_cursor_copy(struct mqtt_cursor *cur, struct sock *sk, u8 *to, u32 len)
{
	u32 done = 0;

	while (done < len && mqtt_cursor_settle(cur, sk)) {
		u32 n = min(len - done, cur->skb->len - cur->off);

		if (!mqtt_cursor_bits(cur, to + done, n))
			break;
		done += n;
		cur->off += n;
		cur->seq += n;
	}
	return done;
}

/**
 * mqtt_cursor_skip() - move over bytes
 * @cur: place
 * @sk: locked socket
 * @len: how many
 *
 * Return: false if fewer have arrived, or just as many; the place is then
 * unspecified but for its sequence number.
 */
bool mqtt_cursor_skip(struct mqtt_cursor *cur, struct sock *sk, u32 len)
{
	cur->seq += len;
	cur->off += len;
	return mqtt_cursor_settle(cur, sk);
}

/**
 * mqtt_rxq_alloc() - a buffer for mqtt_rxq_unread()
 * @len: bytes
 * @gfp: how to get memory
 *
 * Return: a buffer of @len unset bytes, the caller's, or NULL.
 */
struct sk_buff *mqtt_rxq_alloc(u32 len, gfp_t gfp)
{
	u32 paged = len > SKB_MAX_ORDER(0, 0) ? len : 0;
	struct sk_buff *skb;
	int err;

	skb = alloc_skb_with_frags(len - paged, paged, PAGE_ALLOC_COSTLY_ORDER, &err,
				   gfp | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_put(skb, len - paged);
	skb->data_len = paged;
	skb->len = len;
	return skb;
}

/**
 * mqtt_rxq_charge() - account a buffer for mqtt_rxq_unread() to its socket
 * @sk: locked socket
 * @skb: buffer; freeing it undoes this
 *
 * Return: false if there is no receive memory.
 */
bool mqtt_rxq_charge(struct sock *sk, struct sk_buff *skb)
{
	if (!sk_rmem_schedule(sk, skb, skb->truesize))
		return false;
	skb_set_owner_r(skb, sk);
	return true;
}

/**
 * mqtt_rxq_unread() - put bytes back that have been received last
 * @sk: locked socket
 * @skb: the bytes, charged; the queue's from now on
 * @end: sequence number behind them
 *
 * They are in front of the queue again as if they had never been received.
 */
void mqtt_rxq_unread(struct sock *sk, struct sk_buff *skb, u32 end)
{
	struct tcp_sock *tp = tcp_sk(sk);

	TCP_SKB_CB(skb)->seq = end - skb->len;
	TCP_SKB_CB(skb)->end_seq = end;
	TCP_SKB_CB(skb)->ack_seq = tp->snd_una;
	__skb_queue_head(&sk->sk_receive_queue, skb);
	WRITE_ONCE(tp->copied_seq, end - skb->len);
	/* 6.1 takes the difference for what the application has read. */
	if (before(tp->copied_seq, tp->rcvq_space.seq))
		tp->rcvq_space.seq = tp->copied_seq;
}

static bool mqtt_rxq_fill(struct sk_buff *skb, struct mqtt_cursor *cur, struct sock *sk)
{
	skb_frag_t *frag;
	int i;

	if (mqtt_cursor_copy(cur, sk, skb->data, skb_headlen(skb)) != skb_headlen(skb))
		return false;
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		frag = &skb_shinfo(skb)->frags[i];
		if (mqtt_cursor_copy(cur, sk, skb_frag_address(frag), skb_frag_size(frag)) !=
		    skb_frag_size(frag))
			return false;
	}
	return true;
}

/**
 * mqtt_rxq_compact() - free the memory of bytes that are done with
 * @sk: locked socket, the end of whose stream has not arrived
 *
 * TCP frees buffers only whole, and merges small segments into large buffers.
 * So a few bytes that have to wait may keep the receive window closed for the
 * bytes that they wait for. They get a buffer of their own size.
 *
 * Context: softirq or process.
 * Return: whether that was possible, and of use.
 */
bool mqtt_rxq_compact(struct sock *sk)
{
	/* Less would not be worth the copying, which must not come again at once. */
	int most = atomic_read(&sk->sk_rmem_alloc) - sk->sk_rcvbuf / 8;
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 len = tp->rcv_nxt - tp->copied_seq;
	u32 end = tp->rcv_nxt;
	struct mqtt_cursor cur;
	struct sk_buff *skb;

	if (!len || most < (int)len)
		return false;
	skb = mqtt_rxq_alloc(len, GFP_ATOMIC);
	if (!skb)
		return false;
	if ((int)skb->truesize > most ||
	    !mqtt_rxq_charge(sk, skb) ||
	    !mqtt_cursor_init(&cur, sk, tp->copied_seq) || !mqtt_rxq_fill(skb, &cur, sk)) {
		kfree_skb(skb);
		return false;
	}
	tcp_read_done(sk, len);
	mqtt_rxq_unread(sk, skb, end);
	return true;
}
