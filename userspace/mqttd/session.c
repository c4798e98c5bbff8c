// SPDX-License-Identifier: MIT
/*
 * Sessions by client id: beginning, changing hands, ending.
 *
 * Who may touch what:
 *
 *   registry->lock   who is live: @node, @owner, @heir, @doomed, @timer, @ends;
 *                    without an owner also @will, @expiry, @username, @protocol, which
 *                    are otherwise changed by the owner's worker, under this lock
 *                    if others look at them (@expiry, @username)
 *   session->lock    @queue, @incoming, @drops, @window, @dead, changes of @client
 *   route table      @subs
 *
 * Order: store_begin(), registry->lock, session->lock, and inside all of them the
 * store's own and the mailboxes'. Nothing is published with a lock held. What the
 * store is told about a session is in the order of the sections in which
 * it is changed.
 *
 * How long:
 *
 *   connection   claims the session before CONNACK and leaves it after close().
 *                Between these its worker may use it without further ado. @client
 *                points to it only from session_online() to session_offline(), before
 *                the connection's memory is given back under RCU
 *   end          by whoever takes it out of the registry, when there is no owner: marks
 *                it dead, with its last change in the store, so that nothing is
 *                added any more; takes its subscriptions out of the trie; then
 *                waits for RCU, as readers of the trie may still have it
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>
#include <linux/minmax.h>

#include "broker.h"
#include "client.h"
#include "log.h"
#include "packet_ids.h"
#include "publish.h"
#include "session.h"
#include "session_kept.h"
#include "session_queue.h"
#include "session_will.h"
#include "share.h"
#include "store.h"
#include "subscribe.h"
#include "stored.h"
#include "worker.h"

/* Sessions that end, and wills that are published, in one round of events. */
#define DUE_PER_ROUND	64

/* Memory */

static struct session *session_new(struct broker *broker, const char *id)
{
	struct session *session;

	session = calloc(1, sizeof(*session) + broker->n_workers * sizeof(session->stamps[0]));
	if (!session)
		return NULL;
	session->id = strdup(id);
	if (!session->id) {
		free(session);
		return NULL;
	}
	session->broker = broker;
	pthread_mutex_init(&session->lock, NULL);
	return session;
}

void session_free(struct session *session)
{
	struct session_queue *queue = queue_take(session);
	struct session_entry *entry;

	/* At the end of the process: the store keeps what is left. */
	while (queue && (entry = queue_empty(queue))) {
		entry->msg->store = NULL;
		queue_entry_free(entry);
	}
	packet_ids_free(session->incoming);
	session_will_free(session->will);
	pthread_mutex_destroy(&session->lock);
	free(session->username);
	free(session->id);
	free(session);
}

static void session_free_rcu(struct rcu_head *rcu)
{
	session_free(container_of(rcu, struct session, rcu));
}

static struct session *add_new(struct broker *broker, const char *id)
{
	struct session *session = session_new(broker, id);

	if (session && session_add(&broker->sessions, session)) {
		session_free(session);
		return NULL;
	}
	return session;
}

/* In the store. All with the registry locked. */

/* The change, 1 if it is not kept there, 0 without memory. */
static u64 put_row(struct session *session)
{
	struct store *store = session->broker->store;
	struct store_session row = {
		.client_id = session->id,
		.username = session->username,
		.expiry = session->expiry,
		.protocol = session->protocol,
		.owned = session->owned,
	};

	if (!session->key)
		return 1;
	if (session->ends)
		row.expires = stored_now() + session->ends - min_t(u64, session->ends, timer_now());
	if (session->will) {
		row.will = session->will->msg;
		row.will_at = session_will_time(session->will);
		row.will_retain = session->will->retain;
	}
	return store_session_put(store, session->key, &row);
}

void session_store(struct session *session)
{
	if (!put_row(session))
		log_limited(LOG_TYPE_ERROR,
			    "Error: the state of client %s cannot be stored: out of memory.",
			    session->id);
}

