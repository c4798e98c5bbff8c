// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The topic table: how it is made, and what changes it. trie_match.c reads it.
 *
 * A filter is a path of levels from the root. Subscriptions hang off the node
 * of their filter's last level. With a/b, a/#, a/+/c and a/0/c to a/999/c:
 *
 *	root
 *	 | near
 *	 a -------------------------------- far: in the hash table
 *	 | near                            .           .
 *	 b {a/b} --> # {a/#} --> + --> 0   1    ...   999
 *	                         |     |   |           |
 *	                         c     c   c           c {a/999/c}
 *	                    {a/+/c}
 *
 * A node knows its parent. The way down is one of two:
 *
 *  - near: a list of both wildcard children and a few of the others. Most nodes
 *    have only few, and these are found without hashing anything;
 *  - far: all other children, in one hash table for the whole trie, keyed by
 *    (parent, level). A node's hash mixes its parent's with a keyed hash of the
 *    level, so who doesn't know the key cannot aim at a bucket.
 *
 * A node is near or far for life, so one link serves for both, and is removed
 * as soon as nothing needs it.
 *
 *
 * Readers against writers
 *
 * Writers are serialised. Readers are in one RCU read-side critical section for
 * a whole match and its found() calls.
 *
 *  - A node is complete before it is published, and then only its lists, its
 *    link and its flags `below` change.
 *  - A node is freed a grace period after it was unlinked, and it is unlinked
 *    only when it has no children. A reader on node N began before N was
 *    unlinked, hence before N's parent was (it had N till then), and so on up:
 *    every parent on its way back is good, also of removed nodes. A removed
 *    node keeps its link, so a reader on it goes on: what it reaches was still
 *    linked when N was unlinked or came later, so it is good until this reader
 *    ends.
 *  - Resizing moves nodes from the old table to the new, always the last one of
 *    a chain, always first into the new chain and then out of the old one:
 *
 *	old  -> A -> B -> C		old  -> A -> B
 *	new  -> D			new  -> C -> D
 *
 *    A reader that is on C meanwhile continues at D, which does no harm (keys
 *    are compared) and skips nothing, as C was last. One that finds nothing in
 *    the old chain looks into the new table *afterwards*, so it sees each node
 *    in one of them. The replaced table is empty, knows its successor and is
 *    freed after a grace period, so a reader that still comes to it finds its
 *    way. One link per node is enough, nobody waits for readers, and a resize
 *    is spread over the adds and dels that follow.
 *
 *
 * Sizes on 64-bit machines: a node takes 56 bytes and its level rounded up to
 * 8, so 64 with a level of up to 8 bytes, 96 with up to 40; the hash table 8 to
 * 16 bytes for each far node, or up to 64 when most of a large trie was deleted.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "trie_node.h"

#define TABLE_MIN	512u		/* bytes, powers of two */
#define TABLE_MAX	0x20000000u
#define TABLE_STEP	1024u		/* buckets moved per add or del */
#define NEAR_MAX	2		/* literal children on a node's own list */

/* Writers only, whose lock is the caller's */
#define writer_dereference(p)	rcu_dereference_protected(p, true)

/* --- nodes ---------------------------------------------------------------- */

static bool level_is(const struct level *level, u8 c)
{
	return level->word == c && level->len == 1;
}

/* Writers. The child of @parent that a filter's @level leads to, or NULL */
static struct mqtt_trie_node *
filter_child(const struct mqtt_trie *trie, const struct mqtt_trie_node *parent,
	     struct level *level)
{
	struct mqtt_trie_node *node = near_child(parent, level);

	if (!node && parent->nfar)
		node = far_child(trie, parent, level);
	return node;
}

static struct mqtt_trie_node *node_alloc(size_t len)
{
	size_t room = (len ? len + 7 : 8) & ~(size_t)7;
	struct mqtt_trie_node *node;

	node = kzalloc(struct_size(node, level, room), GFP_KERNEL_ACCOUNT);
	if (node)
		node->len = len;
	return node;
}

/* Tell readers what children @node has now */
static void node_below(struct mqtt_trie_node *node)
{
	struct mqtt_trie_node *near;
	u8 below = 0;

	if (node->nnear)
		below |= BELOW_NEAR;
	if (node->nfar)
		below |= BELOW_FAR;
	for (near = writer_dereference(node->near); near; near = writer_dereference(near->next))
		if (near->kind != NODE_NEAR)
			below |= BELOW_WILD;
	WRITE_ONCE(node->below, below);
}

