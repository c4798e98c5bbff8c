// SPDX-License-Identifier: MIT
/*
 * The router's objects as netlink messages: one function builds the request of
 * one command; exchange.c sends it and reads the answers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include <linux/mqtt.h>

#include "exchange.h"
#include "put.h"

#define SOCKET_BUFFER	(128 * 1024)
/* Bytes of filters in one request; a filter that is longer goes alone. */
#define BATCH_MAX	(32 * 1024)

static const struct nla_policy router_policy[MQTT_A_ROUTER_MAX + 1] = {
	[MQTT_A_ROUTER_QUEUE_LIMIT]		= { .type = NLA_U64 },
	[MQTT_A_ROUTER_OFFLOAD_MAX_PACKET]	= { .type = NLA_U32 },
	[MQTT_A_ROUTER_PEERS]			= { .type = NLA_U32 },
	[MQTT_A_ROUTER_SUBSCRIPTIONS]		= { .type = NLA_U32 },
	[MQTT_A_ROUTER_OWNER_PORTID]		= { .type = NLA_U32 },
	[MQTT_A_ROUTER_NODES]			= { .type = NLA_U32 },
	[MQTT_A_ROUTER_PORTS]			= { .type = NLA_U32 },
	[MQTT_A_ROUTER_MEMORY_LIMIT]		= { .type = NLA_U64 },
	[MQTT_A_ROUTER_MEMORY_BYTES]		= { .type = NLA_U64 },
	[MQTT_A_ROUTER_ACLS]			= { .type = NLA_U32 },
};

static const struct nla_policy peer_policy[MQTT_A_PEER_MAX + 1] = {
	[MQTT_A_PEER_ID]		= { .type = NLA_U32 },
	[MQTT_A_PEER_PROTOCOL]		= { .type = NLA_U8 },
	[MQTT_A_PEER_QUEUE_LIMIT]	= { .type = NLA_U64 },
	[MQTT_A_PEER_QUEUE_BYTES]	= { .type = NLA_U64 },
	[MQTT_A_PEER_QUEUE_PACKETS]	= { .type = NLA_U32 },
	[MQTT_A_PEER_SUBSCRIPTIONS]	= { .type = NLA_U32 },
	[MQTT_A_PEER_STATE]		= { .type = NLA_U32 },
	[MQTT_A_PEER_STATS]		= { .type = NLA_NESTED },
	[MQTT_A_PEER_PORT]		= { .type = NLA_U32 },
	[MQTT_A_PEER_KEEP_ALIVE]	= { .type = NLA_U16 },
	[MQTT_A_PEER_TOPIC_ALIAS_MAX]	= { .type = NLA_U16 },
	[MQTT_A_PEER_MAX_PACKET]	= { .type = NLA_U32 },
	[MQTT_A_PEER_QUEUE_PACKETS_LIMIT] = { .type = NLA_U32 },
	[MQTT_A_PEER_QUEUE_POLICY]	= { .type = NLA_U8 },
	[MQTT_A_PEER_PAUSE]		= { .type = NLA_U16 },
	[MQTT_A_PEER_RATE_PACKETS]	= { .type = NLA_U32 },
	[MQTT_A_PEER_RATE_BYTES]	= { .type = NLA_U64 },
	[MQTT_A_PEER_RATE_POLICY]	= { .type = NLA_U8 },
};

static const struct nla_policy sub_policy[MQTT_A_SUB_MAX + 1] = {
	[MQTT_A_SUB_PEER_ID]		= { .type = NLA_U32 },
	[MQTT_A_SUB_SEQ]		= { .type = NLA_U32 },
	[MQTT_A_SUB_OPTIONS]		= { .type = NLA_U8 },
	[MQTT_A_SUB_ID]			= { .type = NLA_U32 },
};

static const struct nla_policy stats_policy[MQTT_A_STATS_MAX + 1] = {
	[MQTT_A_STATS_RX_PACKETS ... MQTT_A_STATS_TX_RETRIES] = { .type = NLA_U64 },
	[MQTT_A_STATS_RX_PINGS ... MQTT_A_STATS_GROUP_DELIVERIES] = { .type = NLA_U64 },
};

