// SPDX-License-Identifier: MIT
/* Buffers, send queues, hash tables and timers, against naive models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hash.h"
#include "timer.h"
#include "../../userspace/mqttd/outq.c"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* A sequence that is the same every time */
static unsigned int random_below(unsigned int *seed, unsigned int limit)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 8) % limit;
}

/* Byte number n of any stream here */
static uint8_t stream_byte(size_t n)
{
	return n * 7 + n / 251;
}

static void test_buffer_stream(void **state)
{
	size_t in = 0, out = 0, i, n;
	struct buffer buf = {};
	unsigned int seed = 1;
	uint8_t bytes[700];

	(void)state;
	while (in < 200000) {
		n = random_below(&seed, sizeof(bytes));
		for (i = 0; i < n; i++)
			bytes[i] = stream_byte(in++);
		assert_int_equal(buffer_append(&buf, bytes, n), 0);
		n = random_below(&seed, buf.len + 1);
		for (i = 0; i < n; i++)
			assert_int_equal(buffer_head(&buf)[i], stream_byte(out++));
		buffer_consume(&buf, n);
		assert_int_equal(buf.len, in - out);
	}
	buffer_free(&buf);
}

/* It grows with what is in it, up to the limit that is told, and no further */
static void test_buffer_growth(void **state)
{
	struct buffer buf = {};
	struct blob *blob;

	(void)state;
	assert_int_equal(buffer_reserve(&buf, 10, 1000), 0);
	assert_true(buf.size >= 10 && buf.size <= 256);
	while (buf.len < 1000) {
		assert_int_equal(buffer_reserve(&buf, 1, 1000), 0);
		assert_true(buf.size <= 1000);
		assert_true(buf.size <= 2 * buf.len + 256);
		*buffer_tail(&buf) = 0;
		buf.len++;
	}
	assert_int_equal(buffer_reserve(&buf, 1, 1000), 0);
	assert_int_equal(buf.size, 1001);
	assert_int_equal(buffer_reserve(&buf, SIZE_MAX, SIZE_MAX), -ENOMEM);
	assert_int_equal(buffer_reserve(&buf, SIZE_MAX / 2, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf.len, 1000);
	blob = buffer_steal(&buf);
	assert_null(buf.blob);
	assert_int_equal(buf.size, 0);
	blob_put(blob_get(blob));
	blob_put(blob);
	blob_put(NULL);
}

/* Takes up to @max bytes off the queue, as a socket would, and checks them. */
static void outq_drain(struct outq *q, size_t max, size_t *out)
{
	struct iovec iov[5];
	size_t taken = 0, j;
	int n = outq_iov(q, iov, ARRAY_SIZE(iov)), i;

	for (i = 0; i < n; i++)
		for (j = 0; j < iov[i].iov_len && taken < max; j++, taken++)
			assert_int_equal(((uint8_t *)iov[i].iov_base)[j], stream_byte((*out)++));
	outq_sent(q, taken);
}

static void test_outq(void **state)
{
	size_t in = 0, out = 0, len, i;
	struct outq q = {};
	unsigned int seed = 2;
	struct blob *blob;

	(void)state;
	while (in < 3000000) {
		len = 1 + random_below(&seed, random_below(&seed, 8) ? 90 : 40000);
		blob = blob_new(len);
		assert_non_null(blob);
		for (i = 0; i < len; i++)
			blob->data[i] = stream_byte(in++);
		if (random_below(&seed, 2))
			assert_int_equal(outq_copy(&q, blob->data, len), 0);
		else
			assert_int_equal(outq_share(&q, blob, blob->data, len), 0);
		blob_put(blob);
		assert_int_equal(q.bytes, in - out);
		if (!random_below(&seed, 3))
			outq_drain(&q, random_below(&seed, 50000), &out);
		assert_int_equal(q.bytes, in - out);
		assert_int_equal(outq_empty(&q), in == out);
		assert_true(outq_waiting(&q) <= q.bytes);
	}
	while (!outq_empty(&q))
		outq_drain(&q, 1 + random_below(&seed, 100000), &out);
	assert_int_equal(in, out);
	assert_null(q.first);
	assert_null(q.last);

	/* What is still there when a client goes */
	blob = blob_new(10);
	assert_non_null(blob);
	assert_int_equal(outq_copy(&q, "abc", 3), 0);
	assert_int_equal(outq_share(&q, blob, blob->data, 10), 0);
	assert_int_equal(outq_waiting(&q), 10);
	outq_clear(&q);
	assert_true(outq_empty(&q));
	assert_int_equal(blob->refs, 1);
	blob_put(blob);
}

struct item {
	struct hash_node node;
	unsigned int key;
	bool present;
};

/* Few different hashes, so that chains are long and keys share them */
static uint64_t item_hash(unsigned int key)
{
	return key % 97;
}

static bool hash_has(const struct hash_table *table, const struct item *item)
{
	struct hash_node *node;

	for (node = hash_first(table, item_hash(item->key)); node; node = hash_next(node))
		if (node == &item->node)
			return true;
	return false;
}

static void item_dropped(struct hash_node *node, void *ctx)
{
	unsigned int *count = ctx;

	((struct item *)node)->present = false;
	++*count;
}

static int item_visited(struct hash_node *node, void *ctx)
{
	unsigned int *left = ctx;

	assert_true(((struct item *)node)->present);
	return --*left ? 0 : 7;
}

static void test_hash(void **state)
{
	static struct item items[1000];
	struct hash_table table = {};
	unsigned int seed = 3, i, n, count = 0, dropped = 0;

	(void)state;
	assert_null(hash_first(&table, 0));
	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i].key = i;
	for (i = 0; i < 50000; i++) {
		struct item *item = &items[random_below(&seed, ARRAY_SIZE(items))];

		assert_int_equal(hash_has(&table, item), item->present);
		if (item->present)
			hash_del(&table, &item->node);
		else
			assert_int_equal(hash_add(&table, &item->node, item_hash(item->key)), 0);
		count += item->present ? -1 : 1;
		item->present = !item->present;
		assert_int_equal(table.count, count);
	}
	for (n = 0, i = 0; i < ARRAY_SIZE(items); i++)
		n += items[i].present;
	assert_int_equal(n, count);
	n = count + 1;
	assert_int_equal(hash_visit(&table, item_visited, &n), 0);
	assert_int_equal(n, 1);
	n = 3;
	assert_int_equal(hash_visit(&table, item_visited, &n), 7);
	hash_clear(&table, item_dropped, &dropped);
	assert_int_equal(dropped, count);
	assert_int_equal(table.count, 0);
	assert_null(hash_first(&table, 1));
	hash_clear(&table, item_dropped, &dropped);
	assert_int_equal(hash_visit(&table, item_visited, &n), 0);
}

