// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: topic aliases, and messages that are built anew for another protocol
 * version or with a topic put in.
 */
#include <kunit/test.h>
#include <linux/highmem.h>

#include <mqtt/wire.h>

#include "../alias.h"
#include "../msg.h"
#include "../trace.h"
#include "../translate.h"
#include "../tx.h"

/* --- topic aliases ------------------------------------------------------------- */

#define ALIASES	3

/* In this order, on one connection. A topic of NULL: all is forgotten. */
static const struct alias_step {
	u16 alias;
	const char *topic;
	int ret;
	const char *then;	/* the topic name afterwards, if that is 0 */
} steps[] = {
	{ 1, "", -ENOENT },
	{ 1, "a", -ENOENT },
	{ 1, "", 0, "a" },
	{ 1, "a", 0, "a" },
	{ 2, "", -ENOENT },
	{ 2, "b/c", -ENOENT },
	{ 1, "", 0, "a" },
	{ 2, "", 0, "b/c" },
	{ 1, "b", -ENOENT },	/* as long, but another */
	{ 1, "", 0, "b" },
	{ 1, "b/", -ENOENT },
	{ 1, "b", -ENOENT },
	{ 1, "", 0, "b" },
	{ 3, "last", -ENOENT },
	{ 3, "", 0, "last" },
	{ 4, "last", -EPROTO },
	{ 4, "", -EPROTO },
	{ 65535, "x", -EPROTO },
	{ 3, "", 0, "last" },
	{ 0, NULL },
	{ 1, "", -ENOENT },
	{ 2, "b/c", -ENOENT },
	{ 2, "", 0, "b/c" },
	{ 0, NULL },
	{ 0, NULL },
};

static void aliases_step_by_step(struct kunit *test)
{
	struct mqtt_aliases aliases = { .max = ALIASES };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		const struct alias_step *s = &steps[i];
		struct mqtt_publish pub = { .topic_alias = s->alias, .topic = s->topic };

		if (!s->topic) {
			mqtt_alias_forget(&aliases);
			continue;
		}
		pub.topic_len = strlen(s->topic);
		KUNIT_EXPECT_EQ_MSG(test, mqtt_alias_apply(&aliases, &pub), s->ret, "step %zu", i);
		if (s->ret)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, pub.topic_len, strlen(s->then), "step %zu", i);
		KUNIT_EXPECT_MEMEQ_MSG(test, pub.topic, s->then, strlen(s->then), "step %zu", i);
	}
	KUNIT_EXPECT_NULL(test, aliases.topics);
}

/* --- messages --------------------------------------------------------------------- */

#define TOPIC	"topic/of/it"
/* Everything in front of a payload but the fixed header: without properties, and with */
#define HEAD_3	"\x00\x0b" TOPIC
#define HEAD_5	HEAD_3 "\x0b\x01\x01\x23\x00\x05\x26\x00\x01n\x00\x00"

static u8 payload_byte(u32 i)
{
	return (i * 2654435761u) >> 15;
}

static void message_write(struct mqtt_msg *msg, u32 at, u8 byte)
{
	const struct bio_vec *bv;

	if (at < msg->head_len) {
		msg->head[at] = byte;
		return;
	}
	bv = &msg->payload->bv[(at - msg->head_len) / PAGE_SIZE];
	*((u8 *)page_address(bv->bv_page) + (at - msg->head_len) % PAGE_SIZE) = byte;
}

/* Byte by byte, in the way that the transmit side sees it */
static u8 message_read(const struct mqtt_msg *msg, u32 at)
{
	struct bio_vec bv;
	u32 bytes = 0;

	mqtt_msg_bvec(msg, at, &bv, 1, &bytes);
	return *(u8 *)(page_address(bv.bv_page) + bv.bv_offset);
}

/* A PUBLISH of @protocol with a payload of @len bytes; @pub is its view. */
static struct mqtt_msg *message_new(struct kunit *test, u8 protocol, u32 len,
				    struct mqtt_publish *pub)
{
	bool is_5 = protocol == MQTT_PROTOCOL_V5;
	u32 i, size, head_len = (is_5 ? sizeof(HEAD_5) : sizeof(HEAD_3)) - 1;
	u8 fixed[MQTT_FIXED_HEADER_MAX];
	struct mqtt_msg *msg;
	int err;

	size = mqtt_fixed_header_write(fixed, 0x30, head_len + len);
	msg = mqtt_msg_alloc(size + head_len + len, size + head_len, protocol, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, msg);
	memcpy(msg->head, fixed, size);
	memcpy(msg->head + size, is_5 ? HEAD_5 : HEAD_3, head_len);
	for (i = 0; i < len; i++)
		message_write(msg, size + head_len + i, payload_byte(i));

