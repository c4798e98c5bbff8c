/* SPDX-License-Identifier: MIT */
/*
 * Retained messages in the store of store_fake.h. Each test program includes it once.
 */
#ifndef RETAINED_FIXTURE_H
#define RETAINED_FIXTURE_H

#include <errno.h>

#include "retained.h"
#include "store_fake.h"
#include "topic_random.h"

static struct retained retained;

static inline int setup(void **state)
{
	(void)state;
	seed_set();
	return retained_init(&retained, &disk);
}

static inline int teardown(void **state)
{
	(void)state;
	retained_destroy(&retained);
	assert_int_equal(messages, 0);
	assert_int_equal(disk.depth, 0);
	disk_clear();
	return 0;
}

static inline int set_bytes(const u8 *topic, size_t len, const char *payload, u64 expires)
{
	struct stored *msg = message_new(topic, len, payload, expires);
	int err;

	store_begin(&disk);
	err = retained_set(&retained, msg);
	stored_put(msg);
	store_end(&disk);
	return err;
}

static inline void set(const char *topic, const char *payload)
{
	assert_int_equal(set_bytes((const u8 *)topic, strlen(topic), payload, 0), 0);
}

/* Walks to the end. Returns how many matched; *@calls is how many calls that took. */
static inline unsigned int walk(const char *filter, unsigned int *calls)
{
	struct retained_cursor cursor;
	struct stored *msgs[50];
	unsigned int sum = 0;
	bool done = false;
	int n;

	*calls = 0;
	assert_int_equal(retained_cursor_init(&cursor, (u8 *)filter, strlen(filter)), 0);
	while (!done) {
		n = retained_next(&retained, &cursor, msgs, 50, &done);
		assert_in_range(n, 0, 50);
		++*calls;
		sum += n;
		while (n)
			stored_put(msgs[--n]);
	}
	retained_cursor_free(&cursor);
	return sum;
}

static inline unsigned int matches(const char *filter)
{
	unsigned int calls;

	return walk(filter, &calls);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif /* RETAINED_FIXTURE_H */
