// SPDX-License-Identifier: MIT
/*
 * The daemon's retained messages, against a matcher that looks at all of them,
 * and a store and messages of the tests' own. Failures: test_retained_faults.c.
 */
#include <pthread.h>
#include <stdio.h>

#include "retained_fixture.h"

/* --- walks while messages come and go ------------------------------------- */

#define TOPICS 400

static struct {
	char text[TEXT_MAX];
	size_t len;
	struct stored *msg;	/* not a reference; NULL: not there */
	bool touched;		/* since the walk began */
	int seen;
} model[TOPICS];

static void model_new(void)
{
	int i, j;

	for (i = 0; i < TOPICS;) {
		model[i].len = random_text(model[i].text, false);
		model[i].msg = NULL;
		for (j = 0; j < i; j++)
			if (model[i].len == model[j].len &&
			    !memcmp(model[i].text, model[j].text, model[i].len))
				break;
		i += i == j;
	}
}

static void model_change(void)
{
	int i = roll(TOPICS);
	bool del = roll(3) == 0;
	struct stored *msg = message_new((u8 *)model[i].text, model[i].len, del ? "" : "x",
					 roll(4) ? 0 : now + 1 + roll(1000));

	store_begin(&disk);
	assert_int_equal(retained_set(&retained, msg), 0);
	stored_put(msg);
	store_end(&disk);
	model[i].msg = del ? NULL : msg;
	model[i].touched = true;
}

static int model_find(const struct stored *msg)
{
	int i;

	for (i = 0; i < TOPICS; i++)
		if (model[i].msg == msg)
			return i;
	fail();
	return 0;
}

static void model_check(void)
{
	size_t count = 0, bytes = 0;
	int i, r;

	for (i = 0; i < TOPICS; i++) {
		r = row(&disk, (u8 *)model[i].text, model[i].len);
		if (!model[i].msg) {
			assert_int_equal(r, disk.n);
			continue;
		}
		assert_int_equal(disk.rows[r].id, model[i].msg->id);
		count++;
		bytes += stored_size(model[i].msg);
	}
	assert_int_equal(retained.count, count);
	assert_int_equal(retained.bytes, bytes);
	assert_int_equal(disk.n, count);
	assert_int_equal(disk.kept, count);
}

static void model_walk(unsigned int changes)
{
	struct stored *msgs[5];
	struct retained_cursor cursor;
	char filter[TEXT_MAX];
	size_t len = random_text(filter, true);
	bool done = false, match;
	int n, i;

	for (i = 0; i < TOPICS; i++) {
		model[i].touched = false;
		model[i].seen = 0;
	}
	assert_int_equal(retained_cursor_init(&cursor, (u8 *)filter, len), 0);
	while (!done) {
		n = retained_next(&retained, &cursor, msgs, 1 + roll(5), &done);
		assert_in_range(n, 0, 5);
		while (n) {
			i = model_find(msgs[--n]);
			stored_put(msgs[n]);
			model[i].seen++;
		}
		for (i = roll(changes + 1); i; i--)
			model_change();
	}
	retained_cursor_free(&cursor);
	for (i = 0; i < TOPICS; i++) {
		match = naive(filter, len, model[i].text, model[i].len);
		assert_in_range(model[i].seen, 0, match);
		if (!model[i].touched)
			assert_int_equal(model[i].seen, match && model[i].msg);
	}
}

static void test_walk(void **state)
{
	int round, i;

	(void)state;
	for (round = 0; round < 20; round++) {
		model_new();
		for (i = 0; i < 600; i++)
			model_change();
		model_check();
		for (i = 0; i < 200; i++)
			model_walk(i % 4);
		model_check();
		for (i = 0; i < TOPICS; i++)
			assert_int_equal(set_bytes((u8 *)model[i].text, model[i].len, "", 0), 0);
		assert_int_equal(retained.count, 0);
		assert_int_equal(disk.kept, 0);
	}
}

/* --- large ones ----------------------------------------------------------- */

#define LONGEST 65535

static void fill(u8 *topic, const char *pattern, const char *end)
{
	size_t i;

	for (i = 0; i < LONGEST; i++)
		topic[i] = pattern[i % strlen(pattern)];
	memcpy(topic + LONGEST - strlen(end), end, strlen(end));
}

static void assert_found(const u8 *filter, size_t len, int want)
{
	struct retained_cursor cursor;
	struct stored *msgs[8];
	bool done = false;
	int n, sum = 0;

	assert_int_equal(retained_cursor_init(&cursor, filter, len), 0);
	while (!done) {
		n = retained_next(&retained, &cursor, msgs, 8, &done);
		assert_in_range(n, 0, 8);
		sum += n;
		while (n)
			stored_put(msgs[--n]);
	}
	retained_cursor_free(&cursor);
	assert_int_equal(sum, want);
}

