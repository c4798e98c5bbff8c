// SPDX-License-Identifier: MIT
/*
 * TCP connections, with and without the kernel's router on them, and Unix sockets.
 * All are the same calls on a descriptor: the module has seen to that.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "timer.h"
#include "transport.h"

static ssize_t socket_recv(struct conn *conn, void *buf, size_t len)
{
	ssize_t n = recv(conn->fd, buf, len, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static ssize_t socket_sendv(struct conn *conn, const struct iovec *iov, int n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	ssize_t sent = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	return sent < 0 ? -errno : sent;
}

static void socket_close(struct conn *conn)
{
	close(conn->fd);
}

/* TCP has the time of its last data segment: nothing needs to be noted on reading. */
int64_t transport_tcp_idle(const struct conn *conn)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return INT64_MAX;
	return info.tcpi_last_data_recv;
}

const struct transport transport_plain = {
	.name = "tcp",
	.recv = socket_recv,
	.sendv = socket_sendv,
	.close = socket_close,
	.idle = transport_tcp_idle,
	.tcp = true,
};

const struct transport transport_offloaded = {
	.name = "tcp",
	.recv = socket_recv,
	.sendv = socket_sendv,
	.close = socket_close,
	.idle = transport_tcp_idle,
	.barriers = true,
	.tcp = true,
};

static ssize_t unix_recv(struct conn *conn, void *buf, size_t len)
{
	ssize_t n = socket_recv(conn, buf, len);

	if (n > 0)
		conn->heard = timer_now();
	return n;
}

static int64_t unix_idle(const struct conn *conn)
{
	return timer_now() - conn->heard;
}

const struct transport transport_unix = {
	.name = "unix",
	.recv = unix_recv,
	.sendv = socket_sendv,
	.close = socket_close,
	.idle = unix_idle,
};
