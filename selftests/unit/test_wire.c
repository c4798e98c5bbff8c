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

#include "../vectors/wire.h"

/* In memory of its own, so that ASan sees a look behind the end */
static u8 *copy(const void *s, size_t len)
{
	u8 *p = calloc(1, len ? len : 1);

	if (len)
		memcpy(p, s, len);
	return p;
}

/* --- the fixed header ----------------------------------------------------- */

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

/* The same numbers without a first byte: a variable byte integer */
static void test_varint(void **state)
{
	size_t i, n;
	u32 value;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t size = lengths[i].size - 1;
		u8 *p = copy(lengths[i].bytes + 1, size);

		for (n = 0; n < size; n++) {
			value = 0xa5a5a5a5;
			assert_int_equal(mqtt_varint_parse(p, n, &value), -EAGAIN);
			assert_int_equal(value, 0xa5a5a5a5);
		}
		assert_int_equal(mqtt_varint_parse(p, size, &value), size);
		assert_int_equal(value, lengths[i].remaining);
		assert_int_equal(mqtt_varint_size(value), size);
		memset(p, 0xa5, size);
		assert_int_equal(mqtt_varint_write(p, value), size);
		assert_memory_equal(p, lengths[i].bytes + 1, size);
		free(p);
	}
	assert_int_equal(mqtt_varint_parse((const u8 *)"\x80\x80\x80\x80", 4, &value), -EBADMSG);
	assert_int_equal(mqtt_varint_parse((const u8 *)"\xff\xff\xff\xff\1", 5, &value),
			 -EBADMSG);
	/* longer than needed is understood, and to be noticed by its size */
	assert_int_equal(mqtt_varint_parse((const u8 *)"\x81\x80\x80\0", 4, &value), 4);
	assert_int_equal(value, 1);
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

/* Parses a copy of a packet's body, which it returns; fails if the result is not @err. */
static u8 *parse_copy(const char *what, const char *bytes, size_t len, u8 byte1, u8 protocol,
		      int err, struct mqtt_publish *pub)
{
	u8 *body = copy(bytes, len);

	memset(pub, 0xa5, sizeof(*pub));
	if (mqtt_publish_parse(body, len, byte1, protocol, pub) != err)
		fail_msg("%s: not %d", what, err);
	return body;
}

static void publish_is(const struct mqtt_publish *pub, const char *topic, const char *payload,
		       unsigned int packet_id)
{
	assert_int_equal(pub->topic_len, strlen(topic));
	assert_memory_equal(pub->topic, topic, pub->topic_len);
	assert_int_equal(pub->packet_id, packet_id);
	assert_memory_equal(pub->payload, payload, pub->payload_len);
}

