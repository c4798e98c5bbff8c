// SPDX-License-Identifier: MIT
/*
 * Keep-alive: a client that sends nothing for one and a half times as long as
 * it has promised; and who is not silent, but kept waiting.
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/reader.h"
#include "lib/rig.h"

/* The shortest there is; it ends after 1.5 s. */
#define KEEP_ALIVE 1
#define LIMIT_MS 1500

static const unsigned char pingreq[] = { 0xc0, 0x00 }, pingresp[] = { 0xd0, 0x00 };
static struct rig_peer idle, sub;

static void open_idle(void)
{
	rig_connect(&idle, NULL);
	rig_attach_with(&idle, &(struct mqtt_nl_attach){ .keep_alive = KEEP_ALIVE });
}

/* @sub has no keep-alive, or a long one, and is there when it is needed. */
static void start(void)
{
	rig_start();
	rig_open_sub(&sub, "t/u");
	open_idle();
}

static void expect_timeout(int fd)
{
	char byte;

	CHECK(tcp_wait(fd, POLLIN) & POLLERR);
	CHECK_REFUSED(recv(fd, &byte, 1, MSG_DONTWAIT));
	CHECK_EQ(errno, ETIMEDOUT);
}

/* Nothing happens on @fd for two periods of another peer, which begin now. */
static void expect_no_timeout(int fd)
{
	struct rig_peer clock;
	int i;

	for (i = 0; i < 2; i++) {
		rig_connect(&clock, NULL);
		rig_attach_with(&clock, &(struct mqtt_nl_attach){ .keep_alive = KEEP_ALIVE });
		expect_timeout(clock.fd);
		rig_close(&clock);
	}
	CHECK(!(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) &&
		tcp_wait(fd, POLLIN) & POLLERR));
}

static void expires(void)
{
	long long began = ksft_now_ms();

	start();
	CHECK_EQ(rig_peer_get(&idle, MQTT_A_PEER_KEEP_ALIVE), KEEP_ALIVE);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_KEEP_ALIVE), 0);
	expect_timeout(idle.fd);
	CHECK(ksft_now_ms() - began >= LIMIT_MS);
	CHECK_EQ(rig_stat(MQTT_A_STATS_KEEP_ALIVE_EXPIRED), 1);
	/* Once, and the connection is what it was. */
	tcp_expect_again(idle.fd);
	CHECK_EQ(rig_peer_get(&idle, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
	rig_send(&idle, pingreq, sizeof(pingreq));
	tcp_expect(idle.client, pingresp, sizeof(pingresp));
}

/* A thread that sleeps in recv(). */
static void wakes_reader(void)
{
	struct reader r;

	start();
	reader_start(&r, idle.fd, 10, 0);
	reader_join(&r);
	CHECK_EQ(r.ret, -1);
	CHECK_EQ(r.error, ETIMEDOUT);
}

/* Half a packet is no packet. */
static void half_a_packet(void)
{
	struct bytes b = { 0 };

	start();
	wire_message(&b, "t/u", "never ends");
	rig_send(&idle, b.p, b.len - 1);
	expect_timeout(idle.fd);
	/* But it may still become one. */
	rig_send(&idle, b.p + b.len - 1, 1);
	tcp_expect(sub.client, b.p, b.len);
}

static void half_a_slow_packet(void)
{
	struct bytes b = { 0 };

	start();
	wire_subscribe(&b, "x/y");
	rig_send(&idle, b.p, b.len - 1);
	tcp_expect(idle.fd, b.p, b.len - 1);
	expect_timeout(idle.fd);
	rig_send(&idle, b.p + b.len - 1, 1);
	tcp_expect(idle.fd, b.p + b.len - 1, 1);
}

/* A client that sends something in time: a ping whenever another one is over. */
static void active(void)
{
	struct pollfd poll_fd = { .fd = idle.fd, .events = POLLIN };
	long long end;

	start();
	poll_fd.fd = idle.fd;
	for (end = ksft_now_ms() + 3 * LIMIT_MS; ksft_now_ms() < end;) {
		rig_send(&idle, pingreq, sizeof(pingreq));
		tcp_expect(idle.client, pingresp, sizeof(pingresp));
		CHECK_EQ(poll(&poll_fd, 1, LIMIT_MS / 5), 0);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_KEEP_ALIVE_EXPIRED), 0);
	expect_timeout(idle.fd);
}

