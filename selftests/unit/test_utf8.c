// SPDX-License-Identifier: MIT
/*
 * UTF-8 as MQTT allows it, against a decoder written apart: one that computes
 * the code point and then judges it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/kernel.h>
#include <mqtt/utf8.h>

/* Each string in memory of its own, so that ASan sees a look behind its end */
static bool valid(const u8 *s, size_t len)
{
	u8 *copy = calloc(1, len ? len : 1);
	bool result;

	if (len)
		memcpy(copy, s, len);
	result = mqtt_utf8_valid(copy, len);
	free(copy);
	return result;
}

/* --- the oracle ----------------------------------------------------------- */

/* Bytes of the character at @s, 0 if there is none */
static size_t decode(const u8 *s, size_t len)
{
	static const u32 least[] = { 0, 0x1, 0x80, 0x800, 0x10000 };
	u32 point;
	size_t n, i;

	if (s[0] < 0x80) {
		n = 1;
		point = s[0];
	} else if ((s[0] & 0xe0) == 0xc0) {
		n = 2;
		point = s[0] & 0x1f;
	} else if ((s[0] & 0xf0) == 0xe0) {
		n = 3;
		point = s[0] & 0x0f;
	} else if ((s[0] & 0xf8) == 0xf0) {
		n = 4;
		point = s[0] & 0x07;
	} else {
		return 0;
	}
	if (n > len)
		return 0;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	return n;
}

static bool oracle(const u8 *s, size_t len)
{
	size_t n;

	for (; len; s += n, len -= n) {
		n = decode(s, len);
		if (!n)
			return false;
	}
	return true;
}

/* --- tests ---------------------------------------------------------------- */

static void test_table(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		bool valid;
	} cases[] = {
#define GOOD(s) { s, sizeof(s) - 1, true }
#define BAD(s) { s, sizeof(s) - 1, false }
		GOOD(""), GOOD("a"), GOOD("abcdefgh"), GOOD("abcdefghi"),
		/* 1.5.3: "A" and U+2A6D4, the standard's example */
		GOOD("A\xf0\xaa\x9b\x94"),
		GOOD("caf\xc3\xa9"), GOOD("\xe6\xb8\xa9\xe5\xba\xa6/\xe5\xae\xa4"),
		/* control characters and noncharacters: SHOULD NOT, yet not ill-formed */
		GOOD("\x01\x1f\x7f"), GOOD("\xc2\x80\xc2\x9f"),
		GOOD("\xef\xbf\xbe"), GOOD("\xef\xbf\xbf"), GOOD("\xef\xb7\x90"),
		/* [MQTT-1.5.3-3]: U+FEFF is a character like any other */
		GOOD("\xef\xbb\xbf"), GOOD("\xef\xbb\xbf" "a"),
		/* the edges */
		GOOD("\xc2\x80"), GOOD("\xdf\xbf"), GOOD("\xe0\xa0\x80"),
		GOOD("\xed\x9f\xbf"), GOOD("\xee\x80\x80"),
		GOOD("\xf0\x90\x80\x80"), GOOD("\xf4\x8f\xbf\xbf"),
		/* [MQTT-1.5.3-2]: U+0000 */
		BAD("\0"), BAD("a\0b"), BAD("abcdefg\0"), BAD("abcdefgh\0abcdefgh"),
		BAD("\xc3\xa9\0"),
		/* [MQTT-1.5.3-1]: surrogates, as such and as a CESU-8 pair */
		BAD("\xed\xa0\x80"), BAD("\xed\xbf\xbf"),
		BAD("\xed\xa0\xbd\xed\xb8\x80"),
		/* overlong, U+0000 among them */
		BAD("\xc0\x80"), BAD("\xc1\xbf"), BAD("\xe0\x80\x80"), BAD("\xe0\x9f\xbf"),
		BAD("\xf0\x80\x80\x80"), BAD("\xf0\x8f\xbf\xbf"),
		/* beyond U+10FFFF, beyond four bytes */
		BAD("\xf4\x90\x80\x80"), BAD("\xf5\x80\x80\x80"),
		BAD("\xf8\x88\x80\x80\x80"), BAD("\xfe"), BAD("\xff"),
		/* cut off, out of place */
		BAD("\xc3"), BAD("\xe6\xb8"), BAD("\xf0\xaa\x9b"), BAD("abcdefgh\xc3"),
		BAD("\x80"), BAD("a\xbf"), BAD("\xc3\xa9\xa9"), BAD("\xc3" "a"),
		BAD("\xe6\xb8" "a"), BAD("\xf0\xaa\x9b" "a"), BAD("\xe6" "ab"),
#undef GOOD
#undef BAD
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const u8 *s = (const u8 *)cases[i].text;

		if (valid(s, cases[i].len) != cases[i].valid)
			fail_msg("case %zu is judged wrongly", i);
		if (cases[i].valid && !oracle(s, cases[i].len))
			fail_msg("the oracle is wrong about case %zu", i);
	}
}

