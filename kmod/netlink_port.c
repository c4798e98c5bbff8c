// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink: ports. Only their life; what they carry goes by read() and
 * write().
 */
#include <linux/fdtable.h>
#include <linux/file.h>

#include "netlink.h"
#include "port.h"
#include "router.h"

static const struct nla_policy mqtt_nl_port_add_nest[MQTT_A_PORT_MAX + 1] = {
	[MQTT_A_PORT_QUEUE_LIMIT] =
		NLA_POLICY_FULL_RANGE(NLA_U64, &mqtt_nl_queue_limit_range),
};

static const struct nla_policy mqtt_nl_port_id_nest[MQTT_A_PORT_MAX + 1] = {
	[MQTT_A_PORT_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

const struct nla_policy mqtt_nl_port_add_policy[MQTT_A_PORT + 1] = {
	[MQTT_A_PORT] = NLA_POLICY_NESTED(mqtt_nl_port_add_nest),
};

const struct nla_policy mqtt_nl_port_id_policy[MQTT_A_PORT + 1] = {
	[MQTT_A_PORT] = NLA_POLICY_NESTED(mqtt_nl_port_id_nest),
};

static int mqtt_nl_port_limit(struct genl_info *info, u64 *limit)
{
	struct nlattr *nest = info->attrs[MQTT_A_PORT];
	struct nlattr *tb[MQTT_A_PORT_MAX + 1];
	int err;

	*limit = MQTT_QUEUE_LIMIT_DEFAULT;
	if (!nest)
		return 0;
	err = nla_parse_nested(tb, MQTT_A_PORT_MAX, nest, mqtt_nl_port_add_nest, info->extack);
	if (!err && tb[MQTT_A_PORT_QUEUE_LIMIT])
		*limit = nla_get_u64(tb[MQTT_A_PORT_QUEUE_LIMIT]);
	return err;
}

/* Returns the port's file, and its id in @id. */
static struct file *mqtt_nl_port_open(struct mqtt_router *router, u64 limit, u32 *id,
				      struct netlink_ext_ack *extack)
{
	struct mqtt_port *port;
	struct file *file;

	mutex_lock(&router->lock);
	if (router->dead) {
		NL_SET_ERR_MSG(extack, "the router has just ended");
		file = ERR_PTR(-ENODEV);
		goto out;
	}
	port = mqtt_port_new(router, limit);
	if (IS_ERR(port)) {
		if (PTR_ERR(port) == -ENOSPC)
			NL_SET_ERR_MSG(extack, "too many ports");
		file = ERR_CAST(port);
		goto out;
	}
	*id = port->id;
	file = mqtt_port_file(port);
out:
	mutex_unlock(&router->lock);
	return file;
}

static int mqtt_nl_put_new_port(struct sk_buff *skb, u32 id, int fd)
{
	struct nlattr *nest = nla_nest_start(skb, MQTT_A_PORT);

	if (!nest || nla_put_u32(skb, MQTT_A_PORT_ID, id) ||
	    nla_put_u32(skb, MQTT_A_PORT_FD, fd))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* The descriptor becomes valid when nothing can fail any more. */
static int mqtt_nl_port_reply(struct genl_info *info, struct file *file, u32 id, int fd)
{
	struct sk_buff *reply;
	void *hdr;
	int err;

	reply = mqtt_nl_reply_new(info, &hdr);
	err = reply ? mqtt_nl_reply_end(reply, hdr, info, mqtt_nl_put_new_port(reply, id, fd)) :
	      -ENOMEM;
	if (!err)
		fd_install(fd, file);
	else
		fput(file);
	return err;
}

int mqtt_nl_port_add(struct sk_buff *skb, struct genl_info *info)
{
	struct mqtt_router *router;
	struct file *file;
	u64 limit;
	int fd, err;
	u32 id;

	err = mqtt_nl_port_limit(info, &limit);
	if (err)
		return err;
	router = mqtt_nl_router(skb, info);
	if (IS_ERR(router))
		return PTR_ERR(router);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		err = fd;
		NL_SET_ERR_MSG(info->extack, "no file descriptor is free");
		goto out;
	}
	file = mqtt_nl_port_open(router, limit, &id, info->extack);
	err = IS_ERR(file) ? PTR_ERR(file) : mqtt_nl_port_reply(info, file, id, fd);
	if (err)
		put_unused_fd(fd);
out:
	mqtt_router_put(router);
	return err;
}

/* The router's lock is held. */
static int mqtt_nl_put_port(struct sk_buff *skb, struct mqtt_port *port)
{
	struct nlattr *nest = nla_nest_start(skb, MQTT_A_PORT);

	if (!nest || nla_put_u32(skb, MQTT_A_PORT_ID, port->id) ||
	    nla_put_u64_64bit(skb, MQTT_A_PORT_QUEUE_LIMIT, port->limit, MQTT_A_PORT_PAD) ||
	    nla_put_u64_64bit(skb, MQTT_A_PORT_QUEUE_BYTES, mqtt_queue_hint(port->queue.bytes),
			      MQTT_A_PORT_PAD) ||
	    nla_put_u32(skb, MQTT_A_PORT_QUEUE_PACKETS, mqtt_queue_hint(port->queue.packets)) ||
	    nla_put_u32(skb, MQTT_A_PORT_PEERS, port->nr_peers) ||
	    nla_put_u64_64bit(skb, MQTT_A_PORT_RX_PACKETS, atomic64_read(&port->rx_packets),
			      MQTT_A_PORT_PAD) ||
	    nla_put_u64_64bit(skb, MQTT_A_PORT_TX_PACKETS, READ_ONCE(port->tx_packets),
			      MQTT_A_PORT_PAD) ||
	    nla_put_u64_64bit(skb, MQTT_A_PORT_DROP_QUEUE_FULL, READ_ONCE(port->drops),
			      MQTT_A_PORT_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int mqtt_nl_port_id(struct nlattr **attrs, struct netlink_ext_ack *extack, u32 *id)
{
	struct nlattr *nest = attrs[MQTT_A_PORT];
	struct nlattr *tb[MQTT_A_PORT_MAX + 1];
	int err;

	err = nest ? nla_parse_nested(tb, MQTT_A_PORT_MAX, nest, mqtt_nl_port_id_nest, extack) :
	      -EINVAL;
	if (!err && tb[MQTT_A_PORT_ID]) {
		*id = nla_get_u32(tb[MQTT_A_PORT_ID]);
		return 0;
	}
	if (!err || !nest)
		NL_SET_ERR_MSG(extack, "the port's id is missing");
	return err ?: -EINVAL;
}

int mqtt_nl_port_get(struct sk_buff *skb, struct genl_info *info)
{
	struct mqtt_router *router;
	struct sk_buff *reply;
	struct mqtt_port *port;
	void *hdr;
	u32 id;
	int err;

	err = mqtt_nl_port_id(info->attrs, info->extack, &id);
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
	port = xa_load(&router->ports, id);
	if (port) {
		err = mqtt_nl_put_port(reply, port);
	} else {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[MQTT_A_PORT],
				    "no port has this id");
		err = -ENOENT;
	}
	mutex_unlock(&router->lock);
	err = mqtt_nl_reply_end(reply, hdr, info, err);
out:
	mqtt_router_put(router);
	return err;
}

static int mqtt_nl_dump_port(struct sk_buff *skb, struct netlink_callback *cb,
			     struct mqtt_port *port)
{
	void *hdr = mqtt_nl_dump_begin(skb, cb, MQTT_CMD_PORT_GET);

	return hdr ? mqtt_nl_dump_end(skb, hdr, mqtt_nl_put_port(skb, port)) : -EMSGSIZE;
}

int mqtt_nl_port_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct mqtt_nl_dump *dump = mqtt_nl_dump(cb);
	struct mqtt_port *port;
	unsigned long id;

	mutex_lock(&dump->router->lock);
	xa_for_each_start(&dump->router->ports, id, port, dump->port_id) {
		if (mqtt_nl_dump_port(skb, cb, port))
			break;
		dump->port_id = id + 1;
	}
	mutex_unlock(&dump->router->lock);
	return skb->len;
}
