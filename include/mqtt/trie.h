/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The topic table: subscriptions by topic filter, matched by topic name.
 *
 * One source for the kernel and the daemon (there over liburcu and
 * include/shim). Writers are serialised by the caller; readers hold the RCU
 * read lock and nothing else.
 */
#ifndef _MQTT_TRIE_H
#define _MQTT_TRIE_H

#include <linux/types.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/siphash.h>

struct mqtt_trie_node;
struct mqtt_trie_table;

/**
 * struct mqtt_sub - what the table knows of a subscription
 * @link: in the list of its node's subscriptions
 * @node: node of the filter's last level
 * @hash: the filter ends in '#'
 *
 * Embedded in the caller's structure, which the caller frees after a grace
 * period once mqtt_trie_del() has returned. Owned by the table in between.
 */
struct mqtt_sub {
	struct hlist_node link;
	struct mqtt_trie_node *node;
	bool hash;
};

/**
 * struct mqtt_trie - a topic table, embedded by value in its owner
 * @root: the node above all first levels
 * @table: hash table of the nodes; while it is resized the older of the two
 * @key: of the hash, random
 * @generation: changes with every add and del, after the change and before
 *		that call returns, and before what was removed is given to be
 *		freed. A result of mqtt_trie_match() holds for as
 *		long as mqtt_trie_generation() returns what it did before it
 * @nodes: nodes, the root not counted
 * @far: those of them that are in the hash table
 * @subs: subscriptions
 * @grow_at: resize when @far exceeds this
 *
 * Only @nodes and @subs are for others to read, under the writers' lock.
 */
struct mqtt_trie {
	struct mqtt_trie_node *root;
	struct mqtt_trie_table __rcu *table;
	hsiphash_key_t key;
	unsigned long generation;
	unsigned int nodes;
	unsigned int far;
	unsigned int subs;
	unsigned int grow_at;
};

/* Any context. For caches of matches, see @generation. */
static inline unsigned long mqtt_trie_generation(const struct mqtt_trie *trie)
{
	/* pairs with smp_store_release() in generation_next() */
	return smp_load_acquire(&trie->generation);
}

int mqtt_trie_init(struct mqtt_trie *trie);
void mqtt_trie_destroy(struct mqtt_trie *trie);
struct mqtt_trie_node *mqtt_trie_lookup(struct mqtt_trie *trie, const u8 *filter,
					size_t len, bool *hash);
struct hlist_head *mqtt_trie_node_list(struct mqtt_trie_node *node);
unsigned int mqtt_trie_node_subs(const struct mqtt_trie_node *node);
int mqtt_trie_add(struct mqtt_trie *trie, const u8 *filter, size_t len, struct mqtt_sub *sub);
void mqtt_trie_del(struct mqtt_trie *trie, struct mqtt_sub *sub);
size_t mqtt_trie_filter(const struct mqtt_sub *sub, u8 *buf, size_t size);
int mqtt_trie_match_within(const struct mqtt_trie *trie, const u8 *topic, size_t len,
			   unsigned int *budget,
			   void (*found)(void *ctx, const struct hlist_head *subs), void *ctx);

/* The same for who does not want to know what it has taken. */
static inline int mqtt_trie_match(const struct mqtt_trie *trie, const u8 *topic, size_t len,
				  unsigned int budget,
				  void (*found)(void *ctx, const struct hlist_head *subs),
				  void *ctx)
{
	return mqtt_trie_match_within(trie, topic, len, &budget, found, ctx);
}

#endif /* _MQTT_TRIE_H */
