// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink: what is said of peers.
 */
#include <net/inet_sock.h>
#include <net/ipv6.h>

#include "netlink.h"
#include "netlink_acl.h"
#include "peer.h"
#include "port.h"
#include "router.h"
#include "socket.h"

const struct nla_policy mqtt_nl_peer_id_nest[MQTT_A_PEER_MAX + 1] = {
	[MQTT_A_PEER_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

const struct nla_policy mqtt_nl_peer_id_policy[MQTT_A_PEER + 1] = {
	[MQTT_A_PEER] = NLA_POLICY_NESTED(mqtt_nl_peer_id_nest),
};

/**
 * mqtt_nl_peer_nest() - what a request says of its peer
 * @tb: result
 * @attrs: the request's attributes
 * @policy: what may be in the nest
 * @extack: is told what is wrong
 *
 * Return: 0, or an errno of validation.
 */
int mqtt_nl_peer_nest(struct nlattr **tb, struct nlattr **attrs,
		      const struct nla_policy *policy, struct netlink_ext_ack *extack)
{
	if (!attrs[MQTT_A_PEER]) {
		NL_SET_ERR_ATTR_MISS(extack, NULL, MQTT_A_PEER);
		NL_SET_ERR_MSG(extack, "the peer is missing");
		return -EINVAL;
	}
	return nla_parse_nested(tb, MQTT_A_PEER_MAX, attrs[MQTT_A_PEER], policy, extack);
}

/**
 * mqtt_nl_peer_parse() - what a request says of the peer that it names
 * @tb: result; the id is among it
 * @attrs: the request's attributes
 * @policy: what may be in the nest
 * @extack: is told what is wrong
 *
 * Return: 0, or an errno of validation.
 */
int mqtt_nl_peer_parse(struct nlattr **tb, struct nlattr **attrs,
		       const struct nla_policy *policy, struct netlink_ext_ack *extack)
{
	int err = mqtt_nl_peer_nest(tb, attrs, policy, extack);

	if (err)
		return err;
	if (!tb[MQTT_A_PEER_ID]) {
		NL_SET_ERR_ATTR_MISS(extack, attrs[MQTT_A_PEER], MQTT_A_PEER_ID);
		NL_SET_ERR_MSG(extack, "the peer's id is missing");
		return -EINVAL;
	}
	return 0;
}

/**
 * mqtt_nl_peer_id() - the peer id that a request names
 * @attrs: its attributes
 * @extack: is told what is wrong
 * @id: result
 *
 * Return: 0 or -EINVAL.
 */
int mqtt_nl_peer_id(struct nlattr **attrs, struct netlink_ext_ack *extack, u32 *id)
{
	struct nlattr *tb[MQTT_A_PEER_MAX + 1];
	int err = mqtt_nl_peer_parse(tb, attrs, mqtt_nl_peer_id_nest, extack);

	if (!err)
		*id = nla_get_u32(tb[MQTT_A_PEER_ID]);
	return err;
}

/* The id that a request named is nobody's: point at it. */
void mqtt_nl_bad_peer_id(struct genl_info *info)
{
	NL_SET_BAD_ATTR(info->extack, nla_find_nested(info->attrs[MQTT_A_PEER], MQTT_A_PEER_ID));
}

static int mqtt_nl_put_addr4(struct sk_buff *skb, int attr, __be32 addr, __be16 port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = port,
		.sin_addr.s_addr = addr,
	};

	return nla_put(skb, attr, sizeof(sin), &sin);
}

static int mqtt_nl_put_addr6(struct sk_buff *skb, int attr, const struct in6_addr *addr,
			     __be16 port)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = port,
		.sin6_addr = *addr,
	};

	return nla_put(skb, attr, sizeof(sin6), &sin6);
}

/**
 * mqtt_nl_put_addrs() - write a connection's addresses as attributes
 * @skb: message
 * @sk: TCP socket
 * @local: attribute of the local address
 * @remote: attribute of the remote address
 *
 * Return: 0 or -EMSGSIZE.
 */
int mqtt_nl_put_addrs(struct sk_buff *skb, const struct sock *sk, int local, int remote)
{
	const struct inet_sock *inet = inet_sk(sk);

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		return mqtt_nl_put_addr6(skb, local, &sk->sk_v6_rcv_saddr, inet->inet_sport) ?:
		       mqtt_nl_put_addr6(skb, remote, &sk->sk_v6_daddr, inet->inet_dport);
#endif
	return mqtt_nl_put_addr4(skb, local, inet->inet_rcv_saddr, inet->inet_sport) ?:
	       mqtt_nl_put_addr4(skb, remote, inet->inet_daddr, inet->inet_dport);
}

