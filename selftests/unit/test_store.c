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
		.owned = true,
	};
	const struct store_ban ban = {
		.network = "2001:db8::/32", .why = "why", .since = 1700000000001,
		.until = 1800000000001,
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
	store_ban_put(store, &ban);
	store_close(store);
	assert_stored("message 1 qos 2 expires 1900000000000 topic=t/\\c3\\a4 properties=\\01\\00"
		      " payload=payload by=publisher user=name\n"
		      "session 1 all user u\xc3\xbc owned expiry 4294967295 expires 1800000000123"
		      " protocol 5\n"
		      "will 1 at 1800000000456 retain 1 qos 0 topic=will properties= payload=\n"
		      "sub 1 filter=$share/g/# options 2d id 268435455\n"
		      "entry 1/7 message 1 packet 65535 qos 2 state 3 retain 1 share g"
		      " 1 300 268435455\n"
		      "incoming 1 65535\n"
		      "retained 1\n"
		      "ban 2001:db8::/32 since 1700000000001 until 1800000000001: why\n");
}

/* As with all else the last one counts, within a batch and in the next one. */
static void test_bans(void **state)
{
	struct store_ban ban = { .network = "192.0.2.1/32", .why = "first" };
	struct store *store = store_must_open();

	(void)state;
	store_ban_put(store, &ban);
	store_ban_del(store, "192.0.2.1/32");
	ban.why = "second";
	store_ban_put(store, &ban);
	ban.network = "192.0.2.0/24";
	store_ban_put(store, &ban);
	store_wait(store, 0);
	ban.why = "third";
	store_ban_put(store, &ban);
	store_ban_del(store, "192.0.2.1/32");
	store_ban_del(store, "not/there");
	store_close(store);
	assert_stored("ban 192.0.2.0/24 since 0 until 0: third\n");
}

/* The last change of each kind counts, and what is deleted is gone. */
static void test_changes(void **state)
{
	struct store_sub sub = { .filter = (const u8 *)"a/+", .len = 3, .options = 1, .id = 5 };
	struct store *store = store_must_open();
	struct stored msg = text_message("r", "2");
	u64 a;

	(void)state;
	put_session(store, 1, "one");
	put_session(store, 2, "two");
	put_session(store, 3, "three");
	store_sub_put(store, 1, &sub);
	store_sub_put(store, 2, &sub);
	store_wait(store, 0);
	sub.options = 2;
	sub.id = 0;
	store_sub_put(store, 1, &sub);
	store_sub_del(store, 2, (const u8 *)"a/+", 3);
	put_session(store, 2, "again");
	a = put_message(store, "r", "1");
	put_entry(store, 1, 1, a);
	put_entry(store, 1, 2, a);
	put_entry(store, 3, 1, a);
	store_incoming_put(store, 1, 1);
	store_incoming_put(store, 1, 2);
	store_incoming_put(store, 2, 1);
	store_incoming_put(store, 2, 2);
	store_incoming_put(store, 3, 3);
	store_wait(store, 0);
	store_entry_state(store, 1, 2, 77, 4);
	store_entry_del(store, 1, 1);
	store_incoming_del(store, 1, 2);
	store_incoming_clear(store, 2);
	store_session_del(store, 3);
	store_message_put(store, &msg);
	store_retained_put(store, &msg);
	store_close(store);
	assert_stored("message 1 qos 1 topic=r properties= payload=1 by=\n"
		      "message 2 qos 1 topic=r properties= payload=2 by=\n"
		      "session 1 one user - expiry 60 expires 0 protocol 5\n"
		      "sub 1 filter=a/+ options 02 id 0\n"
		      "entry 1/2 message 1 packet 77 qos 1 state 4 retain 0 share -\n"
		      "incoming 1 1\n"
		      "session 2 again user - expiry 60 expires 0 protocol 5\n"
		      "retained 2\n");

	store = store_must_open();
	assert_int_equal(store_new_key(store), 3);
	msg = text_message("r", "3");
	store_message_put(store, &msg);
	assert_int_equal(msg.id, 3);
	assert_int_not_equal(store_message_put(store, &msg), 0);
	assert_int_equal(msg.id, 3);
	store_retained_put(store, &msg);
	store_message_del(store, 2);
	store_wait(store, 0);
	store_retained_del(store, (const u8 *)"r", 1);
	store_message_del(store, 3);
	store_session_del(store, 1);
	store_session_del(store, 2);
	store_message_del(store, 1);
	store_close(store);
	assert_stored("");
}

/* --- large messages ------------------------------------------------------- */

static struct stored large_message(struct blob *blob, size_t len)
{
	struct stored msg = text_message("large/message", "");
	size_t i;

	msg.payload = blob->data;
	msg.payload_len = len;
	for (i = 0; i < len; i++)
		blob->data[i] = i * 7 + i / 251;
	msg.blob = blob;
	return msg;
}

/* Copied or by reference, in one piece or many: the same */
static void test_large(void **state)
{
	static const size_t sizes[] = { 1, 4000, 5000, 1 << 20, (1 << 20) + 1, 5000000 };
	struct store_session session = { .client_id = "one" };
	struct store *store = store_must_open();
	char expected[2000], *text, *line;
	struct stored msg, copied;
	struct blob *blob;
	size_t i;

	(void)state;
	put_session(store, 1, "one");
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		blob = blob_new(sizes[i]);
		msg = large_message(blob, sizes[i]);
		copied = msg;
		copied.blob = NULL;
		store_message_put(store, &msg);
		store_message_put(store, &copied);
		put_entry(store, 1, 2 * i, msg.id);
		put_entry(store, 1, 2 * i + 1, copied.id);
		session.will = &msg;
		store_session_put(store, 1, &session);
		blob_put(blob);
	}
	store_close(store);
	text = store_text();
	assert_non_null(text);
	for (i = 0, line = text; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		int len = strcspn(line, "\n");
		char *rest = strstr(line, " qos");

		if (i % 2 == 0)
			snprintf(expected, sizeof(expected), "%.*s",
				 (int)(line + len - rest), rest);
		else
			assert_memory_equal(rest, expected, strlen(expected));
		line += len + 1;
	}
	assert_memory_equal(line, "session 1", 9);
	line = strstr(line, "will 1");
	assert_non_null(line);
	assert_memory_equal(strstr(line, " qos"), expected, strlen(expected));
	free(text);
}

