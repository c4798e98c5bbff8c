// SPDX-License-Identifier: MIT
/*
 * Short packets that arrive together: whatever the kernel does with them
 * together, each receiver gets each one that is for it, as if they had come
 * alone; and the counters count packets.
 */
#include <unistd.h>

#include "lib/packets.h"
#include "lib/port.h"
#include "lib/rig.h"

static struct rig_peer pub, sub;

static void start(void)
{
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/#");
}

/* Many topics in runs of many lengths, of packets of many sizes. */
static void runs_of_topics(void)
{
	static const char * const topics[] = {
		"t/a", "t/b", "t/longer/than/the/others", "x",
		/* alike in all that is looked at first */
		"t/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0",
		"t/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/1",
	};
	static const size_t sizes[] = { 5, 6, 30, 119, 120, 121, 122, 500, 1000, 1100, 2500 };
	unsigned int rounds = ksft_scale(300, 30), all = 0, i, n;
	struct bytes b = { 0 }, want = { 0 };

	start();
	for (i = 0; i < rounds; i++) {
		const char *topic = topics[ksft_random(ARRAY_LEN(topics))];
		size_t size = sizes[ksft_random(ARRAY_LEN(sizes))];

		for (n = ksft_random(150); n && b.len < 60000; n--) {
			size_t from = b.len;

			wire_numbered(&b, 0x30, topic, 1, n, size);
			all++;
			if (topic[0] == 't')
				bytes_put(&want, b.p + from, b.len - from);
		}
		tcp_send_all(pub.client, b.p, b.len);
		pub.sent += b.len;
		tcp_expect(sub.client, want.p, want.len);
		rig_wait_arrived(&pub);
		b.len = 0;
		want.len = 0;
	}
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_RX_PACKETS) == all);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS), all);
	CHECK_EQ(rig_stat(MQTT_A_STATS_MATCHED) + rig_stat(MQTT_A_STATS_UNMATCHED), all);
	rig_fence(&sub);
	rig_check_balance();
}

/* What ends a train: each of these between packets that would be one. */
static void other_packets_between(void)
{
	struct bytes b = { 0 }, want = { 0 }, slow = { 0 };
	int i;

	start();
	for (i = 0; i < 5; i++) {
		wire_message(&b, "t/u", "one");
		wire_message(&b, "t/u", "two");
		wire_message(&want, "t/u", "one");
		wire_message(&want, "t/u", "two");
		switch (i) {
		case 0:
			wire_publish(&b, 0x30, "t/u", "", 0);
			wire_publish(&want, 0x30, "t/u", "", 0);
			break;
		case 1:
			wire_message(&b, "t/v", "other");
			wire_message(&want, "t/v", "other");
			break;
		case 2:
			wire_pingreq(&b);
			break;
		case 3:
			wire_puback(&b, 7);
			wire_puback(&slow, 7);
			break;
		case 4:
			wire_publish(&b, 0x31, "t/u", "kept", 4);
			wire_publish(&slow, 0x31, "t/u", "kept", 4);
			break;
		}
		wire_message(&b, "t/u", "three");
		wire_message(&want, "t/u", "three");
	}
	rig_send_bytes(&pub, &b);
	rig_daemon_expect(&pub, &slow);
	tcp_expect_again(pub.fd);
	tcp_expect(sub.client, want.p, want.len);
	rig_fence(&sub);
}

/* The bad one is the daemon's, those before it are delivered. */
static void a_bad_packet_behind_good_ones(void)
{
	struct bytes b = { 0 }, want = { 0 };

	start();
	wire_message(&b, "t/u", "one");
	wire_message(&b, "t/u", "two");
	bytes_put(&want, b.p, b.len);
	bytes_put(&b, "\x30\x05\x00\x04t/u", 7);
	wire_message(&b, "t/u", "three");
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, want.p, want.len);
	tcp_expect(pub.fd, b.p + want.len, b.len - want.len);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_RAW);
	rig_fence(&sub);
}

/* Receivers with a Maximum Packet Size get those that fit, each its own. */
static void some_are_too_long(void)
{
	struct mqtt_nl_attach limits[] = { { .max_packet = 40 }, { .max_packet = 35 } };
	unsigned int i, n, dropped[] = { 0, 0 };
	struct bytes b = { 0 }, want[2] = { 0 };
	struct rig_peer small[2];

	start();
	for (n = 0; n < 2; n++) {
		rig_connect(&small[n], NULL);
		rig_attach_with(&small[n], &limits[n]);
		rig_sub(&small[n], "t/#");
	}
	for (i = 0; i < 30; i++) {
		size_t from = b.len;

		wire_numbered(&b, 0x30, "t/u", 1, i, 20 + i);
		for (n = 0; n < 2; n++) {
			if (b.len - from <= limits[n].max_packet)
				bytes_put(&want[n], b.p + from, b.len - from);
			else
				dropped[n]++;
		}
	}
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, b.p, b.len);
	for (n = 0; n < 2; n++) {
		tcp_expect(small[n].client, want[n].p, want[n].len);
		CHECK(dropped[n] > 5 && dropped[n] < 25);
		CHECK_EQ(rig_peer_stat(&small[n], MQTT_A_PEER_STATS_DROP_TOO_LARGE), dropped[n]);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_TOO_LARGE), dropped[0] + dropped[1]);
	rig_fence(&small[0]);
	rig_check_balance();
}

