/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The nodes of the topic table and the way down, for those who change it
 * (trie.c, which says how it is made) and those who match (trie_match.c).
 * Pure code.
 */
#ifndef _MQTT_TRIE_NODE_H
#define _MQTT_TRIE_NODE_H

#include <linux/compiler.h>
#include <linux/types.h>

#include <mqtt/trie.h>

#include "trie_level.h"

enum node_kind {
	NODE_NEAR,
	NODE_FAR,
	NODE_PLUS,
	NODE_HASH,
};

#define BELOW_NEAR	0x1u
#define BELOW_FAR	0x2u
#define BELOW_WILD	0x4u	/* near children, "+" or "#" */

/*
 * @next: in the parent's @near or in a chain of the hash table
 * @near: children: the wildcards and up to NEAR_MAX literal ones
 * @subs: subscriptions to the filter that ends here
 * @nsubs: length of @subs
 * @nnear: number of literal children in @near
 * @nfar: number of children in the hash table
 * @hash: of the path down to here
 * @kind: enum node_kind
 * @below: BELOW_..., what children there are, for readers
 * @level: filled up with zeros to whole words
 */
struct mqtt_trie_node {
	struct mqtt_trie_node __rcu *next;
	struct mqtt_trie_node __rcu *near;
	struct mqtt_trie_node *parent;
	struct hlist_head subs;
	union {
		struct {
			u32 nsubs;
			u32 nnear;
			u32 nfar;
		};
		struct rcu_head rcu;	/* once it is unlinked */
	};
	u32 hash;
	u16 len;
	u8 kind;
	u8 below;
	u8 level[];
};

/*
 * As a whole a power of two in bytes, which suits the allocator.
 * @newer: where the nodes are moving
 * @size: number of buckets
 * @moved: buckets before this one are empty and stay so
 */
struct mqtt_trie_table {
	struct mqtt_trie_table __rcu *newer;
	struct rcu_head rcu;
	u32 size;
	u32 moved;
	struct mqtt_trie_node __rcu *bucket[];
};

/* The hash of the child of @parent at @level */
static inline u32 level_hash(const struct mqtt_trie *trie, const struct mqtt_trie_node *parent,
			     struct level *level)
{
	if (!level->hash)
		level->hash = hsiphash(level->text, level->len, &trie->key);
	return parent->hash * 0x9e3779b1u + level->hash;
}

static inline u32 bucket_index(const struct mqtt_trie_table *table, u32 hash)
{
	return (u64)hash * table->size >> 32;
}

static inline bool node_is(const struct mqtt_trie_node *node, const struct level *level)
{
	if (mqtt_word_load(node->level) != level->word || node->len != level->len)
		return false;
	return level->len <= 8 || !memcmp(node->level + 8, level->text + 8, level->len - 8);
}

/* Readers and writers */
static inline struct mqtt_trie_node *
far_child(const struct mqtt_trie *trie, const struct mqtt_trie_node *parent,
	  struct level *level)
{
	u32 hash = level_hash(trie, parent, level);
	struct mqtt_trie_table *table;
	struct mqtt_trie_node *node;

	table = rcu_dereference_raw(trie->table);
	for (;;) {
		for (node = rcu_dereference_raw(table->bucket[bucket_index(table, hash)]); node;
		     node = rcu_dereference_raw(node->next))
			if (node->hash == hash && node->parent == parent && node_is(node, level))
				return node;
		/* pairs with smp_wmb() in bucket_move() */
		smp_rmb();
		table = rcu_dereference_raw(table->newer);
		if (likely(!table))
			return NULL;
	}
}

/* Readers and writers. Wildcards are never equal to a topic's level */
static inline struct mqtt_trie_node *
near_child(const struct mqtt_trie_node *parent, const struct level *level)
{
	struct mqtt_trie_node *node;

	for (node = rcu_dereference_raw(parent->near); node;
	     node = rcu_dereference_raw(node->next))
		if (node_is(node, level))
			break;
	return node;
}

#endif /* _MQTT_TRIE_NODE_H */
