// SPDX-License-Identifier: MIT
/*
 * Properties of MQTT 5.0. What may be where is spelled out a second time here,
 * property by property as in section 2.2.2.2 of the standard, and blocks are
 * built byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/kernel.h>
#include <mqtt/property.h>
#include <mqtt/wire.h>

#include "../vectors/property.h"
#include "properties.h"

static const struct row *row_of(unsigned int id)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].id == id)
			return &rows[i];
	return NULL;
}

/* In memory of its own, so that ASan sees a look behind the end */
static u8 *block_of(const void *bytes, size_t len)
{
	u8 *p = malloc(len ? len : 1);

	if (len)
		memcpy(p, bytes, len);
	return p;
}

/* Parse a block of @len bytes; *@props points into what the next call frees. */
static int parse(const void *block, size_t len, unsigned int packet_type,
		 struct mqtt_properties *props)
{
	static u8 *buf;

	assert_true(len < 128);
	free(buf);
	buf = malloc(1 + len);
	buf[0] = len;
	if (len)
		memcpy(buf + 1, block, len);
	memset(props, 0xa5, sizeof(*props));
	return mqtt_properties_parse(buf, 1 + len, packet_type, props);
}

/* Authentication Data only goes with a method. */
static size_t begin(u8 *block, unsigned int id)
{
	static const u8 method[] = { 21, 0, 1, 'm' };

	if (id != 22)
		return 0;
	memcpy(block, method, sizeof(method));
	return sizeof(method);
}

static size_t append(u8 *block, size_t at, unsigned int id, const struct row *row)
{
	block[at++] = id;
	if (row) {
		memcpy(block + at, row->value, row->len);
		at += row->len;
	}
	return at;
}

static void check_pair(unsigned int id, unsigned int type)
{
	const struct row *row = row_of(id);
	struct mqtt_properties props;
	bool allowed = row && strchr(row->packets, letters[type]);
	u8 block[64];
	size_t start, n;
	int err;

	start = begin(block, id);
	n = append(block, start, id, row);
	err = parse(block, n, type, &props);
	if (err != (allowed ? 0 : -EBADMSG))
		fail_msg("property %u in packet type %u: %d", id, type, err);
	if (!allowed)
		return;
	assert_int_equal(props.len, n);
	assert_true(mqtt_property_present(&props, id));
	assert_int_equal(props.at[id], start + 1);
	assert_true(props.present == ((u64)1 << id | (id == 22 ? 1 << 21 : 0)));

	n = append(block, n, id, row);
	err = parse(block, n, type, &props);
	if (err != (strchr(row->again, letters[type]) ? 0 : -EPROTO))
		fail_msg("property %u twice in packet type %u: %d", id, type, err);
}

static void test_places(void **state)
{
	unsigned int id, type;

	(void)state;
	for (id = 0; id < 256; id++)
		for (type = 0; type < 16; type++)
			check_pair(id, type);
}

/* Each property cut off at each byte, with a Property Length that says so */
static void test_cut(void **state)
{
	struct mqtt_properties props;
	size_t i, n, start, whole;
	u8 block[64];

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned int type = strchr(letters, rows[i].packets[0]) - letters;

		start = begin(block, rows[i].id);
		whole = append(block, start, rows[i].id, &rows[i]);
		for (n = start + 1; n < whole; n++)
			if (parse(block, n, type, &props) != -EBADMSG)
				fail_msg("property %u cut at %zu", rows[i].id, n);
		assert_int_equal(parse(block, whole, type, &props), 0);
	}
}

