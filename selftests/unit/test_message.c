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
	assert_int_equal(form->len + msg->payload_len, len);
	assert_memory_equal(form->head, want, len);
}

static void test_translation(void **state)
{
	struct message msg;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		message_init(&msg, 5, forms[i].v5, forms[i].v5_len, NULL);
		assert_ptr_equal(message_form(&msg, 5)->head, forms[i].v5);
		assert_form(&msg, 4, forms[i].v3, forms[i].v3_len);
		assert_form(&msg, 3, forms[i].v3, forms[i].v3_len);
		message_done(&msg);

		message_init(&msg, 3, forms[i].v3, forms[i].v3_len, NULL);
		assert_ptr_equal(message_form(&msg, 4)->head, forms[i].v3);
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
	assert_ptr_equal(message_form(&msg, 5)->head, message_form(&msg, 5)->head);
	assert_ptr_equal(message_blob(&msg), message_blob(&msg));
	assert_ptr_equal(message_stored(&msg), message_stored(&msg));
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

/* What comes with RETAIN goes out without. */
static void test_retained(void **state)
{
	struct message msg;
	u8 packet[16];

	(void)state;
	memcpy(packet, forms[1].v3, forms[1].v3_len);
	packet[0] |= 1;
	message_init(&msg, 4, packet, forms[1].v3_len, NULL);
	assert_true(msg.retain);
	assert_form(&msg, 4, forms[1].v3, forms[1].v3_len);
	assert_form(&msg, 5, forms[1].v5, forms[1].v5_len);
	message_done(&msg);
}

/* At QoS 1 and 2 there is no form in the beginning. */
static void test_publish(void **state)
{
	static const u8 body[] = "\0\3t/u\0\x9\0hi";
	struct mqtt_publish pub;
	struct message msg;

	(void)state;
	assert_int_equal(mqtt_publish_parse(body, sizeof(body) - 1, 0x33, 5, &pub), 0);
	message_init_publish(&msg, 5, &pub, NULL, NULL);
	assert_int_equal(msg.qos, 1);
	assert_true(msg.retain);
	assert_form(&msg, 4, forms[0].v3, forms[0].v3_len);
	assert_form(&msg, 5, forms[0].v5, forms[0].v5_len);
	message_done(&msg);
}

/* The payload, if it is long: what was given is passed on as it is, or is copied once. */
static void test_storage(void **state)
{
	size_t len = 5 + MESSAGE_COPY_MAX + 1;
	struct message_form *form;
	struct blob *blob = blob_new(len), *copy;
	struct message msg;

	(void)state;
	assert_non_null(blob);
	memset(blob->data, 'x', len);
	memcpy(blob->data, "\x30\x83\x08\0\0", 5);	/* an empty topic does here */
	message_init(&msg, 4, blob->data, len, blob);
	assert_true(message_shares(&msg));
	assert_ptr_equal(message_blob(&msg), blob);
	assert_true(message_in_one(&msg, message_form(&msg, 4)));
	form = message_form(&msg, 5);
	assert_false(message_in_one(&msg, form));
	assert_int_equal(form->len, 6);
	assert_ptr_equal(message_stored(&msg)->blob, blob);
	message_done(&msg);

	message_init(&msg, 4, blob->data, len, NULL);
	copy = message_blob(&msg);
	assert_ptr_not_equal(copy, blob);
	assert_true(message_in_one(&msg, message_form(&msg, 4)));
	assert_ptr_equal(message_stored(&msg)->blob, copy);
	message_done(&msg);
	assert_int_equal(blob->refs, 1);
	blob_put(blob);
}

/* To be kept: without the expiry interval, which becomes a time */
static void test_stored(void **state)
{
	static const u8 packet[] = "\x30\x11\0\1a\x0c\x26\0\1k\0\1v\2\0\0\0\x3cx";
	struct message msg, again;
	struct stored *stored;
	u32 left;

	(void)state;
	message_init(&msg, 5, packet, sizeof(packet) - 1, NULL);
	msg.client_id = "me";
	stored = message_stored(&msg);
	assert_non_null(stored);
	assert_int_equal(stored->properties_len, 7);
	assert_memory_equal(stored->properties, "\x26\0\1k\0\1v", 7);
	assert_string_equal(stored->client_id, "me");
	assert_false(stored_expired(stored, &left));
	assert_int_equal(left, 60);

	message_init_stored(&again, stored);
	assert_ptr_equal(message_stored(&again), stored);
	assert_form(&again, 4, (const u8 *)"\x30\4\0\1ax", 6);
	assert_form(&again, 5, (const u8 *)"\x30\x11\0\1a\x0c\2\0\0\0\x3c\x26\0\1k\0\1vx", 19);
	message_done(&again);
	message_done(&msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_translation),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_retained),
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_storage),
		cmocka_unit_test(test_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
