// SPDX-License-Identifier: MIT
/*
 * What store_load() brings, put where it belongs.
 *
 * A session that had a connection has lost it with the daemon: its expiry interval
 * and its will's delay begin now.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>

#include "bans.h"
#include "broker.h"
#include "log.h"
#include "packet_ids.h"
#include "restore.h"
#include "roles/load.h"
#include "session.h"
#include "session_kept.h"
#include "session_queue.h"
#include "session_will.h"
#include "store.h"
#include "stored.h"
#include "subscribe.h"
#include "timer.h"

/**
 * struct loaded - a message that queue entries and retained messages refer to
 * @node: by its number
 * @msg: a reference
 */
struct loaded {
	struct hash_node node;
	struct stored *msg;
};

/**
 * struct restore - the work at hand
 * @broker: what it is for
 * @messages: struct loaded
 * @session: whose things come
 * @cut: sessions that were connected, to be stored as they are now; a buffer of pointers
 * @replaced: sessions whose end could not be stored: a later one has their client id;
 *	a buffer of pointers, they are not in the registry
 * @sessions: how many
 */
struct restore {
	struct broker *broker;
	struct hash_table messages;
	struct session *session;
	struct buffer cut;
	struct buffer replaced;
	size_t sessions;
};

static int load_message(void *ctx, u64 id, const struct stored *from)
{
	struct restore *restore = ctx;
	struct stored copy = *from;
	struct loaded *loaded = malloc(sizeof(*loaded));

	if (!loaded)
		return -ENOMEM;
	copy.store = restore->broker->store;
	copy.id = id;
	loaded->msg = stored_new(&copy, from->blob);
	if (!loaded->msg || hash_add(&restore->messages, &loaded->node, id)) {
		/* Without a store it is not deleted there. */
		if (loaded->msg)
			loaded->msg->store = NULL;
		stored_put(loaded->msg);
		free(loaded);
		return -ENOMEM;
	}
	return 0;
}

static struct stored *find_message(const struct restore *restore, u64 id)
{
	struct hash_node *node = hash_first(&restore->messages, id);

	return node ? container_of(node, struct loaded, node)->msg : NULL;
}

/* CLOCK_REALTIME to CLOCK_MONOTONIC; what is over was long ago. */
static u64 monotonic(u64 when)
{
	u64 now = stored_now();

	return when > now ? timer_now() + (when - now) : 1;
}

static int set_end(struct restore *restore, const struct store_session *row)
{
	struct session *session = restore->session;

	if (row->expires)
		session->ends = monotonic(row->expires);
	else if (!session->expiry)
		session->ends = 1;
	else if (session->expiry != SESSION_NEVER)
		session->ends = timer_now() + session->expiry * 1000ull;
	if (row->expires)
		return 0;
	return buffer_append(&restore->cut, &session, sizeof(struct session *));
}

/* Sessions come in the order of their keys. */
static int replace(struct restore *restore, const char *id)
{
	struct session_registry *registry = &restore->broker->sessions;
	struct session *old = session_find(registry, id);
	int err;

	if (!old)
		return 0;
	err = buffer_append(&restore->replaced, &old, sizeof(struct session *));
	if (err)
		return err;
	session_del(registry, old);
	session_clear_timer(old);
	old->dead = true;
	restore->sessions--;
	return 0;
}

static int load_session(void *ctx, u64 key, const struct store_session *row)
{
	struct restore *restore = ctx;
	struct session *session;
	int err;

	err = replace(restore, row->client_id);
	if (err)
		return err;
	session = session_revive(restore->broker, key, row);
	restore->session = session;
	if (!session)
		return -ENOMEM;
	restore->sessions++;
	err = set_end(restore, row);
	if (err)
		return err;
	if (row->will) {
		session->will = session_will_restore(row);
		if (!session->will)
			return -ENOMEM;
	}
	session_set_timer(session);
	return 0;
}

static int load_sub(void *ctx, u64 key, const struct store_sub *sub)
{
	struct restore *restore = ctx;
	struct session_filter filter = {
		.filter = sub->filter, .len = sub->len, .options = sub->options, .id = sub->id,
	};

	(void)key;
	return session_resubscribe(restore->session, &filter);
}