static const struct nla_policy peer_stats_policy[MQTT_A_PEER_STATS_MAX + 1] = {
	[MQTT_A_PEER_STATS_RX_PACKETS ... MQTT_A_PEER_STATS_DROP_NO_MEMORY] = {
		.type = NLA_U64
	},
	[MQTT_A_PEER_STATS_DROP_TOO_LARGE ... MQTT_A_PEER_STATS_MAX] = {
		.type = NLA_U64
	},
};

static const struct nla_policy port_policy[MQTT_A_PORT_MAX + 1] = {
	[MQTT_A_PORT_ID]		= { .type = NLA_U32 },
	[MQTT_A_PORT_FD]		= { .type = NLA_U32 },
	[MQTT_A_PORT_QUEUE_LIMIT]	= { .type = NLA_U64 },
	[MQTT_A_PORT_QUEUE_BYTES]	= { .type = NLA_U64 },
	[MQTT_A_PORT_QUEUE_PACKETS]	= { .type = NLA_U32 },
	[MQTT_A_PORT_PEERS]		= { .type = NLA_U32 },
	[MQTT_A_PORT_RX_PACKETS]	= { .type = NLA_U64 },
	[MQTT_A_PORT_TX_PACKETS]	= { .type = NLA_U64 },
	[MQTT_A_PORT_DROP_QUEUE_FULL]	= { .type = NLA_U64 },
};

static const struct exchange_reply router_reply = {
	.nest = MQTT_A_ROUTER, .max = MQTT_A_ROUTER_MAX, .policy = router_policy
};

static const struct exchange_reply peer_reply = {
	.nest = MQTT_A_PEER, .max = MQTT_A_PEER_MAX, .policy = peer_policy
};

static const struct exchange_reply sub_reply = {
	.nest = MQTT_A_SUB, .max = MQTT_A_SUB_MAX, .policy = sub_policy
};

static const struct exchange_reply stats_reply = {
	.nest = MQTT_A_STATS, .max = MQTT_A_STATS_MAX, .policy = stats_policy
};

static const struct exchange_reply port_reply = {
	.nest = MQTT_A_PORT, .max = MQTT_A_PORT_MAX, .policy = port_policy
};

#define FITS(max)	_Static_assert((max) < EXCHANGE_ATTRS_MAX, "exchange.h has too few")
FITS(MQTT_A_ROUTER_MAX);
FITS(MQTT_A_PEER_MAX);
FITS(MQTT_A_SUB_MAX);
FITS(MQTT_A_STATS_MAX);
FITS(MQTT_A_PORT_MAX);

/* Handles */

/*
 * On failure there is no handle to ask for a sentence: errno says it all.
 * -ENOENT: the family does not exist; others are the socket's.
 */
static int handle_connect(struct mqtt_nl *nl)
{
	const struct timeval timeout = { .tv_sec = EXCHANGE_TIMEOUT };
	const int on = 1;
	int fd, err;

	err = genl_connect(nl->sock);
	if (err < 0)
		return exchange_fail_library(nl, err);
	fd = nl_socket_get_fd(nl->sock);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)))
		return -errno;
	nl_socket_set_buffer_size(nl->sock, SOCKET_BUFFER, SOCKET_BUFFER);
	/* One message can have a filter of 32 KiB: ask its size before reading. */
	nl_socket_enable_msg_peek(nl->sock);

	nl->family = genl_ctrl_resolve(nl->sock, MQTT_GENL_NAME);
	if (nl->family == -NLE_OBJ_NOTFOUND)
		return -ENOENT;
	return nl->family < 0 ? exchange_fail_library(nl, nl->family) : 0;
}

