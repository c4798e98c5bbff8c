// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the framer, on receive queues that are made by hand: packets cut into
 * buffers at every byte, buffers that overlap, that hold pages, that are partly
 * done with.
 */
#include <kunit/test.h>
#include <net/tcp.h>

#include "../framing.h"

#define SEQ	0xfffffff0u	/* numbers wrap around in the middle of a packet */

struct queue {
	struct tcp_sock tp;	/* as much of a socket as the framer looks at */
	u32 seq;
};

static struct sock *queue_sk(struct queue *q)
{
	return (struct sock *)&q->tp;
}

static void queue_purge(void *arg)
{
	struct queue *q = arg;

	__skb_queue_purge(&queue_sk(q)->sk_receive_queue);
}

static void queue_empty(struct queue *q)
{
	queue_purge(q);
	q->seq = SEQ;
}

static struct queue *queue_new(struct kunit *test)
{
	struct queue *q = kunit_kzalloc(test, sizeof(*q), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, q);
	skb_queue_head_init(&queue_sk(q)->sk_receive_queue);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, queue_purge, q), 0);
	q->seq = SEQ;
	return q;
}

/* One buffer more, of which the first @again bytes are those before it. */
static void queue_add(struct kunit *test, struct queue *q, const u8 *bytes, u32 len, u32 again)
{
	struct sk_buff *skb = mqtt_rxq_alloc(again + len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_ASSERT_EQ(test, skb_store_bits(skb, 0, bytes - again, again + len), 0);
	TCP_SKB_CB(skb)->seq = q->seq - again;
	q->seq += len;
	TCP_SKB_CB(skb)->end_seq = q->seq;
	__skb_queue_tail(&queue_sk(q)->sk_receive_queue, skb);
}

static enum mqtt_frame_kind look(struct queue *q, u32 seq, const struct mqtt_frame_rules *rules,
				 struct mqtt_frame *frame)
{
	struct mqtt_cursor cur;

	memset(frame, 0xa5, sizeof(*frame));
	if (!mqtt_cursor_init(&cur, queue_sk(q), seq))
		return MQTT_FRAME_INCOMPLETE;
	return mqtt_frame_look(frame, cur, queue_sk(q), rules);
}

/* Who gets what, for each protocol version; 'a' is a 5.0 client with aliases */
static const struct frame_case {
	const char *what;
	const char *bytes;
	size_t len;
	const char *kinds;	/* of 3.1.1, of 5.0, with aliases: fsbpmi */
	u8 publish_len[3];	/* likewise */
} cases[] = {
#define PACKET(s) s, sizeof(s) - 1
	{ "CONNECT", PACKET("\x10\x02xy"), "sss" },
	{ "type 0", PACKET("\x00\x00"), "mmm" },
	{ "AUTH", PACKET("\xf0\x00"), "mss" },
	{ "SUBSCRIBE", PACKET("\x82\x02xy"), "bbb" },
	{ "UNSUBSCRIBE", PACKET("\xa2\x02xy"), "bbb" },
	{ "DISCONNECT", PACKET("\xe0\x00"), "bbb" },
	{ "PUBACK", PACKET("\x40\x02\x00\x01"), "sss" },
	{ "PINGREQ", PACKET("\xc0\x00"), "ppp" },
	{ "PINGREQ with a body", PACKET("\xc0\x01x"), "mmm" },
	{ "PINGREQ, length padded", PACKET("\xc0\x80\x00"), "sss" },
	{ "a length of five bytes", PACKET("\x30\x80\x80\x80\x80\x00"), "mmm" },
	{ "QoS 0", PACKET("\x30\x06\x00\x01t\x00xy"), "fff", { 5, 6, 6 } },
	{ "QoS 0, properties", PACKET("\x30\x08\x00\x01t\x02\x01\x01xy"), "fff", { 5, 8, 8 } },
	{ "QoS 0, nothing else", PACKET("\x30\x03\x00\x01t"), "fmm", { 5, 0, 0 } },
	{ "only an alias", PACKET("\x30\x06\x00\x00\x03\x23\x00\x01"), "fff", { 4, 8, 8 } },
	{ "length padded", PACKET("\x30\x86\x00\x00\x01t\x00xy"), "bbb", { 0, 0, 7 } },
	{ "retained", PACKET("\x31\x06\x00\x01t\x00xy"), "bbb", { 0, 0, 6 } },
	{ "QoS 1", PACKET("\x32\x08\x00\x01t\x00\x01\x00xy"), "sss", { 0, 0, 8 } },
	{ "QoS 2, properties", PACKET("\x34\x08\x00\x01t\x00\x01\x02\x01\x01"), "sss",
	  { 0, 0, 10 } },
	{ "QoS 1 without an end", PACKET("\x32\x05\x00\x01t\x00\x01"), "ssm" },
	{ "QoS 3", PACKET("\x36\x06\x00\x01t\x00\x01\x00"), "mmm" },
	{ "DUP at QoS 0", PACKET("\x38\x04\x00\x01t\x00"), "mmm" },
	{ "empty PUBLISH", PACKET("\x30\x00"), "mmm" },
	{ "half a topic length", PACKET("\x30\x01\x00"), "mmm" },
	{ "topic beyond the packet", PACKET("\x30\x04\x00\x03tu"), "mmm" },
	{ "properties beyond the packet", PACKET("\x30\x05\x00\x01t\x03\x01"), "fmm", { 5 } },
	{ "half a Property Length", PACKET("\x30\x04\x00\x01t\x80"), "fmm", { 5 } },
	{ "Property Length of five bytes", PACKET("\x30\x08\x00\x01t\x80\x80\x80\x80\x00"), "fmm",
	  { 5 } },
	{ "too long for the fast path", PACKET("\x30\x12\x00\x01t\x00" "fourteen bytes"), "bbb",
	  { 0, 0, 6 } },
};

static const struct mqtt_frame_rules rules[] = {
	{ .max_packet = 19, .protocol = MQTT_PROTOCOL_V311 },
	{ .max_packet = 19, .protocol = MQTT_PROTOCOL_V5 },
	{ .max_packet = 19, .protocol = MQTT_PROTOCOL_V5, .aliases = true },
};

static enum mqtt_frame_kind kind_of(char c)
{
	switch (c) {
	case 'f':
		return MQTT_FRAME_FAST;
	case 's':
		return MQTT_FRAME_SLOW;
	case 'b':
		return MQTT_FRAME_BARRIER;
	case 'p':
		return MQTT_FRAME_PING;
	default:
		return MQTT_FRAME_MALFORMED;
	}
}

static void check_frame(struct kunit *test, struct queue *q, const struct frame_case *c,
			unsigned int way)
{
	struct mqtt_frame frame;
	enum mqtt_frame_kind kind = look(q, SEQ, &rules[way], &frame);

	KUNIT_EXPECT_EQ_MSG(test, kind, kind_of(c->kinds[way]), "%s, %u", c->what, way);
	if (kind == MQTT_FRAME_MALFORMED || kind == MQTT_FRAME_INCOMPLETE)
		return;
	KUNIT_EXPECT_EQ_MSG(test, frame.len, c->len, "%s, %u", c->what, way);
	KUNIT_EXPECT_EQ_MSG(test, frame.publish_len, c->publish_len[way], "%s, %u", c->what, way);
	KUNIT_EXPECT_MEMEQ(test, frame.head, c->bytes, frame.head_len);
}

/* For each packet and each way to look at it, two bytes behind it. */
static void each_packet(struct kunit *test,
			void (*fill)(struct kunit *test, struct queue *q, const u8 *bytes, u32 len))
{
	struct queue *q = queue_new(test);
	size_t i, way;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u8 bytes[32];

		memcpy(bytes, cases[i].bytes, cases[i].len);
		memset(bytes + cases[i].len, 0xff, 2);
		fill(test, q, bytes, cases[i].len + 2);
		for (way = 0; way < ARRAY_SIZE(rules); way++)
			check_frame(test, q, &cases[i], way);
		queue_empty(q);
	}
}

