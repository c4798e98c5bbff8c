// SPDX-License-Identifier: MIT
/* A message's two forms: with properties for MQTT 5.0, without for 3.x. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "message.h"

#define BYTES(literal) (const u8 *)literal, sizeof(literal) - 1
/* So many bytes that a length of one byte just does, or just does not */
#define LONG "1234567890123456789012345678901234567890123456789012345678901234567890" \
		 "123456789012345678901234567890123456789012345678901234"

static const struct {
	const u8 *v3;
	size_t v3_len;
	const u8 *v5;
	size_t v5_len;
	bool back;	/* 5.0 to 3.x and back is the same */
} forms[] = {
	{ BYTES("\x30\7\0\3t/uhi"), BYTES("\x30\x8\0\3t/u\0hi"), true },
	{ BYTES("\x30\3\0\1a"), BYTES("\x30\4\0\1a\0"), true },
	{ BYTES("\x30\4\0\1ax"), BYTES("\x30\xc\0\1a\7\x26\0\1k\0\1vx"), false },
	{ BYTES("\x30\x7f\0\1a" LONG), BYTES("\x30\x80\1\0\1a\0" LONG), true },
	{ BYTES("\x30\4\0\1ax"), BYTES("\x30\x88\1\0\1a\x82\1\x26\0\1k\0\174" LONG "x"), false },
};

static void assert_form(struct message *msg, u8 protocol, const u8 *want, size_t len)
{
	struct message_form *form = message_form(msg, protocol);

	assert_non_null(form);
	assert_int_equal(form->len, len);
	assert_memory_equal(form->packet, want, len);
}

static void test_translation(void **state)
{
	struct message msg;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		message_init(&msg, 5, forms[i].v5, forms[i].v5_len, NULL);
		assert_ptr_equal(message_form(&msg, 5)->packet, forms[i].v5);
		assert_form(&msg, 4, forms[i].v3, forms[i].v3_len);
		assert_form(&msg, 3, forms[i].v3, forms[i].v3_len);
		message_done(&msg);

		message_init(&msg, 3, forms[i].v3, forms[i].v3_len, NULL);
		assert_ptr_equal(message_form(&msg, 4)->packet, forms[i].v3);
		if (forms[i].back)
			assert_form(&msg, 5, forms[i].v5, forms[i].v5_len);
		message_done(&msg);
	}
}

static void test_once(void **state)
{
	struct message msg;

	(void)state;
	message_init(&msg, 4, forms[0].v3, forms[0].v3_len, NULL);
	assert_ptr_equal(message_form(&msg, 5)->packet, message_form(&msg, 5)->packet);
	assert_ptr_equal(message_blob(message_form(&msg, 5)), message_blob(message_form(&msg, 5)));
	message_done(&msg);
}

static void test_view(void **state)
{
	struct message msg;

	(void)state;
	message_init(&msg, 5, forms[2].v5, forms[2].v5_len, NULL);
	assert_int_equal(msg.topic_len, 1);
	assert_memory_equal(msg.topic, "a", 1);
	assert_int_equal(msg.properties_len, 7);
	assert_memory_equal(msg.properties, "\x26\0\1k\0\1v", 7);
	assert_int_equal(msg.payload_len, 1);
	assert_memory_equal(msg.payload, "x", 1);
	message_done(&msg);
}

/* Storage that was given is passed on as it is; a copy is made only without */
static void test_storage(void **state)
{
	struct blob *blob = blob_new(forms[0].v3_len);
	struct message msg;

	(void)state;
	assert_non_null(blob);
	memcpy(blob->data, forms[0].v3, forms[0].v3_len);
	message_init(&msg, 4, blob->data, forms[0].v3_len, blob);
	assert_ptr_equal(message_blob(message_form(&msg, 4)), blob);
	message_done(&msg);

	message_init(&msg, 4, blob->data, forms[0].v3_len, NULL);
	assert_ptr_not_equal(message_blob(message_form(&msg, 4)), blob);
	assert_form(&msg, 4, forms[0].v3, forms[0].v3_len);
	message_done(&msg);
	blob_put(blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_translation),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_storage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