/* The packet ends before its properties do. */
static void test_length(void **state)
{
	static const u8 whole[] = { 7, 0x26, 0, 1, 'n', 0, 1, 'v' };
	static const struct {
		const char *what;
		const char *bytes;
		size_t len;
		int err;
		u32 block_len;
	} cases[] = {
		{ "nothing", VALUE(""), -EBADMSG, 0 },
		{ "no properties", VALUE("\0"), 0, 0 },
		{ "something behind none", VALUE("\0\xff"), 0, 0 },
		{ "half a length", VALUE("\x80"), -EBADMSG, 0 },
		{ "padded", VALUE("\x80\0"), -EBADMSG, 0 },
		{ "padded to four", VALUE("\x82\x80\x80\0\1\1"), -EBADMSG, 0 },
		{ "five bytes", VALUE("\x80\x80\x80\x80\1"), -EBADMSG, 0 },
		{ "all that can be said", VALUE("\xff\xff\xff\x7f\1\1"), -EBADMSG, 0 },
		{ "value ends with the packet", VALUE("\2\1\1"), 0, 2 },
		{ "the identifier is padded", VALUE("\3\x81\0\1"), -EBADMSG, 0 },
		{ "ends before the value", VALUE("\1\1\1"), -EBADMSG, 0 },
	};
	struct mqtt_properties props;
	size_t i, n;
	int err;

	(void)state;
	for (n = 0; n <= sizeof(whole); n++) {
		u8 *p = block_of(whole, n);

		assert_int_equal(mqtt_properties_parse(p, n, MQTT_PKT_AUTH, &props),
				 n < sizeof(whole) ? -EBADMSG : 0);
		free(p);
	}
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u8 *p = block_of(cases[i].bytes, cases[i].len);

		err = mqtt_properties_parse(p, cases[i].len, MQTT_PKT_PUBLISH, &props);
		if (err != cases[i].err)
			fail_msg("%s: %d, not %d", cases[i].what, err, cases[i].err);
		if (!cases[i].err) {
			assert_int_equal(props.len, cases[i].block_len);
			assert_ptr_equal(props.block, p + 1);
		}
		free(p);
	}
}

/* A Property Length of two bytes: 3 + 4 bytes per pair, 20 of them */
static void test_long_block(void **state)
{
	struct mqtt_properties props;
	unsigned int i;
	u8 buf[2 + 140];

	(void)state;
	buf[0] = 0x8c;
	buf[1] = 0x01;
	for (i = 0; i < 20; i++)
		memcpy(buf + 2 + 7 * i, "\x26\0\1n\0\1v", 7);
	assert_int_equal(mqtt_properties_parse(buf, sizeof(buf), MQTT_PKT_SUBACK, &props), 0);
	assert_ptr_equal(props.block, buf + 2);
	assert_int_equal(props.len, 140);
	assert_int_equal(mqtt_properties_parse(buf, sizeof(buf) - 1, MQTT_PKT_SUBACK, &props),
			 -EBADMSG);
}

static void test_values(void **state)
{
	struct mqtt_properties props;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		const struct value_case *c = &values[i];
		int err = parse(c->block, c->len, c->type, &props);

		if (err != c->err)
			fail_msg("%s: %d, not %d", c->what, err, c->err);
	}
}

static void test_views(void **state)
{
	struct mqtt_properties props;
	u16 len = 0xa5a5;

	(void)state;
	assert_int_equal(parse(VALUE("\x01\1\x02\1\2\3\4\x23\xab\xcd\x09\0\2\xff\0\x03\0\0"), 3,
			       &props), 0);
	assert_int_equal(mqtt_property_number(&props, 0x01, 9), 1);
	assert_int_equal(mqtt_property_number(&props, 0x02, 9), 0x01020304);
	assert_int_equal(mqtt_property_number(&props, 0x23, 9), 0xabcd);
	assert_int_equal(mqtt_property_number(&props, 0x0b, 9), 9);
	assert_int_equal(mqtt_property_number(&props, 0x0b, 0), 0);
	assert_null(mqtt_property_data(&props, 0x08, &len));
	assert_int_equal(len, 0xa5a5);
	assert_memory_equal(mqtt_property_data(&props, 0x09, &len), "\xff", 2);
	assert_int_equal(len, 2);
	assert_non_null(mqtt_property_data(&props, 0x03, &len));
	assert_int_equal(len, 0);
	/* a string is not a number */
	assert_int_equal(mqtt_property_number(&props, 0x09, 9), 9);

	assert_int_equal(parse(VALUE("\x0b\xc1\2"), 8, &props), 0);
	assert_int_equal(mqtt_property_number(&props, 0x0b, 0), 321);
	assert_int_equal(parse(VALUE("\x0b\x05\x0b\x06"), 3, &props), 0);
	assert_int_equal(mqtt_property_number(&props, 0x0b, 0), 5);
}

static void user_is(const struct mqtt_properties *props, u32 *pos, const char *name,
		    const char *value)
{
	struct mqtt_user_property user;

	assert_true(mqtt_user_property_next(props, pos, &user));
	assert_int_equal(user.name_len, strlen(name));
	assert_memory_equal(user.name, name, user.name_len);
	assert_int_equal(user.value_len, strlen(value));
	assert_memory_equal(user.value, value, user.value_len);
}