static void test_every_two_bytes(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 0x10000; i++) {
		u8 s[2] = { i >> 8, i };

		if (valid(s, 1) != oracle(s, 1) || valid(s, 2) != oracle(s, 2))
			fail_msg("%02x %02x", s[0], s[1]);
	}
}

/* Every sequence of four bytes at which some rule changes its mind, or next to it */
static void test_classes(void **state)
{
	static const u8 edge[] = {
		0x00, 0x01, 0x2f, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
		0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
		0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff,
	};
	const size_t n = sizeof(edge);
	u8 s[4];
	size_t i;

	(void)state;
	for (i = 0; i < n * n * n * n; i++) {
		s[0] = edge[i / n / n / n];
		s[1] = edge[i / n / n % n];
		s[2] = edge[i / n % n];
		s[3] = edge[i % n];
		if (mqtt_utf8_valid(s, 3) != oracle(s, 3) || mqtt_utf8_valid(s, 4) != oracle(s, 4))
			fail_msg("%02x %02x %02x %02x", s[0], s[1], s[2], s[3]);
	}
}

/* Every code point, and none of its neighbours in the encoding */
static void test_every_code_point(void **state)
{
	bool expected;
	u32 point;
	u8 s[4];
	size_t len;

	(void)state;
	for (point = 0; point < 0x200000; point++) {
		if (point < 0x80) {
			len = 1;
			s[0] = point;
		} else if (point < 0x800) {
			len = 2;
			s[0] = 0xc0 | point >> 6;
			s[1] = 0x80 | (point & 0x3f);
		} else if (point < 0x10000) {
			len = 3;
			s[0] = 0xe0 | point >> 12;
			s[1] = 0x80 | (point >> 6 & 0x3f);
			s[2] = 0x80 | (point & 0x3f);
		} else {
			len = 4;
			s[0] = 0xf0 | point >> 18;
			s[1] = 0x80 | (point >> 12 & 0x3f);
			s[2] = 0x80 | (point >> 6 & 0x3f);
			s[3] = 0x80 | (point & 0x3f);
		}
		expected = point && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
		if (mqtt_utf8_valid(s, len) != expected)
			fail_msg("U+%04X", point);
	}
}

/* One bad or multi-byte character at each place, so in each lane of a word */
static void test_places(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		bool valid;
	} inset[] = {
		{ "\0", 1, false }, { "\x80", 1, false }, { "\xff", 1, false },
		{ "\x01", 1, true }, { "\x7f", 1, true },
		{ "\xc3\xa9", 2, true }, { "\xe6\xb8\xa9", 3, true },
		{ "\xf0\x9f\x8c\xa1", 4, true }, { "\xed\xa0\x80", 3, false },
		{ "\xf0\x9f\x8c", 3, false },
	};
	u8 s[40];
	size_t i, len, at;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(inset); i++) {
		for (len = inset[i].len; len <= sizeof(s); len++) {
			for (at = 0; at + inset[i].len <= len; at++) {
				memset(s, 'x', len);
				memcpy(s + at, inset[i].text, inset[i].len);
				if (valid(s, len) != inset[i].valid)
					fail_msg("inset %zu at %zu of %zu", i, at, len);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_every_two_bytes),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
