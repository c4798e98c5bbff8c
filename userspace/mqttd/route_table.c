// SPDX-License-Identifier: MIT
/*
 * The table of subscriptions: adding, changing and removing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/random.h>

#include "route.h"
#include "session.h"
#include "share.h"
#include "subscribe.h"

/* In place of what a subscription was, if there was none */
#define WAS_NOT	UINT64_MAX

int route_table_init(struct route_table *table, const struct config *conf)
{
	table->conf = conf;
	pthread_mutex_init(&table->lock, NULL);
	table->shares = (struct share_table){};
	get_random_bytes(&table->shares.key, sizeof(table->shares.key));
	return mqtt_trie_init(&table->trie);
}

void route_table_destroy(struct route_table *table)
{
	hash_clear(&table->shares.by_name, NULL, NULL);	/* it is empty */
	mqtt_trie_destroy(&table->trie);
	pthread_mutex_destroy(&table->lock);
}

/* Nodes and groups are at least 16 bytes apart; their addresses are nobody's choice. */
static uint64_t place_hash(const void *place, bool hash)
{
	return (((uintptr_t)place >> 4) * 2 + hash) * 0x9e3779b97f4a7c15ull >> 16;
}

static uint64_t subscription_hash(const struct subscription *sub)
{
	if (sub->share)
		return place_hash(sub->share, false);
	return place_hash(sub->sub.node, sub->sub.hash);
}

struct subscription *route_find_place(struct session *session,
				      const struct mqtt_trie_node *place, bool hash)
{
	struct subscription *sub;
	struct hash_node *node;

	for (node = hash_first(&session->subs, place_hash(place, hash)); node;
	     node = hash_next(node)) {
		sub = container_of(node, struct subscription, node);
		if (!sub->share && sub->sub.node == place && sub->sub.hash == hash)
			return sub;
	}
	return NULL;
}

static struct subscription *find_member(struct session *session, const struct share *share)
{
	struct subscription *sub;
	struct hash_node *node;

	for (node = hash_first(&session->subs, place_hash(share, false)); node;
	     node = hash_next(node)) {
		sub = container_of(node, struct subscription, node);
		if (sub->share == share)
			return sub;
	}
	return NULL;
}

/* Under the table's lock. NULL if @session has no such subscription. */
static struct subscription *find_filter(struct route_table *table, struct session *session,
					const u8 *filter, size_t len)
{
	struct mqtt_trie_node *place;
	struct share *share;
	size_t topic_len;
	const u8 *topic;
	bool hash;

	if (subscribe_split(filter, len, &topic, &topic_len)) {
		share = share_find(&table->shares, filter, len);
		return share ? find_member(session, share) : NULL;
	}
	place = mqtt_trie_lookup(&table->trie, filter, len, &hash);
	return place ? route_find_place(session, place, hash) : NULL;
}

static void count_kinds(struct session *session, u64 how, int n)
{
	if (how_id(how))
		session->sub_kinds[SUB_WITH_ID] += n;
	if (how & FILTER_RETAIN_AS_PUBLISHED)
		session->sub_kinds[SUB_AS_PUBLISHED] += n;
	if (how_qos(how))
		session->sub_kinds[SUB_QOS] += n;
}

static void change(struct subscription *sub, u64 how)
{
	if (!sub->share) {
		count_kinds(sub->session, sub->how, -1);
		count_kinds(sub->session, how, 1);
	}
	subscription_set_how(sub, how);
}

static int join_group(struct route_table *table, struct subscription *sub, const u8 *name,
		      size_t len)
{
	struct share *share = share_make(table, name, len);
	int err = share ? share_join(table, share, sub) : -ENOMEM;

	if (share && err)
		share_drop_empty(table, share);
	return err;
}

/* Undoes what subscribing did, but for the session's table. */
static void unlink_subscription(struct route_table *table, struct subscription *sub)
{
	if (sub->share) {
		share_leave(table, sub);
	} else {
		mqtt_trie_del(&table->trie, &sub->sub);
		count_kinds(sub->session, sub->how, -1);
	}
	kfree_rcu(sub, rcu);
}

