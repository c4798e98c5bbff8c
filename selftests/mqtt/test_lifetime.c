// SPDX-License-Identifier: MIT
/*
 * The end of a peer: its socket closed under traffic, held by other
 * descriptors and processes, shut down; and the end of the router under the
 * sockets.
 */
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/reader.h"
#include "lib/scene.h"

/* Reads @p to its end: whole messages in order. */
static void read_to_end(struct packets *p)
{
	for (;;) {
		if (packets_take_number(p, 1, p->n))
			continue;
		if (p->ended)
			break;
		if (!packets_read(p))
			tcp_wait(p->fd, POLLIN);
	}
}

/* The publisher's connection is closed; what the kernel took is delivered. */
static void close_publisher_under_traffic(void)
{
	struct packets got = { 0 };
	unsigned int next;
	struct traffic t;
	int i;

	scene_start();
	got.fd = sub.client;
	for (i = 0; i < ksft_scale(15, 5); i++) {
		t = traffic_from(&pub);
		traffic_start(&t);
		next = 1 + ksft_random(200);
		packets_expect(&got, 1, 0, next);
		close(pub.fd);
		WAIT_UNTIL(rig_peer_count() == 1);
		traffic_join(&t);
		close(pub.client);
		rig_open_sub(&pub, "nothing/else");
		/* the rest of it, then a mark from the same publisher's successor */
		rig_send_bytes(&pub, &fast);
		while (!packets_take(&got, fast.p, fast.len)) {
			if (packets_take_number(&got, 1, next))
				next++;
			else
				packets_wait(&got);
		}
	}
	rig_check_balance_racy();
}

/* The subscriber's connection is closed; it ends behind what TCP had. */
static void close_subscriber_under_traffic(void)
{
	struct packets got;
	struct traffic t;
	int i;

	scene_start();
	for (i = 0; i < ksft_scale(15, 5); i++) {
		t = traffic_from(&pub);
		got = (struct packets){ .fd = sub.client };
		traffic_start(&t);
		packets_expect(&got, 1, 0, 1 + ksft_random(200));
		close(sub.fd);
		read_to_end(&got);
		traffic_stop(&t);
		traffic_join(&t);
		close(sub.client);
		bytes_free(&got.buf);
		WAIT_UNTIL(rig_peer_count() == 1);
		rig_open_sub(&sub, "t/u");
		rig_fence(&sub);
	}
	rig_check_balance_racy();
}

/* A subscriber that vanishes (reset) while the kernel sends to it. */
static void reset_subscriber_under_traffic(void)
{
	struct linger now = { .l_onoff = 1 };
	struct packets got;
	struct traffic t;
	int i;

	scene_start();
	for (i = 0; i < ksft_scale(15, 5); i++) {
		t = traffic_from(&pub);
		got = (struct packets){ .fd = sub.client };
		traffic_start(&t);
		packets_expect(&got, 1, 0, 1 + ksft_random(200));
		CHECK_SYS(setsockopt(sub.client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
		close(sub.client);
		CHECK(tcp_wait(sub.fd, POLLIN) & (POLLHUP | POLLERR));
		close(sub.fd);
		WAIT_UNTIL(rig_peer_count() == 1);
		traffic_stop(&t);
		traffic_join(&t);
		bytes_free(&got.buf);
		/* The last of it is routed, or the next subscriber would get that. */
		WAIT_UNTIL(!tcp_unacked(pub.client) && !tcp_unread(pub.fd));
		rig_open_sub(&sub, "t/u");
		rig_fence(&sub);
	}
	rig_check_balance_racy();
}

static void check_alive(void)
{
	rig_send_bytes(&pub, &slow);
	rig_send_bytes(&pub, &fast);
	rig_daemon_expect(&pub, &slow);
	tcp_expect(sub.client, fast.p, fast.len);
}

/* A peer lives as long as any descriptor of its socket. */
static void duplicate(void)
{
	int copy;

	scene_start();
	copy = CHECK_SYS(dup(pub.fd));
	close(pub.fd);
	pub.fd = copy;
	check_alive();
	CHECK_EQ(rig_peer_count(), 2);
	close(copy);
	WAIT_UNTIL(rig_peer_count() == 1);
	tcp_expect_eof(pub.client);
}

/* Reads from the attached socket in another process; its exit status. */
static int child_reads(int fd)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		tcp_expect(fd, slow.p, slow.len);
		ksft_exit(0);
	}
	CHECK_SYS(waitpid(pid, &status, 0));
	return status;
}

static void fork_inherits(void)
{
	scene_start();
	rig_send_bytes(&pub, &slow);
	rig_send_bytes(&pub, &fast);
	CHECK_EQ(child_reads(pub.fd), 0);
	tcp_expect(sub.client, fast.p, fast.len);
	check_alive();
}

static void send_fd(int via, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec iov = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	CHECK_SYS(sendmsg(via, &msg, 0));
}