static unsigned int matches_newest(const char *filter, u64 newest)
{
	struct retained_cursor cursor;
	struct stored *msgs[50];
	bool done;
	int n, i;

	assert_int_equal(retained_cursor_init(&cursor, (u8 *)filter, strlen(filter)), 0);
	cursor.newest = newest;
	n = retained_next(&retained, &cursor, msgs, 50, &done);
	assert_true(done);
	for (i = 0; i < n; i++)
		stored_put(msgs[i]);
	retained_cursor_free(&cursor);
	return n;
}

/* Those that came behind a subscription have found it. */
static void test_newest(void **state)
{
	u64 newest;

	(void)state;
	set("u/1", "x");
	set("u/2", "x");
	newest = retained_subscribe_begin(&retained);
	retained_subscribe_end(&retained);
	assert_int_equal(matches_newest("u/#", newest), 2);
	retained_publish_begin(&retained);
	set("u/2", "y");
	set("u/3", "x");
	retained_publish_end(&retained);
	assert_int_equal(matches_newest("u/#", newest), 1);
	assert_int_equal(matches_newest("u/1", newest), 1);
	assert_int_equal(matches("u/#"), 3);
	assert_int_equal(matches_newest("u/#", retained_subscribe_begin(&retained)), 3);
	retained_subscribe_end(&retained);
}

static void test_longest(void **state)
{
	u8 *text = malloc(LONGEST);

	(void)state;
	fill(text, "x", "x");
	set_bytes(text, LONGEST, "1", 0);
	fill(text, "x", "y");
	set_bytes(text, LONGEST, "1", 0);
	fill(text, "x", "/y");
	set_bytes(text, LONGEST, "1", 0);
	assert_found(text, LONGEST, 1);
	/* 32,768 levels */
	fill(text, "a/", "a/b");
	set_bytes(text, LONGEST, "1", 0);
	fill(text, "a/", "a/a");
	set_bytes(text, LONGEST, "1", 0);
	assert_found(text, LONGEST, 1);
	fill(text, "a/", "a/+");
	assert_found(text, LONGEST, 2);
	fill(text, "+/", "+/+");
	assert_found(text, LONGEST, 2);
	fill(text, "+/", "+/b");
	assert_found(text, LONGEST, 1);
	fill(text, "+/", "+/#");
	assert_found(text, LONGEST, 2);
	assert_found(text, LONGEST - 4, 0);
	/* all levels empty: 65,536 */
	fill(text, "/", "/");
	assert_found(text, LONGEST, 0);
	set_bytes(text, LONGEST, "1", 0);
	assert_found(text, LONGEST, 1);
	assert_found((u8 *)"#", 1, 6);
	assert_found((u8 *)"+/#", 3, 6);
	assert_found((u8 *)"+", 1, 2);
	free(text);
}

static void test_levels(void **state)
{
	u8 text[30000];
	int i;

	(void)state;
	/* 10,000 levels, 50 topics that differ in the last */
	for (i = 0; i < 30000; i += 3)
		memcpy(text + i, "ab/", 3);
	for (i = 0; i < 50; i++) {
		text[29997] = 'A' + i;
		assert_int_equal(set_bytes(text, 29999, "1", 0), 0);
	}
	for (i = 0; i < 20000; i += 2)
		memcpy(text + i, "+/", 2);
	assert_found(text, 19999, 50);
	assert_found(text, 19997, 0);
	text[19998] = '#';
	assert_found(text, 19999, 50);
}

/* --- what is looked at ---------------------------------------------------- */

static void test_work(void **state)
{
	unsigned int calls, i;
	char topic[32];

	(void)state;
	disk.fail_at = 0;
	for (i = 0; i < 3000; i++) {
		sprintf(topic, "%u/%u", i / 1000, i % 1000);
		set(topic, "x");
	}
	set("1/5/b", "x");
	set("2/700/b/c", "x");
	set("7/x/y", "x");
	/* what cannot match is skipped */
	assert_int_equal(walk("1/5", &calls), 1);
	assert_int_equal(calls, 1);
	assert_int_equal(walk("+/5", &calls), 3);
	assert_int_equal(calls, 1);
	assert_int_equal(walk("+/x/#", &calls), 1);
	assert_int_equal(calls, 1);
	assert_int_equal(walk("9/#", &calls), 0);
	assert_int_equal(calls, 1);
	/* what has to be looked at takes several calls, some of which find nothing */
	assert_int_equal(walk("+/+/b/#", &calls), 2);
	assert_in_range(calls, 2, 200);
	assert_int_equal(walk("#", &calls), 3003);
	assert_in_range(calls, 60, 100);
}

