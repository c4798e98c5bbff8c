// SPDX-License-Identifier: GPL-2.0-only
/*
 * PUBLISH packets in the receive queue: into a message and on to the route, or
 * for the topic alias of one that is the daemon's.
 *
 * Whatever is decided is decided from a copy, and sent from the same copy: a
 * local sender may still be changing what stands in the queue. So a length
 * that was seen there before says how much to copy, and no more.
 */
#include <linux/slab.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "acl_ask.h"
#include "msg.h"
#include "payload.h"
#include "peer.h"
#include "route.h"
#include "router.h"
#include "trace.h"
#include "rx_publish.h"
#include "translate.h"

/**
 * mqtt_rx_no_memory() - count packets that were lost
 * @peer: their publisher; its socket is locked
 * @packets: how many
 */
void mqtt_rx_no_memory(struct mqtt_peer *peer, u32 packets)
{
	mqtt_count(&peer->rx.drop_no_memory, packets);
	mqtt_trace_drop(peer->router, peer, peer->id, NULL, MQTT_A_STATS_DROP_NO_MEMORY, packets,
			true);
	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_DROP_NO_MEMORY, packets);
}

/* The first @len bytes of the packet at @cur; the head was copied before. */
static bool mqtt_rx_copy_head(u8 *to, u32 len, const struct mqtt_frame *frame,
			      struct mqtt_cursor *cur, struct sock *sk)
{
	u32 rest = len - frame->head_len;

	memcpy(to, frame->head, frame->head_len);
	if (frame->head_len < frame->len && !mqtt_cursor_skip(cur, sk, frame->head_len))
		return false;
	return mqtt_cursor_copy(cur, sk, to + frame->head_len, rest) == rest;
}

/* The payload, which begins at @cur. */
static bool mqtt_rx_copy_payload(struct mqtt_payload *payload, struct mqtt_cursor *cur,
				 struct sock *sk)
{
	u32 i;

	for (i = 0; i < payload->nr; i++) {
		const struct bio_vec *bv = &payload->bv[i];

		if (mqtt_cursor_copy(cur, sk, page_address(bv->bv_page), bv->bv_len) != bv->bv_len)
			return false;
	}
	return true;
}

/*
 * A message for the packet at @cur, all of which has arrived. With a long payload
 * that has not to be copied, if possible: then its payload is there already.
 */
static struct mqtt_msg *mqtt_rx_msg(struct mqtt_peer *peer, const struct mqtt_frame *frame,
				    struct mqtt_cursor cur, bool *shared)
{
	u32 head_len = max_t(u32, frame->head_len, frame->publish_len);
	u32 payload_len = frame->len - head_len;
	struct mqtt_payload *payload = NULL;
	struct mqtt_msg *msg;

	if (payload_len >= MQTT_SHARE_MIN && mqtt_cursor_skip(&cur, peer->sk, head_len))
		payload = mqtt_payload_share(peer->sk, cur, payload_len, &peer->pins, MQTT_RX_GFP);
	*shared = payload;
	if (!payload)
		return mqtt_msg_alloc(frame->len, head_len, peer->protocol, MQTT_RX_GFP);
	msg = mqtt_msg_alloc_with(payload, payload_len, head_len, peer->protocol, MQTT_RX_GFP);
	mqtt_payload_put(payload);
	return msg;
}

/* What is not @shared of it. False if it is not all there. */
static bool mqtt_rx_copy(struct mqtt_msg *msg, const struct mqtt_frame *frame,
			 struct mqtt_cursor *cur, struct sock *sk, bool shared)
{
	return mqtt_rx_copy_head(msg->head, msg->head_len, frame, cur, sk) &&
	       (shared || !msg->payload || mqtt_rx_copy_payload(msg->payload, cur, sk));
}

/* Of the packet only @have bytes are at @head; its header ends there or before. */
static int mqtt_rx_parse(const u8 *head, u32 have, const struct mqtt_frame *frame, u8 protocol,
			 struct mqtt_publish *pub)
{
	u32 body = have - frame->header.size;
	int err;

	err = mqtt_publish_parse(head + frame->header.size, body, frame->header.byte1, protocol,
				 pub);
	if (!err)
		pub->payload_len += frame->header.remaining - body;
	return err;
}

/* Returns 1 if the publisher's rate lets a packet pass, 0 if it was dropped, or -EBUSY. */
static int mqtt_rx_limit(struct mqtt_peer *peer, u32 len)
{
	if (likely(!peer->rx.rate.on) || mqtt_rate_take(&peer->rx.rate, len))
		return 1;
	if (mqtt_rate_waits(peer, len))
		return -EBUSY;
	mqtt_rate_drop(peer, NULL, 0, 1);
	return 0;
}

/* The receivers know nothing of the publisher's aliases: give them the topic. */
static int mqtt_rx_route_alias(struct mqtt_peer *peer, struct mqtt_publication *in,
			       struct mqtt_publish *pub)
{
	int ret = mqtt_alias_apply(&peer->aliases, pub);
	u32 steps = 0;