/* Where its connection is. */
static int mqtt_nl_put_place(struct sk_buff *skb, const struct mqtt_peer *peer)
{
	if (mqtt_peer_is_hosted(peer))
		return nla_put_u32(skb, MQTT_A_PEER_PORT, peer->tx.port->id);
	return nla_put_u8(skb, MQTT_A_PEER_TX_HOLD, READ_ONCE(peer->tx.held)) ?:
	       mqtt_nl_put_addrs(skb, peer->sk, MQTT_A_PEER_LOCAL, MQTT_A_PEER_REMOTE);
}

/* Numbers change meanwhile: each is right by itself. */
static int mqtt_nl_put_stats(struct sk_buff *skb, const struct mqtt_peer *peer)
{
	struct nlattr *nest = nla_nest_start(skb, MQTT_A_PEER_STATS);
	const struct mqtt_rx *rx = &peer->rx;
	const struct mqtt_tx *tx = &peer->tx;
	const u64 counts[MQTT_A_PEER_STATS_MAX + 1] = {
		[MQTT_A_PEER_STATS_RX_PACKETS] = READ_ONCE(rx->packets),
		[MQTT_A_PEER_STATS_RX_BYTES] = READ_ONCE(rx->bytes),
		[MQTT_A_PEER_STATS_RX_SLOW_PACKETS] = READ_ONCE(rx->slow_packets),
		[MQTT_A_PEER_STATS_TX_PACKETS] = READ_ONCE(tx->sent_packets),
		[MQTT_A_PEER_STATS_TX_BYTES] = READ_ONCE(tx->sent_bytes),
		[MQTT_A_PEER_STATS_DROP_QUEUE_FULL] = READ_ONCE(tx->drop_queue_full),
		[MQTT_A_PEER_STATS_DROP_NO_MEMORY] =
			READ_ONCE(tx->drop_no_memory) + READ_ONCE(rx->drop_no_memory),
		[MQTT_A_PEER_STATS_DROP_TOO_LARGE] = READ_ONCE(tx->drop_too_large),
		[MQTT_A_PEER_STATS_RX_PINGS] = READ_ONCE(rx->pings),
		[MQTT_A_PEER_STATS_DROP_OLD] = READ_ONCE(tx->drop_old),
		[MQTT_A_PEER_STATS_DROP_CONFLATED] = READ_ONCE(tx->drop_conflated),
		[MQTT_A_PEER_STATS_DROP_ROUTER_FULL] = READ_ONCE(tx->drop_router_full),
		[MQTT_A_PEER_STATS_DROP_SLOW] = READ_ONCE(tx->drop_slow),
		[MQTT_A_PEER_STATS_DROP_DENIED_PUBLISH] = READ_ONCE(rx->drop_denied),
		[MQTT_A_PEER_STATS_DROP_DENIED_RECEIVE] = READ_ONCE(tx->drop_denied),
		[MQTT_A_PEER_STATS_DROP_RATE] = READ_ONCE(rx->rate.dropped),
		[MQTT_A_PEER_STATS_RX_RATE_WAITS] = READ_ONCE(rx->rate.waits),
		[MQTT_A_PEER_STATS_RX_PAUSES] = READ_ONCE(rx->pause.times),
	};
	unsigned int attr;

	if (!nest)
		return -EMSGSIZE;
	for (attr = 1; attr <= MQTT_A_PEER_STATS_MAX; attr++)
		if (attr != MQTT_A_PEER_STATS_PAD &&
		    nla_put_u64_64bit(skb, attr, counts[attr], MQTT_A_PEER_STATS_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Left out if the client takes any. */
static int mqtt_nl_put_max_packet(struct sk_buff *skb, u32 max_packet)
{
	return max_packet == U32_MAX ? 0 : nla_put_u32(skb, MQTT_A_PEER_MAX_PACKET, max_packet);
}

/* Left out if the protocol has no aliases. */
static int mqtt_nl_put_topic_alias_max(struct sk_buff *skb, const struct mqtt_peer *peer)
{
	return peer->protocol != MQTT_PROTOCOL_V5 ? 0 :
	       nla_put_u16(skb, MQTT_A_PEER_TOPIC_ALIAS_MAX, peer->aliases.max);
}

/* The router's lock is held. Numbers change meanwhile: each is right by itself. */
static int mqtt_nl_put_peer(struct sk_buff *skb, const struct mqtt_peer *peer)
{
	struct nlattr *nest = nla_nest_start(skb, MQTT_A_PEER);
	const struct mqtt_tx *tx = &peer->tx;
	u32 state = READ_ONCE(peer->rx.state);

	if (mqtt_peer_is_hosted(peer))
		state = MQTT_PEER_STATE_HOSTED;
	if (!nest ||
	    nla_put_u32(skb, MQTT_A_PEER_ID, peer->id) ||
	    nla_put_string(skb, MQTT_A_PEER_CLIENT_ID, peer->client_id) ||
	    nla_put_u8(skb, MQTT_A_PEER_PROTOCOL, peer->protocol) ||
	    mqtt_nl_put_topic_alias_max(skb, peer) ||
	    mqtt_nl_put_limits(skb, &peer->limits) || mqtt_nl_put_peer_acls(skb, peer) ||
	    nla_put_u64_64bit(skb, MQTT_A_PEER_QUEUE_BYTES, mqtt_queue_hint(tx->queue.bytes),
			      MQTT_A_PEER_PAD) ||
	    nla_put_u32(skb, MQTT_A_PEER_QUEUE_PACKETS, mqtt_queue_hint(tx->queue.packets)) ||
	    nla_put_u32(skb, MQTT_A_PEER_SUBSCRIPTIONS, peer->nr_subs) ||
	    nla_put_u32(skb, MQTT_A_PEER_STATE, state) || mqtt_nl_put_place(skb, peer) ||
	    nla_put_u16(skb, MQTT_A_PEER_KEEP_ALIVE, READ_ONCE(peer->keepalive.seconds)) ||
	    mqtt_nl_put_max_packet(skb, tx->max_packet) ||
	    mqtt_nl_put_stats(skb, peer))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int mqtt_nl_peer_get(struct sk_buff *skb, struct genl_info *info)
{
	struct mqtt_router *router;
	struct mqtt_peer *peer;
	struct sk_buff *reply;
	void *hdr;
	u32 id;
	int err;

	err = mqtt_nl_peer_id(info->attrs, info->extack, &id);
	if (err)
		return err;
	router = mqtt_nl_router(skb, info);
	if (IS_ERR(router))
		return PTR_ERR(router);

	reply = mqtt_nl_reply_new(info, &hdr);
	if (!reply) {
		err = -ENOMEM;
		goto out;
	}
	mutex_lock(&router->lock);
	peer = mqtt_peer_find(router, id, info->extack);
	err = IS_ERR(peer) ? PTR_ERR(peer) : mqtt_nl_put_peer(reply, peer);
	mutex_unlock(&router->lock);
	if (err == -ENOENT)
		mqtt_nl_bad_peer_id(info);
	err = mqtt_nl_reply_end(reply, hdr, info, err);
out:
	mqtt_router_put(router);
	return err;
}

static int mqtt_nl_dump_peer(struct sk_buff *skb, struct netlink_callback *cb,
			     const struct mqtt_peer *peer)
{
	void *hdr = mqtt_nl_dump_begin(skb, cb, MQTT_CMD_PEER_GET);

	return hdr ? mqtt_nl_dump_end(skb, hdr, mqtt_nl_put_peer(skb, peer)) : -EMSGSIZE;
}

int mqtt_nl_peer_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct mqtt_nl_dump *dump = mqtt_nl_dump(cb);
	struct mqtt_peer *peer;
	unsigned long id;

	mutex_lock(&dump->router->lock);
	xa_for_each_start(&dump->router->peers, id, peer, dump->peer_id) {
		if (dump->one_peer && id != dump->peer_id)
			break;
		if (mqtt_nl_dump_peer(skb, cb, peer))
			goto out;
		dump->peer_id = id + 1;
		if (dump->one_peer)
			break;
	}
	/* Behind the last one; ids end at INT_MAX. */
	dump->peer_id = U32_MAX;
	dump->one_peer = false;
out:
	mutex_unlock(&dump->router->lock);
	return skb->len;
}
