// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink: limits of a peer, which an attach gives and a set changes.
 */
#include "limits.h"
#include "netlink.h"

struct netlink_range_validation mqtt_nl_rate_bytes_range = {
	.max = U32_MAX,
};

/**
 * mqtt_nl_limits_parse() - what a request says about limits
 * @tb: attributes of the peer, by their policy
 * @limits: changed where the request says something
 *
 * Return: does it say anything?
 */
bool mqtt_nl_limits_parse(struct nlattr **tb, struct mqtt_limits *limits)
{
	static const u16 attrs[] = {
		MQTT_A_PEER_QUEUE_LIMIT, MQTT_A_PEER_QUEUE_PACKETS_LIMIT,
		MQTT_A_PEER_QUEUE_POLICY, MQTT_A_PEER_PAUSE, MQTT_A_PEER_RATE_PACKETS,
		MQTT_A_PEER_RATE_BYTES, MQTT_A_PEER_RATE_POLICY,
	};
	unsigned int i;

	if (tb[MQTT_A_PEER_QUEUE_LIMIT])
		limits->queue_bytes = nla_get_u64(tb[MQTT_A_PEER_QUEUE_LIMIT]);
	if (tb[MQTT_A_PEER_QUEUE_PACKETS_LIMIT])
		limits->queue_packets = nla_get_u32(tb[MQTT_A_PEER_QUEUE_PACKETS_LIMIT]);
	if (tb[MQTT_A_PEER_QUEUE_POLICY])
		limits->queue_policy = nla_get_u8(tb[MQTT_A_PEER_QUEUE_POLICY]);
	if (tb[MQTT_A_PEER_PAUSE])
		limits->pause = nla_get_u16(tb[MQTT_A_PEER_PAUSE]);
	if (tb[MQTT_A_PEER_RATE_PACKETS])
		limits->rate_packets = nla_get_u32(tb[MQTT_A_PEER_RATE_PACKETS]);
	if (tb[MQTT_A_PEER_RATE_BYTES])
		limits->rate_bytes = nla_get_u64(tb[MQTT_A_PEER_RATE_BYTES]);
	if (tb[MQTT_A_PEER_RATE_POLICY])
		limits->rate_policy = nla_get_u8(tb[MQTT_A_PEER_RATE_POLICY]);
	for (i = 0; i < ARRAY_SIZE(attrs); i++)
		if (tb[attrs[i]])
			return true;
	return false;
}

/**
 * mqtt_nl_put_limits() - write a peer's limits as attributes
 * @skb: message
 * @limits: limits
 *
 * Return: 0 or -EMSGSIZE.
 */
int mqtt_nl_put_limits(struct sk_buff *skb, const struct mqtt_limits *limits)
{
	if (nla_put_u64_64bit(skb, MQTT_A_PEER_QUEUE_LIMIT, limits->queue_bytes,
			      MQTT_A_PEER_PAD) ||
	    nla_put_u32(skb, MQTT_A_PEER_QUEUE_PACKETS_LIMIT, limits->queue_packets) ||
	    nla_put_u8(skb, MQTT_A_PEER_QUEUE_POLICY, limits->queue_policy) ||
	    nla_put_u16(skb, MQTT_A_PEER_PAUSE, limits->pause) ||
	    nla_put_u32(skb, MQTT_A_PEER_RATE_PACKETS, limits->rate_packets) ||
	    nla_put_u64_64bit(skb, MQTT_A_PEER_RATE_BYTES, limits->rate_bytes,
			      MQTT_A_PEER_PAD) ||
	    nla_put_u8(skb, MQTT_A_PEER_RATE_POLICY, limits->rate_policy))
		return -EMSGSIZE;
	return 0;
}
