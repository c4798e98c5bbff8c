// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink: peers come and go.
 */
#include <linux/file.h>
#include <linux/net.h>
#include <linux/slab.h>

#include "netlink.h"
#include "netlink_acl.h"
#include "peer.h"
#include "router.h"
#include "socket.h"

static struct netlink_range_validation mqtt_nl_fd_range = {
	.max = INT_MAX,
};

static struct netlink_range_validation mqtt_nl_rx_skip_range = {
	.max = MQTT_FIXED_HEADER_MAX + MQTT_REMAINING_MAX,
};

static const struct nla_policy mqtt_nl_attach_nest[MQTT_A_PEER_MAX + 1] = {
	[MQTT_A_PEER_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MQTT_A_PEER_FD] = NLA_POLICY_FULL_RANGE(NLA_U32, &mqtt_nl_fd_range),
	[MQTT_A_PEER_CLIENT_ID] = { .type = NLA_STRING, .len = MQTT_CLIENT_ID_MAX },
	[MQTT_A_PEER_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, MQTT_PROTOCOL_V31, MQTT_PROTOCOL_V5),
	[MQTT_A_PEER_RX_RESIDUE] = { .type = NLA_BINARY, .len = MQTT_RX_RESIDUE_MAX },
	MQTT_NL_LIMITS_POLICY,
	MQTT_NL_PEER_ACLS_POLICY,
	[MQTT_A_PEER_PORT] = NLA_POLICY_MIN(NLA_U32, 1),
	[MQTT_A_PEER_RX_SKIP] = NLA_POLICY_FULL_RANGE(NLA_U32, &mqtt_nl_rx_skip_range),
	[MQTT_A_PEER_TX_HOLD] = NLA_POLICY_MAX(NLA_U8, 1),
	[MQTT_A_PEER_KEEP_ALIVE] = { .type = NLA_U16 },
	[MQTT_A_PEER_TOPIC_ALIAS_MAX] = NLA_POLICY_MAX(NLA_U16, MQTT_TOPIC_ALIAS_MAX),
	[MQTT_A_PEER_MAX_PACKET] = NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy mqtt_nl_detach_nest[MQTT_A_PEER_MAX + 1] = {
	[MQTT_A_PEER_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MQTT_A_PEER_PORT] = NLA_POLICY_MIN(NLA_U32, 1),
};

const struct nla_policy mqtt_nl_peer_attach_policy[MQTT_A_PEER + 1] = {
	[MQTT_A_PEER] = NLA_POLICY_NESTED(mqtt_nl_attach_nest),
};

const struct nla_policy mqtt_nl_peer_detach_policy[MQTT_A_PEER + 1] = {
	[MQTT_A_PEER] = NLA_POLICY_NESTED(mqtt_nl_detach_nest),
};

/* An attribute that says something of a peer which is new, or NULL */
static struct nlattr *mqtt_nl_attach_new_only(struct nlattr **tb)
{
	static const u16 attrs[] = {
		MQTT_A_PEER_CLIENT_ID, MQTT_A_PEER_PROTOCOL, MQTT_A_PEER_QUEUE_LIMIT,
		MQTT_A_PEER_KEEP_ALIVE, MQTT_A_PEER_TOPIC_ALIAS_MAX, MQTT_A_PEER_MAX_PACKET,
		MQTT_A_PEER_QUEUE_PACKETS_LIMIT, MQTT_A_PEER_QUEUE_POLICY, MQTT_A_PEER_PAUSE,
		MQTT_A_PEER_RATE_PACKETS, MQTT_A_PEER_RATE_BYTES, MQTT_A_PEER_RATE_POLICY,
		MQTT_A_PEER_ACLS,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(attrs); i++)
		if (tb[attrs[i]])
			return tb[attrs[i]];
	return NULL;
}

/* Attributes of a connection do not go without one. */
static struct nlattr *mqtt_nl_attach_fd_only(struct nlattr **tb)
{
	return tb[MQTT_A_PEER_RX_RESIDUE] ?: tb[MQTT_A_PEER_RX_SKIP] ?: tb[MQTT_A_PEER_TX_HOLD];
}

/* Which of an attach's attributes go together; see the specification. */
static int mqtt_nl_attach_check(struct nlattr **tb, struct nlattr *nest,
				struct netlink_ext_ack *extack)
{
	if (!tb[MQTT_A_PEER_FD] == !tb[MQTT_A_PEER_PORT]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "either fd or port is needed to attach");
		return -EINVAL;
	}
	if (tb[MQTT_A_PEER_ID] && !tb[MQTT_A_PEER_FD]) {
		NL_SET_ERR_MSG_ATTR(extack, tb[MQTT_A_PEER_ID],
				    "id goes with fd: it becomes offloaded");
		return -EINVAL;
	}
	if (tb[MQTT_A_PEER_ID] && mqtt_nl_attach_new_only(tb)) {
		NL_SET_ERR_MSG_ATTR(extack, mqtt_nl_attach_new_only(tb),
				    "a hosted peer keeps what it was attached with");
		return -EINVAL;
	}
	if (!tb[MQTT_A_PEER_ID] && (!tb[MQTT_A_PEER_CLIENT_ID] || !tb[MQTT_A_PEER_PROTOCOL])) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "client-id and protocol are needed to attach");
		return -EINVAL;
	}
	if (tb[MQTT_A_PEER_TOPIC_ALIAS_MAX] &&
	    nla_get_u8(tb[MQTT_A_PEER_PROTOCOL]) != MQTT_PROTOCOL_V5) {
		NL_SET_ERR_MSG_ATTR(extack, tb[MQTT_A_PEER_TOPIC_ALIAS_MAX],
				    "only MQTT 5.0 has topic aliases");
		return -EINVAL;
	}
	if (!tb[MQTT_A_PEER_FD] && mqtt_nl_attach_fd_only(tb)) {
		NL_SET_ERR_MSG_ATTR(extack, mqtt_nl_attach_fd_only(tb),
				    "rx-residue, rx-skip and tx-hold go with fd");
		return -EINVAL;
	}
	if (tb[MQTT_A_PEER_RX_RESIDUE] && tb[MQTT_A_PEER_RX_SKIP]) {
		NL_SET_ERR_MSG_ATTR(extack, tb[MQTT_A_PEER_RX_SKIP],
				    "rx-skip does not go with rx-residue");
		return -EINVAL;
	}
	return 0;
}

