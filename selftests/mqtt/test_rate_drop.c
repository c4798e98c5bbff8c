// SPDX-License-Identifier: MIT
/*
 * How fast a client may publish, where what is too much is dropped: what passes, what
 * is counted, and what is told of it. See test_rate.c.
 */
#include <poll.h>
#include <unistd.h>

#include "events.h"
#include "lib/packets.h"
#include "lib/rig.h"

#define DEBT 6000

static const unsigned char pingreq[] = { 0xc0, 0x00 }, pingresp[] = { 0xd0, 0x00 };
static struct rig_peer pub, sub;
static struct bytes debt, fast;

static void start_with(const struct mqtt_nl_limits *limits)
{
	rig_start();
	rig_connect(&pub, NULL);
	rig_attach_with(&pub, &(struct mqtt_nl_attach){ .limits = *limits });
	rig_open_sub(&sub, "t/u");
	rig_fence(&sub);
	wire_publish_of(&debt, 0x30, "t/u", DEBT, 1);
	wire_message(&fast, "t/u", "too much");
}

/* The first packet has passed, and nothing else does before lift(). */
static void start_in_debt(void)
{
	start_with(&(struct mqtt_nl_limits){
		.rate_bytes = 1, .rate_policy = MQTT_RATE_POLICY_DROP,
	});
	rig_send_bytes(&pub, &debt);
	tcp_expect(sub.client, debt.p, debt.len);
}

static void lift(void)
{
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, pub.id, &(struct mqtt_nl_peer_set){
		.rate_packets = &(uint32_t){ 0 }, .rate_bytes = &(uint64_t){ 0 },
	}), 0);
}

/* Who waits when the policy becomes drop is dropped. */
static void changed_to_drop(void)
{
	uint8_t drop = MQTT_RATE_POLICY_DROP;

	start_with(&(struct mqtt_nl_limits){ .rate_bytes = 1 });
	rig_send_bytes(&pub, &debt);
	tcp_expect(sub.client, debt.p, debt.len);
	rig_send_bytes(&pub, &fast);
	rig_fence(&sub);
	CHECK_EQ(tcp_unread(pub.fd), fast.len);
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, pub.id, &(struct mqtt_nl_peer_set){
		.rate_policy = &drop,
	}), 0);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_RATE), 1);
	rig_fence(&sub);
}

static void dropped(void)
{
	struct bytes all = { 0 };
	int i;

	start_in_debt();
	for (i = 0; i < 100; i++)
		bytes_put(&all, fast.p, fast.len);
	bytes_put(&all, debt.p, debt.len);
	wire_message(&all, "another/topic", "");
	bytes_put(&all, pingreq, sizeof(pingreq));
	rig_send_bytes(&pub, &all);
	tcp_expect(pub.client, pingresp, sizeof(pingresp));
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_RATE), 102);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_DROP_RATE), 102);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS), 103);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_RATE_WAITS), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_UNMATCHED), 0);
	CHECK_EQ(tcp_unread(pub.fd), 0);
	rig_fence(&sub);
	lift();
	rig_send_bytes(&pub, &fast);
	tcp_expect(sub.client, fast.p, fast.len);
	rig_check_balance();
}

/* Those that pass are the first of what comes together, in their order. */
static void dropped_of_trains(void)
{
	struct packets got = { 0 };
	unsigned int i, n = 640, last = 0, seen = 0;
	unsigned long long lost;
	struct bytes all = { 0 };
	long long began;

	start_with(&(struct mqtt_nl_limits){
		.rate_packets = 30, .rate_policy = MQTT_RATE_POLICY_DROP,
	});
	got.fd = sub.client;
	for (i = 0; i < n; i++)
		wire_numbered(&all, 0x30, "t/u", 1, i, 10);
	began = ksft_now_ms();
	rig_send_bytes(&pub, &all);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	lost = rig_stat(MQTT_A_STATS_DROP_RATE);
	CHECK(n - lost >= 30);
	CHECK((n - lost) * 1000 <= 30 * (1000ULL + 1 + ksft_now_ms() - began));
	while (seen < n - lost) {
		unsigned int source;
		long number = packets_take_any(&got, &source);

		if (number < 0) {
			packets_wait(&got);
			continue;
		}
		CHECK(seen < 30 ? number == seen : number > last);
		last = number;
		seen++;
	}
	CHECK_EQ(packets_left(&got), 0);
	rig_fence(&sub);
}

