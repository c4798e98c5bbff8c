// SPDX-License-Identifier: MIT
/*
 * Subscribing, and delivering to subscribers, in the user data plane.
 *
 * Workers route at the same time. A client with overlapping subscriptions
 * gets a message once: each worker numbers its messages and leaves the number
 * in a place of its own in every session that it delivers to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rculist.h>
#include <mqtt/word.h>

#include "broker.h"
#include "client.h"
#include "log.h"
#include "route.h"
#include "session.h"
#include "worker.h"

/* Nodes of the trie that one message may visit. */
#define MATCH_BUDGET	65536
/* Mail that is handed over before the round of events ends. */
#define POST_EARLY	(256u << 10)

/**
 * struct subscription - one topic filter of one session
 * @sub: in the trie
 * @node: in the session's table, by @sub's place in the trie
 * @session: whose
 * @options: MQTT_SUB_OPTION_* bits; readers of the trie look at them
 * @rcu: frees it after readers of the trie are done
 */
struct subscription {
	struct mqtt_sub sub;
	struct hash_node node;
	struct session *session;
	u8 options;
	struct rcu_head rcu;
};

struct fanout {
	struct worker *worker;
	struct message *msg;
	unsigned int dropped;
};

int route_table_init(struct route_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
	return mqtt_trie_init(&table->trie);
}

void route_table_destroy(struct route_table *table)
{
	mqtt_trie_destroy(&table->trie);
	pthread_mutex_destroy(&table->lock);
}

/* Nodes are at least 16 bytes apart; their addresses are not the client's choice. */
static uint64_t place_hash(const struct mqtt_trie_node *node, bool hash)
{
	return (((uintptr_t)node >> 4) * 2 + hash) * 0x9e3779b97f4a7c15ull >> 16;
}

static struct subscription *find_place(struct session *session,
				       const struct mqtt_trie_node *place, bool hash)
{
	struct subscription *sub;
	struct hash_node *node;

	for (node = hash_first(&session->subs, place_hash(place, hash)); node;
	     node = hash_next(node)) {
		sub = container_of(node, struct subscription, node);
		if (sub->sub.node == place && sub->sub.hash == hash)
			return sub;
	}
	return NULL;
}

/* Under the table's lock. NULL if @session has no such subscription. */
static struct subscription *find_filter(struct route_table *table, struct session *session,
					const u8 *filter, size_t len)
{
	struct mqtt_trie_node *place;
	bool hash;

	place = mqtt_trie_lookup(&table->trie, filter, len, &hash);
	return place ? find_place(session, place, hash) : NULL;
}

static void set_options(struct subscription *sub, u8 options)
{
	__atomic_store_n(&sub->options, options, __ATOMIC_RELAXED);
}

static int subscribe_locked(struct route_table *table, struct session *session,
			    struct session_filter *f)
{
	struct subscription *sub;
	int err;

	sub = find_filter(table, session, f->filter, f->len);
	f->was = sub ? sub->options : -1;
	if (sub) {
		set_options(sub, f->options);
		return f->was != f->options;
	}
	sub = calloc(1, sizeof(*sub));
	if (!sub)
		return -ENOMEM;
	sub->session = session;
	sub->options = f->options;
	err = mqtt_trie_add(&table->trie, f->filter, f->len, &sub->sub);
	if (err) {
		free(sub);
		return err;
	}
	err = hash_add(&session->subs, &sub->node, place_hash(sub->sub.node, sub->sub.hash));
	if (err) {
		mqtt_trie_del(&table->trie, &sub->sub);
		kfree_rcu(sub, rcu);
		return err;
	}
	return 1;
}

int route_subscribe(struct route_table *table, struct session *session,
		    struct session_filter *filter)
{
	int ret;

	pthread_mutex_lock(&table->lock);
	ret = subscribe_locked(table, session, filter);
	pthread_mutex_unlock(&table->lock);
	return ret;
}

int route_options(struct route_table *table, struct session *session, const u8 *filter,
		  size_t len)
{
	const struct subscription *sub;
	int options;

	pthread_mutex_lock(&table->lock);
	sub = find_filter(table, session, filter, len);
	options = sub ? sub->options : -1;
	pthread_mutex_unlock(&table->lock);
	return options;
}

void route_restore(struct route_table *table, struct session *session,
		   const struct session_filter *filter)
{
	struct subscription *sub;

	if (filter->was < 0) {
		route_unsubscribe(table, session, filter->filter, filter->len);
		return;
	}
	pthread_mutex_lock(&table->lock);
	sub = find_filter(table, session, filter->filter, filter->len);
	if (sub)
		set_options(sub, filter->was);
	pthread_mutex_unlock(&table->lock);
}

int route_unsubscribe(struct route_table *table, struct session *session,
		      const u8 *filter, size_t len)
{
	struct subscription *sub;

	pthread_mutex_lock(&table->lock);
	sub = find_filter(table, session, filter, len);
	if (sub) {
		hash_del(&session->subs, &sub->node);
		mqtt_trie_del(&table->trie, &sub->sub);
		kfree_rcu(sub, rcu);
	}
	pthread_mutex_unlock(&table->lock);
	return sub ? 1 : 0;
}