static int mqtt_nl_attach_parse(struct nlattr **tb, struct genl_info *info)
{
	int err = mqtt_nl_peer_nest(tb, info->attrs, mqtt_nl_attach_nest, info->extack);

	if (err)
		return err;
	return mqtt_nl_attach_check(tb, info->attrs[MQTT_A_PEER], info->extack);
}

static int mqtt_nl_attach_hosted(struct mqtt_router *router, u32 port_id,
				 const struct mqtt_peer_params *params, u32 *id,
				 struct netlink_ext_ack *extack)
{
	int err = -ENODEV;

	mutex_lock(&router->lock);
	if (router->dead)
		NL_SET_ERR_MSG(extack, "the router has just ended");
	else
		err = mqtt_peer_attach_hosted(router, port_id, params, id, extack);
	mutex_unlock(&router->lock);
	return err;
}

/* @tb has been checked; the socket's file is held by the caller; NULL without. */
static int mqtt_nl_attach_as(struct mqtt_router *router, struct socket *sock,
			     struct nlattr **tb, const struct mqtt_peer_params *params, u32 *id,
			     struct netlink_ext_ack *extack)
{
	if (!sock)
		return mqtt_nl_attach_hosted(router, nla_get_u32(tb[MQTT_A_PEER_PORT]), params,
					     id, extack);
	if (!tb[MQTT_A_PEER_ID])
		return mqtt_peer_attach(router, sock, params, id, extack);
	*id = nla_get_u32(tb[MQTT_A_PEER_ID]);
	return mqtt_peer_offload(router, *id, sock, params, extack);
}

static int mqtt_nl_attach(struct mqtt_router *router, struct socket *sock, struct nlattr **tb,
			  u32 *id, struct netlink_ext_ack *extack)
{
	struct mqtt_peer_params params = {};
	char *client_id = NULL;
	int err;

	if (tb[MQTT_A_PEER_CLIENT_ID]) {
		client_id = nla_strdup(tb[MQTT_A_PEER_CLIENT_ID], GFP_KERNEL);
		if (!client_id)
			return -ENOMEM;
	}
	params.client_id = client_id;
	if (tb[MQTT_A_PEER_PROTOCOL])
		params.protocol = nla_get_u8(tb[MQTT_A_PEER_PROTOCOL]);
	if (tb[MQTT_A_PEER_TOPIC_ALIAS_MAX])
		params.topic_alias_max = nla_get_u16(tb[MQTT_A_PEER_TOPIC_ALIAS_MAX]);
	mqtt_nl_limits_parse(tb, &params.limits);
	params.acls = tb[MQTT_A_PEER_ACLS];
	if (tb[MQTT_A_PEER_KEEP_ALIVE])
		params.keep_alive = nla_get_u16(tb[MQTT_A_PEER_KEEP_ALIVE]);
	if (tb[MQTT_A_PEER_MAX_PACKET])
		params.max_packet = nla_get_u32(tb[MQTT_A_PEER_MAX_PACKET]);
	if (tb[MQTT_A_PEER_RX_RESIDUE]) {
		params.residue = nla_data(tb[MQTT_A_PEER_RX_RESIDUE]);
		params.residue_len = nla_len(tb[MQTT_A_PEER_RX_RESIDUE]);
	}
	if (tb[MQTT_A_PEER_RX_SKIP])
		params.rx_skip = nla_get_u32(tb[MQTT_A_PEER_RX_SKIP]);
	if (tb[MQTT_A_PEER_TX_HOLD])
		params.tx_hold = nla_get_u8(tb[MQTT_A_PEER_TX_HOLD]);
	err = mqtt_nl_attach_as(router, sock, tb, &params, id, extack);
	kfree(client_id);
	return err;
}