int mqtt_nl_open(struct mqtt_nl **result)
{
	struct mqtt_nl *nl = calloc(1, sizeof(*nl));
	int err = -ENOMEM;

	*result = NULL;
	if (!nl)
		return -ENOMEM;
	nl->sock = nl_socket_alloc();
	if (nl->sock)
		err = handle_connect(nl);
	if (err) {
		mqtt_nl_close(nl);
		return err;
	}
	*result = nl;
	return 0;
}

void mqtt_nl_close(struct mqtt_nl *nl)
{
	if (!nl)
		return;
	nl_socket_free(nl->sock);
	free(nl);
}

const char *mqtt_nl_error(const struct mqtt_nl *nl)
{
	return nl ? nl->error : "no connection to the kernel's router";
}

/* Router */

static int router_write(struct mqtt_nl *nl, uint8_t cmd, const struct mqtt_nl_router *router)
{
	struct nl_msg *msg = request_new(nl, cmd, 0, 0);

	if (msg)
		msg = request_finish(msg, put_router(msg, router));
	return request_run(nl, msg);
}

int mqtt_nl_router_new(struct mqtt_nl *nl, const struct mqtt_nl_router *router)
{
	return router_write(nl, MQTT_CMD_ROUTER_NEW, router);
}

int mqtt_nl_router_set(struct mqtt_nl *nl, const struct mqtt_nl_router *router)
{
	return router_write(nl, MQTT_CMD_ROUTER_SET, router);
}

int mqtt_nl_router_del(struct mqtt_nl *nl)
{
	return request_run(nl, request_new(nl, MQTT_CMD_ROUTER_DEL, 0, 0));
}

int mqtt_nl_router_get(struct mqtt_nl *nl, mqtt_nl_show show, void *arg)
{
	struct nl_msg *msg = request_new(nl, MQTT_CMD_ROUTER_GET, 0, 0);

	return exchange_run(nl, msg, &router_reply, show, arg);
}

int mqtt_nl_stats_get(struct mqtt_nl *nl, mqtt_nl_show show, void *arg)
{
	struct nl_msg *msg = request_new(nl, MQTT_CMD_STATS_GET, 0, 0);

	return exchange_run(nl, msg, &stats_reply, show, arg);
}

/* Peers */

static int show_peer_id(struct nlattr **attrs, void *arg)
{
	uint32_t *peer_id = arg;

	if (attrs[MQTT_A_PEER_ID])
		*peer_id = nla_get_u32(attrs[MQTT_A_PEER_ID]);
	return 0;
}

int mqtt_nl_peer_attach(struct mqtt_nl *nl, const struct mqtt_nl_attach *attach,
			uint32_t *peer_id)
{
	struct nl_msg *msg;
	int err;

	*peer_id = 0;
	if (attach->rx_residue_len > MQTT_RX_RESIDUE_MAX)
		return exchange_fail(nl, -EMSGSIZE, "%zu received bytes are too many to give back",
				     attach->rx_residue_len);
	msg = request_new(nl, MQTT_CMD_PEER_ATTACH, 0, attach->rx_residue_len);
	if (msg)
		msg = request_finish(msg, put_attach(msg, attach));
	err = exchange_run(nl, msg, &peer_reply, show_peer_id, peer_id);
	if (!err && !*peer_id)
		err = exchange_fail(nl, -EBADMSG, "the kernel did not say which peer it made");
	return err;
}

/* A request that names a peer and nothing else. */
static struct nl_msg *peer_request(struct mqtt_nl *nl, uint8_t cmd, int flags,
				   uint32_t peer_id)
{
	struct nl_msg *msg = request_new(nl, cmd, flags, 0);

	return msg ? request_finish(msg, put_peer_id(msg, peer_id)) : NULL;
}

int mqtt_nl_peer_detach(struct mqtt_nl *nl, uint32_t peer_id)
{
	return request_run(nl, peer_request(nl, MQTT_CMD_PEER_DETACH, 0, peer_id));
}

