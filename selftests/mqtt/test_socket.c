// SPDX-License-Identifier: MIT
/*
 * What an attached socket still does, what it refuses, and that urgent data
 * ends the kernel's part in it.
 */
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/rig.h"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef TCP_ZEROCOPY_RECEIVE
#define TCP_ZEROCOPY_RECEIVE 35
#endif

static struct rig_peer pub, sub;
static struct bytes slow, fast;

static void start(void)
{
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	wire_message(&fast, "t/u", "fast");
	wire_puback(&slow, 3);
}

static void check_alive(void)
{
	rig_send_bytes(&pub, &slow);
	rig_send_bytes(&pub, &fast);
	rig_daemon_expect(&pub, &slow);
	tcp_expect(sub.client, fast.p, fast.len);
	CHECK_EQ(send(sub.fd, "\xd0\x00", 2, 0), 2);
	tcp_expect(sub.client, "\xd0\x00", 2);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
}

static void refused_options(void)
{
	int two = 2, one = 1, value;
	socklen_t len;

	start();
	CHECK_REFUSED(setsockopt(pub.fd, IPPROTO_TCP, TCP_ULP, "tls", 3));
	CHECK_REFUSED(setsockopt(pub.fd, IPPROTO_TCP, TCP_REPAIR, &one, sizeof(one)));
	CHECK_REFUSED(setsockopt(pub.fd, SOL_SOCKET, SO_RCVLOWAT, &two, sizeof(two)));
	len = sizeof(value);
	CHECK_SYS(getsockopt(pub.fd, SOL_SOCKET, SO_RCVLOWAT, &value, &len));
	CHECK_EQ(value, 1);
	CHECK_SYS(setsockopt(pub.fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one)));
	check_alive();
}

static void refused_calls(void)
{
	char zerocopy[64] = { 0 };
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	socklen_t len = sizeof(zerocopy);
	char byte;

	start();
	CHECK_REFUSED(recv(pub.fd, &byte, 1, MSG_OOB | MSG_DONTWAIT));
	CHECK_REFUSED(send(pub.fd, "x", 1, MSG_OOB));
	/* without SO_ZEROCOPY the flag is passed over */
	if (!setsockopt(sub.fd, SOL_SOCKET, SO_ZEROCOPY, &(int){ 1 }, sizeof(int)))
		CHECK_REFUSED(send(sub.fd, "\xd0\x00", 2, MSG_ZEROCOPY));
	CHECK_REFUSED(connect(pub.fd, &none, sizeof(none)));
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, pub.fd, 0) == MAP_FAILED);
	CHECK_REFUSED(getsockopt(pub.fd, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, zerocopy, &len));
	CHECK_REFUSED(listen(pub.fd, 1));
	check_alive();
}

/* Everything else is TCP's, as ever. */
static void ordinary_options(void)
{
	struct sockaddr_in6 addr;
	socklen_t len = sizeof(addr);
	int value;

	start();
	tcp_set_int(pub.fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	tcp_set_int(pub.fd, SOL_SOCKET, SO_RCVBUF, 100000);
	tcp_set_int(pub.fd, IPPROTO_TCP, TCP_NODELAY, 0);
	tcp_set_int(pub.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 10000);
	CHECK_SYS(getpeername(pub.fd, (struct sockaddr *)&addr, &len));
	CHECK_EQ(addr.sin6_family, AF_INET);
	len = sizeof(value);
	CHECK_SYS(getsockopt(pub.fd, SOL_SOCKET, SO_ERROR, &value, &len));
	CHECK_EQ(value, 0);
	rig_send_bytes(&pub, &slow);
	CHECK_EQ(tcp_unread(pub.fd), slow.len);
	tcp_expect(pub.fd, slow.p, slow.len);
	CHECK_EQ(tcp_unread(pub.fd), 0);
	tcp_nonblock(pub.fd, true);
	tcp_expect_again(pub.fd);
	tcp_nonblock(pub.fd, false);
	check_alive();
}

/* Detached, the socket does again what it refused. */
static void allowed_afterwards(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	start();
	rig_detach(&pub);
	tcp_set_int(pub.fd, SOL_SOCKET, SO_RCVLOWAT, 2);
	rig_send(&pub, "x", 1);
	CHECK(!tcp_is_readable(pub.fd));
	rig_send(&pub, "y", 1);
	CHECK(tcp_is_readable(pub.fd));
	tcp_expect(pub.fd, "xy", 2);
	CHECK_EQ(send(pub.fd, "z", 1, MSG_OOB), 1);
	CHECK_SYS(connect(pub.fd, &none, sizeof(none)));
}

/* A low-water mark from before must not keep the kernel from being called. */
static void lowat_before_attach(void)
{
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V311, .client_id = "lowat" };
	struct rig_peer p;

	start();
	rig_connect(&p, NULL);
	tcp_set_int(p.fd, SOL_SOCKET, SO_RCVLOWAT, 1000);
	attach.fd = p.fd;
	if (mqtt_nl_peer_attach(rig_nl, &attach, &p.id)) {
		ksft_note("refused: %s", mqtt_nl_error(rig_nl));
		return;
	}
	rig_send_bytes(&p, &fast);
	tcp_expect(sub.client, fast.p, fast.len);
	rig_send_bytes(&p, &slow);
	CHECK(tcp_is_readable(p.fd));
}

static void urgent_data(void)
{
	start();
	rig_send_bytes(&pub, &fast);
	tcp_expect(sub.client, fast.p, fast.len);
	CHECK_EQ(send(pub.client, "!", 1, MSG_OOB), 1);
	pub.sent++;
	rig_wait_arrived(&pub);
	WAIT_UNTIL(rig_peer_get(&pub, MQTT_A_PEER_STATE) == MQTT_PEER_STATE_RAW);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_URGENT), 1);
	rig_send_bytes(&pub, &fast);
	rig_fence(&sub);
	/* plain TCP keeps the urgent byte out of line */
	tcp_expect(pub.fd, fast.p, fast.len);
}

/* Urgent data within a fast packet that has begun. */
static void urgent_in_packet(void)
{
	start();
	rig_send(&pub, fast.p, 4);
	CHECK_EQ(send(pub.client, "!", 1, MSG_OOB), 1);
	pub.sent++;
	rig_wait_arrived(&pub);
	rig_send(&pub, fast.p + 4, fast.len - 4);
	WAIT_UNTIL(rig_peer_get(&pub, MQTT_A_PEER_STATE) == MQTT_PEER_STATE_RAW);
	tcp_expect(pub.fd, fast.p, 4);
	tcp_expect(pub.fd, fast.p + 4, fast.len - 4);
	rig_fence(&sub);
}

static const struct ksft_case cases[] = {
	{ "refused_options", refused_options },
	{ "refused_calls", refused_calls },
	{ "ordinary_options", ordinary_options },
	{ "allowed_afterwards", allowed_afterwards },
	{ "lowat_before_attach", lowat_before_attach },
	{ "urgent_data", urgent_data },
	{ "urgent_in_packet", urgent_in_packet },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