/* What is kept of a blob is let go of when it is written, or need not be. */
static void test_references(void **state)
{
	struct store *store = store_must_open();
	struct blob *blob = blob_new(10000);
	struct stored msg = large_message(blob, 10000);

	(void)state;
	store_begin(store);
	store_message_put(store, &msg);
	assert_int_equal(blob->refs, 2);
	store_wait(store, store_end(store));
	for (; __atomic_load_n(&blob->refs, __ATOMIC_ACQUIRE) > 1;)
		usleep(100);
	store_begin(store);
	msg.id = 0;
	store_message_put(store, &msg);
	store_message_del(store, msg.id);
	store_wait(store, store_end(store));
	for (; __atomic_load_n(&blob->refs, __ATOMIC_ACQUIRE) > 1;)
		usleep(100);
	blob_put(blob);
	store_close(store);
}

/* --- numbers, groups, limits ---------------------------------------------- */

static void test_groups(void **state)
{
	struct store *store = store_must_open();
	u64 first, second;

	(void)state;
	store_begin(store);
	assert_int_equal(store_end(store), 0);
	store_begin(store);
	put_session(store, 1, "one");
	store_begin(store);
	store_sync(store);
	first = put_entry(store, 1, 1, 1);
	assert_int_equal(store_end(store), first);
	usleep(20000);		/* it would be written now, if it could be */
	assert_true(store_committed(store) < first);
	second = put_entry(store, 1, 2, 1);
	assert_true(second > first);
	assert_int_equal(store_end(store), second);
	store_wait(store, second);
	store_close(store);
}

static void count_commit(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
}

static void test_full(void **state)
{
	int commits = 0, before;
	struct store_config config = {
		.path = store_path, .pending_max = 10000,
		.committed = count_commit, .arg = &commits,
	};
	struct store *store;
	u64 number = 0;

	(void)state;
	assert_int_equal(store_open(&store, &config, store_why), 0);
	free(store_loaded_text(store));
	assert_false(store_full(store));
	store_begin(store);
	before = __atomic_load_n(&commits, __ATOMIC_SEQ_CST);
	while (!store_full(store)) {
		assert_true(number < 1000);
		number = put_entry(store, 1, number, 1);
	}
	store_end(store);
	store_wait(store, number);
	while (__atomic_load_n(&commits, __ATOMIC_SEQ_CST) == before)
		usleep(100);
	assert_false(store_full(store));
	store_close(store);
}

#define THREADS	4
#define ROUNDS	300

/* Groups of one thread: each leaves one entry, of the message that it puts. */
static void *busy(void *arg)
{
	static u64 key;
	struct store *store = arg;
	u64 mine = __atomic_add_fetch(&key, 1, __ATOMIC_SEQ_CST), id, number = 0;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		store_begin(store);
		id = put_message(store, "t", "x");
		put_entry(store, mine, i, id);
		store_begin(store);
		store_incoming_put(store, mine, i + 1);
		store_end(store);
		if (i) {
			store_entry_del(store, mine, i - 1);
			store_incoming_del(store, mine, i);
		}
		number = store_end(store);
	}
	store_wait(store, number);
	return NULL;
}

static void test_threads(void **state)
{
	struct store *store = store_must_open();
	pthread_t threads[THREADS];
	char *text, *line;
	int i, entries = 0, messages = 0;

	(void)state;
	for (i = 1; i <= THREADS; i++)
		put_session(store, i, "s");
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, busy, store), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	store_close(store);
	text = store_text();
	assert_non_null(text);
	for (line = text; *line; line += strcspn(line, "\n") + 1) {
		entries += !strncmp(line, "entry", 5);
		messages += !strncmp(line, "message", 7);
	}
	assert_int_equal(entries, THREADS);
	assert_int_equal(messages, THREADS);
	free(text);
}

static void test_memory(void **state)
{
	struct store_config config = { .pending_max = 1 };
	struct stored msg = text_message("a", "b");
	struct store_session session = {};
	struct store *store;

	(void)state;
	assert_int_equal(store_open(&store, &config, store_why), 0);
	assert_false(store_durable(store));
	assert_int_equal(store_load(store, NULL, NULL, store_why), 0);
	store_begin(store);
	assert_int_equal(store_session_put(store, 1, &session), 1);
	assert_int_equal(store_message_put(store, &msg), 1);
	assert_null(msg.store);
	assert_int_equal(store_message_del(store, 1), 1);
	assert_int_equal(store_retained_put(store, &msg), 1);
	assert_int_equal(store_end(store), 0);
	assert_true(store_committed(store) >= 1);
	assert_false(store_full(store));
	store_sync(store);
	store_close(store);
	store_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_directory, store_directory_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_fields),
		TEST(test_bans),
		TEST(test_changes),
		TEST(test_large),
		TEST(test_references),
		TEST(test_groups),
		TEST(test_full),
		TEST(test_threads),
		TEST(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
