// SPDX-License-Identifier: MIT
/* Topic names and topic filters, MQTT 4.7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/kernel.h>
#include <mqtt/topic.h>

#include "../vectors/topic.h"

/* In memory of its own, so that ASan sees a look behind the end */
static u8 *copy(const void *s, size_t len)
{
	u8 *p = calloc(1, len ? len : 1);

	if (len)
		memcpy(p, s, len);
	return p;
}

static bool name_valid(const void *s, size_t len)
{
	u8 *p = copy(s, len);
	bool result = mqtt_topic_name_valid(p, len);

	free(p);
	return result;
}

static bool filter_valid(const void *s, size_t len)
{
	u8 *p = copy(s, len);
	bool result = mqtt_topic_filter_valid(p, len);

	free(p);
	return result;
}

static void test_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(topics); i++) {
		const struct topic_case *c = &topics[i];
		size_t len = strlen(c->text);

		if (name_valid(c->text, len) != c->name)
			fail_msg("%s: name", c->text);
		if (filter_valid(c->text, len) != c->filter)
			fail_msg("%s: filter", c->text);
		if (mqtt_topic_levels((const u8 *)c->text, len) != c->levels)
			fail_msg("%s: levels", c->text);
	}
	assert_int_equal(mqtt_topic_levels((const u8 *)"", 0), 0);
}

/* [MQTT-4.7.3-1]: at least one character; [MQTT-4.7.3-3]: at most 65,535 bytes */
static void test_lengths(void **state)
{
	u8 *big = malloc(65536);

	(void)state;
	assert_false(name_valid("", 0));
	assert_false(filter_valid("", 0));
	memset(big, '/', 65536);
	assert_true(mqtt_topic_name_valid(big, 65535));
	assert_true(mqtt_topic_filter_valid(big, 65535));
	assert_int_equal(mqtt_topic_levels(big, 65535), 65536);
	assert_false(mqtt_topic_name_valid(big, 65536));
	assert_false(mqtt_topic_filter_valid(big, 65536));
	big[65534] = '#';
	assert_false(mqtt_topic_name_valid(big, 65535));
	assert_true(mqtt_topic_filter_valid(big, 65535));
	free(big);
}

/*
 * Each byte value at each place of names of each small length. What is said of
 * a byte is independent of where it stands, alone in ASCII.
 */
static void test_every_byte_everywhere(void **state)
{
	u8 s[27];
	size_t len, at;
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		bool name = c && c != '+' && c != '#' && c < 0x80;
		bool filter = c && c < 0x80;

		for (len = 1; len <= sizeof(s); len++) {
			for (at = 0; at < len; at++) {
				memset(s, 'x', len);
				s[at] = c;
				if (name_valid(s, len) != name)
					fail_msg("name: %02x at %zu of %zu", c, at, len);
				/* give a wildcard its level */
				if (at)
					s[at - 1] = '/';
				if (at + 1 < len)
					s[at + 1] = '/';
				if (filter_valid(s, len) != (filter && !(c == '#' && at + 1 < len)))
					fail_msg("filter: %02x at %zu of %zu", c, at, len);
				/* and take it */
				if (at)
					s[at - 1] = 'x';
				if (at && filter_valid(s, len) != (filter && c != '+' && c != '#'))
					fail_msg("filter: %02x behind x at %zu of %zu", c, at, len);
			}
		}
	}
}

/* All pairs of bytes, as what is next to a byte could hide it from sums of words */
static void test_every_two_bytes(void **state)
{
	u8 s[12];
	size_t at;
	int c, d;

	(void)state;
	for (at = 0; at + 1 < sizeof(s); at++) {
		memset(s, 'x', sizeof(s));
		for (c = 0; c < 256; c++) {
			for (d = 0; d < 256; d++) {
				bool one = c >= 0xc2 && c <= 0xdf && (d & 0xc0) == 0x80;
				bool two = c && c < 0x80 && d && d < 0x80 &&
					   !memchr("+#", c, 2) && !memchr("+#", d, 2);

				s[at] = c;
				s[at + 1] = d;
				if (mqtt_topic_name_valid(s, sizeof(s)) != (one || two))
					fail_msg("%02x %02x at %zu", c, d, at);
			}
		}
	}
}

/* A multi-byte character makes no wildcard behind it invisible */
static void test_wildcard_behind_utf8(void **state)
{
	u8 s[32];
	size_t at;

	(void)state;
	for (at = 2; at < sizeof(s); at++) {
		memset(s, 'x', sizeof(s));
		memcpy(s, "\xc3\xa9", 2);
		assert_true(name_valid(s, sizeof(s)));
		s[at] = '#';
		assert_false(name_valid(s, sizeof(s)));
		s[at] = 0;
		assert_false(name_valid(s, sizeof(s)));
		assert_false(filter_valid(s, sizeof(s)));
	}
}

static void test_levels(void **state)
{
	unsigned int n;
	u8 s[64];
	size_t i, len;

	(void)state;
	for (len = 1; len <= sizeof(s); len++) {
		n = 1;
		for (i = 0; i < len; i++) {
			/* next to '/': '.', '0', and '/' with the high bit */
			s[i] = ".0/\xaf/"[(i * 7 + len) % 5];
			n += s[i] == '/';
		}
		assert_int_equal(mqtt_topic_levels(s, len), n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_every_byte_everywhere),
		cmocka_unit_test(test_every_two_bytes),
		cmocka_unit_test(test_wildcard_behind_utf8),
		cmocka_unit_test(test_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
