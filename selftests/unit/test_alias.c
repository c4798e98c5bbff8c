// SPDX-License-Identifier: MIT
/* The daemon's table of topic aliases, and the names of reason codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "alias.h"
#include "reason.h"

static void set(struct alias_table *table, u16 alias, const char *topic)
{
	assert_int_equal(alias_set(table, alias, (const u8 *)topic, strlen(topic)), 0);
}

static void assert_alias(const struct alias_table *table, u16 alias, const char *want)
{
	const u8 *topic;
	u16 len;

	topic = alias_get(table, alias, &len);
	if (!want) {
		assert_null(topic);
		return;
	}
	assert_non_null(topic);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(topic, want, len);
}

static void test_table(void **state)
{
	struct alias_table table = { .max = 3 };

	(void)state;
	assert_alias(&table, 1, NULL);
	assert_alias(&table, 3, NULL);
	set(&table, 3, "three");
	assert_alias(&table, 3, "three");
	assert_alias(&table, 1, NULL);
	set(&table, 1, "one");
	set(&table, 3, "another, which is longer");
	assert_alias(&table, 1, "one");
	assert_alias(&table, 3, "another, which is longer");
	alias_clear(&table);
	assert_alias(&table, 3, NULL);
	set(&table, 2, "two");
	assert_alias(&table, 2, "two");
	alias_clear(&table);
	alias_clear(&table);
}

/* What a client may say in DISCONNECT: MQTT 5.0 table 3-10 */
static void test_reasons(void **state)
{
	static const u8 clients[] = {
		0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99
	};
	unsigned int code;

	(void)state;
	for (code = 0; code < 256; code++)
		assert_int_equal(reason_of_client(code),
				 !!memchr(clients, code, sizeof(clients)));
	assert_string_equal(reason_name(0x8e), "Session taken over");
	assert_string_equal(reason_name(0x01), "unknown reason");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