static void fill_whole(struct kunit *test, struct queue *q, const u8 *bytes, u32 len)
{
	queue_add(test, q, bytes, len, 0);
}

static void in_one_buffer(struct kunit *test)
{
	each_packet(test, fill_whole);
}

static void fill_bytes(struct kunit *test, struct queue *q, const u8 *bytes, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		queue_add(test, q, bytes + i, 1, 0);
}

static void a_buffer_per_byte(struct kunit *test)
{
	each_packet(test, fill_bytes);
}

/* What was sent again overlaps what had arrived. */
static void fill_overlapping(struct kunit *test, struct queue *q, const u8 *bytes, u32 len)
{
	u32 i;

	for (i = 0; i < len; i += 2)
		queue_add(test, q, bytes + i, min(len - i, 2u), min(i, 3u));
}

static void overlapping_buffers(struct kunit *test)
{
	each_packet(test, fill_overlapping);
}

/* In two at every place; and the first part alone never decides otherwise. */
static void cut_everywhere(struct kunit *test)
{
	struct queue *q = queue_new(test);
	struct mqtt_frame frame;
	size_t i, way, cut;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct frame_case *c = &cases[i];

		for (cut = 1; cut < c->len; cut++) {
			queue_add(test, q, c->bytes, cut, 0);
			for (way = 0; way < ARRAY_SIZE(rules); way++) {
				enum mqtt_frame_kind kind = look(q, SEQ, &rules[way], &frame);

				if (kind == MQTT_FRAME_INCOMPLETE)
					KUNIT_EXPECT_GT_MSG(test, frame.need, cut, "%s", c->what);
				else
					check_frame(test, q, c, way);
			}
			queue_add(test, q, c->bytes + cut, c->len - cut, 0);
			for (way = 0; way < ARRAY_SIZE(rules); way++)
				check_frame(test, q, c, way);
			queue_empty(q);
		}
	}
}

