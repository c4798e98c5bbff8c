// SPDX-License-Identifier: MIT
/*
 * Attributes of requests to the kernel's router, one function per object.
 */
#include <string.h>

#include <netlink/errno.h>
#include <netlink/msg.h>

#include "put.h"

int put_router(struct nl_msg *msg, const struct mqtt_nl_router *router)
{
	struct nlattr *nest = nla_nest_start(msg, MQTT_A_ROUTER);
	int err = nest ? 0 : -NLE_NOMEM;

	if (!err && router->queue_limit)
		err = nla_put_u64(msg, MQTT_A_ROUTER_QUEUE_LIMIT, router->queue_limit);
	if (!err && router->offload_max_packet)
		err = nla_put_u32(msg, MQTT_A_ROUTER_OFFLOAD_MAX_PACKET,
				  router->offload_max_packet);
	if (!err && router->memory_limit)
		err = nla_put_u64(msg, MQTT_A_ROUTER_MEMORY_LIMIT, router->memory_limit);
	return err ? err : nla_nest_end_keep_empty(msg, nest);
}

int put_peer_id(struct nl_msg *msg, uint32_t peer_id)
{
	struct nlattr *nest = nla_nest_start(msg, MQTT_A_PEER);

	if (!nest || nla_put_u32(msg, MQTT_A_PEER_ID, peer_id))
		return -NLE_NOMEM;
	return nla_nest_end(msg, nest);
}

