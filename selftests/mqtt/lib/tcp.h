/* SPDX-License-Identifier: MIT */
/*
 * TCP connections on the loopback device of the test's own network
 * namespace, and reads and writes that end at a deadline.
 */
#ifndef SELFTESTS_TCP_H
#define SELFTESTS_TCP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Enter a new network namespace and bring its loopback device up. */
void tcp_netns_new(void);

/* Buffer sizes in bytes, 0 for the system's. */
struct tcp_options {
	int family;			/* AF_INET or AF_INET6 */
	int client_rcvbuf;
	int client_sndbuf;
	int server_rcvbuf;
	int server_sndbuf;
};

int tcp_listen(int family, int rcvbuf, struct sockaddr_in6 *addr, socklen_t *len);

/* An established connection; both ends TCP_NODELAY, blocking. */
void tcp_pair(const struct tcp_options *opt, int *client, int *server);

void tcp_nonblock(int fd, bool on);
bool tcp_is_readable(int fd);		/* now, POLLIN */
bool tcp_is_writable(int fd);		/* now, POLLOUT */
short tcp_wait(int fd, short events);	/* poll() until the deadline; fails then */
void tcp_set_int(int fd, int level, int option, int value);
int tcp_unread(int fd);			/* SIOCINQ */
int tcp_unacked(int fd);		/* SIOCOUTQ */

/* Bytes that arrived in order at this end since it was connected. */
unsigned long long tcp_received(int fd);

void tcp_send_all(int fd, const void *data, size_t len);
void tcp_recv_all(int fd, void *data, size_t len);
void tcp_expect(int fd, const void *want, size_t len);
void tcp_expect_eof(int fd);
void tcp_expect_again(int fd);		/* recv() now is EAGAIN */
void tcp_compare(const char *what, const void *got, const void *want, size_t len);

#endif /* SELFTESTS_TCP_H */
