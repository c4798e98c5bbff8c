/* SPDX-License-Identifier: MIT */
/*
 * What the topic trie's lists are made of; for those who subscribe and those who
 * deliver.
 *
 *   list of a filter's node ──> subscription ──> subscription ──> ...
 *                                session          share ──> members: subscriptions,
 *                                                                    one per session
 */
#ifndef MQTTD_SUBSCRIPTION_H
#define MQTTD_SUBSCRIPTION_H

#include <linux/container_of.h>
#include <linux/rcupdate.h>
#include <mqtt/trie.h>

#include "hash.h"
#include "packet.h"

struct session;
struct share;

/**
 * struct subscription - one topic filter of one session, or a group's place in the trie
 * @sub: in the trie; not of a group's member
 * @place: of a member: its index in the group
 * @node: in the session's table
 * @rcu: when it is no longer there: frees it after readers of the trie are done
 * @session: whose; NULL: a group's
 * @share: the group that it is of or a member of, or NULL
 * @how: options and subscription identifier, see subscription_how(); changes at once
 *
 * There can be millions.
 */
struct subscription {
	union {
		struct mqtt_sub sub;
		u32 place;
	};
	union {
		struct hash_node node;
		struct rcu_head rcu;
	};
	struct session *session;
	struct share *share;
	u64 how;
};

static inline u64 subscription_how(u8 options, u32 id)
{
	return (u64)id << 8 | options;
}

static inline u8 how_options(u64 how)
{
	return how;
}

static inline u8 how_qos(u64 how)
{
	return how & FILTER_QOS;
}

static inline u32 how_id(u64 how)
{
	return how >> 8;
}

static inline u64 subscription_get_how(const struct subscription *sub)
{
	return __atomic_load_n(&sub->how, __ATOMIC_RELAXED);
}

static inline void subscription_set_how(struct subscription *sub, u64 how)
{
	__atomic_store_n(&sub->how, how, __ATOMIC_RELAXED);
}

#endif /* MQTTD_SUBSCRIPTION_H */