	if (ret)
		return ret;
	if (unlikely(mqtt_rx_topic_is_daemons(pub->topic, pub->topic_len)))
		return -ENOENT;
	ret = mqtt_rx_limit(peer, in->msg->len);
	if (ret <= 0)
		return ret;
	if (!mqtt_acl_may_publish(peer, pub->topic, pub->topic_len, 1, &steps))
		return steps / MQTT_ROUTE_STEPS;
	in->msg = mqtt_translate(in->msg, pub, in->msg->protocol, MQTT_RX_GFP);
	if (!in->msg) {
		mqtt_rx_no_memory(peer, 1);
		return 0;
	}
	ret = mqtt_route(peer->router, in);
	mqtt_msg_put(in->msg);
	return ret + steps / MQTT_ROUTE_STEPS;
}

static int mqtt_rx_route(struct mqtt_peer *peer, const struct mqtt_publication *in)
{
	u32 steps = 0;
	int ret;

	if (unlikely(mqtt_rx_topic_is_daemons(in->pub->topic, in->pub->topic_len)))
		return -ENOENT;
	ret = mqtt_rx_limit(peer, in->msg->len);
	if (ret <= 0)
		return ret;
	if (!mqtt_acl_may_publish(peer, in->pub->topic, in->pub->topic_len, in->msg->packets,
				  &steps))
		return steps / MQTT_ROUTE_STEPS;
	return mqtt_route(peer->router, in) + steps / MQTT_ROUTE_STEPS;
}

/*
 * Without its header nobody knows. If such a packet was dropped the daemon would not
 * learn the alias, and here it would go on to be that of another topic.
 */
static bool mqtt_rx_may_set_alias(const struct mqtt_peer *peer, const struct mqtt_frame *frame)
{
	const u8 *topic_len = frame->head + frame->header.size;

	return peer->aliases.max && (topic_len[0] || topic_len[1]);
}

/**
 * mqtt_rx_publish() - forward a packet
 * @peer: its publisher
 * @frame: of MQTT_FRAME_FAST
 * @cur: where it begins
 *
 * Context: softirq or process; the socket is locked and bottom halves are off.
 * Return: how many receivers it was for, as a measure of the work done, to which the
 * publisher's sets of rules belong; 0 if there was no memory or it was dropped because of
 * the publisher's rate, too;
 * -EAGAIN if it is not whole; -EBUSY if it has to wait for its rate; -ENOENT if it is
 * the daemon's, because of its topic alias or topic name; -EBADMSG or -EPROTO if it is
 * malformed.
 */
int mqtt_rx_publish(struct mqtt_peer *peer, const struct mqtt_frame *frame,
		    struct mqtt_cursor cur)
{
	struct mqtt_publication in = {
		.source = peer,
		.publisher = peer,
		.last = &peer->match,
	};
	struct mqtt_publish pub;
	struct mqtt_msg *msg;
	bool shared;
	int ret;

	if (tcp_sk(peer->sk)->rcv_nxt - cur.seq < frame->len)
		return -EAGAIN;
	msg = mqtt_rx_msg(peer, frame, cur, &shared);
	if (unlikely(!msg)) {
		if (mqtt_rx_may_set_alias(peer, frame)) {
			mqtt_alias_forget(&peer->aliases);
			return -ENOENT;
		}
		mqtt_rx_no_memory(peer, 1);
		return 0;
	}
	in.msg = msg;
	in.pub = &pub;
	if (!mqtt_rx_copy(msg, frame, &cur, peer->sk, shared))
		ret = -EAGAIN;		/* the last byte counted was a FIN */
	else
		ret = mqtt_rx_parse(msg->head, msg->head_len, frame, msg->protocol, &pub);
	if (!ret && pub.topic_alias)
		ret = mqtt_rx_route_alias(peer, &in, &pub);
	else if (!ret)
		ret = mqtt_rx_route(peer, &in);
	/* One that has to wait will come again. */
	if (shared && ret >= 0)
		mqtt_stats_add(peer->router->stats, MQTT_A_STATS_RX_SHARED_BYTES,
			       msg->len - msg->head_len);
	mqtt_msg_put(msg);
	return ret;
}

/**
 * mqtt_rx_publish_seen() - learn the topic alias of a packet of the daemon's
 * @peer: its publisher, which may use topic aliases
 * @frame: of a PUBLISH, MQTT_FRAME_SLOW or MQTT_FRAME_BARRIER
 * @cur: where it begins
 *
 * Context: as mqtt_rx_publish().
 * Return: 0; -EAGAIN if its header is not whole; -EBADMSG or -EPROTO if it is
 * malformed.
 */
int mqtt_rx_publish_seen(struct mqtt_peer *peer, const struct mqtt_frame *frame,
			 struct mqtt_cursor cur)
{
	u32 len = max_t(u32, frame->head_len, frame->publish_len);
	struct mqtt_publish pub;
	u8 *head;
	int err;

	if (tcp_sk(peer->sk)->rcv_nxt - cur.seq < len)
		return -EAGAIN;
	head = frame->publish_len ? kmalloc(len, MQTT_RX_GFP | __GFP_NOWARN) : NULL;
	if (!head) {
		mqtt_alias_forget(&peer->aliases);
		return 0;
	}
	if (!mqtt_rx_copy_head(head, len, frame, &cur, peer->sk))
		err = -EAGAIN;
	else
		err = mqtt_rx_parse(head, len, frame, peer->protocol, &pub);
	if (!err && pub.topic_alias)
		err = mqtt_alias_apply(&peer->aliases, &pub);
	kfree(head);
	return err == -ENOENT ? 0 : err;
}
