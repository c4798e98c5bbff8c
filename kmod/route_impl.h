/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One message on its way to its receivers, for the files that give it to them.
 */
#ifndef _MQTT_ROUTE_IMPL_H
#define _MQTT_ROUTE_IMPL_H

#include "acl_ask.h"
#include "copy.h"
#include "route.h"

/* Lists that are kept in mind before the first is delivered to. */
#define MQTT_ROUTE_LISTS	16
/* To write a message anew, in receivers. */
#define MQTT_ROUTE_WRITE_COST	16

/**
 * struct mqtt_route - a message and what has become of it
 * @router: whose topic table
 * @in: the message
 * @twin: framed as @in->msg is not, or NULL
 * @twin_tried: it was tried to make it
 * @pick: short packets of @pick_of, or NULL
 * @pick_of: train that was too long for somebody
 * @pick_max: bytes of the longest packet that was wanted
 * @pick_packets: packets in @pick
 * @special: what of a subscription or a peer is special for this message:
 *	all of MQTT_SUB_*, but retain-as-published only if it has RETAIN
 * @stamp: number of the message on this CPU; 0: only one list matches
 * @receivers: how many it was for; a group counts for each member that has a share
 * @cost: work beside them, each as much as for one
 * @group_more: members that groups may ask still, beyond the first few
 * @group_steps: of sets of rules, that members of groups may take still
 * @acl: what the receivers' sets of rules have said
 * @copies: receivers whose copy is not as others'
 * @nr_lists: length of @lists
 * @lists: of subscriptions, not yet delivered to
 */
struct mqtt_route {
	struct mqtt_router *router;
	const struct mqtt_publication *in;
	struct mqtt_msg *twin;
	bool twin_tried;
	struct mqtt_msg *pick;
	const struct mqtt_msg *pick_of;
	u32 pick_max;
	u32 pick_packets;
	u32 special;
	u64 stamp;
	unsigned int receivers;
	unsigned int cost;
	u32 group_more;
	u32 group_steps;
	struct mqtt_acl_memo acl;
	struct mqtt_copies copies;
	unsigned int nr_lists;
	const struct hlist_head *lists[MQTT_ROUTE_LISTS];
};

bool mqtt_route_give(struct mqtt_route *route, struct mqtt_peer *peer, struct mqtt_msg *msg,
		     u32 packets);
bool mqtt_route_plain(struct mqtt_route *route, struct mqtt_peer *peer);
void mqtt_route_put(struct mqtt_route *route, struct mqtt_msg *msg);

#endif /* _MQTT_ROUTE_IMPL_H */
