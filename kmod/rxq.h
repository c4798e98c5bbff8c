/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading in TCP's receive queue without taking anything off it, and putting
 * bytes back in front of it.
 */
#ifndef _MQTT_RXQ_H
#define _MQTT_RXQ_H

#include <linux/gfp.h>
#include <linux/types.h>

struct sk_buff;
struct sock;

/**
 * struct mqtt_cursor - a place in a socket's receive queue
 * @skb: buffer that it is in
 * @off: offset in @skb
 * @seq: its sequence number
 *
 * Valid as long as the socket is locked and nothing is taken off the queue.
 */
struct mqtt_cursor {
	struct sk_buff *skb;
	u32 off;
	u32 seq;
};

bool mqtt_cursor_init(struct mqtt_cursor *cur, struct sock *sk, u32 seq);
u32 mqtt_cursor_copy(struct mqtt_cursor *cur, struct sock *sk, u8 *to, u32 len);
bool mqtt_cursor_skip(struct mqtt_cursor *cur, struct sock *sk, u32 len);

struct sk_buff *mqtt_rxq_alloc(u32 len, gfp_t gfp);
bool mqtt_rxq_charge(struct sock *sk, struct sk_buff *skb);
void mqtt_rxq_unread(struct sock *sk, struct sk_buff *skb, u32 end);
bool mqtt_rxq_compact(struct sock *sk);

#endif /* _MQTT_RXQ_H */
