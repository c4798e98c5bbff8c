// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink: the family, who may do what, routers and counters.
 * The contract is Documentation/netlink/specs/mqtt.yaml.
 *
 * Creating a router needs CAP_NET_ADMIN over the network namespace, which the
 * family's flags say. Everything else needs that too, or to come from the
 * socket that created the router.
 */
#include <linux/module.h>
#include <net/sock.h>

#include "acl.h"
#include "compat/compat.h"
#include "event.h"
#include "netlink.h"
#include "netlink_acl.h"
#include "peer.h"
#include "router.h"

static bool mqtt_nl_may(struct sk_buff *skb, const struct net *net,
			const struct mqtt_router *router)
{
	return (NETLINK_CB(skb).portid == router->owner_portid &&
		NETLINK_CB(skb).sk == router->owner) ||
	       netlink_ns_capable(skb, net->user_ns, CAP_NET_ADMIN);
}

static struct mqtt_router *mqtt_nl_router_of(struct sk_buff *skb, struct net *net,
					     struct netlink_ext_ack *extack)
{
	struct mqtt_router *router = mqtt_router_get(net);

	if (!router) {
		/* Whether there is one is nobody's secret. */
		NL_SET_ERR_MSG(extack, "no router in this network namespace");
		return ERR_PTR(-ENODEV);
	}
	if (!mqtt_nl_may(skb, net, router)) {
		mqtt_router_put(router);
		NL_SET_ERR_MSG(extack, "neither the router's owner nor CAP_NET_ADMIN");
		return ERR_PTR(-EPERM);
	}
	return router;
}

/**
 * mqtt_nl_router() - the router that a request is about
 * @skb: request
 * @info: the same
 *
 * Return: the router with a reference for the caller; ERR_PTR(-ENODEV) if the
 * namespace has none; ERR_PTR(-EPERM). extack is set.
 */
struct mqtt_router *mqtt_nl_router(struct sk_buff *skb, struct genl_info *info)
{
	return mqtt_nl_router_of(skb, genl_info_net(info), info->extack);
}

/**
 * mqtt_nl_dump_start() - begin a dump
 * @cb: dump, with @cb->ctx zeroed
 *
 * Return: 0, and @cb->ctx has a reference to the router; as mqtt_nl_router().
 */
int mqtt_nl_dump_start(struct netlink_callback *cb)
{
	struct mqtt_nl_dump *dump = mqtt_nl_dump(cb);
	struct nlattr **attrs = mqtt_dump_attrs(cb);
	struct mqtt_router *router;
	int err;

	if (attrs && attrs[MQTT_A_PEER]) {
		err = mqtt_nl_peer_id(attrs, cb->extack, &dump->peer_id);
		if (err)
			return err;
		dump->one_peer = true;
	}
	router = mqtt_nl_router_of(cb->skb, sock_net(cb->skb->sk), cb->extack);
	if (IS_ERR(router))
		return PTR_ERR(router);
	dump->router = router;
	/* Room for the longest filter. */
	cb->min_dump_alloc = MQTT_FILTER_MAX + 1024;
	return 0;
}

int mqtt_nl_dump_done(struct netlink_callback *cb)
{
	struct mqtt_nl_dump *dump = mqtt_nl_dump(cb);

	if (dump->router)
		mqtt_router_put(dump->router);
	return 0;
}

/**
 * mqtt_nl_dump_begin() - begin with one object of a dump
 * @skb: message that the dump fills
 * @cb: dump
 * @cmd: enum mqtt_cmd
 *
 * Return: a header for mqtt_nl_dump_end(), or NULL if the message is full.
 */
void *mqtt_nl_dump_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &mqtt_genl_family, NLM_F_MULTI, cmd);
}

/**
 * mqtt_nl_dump_end() - end one object of a dump
 * @skb: message that the dump fills
 * @hdr: of mqtt_nl_dump_begin()
 * @err: 0, or why it is not to be in this message
 *
 * Return: @err.
 */
int mqtt_nl_dump_end(struct sk_buff *skb, void *hdr, int err)
{
	if (err)
		genlmsg_cancel(skb, hdr);
	else
		genlmsg_end(skb, hdr);
	return err;
}

/**
 * mqtt_nl_reply_new() - begin the reply to a request
 * @info: request
 * @hdr: result, for genlmsg_end()
 *
 * Return: a message, the caller's, or NULL.
 */
struct sk_buff *mqtt_nl_reply_new(struct genl_info *info, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!skb)
		return NULL;
	*hdr = genlmsg_put_reply(skb, info, &mqtt_genl_family, 0, info->genlhdr->cmd);
	if (!*hdr) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

