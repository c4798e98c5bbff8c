// SPDX-License-Identifier: MIT
/* Messages that are kept: copied or shared, their end, their expiry. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store.h"
#include "stored.h"

#define LONG 5000

static u8 bytes[LONG];

static struct stored example(void)
{
	return (struct stored){
		.topic = (const u8 *)"a/b",
		.topic_len = 3,
		.properties = (const u8 *)"\x01\x01\x26\0\1k\0\1v",
		.properties_len = 9,
		.payload = (const u8 *)"hello",
		.payload_len = 5,
		.client_id = "me",
		.username = "user",
		.qos = 2,
		.expires = 77,
		.id = 9,
	};
}

static void assert_same(const struct stored *a, const struct stored *b)
{
	assert_int_equal(a->topic_len, b->topic_len);
	assert_memory_equal(a->topic, b->topic, a->topic_len);
	assert_int_equal(a->properties_len, b->properties_len);
	assert_memory_equal(a->properties, b->properties, a->properties_len);
	assert_int_equal(a->payload_len, b->payload_len);
	assert_memory_equal(a->payload, b->payload, a->payload_len);
	assert_string_equal(a->client_id, b->client_id);
	assert_int_equal(!a->username, !b->username);
	if (a->username)
		assert_string_equal(a->username, b->username);
	assert_int_equal(a->qos, b->qos);
	assert_int_equal(a->expires, b->expires);
	assert_int_equal(a->id, b->id);
}

static void test_copy(void **state)
{
	struct stored from = example();
	struct stored *msg = stored_new(&from, NULL);

	(void)state;
	assert_non_null(msg);
	assert_same(&from, msg);
	assert_ptr_not_equal(from.topic, msg->topic);
	assert_ptr_not_equal(from.payload, msg->payload);
	assert_null(msg->blob);
	assert_null(msg->properties_blob);
	assert_ptr_equal(stored_get(msg), msg);
	stored_put(msg);
	assert_same(&from, msg);
	stored_put(msg);
	stored_put(NULL);

	from.username = NULL;
	from.client_id = "";
	from.properties_len = 0;
	from.payload_len = 0;
	msg = stored_new(&from, NULL);
	assert_same(&from, msg);
	stored_put(msg);
}

/* What is long is in blobs, whether it was before or not */
static void test_long(void **state)
{
	struct blob *blob = blob_new(LONG);
	struct stored from = example();
	struct stored *msg;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	memset(blob->data, 'y', LONG);
	from.payload = blob->data;
	from.payload_len = LONG;
	from.properties = bytes;
	from.properties_len = LONG;
	msg = stored_new(&from, blob);
	assert_same(&from, msg);
	assert_ptr_equal(msg->blob, blob);
	assert_ptr_equal(msg->payload, blob->data);
	assert_int_equal(blob->refs, 2);
	assert_ptr_equal(msg->properties, msg->properties_blob->data);
	stored_put(msg);
	assert_int_equal(blob->refs, 1);

	msg = stored_new(&from, NULL);
	assert_same(&from, msg);
	assert_ptr_not_equal(msg->blob, blob);
	assert_ptr_equal(msg->payload, msg->blob->data);
	stored_put(msg);
	blob_put(blob);
}

static void test_cut(void **state)
{
	struct stored from = example();
	struct stored *msg = stored_new(&from, NULL);

	(void)state;
	stored_cut_property(msg, 0, 2);
	assert_int_equal(msg->properties_len, 7);
	assert_memory_equal(msg->properties, "\x26\0\1k\0\1v", 7);
	stored_cut_property(msg, 0, 7);
	assert_int_equal(msg->properties_len, 0);
	stored_put(msg);
}

static void test_expiry(void **state)
{
	struct stored msg = {};
	u32 left = 1;

	(void)state;
	assert_false(stored_expired(&msg, &left));
	assert_int_equal(left, 0);
	msg.expires = stored_now() + 5000;
	assert_false(stored_expired(&msg, &left));
	assert_int_equal(left, 5);		/* rounded up */
	msg.expires = stored_now() - 1;
	assert_true(stored_expired(&msg, &left));
}

/* The last reference takes it out of the store */
static void test_store(void **state)
{
	struct store_config config = { .pending_max = 1 << 20 };
	struct stored from = example();
	char why[STORE_WHY_MAX];
	struct store *store;
	struct stored *msg;

	(void)state;
	assert_int_equal(store_open(&store, &config, why), 0);
	from.id = 0;
	msg = stored_new(&from, NULL);
	assert_true(store_message_put(store, msg));
	stored_put(msg);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