static unsigned int visits[4096];

static void count_visit(struct hash_node *node, void *ctx)
{
	visits[((struct item *)node)->key]++;
	++*(unsigned int *)ctx;
}

/* A scan of a table that grows, and loses half of what was added meanwhile. */
static void test_hash_scan(void **state)
{
	static struct item items[4096];
	struct hash_table table = {};
	unsigned int n = 0, step, i;
	size_t cursor = 0;

	(void)state;
	assert_int_equal(hash_scan(&table, 0, count_visit, &n), 0);
	assert_int_equal(n, 0);
	for (i = 0; i < 4096; i++)
		items[i].key = i;
	for (i = 0; i < 100; i++)
		assert_int_equal(hash_add(&table, &items[i].node, i * 0x9e3779b97f4a7c15ull), 0);
	i = 100;
	do {
		step = n;
		cursor = hash_scan(&table, cursor, count_visit, &n);
		assert_true(n - step < 20);
		for (step = 0; step < 20 && i < 4096; step++, i++) {
			hash_add(&table, &items[i].node, i * 0x9e3779b97f4a7c15ull);
			if (i % 2)
				hash_del(&table, &items[i].node);
		}
	} while (cursor);
	assert_int_equal(i, 4096);
	for (i = 0; i < 100; i++)
		assert_int_equal(visits[i], 1);
	for (; i < 4096; i++)
		assert_true(visits[i] <= 1);
	n = 0;
	do {
		cursor = hash_scan(&table, cursor, count_visit, &n);
	} while (cursor);
	assert_int_equal(n, table.count);
	hash_clear(&table, item_dropped, &n);
}

struct alarm {
	struct timer timer;
	uint64_t due;		/* 0: not set */
};

static struct alarm alarms[300];
static uint64_t clock_now;
static uint64_t last_due;
static unsigned int fired;

static void alarm_fire(struct timer *timer)
{
	struct alarm *alarm = (struct alarm *)timer;

	assert_int_not_equal(alarm->due, 0);
	assert_true(alarm->due <= clock_now);
	assert_true(alarm->due >= last_due);
	last_due = alarm->due;
	alarm->due = 0;
	fired++;
}

static uint64_t next_due(void)
{
	uint64_t next = UINT64_MAX;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(alarms); i++)
		if (alarms[i].due && alarms[i].due < next)
			next = alarms[i].due;
	return next;
}

static void test_timers(void **state)
{
	struct timer_heap heap = {};
	unsigned int seed = 4, i;
	uint64_t next;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(alarms); i++)
		alarms[i].timer.fire = alarm_fire;
	assert_int_equal(timer_wait(&heap, 0, 1000), 1000);
	for (i = 0; i < 50000; i++) {
		struct alarm *alarm = &alarms[random_below(&seed, ARRAY_SIZE(alarms))];

		if (random_below(&seed, 4)) {
			alarm->due = clock_now + 1 + random_below(&seed, 1000);
			assert_int_equal(timer_set(&heap, &alarm->timer, alarm->due), 0);
		} else {
			alarm->due = 0;
			timer_cancel(&heap, &alarm->timer);
		}
		clock_now += random_below(&seed, 8);
		last_due = 0;
		timer_run(&heap, clock_now);
		next = next_due();
		assert_true(next > clock_now);
		assert_int_equal(timer_wait(&heap, clock_now, 5000),
				 next == UINT64_MAX ? 5000 : next - clock_now);
	}
	assert_true(fired > 1000);
	timer_free(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffer_stream),
		cmocka_unit_test(test_buffer_growth),
		cmocka_unit_test(test_outq),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_hash_scan),
		cmocka_unit_test(test_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
