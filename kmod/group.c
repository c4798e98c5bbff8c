// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups of shared subscriptions: who is in them.
 *
 * The array of members changes while softirqs read it, in ways that do not matter
 * to them: a new member is behind the last one before the count says so; where
 * one has left the last one comes in its place before the count says less. Who
 * reads an old count finds a member that is still there for a grace period.
 */
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>

#include "group.h"
#include "peer.h"
#include "router.h"

#define MQTT_GROUP_ROOM_MIN	4

/* What groups are told apart by. */
struct mqtt_group_key {
	const struct mqtt_trie_node *node;
	const u8 *name;
	u32 name_len;
	bool hash;
};

static struct mqtt_group_key mqtt_group_key(const struct mqtt_group *group)
{
	return (struct mqtt_group_key){
		.node = group->entry.trie.node,
		.name = group->name,
		.name_len = group->name_len,
		.hash = group->entry.trie.hash,
	};
}

static u32 mqtt_group_hash(const void *data, u32 len, u32 seed)
{
	const struct mqtt_group_key *key = data;

	return jhash(key->name, key->name_len, hash_ptr(key->node, 32) ^ seed);
}

static u32 mqtt_group_obj_hash(const void *data, u32 len, u32 seed)
{
	struct mqtt_group_key key = mqtt_group_key(data);

	return mqtt_group_hash(&key, len, seed);
}

/* 0 if they are the same */
static int mqtt_group_compare(struct rhashtable_compare_arg *arg, const void *obj)
{
	struct mqtt_group_key is = mqtt_group_key(obj);
	const struct mqtt_group_key *key = arg->key;

	return is.node != key->node || is.hash != key->hash || is.name_len != key->name_len ||
	       memcmp(is.name, key->name, is.name_len);
}

static const struct rhashtable_params mqtt_group_params = {
	.head_offset = offsetof(struct mqtt_group, node),
	.key_len = sizeof(struct mqtt_group_key),
	.hashfn = mqtt_group_hash,
	.obj_hashfn = mqtt_group_obj_hash,
	.obj_cmpfn = mqtt_group_compare,
	.automatic_shrinking = true,
};

/**
 * mqtt_groups_init() - make a new router's table of groups
 * @router: router
 *
 * Return: 0 or -ENOMEM.
 */
int mqtt_groups_init(struct mqtt_router *router)
{
	return rhashtable_init(&router->groups, &mqtt_group_params);
}

/**
 * mqtt_groups_destroy() - free the table
 * @router: router; no group is left
 *
 * Context: may sleep.
 */
void mqtt_groups_destroy(struct mqtt_router *router)
{
	rhashtable_destroy(&router->groups);
}

/**
 * mqtt_group_find() - look a group up
 * @router: router; its lock is held, and protects the result
 * @desc: with filter and name
 *
 * Return: the group or NULL.
 */
struct mqtt_group *mqtt_group_find(struct mqtt_router *router, const struct mqtt_sub_desc *desc)
{
	struct mqtt_group_key key = { .name = desc->group, .name_len = desc->group_len };

	key.node = mqtt_trie_lookup(&router->trie, desc->filter, desc->len, &key.hash);
	if (!key.node)
		return NULL;
	return rhashtable_lookup_fast(&router->groups, &key, mqtt_group_params);
}

static struct mqtt_group_members *mqtt_group_members(const struct mqtt_group *group)
{
	/* The router's lock is held. */
	return rcu_dereference_protected(group->members, true);
}

/**
 * mqtt_group_member() - a peer's subscription in a group
 * @group: group; its router's lock is held
 * @peer: peer
 *
 * Return: the subscription, or NULL if it is no member. O(members).
 */
struct mqtt_peer_sub *mqtt_group_member(struct mqtt_group *group, const struct mqtt_peer *peer)
{
	struct mqtt_group_members *members = mqtt_group_members(group);
	u32 i;

	for (i = 0; i < group->n; i++)
		if (members->at[i]->peer == peer)
			return members->at[i];
	return NULL;
}

static struct mqtt_group_members *mqtt_group_members_alloc(u32 room)
{
	struct mqtt_group_members *members;

