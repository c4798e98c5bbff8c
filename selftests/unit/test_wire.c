// SPDX-License-Identifier: MIT
/*
 * Fixed headers and PUBLISH. The packets are spelled out byte by byte; nothing
 * here uses the code under test to make them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/kernel.h>
#include <mqtt/wire.h>

/* In memory of its own, so that ASan sees a look behind the end */
static u8 *copy(const void *s, size_t len)
{
	u8 *p = calloc(1, len ? len : 1);

	if (len)
		memcpy(p, s, len);
	return p;
}

/* --- the fixed header ----------------------------------------------------- */

/* MQTT 2.2.3, table 2.4 (5.0: 1.5.5, table 1-1), and what is around its edges */
static const struct {
	u32 remaining;
	u8 size;
	u8 bytes[5];
} lengths[] = {
	{ 0, 2, { 0x30, 0x00 } },
	{ 1, 2, { 0x30, 0x01 } },
	{ 126, 2, { 0x30, 0x7e } },
	{ 127, 2, { 0x30, 0x7f } },
	{ 128, 3, { 0x30, 0x80, 0x01 } },
	{ 129, 3, { 0x30, 0x81, 0x01 } },
	{ 321, 3, { 0x30, 0xc1, 0x02 } },	/* the standard's example */
	{ 16382, 3, { 0x30, 0xfe, 0x7f } },
	{ 16383, 3, { 0x30, 0xff, 0x7f } },
	{ 16384, 4, { 0x30, 0x80, 0x80, 0x01 } },
	{ 16385, 4, { 0x30, 0x81, 0x80, 0x01 } },
	{ 2097150, 4, { 0x30, 0xfe, 0xff, 0x7f } },
	{ 2097151, 4, { 0x30, 0xff, 0xff, 0x7f } },
	{ 2097152, 5, { 0x30, 0x80, 0x80, 0x80, 0x01 } },
	{ 2097153, 5, { 0x30, 0x81, 0x80, 0x80, 0x01 } },
	{ 268435454, 5, { 0x30, 0xfe, 0xff, 0xff, 0x7f } },
	{ 268435455, 5, { 0x30, 0xff, 0xff, 0xff, 0x7f } },
};

static void test_header_parse(void **state)
{
	struct mqtt_fixed_header fh;
	u8 *p;
	size_t i, n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (n = 0; n < lengths[i].size; n++) {
			p = copy(lengths[i].bytes, n);
			memset(&fh, 0xa5, sizeof(fh));
			assert_int_equal(mqtt_fixed_header_parse(p, n, &fh), -EAGAIN);
			assert_int_equal(fh.remaining, 0xa5a5a5a5);
			free(p);
		}
		for (; n <= 7; n++) {
			p = copy(lengths[i].bytes, lengths[i].size);
			p = realloc(p, n);
			memset(p + lengths[i].size, 0xff, n - lengths[i].size);
			assert_int_equal(mqtt_fixed_header_parse(p, n, &fh), 0);
			assert_int_equal(fh.byte1, 0x30);
			assert_int_equal(fh.size, lengths[i].size);
			assert_int_equal(fh.remaining, lengths[i].remaining);
			free(p);
		}
	}
}

static void test_header_write(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		u8 *buf = malloc(MQTT_FIXED_HEADER_MAX);

		memset(buf, 0xa5, MQTT_FIXED_HEADER_MAX);
		assert_int_equal(mqtt_fixed_header_write(buf, 0x30, lengths[i].remaining),
				 lengths[i].size);
		assert_memory_equal(buf, lengths[i].bytes, lengths[i].size);
		free(buf);
	}
}

/* Every length round by every way, with a stride that hits no pattern twice */
static void test_header_round(void **state)
{
	struct mqtt_fixed_header fh;
	u32 remaining;
	unsigned int size;
	u8 buf[MQTT_FIXED_HEADER_MAX];

	(void)state;
	for (remaining = 0; remaining <= MQTT_REMAINING_MAX; remaining += remaining / 4099 + 1) {
		size = mqtt_fixed_header_write(buf, 0xd0, remaining);
		assert_int_equal(mqtt_fixed_header_parse(buf, size, &fh), 0);
		assert_int_equal(fh.size, size);
		assert_int_equal(fh.remaining, remaining);
	}
}

static void test_header_malformed(void **state)
{
	static const u8 fifth[] = { 0x30, 0x80, 0x80, 0x80, 0x80, 0x01 };
	static const u8 ones[] = { 0xff, 0xff, 0xff, 0xff, 0xff };
	static const u8 longer[] = { 0x30, 0x80, 0x80, 0x80, 0x00 };
	struct mqtt_fixed_header fh;

	(void)state;
	/* a fifth length byte, 2.2.3 (5.0: 1.5.5); known as soon as four are there */
	assert_int_equal(mqtt_fixed_header_parse(fifth, 4, &fh), -EAGAIN);
	assert_int_equal(mqtt_fixed_header_parse(fifth, 5, &fh), -EBADMSG);
	assert_int_equal(mqtt_fixed_header_parse(fifth, 6, &fh), -EBADMSG);
	assert_int_equal(mqtt_fixed_header_parse(ones, 5, &fh), -EBADMSG);
	/* [MQTT-1.5.5-1] binds who encodes; longer than needed is understood */
	assert_int_equal(mqtt_fixed_header_parse(longer, 5, &fh), 0);
	assert_int_equal(fh.size, 5);
	assert_int_equal(fh.remaining, 0);
}

