// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Matching a topic: what the hot path reads of the topic table (trie.c).
 *
 * It walks depth first: at each node the list of its "#" child matches (also when
 * the topic ends here: "a/#" matches "a"), then the way leads to the child with
 * the topic's next level, and later to the "+" child. There is no stack; the
 * way back is the parent pointers. `fork` is the least depth at which a "+" was
 * left for later: above it there is nothing to go back for, and where no filter
 * has a "+" nothing at all. That takes O(levels) time; at most 2^levels where
 * every level has both, hence the budget. It takes O(1) memory: the first
 * levels are remembered, those beyond are read again.
 */
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>

#include <mqtt/topic.h>

#include "trie_node.h"

#define LEVELS_KEPT	16u		/* of a topic, during a match */
#define BYTES_PER_VISIT	256u		/* of a long level */
#define NO_FORK		(~0u)

static struct mqtt_trie_node *
wild_child(const struct mqtt_trie_node *parent, enum node_kind kind)
{
	struct mqtt_trie_node *node;

	for (node = rcu_dereference_raw(parent->near); node;
	     node = rcu_dereference_raw(node->next))
		if (node->kind == kind)
			break;
	return node;
}

/*
 * A topic in its levels. Those beyond LEVELS_KEPT share the last entry, which
 * moves to and fro.
 * @end: of the topic
 * @levels: how many there are
 * @last: which one is in the last entry
 */
struct walk {
	const u8 *end;
	unsigned int levels;
	unsigned int last;
	struct level level[LEVELS_KEPT + 1];
};

static void walk_split(struct walk *walk, const u8 *topic, size_t len)
{
	const u8 *text = topic;
	unsigned int n = 0;

	walk->end = topic + len;
	do {
		text = level_read(&walk->level[n++], text, walk->end);
	} while (text <= walk->end && n <= LEVELS_KEPT);
	walk->levels = n;
	walk->last = LEVELS_KEPT;
	/* what is left may be one empty level, without a byte */
	if (text < walk->end)
		walk->levels += mqtt_topic_levels(text, walk->end - text);
	else if (text == walk->end)
		walk->levels++;
}

static struct level *walk_level(struct walk *walk, unsigned int depth)
{
	struct level *level = &walk->level[LEVELS_KEPT];
	const u8 *text;

	if (likely(depth < LEVELS_KEPT))
		return &walk->level[depth];
	while (walk->last < depth) {
		level_read(level, level->text + level->len + 1, walk->end);
		walk->last++;
	}
	while (walk->last > depth) {
		/* there is a slash on either side of what we look for */
		for (text = level->text - 1; text[-1] != '/'; text--)
			;
		level_read(level, text, walk->end);
		walk->last--;
	}
	return level;
}

static void report(const struct mqtt_trie_node *node,
		   void (*found)(void *ctx, const struct hlist_head *subs), void *ctx)
{
	if (node && !hlist_empty(&node->subs))
		found(ctx, &node->subs);
}

/**
 * mqtt_trie_match_within() - find the subscriptions to a topic
 * @trie: topic table
 * @topic: valid topic name (mqtt_topic_name_valid())
 * @len: bytes at @topic
 * @budget: how many nodes may be visited, the root included. A level counts as
 *	    one more for each full 256 bytes. Result: what is left of it
 * @found: called once for each filter that matches and has subscriptions, to
 *	   walk @subs with hlist_for_each_entry_rcu(sub, subs, link). It must
 *	   not sleep
 * @ctx: handed to @found
 *
 * '+' and '#' at the beginning of a filter match no topic that begins with '$'
 * [MQTT-4.7.2-1].
 *
 * A subscription that is added or removed meanwhile is found or not; a list
 * may turn out empty.
 *
 * Context: any, RCU read lock held. Neither allocates nor sleeps.
 * Return: 0, or -E2BIG when @budget ended the search early: @found was called
 * for what had been found till then.
 */
int mqtt_trie_match_within(const struct mqtt_trie *trie, const u8 *topic, size_t len,
			   unsigned int *budget,
			   void (*found)(void *ctx, const struct hlist_head *subs), void *ctx)
{
	const struct mqtt_trie_node *node = trie->root, *child, *plus;
	unsigned int depth = 0, fork = NO_FORK, left = *budget, below, visits;
	struct level *level;
	struct walk walk;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "topic match without rcu_read_lock()");
	walk_split(&walk, topic, len);
	*budget = 0;
	if (!left--)
		return -E2BIG;
	below = READ_ONCE(node->below);
	if (topic[0] == '$')
		below &= ~BELOW_WILD;

	for (;;) {
		child = NULL;
		if (below & BELOW_WILD)
			report(wild_child(node, NODE_HASH), found, ctx);
		if (depth == walk.levels) {
			report(node, found, ctx);
		} else if (below) {
			level = walk_level(&walk, depth);
			visits = level->len / BYTES_PER_VISIT;
			if (unlikely(visits)) {
				if (left < visits)
					return -E2BIG;
				left -= visits;
			}
			if (below & BELOW_NEAR)
				child = near_child(node, level);
			if (!child && below & BELOW_FAR)
				child = far_child(trie, node, level);
			if (below & BELOW_WILD) {
				plus = wild_child(node, NODE_PLUS);
				if (!child)
					child = plus;
				else if (plus)
					fork = min(fork, depth);
			}
		}

		/* back to where a "+" was left for later */
		while (!child) {
			if (fork == NO_FORK) {
				*budget = left;
				return 0;
			}
			if (node->kind != NODE_PLUS)
				child = wild_child(node->parent, NODE_PLUS);
			node = node->parent;
			if (--depth == fork)
				fork = NO_FORK;
		}
		if (!left--)
			return -E2BIG;
		node = child;
		depth++;
		below = READ_ONCE(node->below);
	}
}