	members = kvmalloc(struct_size(members, at, room), GFP_KERNEL_ACCOUNT);
	if (members)
		members->room = room;
	return members;
}

static struct mqtt_group *mqtt_group_alloc(const struct mqtt_sub_desc *desc)
{
	struct mqtt_group_members *members;
	struct mqtt_group *group;

	group = kzalloc(struct_size(group, name, desc->group_len), GFP_KERNEL_ACCOUNT);
	if (!group)
		return NULL;
	members = mqtt_group_members_alloc(MQTT_GROUP_ROOM_MIN);
	if (!members) {
		kfree(group);
		return NULL;
	}
	RCU_INIT_POINTER(group->members, members);
	group->entry.how = MQTT_SUB_GROUP;
	group->name_len = desc->group_len;
	memcpy(group->name, desc->group, desc->group_len);
	return group;
}

/* Without members; whoever found it in the topic table may still be on it. */
static void mqtt_group_free(struct mqtt_group *group)
{
	kvfree_rcu(mqtt_group_members(group), rcu);
	kfree_rcu(group, entry.rcu);
}

static struct mqtt_group *mqtt_group_new(struct mqtt_router *router,
					 const struct mqtt_sub_desc *desc)
{
	struct mqtt_group *group = mqtt_group_alloc(desc);

	if (!group)
		return NULL;
	group->number = router->next_group++;
	if (mqtt_trie_add(&router->trie, desc->filter, desc->len, &group->entry.trie))
		goto err_trie;
	if (rhashtable_insert_fast(&router->groups, &group->node, mqtt_group_params))
		goto err_table;
	return group;

err_table:
	mqtt_trie_del(&router->trie, &group->entry.trie);
err_trie:
	mqtt_group_free(group);
	return NULL;
}

static void mqtt_group_end(struct mqtt_router *router, struct mqtt_group *group)
{
	rhashtable_remove_fast(&router->groups, &group->node, mqtt_group_params);
	mqtt_trie_del(&router->trie, &group->entry.trie);
	mqtt_group_free(group);
}

static bool mqtt_group_grow(struct mqtt_group *group)
{
	struct mqtt_group_members *old = mqtt_group_members(group), *new;

	new = mqtt_group_members_alloc(old->room * 2);
	if (!new)
		return false;
	memcpy(new->at, old->at, group->n * sizeof(new->at[0]));
	rcu_assign_pointer(group->members, new);
	kvfree_rcu(old, rcu);
	return true;
}

/**
 * mqtt_group_join() - a member more
 * @router: router; its lock is held
 * @sub: new subscription of a peer that is no member yet
 * @desc: of which group, which is made if there is none
 *
 * Return: 0 or -ENOMEM.
 */
int mqtt_group_join(struct mqtt_router *router, struct mqtt_peer_sub *sub,
		    const struct mqtt_sub_desc *desc)
{
	struct mqtt_group *group = mqtt_group_find(router, desc);

	if (!group)
		group = mqtt_group_new(router, desc);
	if (!group)
		return -ENOMEM;
	/* A new one has room. */
	if (group->n == mqtt_group_members(group)->room && !mqtt_group_grow(group))
		return -ENOMEM;
	sub->group = group;
	sub->place = group->n;
	WRITE_ONCE(mqtt_group_members(group)->at[group->n], sub);
	/* pairs with smp_load_acquire() in mqtt_group_deliver() */
	smp_store_release(&group->n, group->n + 1);
	return 0;
}

/**
 * mqtt_group_leave() - a member less
 * @sub: its subscription; the caller's again, but readers may be on it for a grace
 *	period from now
 *
 * Context: its router's lock is held.
 */
void mqtt_group_leave(struct mqtt_peer_sub *sub)
{
	struct mqtt_group *group = sub->group;
	struct mqtt_group_members *members = mqtt_group_members(group);
	struct mqtt_peer_sub *last = members->at[group->n - 1];

	last->place = sub->place;
	WRITE_ONCE(members->at[sub->place], last);
	/* pairs with smp_load_acquire() in mqtt_group_deliver() */
	smp_store_release(&group->n, group->n - 1);
	if (!group->n)
		mqtt_group_end(sub->peer->router, group);
}