static void test_publish(void **state)
{
	struct mqtt_publish pub;
	u8 *body;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(publishes); i++) {
		const struct publish_case *c = &publishes[i];

		body = parse_copy(c->what, c->body, c->len, c->byte1, 4, c->err, &pub);
		if (!c->err) {
			publish_is(&pub, c->topic, c->payload, c->packet_id);
			assert_ptr_equal(pub.topic, body + 2);
			assert_int_equal(pub.qos, c->byte1 >> 1 & 3);
			assert_int_equal(pub.dup, !!(c->byte1 & 8));
			assert_int_equal(pub.retain, c->byte1 & 1);
			assert_int_equal(pub.payload_len,
					 c->len - 2 - pub.topic_len - (pub.qos ? 2 : 0));
			assert_ptr_equal(pub.payload, body + c->len - pub.payload_len);
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

		assert_int_equal(mqtt_publish_parse(body, n, 0x30, 4, &pub), n < 19 ? -EBADMSG : 0);
		assert_int_equal(mqtt_publish_parse(body, n, 0x32, 4, &pub), n < 21 ? -EBADMSG : 0);
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
	assert_int_equal(mqtt_publish_parse(body, 2 + 65535, 0x30, 4, &pub), 0);
	assert_int_equal(pub.topic_len, 65535);
	assert_int_equal(pub.payload_len, 0);
	assert_int_equal(mqtt_publish_parse(body, 2 + 65535 + 2, 0x32, 4, &pub), 0);
	assert_int_equal(pub.packet_id, 0x0101);
	assert_int_equal(mqtt_publish_parse(body, 2 + 65534, 0x30, 4, &pub), -EBADMSG);
	assert_int_equal(mqtt_publish_parse(body, 2 + 65535 + 1, 0x32, 4, &pub), -EBADMSG);

	/* the payload is not looked at, so it need not be there to be counted */
	assert_int_equal(mqtt_publish_parse(body, MQTT_REMAINING_MAX, 0x30, 4, &pub), 0);
	assert_int_equal(pub.payload_len, MQTT_REMAINING_MAX - 2 - 65535);
	free(body);
}

/* --- PUBLISH of 5.0 ------------------------------------------------------- */

static void test_publish5(void **state)
{
	struct mqtt_publish pub;
	u8 *body;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(publishes5); i++) {
		const struct publish5_case *c = &publishes5[i];

		body = parse_copy(c->what, c->body, c->len, c->byte1, 5, c->err, &pub);
		if (!c->err) {
			publish_is(&pub, c->topic, c->payload, c->packet_id);
			assert_int_equal(pub.topic_alias, c->alias);
			assert_int_equal(pub.props.len, c->props_len);
			assert_ptr_equal(pub.payload, pub.props.block + c->props_len);
			assert_ptr_equal(pub.payload + pub.payload_len, body + c->len);
		}
		free(body);
	}
}

static void test_publish5_cut(void **state)
{
	static const u8 whole[] = "\0\4temp\0\7\15\x23\0\1\x26\0\2nm\0\3val" "21.5";
	struct mqtt_publish pub;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(whole); n++) {
		u8 *body = copy(whole, n);

		assert_int_equal(mqtt_publish_parse(body, n, 0x32, 5, &pub), n < 22 ? -EBADMSG : 0);
		free(body);
	}
}

/* --- PUBLISH written anew ------------------------------------------------- */

static void header_is(const char *what, const struct mqtt_publish *pub, u8 protocol,
		      const char *wanted, size_t len)
{
	s32 size = mqtt_publish_header_size(pub, protocol);
	u8 *buf;

	if (size != (s32)len)
		fail_msg("%s: %d bytes, not %zu", what, size, len);
	buf = malloc(size);
	assert_int_equal(mqtt_publish_header_write(buf, pub, protocol), size);
	if (memcmp(buf, wanted, len))
		fail_msg("%s: wrong bytes", what);
	free(buf);
}

static void test_publish_header(void **state)
{
	struct mqtt_publish pub;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(headers); i++) {
		const struct header_case *c = &headers[i];
		u8 *body = parse_copy(c->what, c->body, c->len, c->byte1, 5, 0, &pub);

		if (c->topic) {
			pub.topic = (const u8 *)c->topic;
			pub.topic_len = strlen(c->topic);
		}
		header_is(c->what, &pub, 5, c->v5, c->v5_len);
		header_is(c->what, &pub, 4, c->v3, c->v3_len);
		header_is(c->what, &pub, 3, c->v3, c->v3_len);
		free(body);
	}

	/* from 3.x: no properties */
	assert_int_equal(mqtt_publish_parse((const u8 *)"\0\1axy", 5, 0x30, 3, &pub), 0);
	header_is("3.1 to 5.0", &pub, 5, "\x30\6\0\1a\0", 6);
	header_is("3.1 to 3.1.1", &pub, 4, "\x30\5\0\1a", 5);
}