	err = mqtt_publish_parse(msg->head + size, msg->head_len - size, 0x30, protocol, pub);
	KUNIT_EXPECT_EQ(test, err, 0);
	pub->payload_len = len;
	return msg;
}

static void check_payload(struct kunit *test, const struct mqtt_msg *msg, u32 len)
{
	unsigned int wrong = 0;
	u32 i;

	for (i = 0; i < len; i++)
		wrong += message_read(msg, msg->len - len + i) != payload_byte(i);
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

static void check_twin(struct kunit *test, const struct mqtt_msg *twin, const char *wanted,
		       u32 wanted_len, u32 len)
{
	struct mqtt_fixed_header fh;

	KUNIT_ASSERT_EQ(test, mqtt_fixed_header_parse(twin->head, twin->head_len, &fh), 0);
	KUNIT_EXPECT_EQ(test, fh.byte1, 0x30);
	KUNIT_EXPECT_EQ(test, fh.size + fh.remaining, twin->len);
	KUNIT_EXPECT_EQ(test, fh.remaining, wanted_len + len);
	KUNIT_EXPECT_MEMEQ(test, twin->head + fh.size, wanted, wanted_len);
	check_payload(test, twin, len);
}

static const u32 sizes[] = { 0, 1, 100, 2000, 2020, 2030, 2040, 2048, 2049, 4096, 4097, 70000 };

static void translate(struct kunit *test, u8 from, u8 to, const char *wanted, u32 wanted_len)
{
	struct mqtt_publish pub;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct mqtt_msg *msg = message_new(test, from, sizes[i], &pub);
		struct mqtt_msg *twin;

		msg->retain = i % 2;
		twin = mqtt_translate(msg, &pub, to, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, twin);
		if (twin) {
			KUNIT_EXPECT_EQ(test, twin->retain, i % 2);
			KUNIT_EXPECT_GE(test, twin->truesize, twin->len);
			KUNIT_EXPECT_PTR_EQ(test, twin->payload, msg->payload);
			check_twin(test, twin, wanted, wanted_len, sizes[i]);
		}
		/* What it shares outlives the original. */
		mqtt_msg_put(msg);
		if (twin) {
			check_payload(test, twin, sizes[i]);
			mqtt_msg_put(twin);
		}
	}
}

static void to_5(struct kunit *test)
{
	translate(test, MQTT_PROTOCOL_V311, MQTT_PROTOCOL_V5, HEAD_3 "\x00", sizeof(HEAD_3));
}

static void to_3(struct kunit *test)
{
	translate(test, MQTT_PROTOCOL_V5, MQTT_PROTOCOL_V31, HEAD_3, sizeof(HEAD_3) - 1);
}

/* To the same version: only the alias goes. */
static void without_alias(struct kunit *test)
{
	static const char wanted[] = HEAD_3 "\x08\x01\x01\x26\x00\x01n\x00\x00";

	translate(test, MQTT_PROTOCOL_V5, MQTT_PROTOCOL_V5, wanted, sizeof(wanted) - 1);
}

/* A twin of a twin has the same payload, and holds nothing else. */
static void twin_of_a_twin(struct kunit *test)
{
	struct mqtt_publish pub;
	struct mqtt_msg *msg = message_new(test, MQTT_PROTOCOL_V5, 70000, &pub);
	struct mqtt_msg *twin = mqtt_translate(msg, &pub, MQTT_PROTOCOL_V5, GFP_KERNEL);
	struct mqtt_msg *third = NULL;

	if (twin)
		third = mqtt_translate(twin, &pub, MQTT_PROTOCOL_V311, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, third);
	if (third) {
		KUNIT_EXPECT_PTR_EQ(test, third->payload, msg->payload);
		KUNIT_EXPECT_EQ(test, refcount_read(&msg->payload->refs), 3);
		KUNIT_EXPECT_EQ(test, refcount_read(&msg->refs), 1);
		KUNIT_EXPECT_EQ(test, refcount_read(&twin->refs), 1);
	}
	if (twin)
		mqtt_msg_put(twin);
	mqtt_msg_put(msg);
	if (third) {
		check_twin(test, third, HEAD_3, sizeof(HEAD_3) - 1, 70000);
		mqtt_msg_put(third);
	}
}