/* A short packet behind a long one that is dropped may still pass. */
static void short_behind_long(void)
{
	struct bytes all = { 0 };

	start_with(&(struct mqtt_nl_limits){
		.rate_bytes = 1000, .rate_policy = MQTT_RATE_POLICY_DROP,
	});
	wire_publish_of(&all, 0x30, "t/u", 400, 1);
	wire_publish_of(&all, 0x30, "t/u", 900, 2);
	wire_publish_of(&all, 0x30, "t/u", 300, 3);
	rig_send_bytes(&pub, &all);
	tcp_expect(sub.client, all.p, 403);
	tcp_expect(sub.client, all.p + 403 + 903, 303);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_RATE), 1);
	rig_fence(&sub);
}

/* What changes a topic alias is the daemon's; what uses one is not. */
static void aliases(void)
{
	static const unsigned char
		sets[] = "\x30\x0c\x00\x03t/u\x03\x23\x00\x01" "set",
		uses[] = "\x30\x09\x00\x00\x03\x23\x00\x01" "use",
		arrives[] = "\x30\x09\x00\x03t/u\x00" "use";
	struct bytes b = { 0 };

	start_with(&(struct mqtt_nl_limits){ 0 });
	rig_close(&pub);
	rig_connect(&pub, NULL);
	rig_attach_with(&pub, &(struct mqtt_nl_attach){
		.protocol = MQTT_PROTOCOL_V5, .topic_alias_max = 10,
		.limits = { .rate_packets = 1, .rate_bytes = 1,
			    .rate_policy = MQTT_RATE_POLICY_DROP },
	});
	rig_close(&sub);
	rig_open_as(&sub, MQTT_PROTOCOL_V5, 0);
	rig_sub(&sub, "t/u");
	bytes_put(&b, sets, sizeof(sets) - 1);
	rig_send_bytes(&pub, &b);
	rig_daemon_expect(&pub, &b);
	tcp_expect_again(pub.fd);
	rig_send(&pub, uses, sizeof(uses) - 1);
	tcp_expect(sub.client, arrives, sizeof(arrives) - 1);
	rig_send(&pub, uses, sizeof(uses) - 1);
	rig_send_bytes(&pub, &b);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_RATE), 2);
	lift();
	rig_send(&pub, uses, sizeof(uses) - 1);
	tcp_expect(sub.client, arrives, sizeof(arrives) - 1);
}

static int take_type(struct nlattr **attrs, void *arg)
{
	int type = nla_get_u8(attrs[MQTT_A_EVENT_TYPE]);

	if (type == MQTT_EVENT_TYPE_PEER_RATE) {
		CHECK(attrs[MQTT_A_EVENT_PEER_ID]);
		CHECK_EQ(nla_get_u32(attrs[MQTT_A_EVENT_PEER_ID]), pub.id);
	}
	*(int *)arg = type;
	return 1;
}

/* How many events peer-rate there are; reads all */
static int rate_events(struct mqtt_events *events)
{
	int type, n = 0;

	while (mqtt_events_receive(events, take_type, &type) == 1)
		n += type == MQTT_EVENT_TYPE_PEER_RATE;
	return n;
}

/* A second has passed without anything: a client's keep-alive is over. */
static void quiet_second(void)
{
	struct rig_peer clock;

	rig_connect(&clock, NULL);
	rig_attach_with(&clock, &(struct mqtt_nl_attach){ .keep_alive = 1 });
	CHECK(tcp_wait(clock.fd, POLLIN) & POLLERR);
	rig_close(&clock);
}

static void told(void)
{
	struct mqtt_events *events;
	struct bytes all = { 0 };
	int i;

	start_in_debt();
	CHECK_EQ(mqtt_events_open(&events), 0);
	for (i = 0; i < 30; i++) {
		bytes_put(&all, fast.p, fast.len);
		wire_message(&all, "t/v", "no train");
	}
	for (i = 0; i < 2; i++) {
		rig_send_bytes(&pub, &all);
		WAIT_UNTIL(!tcp_unread(pub.fd));
		CHECK_EQ(rate_events(events), 1);
		quiet_second();
		CHECK_EQ(rate_events(events), 0);
	}
	mqtt_events_close(events);
}

static const struct ksft_case cases[] = {
	{ "dropped", dropped },
	{ "dropped_of_trains", dropped_of_trains },
	{ "short_behind_long", short_behind_long },
	{ "changed_to_drop", changed_to_drop },
	{ "aliases", aliases },
	{ "told", told },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
