// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The topic table.
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
 * Matching
 *
 * walks depth first: at each node the list of its "#" child matches (also when
 * the topic ends here: "a/#" matches "a"), then the way leads to the child with
 * the topic's next level, and later to the "+" child. There is no stack; the
 * way back is the parent pointers. `fork` is the least depth at which a "+" was
 * left for later: above it there is nothing to go back for, and where no filter
 * has a "+" nothing at all. That takes O(levels) time; at most 2^levels where
 * every level has both, hence the budget. It takes O(1) memory: the first
 * levels are remembered, those beyond are read again.
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
#include <mqtt/topic.h>
#include <mqtt/trie.h>
#include <mqtt/word.h>

#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>

#define TABLE_MIN	512u		/* bytes, powers of two */
#define TABLE_MAX	0x20000000u
#define TABLE_STEP	1024u		/* buckets moved per add or del */
#define NEAR_MAX	2		/* literal children on a node's own list */
#define LEVELS_KEPT	16u		/* of a topic, during a match */
#define BYTES_PER_VISIT	256u		/* of a long level */
#define NO_FORK		(~0u)

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

/*
 * A level of a topic or filter.
 * @word: its first eight bytes, zeros behind a shorter one
 * @hash: of the text; 0 if not computed yet
 */
struct level {
	u64 word;
	const u8 *text;
	u32 len;
	u32 hash;
};

/* Writers only, whose lock is the caller's */
#define writer_dereference(p)	rcu_dereference_protected(p, true)

/* --- levels --------------------------------------------------------------- */

/* The end of a level of eight bytes or more */
static const u8 *level_end(const u8 *text, const u8 *end)
{
	for (text += 8; end - text >= 8; text += 8) {
		u64 slash = mqtt_word_zeros(mqtt_word_load(text) ^ MQTT_WORD_REPEAT('/'));

		if (slash)
			return text + __builtin_ctzll(slash) / 8;
	}
	while (text < end && *text != '/')
		text++;
	return text;
}

/*
 * Read the level that begins at @text in a topic or filter that ends at @end.
 * Return: where the next one begins, which is behind @end after the last.
 */
static const u8 *level_read(struct level *level, const u8 *text, const u8 *end)
{
	size_t left = end - text;
	u64 word, slash;

	word = left < 8 ? mqtt_word_load_part(text, left) : mqtt_word_load(text);
	slash = mqtt_word_zeros(word ^ MQTT_WORD_REPEAT('/'));
	level->text = text;
	level->hash = 0;
	if (slash) {
		level->len = __builtin_ctzll(slash) / 8;
		word &= (slash ^ (slash - 1)) >> 8;	/* what is below the slash */
	} else if (left < 8) {
		level->len = left;
	} else {
		level->len = level_end(text, end) - text;
	}
	level->word = word;
	return text + level->len + 1;
}

static bool level_is(const struct level *level, u8 c)
{
	return level->word == c && level->len == 1;
}

/* The hash of the child of @parent at @level */
static u32 level_hash(const struct mqtt_trie *trie, const struct mqtt_trie_node *parent,
		      struct level *level)
{
	if (!level->hash)
		level->hash = hsiphash(level->text, level->len, &trie->key);
	return parent->hash * 0x9e3779b1u + level->hash;
}

static u32 bucket_index(const struct mqtt_trie_table *table, u32 hash)
{
	return (u64)hash * table->size >> 32;
}

/* --- nodes ---------------------------------------------------------------- */

static bool node_is(const struct mqtt_trie_node *node, const struct level *level)
{
	if (mqtt_word_load(node->level) != level->word || node->len != level->len)
		return false;
	return level->len <= 8 || !memcmp(node->level + 8, level->text + 8, level->len - 8);
}

/* Readers and writers */
static struct mqtt_trie_node *
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
static struct mqtt_trie_node *
near_child(const struct mqtt_trie_node *parent, const struct level *level)
{
	struct mqtt_trie_node *node;

	for (node = rcu_dereference_raw(parent->near); node;
	     node = rcu_dereference_raw(node->next))
		if (node_is(node, level))
			break;
	return node;
}

/* Readers */
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

/* --- for writers ---------------------------------------------------------- */

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

/* --- for readers ---------------------------------------------------------- */

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
 * mqtt_trie_match() - find the subscriptions to a topic
 * @trie: topic table
 * @topic: valid topic name (mqtt_topic_name_valid())
 * @len: bytes at @topic
 * @budget: how many nodes may be visited, the root included. A level counts as
 *	    one more for each full 256 bytes
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
int mqtt_trie_match(const struct mqtt_trie *trie, const u8 *topic, size_t len,
		    unsigned int budget,
		    void (*found)(void *ctx, const struct hlist_head *subs), void *ctx)
{
	const struct mqtt_trie_node *node = trie->root, *child, *plus;
	unsigned int depth = 0, fork = NO_FORK, below, visits;
	struct level *level;
	struct walk walk;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "topic match without rcu_read_lock()");
	walk_split(&walk, topic, len);
	if (!budget--)
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
				if (budget < visits)
					return -E2BIG;
				budget -= visits;
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
			if (fork == NO_FORK)
				return 0;
			if (node->kind != NODE_PLUS)
				child = wild_child(node->parent, NODE_PLUS);
			node = node->parent;
			if (--depth == fork)
				fork = NO_FORK;
		}
		if (!budget--)
			return -E2BIG;
		node = child;
		depth++;
		below = READ_ONCE(node->below);
	}
}