/* Return: a new, published child of @parent; NULL without memory */
static struct mqtt_trie_node *
node_new(struct mqtt_trie *trie, struct mqtt_trie_node *parent, struct level *level)
{
	struct mqtt_trie_node __rcu **link = &parent->near;
	struct mqtt_trie_table *table;
	struct mqtt_trie_node *node;

	node = node_alloc(level->len);
	if (!node)
		return NULL;
	memcpy(node->level, level->text, level->len);
	node->parent = parent;
	node->hash = level_hash(trie, parent, level);
	if (level_is(level, '+')) {
		node->kind = NODE_PLUS;
	} else if (level_is(level, '#')) {
		node->kind = NODE_HASH;
	} else if (parent->nnear < NEAR_MAX) {
		parent->nnear++;
	} else {
		table = writer_dereference(trie->table);
		if (rcu_access_pointer(table->newer))
			table = writer_dereference(table->newer);
		link = &table->bucket[bucket_index(table, node->hash)];
		node->kind = NODE_FAR;
		parent->nfar++;
		trie->far++;
	}
	RCU_INIT_POINTER(node->next, writer_dereference(*link));
	rcu_assign_pointer(*link, node);
	node_below(parent);
	trie->nodes++;
	return node;
}

/* Take @node out of the chain at @link, where it may not be */
static bool chain_unlink(struct mqtt_trie_node __rcu **link, struct mqtt_trie_node *node)
{
	struct mqtt_trie_node *pos;

	for (; (pos = writer_dereference(*link)); link = &pos->next) {
		if (pos == node) {
			rcu_assign_pointer(*link, writer_dereference(node->next));
			return true;
		}
	}
	return false;
}

static void node_unlink(struct mqtt_trie *trie, struct mqtt_trie_node *node)
{
	struct mqtt_trie_node *parent = node->parent;
	struct mqtt_trie_table *table;

	trie->nodes--;
	if (node->kind == NODE_FAR) {
		for (table = writer_dereference(trie->table); table;
		     table = writer_dereference(table->newer))
			if (chain_unlink(&table->bucket[bucket_index(table, node->hash)], node))
				break;
		trie->far--;
		parent->nfar--;
	} else {
		chain_unlink(&parent->near, node);
		if (node->kind == NODE_NEAR)
			parent->nnear--;
	}
	node_below(parent);
}

/* What a match began to find before this is no longer what there is */
static void generation_next(struct mqtt_trie *trie)
{
	/* pairs with smp_load_acquire() in mqtt_trie_generation() */
	smp_store_release(&trie->generation, trie->generation + 1);
}

/* Remove @node and the nodes above it as far as nothing needs them */
static void node_prune(struct mqtt_trie *trie, struct mqtt_trie_node *node)
{
	while (node->parent && !node->nsubs && !node->nfar &&
	       !rcu_access_pointer(node->near)) {
		struct mqtt_trie_node *parent = node->parent;

		node_unlink(trie, node);
		/* after the last to find it, before the first that it is not kept for */
		generation_next(trie);
		kfree_rcu(node, rcu);
		node = parent;
	}
}

/* --- the hash table ------------------------------------------------------- */

static struct mqtt_trie_table *table_alloc(size_t bytes)
{
	struct mqtt_trie_table *table;

	table = kvzalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (table)
		table->size = (bytes - sizeof(*table)) / sizeof(table->bucket[0]);
	return table;
}

static size_t table_bytes(const struct mqtt_trie_table *table)
{
	return struct_size(table, bucket, table->size);
}

/* See "Readers against writers" on top */
static void bucket_move(struct mqtt_trie_node __rcu **from, struct mqtt_trie_table *to)
{
	struct mqtt_trie_node __rcu **link, **head;
	struct mqtt_trie_node *node, *next;

	while ((node = writer_dereference(*from))) {
		for (link = from; (next = writer_dereference(node->next)); node = next)
			link = &node->next;
		head = &to->bucket[bucket_index(to, node->hash)];
		rcu_assign_pointer(node->next, writer_dereference(*head));
		rcu_assign_pointer(*head, node);
		/* pairs with smp_rmb() in far_child() */
		smp_wmb();
		RCU_INIT_POINTER(*link, NULL);
	}
}

