/* SPDX-License-Identifier: MIT */
/*
 * A broker without threads, whose connections are socket pairs, and a store that
 * commits when the test says so. Each test program includes it once.
 */
#ifndef SESSION_FIXTURE_H
#define SESSION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker.h"
#include "client.h"
#include "listener.h"
#include "log.h"
#include "session.h"
#include "store.h"
#include "stored.h"
#include "worker.h"

/* --- the store ------------------------------------------------------------ */

struct store {
	bool durable;
	bool full;
	bool fails;		/* no memory */
	bool slow;		/* commits only what it is told to */
	u64 last;
	u64 committed;
	u64 keys;
	u64 ids;
	int depth;
	u64 group;
	int sessions;		/* rows that are there */
	int messages;
	int entries;
	int incoming;
	struct store_session row;	/* the last one that was put */
	void (*fill)(const struct store_loader *loader, void *ctx);	/* what was there before */
};

static struct store disk;

static u64 changed(struct store *store, int *rows, int n)
{
	if (store->fails)
		return 0;
	*rows += n;
	store->last++;
	store->group = store->last;
	if (!store->slow)
		store->committed = store->last;
	return store->last;
}

int store_open(struct store **store, const struct store_config *config, char *why)
{
	(void)config;
	(void)why;
	*store = &disk;
	return 0;
}

int store_load(struct store *store, const struct store_loader *loader, void *ctx, char *why)
{
	(void)why;
	if (store->fill)
		store->fill(loader, ctx);
	return 0;
}

void store_close(struct store *store)
{
	(void)store;
}

bool store_durable(const struct store *store)
{
	return store->durable;
}

void store_begin(struct store *store)
{
	if (!store->depth++)
		store->group = 0;
}

u64 store_end(struct store *store)
{
	store->depth--;
	return store->group;
}

u64 store_committed(const struct store *store)
{
	return store->committed;
}

bool store_full(const struct store *store)
{
	return store->full;
}

void store_sync(struct store *store)
{
	(void)store;
}

u64 store_session_put(struct store *store, u64 key, const struct store_session *session)
{
	(void)key;
	store->row = *session;
	return changed(store, &store->sessions, 0);
}

u64 store_session_del(struct store *store, u64 key)
{
	(void)key;
	return changed(store, &store->sessions, 0);
}

u64 store_sub_put(struct store *store, u64 key, const struct store_sub *sub)
{
	(void)key;
	(void)sub;
	return changed(store, &store->sessions, 0);
}

u64 store_sub_del(struct store *store, u64 key, const u8 *filter, size_t len)
{
	(void)key;
	(void)filter;
	(void)len;
	return changed(store, &store->sessions, 0);
}

u64 store_message_put(struct store *store, struct stored *msg)
{
	if (!store->durable)
		return 1;
	if (msg->id)
		return store->last;
	msg->id = ++store->ids;
	msg->store = store;
	return changed(store, &store->messages, 1);
}

u64 store_message_del(struct store *store, u64 id)
{
	(void)id;
	return changed(store, &store->messages, -1);
}

u64 store_entry_put(struct store *store, u64 key, const struct store_entry *entry)
{
	(void)key;
	(void)entry;
	return changed(store, &store->entries, 1);
}

u64 store_entry_state(struct store *store, u64 key, u64 seq, u16 packet_id, u8 state)
{
	(void)key;
	(void)seq;
	(void)packet_id;
	(void)state;
	return changed(store, &store->entries, 0);
}

u64 store_entry_del(struct store *store, u64 key, u64 seq)
{
	(void)key;
	(void)seq;
	return changed(store, &store->entries, -1);
}

u64 store_incoming_put(struct store *store, u64 key, u16 packet_id)
{
	(void)key;
	(void)packet_id;
	return changed(store, &store->incoming, 1);
}

