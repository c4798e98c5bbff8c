/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generic netlink: what the files of each object share.
 */
#ifndef _MQTT_NETLINK_H
#define _MQTT_NETLINK_H

#include <net/genetlink.h>
#include <linux/mqtt.h>

struct mqtt_limits;
struct mqtt_peer;
struct mqtt_router;

extern struct genl_family mqtt_genl_family;

/* netlink.c */
/* Not const, because the policies of 6.1 do not take it. */
extern struct netlink_range_validation mqtt_nl_queue_limit_range;

struct mqtt_router *mqtt_nl_router(struct sk_buff *skb, struct genl_info *info);
int mqtt_nl_dump_start(struct netlink_callback *cb);
int mqtt_nl_dump_done(struct netlink_callback *cb);
void *mqtt_nl_dump_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd);
int mqtt_nl_dump_end(struct sk_buff *skb, void *hdr, int err);
struct sk_buff *mqtt_nl_reply_new(struct genl_info *info, void **hdr);
int mqtt_nl_reply_end(struct sk_buff *reply, void *hdr, struct genl_info *info, int err);

/* netlink_peer.c */
extern const struct nla_policy mqtt_nl_peer_id_nest[MQTT_A_PEER_MAX + 1];
extern const struct nla_policy mqtt_nl_peer_attach_policy[MQTT_A_PEER + 1];
extern const struct nla_policy mqtt_nl_peer_detach_policy[MQTT_A_PEER + 1];
extern const struct nla_policy mqtt_nl_peer_id_policy[MQTT_A_PEER + 1];

int mqtt_nl_peer_nest(struct nlattr **tb, struct nlattr **attrs,
		      const struct nla_policy *policy, struct netlink_ext_ack *extack);
int mqtt_nl_peer_parse(struct nlattr **tb, struct nlattr **attrs,
		       const struct nla_policy *policy, struct netlink_ext_ack *extack);
int mqtt_nl_peer_id(struct nlattr **attrs, struct netlink_ext_ack *extack, u32 *id);
void mqtt_nl_bad_peer_id(struct genl_info *info);
int mqtt_nl_peer_attach(struct sk_buff *skb, struct genl_info *info);
int mqtt_nl_peer_detach(struct sk_buff *skb, struct genl_info *info);
int mqtt_nl_peer_get(struct sk_buff *skb, struct genl_info *info);
int mqtt_nl_peer_dump(struct sk_buff *skb, struct netlink_callback *cb);
int mqtt_nl_put_addrs(struct sk_buff *skb, const struct sock *sk, int local, int remote);

/* netlink_limits.c */
extern struct netlink_range_validation mqtt_nl_rate_bytes_range;

/* Of a policy for the nest of a peer */
#define MQTT_NL_LIMITS_POLICY							\
	[MQTT_A_PEER_QUEUE_LIMIT] =						\
		NLA_POLICY_FULL_RANGE(NLA_U64, &mqtt_nl_queue_limit_range),	\
	[MQTT_A_PEER_QUEUE_PACKETS_LIMIT] = { .type = NLA_U32 },		\
	[MQTT_A_PEER_QUEUE_POLICY] =						\
		NLA_POLICY_MAX(NLA_U8, MQTT_QUEUE_POLICY_DISCONNECT),		\
	[MQTT_A_PEER_PAUSE] = NLA_POLICY_MAX(NLA_U16, MQTT_PAUSE_MAX),		\
	[MQTT_A_PEER_RATE_PACKETS] = { .type = NLA_U32 },			\
	[MQTT_A_PEER_RATE_BYTES] =						\
		NLA_POLICY_FULL_RANGE(NLA_U64, &mqtt_nl_rate_bytes_range),	\
	[MQTT_A_PEER_RATE_POLICY] = NLA_POLICY_MAX(NLA_U8, MQTT_RATE_POLICY_DROP)

void mqtt_nl_limits_parse(struct nlattr **tb, struct mqtt_limits *limits);
int mqtt_nl_put_limits(struct sk_buff *skb, const struct mqtt_limits *limits);

/* netlink_peer_set.c */
extern const struct nla_policy mqtt_nl_peer_set_policy[MQTT_A_PEER + 1];

int mqtt_nl_peer_set(struct sk_buff *skb, struct genl_info *info);

/* netlink_sub.c */
extern const struct nla_policy mqtt_nl_sub_add_policy[MQTT_A_SUB + 1];
extern const struct nla_policy mqtt_nl_sub_del_policy[MQTT_A_SUB + 1];

int mqtt_nl_sub_add(struct sk_buff *skb, struct genl_info *info);
int mqtt_nl_sub_del(struct sk_buff *skb, struct genl_info *info);
int mqtt_nl_sub_dump(struct sk_buff *skb, struct netlink_callback *cb);

/* netlink_port.c */
extern const struct nla_policy mqtt_nl_port_add_policy[MQTT_A_PORT + 1];
extern const struct nla_policy mqtt_nl_port_id_policy[MQTT_A_PORT + 1];

int mqtt_nl_port_add(struct sk_buff *skb, struct genl_info *info);
int mqtt_nl_port_get(struct sk_buff *skb, struct genl_info *info);
int mqtt_nl_port_dump(struct sk_buff *skb, struct netlink_callback *cb);

/**
 * struct mqtt_nl_dump - what a dump keeps between its messages, in cb->ctx
 * @router: held
 * @peer_id: the peer to go on with; ids and numbers of subscriptions only
 *	grow, so nothing is shown twice and nothing left out that stays
 * @port_id: the port to go on with
 * @sub_seq: its last subscription that was shown
 * @one_peer: shows no other peer than @peer_id
 * @one_acl: shows no other set of rules than @acl_id
 * @acls_done: all sets of rules were shown
 * @acl_id: the set of rules to go on with
 * @acl_rule: the rule of it
 */
struct mqtt_nl_dump {
	struct mqtt_router *router;
	u32 peer_id;
	u32 port_id;
	u32 sub_seq;
	bool one_peer;
	bool one_acl;
	bool acls_done;
	u32 acl_id;
	u32 acl_rule;
};

static inline struct mqtt_nl_dump *mqtt_nl_dump(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct mqtt_nl_dump) > sizeof(cb->ctx));
	return (struct mqtt_nl_dump *)cb->ctx;
}

int mqtt_netlink_module_init(void);
void mqtt_netlink_module_exit(void);

#endif /* _MQTT_NETLINK_H */