static void table_move(struct mqtt_trie *trie, struct mqtt_trie_table *table,
		       struct mqtt_trie_table *newer)
{
	u32 end = min(table->moved + TABLE_STEP, table->size);

	while (table->moved < end)
		bucket_move(&table->bucket[table->moved++], newer);
	if (end == table->size) {
		rcu_assign_pointer(trie->table, newer);
		trie->grow_at = newer->size;
		kvfree_rcu(table, rcu);
	}
}

/*
 * Keep the chains short and the table small, a bit with every add and del. To
 * stay as it is for want of memory is no error.
 */
static void table_adapt(struct mqtt_trie *trie)
{
	struct mqtt_trie_table *table = writer_dereference(trie->table);
	struct mqtt_trie_table *newer = writer_dereference(table->newer);
	size_t bytes = table_bytes(table);

	if (!newer) {
		if (trie->far > trie->grow_at && bytes < TABLE_MAX)
			bytes *= 2;
		else if (trie->far < table->size / 8 && bytes > TABLE_MIN)
			bytes /= 2;
		else
			return;
		newer = table_alloc(bytes);
		if (!newer) {
			/* trying is not for free either */
			if (trie->far > trie->grow_at)
				trie->grow_at += trie->grow_at / 4;
			return;
		}
		rcu_assign_pointer(table->newer, newer);
	}
	table_move(trie, table, newer);
}

/* --- what others call ----------------------------------------------------- */

/**
 * mqtt_trie_init() - make an empty topic table
 * @trie: uninitialised memory
 *
 * Context: process; may sleep.
 * Return: 0, or -ENOMEM, and then @trie needs no mqtt_trie_destroy().
 */
int mqtt_trie_init(struct mqtt_trie *trie)
{
	struct mqtt_trie_table *table;

	memset(trie, 0, sizeof(*trie));
	get_random_bytes(&trie->key, sizeof(trie->key));
	trie->root = node_alloc(0);
	if (!trie->root)
		return -ENOMEM;
	table = table_alloc(TABLE_MIN);
	if (!table) {
		kfree(trie->root);
		return -ENOMEM;
	}
	trie->grow_at = table->size;
	RCU_INIT_POINTER(trie->table, table);
	return 0;
}

/* Free @top and all that is below it over lists only, not the hash table */
static void node_free_near(struct mqtt_trie_node *top)
{
	struct mqtt_trie_node *node = top, *child;

	for (;;) {
		child = writer_dereference(node->near);
		if (child) {
			RCU_INIT_POINTER(node->near, writer_dereference(child->next));
			node = child;
			continue;
		}
		child = node;
		node = node->parent;
		kfree(child);
		if (child == top)
			break;
	}
}

/**
 * mqtt_trie_destroy() - free a topic table
 * @trie: no reader is in it or will come: a grace period has passed since the
 *	  last one could find it
 *
 * Subscriptions that are still in the table stay the caller's and must not be
 * passed to any function here any more.
 *
 * Context: process; may sleep. Writers excluded.
 */
void mqtt_trie_destroy(struct mqtt_trie *trie)
{
	struct mqtt_trie_table *table = writer_dereference(trie->table);

	while (table) {
		struct mqtt_trie_table *newer = writer_dereference(table->newer);
		struct mqtt_trie_node *node, *next;
		u32 i;

		for (i = 0; i < table->size; i++) {
			for (node = writer_dereference(table->bucket[i]); node; node = next) {
				next = writer_dereference(node->next);
				node_free_near(node);
			}
			cond_resched();
		}
		kvfree(table);
		table = newer;
	}
	node_free_near(trie->root);
	memset(trie, 0, sizeof(*trie));
}

/**
 * mqtt_trie_lookup() - find where a filter's subscriptions are
 * @trie: topic table
 * @filter: valid topic filter
 * @len: bytes at @filter
 * @hash: result: the filter ends in '#'
 *
 * For a caller that looks for an existing subscription of the same owner in
 * mqtt_trie_node_list(). The node stays while a subscription is in its list
 * and the writers' lock is held.
 *
 * Context: writers' lock held, does not sleep. O(levels).
 * Return: the node, or NULL if there is no subscription to @filter nor to a
 * longer one.
 */
