// SPDX-License-Identifier: MIT
/*
 * TCP connections, with and without the kernel's router on them. Both are the
 * same calls on the same descriptor: the module has seen to that.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "transport.h"

static ssize_t tcp_recv(struct conn *conn, void *buf, size_t len)
{
	ssize_t n = recv(conn->fd, buf, len, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static ssize_t tcp_sendv(struct conn *conn, const struct iovec *iov, int n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	ssize_t sent = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	return sent < 0 ? -errno : sent;
}

const struct transport transport_plain = {
	.name = "user",
	.recv = tcp_recv,
	.sendv = tcp_sendv,
};

const struct transport transport_offloaded = {
	.name = "kernel",
	.recv = tcp_recv,
	.sendv = tcp_sendv,
	.barriers = true,
};

/* TCP has the time of its last data segment: nothing needs to be noted on reading. */
int64_t transport_idle(const struct conn *conn)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return INT64_MAX;
	return info.tcpi_last_data_recv;
}