static void test_packet_type(void **state)
{
	(void)state;
	assert_int_equal(mqtt_packet_type(0x10), MQTT_PKT_CONNECT);
	assert_int_equal(mqtt_packet_type(0x3d), MQTT_PKT_PUBLISH);
	assert_int_equal(mqtt_packet_type(0x82), MQTT_PKT_SUBSCRIBE);
	assert_int_equal(mqtt_packet_type(0xc0), MQTT_PKT_PINGREQ);
	assert_int_equal(mqtt_packet_type(0xd0), MQTT_PKT_PINGRESP);
	assert_int_equal(mqtt_packet_type(0xe0), MQTT_PKT_DISCONNECT);
	assert_int_equal(mqtt_packet_type(0xf0), MQTT_PKT_AUTH);
}

/* --- PUBLISH -------------------------------------------------------------- */

struct publish_case {
	const char *what;
	u8 byte1;
	const char *body;
	size_t len;
	int err;
	const char *topic;
	const char *payload;
	unsigned int packet_id;
};

#define BODY(s) s, sizeof(s) - 1
#define BAD -EBADMSG, NULL, NULL, 0

static const struct publish_case publishes[] = {
	/* 3.3.2.3, the standard's example */
	{ "a/b at QoS 1", 0x32, BODY("\0\3a/b\0\12"), 0, "a/b", "", 10 },
	{ "QoS 0", 0x30, BODY("\0\3a/bhello"), 0, "a/b", "hello", 0 },
	{ "QoS 2", 0x34, BODY("\0\3a/b\xff\xfehi"), 0, "a/b", "hi", 65534 },
	{ "packet identifier 1", 0x32, BODY("\0\3a/b\0\1"), 0, "a/b", "", 1 },
	{ "packet identifier 256", 0x32, BODY("\0\3a/b\1\0"), 0, "a/b", "", 256 },
	{ "DUP at QoS 1", 0x3a, BODY("\0\3a/b\0\1x"), 0, "a/b", "x", 1 },
	{ "DUP at QoS 2", 0x3c, BODY("\0\3a/b\0\1x"), 0, "a/b", "x", 1 },
	{ "RETAIN", 0x31, BODY("\0\3a/bx"), 0, "a/b", "x", 0 },
	{ "all flags", 0x3d, BODY("\0\3a/b\0\1x"), 0, "a/b", "x", 1 },
	/* 3.3.3: a zero length payload is valid */
	{ "no payload", 0x30, BODY("\0\3a/b"), 0, "a/b", "", 0 },
	{ "short topic", 0x30, BODY("\0\1/"), 0, "/", "", 0 },
	{ "topic of a word", 0x30, BODY("\0\10abcdefgh\0"), 0, "abcdefgh", "\0", 0 },
	{ "$ is for the matcher", 0x30, BODY("\0\4$SYS"), 0, "$SYS", "", 0 },
	{ "payload is no text", 0x30, BODY("\0\1a#+\xff\xc3"), 0, "a", "#+\xff\xc3", 0 },
	{ "UTF-8", 0x30, BODY("\0\5caf\xc3\xa9!"), 0, "caf\xc3\xa9", "!", 0 },

	{ "[MQTT-3.3.1-4] QoS 3", 0x36, BODY("\0\3a/b\0\12"), BAD },
	{ "[MQTT-3.3.1-4] QoS 3, DUP", 0x3e, BODY("\0\3a/b\0\12"), BAD },
	{ "[MQTT-3.3.1-2] DUP at QoS 0", 0x38, BODY("\0\3a/b"), BAD },
	{ "[MQTT-3.3.1-2] DUP, RETAIN at QoS 0", 0x39, BODY("\0\3a/b"), BAD },
	{ "nothing", 0x30, BODY(""), BAD },
	{ "half a topic length", 0x30, BODY("\0"), BAD },
	{ "half a topic length of one", 0x30, BODY("\1"), BAD },
	{ "[MQTT-4.7.3-1] empty topic", 0x30, BODY("\0\0"), BAD },
	{ "[MQTT-4.7.3-1] empty topic, payload", 0x30, BODY("\0\0hello"), BAD },
	{ "[MQTT-4.7.3-1] empty topic at QoS 1", 0x32, BODY("\0\0\0\1"), BAD },
	{ "topic does not fit", 0x30, BODY("\0\4a/b"), BAD },
	{ "topic does not fit by far", 0x30, BODY("\xff\xff" "a/b"), BAD },
	{ "topic length in the wrong order", 0x30, BODY("\3\0a/b"), BAD },
	{ "[MQTT-2.3.1-1] packet identifier 0", 0x32, BODY("\0\3a/b\0\0"), BAD },
	{ "[MQTT-2.3.1-1] packet identifier 0 at QoS 2", 0x34, BODY("\0\3a/b\0\0x"), BAD },
	{ "no packet identifier", 0x32, BODY("\0\3a/b"), BAD },
	{ "half a packet identifier", 0x32, BODY("\0\3a/b\1"), BAD },
	{ "no topic before the identifier", 0x32, BODY("\0\3"), BAD },
	{ "[MQTT-3.3.2-2] '#'", 0x30, BODY("\0\3a/#"), BAD },
	{ "[MQTT-3.3.2-2] '+'", 0x30, BODY("\0\3+/b"), BAD },
	{ "[MQTT-3.3.2-2] '+' in a level", 0x30, BODY("\0\3a+b"), BAD },
	{ "[MQTT-3.3.2-2] '#' in the last byte", 0x32, BODY("\0\12abcdefghi#\0\1"), BAD },
	{ "[MQTT-1.5.3-2] U+0000", 0x30, BODY("\0\3a\0b"), BAD },
	{ "[MQTT-1.5.3-1] surrogate", 0x30, BODY("\0\3\xed\xa0\x80"), BAD },
	{ "[MQTT-1.5.3-1] cut by the topic's end", 0x30, BODY("\0\4caf\xc3\xa9"), BAD },
};