static int add_locked(struct route_table *table, struct session *session,
		      const struct session_filter *f)
{
	struct subscription *sub = calloc(1, sizeof(*sub));
	size_t topic_len;
	const u8 *topic;
	int err;

	if (!sub)
		return -ENOMEM;
	sub->session = session;
	sub->how = subscription_how(f->options, f->id);
	if (subscribe_split(f->filter, f->len, &topic, &topic_len))
		err = join_group(table, sub, f->filter, f->len);
	else
		err = mqtt_trie_add(&table->trie, f->filter, f->len, &sub->sub);
	if (err) {
		free(sub);
		return err;
	}
	if (!sub->share)
		count_kinds(session, sub->how, 1);
	err = hash_add(&session->subs, &sub->node, subscription_hash(sub));
	if (err)
		unlink_subscription(table, sub);
	return err;
}

static int subscribe_locked(struct route_table *table, struct session *session,
			    struct session_filter *f)
{
	u64 how = subscription_how(f->options, f->id);
	struct subscription *sub;

	sub = find_filter(table, session, f->filter, f->len);
	f->is_new = !sub;
	f->was = sub ? sub->how : WAS_NOT;
	if (!sub)
		return add_locked(table, session, f);
	change(sub, how);
	return 0;
}

int route_subscribe(struct route_table *table, struct session *session,
		    struct session_filter *filter)
{
	int err;

	pthread_mutex_lock(&table->lock);
	err = subscribe_locked(table, session, filter);
	pthread_mutex_unlock(&table->lock);
	return err;
}

static bool unsubscribe_locked(struct route_table *table, struct session *session,
			       const u8 *filter, size_t len)
{
	struct subscription *sub = find_filter(table, session, filter, len);

	if (!sub)
		return false;
	hash_del(&session->subs, &sub->node);
	unlink_subscription(table, sub);
	return true;
}

bool route_unsubscribe(struct route_table *table, struct session *session,
		       const u8 *filter, size_t len)
{
	bool was;

	pthread_mutex_lock(&table->lock);
	was = unsubscribe_locked(table, session, filter, len);
	pthread_mutex_unlock(&table->lock);
	return was;
}

bool route_how(struct route_table *table, struct session *session, const u8 *filter, size_t len,
	       u64 *how)
{
	const struct subscription *sub;

	pthread_mutex_lock(&table->lock);
	sub = find_filter(table, session, filter, len);
	*how = sub ? sub->how : 0;
	pthread_mutex_unlock(&table->lock);
	return sub;
}

void route_restore(struct route_table *table, struct session *session,
		   const struct session_filter *filter)
{
	struct subscription *sub;

	pthread_mutex_lock(&table->lock);
	if (filter->was == WAS_NOT) {
		unsubscribe_locked(table, session, filter->filter, filter->len);
	} else {
		sub = find_filter(table, session, filter->filter, filter->len);
		if (sub)
			change(sub, filter->was);
	}
	pthread_mutex_unlock(&table->lock);
}

struct drop {
	struct route_table *table;
	void (*left)(void *ctx, const u8 *filter, size_t len);
	void *ctx;
};

static void drop_subscription(struct hash_node *node, void *ctx)
{
	struct subscription *sub = container_of(node, struct subscription, node);
	const struct drop *drop = ctx;

	if (sub->share)
		drop->left(drop->ctx, (u8 *)sub->share->name, sub->share->len);
	unlink_subscription(drop->table, sub);
}

void route_unsubscribe_all(struct route_table *table, struct session *session,
			   void (*left)(void *ctx, const u8 *filter, size_t len), void *ctx)
{
	struct drop drop = { table, left, ctx };

	if (!session->subs.buckets)
		return;
	pthread_mutex_lock(&table->lock);
	hash_clear(&session->subs, drop_subscription, &drop);
	pthread_mutex_unlock(&table->lock);
}

struct visit {
	int (*function)(void *ctx, const struct session_filter *filter);
	void *ctx;
};

static int visit_one(const struct visit *visit, const struct subscription *sub, const u8 *filter,
		     size_t len)
{
	struct session_filter f = {
		.filter = filter,
		.len = len,
		.options = how_options(sub->how),
		.id = how_id(sub->how),
	};

	return visit->function(visit->ctx, &f);
}

static int visit_subscription(struct hash_node *node, void *ctx)
{
	const struct subscription *sub = container_of(node, struct subscription, node);
	size_t len;
	u8 *text;
	int ret;

	if (sub->share)
		return visit_one(ctx, sub, (u8 *)sub->share->name, sub->share->len);
	len = mqtt_trie_filter(&sub->sub, NULL, 0);
	text = malloc(len);
	if (!text)
		return -ENOMEM;
	mqtt_trie_filter(&sub->sub, text, len);
	ret = visit_one(ctx, sub, text, len);
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