int mqtt_nl_peer_host(struct mqtt_nl *nl, uint32_t peer_id, uint32_t port_id)
{
	struct nl_msg *msg = request_new(nl, MQTT_CMD_PEER_DETACH, 0, 0);

	if (msg)
		msg = request_finish(msg, put_host(msg, peer_id, port_id));
	return request_run(nl, msg);
}

int mqtt_nl_peer_set(struct mqtt_nl *nl, uint32_t peer_id, const struct mqtt_nl_peer_set *set)
{
	struct nl_msg *msg = request_new(nl, MQTT_CMD_PEER_SET, 0, 0);

	if (msg)
		msg = request_finish(msg, put_peer_set(msg, peer_id, set));
	return request_run(nl, msg);
}

int mqtt_nl_peer_get(struct mqtt_nl *nl, uint32_t peer_id, mqtt_nl_show show, void *arg)
{
	struct nl_msg *msg = peer_request(nl, MQTT_CMD_PEER_GET, 0, peer_id);

	return exchange_run(nl, msg, &peer_reply, show, arg);
}

int mqtt_nl_peer_dump(struct mqtt_nl *nl, mqtt_nl_show show, void *arg)
{
	struct nl_msg *msg = request_new(nl, MQTT_CMD_PEER_GET, NLM_F_DUMP, 0);

	return exchange_run(nl, msg, &peer_reply, show, arg);
}

int mqtt_nl_peer_stats(struct nlattr *nest, struct nlattr **attrs)
{
	return nla_parse_nested(attrs, MQTT_A_PEER_STATS_MAX, nest, peer_stats_policy) ?
	       -EBADMSG : 0;
}

/* Ports */

struct port_answer {
	uint32_t id;
	int fd;
};

static int show_port_answer(struct nlattr **attrs, void *arg)
{
	struct port_answer *answer = arg;

	if (attrs[MQTT_A_PORT_ID])
		answer->id = nla_get_u32(attrs[MQTT_A_PORT_ID]);
	if (attrs[MQTT_A_PORT_FD])
		answer->fd = (int)nla_get_u32(attrs[MQTT_A_PORT_FD]);
	return 0;
}

int mqtt_nl_port_add(struct mqtt_nl *nl, uint64_t queue_limit, uint32_t *port_id, int *fd)
{
	struct nl_msg *msg = request_new(nl, MQTT_CMD_PORT_ADD, 0, 0);
	struct port_answer answer = { .fd = -1 };
	int err;

	if (msg)
		msg = request_finish(msg, put_port(msg, 0, queue_limit));
	err = exchange_run(nl, msg, &port_reply, show_port_answer, &answer);
	if (!err && (!answer.id || answer.fd < 0))
		err = exchange_fail(nl, -EBADMSG, "the kernel did not say which port it made");
	if (err && answer.fd >= 0)
		close(answer.fd);
	*port_id = err ? 0 : answer.id;
	*fd = err ? -1 : answer.fd;
	return err;
}

int mqtt_nl_port_get(struct mqtt_nl *nl, uint32_t port_id, mqtt_nl_show show, void *arg)
{
	struct nl_msg *msg = request_new(nl, MQTT_CMD_PORT_GET, 0, 0);

	if (msg)
		msg = request_finish(msg, put_port(msg, port_id, 0));
	return exchange_run(nl, msg, &port_reply, show, arg);
}

int mqtt_nl_port_dump(struct mqtt_nl *nl, mqtt_nl_show show, void *arg)
{
	struct nl_msg *msg = request_new(nl, MQTT_CMD_PORT_GET, NLM_F_DUMP, 0);

	return exchange_run(nl, msg, &port_reply, show, arg);
}

/* Subscriptions */

static size_t filter_size(const struct mqtt_nl_filter *filter)
{
	int size = nla_total_size((int)filter->len) + nla_total_size(1);

	if (filter->id)
		size += nla_total_size(sizeof(filter->id));
	if (filter->group)
		size += nla_total_size((int)filter->group_len);
	return (size_t)nla_total_size(size);
}

