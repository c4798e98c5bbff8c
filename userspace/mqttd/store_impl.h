/* SPDX-License-Identifier: MIT */
/*
 * What the store is made of: store_changes.c takes changes, store.c opens, closes
 * and has the thread that writes them.
 */
#ifndef MQTTD_STORE_IMPL_H
#define MQTTD_STORE_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "store.h"
#include "store_batch.h"
#include "store_sqlite.h"

/**
 * struct store_trouble - what cannot be done at the moment
 * @what: it is
 * @then: what follows from this
 * @present: the log knows
 */
struct store_trouble {
	const char *what;
	const char *then;
	bool present;
};

/**
 * struct store - see store.c
 * @db: the thread's; NULL: in memory
 * @groups: held for reading by those who are within a group
 * @lock: protects what follows, up to @batch
 * @work: the thread waits for it
 * @thread: the store's
 * @pending: changes that nobody has taken
 * @spare: chunks for @pending
 * @n_spare: how many
 * @last: number of the last change
 * @next_id: of the next message
 * @writing: bytes that the thread has taken
 * @waiting: the thread wants to be woken by the next change
 * @sync: it is to write now
 * @stop: it is to end
 * @batch: the thread's: what it has taken
 * @gather: likewise: the last batch was a large one
 * @write: likewise
 * @checkpoint: likewise
 * @topics: key for hashing
 * @committed: number of the last change on disk, atomic
 * @next_key: of the next session, atomic
 * @full: see store_full(), atomic
 */
struct store {
	struct store_config config;
	struct store_db *db;
	pthread_rwlock_t groups;
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	struct store_batch pending;
	struct store_chunk *spare;
	size_t n_spare;
	u64 last;
	u64 next_id;
	size_t writing;
	bool waiting;
	bool sync;
	bool stop;
	struct store_batch batch;
	bool gather;
	struct store_trouble write;
	struct store_trouble checkpoint;
	siphash_key_t topics;
	u64 committed;
	u64 next_key;
	bool full;
};

/* The limit may have been passed, or be no longer. Under the lock. */
static inline void store_set_full(struct store *store)
{
	bool full = store->pending.bytes + store->writing > store->config.pending_max;

	__atomic_store_n(&store->full, full, __ATOMIC_RELAXED);
}

#endif /* MQTTD_STORE_IMPL_H */
