/* SPDX-License-Identifier: MIT */
/*
 * All sessions that are live, by client id, and the times at which something happens to
 * those without a connection.
 */
#ifndef MQTTD_SESSION_REGISTRY_H
#define MQTTD_SESSION_REGISTRY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "hash.h"
#include "timer.h"

struct session;

/**
 * struct session_registry - live sessions
 * @lock: see session.c
 * @by_id: them
 * @timers: of sessions without a connection
 * @next: when the first of @timers is due; any thread
 * @key: client ids come from the network
 * @connects: CONNECT packets that have come; any thread
 * @queued_bytes: stored_size() of all that is in queues of all sessions; any thread
 * @queued_messages: how many; likewise
 */
struct session_registry {
	pthread_mutex_t lock;
	struct hash_table by_id;
	struct timer_heap timers;
	u64 next;
	siphash_key_t key;
	u64 connects;
	size_t queued_bytes;
	size_t queued_messages;
};

void session_registry_init(struct session_registry *registry);
void session_registry_destroy(struct session_registry *registry);

/*
 * At the end: frees all sessions and leaves the store as it is. There are no
 * connections.
 */
void session_registry_clear(struct session_registry *registry);

/* Milliseconds until session_run_timers() has something to do, at most @max. Any thread. */
int session_registry_wait(const struct session_registry *registry, u64 now, int max);

/*
 * Any thread: calls @visit with each session, or with that of one client id if @id is not
 * NULL, with the registry locked, until it returns something; returns that.
 */
int session_visit(struct session_registry *registry, const char *id,
		  int (*visit)(void *ctx, struct session *session), void *ctx);

/*
 * Any thread: visits a few sessions with the registry locked, beginning at @cursor, 0 at
 * first. Returns the cursor for the next ones, or 0: these were the last ones.
 */
size_t session_scan(struct session_registry *registry, size_t cursor,
		    void (*visit)(struct session *session, void *ctx), void *ctx);

/*
 * Any thread, for the operator: closes the connection; or ends the session as
 * well. Returns whether there was one.
 */
int session_kick(struct session_registry *registry, const char *id);
bool session_delete(struct session_registry *registry, const char *id);

/* Below: for session.c, with the registry locked. */

struct session *session_find(const struct session_registry *registry, const char *id);
int session_add(struct session_registry *registry, struct session *session); /* 0 or -ENOMEM */
void session_del(struct session_registry *registry, struct session *session);

/*
 * Sets the timer of a session without a connection by its @ends and @will, or clears
 * it. Without memory the log says that it will not fire.
 */
void session_set_timer(struct session *session);
void session_clear_timer(struct session *session);

/* The session whose time has come, or NULL. */
struct session *session_due(const struct session_registry *registry, u64 now);

#endif /* MQTTD_SESSION_REGISTRY_H */
