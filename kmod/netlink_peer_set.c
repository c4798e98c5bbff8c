// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink: changes of a peer.
 */
#include "keepalive.h"
#include "netlink.h"
#include "netlink_acl.h"
#include "peer.h"
#include "router.h"
#include "socket.h"

static const struct nla_policy mqtt_nl_peer_set_nest[MQTT_A_PEER_MAX + 1] = {
	[MQTT_A_PEER_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	MQTT_NL_LIMITS_POLICY,
	MQTT_NL_PEER_ACLS_POLICY,
	[MQTT_A_PEER_KEEP_ALIVE] = { .type = NLA_U16 },
	[MQTT_A_PEER_TX_HOLD] = NLA_POLICY_MAX(NLA_U8, 1),
};

const struct nla_policy mqtt_nl_peer_set_policy[MQTT_A_PEER + 1] = {
	[MQTT_A_PEER] = NLA_POLICY_NESTED(mqtt_nl_peer_set_nest),
};

/* Its socket is locked. */
static int mqtt_nl_peer_hold(struct mqtt_peer *peer, bool hold, struct netlink_ext_ack *extack)
{
	int err = 0;

	if (hold)
		err = mqtt_tx_hold(peer);
	else
		mqtt_tx_release(peer);
	if (err)
		NL_SET_ERR_MSG(extack, "no memory to end a packet that is half sent; try again");
	return err;
}

/* The router's lock is held; @sk is locked if a change needs that, and not hosted. */
static int mqtt_nl_peer_change(struct mqtt_peer *peer, const struct sock *sk, struct nlattr **tb,
			       struct netlink_ext_ack *extack)
{
	struct mqtt_limits limits = peer->limits;
	struct mqtt_acl_chain *acls;
	int err = 0;

	/* These can fail: before anything has changed. */
	acls = mqtt_nl_peer_acls(peer->router, tb[MQTT_A_PEER_ACLS], extack);
	if (IS_ERR(acls))
		return PTR_ERR(acls);
	if (tb[MQTT_A_PEER_TX_HOLD] && sk)
		err = mqtt_nl_peer_hold(peer, nla_get_u8(tb[MQTT_A_PEER_TX_HOLD]), extack);
	if (err) {
		mqtt_acl_chain_put(acls);
		return err;
	}
	if (tb[MQTT_A_PEER_ACLS])
		mqtt_acl_chain_replace(peer, acls);
	if (mqtt_nl_limits_parse(tb, &limits))
		mqtt_peer_set_limits(peer, &limits);
	if (tb[MQTT_A_PEER_KEEP_ALIVE])
		mqtt_keepalive_set(peer, nla_get_u16(tb[MQTT_A_PEER_KEEP_ALIVE]));
	return 0;
}

/* What concerns a socket waits for its owner a while, the rest does not. */
static int mqtt_nl_peer_set_as(struct mqtt_router *router, struct nlattr **tb,
			       struct genl_info *info)
{
	u32 id = nla_get_u32(tb[MQTT_A_PEER_ID]);
	struct sock *sk = NULL;
	struct mqtt_peer *peer;
	int err;

	if (tb[MQTT_A_PEER_TX_HOLD] || tb[MQTT_A_PEER_KEEP_ALIVE]) {
		peer = mqtt_peer_lock(router, id, MQTT_SOCKET_WAIT, &sk, info->extack);
		if (IS_ERR(peer))
			return PTR_ERR(peer);
	} else {
		mutex_lock(&router->lock);
		peer = mqtt_peer_find(router, id, info->extack);
	}
	err = IS_ERR(peer) ? PTR_ERR(peer) : mqtt_nl_peer_change(peer, sk, tb, info->extack);
	mqtt_peer_unlock(router, sk);
	return err;
}

int mqtt_nl_peer_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[MQTT_A_PEER_MAX + 1];
	struct mqtt_router *router;
	int err;

	err = mqtt_nl_peer_parse(tb, info->attrs, mqtt_nl_peer_set_nest, info->extack);
	if (err)
		return err;
	router = mqtt_nl_router(skb, info);
	if (IS_ERR(router))
		return PTR_ERR(router);
	err = mqtt_nl_peer_set_as(router, tb, info);
	/* A set of rules that is not there has been pointed at. */
	if (err == -ENOENT && !(info->extack && info->extack->bad_attr))
		mqtt_nl_bad_peer_id(info);
	mqtt_router_put(router);
	return err;
}
