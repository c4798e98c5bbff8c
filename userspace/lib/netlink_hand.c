// SPDX-License-Identifier: MIT
/*
 * A handle in another process's hands: its socket, and what that is to the kernel, goes
 * from one to the other.
 */
#include <errno.h>
#include <stdlib.h>

#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/netlink.h>

#include "exchange.h"

int mqtt_nl_fd(const struct mqtt_nl *nl)
{
	return nl_socket_get_fd(nl->sock);
}

static int take(struct mqtt_nl *nl, int fd)
{
	int err = nl_socket_set_fd(nl->sock, NETLINK_GENERIC, fd);

	if (err < 0)
		return exchange_fail_library(nl, err);
	/* The rest is the socket's, and was set when it was opened. */
	nl_socket_enable_msg_peek(nl->sock);
	nl->family = genl_ctrl_resolve(nl->sock, MQTT_GENL_NAME);
	if (nl->family >= 0)
		return 0;
	err = exchange_fail_library(nl, nl->family);
	nl_socket_set_fd(nl->sock, NETLINK_GENERIC, -1);
	return err;
}

int mqtt_nl_adopt(struct mqtt_nl **result, int fd)
{
	struct mqtt_nl *nl = calloc(1, sizeof(*nl));
	int err = -ENOMEM;

	*result = NULL;
	if (!nl)
		return -ENOMEM;
	nl->sock = nl_socket_alloc();
	if (nl->sock)
		err = take(nl, fd);
	if (err) {
		mqtt_nl_close(nl);
		return err;
	}
	*result = nl;
	return 0;
}
