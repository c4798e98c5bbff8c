// SPDX-License-Identifier: MIT
/*
 * A packet that is half sent, and no memory to end it: whoever wants the socket back is
 * refused, and gets it when there is memory again, at the packet's end. Where the router
 * ends nobody can be refused, and it is given back then.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/port.h"
#include "lib/scene.h"
#include "lib/sites.h"

static struct rig_port port;
static struct bytes packet;

static void start(void)
{
	static const struct tcp_options small = {
		.family = AF_INET, .server_sndbuf = 4608, .client_rcvbuf = 4608,
	};

	faults_need();
	rig_start();
	rig_port_open(&port, 0);
	rig_open(&pub);
	rig_open_with(&sub, &small);
	rig_sub(&sub, "t/u");
	wire_publish_of(&packet, 0x30, "t/u", 250000, 1);
	rig_send_bytes(&pub, &packet);
	WAIT_UNTIL(!tcp_is_writable(sub.fd));
}

static void check_refused(int ret)
{
	CHECK_EQ(ret, -ENOBUFS);
	CHECK(strstr(mqtt_nl_error(rig_nl), "half sent"));
}

/* The daemon may go on behind it. */
static void check_border(void)
{
	CHECK_EQ(send(sub.fd, "\xd0\x00", 2, MSG_DONTWAIT), 2);
	tcp_expect(sub.client, packet.p, packet.len);
	tcp_expect(sub.client, "\xd0\x00", 2);
}

static void detach_and_hold(void)
{
	const uint8_t yes = 1;
	const struct mqtt_nl_peer_set hold = { .tx_hold = &yes };

	start();
	faults_set(100);
	check_refused(mqtt_nl_peer_set(rig_nl, sub.id, &hold));
	check_refused(mqtt_nl_peer_detach(rig_nl, sub.id));
	faults_set(0);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
	rig_detach(&sub);
	check_border();
}

static void host(void)
{
	start();
	faults_set(100);
	check_refused(mqtt_nl_peer_host(rig_nl, sub.id, port.id));
	faults_set(0);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
	rig_host(&sub, &port);
	check_border();
}

static void router_ends(void)
{
	start();
	faults_set(100);
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	/* The other one is as it was. */
	rig_send(&pub, "plain", 5);
	tcp_expect(pub.fd, "plain", 5);
	CHECK(!tcp_is_writable(sub.fd));
	CHECK_REFUSED(send(sub.fd, "\xd0\x00", 2, MSG_DONTWAIT));
	faults_set(0);
	tcp_expect(sub.client, packet.p, packet.len);
	CHECK_EQ(send(sub.fd, "\xd0\x00", 2, 0), 2);
	tcp_expect(sub.client, "\xd0\x00", 2);
}

/* A port's first record takes memory: the mark behind which the peer is offloaded. */
static void offload_with_residue(void)
{
	struct mqtt_nl_attach attach = { .rx_residue = "\x40\x02", .rx_residue_len = 2 };
	unsigned int slab = 0;
	uint32_t id;
	char byte[2];
	int ret;

	faults_need();
	rig_start();
	rig_port_open(&port, 0);
	rig_connect(&sub, NULL);
	rig_attach_hosted(&sub, &port);
	rig_send(&sub, "\x40\x02", 2);
	tcp_recv_all(sub.fd, byte, 2);
	attach.fd = sub.fd;
	attach.id = sub.id;
	do {
		CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_HOSTED);
		rig_port_expect_empty(&port);
		tcp_expect_again(sub.fd);
		faults_after(slab, 1 << 20, false);
		ret = mqtt_nl_peer_attach(rig_nl, &attach, &id);
		faults_set(0);
		slab += 64;
	} while (ret == -ENOMEM || ret == -ENOBUFS);
	CHECK_EQ(ret, 0);
	CHECK(slab > 64);
	rig_port_expect_mark(&port, &sub);
	tcp_expect(sub.fd, "\x40\x02", 2);
}

static const struct ksft_case cases[] = {
	{ "detach_and_hold", detach_and_hold },
	{ "host", host },
	{ "router_ends", router_ends },
	{ "offload_with_residue", offload_with_residue },
};

int main(int argc, char **argv)
{
	sites_begin(argv[0]);
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
