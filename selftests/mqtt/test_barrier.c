// SPDX-License-Identifier: MIT
/*
 * Order between what the daemon handles and what the kernel forwards: fast
 * packets wait behind unread slow ones, and behind a barrier packet until
 * the daemon, having read it, calls recv() again. And what recv() and poll
 * look like to a daemon that knows nothing of this.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/reader.h"
#include "lib/rig.h"

static struct rig_peer pub, sub;
static struct bytes slow, fast, both;

static void start(void)
{
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	wire_message(&fast, "t/u", "fast");
}

/* Sends what is in @slow and @fast at once. */
static void send_both(void)
{
	both.len = 0;
	bytes_put(&both, slow.p, slow.len);
	bytes_put(&both, fast.p, fast.len);
	rig_send_bytes(&pub, &both);
}

static void expect_fast(void)
{
	tcp_expect(sub.client, fast.p, fast.len);
}

/* What is in @slow raises a barrier that only the second recv() lifts. */
static void check_barrier(void)
{
	unsigned long long barriers = rig_stat(MQTT_A_STATS_RX_BARRIERS);
	unsigned char buf[4096];

	send_both();
	rig_fence(&sub);
	tcp_wait(pub.fd, POLLIN);
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT), slow.len);
	tcp_compare("barrier packet", buf, slow.p, slow.len);
	rig_fence(&sub);
	CHECK(tcp_is_readable(pub.fd));
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_BARRIER);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_BARRIERS), barriers + 1);
	tcp_expect_again(pub.fd);
	expect_fast();
	CHECK(!tcp_is_readable(pub.fd));
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
}

/* What is in @slow holds fast packets up only until it has been read. */
static void check_no_barrier(void)
{
	unsigned long long barriers = rig_stat(MQTT_A_STATS_RX_BARRIERS);

	send_both();
	rig_fence(&sub);
	tcp_expect(pub.fd, slow.p, slow.len);
	expect_fast();
	CHECK(!tcp_is_readable(pub.fd));
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_BARRIERS), barriers);
}

static void barriers(void)
{
	start();
	wire_subscribe(&slow, "x/y");
	check_barrier();
	slow.len = 0;
	wire_unsubscribe(&slow, "x/y");
	check_barrier();
	slow.len = 0;
	wire_publish(&slow, 0x31, "t/u", "retained", 8);
	check_barrier();
	slow.len = 0;
	wire_publish(&slow, 0x30, "$t/u", "the server's", 12);
	check_barrier();
	slow.len = 0;
	wire_publish_of(&slow, 0x30, "$", 3000, 1);
	check_barrier();
	slow.len = 0;
	wire_disconnect(&slow);
	check_barrier();
}

static void no_barriers(void)
{
	static const unsigned char acks[] = { 0x40, 0x50, 0x62, 0x70 };
	size_t i;

	start();
	wire_puback(&slow, 7);
	check_no_barrier();
	for (i = 0; i < sizeof(acks); i++) {
		slow.len = 0;
		wire_packet(&slow, acks[i], "\x01\x02", 2);
		check_no_barrier();
	}
	for (i = 0x32; i <= 0x3d; i++) {
		if (i == 0x36 || i == 0x37 || i == 0x38 || i == 0x39)
			continue;
		slow.len = 0;
		wire_publish(&slow, i, "t/u", "at least once", 13);
		check_no_barrier();
	}
}

/* The barrier packet read in pieces; its last byte ends a recv(). */
static void barrier_in_pieces(void)
{
	unsigned char buf[64];
	size_t i;

	start();
	wire_subscribe(&slow, "x/y");
	send_both();
	for (i = 0; i < slow.len; i++) {
		CHECK(tcp_is_readable(pub.fd));
		CHECK_EQ(recv(pub.fd, buf, 1, MSG_DONTWAIT), 1);
		CHECK_EQ(buf[0], slow.p[i]);
	}
	rig_fence(&sub);
	tcp_expect_again(pub.fd);
	expect_fast();

	send_both();
	CHECK_EQ(recv(pub.fd, buf, slow.len - 1, MSG_DONTWAIT), slow.len - 1);
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT), 1);
	rig_fence(&sub);
	tcp_expect_again(pub.fd);
	expect_fast();
}