static int receive_fd(int via)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	CHECK_SYS(recvmsg(via, &msg, 0));
	CHECK(CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* In flight between processes, the socket has no descriptor at all. */
static void passed_descriptor(void)
{
	int pair[2];

	scene_start();
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	send_fd(pair[0], pub.fd);
	close(pub.fd);
	tcp_send_all(pub.client, slow.p, slow.len);
	tcp_send_all(pub.client, fast.p, fast.len);
	rig_fence(&sub);
	pub.fd = receive_fd(pair[1]);
	rig_daemon_expect(&pub, &slow);
	tcp_expect(sub.client, fast.p, fast.len);
	check_alive();
}

/* The daemon ends its sending direction: nothing of the kernel's follows. */
static void shutdown_write(void)
{
	scene_start();
	CHECK_SYS(shutdown(sub.fd, SHUT_WR));
	rig_send_bytes(&pub, &fast);
	tcp_expect_eof(sub.client);
	rig_send_bytes(&sub, &slow);
	rig_daemon_expect(&sub, &slow);
	close(sub.client);
	close(sub.fd);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_send_bytes(&pub, &slow);
	rig_daemon_expect(&pub, &slow);
}

static void shutdown_read(void)
{
	struct reader r;

	scene_start();
	reader_start(&r, pub.fd, 10, 0);
	CHECK_SYS(shutdown(pub.fd, SHUT_RD));
	reader_join(&r);
	CHECK_EQ(r.ret, 0);
	tcp_expect_eof(pub.fd);
	close(pub.fd);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_fence(&sub);
}

/* The owner is gone: the sockets are plain TCP again, with all bytes. */
static void owner_closes(void)
{
	struct reader r;
	struct bytes b = { 0 };

	scene_start();
	bytes_put(&b, slow.p, slow.len);
	bytes_put(&b, fast.p, fast.len);
	bytes_put(&b, fast.p, fast.len - 2);
	rig_send_bytes(&pub, &b);
	reader_start(&r, sub.fd, 100, 0);
	mqtt_nl_close(rig_nl);
	rig_nl = NULL;
	rig_daemon_expect(&pub, &b);
	tcp_expect_again(pub.fd);
	rig_send(&pub, fast.p, fast.len);
	rig_daemon_expect(&pub, &fast);
	rig_send_bytes(&sub, &fast);
	reader_expect(&r, fast.p, fast.len);
	CHECK_SYS(send(sub.fd, "hello", 5, 0));
	tcp_expect(sub.client, "hello", 5);
}

static void router_del(void)
{
	scene_start();
	rig_send_bytes(&pub, &slow);
	rig_send_bytes(&pub, &fast);
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	rig_daemon_expect(&pub, &slow);
	rig_daemon_expect(&pub, &fast);
	CHECK(mqtt_nl_peer_detach(rig_nl, sub.id) < 0);
	/* and a new one by the same owner */
	CHECK_EQ(mqtt_nl_router_new(rig_nl, &(struct mqtt_nl_router){ 0 }), 0);
	rig_attach(&pub);
	rig_attach(&sub);
	rig_sub(&sub, "t/u");
	check_alive();
}

/* The owner is killed under traffic; another process holds the sockets. */
static void owner_killed_under_traffic(void)
{
	struct rig_peer to = { 0 }, from = { 0 };
	struct packets got = { 0 }, rest = { 0 };
	unsigned int source;
	int ready[2], status;
	struct traffic t;
	long first;
	pid_t pid;

	rig_connect(&from, NULL);
	rig_connect(&to, NULL);
	CHECK_SYS(pipe(ready));
	pid = CHECK_SYS(fork());
	if (!pid) {
		rig_start();
		rig_attach(&from);
		rig_attach(&to);
		rig_sub(&to, "t/u");
		CHECK_SYS(write(ready[1], "", 1));
		pause();
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &status, 1), 1);
	t = traffic_from(&from);
	traffic_start(&t);
	got.fd = to.client;
	rest.fd = from.fd;
	packets_expect(&got, 1, 0, 500);
	kill(pid, SIGKILL);
	CHECK_SYS(waitpid(pid, &status, 0));
	CHECK(WIFSIGNALED(status));
	while (packets_take_number(&got, 1, got.n) || packets_read(&got))
		;
	/* From some message on, all of them are in the publisher's socket. */
	while ((first = packets_take_any(&rest, &source)) < 0)
		packets_wait(&rest);
	ksft_note("%u messages before the end, %ld after", got.n, first);
	CHECK(first >= got.n);
	packets_expect(&rest, 1, first + 1, 100);
	traffic_stop(&t);
	close(from.fd);
	traffic_join(&t);
}

static const struct ksft_case cases[] = {
	{ "close_publisher_under_traffic", close_publisher_under_traffic },
	{ "close_subscriber_under_traffic", close_subscriber_under_traffic },
	{ "reset_subscriber_under_traffic", reset_subscriber_under_traffic },
	{ "duplicate", duplicate },
	{ "fork_inherits", fork_inherits },
	{ "passed_descriptor", passed_descriptor },
	{ "shutdown_write", shutdown_write },
	{ "shutdown_read", shutdown_read },
	{ "owner_closes", owner_closes },
	{ "router_del", router_del },
	{ "owner_killed_under_traffic", owner_killed_under_traffic },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
