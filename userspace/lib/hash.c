// SPDX-License-Identifier: MIT
/*
 * A growing hash table with chained, embedded nodes.
 */
#include <errno.h>
#include <stdlib.h>

#include "hash.h"

#define BUCKETS_MIN 8
/* Nodes per bucket before there are more: tables take 4 to 8 bytes per node. */
#define LOAD_MAX 2

static struct hash_node **bucket(const struct hash_table *table, uint64_t hash)
{
	return &table->buckets[hash & table->mask];
}

static void link_node(struct hash_table *table, struct hash_node *node)
{
	struct hash_node **head = bucket(table, node->hash);

	node->next = *head;
	*head = node;
}

static int grow(struct hash_table *table)
{
	size_t n = table->buckets ? 2 * (table->mask + 1) : BUCKETS_MIN, i;
	struct hash_table bigger = { .mask = n - 1, .count = table->count };
	struct hash_node *node, *next;

	bigger.buckets = calloc(n, sizeof(*bigger.buckets));
	if (!bigger.buckets)
		return -ENOMEM;
	for (i = 0; table->buckets && i <= table->mask; i++) {
		for (node = table->buckets[i]; node; node = next) {
			next = node->next;
			link_node(&bigger, node);
		}
	}
	free(table->buckets);
	*table = bigger;
	return 0;
}

/* A table that cannot grow still works, only slower. */
int hash_add(struct hash_table *table, struct hash_node *node, uint64_t hash)
{
	if (!table->buckets || table->count >= LOAD_MAX * (table->mask + 1)) {
		int err = grow(table);

		if (err && !table->buckets)
			return err;
	}
	node->hash = hash;
	link_node(table, node);
	table->count++;
	return 0;
}

void hash_del(struct hash_table *table, struct hash_node *node)
{
	struct hash_node **link = bucket(table, node->hash);

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
	table->count--;
}

static struct hash_node *find(struct hash_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct hash_node *hash_first(const struct hash_table *table, uint64_t hash)
{
	return table->buckets ? find(*bucket(table, hash), hash) : NULL;
}

struct hash_node *hash_next(const struct hash_node *node)
{
	return find(node->next, node->hash);
}

int hash_visit(const struct hash_table *table, int (*visit)(struct hash_node *node, void *ctx),
	       void *ctx)
{
	const struct hash_node *node;
	int ret = 0;
	size_t i;

	for (i = 0; table->buckets && i <= table->mask && !ret; i++)
		for (node = table->buckets[i]; node && !ret; node = node->next)
			ret = visit((struct hash_node *)node, ctx);
	return ret;
}

/*
 * Adds one to @cursor's bits under @mask as if the highest were the lowest: when the
 * table grows a bucket's nodes go to those that begin with the same lower bits, and these
 * follow one another in this order.
 */
static size_t next_bucket(size_t cursor, size_t mask)
{
	size_t bit = (mask + 1) / 2;

	while (bit && cursor & bit) {
		cursor &= ~bit;
		bit /= 2;
	}
	return bit ? cursor | bit : 0;
}

size_t hash_scan(const struct hash_table *table, size_t cursor,
		 void (*visit)(struct hash_node *node, void *ctx), void *ctx)
{
	struct hash_node *node;

	if (!table->buckets)
		return 0;
	cursor &= table->mask;
	for (node = table->buckets[cursor]; node; node = node->next)
		visit(node, ctx);
	return next_bucket(cursor, table->mask);
}

void hash_clear(struct hash_table *table, void (*drop)(struct hash_node *node, void *ctx),
		void *ctx)
{
	struct hash_table old = *table;
	struct hash_node *node, *next;
	size_t i;

	*table = (struct hash_table){};
	for (i = 0; old.buckets && i <= old.mask; i++) {
		for (node = old.buckets[i]; node; node = next) {
			next = node->next;
			drop(node, ctx);
		}
	}
	free(old.buckets);
}