/* Nothing there, or nothing behind what is done with */
static void no_bytes(struct kunit *test)
{
	struct queue *q = queue_new(test);
	struct mqtt_frame frame;

	KUNIT_EXPECT_EQ(test, look(q, SEQ, &rules[0], &frame), MQTT_FRAME_INCOMPLETE);
	queue_add(test, q, "\xc0\x00", 2, 0);
	KUNIT_EXPECT_EQ(test, look(q, SEQ + 2, &rules[0], &frame), MQTT_FRAME_INCOMPLETE);
	KUNIT_EXPECT_EQ(test, look(q, SEQ, &rules[0], &frame), MQTT_FRAME_PING);
}

/*
 * A header as long as the kernel looks at, and a byte longer, over many buffers,
 * some of them in pages, behind bytes that are done with.
 */
static void longest_header(struct kunit *test)
{
	const struct mqtt_frame_rules large = {
		.max_packet = 1 << 20, .protocol = MQTT_PROTOCOL_V5,
	};
	u32 topic_len, props_len, pos, n;
	struct queue *q = queue_new(test);
	struct mqtt_frame frame;
	u8 *bytes = kunit_kzalloc(test, 3 + 70000, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	for (topic_len = 4096; topic_len <= 4097; topic_len++) {
		for (props_len = 4096; props_len <= 4097; props_len++) {
			/* 3 bytes done with, then Remaining Length 69996 */
			memcpy(bytes + 3, "\x30\xec\xa2\x04", 4);
			bytes[7] = topic_len >> 8;
			bytes[8] = topic_len;
			bytes[9 + topic_len] = 0x80 | (props_len & 0x7f);
			bytes[10 + topic_len] = props_len >> 7;
			for (pos = 0, n = 1; pos < 70003; pos += n, n *= 3)
				queue_add(test, q, bytes + pos, min(n, 70003 - pos), 0);
			if (topic_len == 4096 && props_len == 4096) {
				KUNIT_EXPECT_EQ(test, look(q, SEQ + 3, &large, &frame),
						MQTT_FRAME_FAST);
				KUNIT_EXPECT_EQ(test, frame.publish_len, 8 + 4096 + 4096);
			} else {
				KUNIT_EXPECT_EQ(test, look(q, SEQ + 3, &large, &frame),
						MQTT_FRAME_BARRIER);
				KUNIT_EXPECT_EQ(test, frame.publish_len, 0);
			}
			KUNIT_EXPECT_EQ(test, frame.len, 70000);
			queue_empty(q);
		}
	}
}

static struct kunit_case framing_cases[] = {
	KUNIT_CASE(in_one_buffer),
	KUNIT_CASE(a_buffer_per_byte),
	KUNIT_CASE(overlapping_buffers),
	KUNIT_CASE(cut_everywhere),
	KUNIT_CASE(no_bytes),
	KUNIT_CASE(longest_header),
	{}
};

static struct kunit_suite framing_suite = {
	.name = "mqtt_framing",
	.test_cases = framing_cases,
};

kunit_test_suites(&framing_suite);
