// SPDX-License-Identifier: MIT
/*
 * How connections end, in whatever state the kernel and the daemon are with them:
 * what has arrived is routed or received, what cannot leave any more is counted, and
 * the end itself is TCP's.
 */
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/scene.h"

/*
 * The client's FIN and RST
 */

enum ending { FIN, RST };

static void client_ends(struct rig_peer *p, enum ending how)
{
	struct linger now = { .l_onoff = 1 };

	if (how == FIN) {
		CHECK_SYS(shutdown(p->client, SHUT_WR));
		return;
	}
	CHECK_SYS(setsockopt(p->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	close(p->client);
	CHECK(tcp_wait(p->fd, POLLIN) & (POLLERR | POLLHUP));
}

/* The end of the stream comes behind all bytes, the error once in front of it. */
static void expect_end(struct rig_peer *p, enum ending how)
{
	char byte;
	ssize_t n;

	if (how == RST) {
		do {
			n = recv(p->fd, &byte, 1, MSG_DONTWAIT);
		} while (n < 0 && errno == EAGAIN);
		CHECK_EQ(n, -1);
		CHECK_EQ(errno, ECONNRESET);
	}
	tcp_expect_eof(p->fd);
	tcp_expect_eof(p->fd);
	CHECK(tcp_wait(p->fd, POLLIN) & POLLIN);
}

static void finish(struct rig_peer *p, enum ending how)
{
	close(p->fd);
	if (how == FIN)
		close(p->client);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_fence(&sub);
	rig_open(p);
}

/* Nothing before it; fast ones; a fast one behind slow bytes that nobody has read. */
static void ends_behind_packets(enum ending how)
{
	client_ends(&pub, how);
	expect_end(&pub, how);
	finish(&pub, how);

	rig_send_bytes(&pub, &fast);
	client_ends(&pub, how);
	tcp_expect(sub.client, fast.p, fast.len);
	expect_end(&pub, how);
	finish(&pub, how);

	rig_send_bytes(&pub, &slow);
	rig_send_bytes(&pub, &fast);
	client_ends(&pub, how);
	rig_daemon_expect(&pub, &slow);
	tcp_expect(sub.client, fast.p, fast.len);
	expect_end(&pub, how);
	finish(&pub, how);
}

/* Behind a barrier the daemon comes back for the rest. */
static void ends_behind_barrier(enum ending how)
{
	rig_send_bytes(&pub, &barrier);
	rig_send_bytes(&pub, &fast);
	client_ends(&pub, how);
	rig_daemon_expect(&pub, &barrier);
	rig_fence(&sub);
	CHECK(tcp_is_readable(pub.fd));
	expect_end(&pub, how);
	tcp_expect(sub.client, fast.p, fast.len);
	finish(&pub, how);
}

/* What is there of a packet is the daemon's, of which kind it may be. */
static void ends_in_packet(enum ending how)
{
	struct bytes half = { 0 };
	size_t len;

	for (len = 1; len < fast.len; len += 3) {
		rig_send_bytes(&pub, &fast);
		rig_send(&pub, fast.p, len);
		client_ends(&pub, how);
		tcp_expect(sub.client, fast.p, fast.len);
		tcp_expect(pub.fd, fast.p, len);
		expect_end(&pub, how);
		finish(&pub, how);
	}
	bytes_put(&half, barrier.p, barrier.len - 1);
	rig_send_bytes(&pub, &half);
	client_ends(&pub, how);
	rig_daemon_expect(&pub, &half);
	expect_end(&pub, how);
	finish(&pub, how);
}

static void ends_after_malformed(enum ending how)
{
	rig_send(&pub, "\x36\x05\x00\x03t/u", 7);
	rig_send_bytes(&pub, &fast);
	client_ends(&pub, how);
	tcp_expect(pub.fd, "\x36\x05\x00\x03t/u", 7);
	tcp_expect(pub.fd, fast.p, fast.len);
	expect_end(&pub, how);
	finish(&pub, how);
}

static void all_ends(enum ending how)
{
	scene_start();
	ends_behind_packets(how);
	ends_behind_barrier(how);
	ends_in_packet(how);
	ends_after_malformed(how);
	rig_check_balance();
}

static void fin(void)
{
	all_ends(FIN);
}

static void reset(void)
{
	all_ends(RST);
}

/*
 * Nothing comes any more, not even a FIN
 */

static void loopback_set(bool up)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = CHECK_SYS(socket(AF_INET, SOCK_DGRAM, 0));

	CHECK_SYS(ioctl(fd, SIOCGIFFLAGS, &ifr));
	ifr.ifr_flags = up ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP;
	CHECK_SYS(ioctl(fd, SIOCSIFFLAGS, &ifr));
	close(fd);
}

static int expect_error(struct rig_peer *p)
{
	char byte;
	ssize_t n;

	CHECK(tcp_wait(p->fd, POLLIN) & POLLERR);
	n = recv(p->fd, &byte, 1, MSG_DONTWAIT);
	CHECK_EQ(n, -1);
	return errno;
}

/* The kernel has sent, and nobody acknowledges: TCP_USER_TIMEOUT */
static void gone_while_sending(void)
{
	struct rig_peer port_pub;
	int error;

	scene_start();
	rig_open(&port_pub);
	tcp_set_int(sub.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 700);
	/* in the publisher's socket before the network is gone, and forwarded afterwards */
	rig_send_bytes(&pub, &barrier);
	rig_send_bytes(&pub, &fast);
	rig_daemon_expect(&pub, &barrier);
	loopback_set(false);
	tcp_expect_again(pub.fd);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_TX_PACKETS) ==
		   rig_stat(MQTT_A_STATS_ENQUEUED));
	error = expect_error(&sub);
	CHECK(error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH);
	tcp_expect_eof(sub.fd);
	/* It is a peer until the daemon closes it; what is for it is counted. */
	CHECK_EQ(rig_peer_count(), 3);
	loopback_set(true);
	rig_send_bytes(&port_pub, &fast);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_DROP_PEER_GONE) == 1);
	close(sub.fd);
	WAIT_UNTIL(rig_peer_count() == 2);
	rig_check_balance();
}