static void drop_subscription(struct hash_node *node, void *ctx)
{
	struct subscription *sub = container_of(node, struct subscription, node);
	struct route_table *table = ctx;

	mqtt_trie_del(&table->trie, &sub->sub);
	kfree_rcu(sub, rcu);
}

struct visit {
	int (*function)(void *ctx, const struct session_filter *filter);
	void *ctx;
};

static int visit_subscription(struct hash_node *node, void *ctx)
{
	const struct subscription *sub = container_of(node, struct subscription, node);
	size_t len = mqtt_trie_filter(&sub->sub, NULL, 0);
	struct session_filter filter = { .len = len, .options = sub->options };
	struct visit *visit = ctx;
	u8 *text = malloc(len);
	int ret;

	if (!text)
		return -ENOMEM;
	mqtt_trie_filter(&sub->sub, text, len);
	filter.filter = text;
	ret = visit->function(visit->ctx, &filter);
	free(text);
	return ret;
}

int route_visit(struct route_table *table, struct session *session,
		int (*visit)(void *ctx, const struct session_filter *filter), void *ctx)
{
	struct visit args = { visit, ctx };
	int ret;

	pthread_mutex_lock(&table->lock);
	ret = hash_visit(&session->subs, visit_subscription, &args);
	pthread_mutex_unlock(&table->lock);
	return ret;
}

void route_unsubscribe_all(struct route_table *table, struct session *session)
{
	if (!session->subs.buckets)
		return;
	pthread_mutex_lock(&table->lock);
	hash_clear(&session->subs, drop_subscription, table);
	pthread_mutex_unlock(&table->lock);
}

/* Under RCU: the session's client is there at least until we are done. */
static void fan_out_to(struct fanout *fanout, struct session *session)
{
	struct worker *worker = fanout->worker;
	struct client *client = session->client;

	if (session->stamps[worker->index] == worker->stamp)
		return;
	session->stamps[worker->index] = worker->stamp;
	if (client->worker == worker) {
		client_deliver(client, fanout->msg);
		return;
	}
	if (!client_get_live(client))
		return;
	if (outbox_address(&worker->outboxes[client->worker->index], client))
		fanout->dropped++;
	client_put(client);
}

/* MQTT 5.0 3.8.3.1 */
static bool no_local(const struct subscription *sub)
{
	return __atomic_load_n(&sub->options, __ATOMIC_RELAXED) & MQTT_SUB_OPTION_NO_LOCAL;
}

static void fan_out(void *ctx, const struct hlist_head *subs)
{
	struct fanout *fanout = ctx;
	struct subscription *sub;

	hlist_for_each_entry_rcu(sub, subs, sub.link)
		if (!(sub->session == fanout->msg->from && no_local(sub)))
			fan_out_to(fanout, sub->session);
}

static void post_message(struct worker *worker, struct fanout *fanout)
{
	unsigned int i;

	for (i = 0; i < worker->broker->n_workers; i++) {
		struct outbox *box = &worker->outboxes[i];

		if (!box->addressing)
			continue;
		fanout->dropped += outbox_enclose(box, fanout->msg);
		if (box->mail.len > POST_EARLY || box->pinned > POST_EARLY)
			worker_post(worker, i);
	}
}

/* The ends of topics differ more than their beginnings. */
static struct mqtt_match *last_match(struct worker *worker, const u8 *topic, size_t len)
{
	u64 end = len < 8 ? mqtt_word_load_part(topic, len) : mqtt_word_load(topic + len - 8);

	return &worker->matches[(end * 0x9e3779b97f4a7c15ull >> 32) % WORKER_MATCHES];
}

void route_deliver(struct worker *worker, struct message *msg)
{
	struct fanout fanout = { .worker = worker, .msg = msg };
	int err;

	worker->stamp++;
	rcu_read_lock();
	err = mqtt_match(&worker->broker->routes.trie,
			 last_match(worker, msg->topic, msg->topic_len), msg->topic,
			 msg->topic_len, MATCH_BUDGET, fan_out, &fanout);
	rcu_read_unlock();
	if (err)
		log_limited(LOG_TYPE_WARNING,
			    "Warning: a message matches too many filters, some subscribers miss it.");
	post_message(worker, &fanout);
	if (fanout.dropped)
		stats_add(&worker->stats, STAT_PUBLISH_DROPPED, fanout.dropped);
}

/*
 * The kernel does not take a message so long. What came before it from the same
 * publisher goes first as far as the daemon has it, and what comes after it waits
 * until it is on the sockets.
 */
static void deliver_beside(struct worker *worker, struct message *msg, struct client *from)
{
	port_drain(worker);
	worker_fence_begin(worker);
	route_deliver(worker, msg);
	if (from && !from->closing && worker_fence_end(worker, from))
		client_hold(from, HOLD_FENCE);
}

void route_publish(struct worker *worker, struct message *msg)
{
	struct client *from = msg->from ? msg->from->client : NULL;

	if (!port_is_open(&worker->port))
		route_deliver(worker, msg);
	else if (port_publish(worker, msg, from ? from->conn.peer : 0))
		deliver_beside(worker, msg, from);
}