/* Bytes that the daemon has not read; it reads them, then silence counts anew. */
static void unread_bytes(void)
{
	struct bytes b = { 0 };

	start();
	wire_puback(&b, 1);
	rig_send_bytes(&idle, &b);
	expect_no_timeout(idle.fd);
	rig_daemon_expect(&idle, &b);
	expect_timeout(idle.fd);
	CHECK_EQ(rig_peer_get(&idle, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
}

/* The same, read by half. */
static void unread_half(void)
{
	struct bytes b = { 0 };

	start();
	wire_puback(&b, 1);
	rig_send_bytes(&idle, &b);
	tcp_expect(idle.fd, b.p, 2);
	expect_no_timeout(idle.fd);
	tcp_expect(idle.fd, b.p + 2, 2);
	expect_timeout(idle.fd);
}

/* The daemon has read a barrier packet and does not come back for a while. */
static void at_barrier(void)
{
	struct bytes b = { 0 }, fast = { 0 };

	start();
	wire_subscribe(&b, "x/y");
	wire_message(&fast, "t/u", "fast");
	rig_send_bytes(&idle, &b);
	rig_send_bytes(&idle, &fast);
	rig_daemon_expect(&idle, &b);
	expect_no_timeout(idle.fd);
	tcp_expect_again(idle.fd);
	tcp_expect(sub.client, fast.p, fast.len);
	expect_timeout(idle.fd);
}

/* A window that is closed: the client cannot send a byte. */
static void zero_window(void)
{
	struct tcp_options small = {
		.family = AF_INET, .server_rcvbuf = 4096, .client_sndbuf = 16384,
	};
	struct bytes b = { 0 };
	char buf[4096];
	size_t sent, got;

	rig_start();
	rig_connect(&idle, &small);
	rig_attach_with(&idle, &(struct mqtt_nl_attach){ .keep_alive = KEEP_ALIVE });
	wire_publish_of(&b, 0x32, "t/u", 1000000, 1);
	tcp_nonblock(idle.client, true);
	for (sent = 0; !sent || tcp_is_writable(idle.client);) {
		ssize_t n = send(idle.client, b.p + sent, b.len - sent, 0);

		CHECK(n > 0);
		sent += n;
	}
	expect_no_timeout(idle.fd);
	for (got = 0; got < sent; got += CHECK_SYS(recv(idle.fd, buf, sizeof(buf), 0)))
		;
	expect_timeout(idle.fd);
}

static void set(struct rig_peer *p, uint16_t seconds)
{
	struct mqtt_nl_peer_set set = { .keep_alive = &seconds };

	CHECK_EQ(mqtt_nl_peer_set(rig_nl, p->id, &set), 0);
	CHECK_EQ(rig_peer_get(p, MQTT_A_PEER_KEEP_ALIVE), seconds);
}

static void peer_set(void)
{
	start();
	set(&idle, 0);
	expect_no_timeout(idle.fd);
	set(&idle, 65535);
	expect_no_timeout(idle.fd);
	set(&idle, KEEP_ALIVE);
	expect_timeout(idle.fd);
	/* and again, for it is armed anew */
	set(&idle, KEEP_ALIVE);
	expect_timeout(idle.fd);
	CHECK(rig_stat(MQTT_A_STATS_KEEP_ALIVE_EXPIRED) >= 2);
}

/* A stream that is the daemon's from a malformed packet on. */
static void raw(void)
{
	start();
	rig_send(&idle, "\x00\x00", 2);
	tcp_expect(idle.fd, "\x00\x00", 2);
	CHECK_EQ(rig_peer_get(&idle, MQTT_A_PEER_STATE), MQTT_PEER_STATE_RAW);
	expect_timeout(idle.fd);
}

/* After the end of the stream there is nothing to wait for. */
static void after_eof(void)
{
	start();
	CHECK_SYS(shutdown(idle.client, SHUT_WR));
	tcp_expect_eof(idle.fd);
	expect_no_timeout(idle.fd);
	tcp_expect_eof(idle.fd);
	CHECK_EQ(rig_stat(MQTT_A_STATS_KEEP_ALIVE_EXPIRED), 2);	/* the clock's */
}

/* Given back, the socket has no keep-alive of ours. */
static void after_detach(void)
{
	start();
	rig_detach(&idle);
	expect_no_timeout(idle.fd);
	tcp_expect_again(idle.fd);
}

#define RACERS 32

/*
 * Peers whose time is over, which are detached, closed or set anew at just that
 * moment, some by the end of the router.
 */
static void races(void)
{
	struct rig_peer p[RACERS];
	int i, round, n = ksft_scale(RACERS, 8);

	rig_start();
	rig_open(&sub);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < n; i++) {
			rig_connect(&p[i], NULL);
			rig_attach_with(&p[i], &(struct mqtt_nl_attach){
				.keep_alive = KEEP_ALIVE,
			});
		}
		tcp_wait(p[0].fd, POLLIN);
		for (i = 0; i < n; i++) {
			if (i % 4 == 1)
				rig_detach(&p[i]);
			else if (i % 4 == 2)
				set(&p[i], i % 8 < 4 ? 0 : KEEP_ALIVE);
			if (i % 4 != 3 || !round)
				rig_close(&p[i]);
		}
	}
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
}

static const struct ksft_case cases[] = {
	{ "expires", expires },
	{ "wakes_reader", wakes_reader },
	{ "half_a_packet", half_a_packet },
	{ "half_a_slow_packet", half_a_slow_packet },
	{ "active", active },
	{ "unread_bytes", unread_bytes },
	{ "unread_half", unread_half },
	{ "at_barrier", at_barrier },
	{ "zero_window", zero_window },
	{ "peer_set", peer_set },
	{ "raw", raw },
	{ "after_eof", after_eof },
	{ "after_detach", after_detach },
	{ "races", races },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