/* Nobody sends: TCP's keep-alive */
static void gone_while_idle(void)
{
	int error;

	scene_start();
	tcp_set_int(pub.fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
	tcp_set_int(pub.fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
	tcp_set_int(pub.fd, IPPROTO_TCP, TCP_KEEPCNT, 1);
	tcp_set_int(pub.fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	loopback_set(false);
	error = expect_error(&pub);
	CHECK(error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH);
	tcp_expect_eof(pub.fd);
	loopback_set(true);
	close(pub.fd);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_fence(&sub);
}

/*
 * The daemon's shutdown() and close()
 */

/* Both directions; the queue is dropped and counted, later messages too. */
static void shutdown_both(void)
{
	scene_start();
	rig_send_bytes(&sub, &slow);
	CHECK_SYS(shutdown(sub.fd, SHUT_RDWR));
	tcp_expect(sub.fd, slow.p, slow.len);
	tcp_expect_eof(sub.fd);
	tcp_expect_eof(sub.client);
	CHECK_EQ(send(sub.fd, "x", 1, MSG_NOSIGNAL), -1);
	CHECK_EQ(errno, EPIPE);
	rig_send_bytes(&pub, &fast);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_DROP_PEER_GONE) == 1);
	CHECK_EQ(rig_peer_count(), 2);
	close(sub.fd);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_check_balance();
}

/* Until recv() has told of the end, the kernel forwards; then all is the daemon's. */
static void shutdown_read_first(void)
{
	scene_start();
	CHECK_SYS(shutdown(pub.fd, SHUT_RD));
	rig_send_bytes(&pub, &fast);
	tcp_expect(sub.client, fast.p, fast.len);
	tcp_expect_eof(pub.fd);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_RAW);
	rig_send_bytes(&pub, &fast);
	tcp_expect(pub.fd, fast.p, fast.len);
	rig_fence(&sub);
	/* the other direction is as before */
	rig_sub(&pub, "t/back");
	rig_send(&sub, "\x30\x0b\x00\x06t/backyes", 13);
	tcp_expect(pub.client, "\x30\x0b\x00\x06t/backyes", 13);
}

/* A queue that does not fit into the socket, of large messages */
static void fill_queue(unsigned int *sent)
{
	struct bytes b = { 0 };

	while (rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS) < 50) {
		wire_numbered(&b, 0x30, "t/u", 1, (*sent)++, 3000);
		rig_send_bytes(&pub, &b);
		b.len = 0;
	}
	bytes_free(&b);
}

static void start_small(void)
{
	static const struct tcp_options small = {
		.family = AF_INET, .server_sndbuf = 4608, .client_rcvbuf = 4608,
	};

	rig_start();
	rig_open(&pub);
	rig_open_with(&sub, &small);
	rig_sub(&sub, "t/u");
}

