// SPDX-License-Identifier: MIT
/*
 * The daemon keeps the socket to itself for a while (tx-hold of peer-set): what
 * it sends then comes before all that the kernel queues meanwhile.
 */
#include <stdlib.h>

#include "lib/packets.h"
#include "lib/port.h"

#define KERNEL 1			/* sources of numbered messages */
#define DAEMON 2

static const struct tcp_options small = {
	.family = AF_INET, .server_sndbuf = 4608, .client_rcvbuf = 4608,
};

static struct rig_peer pub, sub;
static struct rig_port port;

static void start(const struct tcp_options *opt)
{
	rig_start();
	rig_open(&pub);
	rig_open_with(&sub, opt);
	rig_sub(&sub, "t/u");
}

static void hold(struct rig_peer *p)
{
	const uint8_t yes = 1;
	const struct mqtt_nl_peer_set set = { .tx_hold = &yes };

	CHECK_EQ(mqtt_nl_peer_set(rig_nl, p->id, &set), 0);
}

static void publish(unsigned int number, size_t payload)
{
	struct bytes b = { 0 };

	wire_numbered(&b, 0x30, "t/u", KERNEL, number, payload);
	rig_send_bytes(&pub, &b);
	bytes_free(&b);
}

/* @len bytes of message @number from its byte @off on. */
static void send_part(unsigned int number, size_t off, size_t len)
{
	struct bytes b = { 0 };

	wire_numbered(&b, 0x30, "t/u", DAEMON, number, 100);
	CHECK(off + len <= b.len);
	tcp_send_all(sub.fd, b.p + off, len ? len : b.len - off);
	bytes_free(&b);
}

static void queued_meanwhile(void)
{
	struct packets got = { 0 };

	start(NULL);
	got.fd = sub.client;
	publish(0, 10);
	hold(&sub);
	hold(&sub);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_TX_HOLD), 1);
	packets_expect(&got, KERNEL, 0, 1);
	publish(1, 10);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS), 1);
	send_part(0, 0, 0);
	send_part(1, 0, 0);
	packets_expect(&got, DAEMON, 0, 1);
	packets_expect(&got, DAEMON, 1, 1);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS), 1);
	CHECK_EQ(packets_left(&got), 0);
	rig_release(&sub);
	packets_expect(&got, KERNEL, 1, 1);
	publish(2, 10);
	packets_expect(&got, KERNEL, 2, 1);
	rig_fence(&sub);
}

/* Where packets of the daemon end is known all the time. */
static void in_the_middle_of_a_packet(void)
{
	struct packets got = { 0 };

	start(NULL);
	got.fd = sub.client;
	send_part(0, 0, 1);
	hold(&sub);
	publish(0, 10);
	send_part(0, 1, 50);
	rig_release(&sub);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS), 1);
	hold(&sub);
	send_part(0, 51, 0);
	send_part(1, 0, 1);
	rig_release(&sub);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS), 1);
	send_part(1, 1, 0);
	packets_expect(&got, DAEMON, 0, 1);
	packets_expect(&got, DAEMON, 1, 1);
	packets_expect(&got, KERNEL, 0, 1);
}

/* The client reads nothing; if the kernel's packet is half sent it is ended. */
static void behind_a_full_socket(void)
{
	unsigned int messages = ksft_scale(300, 100), before, i;
	struct packets got = { 0 };

	start(&small);
	got.fd = sub.client;
	for (i = 0; i < messages; i++)
		publish(i, 2000);
	before = rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS);
	CHECK(before > 1 && before < messages);
	hold(&sub);
	before = messages - rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS);
	packets_expect(&got, KERNEL, 0, before);
	send_part(0, 0, 0);
	packets_expect(&got, DAEMON, 0, 1);
	CHECK_EQ(messages - rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS), before);
	rig_release(&sub);
	packets_expect(&got, KERNEL, before, messages - before);
	CHECK_EQ(packets_left(&got), 0);
}

/* What was held goes to the port, and the next connection is not held. */
static void handed_over(void)
{
	struct packets got = { 0 };
	struct bytes b = { 0 };

	start(NULL);
	got.fd = sub.client;
	rig_port_open(&port, 0);
	hold(&sub);
	wire_numbered(&b, 0x30, "t/u", KERNEL, 0, 10);
	rig_send_bytes(&pub, &b);
	rig_host(&sub, &port);
	rig_port_expect(&port, &b, &sub);
	hold(&sub);
	rig_release(&sub);
	rig_offload(&sub, false);
	publish(1, 10);
	packets_expect(&got, KERNEL, 1, 1);
}

static void pings_wait_too(void)
{
	struct bytes b = { 0 };

	start(NULL);
	hold(&sub);
	rig_send(&sub, "\xc0\x00", 2);
	send_part(0, 0, 0);
	rig_release(&sub);
	wire_numbered(&b, 0x30, "t/u", DAEMON, 0, 100);
	bytes_put(&b, "\xd0\x00", 2);
	tcp_expect(sub.client, b.p, b.len);
}

static const struct ksft_case cases[] = {
	{ "queued_meanwhile", queued_meanwhile },
	{ "in_the_middle_of_a_packet", in_the_middle_of_a_packet },
	{ "behind_a_full_socket", behind_a_full_socket },
	{ "handed_over", handed_over },
	{ "pings_wait_too", pings_wait_too },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