/**
 * mqtt_nl_reply_end() - send a reply, or not
 * @reply: message of mqtt_nl_reply_new(); this takes it
 * @hdr: its header
 * @info: request
 * @err: 0, or why there is nothing to send
 *
 * Return: @err, or what sending it returns.
 */
int mqtt_nl_reply_end(struct sk_buff *reply, void *hdr, struct genl_info *info, int err)
{
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

struct netlink_range_validation mqtt_nl_queue_limit_range = {
	.min = MQTT_QUEUE_LIMIT_MIN,
	.max = MQTT_QUEUE_LIMIT_MAX,
};

static struct netlink_range_validation mqtt_nl_max_packet_range = {
	.min = MQTT_OFFLOAD_MAX_PACKET_MIN,
	.max = MQTT_OFFLOAD_MAX_PACKET_MAX,
};

static struct netlink_range_validation mqtt_nl_memory_range = {
	.min = MQTT_MEMORY_LIMIT_MIN,
	.max = U64_MAX,
};

static const struct nla_policy mqtt_nl_router_nest[MQTT_A_ROUTER_MAX + 1] = {
	[MQTT_A_ROUTER_QUEUE_LIMIT] =
		NLA_POLICY_FULL_RANGE(NLA_U64, &mqtt_nl_queue_limit_range),
	[MQTT_A_ROUTER_OFFLOAD_MAX_PACKET] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &mqtt_nl_max_packet_range),
	[MQTT_A_ROUTER_MEMORY_LIMIT] = NLA_POLICY_FULL_RANGE(NLA_U64, &mqtt_nl_memory_range),
};

static const struct nla_policy mqtt_nl_router_policy[MQTT_A_ROUTER + 1] = {
	[MQTT_A_ROUTER] = NLA_POLICY_NESTED(mqtt_nl_router_nest),
};

/* The policy has checked ranges already; so this cannot fail half way. */
static int mqtt_nl_router_params(struct mqtt_router *router, struct genl_info *info)
{
	struct nlattr *tb[MQTT_A_ROUTER_MAX + 1];
	struct nlattr *nest = info->attrs[MQTT_A_ROUTER];
	int err;

	if (!nest)
		return 0;
	err = nla_parse_nested(tb, MQTT_A_ROUTER_MAX, nest, mqtt_nl_router_nest, info->extack);
	if (err)
		return err;

	mutex_lock(&router->lock);
	if (tb[MQTT_A_ROUTER_QUEUE_LIMIT])
		router->queue_limit = nla_get_u64(tb[MQTT_A_ROUTER_QUEUE_LIMIT]);
	if (tb[MQTT_A_ROUTER_OFFLOAD_MAX_PACKET])
		WRITE_ONCE(router->offload_max_packet,
			   nla_get_u32(tb[MQTT_A_ROUTER_OFFLOAD_MAX_PACKET]));
	if (tb[MQTT_A_ROUTER_MEMORY_LIMIT])
		WRITE_ONCE(router->memory.limit, nla_get_u64(tb[MQTT_A_ROUTER_MEMORY_LIMIT]));
	mutex_unlock(&router->lock);
	return 0;
}

static int mqtt_nl_router_new(struct sk_buff *skb, struct genl_info *info)
{
	struct mqtt_router *router;
	int err;

	router = mqtt_router_new(genl_info_net(info), NETLINK_CB(skb).sk, info->snd_portid);
	if (IS_ERR(router)) {
		if (PTR_ERR(router) == -EEXIST)
			NL_SET_ERR_MSG(info->extack,
				       "this network namespace has a router already");
		return PTR_ERR(router);
	}
	err = mqtt_nl_router_params(router, info);
	if (err)
		mqtt_router_end(genl_info_net(info), info->snd_portid, NULL);
	mqtt_router_put(router);
	return err;
}

