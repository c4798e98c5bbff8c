// SPDX-License-Identifier: MIT
/*
 * A table of sessions, and a heap of their deadlines.
 */
#include <errno.h>
#include <string.h>
#include <linux/container_of.h>
#include <linux/minmax.h>
#include <linux/random.h>

#include "broker.h"
#include "client.h"
#include "log.h"
#include "session.h"
#include "subscribe.h"
#include "session_queue.h"
#include "worker.h"

#define NOTHING_DUE	UINT64_MAX

void session_registry_init(struct session_registry *registry)
{
	*registry = (struct session_registry){ .next = NOTHING_DUE };
	pthread_mutex_init(&registry->lock, NULL);
	get_random_bytes(&registry->key, sizeof(registry->key));
}

static void drop_session(struct hash_node *node, void *ctx)
{
	struct session *session = container_of(node, struct session, node);

	(void)ctx;
	session_unsubscribe_all(session);
	session_free(session);
}

void session_registry_clear(struct session_registry *registry)
{
	hash_clear(&registry->by_id, drop_session, NULL);
}

void session_registry_destroy(struct session_registry *registry)
{
	timer_free(&registry->timers);
	pthread_mutex_destroy(&registry->lock);
}

static uint64_t hash_of(const struct session_registry *registry, const char *id)
{
	return siphash(id, strlen(id), &registry->key);
}

struct session *session_find(const struct session_registry *registry, const char *id)
{
	struct session *session;
	struct hash_node *node;

	for (node = hash_first(&registry->by_id, hash_of(registry, id)); node;
	     node = hash_next(node)) {
		session = container_of(node, struct session, node);
		if (!strcmp(session->id, id))
			return session;
	}
	return NULL;
}

int session_add(struct session_registry *registry, struct session *session)
{
	return hash_add(&registry->by_id, &session->node, hash_of(registry, session->id));
}

void session_del(struct session_registry *registry, struct session *session)
{
	hash_del(&registry->by_id, &session->node);
}

/* Deadlines */

static void note_next(struct broker *broker)
{
	struct session_registry *registry = &broker->sessions;
	u64 next = registry->timers.count ? registry->timers.slots[1]->deadline : NOTHING_DUE;
	bool sooner = next < registry->next;

	__atomic_store_n(&registry->next, next, __ATOMIC_RELAXED);
	if (sooner)
		mailbox_wake(&broker->workers[0].mailbox);
}

void session_set_timer(struct session *session)
{
	struct session_registry *registry = &session->broker->sessions;
	u64 when = session->ends ? session->ends : NOTHING_DUE;

	if (session->will)
		when = min_t(u64, when, session->will->at);
	if (when == NOTHING_DUE)
		timer_cancel(&registry->timers, &session->timer);
	else if (timer_set(&registry->timers, &session->timer, when))
		log_limited(LOG_TYPE_ERROR, "Error: the session of %s will not end: out of memory.",
			    session->id);
	note_next(session->broker);
}

void session_clear_timer(struct session *session)
{
	timer_cancel(&session->broker->sessions.timers, &session->timer);
	note_next(session->broker);
}

struct session *session_due(const struct session_registry *registry, u64 now)
{
	const struct timer_heap *timers = &registry->timers;

	if (!timers->count || timers->slots[1]->deadline > now)
		return NULL;
	return container_of(timers->slots[1], struct session, timer);
}

int session_registry_wait(const struct session_registry *registry, u64 now, int max)
{
	u64 next = __atomic_load_n(&registry->next, __ATOMIC_RELAXED);

	return next <= now ? 0 : min_t(u64, next - now, max);
}

/* The operator's */

int session_kick(struct session_registry *registry, const char *id)
{
	struct session *session;
	int err = 0;

	pthread_mutex_lock(&registry->lock);
	session = session_find(registry, id);
	if (session && session->owner)
		mailbox_notify(session->owner, NOTICE_END);
	else
		err = session ? -ENOTCONN : -ENOENT;
	pthread_mutex_unlock(&registry->lock);
	return err;
}

bool session_delete(struct session_registry *registry, const char *id)
{
	struct session *session;

	pthread_mutex_lock(&registry->lock);
	session = session_find(registry, id);
	if (session)
		session->doomed = true;
	if (session && session->owner) {
		mailbox_notify(session->owner, NOTICE_END);
	} else if (session) {
		session->ends = 1;	/* long ago */
		session_set_timer(session);
	}
	pthread_mutex_unlock(&registry->lock);
	return session;
}

struct visit {
	int (*function)(void *ctx, struct session *session);
	void *ctx;
};

static int visit_node(struct hash_node *node, void *ctx)
{
	struct visit *visit = ctx;

	return visit->function(visit->ctx, container_of(node, struct session, node));
}

int session_visit(struct session_registry *registry, const char *id,
		  int (*visit)(void *ctx, struct session *session), void *ctx)
{
	struct visit args = { visit, ctx };
	struct session *session;
	int ret;

	pthread_mutex_lock(&registry->lock);
	if (id) {
		session = session_find(registry, id);
		ret = session ? visit(ctx, session) : 0;
	} else {
		ret = hash_visit(&registry->by_id, visit_node, &args);
	}
	pthread_mutex_unlock(&registry->lock);
	return ret;
}

struct scan {
	void (*function)(struct session *session, void *ctx);
	void *ctx;
};

static void scan_node(struct hash_node *node, void *ctx)
{
	struct scan *scan = ctx;

	scan->function(container_of(node, struct session, node), scan->ctx);
}

size_t session_scan(struct session_registry *registry, size_t cursor,
		    void (*visit)(struct session *session, void *ctx), void *ctx)
{
	struct scan args = { visit, ctx };

	pthread_mutex_lock(&registry->lock);
	cursor = hash_scan(&registry->by_id, cursor, scan_node, &args);
	pthread_mutex_unlock(&registry->lock);
	return cursor;
}
