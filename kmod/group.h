/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Groups of shared subscriptions (MQTT 5.0 4.8.2): of each message one member gets
 * a copy.
 */
#ifndef _MQTT_GROUP_H
#define _MQTT_GROUP_H

#include <linux/rhashtable-types.h>
#include <linux/types.h>

#include "sub.h"

struct mqtt_peer;
struct mqtt_route;
struct mqtt_router;

/* Members by index, with room for more. */
struct mqtt_group_members {
	struct rcu_head rcu;
	u32 room;
	struct mqtt_peer_sub *at[];
};

/**
 * struct mqtt_group - a group
 * @entry: its place in the topic table; its @rcu frees the group
 * @node: in @router->groups
 * @members: them
 * @n: how many
 * @number: tells it from others
 * @name_len: bytes at @name
 * @name: ShareName
 *
 * It begins with its first member and ends with its last one. Changed under the
 * router's lock, read under RCU.
 */
struct mqtt_group {
	struct mqtt_peer_sub entry;
	struct rhash_head node;
	struct mqtt_group_members __rcu *members;
	u32 n;
	u32 number;
	u32 name_len;
	u8 name[];
};

int mqtt_groups_init(struct mqtt_router *router);
void mqtt_groups_destroy(struct mqtt_router *router);

struct mqtt_group *mqtt_group_find(struct mqtt_router *router, const struct mqtt_sub_desc *desc);
struct mqtt_peer_sub *mqtt_group_member(struct mqtt_group *group, const struct mqtt_peer *peer);
int mqtt_group_join(struct mqtt_router *router, struct mqtt_peer_sub *sub,
		    const struct mqtt_sub_desc *desc);
void mqtt_group_leave(struct mqtt_peer_sub *sub);

/* Members of all groups that a message may ask beyond the first few for each of its parts. */
#define MQTT_GROUP_PROBES_MORE	4096
/* Steps that their sets of rules may take; then one member is asked for each part. */
#define MQTT_GROUP_STEPS	65536

/* group_deliver.c */
void mqtt_group_deliver(struct mqtt_route *route, struct mqtt_group *group);

#endif /* _MQTT_GROUP_H */
