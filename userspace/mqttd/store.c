// SPDX-License-Identifier: MIT
/*
 * The store: its thread takes changes, which come from any other (store_changes.c),
 * and writes them into the database.
 *
 * Workers append to @pending under @lock. Who does so within store_begin() and
 * store_end() holds @groups for reading; the store's thread holds it for writing
 * when it takes what is pending, so what it takes ends where no group is open. It
 * is never held while the disk works.
 *
 * Without a path there is neither a database nor a thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "log.h"
#include "store_impl.h"

/* Chunks that are kept for later */
#define SPARE_CHUNKS	32
/* What could not be written is tried again after so many milliseconds. */
#define RETRY_MS	1000
/*
 * When there is much to do, more is waited for: clients answer in the meantime, and
 * what they have acknowledged need not be written. Milliseconds, and for how many
 * changes in a batch that holds.
 */
#define GATHER_MS	2
#define GATHER_MIN	64

bool store_durable(const struct store *store)
{
	return store->db;
}

u64 store_committed(const struct store *store)
{
	return store->db ? __atomic_load_n(&store->committed, __ATOMIC_ACQUIRE) : UINT64_MAX;
}

bool store_full(const struct store *store)
{
	return __atomic_load_n(&store->full, __ATOMIC_RELAXED);
}

u64 store_new_key(struct store *store)
{
	return __atomic_fetch_add(&store->next_key, 1, __ATOMIC_RELAXED);
}

/* --- the thread ----------------------------------------------------------- */

/* Waits with the lock held for @ms, or until somebody is in a hurry. */
static void pause_locked(struct store *store, unsigned int ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	end.tv_sec += ms / 1000 + end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	while (!store->stop && !store->sync)
		if (pthread_cond_timedwait(&store->work, &store->lock, &end))
			break;
}

/* Until there is something to write, or to write again. Returns whether to go on. */
static bool wait_for_work(struct store *store)
{
	bool stop;

	pthread_mutex_lock(&store->lock);
	if (store->batch.number) {
		pause_locked(store, RETRY_MS);
	} else {
		while (!store->pending.number && !store->stop && !store->sync) {
			store->waiting = true;
			pthread_cond_wait(&store->work, &store->lock);
		}
		store->waiting = false;
		if (store->gather)
			pause_locked(store, GATHER_MS);
	}
	stop = store->stop;
	pthread_mutex_unlock(&store->lock);
	return !stop;
}

/* What others have made superfluous is no longer kept. */
static void note_writing(struct store *store)
{
	bool was_full;

	pthread_mutex_lock(&store->lock);
	was_full = store->full;
	store->writing = store->batch.bytes;
	store_set_full(store);
	pthread_mutex_unlock(&store->lock);
	if (was_full && !store_full(store) && store->config.committed)
		store->config.committed(store->config.arg);
}

/* What is pending joins what could not be written yet. Returns whether to save all. */
static bool take(struct store *store)
{
	struct store_batch more;
	u64 before;
	bool sync;

	pthread_rwlock_wrlock(&store->groups);
	pthread_mutex_lock(&store->lock);
	more = store->pending;
	store->pending = (struct store_batch){};
	store->writing += more.bytes;
	sync = store->sync;
	store->sync = false;
	pthread_mutex_unlock(&store->lock);
	pthread_rwlock_unlock(&store->groups);

	before = store->batch.number ? store->batch.number : store_committed(store);
	store->gather = more.number > before + GATHER_MIN;
	batch_absorb(&store->batch, &more, &store->topics);
	note_writing(store);
	return sync;
}

static void report(struct store *store, struct store_trouble *trouble, int err)
{
	if (err && !trouble->present)
		log_printf(LOG_TYPE_ERROR, "Error: the database %s cannot be %s: %s. %s",
			   store->config.path, trouble->what, store->db->error, trouble->then);
	else if (!err && trouble->present)
		log_printf(LOG_TYPE_NOTICE, "The database %s can be %s again",
			   store->config.path, trouble->what);
	trouble->present = err;
}

static void keep_spare(struct store *store, struct store_chunk **chunks)
{
	struct store_chunk *chunk;

	while (*chunks && store->n_spare < SPARE_CHUNKS) {
		chunk = *chunks;
		*chunks = chunk->next;
		chunk->next = store->spare;
		store->spare = chunk;
		store->n_spare++;
	}
}

