/* SPDX-License-Identifier: MIT */
/*
 * A hash table of nodes that are embedded in the objects they find. It grows
 * with its content, never shrinks, owns nothing but its array, and does not
 * lock. Hashing and comparing are the caller's.
 */
#ifndef MQTT_LIB_HASH_H
#define MQTT_LIB_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
};

/* All zero is an empty table. */
struct hash_table {
	struct hash_node **buckets;
	size_t mask;
	size_t count;
};

/* Returns 0, or -ENOMEM when the first node finds no memory for a table. */
int hash_add(struct hash_table *table, struct hash_node *node, uint64_t hash);
void hash_del(struct hash_table *table, struct hash_node *node);

/* First node of @hash, then the following ones; NULL at the end. */
struct hash_node *hash_first(const struct hash_table *table, uint64_t hash);
struct hash_node *hash_next(const struct hash_node *node);

/* Calls @visit for each node, in no order, until it returns something; returns that. */
int hash_visit(const struct hash_table *table, int (*visit)(struct hash_node *node, void *ctx),
	       void *ctx);

/**
 * hash_scan() - visit all nodes in steps, between which the table may change
 * @table: of which
 * @cursor: 0 to begin with, and then what the last step has returned
 * @visit: called with each node of this step; may not change the table
 * @ctx: for @visit
 *
 * A step visits one bucket: a node or two. Nodes that are there all the time are
 * visited once, also if the table grows; others once or not.
 *
 * Return: where the next step begins; 0: that was the last one.
 */
size_t hash_scan(const struct hash_table *table, size_t cursor,
		 void (*visit)(struct hash_node *node, void *ctx), void *ctx);

/* Empties the table, frees its array and calls @drop for each node, which may free it. */
void hash_clear(struct hash_table *table, void (*drop)(struct hash_node *node, void *ctx),
		void *ctx);

#endif /* MQTT_LIB_HASH_H */
