// SPDX-License-Identifier: MIT
/* The store: what is put is there after it was closed and opened again. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "store_fixture.h"

/* After it was closed: has it this, and nothing else? */
static void assert_stored(const char *expected)
{
	char *text = store_text();

	if (!text)
		fail_msg("%s", store_why);
	assert_string_equal(text, expected);
	free(text);
}

static void put_session(struct store *store, u64 key, const char *client_id)
{
	struct store_session session = { .client_id = client_id, .expiry = 60, .protocol = 5 };

	assert_int_not_equal(store_session_put(store, key, &session), 0);
}

static u64 put_message(struct store *store, const char *topic, const char *payload)
{
	struct stored msg = text_message(topic, payload);

	assert_int_not_equal(store_message_put(store, &msg), 0);
	assert_ptr_equal(msg.store, store);
	assert_int_not_equal(msg.id, 0);
	return msg.id;
}

static u64 put_entry(struct store *store, u64 key, u64 seq, u64 message)
{
	struct store_entry entry = { .seq = seq, .message = message, .qos = 1 };
	u64 number = store_entry_put(store, key, &entry);

	assert_int_not_equal(number, 0);
	return number;
}

static void test_empty(void **state)
{
	struct stat st;

	(void)state;
	assert_stored("");
	assert_int_equal(stat(store_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_stored("");
}

/* Every field of everything */
static void test_fields(void **state)
{
	struct store_session session = {
		.client_id = "all",
		.username = "u\xc3\xbc",
		.expires = 1800000000123,
		.will_at = 1800000000456,
		.expiry = UINT32_MAX,
		.will_retain = true,
		.protocol = 5,
	};
	struct store_sub sub = {
		.filter = (const u8 *)"$share/g/#", .len = 10, .options = 0x2d, .id = 268435455,
	};
	struct store_entry entry = {
		.seq = 7, .ids = (const u32[]){ 1, 300, 268435455 }, .n_ids = 3,
		.packet_id = 65535, .qos = 2, .state = 3, .retain = true, .share = "g",
	};
	struct store *store = store_must_open();
	struct stored msg = text_message("t/\xc3\xa4", "payload");
	struct stored will = text_message("will", "");
	u64 key = store_new_key(store);

	(void)state;
	msg.properties = (const u8 *)"\x01\x00";
	msg.properties_len = 2;
	msg.expires = 1900000000000;
	msg.client_id = "publisher";
	msg.username = "name";
	msg.qos = 2;
	will.qos = 0;
	will.client_id = NULL;
	session.will = &will;
	store_session_put(store, key, &session);
	store_sub_put(store, key, &sub);
	store_message_put(store, &msg);
	entry.message = msg.id;
	store_entry_put(store, key, &entry);
	store_incoming_put(store, key, 65535);
	store_retained_put(store, &msg);
	store_close(store);
	assert_stored("message 1 qos 2 expires 1900000000000 topic t/\\c3\\a4 properties \\01\\00"
		      " payload payload by publisher user name\n"
		      "session 1 all user u\xc3\xbc expiry 4294967295 expires 1800000000123"
		      " protocol 5\n"
		      "will 1 at 1800000000456 retain 1 qos 0 topic will properties  payload \n"
		      "sub 1 filter $share/g/# options 2d id 268435455\n"
		      "entry 1/7 message 1 packet 65535 qos 2 state 3 retain 1 share g"
		      " 1 300 268435455\n"
		      "incoming 1 65535\n"
		      "retained 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, store_directory,
						store_directory_remove),
		cmocka_unit_test_setup_teardown(test_fields, store_directory,
						store_directory_remove),
	};
	(void)put_session; (void)put_message; (void)put_entry;

	return cmocka_run_group_tests(tests, NULL, NULL);
}
