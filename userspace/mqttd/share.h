/* SPDX-License-Identifier: MIT */
/*
 * Groups of shared subscriptions, MQTT 5.0 4.8.2: a message goes to one member.
 *
 * A group is in the trie at its filter, like a subscription. It begins with its
 * first member and ends with its last one. Who changes groups holds the route
 * table's lock; members are picked under RCU.
 */
#ifndef MQTTD_SHARE_H
#define MQTTD_SHARE_H

#include <stdbool.h>
#include <linux/siphash.h>

#include "subscription.h"

struct route_table;
struct share_members;

/**
 * struct share - a group
 * @rcu: frees it after readers of the trie are done
 * @entry: in the trie
 * @node: in the table of groups
 * @members: them, with room for more
 * @n: how many
 * @turn: who is next; any thread
 * @by_agent: the kernel's router does not have it, see subscribe_kernel_shares()
 * @len: bytes of @name
 * @name: "$share/NAME/FILTER", terminated
 */
struct share {
	struct rcu_head rcu;
	struct subscription entry;
	struct hash_node node;
	struct share_members *members;
	u32 n;
	u32 turn;
	bool by_agent;
	size_t len;
	char name[];
};

/* Groups by name, and how many members they have; all zero but @key is an empty one. */
struct share_table {
	struct hash_table by_name;
	size_t members;
	siphash_key_t key;
};

struct share *share_find(const struct share_table *table, const u8 *name, size_t len);

/*
 * The group of that name, made if there is none yet, as long as it gets a member.
 * NULL without memory.
 */
struct share *share_make(struct route_table *table, const u8 *name, size_t len);

/*
 * @sub joins: 0 or -ENOMEM. It leaves: and the group ends if it was the last one.
 * share_drop_empty() after a join that has failed.
 */
int share_join(struct route_table *table, struct share *share, struct subscription *sub);
void share_leave(struct route_table *table, struct subscription *sub);
void share_drop_empty(struct route_table *table, struct share *share);

/**
 * share_pick() - whose turn it is
 * @share: under RCU
 * @except: a session that does not get it, or NULL
 *
 * In turn those who are connected and have room, or else are connected, or else
 * anybody whose session has not ended. Of a large group only some are looked at.
 *
 * Return: a member, or NULL if there is none.
 */
struct subscription *share_pick(struct share *share, const struct session *except);

#endif /* MQTTD_SHARE_H */
