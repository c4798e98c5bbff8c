// SPDX-License-Identifier: MIT
/* The beginning of PUBLISH packets, against bytes put together by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <mqtt/wire.h>

#include "packet_publish.h"

#define TOPIC(literal) .topic = (const u8 *)literal, .topic_len = sizeof(literal) - 1
#define WANT(literal) literal, sizeof(literal) - 1

static const u32 ids[] = { 5, 300 };

static const struct {
	struct publish_head head;
	u8 protocol;
	const char *want;
	size_t len;
} heads[] = {
	/* 3.1.1: no properties, whatever there is */
	{ { TOPIC("a/b"), .payload_len = 2, .properties_len = 9, .alias = 3, .ids = ids,
	    .n_ids = 2, .expires = true, .expiry = 9 }, 4, WANT("\x30\7\0\3a/b") },
	{ { TOPIC("a"), .flags = 0x0b, .packet_id = 0x1234 }, 3, WANT("\x3b\5\0\1a\x12\x34") },
	{ { TOPIC("a"), .flags = 0x01, .packet_id = 7 }, 4, WANT("\x31\3\0\1a") },
	/* 5.0 */
	{ { TOPIC("a"), .payload_len = 1 }, 5, WANT("\x30\5\0\1a\0") },
	{ { TOPIC("a"), .flags = 2, .packet_id = 1, .properties_len = 4 }, 5,
	  WANT("\x32\x0a\0\1a\0\1\4") },
	{ { TOPIC(""), .alias = 0x0102 }, 5, WANT("\x30\6\0\0\3\x23\1\2") },
	{ { TOPIC("a"), .expires = true, .expiry = 0x01020304 }, 5,
	  WANT("\x30\x9\0\1a\5\2\1\2\3\4") },
	{ { TOPIC("a"), .ids = ids, .n_ids = 2, .properties_len = 3, .payload_len = 1,
	    .flags = 4, .packet_id = 0xffff }, 5,
	  WANT("\x34\x0f\0\1a\xff\xff\x08\x0b\5\x0b\xac\2") },
	{ { TOPIC("a"), .alias = 1, .expires = true, .expiry = 1, .ids = ids, .n_ids = 1 }, 5,
	  WANT("\x30\x0e\0\1a\x0a\x23\0\1\2\0\0\0\1\x0b\5") },
	/* lengths of two bytes */
	{ { TOPIC("a"), .properties_len = 128 }, 5, WANT("\x30\x85\1\0\1a\x80\1") },
	{ { TOPIC("a"), .payload_len = 200 }, 4, WANT("\x30\xcb\1\0\1a") },
};

static void test_heads(void **state)
{
	struct publish_sizes sizes;
	u8 buf[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const struct publish_head *head = &heads[i].head;
		size_t behind = head->payload_len +
				(heads[i].protocol == 5 ? head->properties_len : 0);

		assert_int_equal(publish_head_measure(head, heads[i].protocol, &sizes), 0);
		assert_int_equal(sizes.head, heads[i].len);
		assert_int_equal(sizes.packet, heads[i].len + behind);
		memset(buf, 0xee, sizeof(buf));
		publish_head_write(buf, head, heads[i].protocol, &sizes);
		assert_memory_equal(buf, heads[i].want, heads[i].len);
		assert_int_equal(buf[heads[i].len], 0xee);
	}
}

/* The longest packet there is, and one byte more */
static void test_longest(void **state)
{
	struct publish_head head = { TOPIC("a"), .payload_len = MQTT_REMAINING_MAX - 3 };
	struct publish_sizes sizes;

	(void)state;
	assert_int_equal(publish_head_measure(&head, 4, &sizes), 0);
	assert_int_equal(sizes.remaining, MQTT_REMAINING_MAX);
	assert_int_equal(sizes.packet, 5 + (size_t)MQTT_REMAINING_MAX);
	assert_int_equal(publish_head_measure(&head, 5, &sizes), -EMSGSIZE);
	head.payload_len++;
	assert_int_equal(publish_head_measure(&head, 4, &sizes), -EMSGSIZE);
	head.payload_len = 0;
	head.properties_len = MQTT_VARINT_MAX + 1;
	assert_int_equal(publish_head_measure(&head, 5, &sizes), -EMSGSIZE);
	head.payload_len = UINT32_MAX;
	assert_int_equal(publish_head_measure(&head, 4, &sizes), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