static int load_entry(void *ctx, u64 key, const struct store_entry *entry)
{
	struct restore *restore = ctx;
	struct stored *msg = find_message(restore, entry->message);

	(void)key;
	return msg ? queue_restore(restore->session, msg, entry) : -ENOENT;
}

static int load_incoming(void *ctx, u64 key, u16 packet_id)
{
	struct restore *restore = ctx;
	struct session *session = restore->session;

	(void)key;
	if (!session->incoming)
		session->incoming = packet_ids_new();
	if (!session->incoming || packet_ids_add(session->incoming, packet_id) < 0)
		return -ENOMEM;
	return 0;
}

static int load_retained(void *ctx, u64 id)
{
	struct restore *restore = ctx;
	struct stored *msg = find_message(restore, id);

	return msg ? retained_load(&restore->broker->retained, msg) : -ENOENT;
}

static int load_ban(void *ctx, const struct store_ban *ban)
{
	struct restore *restore = ctx;

	return bans_load(restore->broker->bans, ban);
}

static int load_access(void *ctx, const struct store_access *row)
{
	struct restore *restore = ctx;

	return roles_load(&restore->broker->roles, row);
}

static const struct store_loader loader = {
	.message = load_message,
	.session = load_session,
	.sub = load_sub,
	.entry = load_entry,
	.incoming = load_incoming,
	.retained = load_retained,
	.ban = load_ban,
	.access = load_access,
};

static void drop_loaded(struct hash_node *node, void *ctx)
{
	struct loaded *loaded = container_of(node, struct loaded, node);

	(void)ctx;
	stored_put(loaded->msg);
	free(loaded);
}

/* What has failed changes nothing: the last reference would delete the message there. */
static int keep_in_store(struct hash_node *node, void *ctx)
{
	(void)ctx;
	container_of(node, struct loaded, node)->msg->store = NULL;
	return 0;
}

static void store_cut(struct restore *restore)
{
	struct session **sessions = (void *)buffer_head(&restore->cut);
	size_t i;

	for (i = 0; i < restore->cut.len / sizeof(*sessions); i++)
		if (!sessions[i]->dead)
			session_store(sessions[i]);
}

static void drop_replaced(struct restore *restore)
{
	struct session **sessions = (void *)buffer_head(&restore->replaced);
	struct session_queue *queue;
	struct session_entry *entry;
	size_t i;

	for (i = 0; i < restore->replaced.len / sizeof(*sessions); i++) {
		session_unsubscribe_all(sessions[i]);
		queue = queue_take(sessions[i]);
		while (queue && (entry = queue_empty(queue)))
			queue_entry_free(entry);
		session_free(sessions[i]);
	}
}

static void store_replaced(struct restore *restore)
{
	struct session **sessions = (void *)buffer_head(&restore->replaced);
	size_t i;

	for (i = 0; i < restore->replaced.len / sizeof(*sessions); i++)
		store_session_del(restore->broker->store, sessions[i]->key);
}

int broker_restore(struct broker *broker)
{
	struct restore restore = { .broker = broker };
	char why[STORE_WHY_MAX] = "";
	int err;

	if (!store_durable(broker->store))
		return 0;
	err = store_load(broker->store, &loader, &restore, why);
	if (!err) {
		err = roles_load_end(&broker->roles);
		if (err)
			snprintf(why, sizeof(why), "the roles cannot be loaded: %s",
				 strerror(-err));
	}
	if (err) {
		log_printf(LOG_TYPE_ERROR, "Error: %s.", why);
		hash_visit(&restore.messages, keep_in_store, NULL);
	} else {
		log_printf(LOG_TYPE_INFORMATION, "%zu sessions and %zu retained messages restored.",
			   restore.sessions, broker->retained.count);
		if (restore.cut.len)
			store_cut(&restore);
		if (restore.replaced.len)
			store_replaced(&restore);
		session_keep_all(broker);
	}
	if (restore.replaced.len)
		drop_replaced(&restore);
	buffer_free(&restore.replaced);
	buffer_free(&restore.cut);
	hash_clear(&restore.messages, drop_loaded, NULL);
	return err;
}
