// SPDX-License-Identifier: MIT
/*
 * Loopback TCP connections and bounded I/O. See tcp.h.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ksft.h"
#include "tcp.h"

void tcp_netns_new(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd;

	CHECK_SYS(unshare(CLONE_NEWNET));
	fd = CHECK_SYS(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	CHECK_SYS(ioctl(fd, SIOCGIFFLAGS, &ifr));
	ifr.ifr_flags |= IFF_UP;
	CHECK_SYS(ioctl(fd, SIOCSIFFLAGS, &ifr));
	close(fd);
}

static socklen_t loopback(int family, struct sockaddr_in6 *addr)
{
	struct sockaddr_in *in = (struct sockaddr_in *)addr;

	memset(addr, 0, sizeof(*addr));
	if (family == AF_INET6) {
		addr->sin6_family = AF_INET6;
		addr->sin6_addr = in6addr_loopback;
		return sizeof(*addr);
	}
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(*in);
}

int tcp_listen(int family, int rcvbuf, struct sockaddr_in6 *addr, socklen_t *len)
{
	int fd = CHECK_SYS(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	*len = loopback(family, addr);
	if (rcvbuf)
		tcp_set_int(fd, SOL_SOCKET, SO_RCVBUF, rcvbuf);
	CHECK_SYS(bind(fd, (struct sockaddr *)addr, *len));
	CHECK_SYS(listen(fd, 8));
	CHECK_SYS(getsockname(fd, (struct sockaddr *)addr, len));
	return fd;
}

static int connect_once(const struct tcp_options *opt, const struct sockaddr_in6 *addr,
			socklen_t len)
{
	int fd = CHECK_SYS(socket(opt->family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (opt->client_rcvbuf)
		tcp_set_int(fd, SOL_SOCKET, SO_RCVBUF, opt->client_rcvbuf);
	if (opt->client_sndbuf)
		tcp_set_int(fd, SOL_SOCKET, SO_SNDBUF, opt->client_sndbuf);
	if (!connect(fd, (const struct sockaddr *)addr, len))
		return fd;
	/* Among thousands of connections a port's last one may still be ending. */
	CHECK(errno == ECONNRESET);
	close(fd);
	return -1;
}

void tcp_pair(const struct tcp_options *opt, int *client, int *server)
{
	struct sockaddr_in6 addr;
	socklen_t len;
	int listener;

	listener = tcp_listen(opt->family, opt->server_rcvbuf, &addr, &len);
	*client = connect_once(opt, &addr, len);
	if (*client < 0)
		*client = CHECK_SYS(connect_once(opt, &addr, len));
	*server = CHECK_SYS(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	if (opt->server_sndbuf)
		tcp_set_int(*server, SOL_SOCKET, SO_SNDBUF, opt->server_sndbuf);
	tcp_set_int(*client, IPPROTO_TCP, TCP_NODELAY, 1);
	tcp_set_int(*server, IPPROTO_TCP, TCP_NODELAY, 1);
	close(listener);
}

void tcp_nonblock(int fd, bool on)
{
	int flags = CHECK_SYS(fcntl(fd, F_GETFL));

	CHECK_SYS(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

static short poll_now(int fd, short events, int timeout)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	CHECK_SYS(poll(&pfd, 1, timeout));
	return pfd.revents;
}

bool tcp_is_readable(int fd)
{
	return poll_now(fd, POLLIN, 0) & POLLIN;
}

bool tcp_is_writable(int fd)
{
	return poll_now(fd, POLLOUT, 0) & POLLOUT;
}

short tcp_wait(int fd, short events)
{
	long long left = ksft_deadline() - ksft_now_ms();
	short revents = poll_now(fd, events, left);

	if (!revents)
		FAIL("fd %d: events 0x%x never came", fd, events);
	return revents;
}

void tcp_set_int(int fd, int level, int option, int value)
{
	CHECK_SYS(setsockopt(fd, level, option, &value, sizeof(value)));
}

int tcp_unread(int fd)
{
	int bytes;

	CHECK_SYS(ioctl(fd, SIOCINQ, &bytes));
	return bytes;
}

int tcp_unacked(int fd)
{
	int bytes;

	CHECK_SYS(ioctl(fd, SIOCOUTQ, &bytes));
	return bytes;
}

/*
 * The offset of tcpi_bytes_received is taken from linux/tcp.h (the C
 * library's struct tcp_info ends before it, the two headers conflict).
 */
#define TCPI_BYTES_RECEIVED 128

unsigned long long tcp_received(int fd)
{
	unsigned char info[256] = { 0 };
	unsigned long long bytes;
	socklen_t len = sizeof(info);

	CHECK_SYS(getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len));
	CHECK(len >= TCPI_BYTES_RECEIVED + sizeof(bytes));
	memcpy(&bytes, info + TCPI_BYTES_RECEIVED, sizeof(bytes));
	return bytes;
}

void tcp_send_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len) {
		n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			tcp_wait(fd, POLLOUT);
			continue;
		}
		if (n < 0)
			FAIL("send, %zu bytes left: %s", len, strerror(errno));
		p += n;
		len -= n;
	}
}

void tcp_recv_all(int fd, void *data, size_t len)
{
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		n = recv(fd, (char *)data + got, len - got, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			tcp_wait(fd, POLLIN);
			continue;
		}
		if (n <= 0)
			FAIL("recv, %zu of %zu bytes: %s", got, len,
			     n ? strerror(errno) : "end of stream");
		got += n;
	}
}

static void print_hex(const char *name, const unsigned char *p, size_t len)
{
	char text[3 * 16 + 1] = "";
	size_t i;

	for (i = 0; i < len && i < 16; i++)
		sprintf(text + 3 * i, " %02x", p[i]);
	ksft_note("%s:%s", name, text);
}

void tcp_compare(const char *what, const void *got, const void *want, size_t len)
{
	const unsigned char *g = got, *w = want;
	size_t i;

	if (!memcmp(got, want, len))
		return;
	for (i = 0; g[i] == w[i]; i++)
		;
	print_hex("got ", g + i, len - i);
	print_hex("want", w + i, len - i);
	FAIL("%s: bytes differ at %zu of %zu", what, i, len);
}

void tcp_expect(int fd, const void *want, size_t len)
{
	char *got = malloc(len + 1);

	tcp_recv_all(fd, got, len);
	tcp_compare("received", got, want, len);
	free(got);
}

void tcp_expect_eof(int fd)
{
	char byte;
	ssize_t n;

	do {
		tcp_wait(fd, POLLIN);
		n = recv(fd, &byte, 1, MSG_DONTWAIT);
	} while (n < 0 && errno == EAGAIN);
	if (n)
		FAIL("recv is %zd (%s), want end of stream", n, strerror(errno));
}

void tcp_expect_again(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

	if (n >= 0 || errno != EAGAIN)
		FAIL("recv is %zd, want EAGAIN", n);
}
