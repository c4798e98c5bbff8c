// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "queue.h"

#define SOURCE 1	/* of numbered messages */

const struct tcp_options queue_small = {
	.family = AF_INET, .server_sndbuf = 4608, .client_rcvbuf = 4608,
};

struct packets queue_got;
unsigned int queue_topics = 1;

void queue_limit(struct rig_peer *p, uint8_t policy, uint32_t packets, uint64_t bytes)
{
	struct mqtt_nl_peer_set set = { .queue_policy = &policy, .queue_packets = &packets };

	if (bytes)
		set.queue_limit = &bytes;
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, p->id, &set), 0);
}

void queue_hold(struct rig_peer *p)
{
	const uint8_t yes = 1;

	CHECK_EQ(mqtt_nl_peer_set(rig_nl, p->id, &(struct mqtt_nl_peer_set){ .tx_hold = &yes }),
		 0);
}

void queue_start(const struct tcp_options *opt)
{
	rig_start_with(0, 1 << 20);
	rig_open(&pub);
	rig_open_with(&sub, opt);
	rig_sub(&sub, "t/#");
	queue_got.fd = sub.client;
}

void queue_start_held(uint8_t policy, uint32_t packets, uint64_t bytes)
{
	queue_start(NULL);
	queue_limit(&sub, policy, packets, bytes);
	queue_hold(&sub);
}

void queue_put(struct bytes *b, unsigned int number, size_t payload)
{
	char topic[16];

	snprintf(topic, sizeof(topic), "t/%u", number % queue_topics);
	wire_numbered(b, 0x30, topic, SOURCE, number, payload);
}

void queue_publish(unsigned int from, unsigned int n, size_t payload)
{
	struct bytes b = { 0 };

	for (; n; n--, from++) {
		b.len = 0;
		queue_put(&b, from, payload);
		rig_send_bytes(&pub, &b);
	}
	bytes_free(&b);
}

void queue_publish_train(unsigned int from, unsigned int n, size_t payload)
{
	struct bytes b = { 0 };

	for (; n; n--, from++)
		queue_put(&b, from, payload);
	rig_send_bytes(&pub, &b);
	bytes_free(&b);
}

void queue_expect(unsigned int from, unsigned int n)
{
	packets_expect(&queue_got, SOURCE, from, n);
}

unsigned long long queue_length(void)
{
	return rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS);
}

void queue_check_drops(unsigned int n, unsigned int full, unsigned int old,
		       unsigned int conflated, unsigned int slow)
{
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), full);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_OLD), old);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_CONFLATED), conflated);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_SLOW), slow);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_QUEUE_FULL), full);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_OLD), old);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_CONFLATED), conflated);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_SLOW), slow);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_TX_PACKETS) + queue_length() + full + old + conflated +
		   slow == n);
}

void queue_check_end(void)
{
	rig_fence(&sub);
	CHECK_EQ(packets_left(&queue_got), 0);
	CHECK_EQ(queue_length(), 0);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES), 0);
	rig_check_balance();
}
