// SPDX-License-Identifier: MIT
/* The store: changes that cancel each other, or replace earlier ones, in a batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "buffer.h"
#include "store_batch.h"
#include "store_fixture.h"

static unsigned int random_below(unsigned int *seed, unsigned int limit)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 8) % limit;
}

/* What a broker could do: what is new is new, what is changed or deleted is there. */
struct model {
	u64 message[8];		/* ids, 0: not there */
	u64 refers[8];		/* seq of the entry with the message */
	u64 entry[3][6];	/* seq of the entry in a place, 0: none */
	u64 seq;
	unsigned int seed;
};

static void random_entry(struct store *store, struct model *m)
{
	u64 key = random_below(&m->seed, 3), place = random_below(&m->seed, 6);
	struct store_entry entry = { .message = 1, .seq = ++m->seq, .qos = 1 };

	if (!m->entry[key][place]) {
		store_entry_put(store, key + 1, &entry);
		m->entry[key][place] = entry.seq;
	} else if (random_below(&m->seed, 2)) {
		store_entry_state(store, key + 1, m->entry[key][place],
				  random_below(&m->seed, 1000), 1);
	} else {
		store_entry_del(store, key + 1, m->entry[key][place]);
		m->entry[key][place] = 0;
	}
}

static void random_incoming(struct store *store, struct model *m)
{
	u64 key = random_below(&m->seed, 3), id = random_below(&m->seed, 6);

	if (!random_below(&m->seed, 10)) {
		store_incoming_clear(store, key + 1);
		return;
	}
	/* A message that comes again is put again */
	if (random_below(&m->seed, 2))
		store_incoming_del(store, key + 1, id + 1);
	else
		store_incoming_put(store, key + 1, id + 1);
}

static void random_retained(struct store *store, struct model *m)
{
	static const char *const topics[] = { "a", "b", "c", "d" };
	unsigned int i = random_below(&m->seed, 4);
	struct stored msg = text_message(topics[i], "x");

	msg.id = 1;
	if (random_below(&m->seed, 3))
		store_retained_put(store, &msg);
	else
		store_retained_del(store, msg.topic, 1);
}

/* A session that ends takes with it all it has. */
static void random_session(struct store *store, struct model *m)
{
	struct store_session session = { .client_id = "s" };
	u64 key = random_below(&m->seed, 3);

	session.expiry = random_below(&m->seed, 1000);
	if (random_below(&m->seed, 4)) {
		store_session_put(store, key + 1, &session);
		return;
	}
	store_session_del(store, key + 1);
	memset(m->entry[key], 0, sizeof(m->entry[key]));
}

static void random_message(struct store *store, struct model *m)
{
	unsigned int i = random_below(&m->seed, 8);

	if (m->message[i]) {
		store_entry_del(store, 9, m->refers[i]);
		store_message_del(store, m->message[i]);
		m->message[i] = 0;
	} else {
		m->message[i] = put_message(store, "m", "x");
		m->refers[i] = ++m->seq;
		put_entry(store, 9, m->refers[i], m->message[i]);
	}
}

static void (*const random_changes[])(struct store *, struct model *) = {
	random_entry, random_entry, random_incoming, random_retained, random_session,
	random_message,
};

/* The same random changes in batches of @size: what is there in the end */
static char *random_text(unsigned int seed, unsigned int size)
{
	struct store *store = store_must_open();
	struct model m = { .seed = seed };
	char *text;
	int i;

	put_message(store, "first", "x");
	put_session(store, 9, "nine");
	put_entry(store, 9, 0, 1);
	for (i = 0; i < 400; i++) {
		if (i % size == 0)
			store_begin(store);
		random_changes[random_below(&m.seed, 6)](store, &m);
		if (i % size == size - 1) {
			store_end(store);
			store_wait(store, 0);
		}
	}
	if (i % size)
		store_end(store);
	store_close(store);
	text = store_text();
	assert_non_null(text);
	unlink(store_path);
	return text;
}

static void test_batches(void **state)
{
	char *single, *batches;
	unsigned int seed;

	(void)state;
	for (seed = 1; seed < 25; seed++) {
		single = random_text(seed, 1);
		batches = random_text(seed, 7 * seed);
		assert_string_equal(single, batches);
		free(single);
		free(batches);
	}
}

static u8 *log_bytes(size_t *len)
{
	char name[300];

	snprintf(name, sizeof(name), "%s-wal", store_path);
	return file_bytes(name, len);
}

/* A message that was put, delivered and acknowledged in time leaves no trace. */
static void test_nothing_written(void **state)
{
	struct store *store = store_must_open();
	size_t before_len, after_len;
	u8 *before, *after;
	u64 id;

	(void)state;
	put_session(store, 1, "one");
	store_wait(store, 0);
	before = log_bytes(&before_len);
	store_begin(store);
	id = put_message(store, "a", "b");
	put_entry(store, 1, 1, id);
	store_entry_state(store, 1, 1, 5, 1);
	store_incoming_put(store, 1, 5);
	store_incoming_del(store, 1, 5);
	store_entry_del(store, 1, 1);
	store_message_del(store, id);
	store_wait(store, store_end(store));
	after = log_bytes(&after_len);
	assert_int_equal(after_len, before_len);
	assert_memory_equal(after, before, after_len);
	free(after);
	put_session(store, 1, "other");
	store_wait(store, 0);
	after = log_bytes(&after_len);
	assert_true(after_len != before_len || memcmp(after, before, after_len));
	free(after);
	free(before);
	store_close(store);
}

#define WILL_SIZE 5000

static void append_will(struct store_batch *batch, struct blob *blob)
{
	struct store_chunk *spare = NULL;
	struct store_record_session *rec;

	rec = (void *)batch_append(batch, &spare, STORE_SESSION_PUT, sizeof(*rec));
	assert_non_null(rec);
	rec->head.key = 1;
	rec->session = (struct store_session){ .will = &rec->will };
	rec->will = (struct stored){ .blob = blob_get(blob), .payload_len = WILL_SIZE };
	batch->bytes += batch_referred(&rec->will);
	batch->number++;
}

/* What was replaced keeps no blobs. */
static void test_replaced(void **state)
{
	struct store_batch batch = {}, more = {};
	struct blob *blob = blob_new(WILL_SIZE);
	siphash_key_t key = {};
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		append_will(&more, blob);
		append_will(&more, blob);
		batch_absorb(&batch, &more, &key);
	}
	assert_int_equal(batch.live, 1);
	assert_int_equal(blob->refs, 2);
	assert_int_equal(batch.bytes, 40 * sizeof(struct store_record_session) + WILL_SIZE);
	batch_free_chunks(batch_empty(&batch));
	assert_int_equal(blob->refs, 1);
	blob_put(blob);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_directory, store_directory_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_batches),
		TEST(test_nothing_written),
		cmocka_unit_test(test_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