/* With properties of the receiver's behind those of the message, and RETAIN. */
static void with_more(struct kunit *test)
{
	static const char wanted[] = HEAD_3 "\x04\x0b\x05\x0b\x06";
	struct mqtt_rewrite how = {
		.more = "\x0b\x05\x0b\x06", .more_len = 4,
		.protocol = MQTT_PROTOCOL_V5, .retain = true,
	};
	struct mqtt_publish pub;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct mqtt_msg *msg = message_new(test, MQTT_PROTOCOL_V311, sizes[i], &pub);
		struct mqtt_msg *twin = mqtt_rewrite(msg, &pub, &how, GFP_KERNEL);

		mqtt_msg_put(msg);
		KUNIT_EXPECT_NOT_NULL(test, twin);
		if (!twin)
			continue;
		KUNIT_EXPECT_EQ(test, twin->head[0], 0x31);
		twin->head[0] = 0x30;
		check_twin(test, twin, wanted, sizeof(wanted) - 1, sizes[i]);
		mqtt_msg_put(twin);
	}
}

/* What a train's packets are when it is dealt out to @parts. */
static const struct train_part {
	u16 first;
	u16 step;
	const char *payloads;
} train_parts[] = {
	{ 0, 0, "abcde" }, { 0, 1, "abcde" }, { 0, 2, "ace" }, { 1, 2, "bd" },
	{ 0, 5, "a" }, { 4, 5, "e" }, { 2, 3, "c" },
};

static void parts_of_a_train(struct kunit *test)
{
	static const char packet[] = "\x30\x04\x00\x01t?";
	static const char wanted[] = "\x30\x07\x00\x01t\x02\x0b\x09?";
	const u32 len = sizeof(packet) - 1, wanted_len = sizeof(wanted) - 1;
	struct mqtt_msg *train = mqtt_msg_alloc(5 * len, 5 * len, MQTT_PROTOCOL_V311, GFP_KERNEL);
	struct mqtt_publish pub;
	size_t i, k;

	KUNIT_ASSERT_NOT_NULL(test, train);
	for (k = 0; k < 5; k++) {
		memcpy(train->head + k * len, packet, len);
		train->head[k * len + len - 1] = 'a' + k;
	}
	train->packets = 5;
	train->longest = len;
	train->source = 3;
	KUNIT_EXPECT_EQ(test, mqtt_publish_parse(train->head + 2, 4, 0x30, MQTT_PROTOCOL_V311,
						 &pub), 0);
	for (i = 0; i < ARRAY_SIZE(train_parts); i++) {
		const struct train_part *part = &train_parts[i];
		struct mqtt_rewrite how = {
			.more = "\x0b\x09", .more_len = 2, .protocol = MQTT_PROTOCOL_V5,
			.first = part->first, .step = part->step,
		};
		struct mqtt_msg *twin = mqtt_rewrite(train, &pub, &how, GFP_KERNEL);
		size_t n = strlen(part->payloads);

		KUNIT_EXPECT_NOT_NULL(test, twin);
		if (!twin)
			continue;
		KUNIT_EXPECT_EQ(test, twin->packets, n);
		KUNIT_EXPECT_EQ(test, twin->longest, wanted_len);
		KUNIT_EXPECT_EQ(test, twin->source, 3);
		KUNIT_EXPECT_EQ(test, twin->len, n * wanted_len);
		for (k = 0; k < n && twin->len == n * wanted_len; k++) {
			const u8 *p = twin->head + k * wanted_len;

			KUNIT_EXPECT_MEMEQ(test, p, wanted, wanted_len - 1);
			KUNIT_EXPECT_EQ(test, p[wanted_len - 1], part->payloads[k]);
		}
		mqtt_msg_put(twin);
	}
	mqtt_msg_put(train);
}

/* What a tracepoint tells of a message that there was no memory for, or that is none */
static void no_topic_to_trace(struct kunit *test)
{
	const u8 *topic;
	u32 len = 1;

	topic = mqtt_trace_topic(NULL, &len);
	KUNIT_EXPECT_NOT_NULL(test, topic);
	KUNIT_EXPECT_EQ(test, len, 0);
	len = 1;
	topic = mqtt_trace_topic(mqtt_tx_pingresp, &len);
	KUNIT_EXPECT_NOT_NULL(test, topic);
	KUNIT_EXPECT_EQ(test, len, 0);
}

static struct kunit_case msg_cases[] = {
	KUNIT_CASE(aliases_step_by_step),
	KUNIT_CASE(to_5),
	KUNIT_CASE(to_3),
	KUNIT_CASE(without_alias),
	KUNIT_CASE(twin_of_a_twin),
	KUNIT_CASE(with_more),
	KUNIT_CASE(parts_of_a_train),
	KUNIT_CASE(no_topic_to_trace),
	{}
};

static struct kunit_suite msg_suite = {
	.name = "mqtt_msg",
	.test_cases = msg_cases,
};

kunit_test_suites(&msg_suite);
