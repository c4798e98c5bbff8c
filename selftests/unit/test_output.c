// SPDX-License-Identifier: MIT
/* The print layer: both forms of output, and what strangers' strings become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "output.h"

typedef void (*printer)(struct out *out);

static void expect(printer print, unsigned int flags, const char *want)
{
	char *text = NULL;
	size_t len = 0;
	struct out out;
	FILE *file;

	file = open_memstream(&text, &len);
	assert_non_null(file);
	out_init(&out, file, flags);
	print(&out);
	assert_int_equal(out_finish(&out), 0);
	fclose(file);
	assert_string_equal(text, want);
	free(text);
}

/*
 * Strings. One table: bytes, their text, their JSON.
 */

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct {
	const char *bytes;
	size_t len;
	const char *text;
	const char *json;
} strings[] = {
	{ BYTES(""), "", "" },
	{ BYTES("a/+/#"), "a/+/#", "a/+/#" },
	{ BYTES("two words"), "two words", "two words" },
	{ BYTES("q\"b\\"), "q\\\"b\\\\", "q\\\"b\\\\" },
	/* Controls: C0 with NUL, ESC and newline, DEL, C1 as characters */
	{ BYTES("a\0b"), "a\\u0000b", "a\\u0000b" },
	{ BYTES("\x1b]0;x\x07"), "\\u001b]0;x\\u0007", "\\u001b]0;x\\u0007" },
	{ BYTES("1\n2\r\t"), "1\\u000a2\\u000d\\u0009", "1\\u000a2\\u000d\\u0009" },
	{ BYTES("\x7f"), "\\u007f", "\\u007f" },
	{ BYTES("\xc2\x9b" "31m"), "\\u009b31m", "\\u009b31m" },
	/* C1 as a byte, which some terminals obey */
	{ BYTES("\x9b" "31m"), "\\x9b31m", "\\ufffd31m" },
	/* Characters that are not what they look like */
	{ BYTES("a\xe2\x80\xae" "b"), "a\\u202eb", "a\\u202eb" },
	{ BYTES("\xe2\x80\xa8\xef\xbb\xbf"), "\\u2028\\ufeff", "\\u2028\\ufeff" },
	{ BYTES("\xf3\xa0\x81\x81"), "\\U000e0041", "\\udb40\\udc41" },
	/* Good UTF-8 stays */
	{ BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
	  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ BYTES("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
	{ BYTES("\xed\x9f\xbf\xee\x80\x80"), "\xed\x9f\xbf\xee\x80\x80",
	  "\xed\x9f\xbf\xee\x80\x80" },
	/* Overlong, surrogate, too large, cut short, stray, never valid */
	{ BYTES("\xc0\x80"), "\\xc0\\x80", "\\ufffd\\ufffd" },
	{ BYTES("\xe0\x80\xaf"), "\\xe0\\x80\\xaf", "\\ufffd\\ufffd\\ufffd" },
	{ BYTES("\xf0\x80\x80\xaf"), "\\xf0\\x80\\x80\\xaf",
	  "\\ufffd\\ufffd\\ufffd\\ufffd" },
	{ BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd" },
	{ BYTES("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
	{ BYTES("a\xe2\x82"), "a\\xe2\\x82", "a\\ufffd\\ufffd" },
	{ BYTES("\xe2\x82x"), "\\xe2\\x82x", "\\ufffd\\ufffdx" },
	{ BYTES("\x80\xfe\xff"), "\\x80\\xfe\\xff", "\\ufffd\\ufffd\\ufffd" },
};

static size_t string_index;

static void print_string(struct out *out)
{
	/* A copy of the exact size: ASan sees a read behind it. */
	size_t len = strings[string_index].len;
	char *copy = malloc(len ? len : 1);

	memcpy(copy, strings[string_index].bytes, len);
	out_object_begin(out, NULL, OUT_ROW);
	out_string(out, "s", copy, len);
	out_object_end(out);
	free(copy);
}

static void test_strings(void **state)
{
	char want[256];

	(void)state;
	for (string_index = 0; string_index < sizeof(strings) / sizeof(strings[0]);
	     string_index++) {
		snprintf(want, sizeof(want), "s \"%s\"\n", strings[string_index].text);
		expect(print_string, 0, want);
		snprintf(want, sizeof(want), "{\"s\":\"%s\"}\n", strings[string_index].json);
		expect(print_string, OUT_JSON, want);
	}
}

/*
 * Numbers
 */

static void print_bytes(struct out *out)
{
	out_object_begin(out, NULL, OUT_ROW);
	out_bytes(out, "a", 0);
	out_bytes(out, "b", 1023);
	out_bytes(out, "c", 1536);
	out_bytes(out, "d", 16777216);
	out_bytes(out, "e", UINT64_MAX);
	out_count(out, "f", UINT64_MAX);
	out_object_end(out);
}

static void test_numbers(void **state)
{
	(void)state;
	expect(print_bytes, 0, "a 0 B b 1023 B c 1.5 KiB d 16 MiB e 16.0 EiB "
	       "f 18446744073709551615\n");
	expect(print_bytes, OUT_JSON, "{\"a\":0,\"b\":1023,\"c\":1536,\"d\":16777216,"
	       "\"e\":18446744073709551615,\"f\":18446744073709551615}\n");
}

/*
 * Structure
 */

static void print_nothing(struct out *out)
{
	(void)out;
}

static void print_empty_list(struct out *out)
{
	out_array_begin(out, NULL);
	out_array_end(out);
}

static void print_item(struct out *out, uint64_t id)
{
	out_object_begin(out, NULL, OUT_ROW);
	out_count(out, "id", id);
	out_word(out, "state", "fast");
	out_line(out);
	out_bytes(out, "queue", 2048);
	out_object_begin(out, "stats", OUT_COLUMN);
	out_count(out, "rx", 1);
	out_line(out);
	out_bytes(out, "rx-bytes", 2048);
	out_object_end(out);
	out_object_end(out);
}

static void print_list(struct out *out)
{
	out_array_begin(out, NULL);
	print_item(out, 1);
	print_item(out, 2);
	out_array_end(out);
}

static void test_structure(void **state)
{
	(void)state;
	expect(print_nothing, 0, "");
	expect(print_nothing, OUT_JSON, "");
	expect(print_empty_list, 0, "");
	expect(print_empty_list, OUT_JSON, "[]\n");
	expect(print_empty_list, OUT_JSON | OUT_PRETTY, "[]\n");
	expect(print_list, 0,
	       "id 1 state fast\n"
	       "    queue 2 KiB\n"
	       "    stats\n"
	       "        rx                   1\n"
	       "        rx-bytes             2048 (2 KiB)\n"
	       "id 2 state fast\n"
	       "    queue 2 KiB\n"
	       "    stats\n"
	       "        rx                   1\n"
	       "        rx-bytes             2048 (2 KiB)\n");
	expect(print_list, OUT_JSON,
	       "[{\"id\":1,\"state\":\"fast\",\"queue\":2048,"
	       "\"stats\":{\"rx\":1,\"rx-bytes\":2048}},"
	       "{\"id\":2,\"state\":\"fast\",\"queue\":2048,"
	       "\"stats\":{\"rx\":1,\"rx-bytes\":2048}}]\n");
}

static void print_small(struct out *out)
{
	out_array_begin(out, NULL);
	out_object_begin(out, NULL, OUT_ROW);
	out_count(out, "id", 1);
	out_count(out, "n", 2);
	out_object_end(out);
	out_object_begin(out, NULL, OUT_COLUMN);
	out_object_end(out);
	out_array_end(out);
}

static void test_pretty(void **state)
{
	(void)state;
	expect(print_small, OUT_JSON | OUT_PRETTY,
	       "[\n"
	       "    {\n"
	       "        \"id\": 1,\n"
	       "        \"n\": 2\n"
	       "    },\n"
	       "    {}\n"
	       "]\n");
}

static void test_write_error(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct out out;

	(void)state;
	assert_non_null(full);
	out_init(&out, full, OUT_JSON);
	print_list(&out);
	assert_true(out_finish(&out) < 0);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_pretty),
		cmocka_unit_test(test_write_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
