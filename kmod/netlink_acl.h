/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generic netlink: sets of rules, and which of them a peer has.
 */
#ifndef _MQTT_NETLINK_ACL_H
#define _MQTT_NETLINK_ACL_H

#include <net/genetlink.h>
#include <linux/mqtt.h>

struct mqtt_acl_chain;
struct mqtt_peer;
struct mqtt_router;

extern const struct nla_policy mqtt_nl_acl_set_policy[MQTT_A_ACL_RULE + 1];
extern const struct nla_policy mqtt_nl_acl_id_policy[MQTT_A_ACL + 1];

int mqtt_nl_acl_set(struct sk_buff *skb, struct genl_info *info);
int mqtt_nl_acl_del(struct sk_buff *skb, struct genl_info *info);
int mqtt_nl_acl_dump_start(struct netlink_callback *cb);
int mqtt_nl_acl_dump(struct sk_buff *skb, struct netlink_callback *cb);

/* Of a policy for the nest of a peer */
#define MQTT_NL_PEER_ACLS_POLICY						\
	[MQTT_A_PEER_ACLS] = { .type = NLA_BINARY,				\
			       .len = MQTT_PEER_ACLS_MAX * sizeof(u32) }

struct mqtt_acl_chain *mqtt_nl_peer_acls(struct mqtt_router *router, const struct nlattr *attr,
					 struct netlink_ext_ack *extack);
int mqtt_nl_put_peer_acls(struct sk_buff *skb, const struct mqtt_peer *peer);

#endif /* _MQTT_NETLINK_ACL_H */
