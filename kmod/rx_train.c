// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trains: short PUBLISH packets to one topic that stand behind one another in
 * the receive queue become one message, which is matched, queued and sent once
 * for all of them. Publishers that write in batches, and those that are faster
 * than their receivers, make many.
 *
 * The bytes are copied once, into memory of this CPU, and everything is decided
 * there: a local sender may still be changing what stands in the queue.
 *
 * A rate is one of packets: a train is cut where it says so.
 */
#include <net/sock.h>
#include <net/tcp.h>

#include "acl_ask.h"
#include "msg.h"
#include "peer.h"
#include "route.h"
#include "router.h"
#include "rx_publish.h"

/*
 * Bytes behind the first packet that are copied with it, to see whether the next one
 * goes with it. Where topics alternate most packets are alone.
 */
#define MQTT_TRAIN_AHEAD	64u
static_assert(MQTT_TRAIN_PACKET_MAX + MQTT_TRAIN_AHEAD <= MQTT_TRAIN_MAX);

/* Whoever uses it has bottom halves off. */
struct mqtt_train_buf {
	u8 bytes[MQTT_TRAIN_MAX];
};

static DEFINE_PER_CPU(struct mqtt_train_buf, mqtt_train_bufs);

/* What has been found in the buffer. */
struct mqtt_train {
	const u8 *buf;
	u32 have;
	u32 len;		/* bytes of the packets found so far */
	u32 packets;
	u32 longest;
	struct mqtt_publish first;
};

/* Is this the header of a PUBLISH that is the kernel's, all of it there? */
static bool mqtt_train_header(const u8 *p, u32 left, u32 max_packet,
			      struct mqtt_fixed_header *fh)
{
	if (left < 2 || p[0] != MQTT_PKT_PUBLISH << 4)
		return false;
	if (mqtt_fixed_header_parse(p, left, fh) || mqtt_fixed_header_padded(p, fh))
		return false;
	return fh->remaining <= left - fh->size && fh->size + fh->remaining <= max_packet;
}

/* Length of the packet behind those found, or 0 if it cannot be one of them. */
static u32 mqtt_train_next(const struct mqtt_train *train, const struct mqtt_frame_rules *rules)
{
	const struct mqtt_publish *first = &train->first;
	const u8 *p = train->buf + train->len;
	struct mqtt_fixed_header fh;
	struct mqtt_publish pub;
	const u8 *body;

	if (!mqtt_train_header(p, train->have - train->len, rules->max_packet, &fh))
		return 0;
	body = p + fh.size;
	if (fh.remaining < 2 + first->topic_len ||
	    (body[0] << 8 | body[1]) != first->topic_len ||
	    memcmp(body + 2, first->topic, first->topic_len))
		return 0;
	/* The same topic name is as valid as the first one. */
	if (rules->protocol == MQTT_PROTOCOL_V5 &&
	    (mqtt_publish_parse(body, fh.remaining, p[0], rules->protocol, &pub) ||
	     pub.topic_alias))
		return 0;
	return fh.size + fh.remaining;
}

/* Does the packet behind the first look, as far as it is there, as if it went with it? */
static bool mqtt_train_goes_on(const struct mqtt_train *train)
{
	const struct mqtt_publish *first = &train->first;
	const u8 *p = train->buf + train->len;
	u32 left = train->have - train->len;
	u32 topic;

	if (left < 4 || p[0] != MQTT_PKT_PUBLISH << 4)
		return false;
	/* behind a Remaining Length of one byte or two, and the length of the topic */
	topic = p[1] & 0x80 ? 5 : 4;
	return left > topic && (p[topic - 2] << 8 | p[topic - 1]) == first->topic_len &&
	       !memcmp(p + topic, first->topic, min_t(u32, left - topic, first->topic_len));
}

static void mqtt_train_find(struct mqtt_train *train, const struct mqtt_frame_rules *rules)
{
	u32 len;

	while (train->packets < MQTT_TRAIN_PACKETS_MAX) {
		len = mqtt_train_next(train, rules);
		if (!len)
			break;
		train->len += len;
		train->packets++;
		train->longest = max(train->longest, len);
	}
}

/* Length of the packet at @off, one of those found */
static u32 mqtt_train_packet_len(const struct mqtt_train *train, u32 off)
{
	struct mqtt_fixed_header fh = {};

	mqtt_fixed_header_parse(train->buf + off, train->have - off, &fh);
	return fh.size + fh.remaining;
}

/*
 * The publisher has a rate. Leaves in the train the packets that may go, the first
 * ones or none, and sets what is done with: these, and those behind them that are
 * dropped. Returns 0, or -EBUSY if the first packet has to wait.
 */
static int mqtt_train_limit(struct mqtt_peer *peer, struct mqtt_train *train,
			    struct mqtt_taken *taken)
{
	u32 found = train->packets, off = 0, n = 0, len = 0;
	struct mqtt_rate *rate = &peer->rx.rate;

