// SPDX-License-Identifier: MIT
/* The router's events; see events.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <linux/genetlink.h>
#include <linux/mqtt.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "events.h"

/* Memory for what waits to be read; enough for about a thousand events. */
#define SOCKET_BUFFER	(1024 * 1024)
#define DATAGRAM_MAX	8192

struct mqtt_events {
	struct nl_sock *sock;
	int family;
};

static const struct nla_policy event_policy[MQTT_A_EVENT_MAX + 1] = {
	[MQTT_A_EVENT_TYPE]	= { .type = NLA_U8 },
	[MQTT_A_EVENT_PEER_ID]	= { .type = NLA_U32 },
	[MQTT_A_EVENT_PROTOCOL]	= { .type = NLA_U8 },
};

static int library_error(int nlerr)
{
	switch (-nlerr) {
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
		return -EPERM;
	case NLE_AF_NOSUPPORT:
		return -EAFNOSUPPORT;
	default:
		return -EIO;
	}
}

/* A smaller buffer than wanted is no failure: what is lost will be told. */
static void enlarge_buffer(int fd)
{
	const int size = SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int join(struct mqtt_events *events)
{
	int err, fd, group;

	err = genl_connect(events->sock);
	if (err < 0)
		return library_error(err);
	events->family = genl_ctrl_resolve(events->sock, MQTT_GENL_NAME);
	if (events->family < 0)
		return library_error(events->family);
	group = genl_ctrl_resolve_grp(events->sock, MQTT_GENL_NAME, MQTT_GENL_MCGRP_EVENTS);
	if (group < 0)
		return library_error(group);

	fd = nl_socket_get_fd(events->sock);
	enlarge_buffer(fd);
	err = nl_socket_set_nonblocking(events->sock);
	if (err < 0)
		return library_error(err);
	return setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) ?
	       -errno : 0;
}

int mqtt_events_open(struct mqtt_events **result)
{
	struct mqtt_events *events = calloc(1, sizeof(*events));
	int err = -ENOMEM;

	*result = NULL;
	if (!events)
		return -ENOMEM;
	events->sock = nl_socket_alloc();
	if (events->sock)
		err = join(events);
	if (err) {
		mqtt_events_close(events);
		return err;
	}
	*result = events;
	return 0;
}

void mqtt_events_close(struct mqtt_events *events)
{
	if (!events)
		return;
	nl_socket_free(events->sock);
	free(events);
}

int mqtt_events_fd(const struct mqtt_events *events)
{
	return nl_socket_get_fd(events->sock);
}

/* What is no event of ours is passed over. */
static int show_message(const struct mqtt_events *events, struct nlmsghdr *nlh,
			mqtt_nl_show show, void *arg)
{
	struct nlattr *attrs[MQTT_A_EVENT_MAX + 1] = { NULL };
	const struct genlmsghdr *genl = nlmsg_data(nlh);
	struct nlattr *nest;

	if (nlh->nlmsg_type != events->family || nlmsg_datalen(nlh) < (int)sizeof(*genl) ||
	    genl->cmd != MQTT_CMD_EVENT)
		return 0;
	nest = nla_find(genlmsg_attrdata(genl, 0), genlmsg_attrlen(genl, 0), MQTT_A_EVENT);
	if (!nest || nla_parse_nested(attrs, MQTT_A_EVENT_MAX, nest, event_policy))
		return 0;
	return show(attrs, arg);
}

int mqtt_events_receive(struct mqtt_events *events, mqtt_nl_show show, void *arg)
{
	struct nlmsghdr buf[DATAGRAM_MAX / sizeof(struct nlmsghdr)], *nlh;
	struct sockaddr_nl from = { 0 };
	socklen_t from_len;
	ssize_t n;
	int left, err;

	for (;;) {
		from_len = sizeof(from);
		n = recvfrom(mqtt_events_fd(events), buf, sizeof(buf), 0,
			     (struct sockaddr *)&from, &from_len);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (from.nl_pid)
			continue;		/* not from the kernel */
		left = (int)n;
		for (nlh = buf; nlmsg_ok(nlh, left); nlh = nlmsg_next(nlh, &left)) {
			err = show_message(events, nlh, show, arg);
			if (err)
				return err;	/* one event is one datagram */
		}
	}
}