/* The recv() that lifts a barrier returns slow bytes behind it, if any. */
static void slow_behind_barrier(void)
{
	unsigned char buf[64];

	start();
	wire_subscribe(&slow, "x/y");
	rig_send_bytes(&pub, &slow);
	rig_send_bytes(&pub, &slow);
	rig_send(&pub, "\x40\x02\x00\x03", 4);
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT), slow.len);
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT), slow.len);
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT), 4);
	CHECK_EQ(buf[0], 0x40);
	tcp_expect_again(pub.fd);

	rig_send_bytes(&pub, &slow);
	rig_send_bytes(&pub, &fast);
	rig_send(&pub, "\x40\x02\x00\x03", 4);
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT), slow.len);
	rig_fence(&sub);
	tcp_expect(pub.fd, "\x40\x02\x00\x03", 4);
	expect_fast();
}

static void peek_does_not_lift(void)
{
	unsigned char buf[64];
	ssize_t n;

	start();
	wire_subscribe(&slow, "x/y");
	send_both();
	rig_send(&pub, "\x40\x02\x00\x03", 4);
	n = recv(pub.fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
	CHECK_EQ(n, slow.len);
	tcp_compare("peek", buf, slow.p, n);
	CHECK_EQ(recv(pub.fd, buf, 3, MSG_PEEK | MSG_DONTWAIT), 3);
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT), slow.len);
	n = recv(pub.fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
	if (n >= 0 || errno != EAGAIN)
		FAIL("peek behind a barrier is %zd, want EAGAIN", n);
	rig_fence(&sub);
	CHECK(tcp_is_readable(pub.fd));
	tcp_expect(pub.fd, "\x40\x02\x00\x03", 4);
	expect_fast();
}

static void waitall(void)
{
	struct reader r;

	start();
	wire_subscribe(&slow, "some/longer/filter");
	reader_start(&r, pub.fd, slow.len, MSG_WAITALL);
	rig_send(&pub, slow.p, slow.len - 3);
	CHECK(!reader_is_done(&r));
	rig_send(&pub, slow.p + slow.len - 3, 3);
	reader_expect(&r, slow.p, slow.len);

	reader_start(&r, pub.fd, 200, MSG_WAITALL);
	send_both();
	rig_send(&pub, "\x40\x02\x00\x03", 4);
	reader_expect(&r, slow.p, slow.len);
	rig_fence(&sub);
	tcp_expect(pub.fd, "\x40\x02\x00\x03", 4);
	expect_fast();
}

/* MSG_TRUNC throws bytes away; that is reading them. */
static void msg_trunc(void)
{
	start();
	wire_subscribe(&slow, "x/y");
	send_both();
	CHECK_EQ(recv(pub.fd, NULL, 1000, MSG_TRUNC | MSG_DONTWAIT), slow.len);
	rig_fence(&sub);
	tcp_expect_again(pub.fd);
	expect_fast();
}

static int epoll_events(int ep, int timeout)
{
	struct epoll_event ev;
	int n = CHECK_SYS(epoll_wait(ep, &ev, 1, timeout));

	return n ? (int)ev.events : 0;
}

static int epoll_new(int fd, unsigned int events)
{
	struct epoll_event ev = { .events = events };
	int ep = CHECK_SYS(epoll_create1(EPOLL_CLOEXEC));

	CHECK_SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	return ep;
}