u64 store_incoming_del(struct store *store, u64 key, u16 packet_id)
{
	(void)key;
	(void)packet_id;
	return changed(store, &store->incoming, -1);
}

u64 store_incoming_clear(struct store *store, u64 key)
{
	(void)key;
	return changed(store, &store->incoming, 0);
}

u64 store_retained_put(struct store *store, const struct stored *msg)
{
	(void)msg;
	return changed(store, &store->sessions, 0);
}

u64 store_retained_del(struct store *store, const u8 *topic, size_t len)
{
	(void)topic;
	(void)len;
	return changed(store, &store->sessions, 0);
}

u64 store_ban_put(struct store *store, const struct store_ban *ban)
{
	(void)ban;
	return store->last;
}

u64 store_ban_del(struct store *store, const char *network)
{
	(void)network;
	return store->last;
}

u64 store_access(struct store *store, const struct store_access *rows, size_t n)
{
	(void)rows;
	(void)n;
	return store->last;
}

u64 store_new_key(struct store *store)
{
	return ++store->keys;
}

/* --- the broker ----------------------------------------------------------- */

static struct config conf;
static struct broker broker;

static int start(const struct store *before)
{
	const struct log_config quiet = {};

	disk = *before;
	log_configure(&quiet);
	assert_int_equal(config_init(&conf), 0);
	conf.workers = 1;
	conf.allow_anonymous = true;
	conf.dataplane = DATAPLANE_USER;
	assert_non_null(config_listener_add(&conf, "127.0.0.1", 0));
	assert_int_equal(config_finish(&conf, 0), 0);
	assert_int_equal(broker_open(&broker, &conf, &(struct helpers){ -1, -1 }), 0);
	assert_int_equal(broker_load(&broker), 0);
	return 0;
}

static inline int setup(void **state)
{
	(void)state;
	return start(&(struct store){ .committed = 1, .last = 1 });
}

static inline int setup_durable(void **state)
{
	(void)state;
	return start(&(struct store){ .committed = 1, .last = 1, .durable = true });
}

static inline int teardown(void **state)
{
	(void)state;
	broker_close(&broker);
	config_free(&conf);
	return 0;
}

/* All that there is to do at the moment. */
static void run(void)
{
	while (worker_round(&broker.workers[0], 0))
		;
}

/* The store has written all. */
static inline void commit(void)
{
	disk.committed = disk.last;
	broker_committed(&broker);
	run();
}

/* --- clients -------------------------------------------------------------- */

/* The other end of a connection. */
static int dial(void)
{
	const struct sockaddr_in address = { .sin_family = AF_INET };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(client_new(&broker.workers[0], &broker.endpoints[0], fds[0],
				    (const struct sockaddr *)&address, sizeof(address)), 0);
	return fds[1];
}

static void say_bytes(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
	run();
}

#define say(fd, text)	say_bytes(fd, text, sizeof(text) - 1)

static void hear_bytes(int fd, const void *bytes, size_t len, int line)
{
	u8 got[4096];
	ssize_t n = recv(fd, got, sizeof(got), 0);
	size_t i;

	n = n < 0 ? 0 : n;
	if ((size_t)n == len && !memcmp(got, bytes, len))
		return;
	print_error("line %d: heard", line);
	for (i = 0; i < (size_t)n; i++)
		print_error(" %02x", got[i]);
	print_error("\n");
	fail();
}

/* Just that has come. */
#define hear(fd, text)	hear_bytes(fd, text, sizeof(text) - 1, __LINE__)

static inline void hear_end(int fd)
{
	u8 byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

/* The connection breaks. */
static inline void hang_up(int fd)
{
	close(fd);
	run();
}

static inline struct session *session_of(const char *id)
{
	struct session *session;

	pthread_mutex_lock(&broker.sessions.lock);
	session = session_find(&broker.sessions, id);
	pthread_mutex_unlock(&broker.sessions.lock);
	return session;
}

#endif /* SESSION_FIXTURE_H */