/* How many of the @n filters go into one request, at least one; their @size. */
static size_t batch_measure(const struct mqtt_nl_filter *filters, size_t n, size_t *size)
{
	size_t i;

	*size = filter_size(&filters[0]);
	for (i = 1; i < n; i++) {
		if (*size + filter_size(&filters[i]) > BATCH_MAX)
			break;
		*size += filter_size(&filters[i]);
	}
	return i;
}

static int batch_send(struct mqtt_nl *nl, uint8_t cmd, uint32_t peer_id,
		      const struct mqtt_nl_filter *filters, size_t n, size_t size)
{
	struct nl_msg *msg = request_new(nl, cmd, 0, size);
	int err;

	if (msg) {
		err = put_peer_id(msg, peer_id);
		for (size_t i = 0; !err && i < n; i++)
			err = put_filter(msg, &filters[i], cmd == MQTT_CMD_SUB_ADD);
		msg = request_finish(msg, err);
	}
	return request_run(nl, msg);
}

/* @done: how many filters the kernel has accepted, whatever is returned. */
static int filters_send(struct mqtt_nl *nl, uint8_t cmd, uint32_t peer_id,
			const struct mqtt_nl_filter *filters, size_t n, size_t *done)
{
	size_t count, size;
	int err = 0;

	for (*done = 0; *done < n; *done += count) {
		count = batch_measure(filters + *done, n - *done, &size);
		err = batch_send(nl, cmd, peer_id, filters + *done, count, size);
		if (err)
			break;
	}
	return err;
}

/* What no message can hold is refused before the first one is sent. */
static int filters_check(struct mqtt_nl *nl, const struct mqtt_nl_filter *filters, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (filters[i].len > MQTT_FILTER_MAX)
			return exchange_fail(nl, -EMSGSIZE, "a filter of %zu bytes is too long",
					     filters[i].len);
		if (filters[i].group && filters[i].group_len > MQTT_GROUP_MAX)
			return exchange_fail(nl, -EMSGSIZE, "a ShareName of %zu bytes is too long",
					     filters[i].group_len);
	}
	return 0;
}

/*
 * One by one: a message in which the kernel misses a filter, because an
 * earlier one has named it too, would delete none.
 */
static void filters_withdraw(struct mqtt_nl *nl, uint32_t peer_id,
			     const struct mqtt_nl_filter *filters, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && err != -ETIMEDOUT; i++)
		err = batch_send(nl, MQTT_CMD_SUB_DEL, peer_id, &filters[i], 1,
				 filter_size(&filters[i]));
}

int mqtt_nl_sub_add(struct mqtt_nl *nl, uint32_t peer_id,
		    const struct mqtt_nl_filter *filters, size_t n)
{
	char error[sizeof(nl->error)];
	size_t done;
	int err;

	err = filters_check(nl, filters, n);
	if (err)
		return err;
	err = filters_send(nl, MQTT_CMD_SUB_ADD, peer_id, filters, n, &done);
	if (!err || !done)
		return err;

	memcpy(error, nl->error, sizeof(error));
	filters_withdraw(nl, peer_id, filters, done);
	memcpy(nl->error, error, sizeof(error));
	return err;
}

int mqtt_nl_sub_del(struct mqtt_nl *nl, uint32_t peer_id,
		    const struct mqtt_nl_filter *filters, size_t n)
{
	size_t done;
	int err;

	err = filters_check(nl, filters, n);
	return err ? err : filters_send(nl, MQTT_CMD_SUB_DEL, peer_id, filters, n, &done);
}

int mqtt_nl_sub_dump(struct mqtt_nl *nl, uint32_t peer_id, mqtt_nl_show show, void *arg)
{
	struct nl_msg *msg;

	if (peer_id)
		msg = peer_request(nl, MQTT_CMD_SUB_GET, NLM_F_DUMP, peer_id);
	else
		msg = request_new(nl, MQTT_CMD_SUB_GET, NLM_F_DUMP, 0);
	return exchange_run(nl, msg, &sub_reply, show, arg);
}