static void epoll_level(void)
{
	unsigned char buf[64];
	int ep, i;

	start();
	wire_subscribe(&slow, "x/y");
	ep = epoll_new(pub.fd, EPOLLIN);
	CHECK_EQ(epoll_events(ep, 0), 0);
	rig_send_bytes(&pub, &fast);
	expect_fast();
	CHECK_EQ(epoll_events(ep, 0), 0);
	rig_send(&pub, fast.p, fast.len - 1);
	CHECK_EQ(epoll_events(ep, 0), 0);
	rig_send(&pub, fast.p + fast.len - 1, 1);
	expect_fast();
	send_both();
	for (i = 0; i < 3; i++)
		CHECK_EQ(epoll_events(ep, 10000), EPOLLIN);
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT), slow.len);
	for (i = 0; i < 3; i++)
		CHECK_EQ(epoll_events(ep, 0), EPOLLIN);
	tcp_expect_again(pub.fd);
	CHECK_EQ(epoll_events(ep, 0), 0);
	expect_fast();
}

/* The usual edge-triggered loop, read until EAGAIN, misses nothing. */
static void epoll_edge(void)
{
	unsigned char buf[64];
	size_t got;
	ssize_t n;
	int ep, i;

	start();
	wire_subscribe(&slow, "x/y");
	ep = epoll_new(pub.fd, EPOLLIN | EPOLLET);
	for (i = 0; i < 20; i++) {
		if (i % 3 == 0)
			rig_send_bytes(&pub, &slow);
		else
			send_both();
		for (got = 0; got < slow.len; got += n) {
			CHECK(epoll_events(ep, 10000) & EPOLLIN);
			n = recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT);
			CHECK(n > 0);
		}
		tcp_expect_again(pub.fd);
		if (i % 3)
			expect_fast();
	}
}

static void blocking_recv(void)
{
	struct reader r;
	int i;

	start();
	wire_puback(&slow, 7);
	reader_start(&r, pub.fd, 100, 0);
	for (i = 0; i < 20; i++) {
		rig_send_bytes(&pub, &fast);
		expect_fast();
	}
	CHECK(!reader_is_done(&r));
	rig_send_bytes(&pub, &slow);
	reader_expect(&r, slow.p, slow.len);
}

/* A recv() that lifts a barrier and finds nothing blocks for the next. */
static void blocking_recv_lifts(void)
{
	unsigned char buf[64];
	struct reader r;

	start();
	wire_subscribe(&slow, "x/y");
	send_both();
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), 0), slow.len);
	reader_start(&r, pub.fd, 100, 0);
	expect_fast();
	CHECK(!reader_is_done(&r));
	rig_send(&pub, "\x40\x02\x00\x03", 4);
	reader_expect(&r, "\x40\x02\x00\x03", 4);
}

static void blocking_recv_eof(void)
{
	struct reader r;

	start();
	reader_start(&r, pub.fd, 100, 0);
	rig_send_bytes(&pub, &fast);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	reader_expect(&r, "", 0);
	expect_fast();
}

static void recv_timeout(void)
{
	struct timeval limit = { .tv_usec = 50000 };
	char byte;

	start();
	CHECK_SYS(setsockopt(pub.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	rig_send_bytes(&pub, &fast);
	CHECK_EQ(recv(pub.fd, &byte, 1, 0), -1);
	CHECK_EQ(errno, EAGAIN);
	expect_fast();
}

static void read_and_splice(void)
{
	char buf[64] = "";
	int pipe_fd[2];

	start();
	wire_subscribe(&slow, "x/y");
	CHECK_SYS(pipe(pipe_fd));
	tcp_nonblock(pub.fd, true);
	send_both();
	CHECK_EQ(read(pub.fd, buf, sizeof(buf)), slow.len);
	rig_fence(&sub);
	CHECK_EQ(read(pub.fd, buf, sizeof(buf)), -1);
	expect_fast();
	send_both();
	/* Either splice() is refused or it obeys the barrier, too. */
	if (splice(pub.fd, NULL, pipe_fd[1], NULL, 4096, SPLICE_F_NONBLOCK) < 0) {
		tcp_expect(pub.fd, slow.p, slow.len);
	} else {
		CHECK_EQ(read(pipe_fd[0], buf, sizeof(buf)), slow.len);
		tcp_compare("spliced", buf, slow.p, slow.len);
	}
	rig_fence(&sub);
	CHECK_EQ(read(pub.fd, buf, sizeof(buf)), -1);
	expect_fast();
}

/* SUBSCRIBE and PUBLISH in one segment: the client receives its own message. */
static void subscribe_then_publish(void)
{
	start();
	wire_subscribe(&slow, "t/u");
	send_both();
	rig_daemon_expect(&pub, &slow);
	rig_sub(&pub, "t/u");
	tcp_send_all(pub.fd, "\x90\x03\x00\x4d\x00", 5);
	tcp_expect_again(pub.fd);
	tcp_expect(pub.client, "\x90\x03\x00\x4d\x00", 5);
	tcp_expect(pub.client, fast.p, fast.len);
	expect_fast();
}

static void unsubscribe_then_publish(void)
{
	start();
	rig_sub(&pub, "t/u");
	wire_unsubscribe(&slow, "t/u");
	send_both();
	rig_daemon_expect(&pub, &slow);
	rig_unsub(&pub, "t/u");
	tcp_expect_again(pub.fd);
	expect_fast();
	rig_fence(&pub);
}

/* What follows a DISCONNECT is never forwarded if the daemon closes. */
static void disconnect_then_publish(void)
{
	unsigned char buf[64];

	start();
	wire_disconnect(&slow);
	send_both();
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), 0), slow.len);
	close(pub.fd);
	rig_fence(&sub);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_fence(&sub);
}