static int mqtt_nl_router_put_attrs(struct sk_buff *skb, struct mqtt_router *router)
{
	struct nlattr *nest = nla_nest_start(skb, MQTT_A_ROUTER);
	int err;

	if (!nest)
		return -EMSGSIZE;
	mutex_lock(&router->lock);
	err = nla_put_u64_64bit(skb, MQTT_A_ROUTER_QUEUE_LIMIT, router->queue_limit,
				MQTT_A_ROUTER_PAD) ||
	      nla_put_u64_64bit(skb, MQTT_A_ROUTER_MEMORY_LIMIT, router->memory.limit,
				MQTT_A_ROUTER_PAD) ||
	      nla_put_u64_64bit(skb, MQTT_A_ROUTER_MEMORY_BYTES,
				atomic64_read(&router->memory.used), MQTT_A_ROUTER_PAD) ||
	      nla_put_u32(skb, MQTT_A_ROUTER_OFFLOAD_MAX_PACKET, router->offload_max_packet) ||
	      nla_put_u32(skb, MQTT_A_ROUTER_PEERS, router->nr_peers) ||
	      nla_put_u32(skb, MQTT_A_ROUTER_SUBSCRIPTIONS, router->nr_subs) ||
	      nla_put_u32(skb, MQTT_A_ROUTER_NODES, router->trie.nodes) ||
	      nla_put_u32(skb, MQTT_A_ROUTER_PORTS, router->nr_ports) ||
	      nla_put_u32(skb, MQTT_A_ROUTER_ACLS, router->acls.nr) ||
	      nla_put_u32(skb, MQTT_A_ROUTER_OWNER_PORTID, router->owner_portid);
	mutex_unlock(&router->lock);
	if (err)
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int mqtt_nl_stats_put_attrs(struct sk_buff *skb, struct mqtt_router *router)
{
	struct nlattr *nest = nla_nest_start(skb, MQTT_A_STATS);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = mqtt_stats_put(skb, router->stats);
	if (err)
		return err;
	nla_nest_end(skb, nest);
	return 0;
}

static int mqtt_nl_router_reply(struct sk_buff *skb, struct genl_info *info,
				int (*put)(struct sk_buff *reply, struct mqtt_router *router))
{
	struct mqtt_router *router = mqtt_nl_router(skb, info);
	struct sk_buff *reply;
	void *hdr;
	int err;

	if (IS_ERR(router))
		return PTR_ERR(router);
	reply = mqtt_nl_reply_new(info, &hdr);
	err = reply ? put(reply, router) : -ENOMEM;
	mqtt_router_put(router);
	return mqtt_nl_reply_end(reply, hdr, info, err);
}

static int mqtt_nl_router_get(struct sk_buff *skb, struct genl_info *info)
{
	return mqtt_nl_router_reply(skb, info, mqtt_nl_router_put_attrs);
}

static int mqtt_nl_stats_get(struct sk_buff *skb, struct genl_info *info)
{
	return mqtt_nl_router_reply(skb, info, mqtt_nl_stats_put_attrs);
}

static int mqtt_nl_router_set(struct sk_buff *skb, struct genl_info *info)
{
	struct mqtt_router *router = mqtt_nl_router(skb, info);
	int err;

	if (IS_ERR(router))
		return PTR_ERR(router);
	err = mqtt_nl_router_params(router, info);
	mqtt_router_put(router);
	return err;
}

static int mqtt_nl_router_del(struct sk_buff *skb, struct genl_info *info)
{
	struct mqtt_router *router = mqtt_nl_router(skb, info);
	u32 portid;

	if (IS_ERR(router))
		return PTR_ERR(router);
	portid = router->owner_portid;
	mqtt_router_put(router);
	mqtt_router_end(genl_info_net(info), portid, info->extack);
	return 0;
}

/* Refuses every attribute; with none at all genetlink would not look at them. */
static const struct nla_policy mqtt_nl_empty_policy[MQTT_A_ROUTER + 1] = {};

static const struct genl_ops mqtt_genl_ops[] = {
	{
		.cmd = MQTT_CMD_ROUTER_NEW,
		.doit = mqtt_nl_router_new,
		.flags = GENL_UNS_ADMIN_PERM,
		.policy = mqtt_nl_router_policy,
		.maxattr = MQTT_A_ROUTER,
	}, {
		.cmd = MQTT_CMD_ROUTER_GET,
		.doit = mqtt_nl_router_get,
		.policy = mqtt_nl_empty_policy,
		.maxattr = MQTT_A_ROUTER,
	}, {
		.cmd = MQTT_CMD_ROUTER_SET,
		.doit = mqtt_nl_router_set,
		.policy = mqtt_nl_router_policy,
		.maxattr = MQTT_A_ROUTER,
	}, {
		.cmd = MQTT_CMD_ROUTER_DEL,
		.doit = mqtt_nl_router_del,
		.policy = mqtt_nl_empty_policy,
		.maxattr = MQTT_A_ROUTER,
	}, {
		.cmd = MQTT_CMD_PEER_ATTACH,
		.doit = mqtt_nl_peer_attach,
		.policy = mqtt_nl_peer_attach_policy,
		.maxattr = MQTT_A_PEER,
	}, {
		.cmd = MQTT_CMD_PEER_DETACH,
		.doit = mqtt_nl_peer_detach,
		.policy = mqtt_nl_peer_detach_policy,
		.maxattr = MQTT_A_PEER,
	}, {
		.cmd = MQTT_CMD_PEER_SET,
		.doit = mqtt_nl_peer_set,
		.policy = mqtt_nl_peer_set_policy,
		.maxattr = MQTT_A_PEER,
	}, {
		.cmd = MQTT_CMD_PEER_GET,
		.doit = mqtt_nl_peer_get,
		.start = mqtt_nl_dump_start,
		.dumpit = mqtt_nl_peer_dump,
		.done = mqtt_nl_dump_done,
		.policy = mqtt_nl_peer_id_policy,
		.maxattr = MQTT_A_PEER,
	}, {
		.cmd = MQTT_CMD_SUB_ADD,
		.doit = mqtt_nl_sub_add,
		.policy = mqtt_nl_sub_add_policy,
		.maxattr = MQTT_A_SUB,
	}, {
		.cmd = MQTT_CMD_SUB_DEL,
		.doit = mqtt_nl_sub_del,
		.policy = mqtt_nl_sub_del_policy,
		.maxattr = MQTT_A_SUB,
	}, {
		.cmd = MQTT_CMD_SUB_GET,
		.start = mqtt_nl_dump_start,
		.dumpit = mqtt_nl_sub_dump,
		.done = mqtt_nl_dump_done,
		.policy = mqtt_nl_peer_id_policy,
		.maxattr = MQTT_A_PEER,
	}, {
		.cmd = MQTT_CMD_STATS_GET,
		.doit = mqtt_nl_stats_get,
		.policy = mqtt_nl_empty_policy,
		.maxattr = MQTT_A_ROUTER,
	}, {
		.cmd = MQTT_CMD_PORT_ADD,
		.doit = mqtt_nl_port_add,
		.policy = mqtt_nl_port_add_policy,
		.maxattr = MQTT_A_PORT,
	}, {
		.cmd = MQTT_CMD_PORT_GET,
		.doit = mqtt_nl_port_get,
		.start = mqtt_nl_dump_start,
		.dumpit = mqtt_nl_port_dump,
		.done = mqtt_nl_dump_done,
		.policy = mqtt_nl_port_id_policy,
		.maxattr = MQTT_A_PORT,
	}, {
		.cmd = MQTT_CMD_ACL_SET,
		.doit = mqtt_nl_acl_set,
		.policy = mqtt_nl_acl_set_policy,
		.maxattr = MQTT_A_ACL_RULE,
	}, {
		.cmd = MQTT_CMD_ACL_DEL,
		.doit = mqtt_nl_acl_del,
		.policy = mqtt_nl_acl_id_policy,
		.maxattr = MQTT_A_ACL,
	}, {
		.cmd = MQTT_CMD_ACL_GET,
		.start = mqtt_nl_acl_dump_start,
		.dumpit = mqtt_nl_acl_dump,
		.done = mqtt_nl_dump_done,
		.policy = mqtt_nl_acl_id_policy,
		.maxattr = MQTT_A_ACL,
	},
};

struct genl_family mqtt_genl_family __ro_after_init = {
	.name = MQTT_GENL_NAME,
	.version = MQTT_GENL_VERSION,
	.module = THIS_MODULE,
	.netnsok = true,
	.parallel_ops = true,
	.ops = mqtt_genl_ops,
	.n_ops = ARRAY_SIZE(mqtt_genl_ops),
	.mcgrps = mqtt_event_groups,
	.n_mcgrps = ARRAY_SIZE(mqtt_event_groups),
	.resv_start_op = MQTT_CMD_UNSPEC + 1,
};

/* What a socket has begun to send ends with it. */
static void mqtt_nl_forget(struct net *net, u32 portid)
{
	const struct mqtt_acl_sender sender = { .portid = portid };
	struct mqtt_router *router = mqtt_router_get(net);

	if (!router)
		return;
	mqtt_acl_stage_drop(router, &sender);
	mqtt_router_put(router);
}

/* A router dies with the socket that made it. Nobody's socket is waited for here. */
static int mqtt_nl_notify(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct netlink_notify *notify = ptr;

	if (event == NETLINK_URELEASE && notify->protocol == NETLINK_GENERIC && notify->portid) {
		mqtt_nl_forget(notify->net, notify->portid);
		mqtt_router_end_later(notify->net, notify->portid);
	}
	return NOTIFY_DONE;
}

static struct notifier_block mqtt_nl_notifier = {
	.notifier_call = mqtt_nl_notify,
};

int __init mqtt_netlink_module_init(void)
{
	int err;

	err = netlink_register_notifier(&mqtt_nl_notifier);
	if (err)
		return err;
	err = genl_register_family(&mqtt_genl_family);
	if (err)
		netlink_unregister_notifier(&mqtt_nl_notifier);
	return err;
}

void mqtt_netlink_module_exit(void)
{
	genl_unregister_family(&mqtt_genl_family);
	netlink_unregister_notifier(&mqtt_nl_notifier);
}
