/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who may publish and get what: a router's sets of rules, and a peer's chain of them.
 */
#ifndef _MQTT_ACL_H
#define _MQTT_ACL_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <linux/mqtt.h>

#include <mqtt/acl.h>

struct mqtt_peer;
struct mqtt_router;
struct netlink_ext_ack;
struct sock;

#define MQTT_ACLS_MAX		1000000
/* Sets that are being sent at a time. */
#define MQTT_ACL_STAGES_MAX	64
/* A longer topic is asked for each time. */
#define MQTT_ACL_TOPIC_MAX	54

/**
 * struct mqtt_acls - what a router has
 * @sets: by id; changed under the router's lock
 * @nr: how many
 * @generation: changes when a set's rules do, after the change; what was asked of
 *	sets holds as long as it is what it was before
 * @stage_lock: protects @stages and what is in them. Never with the router's lock
 * @stages: sets that have not come as a whole yet
 * @nr_stages: how many
 */
struct mqtt_acls {
	struct xarray sets;
	u32 nr;
	unsigned long generation;
	struct mutex stage_lock;	/* see above */
	struct list_head stages;
	unsigned int nr_stages;
};

/**
 * struct mqtt_acl_version - the rules of a set, until it gets others
 * @rules: they
 * @router: held
 * @free: after a grace period
 */
struct mqtt_acl_version {
	struct mqtt_acl_rules rules;
	struct mqtt_router *router;
	struct rcu_work free;
};

/**
 * struct mqtt_acl - a set of rules
 * @id: its number
 * @refs: one of the router, one of each chain that it is in
 * @peers: that are listed and have it; under the router's lock
 * @version: its rules
 * @rcu: for freeing
 */
struct mqtt_acl {
	u32 id;
	refcount_t refs;
	u32 peers;
	struct mqtt_acl_version __rcu *version;
	struct rcu_head rcu;
};

/**
 * struct mqtt_acl_chain - the sets of a peer; another one replaces it as a whole
 * @rcu: for freeing
 * @sets: in their order, each with a reference
 * @nr: how many
 * @known: a topic was asked for: @topic
 * @allowed: and may be published to
 * @topic_len: bytes of @topic
 * @generation: the router's, before it was asked for
 * @told: when it was told that the peer may not publish something, in jiffies
 * @topic: topic name
 *
 * From @known on it is the publisher's memory, under its socket's lock.
 */
struct mqtt_acl_chain {
	struct rcu_head rcu;
	struct mqtt_acl *sets[MQTT_PEER_ACLS_MAX];
	u8 nr;

	bool known;
	bool allowed;
	u8 topic_len;
	unsigned long generation;
	unsigned long told;
	u8 topic[MQTT_ACL_TOPIC_MAX];
};

/* Sets that are kept in mind for one message. */
#define MQTT_ACL_MEMO	8

/**
 * struct mqtt_acl_memo - what sets have said about one message's topic
 * @used: there is something in it; the caller clears it before the first question
 * @set: it was asked; never looked into
 * @says: its answer, enum mqtt_acl_action
 * @steps: what the answers have taken, see mqtt_acl_rules_ask(); the caller clears it
 */
struct mqtt_acl_memo {
	bool used;
	u32 steps;
	u8 says[MQTT_ACL_MEMO];
	const struct mqtt_acl *set[MQTT_ACL_MEMO];
};

/* Which socket a request has come from; the socket is to be compared only. */
struct mqtt_acl_sender {
	u32 portid;
	const struct sock *sk;
};

/* One rule of a request; the filter stays the caller's. */
struct mqtt_acl_input {
	const u8 *filter;
	u32 len;
	u8 action;
	u8 access;
};

void mqtt_acl_init(struct mqtt_acls *acls);
void mqtt_acl_end_all(struct mqtt_router *router);
void mqtt_acl_destroy(struct mqtt_acls *acls);
int mqtt_acl_install(struct mqtt_router *router, u32 id, struct mqtt_acl_version *version,
		     struct netlink_ext_ack *extack);
int mqtt_acl_del(struct mqtt_router *router, u32 id, struct netlink_ext_ack *extack);
struct mqtt_acl_version *mqtt_acl_version_new(void);
void mqtt_acl_version_drop(struct mqtt_acl_version *version);

/* Of a set that cannot go away: the router's lock is held. */
static inline const struct mqtt_acl_rules *mqtt_acl_rules(const struct mqtt_acl *acl)
{
	return &rcu_dereference_protected(acl->version, true)->rules;
}

struct mqtt_acl_chain *mqtt_acl_chain_new(struct mqtt_router *router, const u32 *ids, u32 nr,
					  struct netlink_ext_ack *extack);
void mqtt_acl_chain_count(struct mqtt_acl_chain *chain, int n);
void mqtt_acl_chain_put(struct mqtt_acl_chain *chain);
void mqtt_acl_chain_replace(struct mqtt_peer *peer, struct mqtt_acl_chain *chain);

/* acl_stage.c */
int mqtt_acl_stage(struct mqtt_router *router, const struct mqtt_acl_sender *sender, u32 id,
		   const struct mqtt_acl_input *rules, u32 nr, struct netlink_ext_ack *extack);
struct mqtt_acl_version *mqtt_acl_stage_end(struct mqtt_router *router,
					    const struct mqtt_acl_sender *sender, u32 id,
					    u8 fallback, u32 total,
					    struct netlink_ext_ack *extack);
void mqtt_acl_stage_drop(struct mqtt_router *router, const struct mqtt_acl_sender *sender);
void mqtt_acl_stage_drop_all(struct mqtt_acls *acls);

#endif /* _MQTT_ACL_H */