/* A retained message is stored before a later one on the topic is forwarded. */
static void many_barriers(void)
{
	unsigned char buf[256];
	int i;

	start();
	wire_publish(&slow, 0x31, "t/u", "retained", 8);
	for (i = 0; i < 50; i++) {
		both.len = 0;
		bytes_put(&both, slow.p, slow.len);
		bytes_put(&both, fast.p, fast.len);
		tcp_send_all(pub.client, both.p, both.len);
		pub.sent += both.len;
	}
	rig_wait_arrived(&pub);
	for (i = 0; i < 50; i++) {
		/* lifts the barrier before and stops at this one */
		CHECK(tcp_is_readable(pub.fd));
		CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT), slow.len);
		tcp_compare("retained", buf, slow.p, slow.len);
		if (i)
			expect_fast();
		rig_fence(&sub);
	}
	tcp_expect_again(pub.fd);
	expect_fast();
	rig_fence(&sub);
}

/* So much that recv() does not come to the end of it: others go on with it. */
static void much_behind_a_barrier(void)
{
	unsigned int i, n = 3000;
	struct packets got;

	start();
	got = (struct packets){ .fd = sub.client };
	wire_subscribe(&both, "x/y");
	slow.len = both.len;
	for (i = 0; i < n; i++) {
		wire_numbered(&both, 0x30, "t/u", 1, i, 5);
		wire_message(&both, "n/u", "no train");
	}
	rig_send_bytes(&pub, &both);
	tcp_expect(pub.fd, both.p, slow.len);
	tcp_expect_again(pub.fd);
	packets_expect(&got, 1, 0, n);
	rig_fence(&sub);
}

static const struct ksft_case cases[] = {
	{ "barriers", barriers },
	{ "no_barriers", no_barriers },
	{ "barrier_in_pieces", barrier_in_pieces },
	{ "slow_behind_barrier", slow_behind_barrier },
	{ "peek_does_not_lift", peek_does_not_lift },
	{ "waitall", waitall },
	{ "msg_trunc", msg_trunc },
	{ "epoll_level", epoll_level },
	{ "epoll_edge", epoll_edge },
	{ "blocking_recv", blocking_recv },
	{ "blocking_recv_lifts", blocking_recv_lifts },
	{ "blocking_recv_eof", blocking_recv_eof },
	{ "recv_timeout", recv_timeout },
	{ "read_and_splice", read_and_splice },
	{ "subscribe_then_publish", subscribe_then_publish },
	{ "unsubscribe_then_publish", unsubscribe_then_publish },
	{ "disconnect_then_publish", disconnect_then_publish },
	{ "many_barriers", many_barriers },
	{ "much_behind_a_barrier", much_behind_a_barrier },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
