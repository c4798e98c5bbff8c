// SPDX-License-Identifier: MIT
/*
 * Groups of shared subscriptions.
 *
 * The array of members changes while others read it, in ways that do not matter
 * to them: a new member is behind the last one before the count says so; where
 * one has left the last one comes in its place before the count says less. Who
 * reads an old count finds a member that is still there for a grace period.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "route.h"
#include "session.h"
#include "share.h"
#include "subscribe.h"

#define MEMBERS_MIN	4
/* Members that are looked at for one message. */
#define PROBES_MAX	64

struct share_members {
	struct rcu_head rcu;
	u32 room;
	struct subscription *at[];
};

static uint64_t name_hash(const struct share_table *table, const u8 *name, size_t len)
{
	return siphash(name, len, &table->key);
}

struct share *share_find(const struct share_table *table, const u8 *name, size_t len)
{
	struct hash_node *node;
	struct share *share;

	for (node = hash_first(&table->by_name, name_hash(table, name, len)); node;
	     node = hash_next(node)) {
		share = container_of(node, struct share, node);
		if (share->len == len && !memcmp(share->name, name, len))
			return share;
	}
	return NULL;
}

static struct share_members *members_new(u32 room)
{
	struct share_members *members = malloc(sizeof(*members) + room * sizeof(members->at[0]));

	if (members)
		members->room = room;
	return members;
}

static struct share *share_new(const u8 *name, size_t len)
{
	struct share *share = calloc(1, sizeof(*share) + len + 1);

	if (!share)
		return NULL;
	share->members = members_new(MEMBERS_MIN);
	if (!share->members) {
		free(share);
		return NULL;
	}
	share->entry.share = share;
	share->len = len;
	memcpy(share->name, name, len);
	return share;
}

struct share *share_make(struct route_table *table, const u8 *name, size_t len)
{
	struct share *share = share_find(&table->shares, name, len);
	size_t topic_len;
	const u8 *topic;

	if (share)
		return share;
	share = share_new(name, len);
	if (!share)
		return NULL;
	subscribe_split(name, len, &topic, &topic_len);
	share->by_agent = !subscribe_kernel_shares(table->conf, name, len);
	if (mqtt_trie_add(&table->trie, topic, topic_len, &share->entry.sub))
		goto fail_trie;
	if (hash_add(&table->shares.by_name, &share->node, name_hash(&table->shares, name, len)))
		goto fail_table;
	return share;

fail_table:
	mqtt_trie_del(&table->trie, &share->entry.sub);
	kfree_rcu(share->members, rcu);
	kfree_rcu(share, rcu);
	return NULL;
fail_trie:
	free(share->members);
	free(share);
	return NULL;
}

void share_drop_empty(struct route_table *table, struct share *share)
{
	if (share->n)
		return;
	hash_del(&table->shares.by_name, &share->node);
	mqtt_trie_del(&table->trie, &share->entry.sub);
	kfree_rcu(share->members, rcu);
	kfree_rcu(share, rcu);
}

static int grow(struct share *share)
{
	struct share_members *old = share->members, *new = members_new(old->room * 2);

	if (!new)
		return -ENOMEM;
	memcpy(new->at, old->at, share->n * sizeof(new->at[0]));
	rcu_assign_pointer(share->members, new);
	kfree_rcu(old, rcu);
	return 0;
}

int share_join(struct route_table *table, struct share *share, struct subscription *sub)
{
	if (share->n == share->members->room && grow(share))
		return -ENOMEM;
	sub->share = share;
	sub->place = share->n;
	__atomic_store_n(&share->members->at[share->n], sub, __ATOMIC_RELAXED);
	__atomic_store_n(&share->n, share->n + 1, __ATOMIC_RELEASE);
	table->shares.members++;
	return 0;
}

void share_leave(struct route_table *table, struct subscription *sub)
{
	struct share *share = sub->share;
	struct subscription *last = share->members->at[share->n - 1];

	last->place = sub->place;
	__atomic_store_n(&share->members->at[sub->place], last, __ATOMIC_RELEASE);
	__atomic_store_n(&share->n, share->n - 1, __ATOMIC_RELEASE);
	table->shares.members--;
	share_drop_empty(table, share);
}

/* The more the better a choice it is; 0: none */
#define RANK_BEST 3

static int rank(struct session *session, const struct session *except)
{
	if (session == except || __atomic_load_n(&session->dead, __ATOMIC_RELAXED))
		return 0;
	if (!rcu_dereference(session->client))
		return 1;
	return session_has_room(session) ? RANK_BEST : 2;
}

struct subscription *share_pick(struct share *share, const struct session *except)
{
	u32 n = __atomic_load_n(&share->n, __ATOMIC_ACQUIRE);
	struct share_members *members = rcu_dereference(share->members);
	u32 turn = __atomic_load_n(&share->turn, __ATOMIC_RELAXED);
	u32 probes = n < PROBES_MAX ? n : PROBES_MAX;
	struct subscription *best = NULL, *sub;
	int best_rank = 0, this_rank;
	u32 next = turn + 1;

	for (; probes && best_rank < RANK_BEST; probes--, turn++) {
		sub = __atomic_load_n(&members->at[turn % n], __ATOMIC_ACQUIRE);
		this_rank = rank(sub->session, except);
		if (this_rank <= best_rank)
			continue;
		best_rank = this_rank;
		best = sub;
		next = turn + 1;
	}
	__atomic_store_n(&share->turn, next, __ATOMIC_RELAXED);
	return best;
}