/* Endings */

/* Takes a session without owner out of the registry; for session_finish(). */
static void end_locked(struct session *session)
{
	session_del(&session->broker->sessions, session);
	session_clear_timer(session);
	pthread_mutex_lock(&session->lock);
	__atomic_store_n(&session->dead, true, __ATOMIC_RELAXED);
	if (session->key && !store_session_del(session->broker->store, session->key))
		log_limited(LOG_TYPE_ERROR,
			    "Error: the end of the session of %s cannot be stored: out of memory.",
			    session->id);
	pthread_mutex_unlock(&session->lock);
}

/* Messages of shared subscriptions that nobody has acknowledged (MQTT 5.0 4.8.2). */
static void hand_on(struct worker *worker, struct session *session)
{
	struct session_queue *queue;
	struct session_entry *entry;

	pthread_mutex_lock(&session->lock);
	queue = queue_take(session);
	pthread_mutex_unlock(&session->lock);
	while (queue && (entry = queue_empty(queue))) {
		if (entry->delivery.share && entry->delivery.qos == 1)
			share_redeliver(worker, entry->msg, entry->delivery.share, session);
		queue_entry_free(entry);
	}
}

/* In the group of end_locked(): after a crash it has ended with all that follows, or not. */
static void session_finish(struct worker *worker, struct session *session)
{
	session_unkeep(session);
	session_unsubscribe_all(session);
	if (session->will)
		session_will_publish_late(worker, session->will, session);
	hand_on(worker, session);
	call_rcu(&session->rcu, session_free_rcu);
}

/* Claiming */

/* Returns false without memory. The old session goes on as it was then. */
static bool begin_locked(struct client *client, struct session *old)
{
	struct broker *broker = client->worker->broker;
	struct session *session = add_new(broker, client->id);

	if (!session)
		return false;
	if (client->terms.session_expiry && store_durable(broker->store))
		session->key = store_new_key(broker->store);
	if (old)
		end_locked(old);
	client->session = session;
	return true;
}

static void resume_locked(struct client *client, struct session *session)
{
	session_clear_timer(session);
	session->ends = 0;
	session_will_free(session->will);	/* [MQTT-3.1.3-9] */
	session->will = NULL;
	client->session = session;
}

static void take_terms(struct client *client, struct session *session, char *username)
{
	session->owner = client;
	session->heir = NULL;
	session->history.connections++;
	session->expiry = client->terms.session_expiry;
	session->protocol = client->protocol;
	free(session->username);
	session->username = username;
	session->owned = true;
	session->will = client->will;
	client->will = NULL;
}

/* Its CONNECT came earlier. */
static bool is_older(const struct client *client, const struct client *than)
{
	return than && client->serial < than->serial;
}

/* The later of two that wait wins, and the one who was waiting goes away too. */
static bool must_wait(struct client *client, struct session *session)
{
	if (session->heir && session->heir != client)
		mailbox_notify(session->heir, NOTICE_KICK);
	session->heir = client;
	if (session->owner)
		mailbox_notify(session->owner, NOTICE_KICK);
	return session->owner;
}

