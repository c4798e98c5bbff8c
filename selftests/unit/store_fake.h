/* SPDX-License-Identifier: MIT */
/*
 * Messages and a store in place of the daemon's. The messages' clock stands where
 * the test puts it; the store is a list of retained messages to compare with, and
 * fails when told to. Each test program includes it once, and is linked so that
 * they are called (--wrap of ld, see Makefile).
 */
#ifndef STORE_FAKE_H
#define STORE_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>

#include "store.h"
#include "stored.h"

/* --- messages ------------------------------------------------------------- */

static u64 now = 1000000;
static int messages;		/* that are there */

static struct stored *message_new(const u8 *topic, size_t len, const char *payload, u64 expires)
{
	struct stored *msg = calloc(1, sizeof(*msg) + len + strlen(payload));
	u8 *bytes = (u8 *)(msg + 1);

	memcpy(bytes, topic, len);
	memcpy(bytes + len, payload, strlen(payload));
	msg->refs = 1;
	msg->topic = bytes;
	msg->topic_len = len;
	msg->payload = bytes + len;
	msg->payload_len = strlen(payload);
	msg->expires = expires;
	__atomic_fetch_add(&messages, 1, __ATOMIC_RELAXED);
	return msg;
}

struct stored *__wrap_stored_get(struct stored *msg)
{
	__atomic_fetch_add(&msg->refs, 1, __ATOMIC_RELAXED);
	return msg;
}

void __wrap_stored_put(struct stored *msg)
{
	if (!msg || __atomic_sub_fetch(&msg->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (msg->store)
		store_message_del(msg->store, msg->id);
	__atomic_fetch_sub(&messages, 1, __ATOMIC_RELAXED);
	free(msg);
}

bool __wrap_stored_expired(const struct stored *msg, u32 *left)
{
	*left = 0;
	return msg->expires && msg->expires <= now;
}

/* --- the store ------------------------------------------------------------ */

#define ROWS 4096

struct store {
	pthread_mutex_t lock;
	struct {
		u8 *topic;
		size_t len;
		u64 id;
	} rows[ROWS];
	int n;
	u64 last_id;
	int kept;		/* messages */
	int depth;		/* of store_begin() */
	unsigned int calls;
	unsigned int fail_at;
};

static struct store disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool store_fails(struct store *store)
{
	return ++store->calls == store->fail_at;
}

void __wrap_store_begin(struct store *store)
{
	__atomic_fetch_add(&store->depth, 1, __ATOMIC_RELAXED);
}

u64 __wrap_store_end(struct store *store)
{
	__atomic_fetch_sub(&store->depth, 1, __ATOMIC_RELAXED);
	return 0;
}

u64 __wrap_store_message_put(struct store *store, struct stored *msg)
{
	u64 ret = 0;

	pthread_mutex_lock(&store->lock);
	if (msg->id) {
		ret = 1;
	} else if (!store_fails(store)) {
		msg->store = store;
		msg->id = ++store->last_id;
		store->kept++;
		ret = 1;
	}
	pthread_mutex_unlock(&store->lock);
	return ret;
}

u64 __wrap_store_message_del(struct store *store, u64 id)
{
	int i;

	pthread_mutex_lock(&store->lock);
	for (i = 0; i < store->n; i++)
		assert_int_not_equal(store->rows[i].id, id);
	store->kept--;
	pthread_mutex_unlock(&store->lock);
	return 1;
}

static int row(const struct store *store, const u8 *topic, size_t len)
{
	int i = 0;

	while (i < store->n && (store->rows[i].len != len ||
				memcmp(store->rows[i].topic, topic, len)))
		i++;
	return i;
}

u64 __wrap_store_retained_put(struct store *store, const struct stored *msg)
{
	u64 ret = 0;
	int i;

	pthread_mutex_lock(&store->lock);
	assert_true(__atomic_load_n(&store->depth, __ATOMIC_RELAXED) > 0);
	if (!store_fails(store)) {
		i = row(store, msg->topic, msg->topic_len);
		assert_true(i < ROWS);
		if (i == store->n) {
			store->n++;
			store->rows[i].topic = malloc(msg->topic_len);
			memcpy(store->rows[i].topic, msg->topic, msg->topic_len);
			store->rows[i].len = msg->topic_len;
		}
		store->rows[i].id = msg->id;
		ret = 1;
	}
	pthread_mutex_unlock(&store->lock);
	return ret;
}

u64 __wrap_store_retained_del(struct store *store, const u8 *topic, size_t len)
{
	u64 ret = 0;
	int i;

	pthread_mutex_lock(&store->lock);
	assert_true(__atomic_load_n(&store->depth, __ATOMIC_RELAXED) > 0);
	if (!store_fails(store)) {
		i = row(store, topic, len);
		assert_true(i < store->n);
		free(store->rows[i].topic);
		store->rows[i] = store->rows[--store->n];
		ret = 1;
	}
	pthread_mutex_unlock(&store->lock);
	return ret;
}

static void disk_clear(void)
{
	while (disk.n)
		free(disk.rows[--disk.n].topic);
	disk = (struct store){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

#endif /* STORE_FAKE_H */
