// SPDX-License-Identifier: MIT
/*
 * Retained messages when the store fails and when there is no memory: what was there
 * before is still there, and nothing else.
 */
#include "retained_fixture.h"

/* --- memory that ends ----------------------------------------------------- */

static unsigned int allocations, fail_allocation;

void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool allocation_fails(void)
{
	return fail_allocation && ++allocations == fail_allocation;
}

void *__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return allocation_fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(n, size);
}

static void fail_at(unsigned int n)
{
	allocations = 0;
	fail_allocation = n;
}

/* --- tests ---------------------------------------------------------------- */

static void assert_as_before(void)
{
	assert_int_equal(retained.count, 1);
	assert_int_equal(disk.n, 1);
	assert_int_equal(disk.kept, 1);
	assert_int_equal(matches("old"), 1);
	assert_int_equal(matches("new"), 0);
}

static void test_store_fails(void **state)
{
	struct stored *old = message_new((const u8 *)"old", 3, "x", now + 10);
	unsigned int at;

	(void)state;
	store_begin(&disk);
	assert_int_equal(retained_set(&retained, old), 0);
	store_end(&disk);
	for (at = 1; at <= 2; at++) {
		disk.calls = 0;
		disk.fail_at = at;
		assert_int_equal(set_bytes((u8 *)"new", 3, "x", now + 5), -ENOMEM);
		assert_as_before();
		disk.calls = 0;
		assert_int_equal(set_bytes((u8 *)"old", 3, "y", now + 5), -ENOMEM);
		assert_as_before();
		assert_int_equal(disk.rows[0].id, old->id);
	}
	disk.calls = 0;
	disk.fail_at = 1;
	assert_int_equal(set_bytes((u8 *)"old", 3, "", 0), -ENOMEM);
	assert_as_before();
	stored_put(old);
}

static void test_no_memory(void **state)
{
	struct stored *msg = message_new((const u8 *)"new", 3, "x", 0);
	struct retained_cursor cursor;
	struct stored *msgs[1];
	struct retained other;
	bool done;

	(void)state;
	fail_at(1);
	assert_int_equal(retained_init(&other, &disk), -ENOMEM);
	retained_destroy(&other);

	set("old", "x");
	store_begin(&disk);
	fail_at(1);
	assert_int_equal(retained_set(&retained, msg), -ENOMEM);
	assert_as_before();
	assert_int_equal(retained_set(&retained, msg), 0);
	stored_put(msg);
	store_end(&disk);

	fail_at(1);
	assert_int_equal(retained_cursor_init(&cursor, (u8 *)"#", 1), -ENOMEM);
	retained_cursor_free(&cursor);
	assert_int_equal(retained_cursor_init(&cursor, (u8 *)"#", 1), 0);
	fail_at(1);
	assert_int_equal(retained_next(&retained, &cursor, msgs, 1, &done), -ENOMEM);
	assert_int_equal(retained_next(&retained, &cursor, msgs, 1, &done), 1);
	assert_false(done);
	assert_memory_equal(msgs[0]->topic, "new", 3);
	stored_put(msgs[0]);
	assert_int_equal(retained_next(&retained, &cursor, msgs, 1, &done), 1);
	assert_true(done);
	stored_put(msgs[0]);
	retained_cursor_free(&cursor);
	fail_at(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_store_fails),
		test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