struct mqtt_trie_node *mqtt_trie_lookup(struct mqtt_trie *trie, const u8 *filter,
					size_t len, bool *hash)
{
	const u8 *text = filter, *end = filter + len;
	struct mqtt_trie_node *node = trie->root;
	struct level level;

	do {
		text = level_read(&level, text, end);
		node = filter_child(trie, node, &level);
	} while (node && text <= end);
	*hash = len && end[-1] == '#';
	return node;
}

/**
 * mqtt_trie_node_list() - the subscriptions at a node
 * @node: from mqtt_trie_lookup() or a &struct mqtt_sub
 *
 * Context: writers' lock held.
 * Return: list of &mqtt_sub.link
 */
struct hlist_head *mqtt_trie_node_list(struct mqtt_trie_node *node)
{
	return &node->subs;
}

/**
 * mqtt_trie_node_subs() - count the subscriptions at a node
 * @node: from mqtt_trie_lookup() or a &struct mqtt_sub
 *
 * Context: writers' lock held. O(1).
 * Return: length of mqtt_trie_node_list()
 */
unsigned int mqtt_trie_node_subs(const struct mqtt_trie_node *node)
{
	return node->nsubs;
}

/**
 * mqtt_trie_add() - add a subscription
 * @trie: topic table
 * @filter: valid topic filter (mqtt_topic_filter_valid()), copied
 * @len: bytes at @filter
 * @sub: the subscription, the table's until mqtt_trie_del(). That the same
 *	 owner has one already in the list is the caller's to find out
 *
 * Context: process, writers' lock held; may sleep. O(levels).
 * Return: 0, or -ENOMEM, and then the table is as it was.
 */
int mqtt_trie_add(struct mqtt_trie *trie, const u8 *filter, size_t len, struct mqtt_sub *sub)
{
	struct mqtt_trie_node *node = trie->root, *child;
	const u8 *text = filter, *end = filter + len;
	struct level level;

	do {
		text = level_read(&level, text, end);
		child = filter_child(trie, node, &level);
		if (!child)
			child = node_new(trie, node, &level);
		if (!child) {
			node_prune(trie, node);
			return -ENOMEM;
		}
		node = child;
		cond_resched();
	} while (text <= end);

	sub->node = node;
	sub->hash = node->kind == NODE_HASH;
	hlist_add_head_rcu(&sub->link, &node->subs);
	node->nsubs++;
	trie->subs++;
	generation_next(trie);
	table_adapt(trie);
	return 0;
}

/**
 * mqtt_trie_del() - remove a subscription
 * @trie: topic table
 * @sub: the subscription, which mqtt_trie_add() added. The caller's again, but
 *	 readers may be on it for a grace period from now
 *
 * Context: process, writers' lock held; may sleep. O(levels).
 */
void mqtt_trie_del(struct mqtt_trie *trie, struct mqtt_sub *sub)
{
	struct mqtt_trie_node *node = sub->node;

	hlist_del_rcu(&sub->link);
	node->nsubs--;
	trie->subs--;
	node_prune(trie, node);
	generation_next(trie);
	table_adapt(trie);
}

/**
 * mqtt_trie_filter() - write down the filter of a subscription
 * @sub: a subscription in a table
 * @buf: room for the text, which gets no NUL behind it
 * @size: bytes at @buf, may be 0
 *
 * Context: writers' lock held. O(filter length).
 * Return: length of the filter; if that is more than @size, @buf holds what
 * fits of its beginning.
 */
size_t mqtt_trie_filter(const struct mqtt_sub *sub, u8 *buf, size_t size)
{
	const struct mqtt_trie_node *node;
	size_t len = 0, pos;

	/* each level and the slash before it, which the first has not */
	for (node = sub->node; node->parent; node = node->parent)
		len += node->len + 1;
	len--;

	pos = len;
	for (node = sub->node; node->parent; node = node->parent) {
		pos -= node->len;
		if (pos < size)
			memcpy(buf + pos, node->level, min_t(size_t, node->len, size - pos));
		if (pos && --pos < size)
			buf[pos] = '/';
	}
	return len;
}