static void put_v5(struct bytes *to, const char *payload, bool properties)
{
	struct bytes body = { 0 };

	bytes_u16(&body, 3);
	bytes_put(&body, "t/u", 3);
	if (properties)
		bytes_put(&body, "\x07\x26\x00\x01k\x00\x01v", 8);
	else
		bytes_u8(&body, 0);
	bytes_put(&body, payload, strlen(payload));
	wire_packet(to, 0x30, body.p, body.len);
	bytes_free(&body);
}

/* Between versions, in both directions. */
static void translated(void)
{
	struct bytes five = { 0 }, three = { 0 }, back = { 0 };
	struct rig_peer pub5, sub5;
	char text[16];
	int i;

	start();
	rig_connect(&pub5, NULL);
	rig_attach_as(&pub5, MQTT_PROTOCOL_V5, 0);
	rig_connect(&sub5, NULL);
	rig_attach_as(&sub5, MQTT_PROTOCOL_V5, 0);
	rig_sub(&sub5, "t/#");
	for (i = 0; i < 100; i++) {
		sprintf(text, "message %d", i * i * i);
		put_v5(&five, text, i % 3 == 1);
		put_v5(&back, text, false);
		wire_message(&three, "t/u", text);
	}
	rig_send_bytes(&pub5, &five);
	tcp_expect(sub5.client, five.p, five.len);
	tcp_expect(sub.client, three.p, three.len);
	rig_send_bytes(&pub, &three);
	tcp_expect(sub5.client, back.p, back.len);
	tcp_expect(sub.client, three.p, three.len);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TRANSLATED), 200);
	rig_fence(&sub);
}

/* To a port each goes in a record of its own. */
static void records_of_a_port(void)
{
	struct bytes b = { 0 }, one = { 0 };
	struct rig_peer hosted[3];
	struct rig_port port;
	unsigned int i, k, n;

	start();
	rig_port_open(&port, 0);
	for (k = 0; k < ARRAY_LEN(hosted); k++) {
		rig_attach_hosted(&hosted[k], &port);
		rig_sub(&hosted[k], "t/u");
	}
	for (i = 0; i < 200; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 20 + i % 50);
	rig_send_bytes(&pub, &b);
	for (i = 0; i < 200; i++) {
		const struct mqtt_port_record *record = rig_port_wait(&port);

		one.len = 0;
		wire_numbered(&one, 0x30, "t/u", 1, i, 20 + i % 50);
		rig_port_receivers(record, &n);
		CHECK_EQ(n, ARRAY_LEN(hosted));
		CHECK_EQ(record->packet_len, one.len);
		tcp_compare("record", rig_port_packet(record), one.p, one.len);
	}
	rig_port_expect_empty(&port);
	CHECK_EQ(rig_stat(MQTT_A_STATS_PORT_TX_PACKETS), 200 * ARRAY_LEN(hosted));
}

/* A queue that is full drops, and what it takes again is whole and in order. */
static void full_queues(void)
{
	struct packets in = { 0 };
	struct bytes b = { 0 };
	unsigned int sent = 0, source, got = 0, i;
	long number, last = -1;

	rig_start_with(65536, 0);
	rig_open(&pub);
	rig_open_sub(&sub, "t/#");
	in.fd = sub.client;
	while (rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL) < 5000) {
		b.len = 0;
		for (i = 0; i < 300; i++)
			wire_numbered(&b, 0x30, "t/u", 1, sent++, 100);
		rig_send_bytes(&pub, &b);
	}
	tcp_nonblock(sub.client, true);
	while (got + rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL) < sent) {
		packets_wait(&in);
		while ((number = packets_take_any(&in, &source)) >= 0) {
			CHECK(number > last);
			last = number;
			got++;
		}
	}
	CHECK_EQ(got + rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), sent);
	CHECK_EQ(packets_left(&in), 0);
	WAIT_UNTIL(rig_peer_stat(&sub, MQTT_A_PEER_STATS_TX_PACKETS) == got);
	rig_check_balance();
}

static const struct ksft_case cases[] = {
	{ "runs of topics", runs_of_topics },
	{ "other packets between", other_packets_between },
	{ "a bad packet behind good ones", a_bad_packet_behind_good_ones },
	{ "some are too long", some_are_too_long },
	{ "translated", translated },
	{ "records of a port", records_of_a_port },
	{ "full queues", full_queues },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