/* Point at the attribute that an attach failed for. */
static void mqtt_nl_attach_bad(struct genl_info *info, struct nlattr **tb, int err)
{
	/* One that is known exactly. */
	if (info->extack && info->extack->bad_attr)
		return;
	switch (err) {
	case 0:
	case -ENODEV:
	case -ENOMEM:
	case -ENOSPC:
		return;
	case -ERANGE:
		NL_SET_BAD_ATTR(info->extack, tb[MQTT_A_PEER_RX_RESIDUE]);
		return;
	case -ENOENT:
		NL_SET_BAD_ATTR(info->extack, tb[MQTT_A_PEER_ID] ?: tb[MQTT_A_PEER_PORT]);
		return;
	default:
		NL_SET_BAD_ATTR(info->extack, tb[MQTT_A_PEER_FD]);
	}
}

static int mqtt_nl_attach_fd(struct mqtt_router *router, struct nlattr **tb, u32 *id,
			     struct genl_info *info)
{
	struct socket *sock;
	int err;

	sock = sockfd_lookup(nla_get_u32(tb[MQTT_A_PEER_FD]), &err);
	if (!sock) {
		if (err == -ENOTSOCK)
			NL_SET_ERR_MSG(info->extack, "fd is not a socket");
		else
			NL_SET_ERR_MSG(info->extack, "fd is not open");
		return err;
	}
	err = mqtt_socket_check(sock, genl_info_net(info), info->extack);
	if (!err) {
		mqtt_peer_forget_flush(sock);
		err = mqtt_nl_attach(router, sock, tb, id, info->extack);
	}
	sockfd_put(sock);
	return err;
}

static int mqtt_nl_put_id(struct sk_buff *skb, u32 id)
{
	struct nlattr *nest = nla_nest_start(skb, MQTT_A_PEER);

	if (!nest || nla_put_u32(skb, MQTT_A_PEER_ID, id))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int mqtt_nl_peer_attach(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[MQTT_A_PEER_MAX + 1];
	struct mqtt_router *router;
	struct sk_buff *reply;
	void *hdr;
	u32 id;
	int err;

	err = mqtt_nl_attach_parse(tb, info);
	if (err)
		return err;
	router = mqtt_nl_router(skb, info);
	if (IS_ERR(router))
		return PTR_ERR(router);

	/* First, so that memory for it is no reason to detach again. */
	reply = mqtt_nl_reply_new(info, &hdr);
	if (!reply) {
		err = -ENOMEM;
		goto out;
	}
	if (tb[MQTT_A_PEER_FD])
		err = mqtt_nl_attach_fd(router, tb, &id, info);
	else
		err = mqtt_nl_attach(router, NULL, tb, &id, info->extack);
	if (err) {
		mqtt_nl_attach_bad(info, tb, err);
		nlmsg_free(reply);
		goto out;
	}
	err = mqtt_nl_reply_end(reply, hdr, info, mqtt_nl_put_id(reply, id));
	/*
	 * Whoever does not learn the id cannot detach; who has named it knows it. If somebody
	 * has the socket just then the peer stays, and ends with it.
	 */
	if (err && tb[MQTT_A_PEER_ID])
		err = 0;
	if (err)
		mqtt_peer_detach(router, id, info->extack);
out:
	mqtt_router_put(router);
	return err;
}

static int mqtt_nl_host(struct mqtt_router *router, struct nlattr **tb, struct genl_info *info)
{
	int err = mqtt_peer_host(router, nla_get_u32(tb[MQTT_A_PEER_ID]),
				 nla_get_u32(tb[MQTT_A_PEER_PORT]), info->extack);

	if (err == -ESRCH) {
		mqtt_nl_bad_peer_id(info);
		return -ENOENT;
	}
	if (err == -ENOENT)
		NL_SET_BAD_ATTR(info->extack, tb[MQTT_A_PEER_PORT]);
	return err;
}

static int mqtt_nl_detach(struct mqtt_router *router, struct nlattr **tb, struct genl_info *info)
{
	int err = mqtt_peer_detach(router, nla_get_u32(tb[MQTT_A_PEER_ID]), info->extack);

	if (err == -ENOENT)
		mqtt_nl_bad_peer_id(info);
	return err;
}

int mqtt_nl_peer_detach(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[MQTT_A_PEER_MAX + 1];
	struct mqtt_router *router;
	int err;

	err = mqtt_nl_peer_parse(tb, info->attrs, mqtt_nl_detach_nest, info->extack);
	if (err)
		return err;
	router = mqtt_nl_router(skb, info);
	if (IS_ERR(router))
		return PTR_ERR(router);
	if (tb[MQTT_A_PEER_PORT])
		err = mqtt_nl_host(router, tb, info);
	else
		err = mqtt_nl_detach(router, tb, info);
	mqtt_router_put(router);
	return err;
}
