/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Subscriptions: what the lists of the topic table are made of.
 *
 *   list of a filter's node ──> subscription ──> subscription ──> ...
 *                                peer             group ──> members: subscriptions,
 *                                                                    one per peer
 */
#ifndef _MQTT_SUB_H
#define _MQTT_SUB_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/mqtt.h>
#include <mqtt/trie.h>

struct mqtt_group;
struct mqtt_peer;

/*
 * What a subscription says, in one word that changes at once: MQTT_SUB_OPTION_*,
 * above them the Subscription Identifier, and below them what it is. Zero is the
 * ordinary one, of which the hot path knows nothing else.
 */
#define MQTT_SUB_GROUP		0x01u	/* a group's place in the table; no peer's */
#define MQTT_SUB_MEMBER		0x02u	/* of a group; not in the table */
#define MQTT_SUB_OPTIONS	(MQTT_SUB_OPTION_NO_LOCAL | MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED)
#define MQTT_SUB_ID_SHIFT	4

static inline u32 mqtt_sub_how(u8 options, u32 id)
{
	return id << MQTT_SUB_ID_SHIFT | options;
}

static inline u32 mqtt_sub_id(u32 how)
{
	return how >> MQTT_SUB_ID_SHIFT;
}

/* Bits of struct mqtt_peer's @special, chosen to be asked for together with @how */
#define MQTT_SPECIAL_RETAIN	MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED
#define MQTT_SPECIAL_ID		BIT(MQTT_SUB_ID_SHIFT)

/**
 * struct mqtt_peer_sub - one subscription of a peer, or a group's place in the table
 * @trie: its place in the topic table; not of a member
 * @group: whose member it is
 * @place: its index there
 * @peer: whose it is; valid as long as it can be found. NULL: a group's
 * @list: in @peer->subs
 * @rcu: for freeing, once it is in none of these
 * @seq: number within the peer; they grow with age
 * @how: see above; changed under @router->lock, read under RCU
 *
 * There can be millions: 64 bytes.
 */
struct mqtt_peer_sub {
	union {
		struct mqtt_sub trie;
		struct {
			struct mqtt_group *group;
			u32 place;
		};
	};
	struct mqtt_peer *peer;
	union {
		struct list_head list;
		struct rcu_head rcu;
	};
	u32 seq;
	u32 how;
};

/**
 * struct mqtt_sub_desc - a subscription as a request describes it
 * @filter: valid topic filter
 * @len: bytes of it
 * @group: ShareName, or NULL
 * @group_len: bytes of it
 * @how: options and id
 *
 * All is the caller's.
 */
struct mqtt_sub_desc {
	const u8 *filter;
	u32 len;
	const u8 *group;
	u32 group_len;
	u32 how;
};

int mqtt_peer_sub_add(struct mqtt_peer *peer, const struct mqtt_sub_desc *desc);
void mqtt_peer_sub_set(struct mqtt_peer *peer, const struct mqtt_sub_desc *desc);
int mqtt_peer_sub_del(struct mqtt_peer *peer, const struct mqtt_sub_desc *desc);
void mqtt_peer_subs_renumber(struct mqtt_peer *peer);
void mqtt_peer_sub_undo(struct mqtt_peer *peer, u32 seq);
bool mqtt_peer_sub_exists(struct mqtt_peer *peer, const struct mqtt_sub_desc *desc);
void mqtt_peer_subs_end_locked(struct mqtt_peer *peer);
void mqtt_peer_subs_end(struct mqtt_peer *peer);

#endif /* _MQTT_SUB_H */