	train->longest = 0;
	for (; n < found; n++, off += len) {
		len = mqtt_train_packet_len(train, off);
		if (!mqtt_rate_take(rate, len))
			break;
		train->longest = max(train->longest, len);
	}
	train->packets = n;
	train->len = off;
	*taken = (struct mqtt_taken){ .packets = n, .bytes = off };
	if (n == found)
		return 0;
	if (mqtt_rate_waits(peer, len))
		return n ? 0 : -EBUSY;
	do {
		off += len;
		if (++n < found)
			len = mqtt_train_packet_len(train, off);
	} while (n < found && !mqtt_rate_lets(rate, len));
	mqtt_rate_drop(peer, train->first.topic, train->first.topic_len, n - taken->packets);
	*taken = (struct mqtt_taken){ .packets = n, .bytes = off };
	return 0;
}

/* The view of the first packet, in the message instead of the buffer. */
static void mqtt_train_rebase(struct mqtt_train *train, const struct mqtt_msg *msg)
{
	struct mqtt_publish *pub = &train->first;

	pub->topic = msg->head + (pub->topic - train->buf);
	pub->payload = msg->head + (pub->payload - train->buf);
	if (pub->props.block)
		pub->props.block = msg->head + (pub->props.block - train->buf);
}

static int mqtt_train_route(struct mqtt_peer *peer, struct mqtt_train *train)
{
	struct mqtt_publication in = {
		.source = peer,
		.publisher = peer,
		.last = &peer->match,
	};
	u32 steps = 0;
	int receivers;

	if (!mqtt_acl_may_publish(peer, train->first.topic, train->first.topic_len,
				  train->packets, &steps))
		return steps / MQTT_ROUTE_STEPS;
	in.msg = mqtt_msg_alloc(train->len, train->len, peer->protocol, MQTT_RX_GFP);
	if (unlikely(!in.msg)) {
		mqtt_rx_no_memory(peer, train->packets);
		return 0;
	}
	memcpy(in.msg->head, train->buf, train->len);
	in.msg->packets = train->packets;
	in.msg->longest = train->longest;
	mqtt_train_rebase(train, in.msg);
	in.pub = &train->first;
	receivers = mqtt_route(peer->router, &in);
	mqtt_msg_put(in.msg);
	return receivers + steps / MQTT_ROUTE_STEPS;
}

/**
 * mqtt_rx_train() - forward a short packet, and those behind it that go with it
 * @peer: its publisher
 * @frame: of MQTT_FRAME_FAST, at most MQTT_TRAIN_PACKET_MAX bytes
 * @cur: where it begins
 * @rules: of the connection
 * @taken: result: packets and bytes that are done with; valid unless an errno
 *	is returned
 *
 * Context: softirq or process; the socket is locked and bottom halves are off.
 * Return: as mqtt_rx_publish().
 */
int mqtt_rx_train(struct mqtt_peer *peer, const struct mqtt_frame *frame,
		  struct mqtt_cursor cur, const struct mqtt_frame_rules *rules,
		  struct mqtt_taken *taken)
{
	u32 ahead = frame->len + MQTT_TRAIN_AHEAD;
	u8 *buf = this_cpu_ptr(&mqtt_train_bufs)->bytes;
	struct mqtt_cursor begin = cur;
	struct mqtt_train train;
	int err;

	if (tcp_sk(peer->sk)->rcv_nxt - cur.seq < frame->len)
		return -EAGAIN;
	*taken = (struct mqtt_taken){ .packets = 1, .bytes = frame->len };
	train.have = mqtt_cursor_copy(&cur, peer->sk, buf, ahead);
	if (train.have < frame->len)
		return -EAGAIN;		/* the last byte counted was a FIN */
	/* What has been looked at already counts as it was then. */
	memcpy(buf, frame->head, frame->head_len);
	err = mqtt_publish_parse(buf + frame->header.size, frame->header.remaining,
				 frame->header.byte1, rules->protocol, &train.first);
	if (err)
		return err;
	if (unlikely(train.first.topic_alias))
		return mqtt_rx_publish(peer, frame, begin);
	if (unlikely(mqtt_rx_topic_is_daemons(train.first.topic, train.first.topic_len)))
		return -ENOENT;

	train.buf = buf;
	train.len = frame->len;
	train.packets = 1;
	train.longest = frame->len;
	if (train.have == ahead && mqtt_train_goes_on(&train))
		train.have += mqtt_cursor_copy(&cur, peer->sk, buf + ahead, MQTT_TRAIN_MAX - ahead);
	mqtt_train_find(&train, rules);
	*taken = (struct mqtt_taken){ .packets = train.packets, .bytes = train.len };
	if (unlikely(peer->rx.rate.on)) {
		err = mqtt_train_limit(peer, &train, taken);
		if (err || !train.packets)
			return err;
	}
	return mqtt_train_route(peer, &train);
}