/* The batch is on disk. */
static void finish(struct store *store)
{
	u64 number = store->batch.number;
	struct store_chunk *chunks;

	chunks = batch_empty(&store->batch);
	pthread_mutex_lock(&store->lock);
	store->writing = 0;
	store_set_full(store);
	keep_spare(store, &chunks);
	pthread_mutex_unlock(&store->lock);
	batch_free_chunks(chunks);
	__atomic_store_n(&store->committed, number, __ATOMIC_RELEASE);
	if (store->config.committed)
		store->config.committed(store->config.arg);
}

static void write_pending(struct store *store)
{
	bool save = take(store);
	int err = 0;

	if (store->batch.live)
		err = store_db_write(store->db, &store->batch);
	report(store, &store->write, err);
	if (save && !err)
		log_printf(LOG_TYPE_NOTICE, "Everything is saved in %s.", store->config.path);
	if (!err && store->batch.number)
		finish(store);
	/* After a failure too: this may be what makes room in the log */
	err = store_db_checkpoint(store->db, save || err);
	report(store, &store->checkpoint, err);
}

static void *run(void *arg)
{
	struct store *store = arg;

	pthread_setname_np(pthread_self(), "mqttd-store");
	while (wait_for_work(store))
		write_pending(store);
	write_pending(store);
	if (store->batch.number)
		log_printf(LOG_TYPE_ERROR, "Error: the last changes could not be written to %s: %s",
			   store->config.path, store->db->error);
	return NULL;
}

void store_sync(struct store *store)
{
	if (!store->db)
		return;
	pthread_mutex_lock(&store->lock);
	store->sync = true;
	pthread_cond_signal(&store->work);
	pthread_mutex_unlock(&store->lock);
}

/* --- beginning and end ---------------------------------------------------- */

static void init_locks(struct store *store)
{
	pthread_rwlockattr_t rwlock;
	pthread_condattr_t cond;

	/* Or a thread that always finds some group open would never write */
	pthread_rwlockattr_init(&rwlock);
	pthread_rwlockattr_setkind_np(&rwlock, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&store->groups, &rwlock);
	pthread_rwlockattr_destroy(&rwlock);
	pthread_condattr_init(&cond);
	pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
	pthread_cond_init(&store->work, &cond);
	pthread_condattr_destroy(&cond);
	pthread_mutex_init(&store->lock, NULL);
}

static void destroy(struct store *store)
{
	batch_free_chunks(batch_empty(&store->pending));
	batch_free_chunks(batch_empty(&store->batch));
	batch_free_chunks(store->spare);
	store_db_close(store->db);
	pthread_rwlock_destroy(&store->groups);
	pthread_mutex_destroy(&store->lock);
	pthread_cond_destroy(&store->work);
	free(store);
}

static int open_durable(struct store *store, char *why)
{
	int err = store_db_open(&store->db, store->config.path, why);

	if (err)
		return err;
	store->config.path = store->db->path;
	err = pthread_create(&store->thread, NULL, run, store);
	if (err)
		snprintf(why, STORE_WHY_MAX, "a thread for the database cannot be started: %s",
			 strerror(err));
	return -err;
}

int store_open(struct store **result, const struct store_config *config, char *why)
{
	struct store *store = calloc(1, sizeof(*store));
	int err = 0;

	if (!store) {
		snprintf(why, STORE_WHY_MAX, "no memory");
		return -ENOMEM;
	}
	store->config = *config;
	store->next_key = 1;
	store->next_id = 1;
	store->write = (struct store_trouble){
		.what = "written",
		.then = "What is published with QoS 1 or 2 waits until it can",
	};
	store->checkpoint = (struct store_trouble){
		.what = "brought up to date",
		.then = "Its write-ahead log grows until it can",
	};
	init_locks(store);
	if (getrandom(&store->topics, sizeof(store->topics), 0) < 0)
		err = -errno;
	if (err)
		snprintf(why, STORE_WHY_MAX, "no random numbers: %s", strerror(-err));
	else if (config->path)
		err = open_durable(store, why);
	if (err)
		destroy(store);
	else
		*result = store;
	return err;
}

int store_load(struct store *store, const struct store_loader *loader, void *ctx, char *why)
{
	u64 last_key, last_id;
	int err;

	if (!store->db)
		return 0;
	err = store_db_load(store->db, loader, ctx, &last_key, &last_id, why);
	if (err)
		return err;
	store->next_key = last_key + 1;
	store->next_id = last_id + 1;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->db) {
		pthread_mutex_lock(&store->lock);
		store->stop = true;
		pthread_cond_signal(&store->work);
		pthread_mutex_unlock(&store->lock);
		pthread_join(store->thread, NULL);
	}
	destroy(store);
}