/* Its time has come, and nobody has looked yet. */
static bool is_over(const struct session *session)
{
	return session->ends && session->ends <= timer_now();
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Its connection is ending, and it with that. */
static bool is_leaving(const struct session *session)
{
	return session->owner && !session->expiry &&
	       __atomic_load_n(&session->owner->closing, __ATOMIC_RELAXED);
}

/* With a clean start, too: that would end what is another one's. */
static bool is_others(const struct client *client, const struct session *session)
{
	return session->owned && !session->doomed && !is_over(session) && !is_leaving(session) &&
	       client->worker->broker->conf->session_takeover == TAKEOVER_SAME_USER &&
	       !same_text(client->username, session->username);
}

/* *@ended: a session that is to be finished. */
static int claim_locked(struct client *client, struct session **ended, u64 *change)
{
	struct session *session = session_find(&client->worker->broker->sessions, client->id);
	char *username = client->username ? strdup(client->username) : NULL;

	if (client->username && !username)
		return -ENOMEM;
	if (session && is_others(client, session)) {
		free(username);
		return -EPERM;
	}
	if (session && (is_older(client, session->owner) || is_older(client, session->heir))) {
		free(username);
		return -ESTALE;
	}
	if (session && must_wait(client, session)) {
		free(username);
		return -EINPROGRESS;
	}
	client->terms.session_present = session && !client->terms.clean && !is_over(session);
	if (client->terms.session_present) {
		resume_locked(client, session);
	} else {
		if (!begin_locked(client, session)) {
			free(username);
			return -ENOMEM;
		}
		*ended = session;
	}
	take_terms(client, client->session, username);
	*change = put_row(client->session);
	return *change ? 0 : -ENOMEM;
}

int session_claim(struct client *client, u64 *ticket)
{
	struct broker *broker = client->worker->broker;
	struct session *ended = NULL;
	u64 change = 0;
	int err;

	store_begin(broker->store);
	pthread_mutex_lock(&broker->sessions.lock);
	err = claim_locked(client, &ended, &change);
	pthread_mutex_unlock(&broker->sessions.lock);
	if (ended)
		session_finish(client->worker, ended);
	*ticket = store_end(broker->store);
	return err;
}

/* What the client and the configuration allow to be in flight. */
static u16 window_of(const struct client *client)
{
	int64_t most = client->worker->broker->conf->max_inflight_messages;

	return most ? min_t(int64_t, most, client->terms.receive_max) : client->terms.receive_max;
}

void session_online(struct client *client)
{
	struct session *session = client->session;

	pthread_mutex_lock(&session->lock);
	queue_rewind(session);
	session->window = window_of(client);
	rcu_assign_pointer(session->client, client);
	pthread_mutex_unlock(&session->lock);
	stats_add(&client->worker->stats, STAT_CONNECTED, 1);
	client_pump_later(client);
}

/* Leaving */

/* It is published now, later, or not at all; the row has it no more in the same group. */
static void leave_will(struct client *client, struct session *session)
{
	struct session_registry *registry = &session->broker->sessions;
	struct session_will *will = session->will;
	bool now = !will->delay || !session->expiry || session->doomed;
	bool wanted = client->closing != CLOSE_DISCONNECT && client->state == CLIENT_CONNECTED &&
		      session_will_allowed(client, will);

	if (wanted && !now)
		return;
	store_begin(session->broker->store);
	if (wanted)
		session_will_publish(client->worker, will, session);
	pthread_mutex_lock(&registry->lock);
	session->will = NULL;
	session_store(session);
	pthread_mutex_unlock(&registry->lock);
	store_end(session->broker->store);
	session_will_free(will);
}

void session_offline(struct client *client)
{
	struct session *session = client->session;

	if (!session)
		return;
	if (session->client)
		stats_add(&client->worker->stats, STAT_CONNECTED, -1);
	pthread_mutex_lock(&session->lock);
	rcu_assign_pointer(session->client, NULL);
	session->window = 0;
	queue_trim(session);
	if (!packet_ids_count(session->incoming)) {
		packet_ids_free(session->incoming);
		session->incoming = NULL;
	}
	pthread_mutex_unlock(&session->lock);
	if (session->will)
		leave_will(client, session);
}

static void keep_locked(struct session *session)
{
	u64 now = timer_now();

	if (session->expiry != SESSION_NEVER)
		session->ends = now + session->expiry * 1000ull;
	if (session->will)
		session->will->at = now + session->will->delay * 1000ull;
	session_set_timer(session);
	session_store(session);
}

static void note_end(struct session_history *history, u8 reason)
{
	history->ended_at = timer_now();
	history->last_end = reason;
	history->takeovers += reason == CLOSE_TAKEN_OVER;
}

/* Returns whether the session has ended. */
static bool leave_locked(struct session *session)
{
	bool ends = !session->expiry || session->doomed;

	note_end(&session->history, session->owner->closing);
	session->owner = NULL;
	if (session->heir)
		mailbox_notify(session->heir, NOTICE_READY);
	if (ends)
		end_locked(session);
	else
		keep_locked(session);
	return ends;
}

static void stop_waiting(struct session_registry *registry, struct client *client)
{
	struct session *session = session_find(registry, client->id);

	if (session && session->heir == client)
		session->heir = NULL;
}

void session_leave(struct client *client)
{
	struct broker *broker = client->worker->broker;
	struct session *session = client->session;
	bool ended = false;

	if (!client->id)
		return;
	store_begin(broker->store);
	pthread_mutex_lock(&broker->sessions.lock);
	if (session)
		ended = leave_locked(session);
	else
		stop_waiting(&broker->sessions, client);
	pthread_mutex_unlock(&broker->sessions.lock);
	client->session = NULL;
	if (ended)
		session_finish(client->worker, session);
	store_end(broker->store);
}

u32 session_expiry_limit(const struct config *conf, u32 asked)
{
	int64_t most = conf->persistent_client_expiration;

	return most == CONFIG_UNSET ? asked : min_t(int64_t, most, asked);
}

void session_set_expiry(struct client *client, u32 expiry)
{
	struct session_registry *registry = &client->worker->broker->sessions;

	pthread_mutex_lock(&registry->lock);
	client->session->expiry = expiry;
	pthread_mutex_unlock(&registry->lock);
}

/* What time brings */

/**
 * struct due - what is to be done, without locks
 * @session: it ends, or NULL
 * @will: to be published, or NULL
 */
struct due {
	struct session *session;
	struct session_will *will;
};

static bool take_due(struct session_registry *registry, u64 now, struct due *due)
{
	struct session *session = session_due(registry, now);

	*due = (struct due){};
	if (!session)
		return false;
	if (session->ends && session->ends <= now) {
		end_locked(session);
		due->session = session;
		return true;
	}
	due->will = session->will;
	session->will = NULL;
	session_set_timer(session);
	session_store(session);
	return true;
}

/*
 * The will's session can end meanwhile: to those who are not to hear themselves
 * the will is somebody's who is not there any more.
 */
static bool run_one(struct worker *worker)
{
	struct broker *broker = worker->broker;
	struct due due;
	bool more;

	store_begin(broker->store);
	pthread_mutex_lock(&broker->sessions.lock);
	more = take_due(&broker->sessions, worker->now, &due);
	pthread_mutex_unlock(&broker->sessions.lock);
	if (due.will)
		session_will_publish_late(worker, due.will, NULL);
	session_will_free(due.will);
	if (due.session) {
		log_limited(LOG_TYPE_NOTICE, "The session of client %s %s.", due.session->id,
			    due.session->doomed ? "was deleted" : "has expired");
		stats_add(&worker->stats, STAT_SESSIONS_EXPIRED, !due.session->doomed);
		session_finish(worker, due.session);
	}
	store_end(broker->store);
	return more;
}

void session_run_timers(struct worker *worker)
{
	const struct session_registry *registry = &worker->broker->sessions;
	int i;

	for (i = 0; i < DUE_PER_ROUND; i++)
		if (session_registry_wait(registry, worker->now, 1) || !run_one(worker))
			return;
}

struct session *session_revive(struct broker *broker, u64 key, const struct store_session *row)
{
	struct session *session = add_new(broker, row->client_id);

	if (!session)
		return NULL;
	session->key = key;
	session->expiry = row->expiry;
	session->protocol = row->protocol;
	session->owned = row->owned;
	if (!row->username)
		return session;
	session->username = strdup(row->username);
	if (!session->username) {
		session_del(&broker->sessions, session);
		session_free(session);
		return NULL;
	}
	return session;
}