static void set_linger(int fd, int seconds)
{
	struct linger linger = { .l_onoff = 1, .l_linger = seconds };

	CHECK_SYS(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
}

/* close() resets the connection at once, and counts what was queued. */
static void linger_zero(void)
{
	unsigned int sent = 0;
	char buf[4096];
	ssize_t n;

	start_small();
	fill_queue(&sent);
	set_linger(sub.fd, 0);
	close(sub.fd);
	WAIT_UNTIL(rig_peer_count() == 1);
	do {
		n = recv(sub.client, buf, sizeof(buf), 0);
	} while (n > 0);
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, ECONNRESET);
	CHECK(rig_stat(MQTT_A_STATS_DROP_PEER_GONE) >= 50);
	rig_check_balance();
}

static void *closer_main(void *arg)
{
	(void)arg;
	close(sub.fd);
	return NULL;
}

/* close() waits for what TCP has; the queue of the kernel is not TCP's any more. */
static void linger_long(void)
{
	unsigned int sent = 0, source, n = 0;
	struct packets got = { .read_size = 1000 };
	pthread_t closer;

	start_small();
	fill_queue(&sent);
	set_linger(sub.fd, 100);
	CHECK(!pthread_create(&closer, NULL, closer_main, NULL));
	WAIT_UNTIL(rig_peer_count() == 1);
	got.fd = sub.client;
	while (!got.ended) {
		long number = packets_take_any(&got, &source);

		if (number < 0) {
			if (!packets_read(&got))
				tcp_wait(got.fd, POLLIN);
			continue;
		}
		CHECK_EQ(number, n);
		n++;
	}
	pthread_join(closer, NULL);
	ksft_note("%u of %u came", n, sent);
	CHECK(n && n < sent);
	rig_check_balance();
}

/*
 * Other processes
 */

/* Whoever has the last descriptor, its end is the peer's. */
static void last_reference_elsewhere(void)
{
	int ready[2];
	pid_t pid;
	char byte;

	scene_start();
	CHECK_SYS(pipe(ready));
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		close(ready[1]);
		/* until the other one says, by its end */
		_exit(read(ready[0], &byte, 1) != 0);
	}
	close(ready[0]);
	close(pub.fd);
	tcp_send_all(pub.client, fast.p, fast.len);
	tcp_expect(sub.client, fast.p, fast.len);
	CHECK_EQ(rig_peer_count(), 2);
	close(ready[1]);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	WAIT_UNTIL(rig_peer_count() == 1);
	tcp_expect_eof(pub.client);
	rig_fence(&sub);
}

/* In flight between processes, and nobody ever takes it. */
static void lost_in_flight(void)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2];

	scene_start();
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &pub.fd, sizeof(int));
	CHECK_SYS(sendmsg(pair[0], &msg, 0));
	close(pub.fd);
	close(pair[0]);
	CHECK_EQ(rig_peer_count(), 2);
	close(pair[1]);
	WAIT_UNTIL(rig_peer_count() == 1);
	tcp_expect_eof(pub.client);
	rig_fence(&sub);
}

/* Another program has it as its standard input. */
static void across_exec(void)
{
	int out[2], status;
	pid_t pid;

	scene_start();
	CHECK_SYS(pipe(out));
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		dup2(pub.fd, 0);
		dup2(out[1], 1);
		execlp("cat", "cat", NULL);
		_exit(127);
	}
	close(out[1]);
	close(pub.fd);
	tcp_send_all(pub.client, slow.p, slow.len);
	tcp_send_all(pub.client, fast.p, fast.len);
	tcp_expect(sub.client, fast.p, fast.len);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	{
		unsigned char buf[64];

		CHECK_EQ(read(out[0], buf, sizeof(buf)), slow.len);
		tcp_compare("cat", buf, slow.p, slow.len);
	}
	WAIT_UNTIL(rig_peer_count() == 1);
}

static const struct ksft_case cases[] = {
	{ "fin", fin },
	{ "reset", reset },
	{ "gone_while_sending", gone_while_sending },
	{ "gone_while_idle", gone_while_idle },
	{ "shutdown_both", shutdown_both },
	{ "shutdown_read_first", shutdown_read_first },
	{ "linger_zero", linger_zero },
	{ "linger_long", linger_long },
	{ "last_reference_elsewhere", last_reference_elsewhere },
	{ "lost_in_flight", lost_in_flight },
	{ "across_exec", across_exec },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