static void test_dollar(void **state)
{
	(void)state;
	set("$SYS/broker/uptime", "1");
	set("$SYS", "1");
	set("$", "1");
	set("a/$SYS", "1");
	set("/$SYS", "1");
	assert_int_equal(matches("#"), 2);
	assert_int_equal(matches("+"), 0);
	assert_int_equal(matches("+/#"), 2);
	assert_int_equal(matches("+/$SYS"), 2);
	assert_int_equal(matches("+/broker/uptime"), 0);
	assert_int_equal(matches("$SYS/#"), 2);
	assert_int_equal(matches("$SYS/+/uptime"), 1);
	assert_int_equal(matches("$"), 1);
	assert_int_equal(matches("$/#"), 1);
}

/* The broker's own are not in the store */
static void test_sys(void **state)
{
	(void)state;
	set("$SYS/broker/uptime", "1");
	set("$SYS/broker/uptime", "2");
	set_bytes((u8 *)"$SYS/x", 6, "1", now);
	set("$SYSx", "1");
	assert_int_equal(disk.n, 1);
	assert_int_equal(disk.kept, 1);
	retained_expire(&retained);
	assert_int_equal(matches("$SYS/#"), 1);
	set("$SYS/broker/uptime", "");
	assert_int_equal(retained.count, 1);
}

/* --- expiry --------------------------------------------------------------- */

static void test_expire(void **state)
{
	char topic[16];
	int i;

	(void)state;
	for (i = 0; i < 600; i++) {
		sprintf(topic, "t/%d", i * 7919 % 600);
		set_bytes((u8 *)topic, strlen(topic), "x", now + 100);
	}
	set("t/stays", "x");
	set_bytes((u8 *)"t/later", 7, "x", now + 101);
	/* one that no longer expires, and the other way round */
	set_bytes((u8 *)"t/5", 3, "x", 0);
	set_bytes((u8 *)"t/stays", 7, "x", now + 1000);
	retained_expire(&retained);
	assert_int_equal(retained.count, 602);

	now += 100;
	assert_int_equal(matches("t/+"), 3);
	assert_true(retained_expire(&retained));
	assert_int_equal(retained.count, 602 - RETAINED_EXPIRE_MAX);
	assert_true(retained_expire(&retained));
	assert_false(retained_expire(&retained));
	assert_int_equal(retained.count, 3);
	assert_int_equal(disk.n, 3);
	assert_int_equal(disk.kept, 3);
	/* the store has no memory: another time */
	now += 1;
	disk.calls = 0;
	disk.fail_at = 1;
	retained_expire(&retained);
	assert_int_equal(retained.count, 3);
	retained_expire(&retained);
	assert_int_equal(retained.count, 2);
	assert_int_equal(matches("#"), 2);
}

/* --- the start ------------------------------------------------------------ */

static void test_load(void **state)
{
	struct stored *msg = message_new((const u8 *)"a/b", 3, "x", now + 5);

	(void)state;
	msg->store = &disk;
	msg->id = 17;
	disk.kept++;
	assert_int_equal(retained_load(&retained, msg), 0);
	stored_put(msg);
	assert_int_equal(disk.calls, 0);
	assert_int_equal(matches("a/#"), 1);
	/* of messages that are left the end of the process deletes none */
	retained_destroy(&retained);
	assert_int_equal(disk.kept, 1);
	assert_int_equal(retained_init(&retained, &disk), 0);
}

/* --- threads -------------------------------------------------------------- */

static void *writer(void *arg)
{
	char topic[16];
	int i;

	for (i = 0; i < 3000; i++) {
		sprintf(topic, "%s/%d", (char *)arg, i % 40);
		set_bytes((u8 *)topic, strlen(topic), i % 3 ? "x" : "", i % 7 ? 0 : now + 1);
	}
	return NULL;
}

static void *reader(void *arg)
{
	int i;

	for (i = 0; i < 300; i++) {
		matches(arg);
		retained_expire(&retained);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	int i;

	(void)state;
	pthread_create(&threads[0], NULL, writer, "a");
	pthread_create(&threads[1], NULL, writer, "b");
	pthread_create(&threads[2], NULL, reader, "#");
	pthread_create(&threads[3], NULL, reader, "+/7");
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(matches("#"), retained.count);
	assert_int_equal(disk.n, retained.count);
	assert_int_equal(disk.kept, retained.count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_walk),
		test(test_newest), test(test_longest),
		test(test_levels),
		test(test_work),
		test(test_dollar),
		test(test_sys),
		test(test_expire),
		test(test_load),
		test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