/* What the lengths of properties and packet need more bytes for, or have no more */
static void test_publish_header_long(void **state)
{
	struct mqtt_publish pub;
	u8 body[5 + 130], buf[5 + 4 + 130];
	unsigned int i;

	(void)state;
	/* 130 bytes of properties, 127 without the alias: its length gets shorter */
	memcpy(body, "\0\1a\x82\1\x23\0\1\x09\0\x7c", 11);
	for (i = 11; i < sizeof(body); i++)
		body[i] = i;
	assert_int_equal(mqtt_publish_parse(body, sizeof(body), 0x30, 5, &pub), 0);
	assert_int_equal(pub.props.len, 130);
	assert_int_equal(mqtt_publish_header_size(&pub, 5), 3 + 3 + 1 + 127);
	assert_int_equal(mqtt_publish_header_write(buf, &pub, 5), 134);
	assert_memory_equal(buf, "\x30\x83\1\0\1a\x7f\x09\0\x7c", 10);
	assert_memory_equal(buf + 10, body + 11, 124);

	assert_int_equal(mqtt_publish_parse((const u8 *)"\0\1a", 3, 0x30, 4, &pub), 0);
	pub.payload_len = MQTT_REMAINING_MAX - 3;
	assert_int_equal(mqtt_publish_header_size(&pub, 4), 5 + 3);
	assert_int_equal(mqtt_publish_header_size(&pub, 5), -EMSGSIZE);
	pub.payload_len--;
	assert_int_equal(mqtt_publish_header_size(&pub, 5), 5 + 4);
	assert_int_equal(mqtt_publish_header_write(buf, &pub, 5), 9);
	assert_memory_equal(buf, "\x30\xff\xff\xff\x7f\0\1a\0", 9);
}

/* With properties behind those of the packet, for whose length there may be more bytes. */
static void test_publish_header_with(void **state)
{
	static const u8 more[] = { 0x0b, 1, 0x0b, 0xff, 0x7f };
	struct mqtt_publish pub;
	u8 body[5 + 125] = {}, buf[200];

	(void)state;
	assert_int_equal(mqtt_publish_parse((const u8 *)"\0\1a\5\x23\0\1\1\0", 9, 0x30, 5, &pub),
			 0);
	assert_int_equal(mqtt_publish_header_size_with(&pub, 5, sizeof(more)), 13);
	assert_int_equal(mqtt_publish_header_write_with(buf, &pub, 5, more, sizeof(more)), 13);
	assert_memory_equal(buf, "\x30\x0b\0\1a\7\1\0\x0b\1\x0b\xff\x7f", 13);
	/* Not in 3.1.1 */
	assert_int_equal(mqtt_publish_header_size_with(&pub, 4, sizeof(more)), 5);
	assert_int_equal(mqtt_publish_header_write_with(buf, &pub, 4, more, sizeof(more)), 5);
	assert_memory_equal(buf, "\x30\3\0\1a", 5);
	/* 125 bytes of properties, 130 with them */
	memcpy(body, "\0\1a\x7d\x09\0\x7a", 7);
	assert_int_equal(mqtt_publish_parse(body, 4 + 125, 0x30, 5, &pub), 0);
	assert_int_equal(mqtt_publish_header_size_with(&pub, 5, sizeof(more)), 3 + 3 + 2 + 130);
	assert_int_equal(mqtt_publish_header_write_with(buf, &pub, 5, more, sizeof(more)), 138);
	assert_memory_equal(buf, "\x30\x87\1\0\1a\x82\1\x09\0\x7a", 11);
	assert_memory_equal(buf + 138 - sizeof(more), more, sizeof(more));
	pub.payload_len = MQTT_REMAINING_MAX - 3 - 2 - 130;
	assert_int_equal(mqtt_publish_header_size_with(&pub, 5, sizeof(more)), 5 + 3 + 2 + 130);
	pub.payload_len++;
	assert_int_equal(mqtt_publish_header_size_with(&pub, 5, sizeof(more)), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_publish_header_with),
		cmocka_unit_test(test_header_parse),
		cmocka_unit_test(test_header_write),
		cmocka_unit_test(test_header_round),
		cmocka_unit_test(test_varint),
		cmocka_unit_test(test_header_malformed),
		cmocka_unit_test(test_packet_type),
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_publish_cut),
		cmocka_unit_test(test_publish_big),
		cmocka_unit_test(test_publish5),
		cmocka_unit_test(test_publish5_cut),
		cmocka_unit_test(test_publish_header),
		cmocka_unit_test(test_publish_header_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