static void test_user(void **state)
{
	static const char block[] = "\x26\0\1b\0\2b1" "\x01\1" "\x26\0\1a\0\0" "\x09\0\2\x26\0"
				    "\x26\0\0\0\1x" "\x26\0\1b\0\2b1" "\x03\0\1t";
	struct mqtt_user_property user;
	struct mqtt_properties props;
	u32 pos = 0;

	(void)state;
	assert_int_equal(parse(block, sizeof(block) - 1, 3, &props), 0);
	user_is(&props, &pos, "b", "b1");
	user_is(&props, &pos, "a", "");
	user_is(&props, &pos, "", "x");
	user_is(&props, &pos, "b", "b1");
	assert_false(mqtt_user_property_next(&props, &pos, &user));
	assert_false(mqtt_user_property_next(&props, &pos, &user));

	pos = 0;
	assert_int_equal(parse(VALUE("\x01\1"), 3, &props), 0);
	assert_false(mqtt_user_property_next(&props, &pos, &user));
	pos = 0;
	assert_int_equal(parse("", 0, 3, &props), 0);
	assert_false(mqtt_user_property_next(&props, &pos, &user));
}

/* One of each kind, and what it has to look like */
static void write_all(struct mqtt_property_writer *to)
{
	struct mqtt_user_property user = {
		.name = (const u8 *)"nm", .name_len = 2, .value = (const u8 *)"v", .value_len = 1,
	};
	struct mqtt_user_property empty = { .name_len = 0 };

	mqtt_property_put_number(to, MQTT_PROP_RETAIN_AVAILABLE, 0);
	mqtt_property_put_number(to, MQTT_PROP_TOPIC_ALIAS_MAXIMUM, 0x0140);
	mqtt_property_put_number(to, MQTT_PROP_MAXIMUM_PACKET_SIZE, 0x01020304);
	mqtt_property_put_number(to, MQTT_PROP_SUBSCRIPTION_IDENTIFIER, 127);
	mqtt_property_put_number(to, MQTT_PROP_SUBSCRIPTION_IDENTIFIER, 128);
	mqtt_property_put_number(to, MQTT_PROP_SUBSCRIPTION_IDENTIFIER, 16384);
	mqtt_property_put_number(to, MQTT_PROP_SUBSCRIPTION_IDENTIFIER, 268435455);
	mqtt_property_put_data(to, MQTT_PROP_ASSIGNED_CLIENT_IDENTIFIER, "id", 2);
	mqtt_property_put_data(to, MQTT_PROP_CORRELATION_DATA, NULL, 0);
	mqtt_property_put_user(to, &user);
	mqtt_property_put_user(to, &empty);
}

static void test_write(void **state)
{
	static const char wanted[] = "\x25\0" "\x22\1\x40" "\x27\1\2\3\4" "\x0b\x7f" "\x0b\x80\1"
				     "\x0b\x80\x80\1" "\x0b\xff\xff\xff\x7f" "\x12\0\2id"
				     "\x09\0\0" "\x26\0\2nm\0\1v" "\x26\0\0\0\0";
	const size_t whole = sizeof(wanted) - 1;
	struct mqtt_property_writer to = { .size = 0 };
	size_t n;

	(void)state;
	write_all(&to);
	assert_int_equal(to.len, whole);

	/* What fits is there, behind the end nothing is written. */
	for (n = 0; n <= whole; n++) {
		to.buf = malloc(n ? n : 1);
		to.size = n;
		to.len = 0;
		write_all(&to);
		assert_int_equal(to.len, whole);
		if (n == whole)
			assert_memory_equal(to.buf, wanted, whole);
		free(to.buf);
	}
}

static void test_write_long(void **state)
{
	struct mqtt_property_writer to = { .size = 3 + 65535 };
	char *text = malloc(65535);
	u16 len = 0;
	struct mqtt_properties props;
	u8 *buf;

	(void)state;
	memset(text, 'x', 65535);
	buf = malloc(3 + to.size);
	to.buf = buf + 3;
	mqtt_property_put_data(&to, MQTT_PROP_REASON_STRING, text, 65535);
	assert_int_equal(to.len, to.size);
	/* 65538 = 2 + 0 * 128 + 4 * 128^2 */
	memcpy(buf, "\x82\x80\4", 3);
	assert_int_equal(mqtt_properties_parse(buf, 3 + to.len, MQTT_PKT_DISCONNECT, &props), 0);
	assert_memory_equal(mqtt_property_data(&props, MQTT_PROP_REASON_STRING, &len), text,
			    65535);
	assert_int_equal(len, 65535);
	free(buf);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_long_block),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