static void test_publish(void **state)
{
	struct mqtt_publish pub;
	u8 *body;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(publishes); i++) {
		const struct publish_case *c = &publishes[i];
		size_t topic_len;

		body = copy(c->body, c->len);
		memset(&pub, 0xa5, sizeof(pub));
		if (mqtt_publish_parse(body, c->len, c->byte1, &pub) != c->err)
			fail_msg("%s: not %d", c->what, c->err);
		if (!c->err) {
			topic_len = strlen(c->topic);
			assert_ptr_equal(pub.topic, body + 2);
			assert_int_equal(pub.topic_len, topic_len);
			assert_memory_equal(pub.topic, c->topic, topic_len);
			assert_int_equal(pub.qos, c->byte1 >> 1 & 3);
			assert_int_equal(pub.dup, !!(c->byte1 & 8));
			assert_int_equal(pub.retain, c->byte1 & 1);
			assert_int_equal(pub.packet_id, c->packet_id);
			assert_int_equal(pub.payload_len,
					 c->len - 2 - topic_len - (pub.qos ? 2 : 0));
			assert_ptr_equal(pub.payload, body + c->len - pub.payload_len);
			assert_memory_equal(pub.payload, c->payload, pub.payload_len);
		}
		free(body);
	}
}

/* The whole packet cut off at each byte: never more than is there is read */
static void test_publish_cut(void **state)
{
	static const u8 whole[] = "\0\21sensors/0042/temp\0\7" "21.5";
	struct mqtt_publish pub;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(whole); n++) {
		u8 *body = copy(whole, n);

		assert_int_equal(mqtt_publish_parse(body, n, 0x30, &pub), n < 19 ? -EBADMSG : 0);
		assert_int_equal(mqtt_publish_parse(body, n, 0x32, &pub), n < 21 ? -EBADMSG : 0);
		free(body);
	}
}

static void test_publish_big(void **state)
{
	struct mqtt_publish pub;
	u8 *body;

	(void)state;
	body = malloc(2 + 65535 + 2);
	memset(body, 'x', 2 + 65535);
	memset(body, 0xff, 2);
	memset(body + 2 + 65535, 1, 2);
	assert_int_equal(mqtt_publish_parse(body, 2 + 65535, 0x30, &pub), 0);
	assert_int_equal(pub.topic_len, 65535);
	assert_int_equal(pub.payload_len, 0);
	assert_int_equal(mqtt_publish_parse(body, 2 + 65535 + 2, 0x32, &pub), 0);
	assert_int_equal(pub.packet_id, 0x0101);
	assert_int_equal(mqtt_publish_parse(body, 2 + 65534, 0x30, &pub), -EBADMSG);
	assert_int_equal(mqtt_publish_parse(body, 2 + 65535 + 1, 0x32, &pub), -EBADMSG);

	/* the payload is not looked at, so it need not be there to be counted */
	assert_int_equal(mqtt_publish_parse(body, MQTT_REMAINING_MAX, 0x30, &pub), 0);
	assert_int_equal(pub.payload_len, MQTT_REMAINING_MAX - 2 - 65535);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_parse),
		cmocka_unit_test(test_header_write),
		cmocka_unit_test(test_header_round),
		cmocka_unit_test(test_header_malformed),
		cmocka_unit_test(test_packet_type),
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_publish_cut),
		cmocka_unit_test(test_publish_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