/* The label's length: what fits, without half a character at its end. */
static size_t client_id_len(const char *client_id)
{
	size_t len = strnlen(client_id, MQTT_CLIENT_ID_MAX);

	while (len && ((unsigned char)client_id[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static int put_client_id(struct nl_msg *msg, const char *client_id)
{
	char label[MQTT_CLIENT_ID_MAX + 1] = "";

	memcpy(label, client_id, client_id_len(client_id));
	return nla_put_string(msg, MQTT_A_PEER_CLIENT_ID, label);
}

/* What is not said is the kernel's default. */
static int put_limits(struct nl_msg *msg, const struct mqtt_nl_limits *limits)
{
	int err = 0;

	if (limits->queue_bytes)
		err = nla_put_u64(msg, MQTT_A_PEER_QUEUE_LIMIT, limits->queue_bytes);
	if (!err && limits->queue_packets)
		err = nla_put_u32(msg, MQTT_A_PEER_QUEUE_PACKETS_LIMIT, limits->queue_packets);
	if (!err && limits->queue_policy)
		err = nla_put_u8(msg, MQTT_A_PEER_QUEUE_POLICY, limits->queue_policy);
	if (!err && limits->pause)
		err = nla_put_u16(msg, MQTT_A_PEER_PAUSE, limits->pause);
	if (!err && limits->rate_packets)
		err = nla_put_u32(msg, MQTT_A_PEER_RATE_PACKETS, limits->rate_packets);
	if (!err && limits->rate_bytes)
		err = nla_put_u64(msg, MQTT_A_PEER_RATE_BYTES, limits->rate_bytes);
	if (!err && limits->rate_policy)
		err = nla_put_u8(msg, MQTT_A_PEER_RATE_POLICY, limits->rate_policy);
	return err;
}

static int put_acls(struct nl_msg *msg, const uint32_t *acls)
{
	int n = 0;

	while (n < MQTT_PEER_ACLS_MAX && acls[n])
		n++;
	return nla_put(msg, MQTT_A_PEER_ACLS, n * (int)sizeof(*acls), acls);
}

/* A peer that exists keeps what it was attached with. */
static int put_whose(struct nl_msg *msg, const struct mqtt_nl_attach *attach)
{
	int err;

	if (attach->id)
		return nla_put_u32(msg, MQTT_A_PEER_ID, attach->id);
	err = nla_put_u8(msg, MQTT_A_PEER_PROTOCOL, attach->protocol);
	if (!err)
		err = put_client_id(msg, attach->client_id);
	if (!err)
		err = put_limits(msg, &attach->limits);
	if (!err && attach->acls[0])
		err = put_acls(msg, attach->acls);
	if (!err && attach->keep_alive)
		err = nla_put_u16(msg, MQTT_A_PEER_KEEP_ALIVE, attach->keep_alive);
	if (!err && attach->topic_alias_max)
		err = nla_put_u16(msg, MQTT_A_PEER_TOPIC_ALIAS_MAX, attach->topic_alias_max);
	if (!err && attach->max_packet)
		err = nla_put_u32(msg, MQTT_A_PEER_MAX_PACKET, attach->max_packet);
	return err;
}

static int put_where(struct nl_msg *msg, const struct mqtt_nl_attach *attach)
{
	int err;

	if (attach->port)
		return nla_put_u32(msg, MQTT_A_PEER_PORT, attach->port);
	err = nla_put_u32(msg, MQTT_A_PEER_FD, (uint32_t)attach->fd);
	if (!err && attach->rx_residue_len)
		err = nla_put(msg, MQTT_A_PEER_RX_RESIDUE, (int)attach->rx_residue_len,
			      attach->rx_residue);
	if (!err && attach->rx_skip)
		err = nla_put_u32(msg, MQTT_A_PEER_RX_SKIP, attach->rx_skip);
	if (!err && attach->tx_hold)
		err = nla_put_u8(msg, MQTT_A_PEER_TX_HOLD, 1);
	return err;
}

int put_attach(struct nl_msg *msg, const struct mqtt_nl_attach *attach)
{
	struct nlattr *nest = nla_nest_start(msg, MQTT_A_PEER);
	int err;

	if (!nest)
		return -NLE_NOMEM;
	err = put_where(msg, attach);
	if (!err)
		err = put_whose(msg, attach);
	return err ? err : nla_nest_end(msg, nest);
}

/* What of a peer's limits is to be changed. */
static int put_limits_set(struct nl_msg *msg, const struct mqtt_nl_peer_set *set)
{
	int err = 0;

	if (set->queue_limit)
		err = nla_put_u64(msg, MQTT_A_PEER_QUEUE_LIMIT, *set->queue_limit);
	if (!err && set->queue_packets)
		err = nla_put_u32(msg, MQTT_A_PEER_QUEUE_PACKETS_LIMIT, *set->queue_packets);
	if (!err && set->queue_policy)
		err = nla_put_u8(msg, MQTT_A_PEER_QUEUE_POLICY, *set->queue_policy);
	if (!err && set->pause)
		err = nla_put_u16(msg, MQTT_A_PEER_PAUSE, *set->pause);
	if (!err && set->rate_packets)
		err = nla_put_u32(msg, MQTT_A_PEER_RATE_PACKETS, *set->rate_packets);
	if (!err && set->rate_bytes)
		err = nla_put_u64(msg, MQTT_A_PEER_RATE_BYTES, *set->rate_bytes);
	if (!err && set->rate_policy)
		err = nla_put_u8(msg, MQTT_A_PEER_RATE_POLICY, *set->rate_policy);
	return err;
}

int put_peer_set(struct nl_msg *msg, uint32_t peer_id, const struct mqtt_nl_peer_set *set)
{
	struct nlattr *nest = nla_nest_start(msg, MQTT_A_PEER);
	int err;

	if (!nest)
		return -NLE_NOMEM;
	err = nla_put_u32(msg, MQTT_A_PEER_ID, peer_id);
	if (!err)
		err = put_limits_set(msg, set);
	if (!err && set->keep_alive)
		err = nla_put_u16(msg, MQTT_A_PEER_KEEP_ALIVE, *set->keep_alive);
	if (!err && set->tx_hold)
		err = nla_put_u8(msg, MQTT_A_PEER_TX_HOLD, *set->tx_hold);
	if (!err && set->acls)
		err = put_acls(msg, set->acls);
	return err ? err : nla_nest_end(msg, nest);
}

int put_host(struct nl_msg *msg, uint32_t peer_id, uint32_t port_id)
{
	struct nlattr *nest = nla_nest_start(msg, MQTT_A_PEER);

	if (!nest || nla_put_u32(msg, MQTT_A_PEER_ID, peer_id) ||
	    nla_put_u32(msg, MQTT_A_PEER_PORT, port_id))
		return -NLE_NOMEM;
	return nla_nest_end(msg, nest);
}

int put_port(struct nl_msg *msg, uint32_t port_id, uint64_t queue_limit)
{
	struct nlattr *nest = nla_nest_start(msg, MQTT_A_PORT);
	int err = nest ? 0 : -NLE_NOMEM;

	if (!err && port_id)
		err = nla_put_u32(msg, MQTT_A_PORT_ID, port_id);
	if (!err && queue_limit)
		err = nla_put_u64(msg, MQTT_A_PORT_QUEUE_LIMIT, queue_limit);
	return err ? err : nla_nest_end_keep_empty(msg, nest);
}

int put_filter(struct nl_msg *msg, const struct mqtt_nl_filter *filter, bool options)
{
	struct nlattr *nest = nla_nest_start(msg, MQTT_A_SUB);

	if (!nest || nla_put(msg, MQTT_A_SUB_FILTER, (int)filter->len, filter->filter))
		return -NLE_NOMEM;
	if (filter->group &&
	    nla_put(msg, MQTT_A_SUB_GROUP, (int)filter->group_len, filter->group))
		return -NLE_NOMEM;
	if (options && filter->options && nla_put_u8(msg, MQTT_A_SUB_OPTIONS, filter->options))
		return -NLE_NOMEM;
	if (options && filter->id && nla_put_u32(msg, MQTT_A_SUB_ID, filter->id))
		return -NLE_NOMEM;
	return nla_nest_end(msg, nest);
}

int put_acl_id(struct nl_msg *msg, uint32_t id)
{
	struct nlattr *nest = nla_nest_start(msg, MQTT_A_ACL);

	if (!nest || nla_put_u32(msg, MQTT_A_ACL_ID, id))
		return -NLE_NOMEM;
	return nla_nest_end(msg, nest);
}

int put_acl(struct nl_msg *msg, uint32_t id, uint8_t fallback, uint32_t total, bool more)
{
	struct nlattr *nest = nla_nest_start(msg, MQTT_A_ACL);
	int err;

	if (!nest)
		return -NLE_NOMEM;
	err = nla_put_u32(msg, MQTT_A_ACL_ID, id);
	if (!err && more)
		err = nla_put_flag(msg, MQTT_A_ACL_MORE);
	if (!err && !more)
		err = nla_put_u8(msg, MQTT_A_ACL_FALLBACK, fallback);
	if (!err)
		err = nla_put_u32(msg, MQTT_A_ACL_RULES, total);
	return err ? err : nla_nest_end(msg, nest);
}

int put_acl_rule(struct nl_msg *msg, const struct mqtt_nl_acl_rule *rule)
{
	struct nlattr *nest = nla_nest_start(msg, MQTT_A_ACL_RULE);

	if (!nest || nla_put(msg, MQTT_A_ACL_RULE_FILTER, (int)rule->len, rule->filter) ||
	    nla_put_u8(msg, MQTT_A_ACL_RULE_ACTION, rule->action) ||
	    nla_put_u8(msg, MQTT_A_ACL_RULE_ACCESS, rule->access))
		return -NLE_NOMEM;
	return nla_nest_end(msg, nest);
}
