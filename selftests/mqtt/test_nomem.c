// SPDX-License-Identifier: MIT
/*
 * Memory that the module asks for and does not get, again and again: on a
 * kernel with fault injection, limited to calls out of the module's text. What
 * fails is refused or dropped and counted, the rest goes on.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/packets.h"
#include "lib/port.h"
#include "lib/sites.h"

static struct rig_peer pub, sub;

/* Notes where something has failed. */
static void end(void)
{
	bool pages;

	faults_set(0);
	sites_failed(&pages);
}

static void begin(void)
{
	faults_need();
	rig_start_with(1ull << 30, 0);
}

static int try_attach(struct rig_peer *p)
{
	struct mqtt_nl_attach attach = {
		.fd = p->fd, .protocol = MQTT_PROTOCOL_V311, .client_id = "no memory",
		.rx_residue = "\x40\x02\x00\x03", .rx_residue_len = 4, .keep_alive = 60,
	};

	return mqtt_nl_peer_attach(rig_nl, &attach, &p->id);
}

static int ignore(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	(void)arg;
	return 0;
}

/* Attaching, subscribing: done or not done, and nothing in between. */
static void control(void)
{
	struct mqtt_nl_filter filters[] = {
		{ .filter = (const uint8_t *)"a/b/c", .len = 5 },
		{ .filter = (const uint8_t *)"a/+/c/#", .len = 7 },
	};
	int i, ret, attached = 0, subscribed = 0, n = 40;
	char buf[4];

	begin();
	rig_connect(&pub, NULL);
	for (i = 0; i < n; i++) {
		rig_send(&pub, "\x40\x02\x00\x03", 4);
		tcp_recv_all(pub.fd, buf, 4);
		faults_set(i % 30);
		ret = try_attach(&pub);
		if (!ret) {
			attached++;
			subscribed += !mqtt_nl_sub_add(rig_nl, pub.id, filters, 2);
			mqtt_nl_peer_get(rig_nl, pub.id, ignore, NULL);
		}
		faults_set(0);
		CHECK_EQ(rig_peer_count(), !ret);
		if (!ret) {
			CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_SUBSCRIPTIONS) % 2, 0);
			/* It may have no memory to end a packet, but there is none. */
			rig_detach(&pub);
			tcp_expect(pub.fd, "\x40\x02\x00\x03", 4);
		}
		tcp_expect_again(pub.fd);
	}
	ksft_note("%d of %d attached, %d subscribed", attached, n, subscribed);
	CHECK(attached && attached < n);
	CHECK(subscribed < attached);
	end();
}

/* Takes what comes, in order but with gaps, until @mark. Returns messages. */
static unsigned int take_until(struct packets *p, const struct bytes *mark)
{
	unsigned int source, n = 0;
	long number, last = -1;

	for (;;) {
		if (packets_take(p, mark->p, mark->len))
			return n;
		number = packets_take_any(p, &source);
		if (number < 0) {
			packets_wait(p);
			continue;
		}
		CHECK(number > last);
		last = number;
		n++;
	}
}

static void traffic_with_faults(size_t payload, unsigned int messages)
{
	struct traffic t = {
		.from = &pub, .topic = "t/u", .source = 1, .n = messages, .payload = payload,
		.batch = 2000, .cpu = -1,
	};
	unsigned long long lost;
	struct packets got = { 0 };
	struct bytes mark = { 0 };
	unsigned int n;

	begin();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	wire_message(&mark, "t/u", "that was all");
	got.fd = sub.client;
	faults_set(10);
	traffic_start(&t);
	traffic_join(&t);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	faults_set(0);
	rig_send_bytes(&pub, &mark);
	n = take_until(&got, &mark);
	lost = rig_stat(MQTT_A_STATS_DROP_NO_MEMORY);
	ksft_note("%u of %u came, %llu dropped, %llu times put off", n, messages, lost,
		  rig_stat(MQTT_A_STATS_TX_RETRIES));
	CHECK(lost);
	CHECK_EQ(n + lost, messages);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
	rig_check_balance();
	end();
}

static void short_messages(void)
{
	traffic_with_faults(50, ksft_scale(20000, 3000));
}

static void long_messages(void)
{
	traffic_with_faults(20000, ksft_scale(2000, 300));
}

/*
 * A full queue under each policy: to cut trains, and to find messages by their
 * topics, takes memory. All are accounted for, and each topic is in order.
 */
static void full_queues(void)
{
	static const uint8_t policies[] = {
		MQTT_QUEUE_POLICY_DROP_NEW, MQTT_QUEUE_POLICY_DROP_OLD,
		MQTT_QUEUE_POLICY_CONFLATE,
	};
	unsigned int i, n = ksft_scale(3000, 600), source, got = 0, queued;
	struct rig_peer subs[ARRAY_LEN(policies)];
	const uint32_t packets = 100;
	const uint8_t yes = 1;
	struct bytes b = { 0 };
	char topic[16];

	begin();
	rig_open(&pub);
	for (i = 0; i < ARRAY_LEN(subs); i++) {
		const struct mqtt_nl_peer_set set = {
			.tx_hold = &yes, .queue_policy = &policies[i], .queue_packets = &packets,
		};

		rig_open_sub(&subs[i], "t/#");
		CHECK_EQ(mqtt_nl_peer_set(rig_nl, subs[i].id, &set), 0);
	}
	faults_set(20);
	for (i = 0; i < n; i++) {
		snprintf(topic, sizeof(topic), "t/%u", i / 3 % 20);
		wire_numbered(&b, 0x30, topic, 1, i, 20);
		if (ksft_random(4) && i + 1 < n)
			continue;
		rig_send_bytes(&pub, &b);
		b.len = 0;
	}
	WAIT_UNTIL(!tcp_unread(pub.fd));
	faults_set(0);
	for (i = 0; i < ARRAY_LEN(subs); i++) {
		struct packets in = { .fd = subs[i].client };
		long number, last[20];

		memset(last, -1, sizeof(last));
		queued = rig_peer_get(&subs[i], MQTT_A_PEER_QUEUE_PACKETS);
		CHECK(queued <= packets);
		got += queued;
		rig_release(&subs[i]);
		while (queued) {
			number = packets_take_any(&in, &source);
			if (number < 0) {
				packets_wait(&in);
				continue;
			}
			CHECK(number > last[number / 3 % 20]);
			last[number / 3 % 20] = number;
			queued--;
		}
		rig_fence(&subs[i]);
	}
	ksft_note("full %llu, old %llu, conflated %llu, no memory %llu",
		  rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), rig_stat(MQTT_A_STATS_DROP_OLD),
		  rig_stat(MQTT_A_STATS_DROP_CONFLATED), rig_stat(MQTT_A_STATS_DROP_NO_MEMORY));
	CHECK(rig_stat(MQTT_A_STATS_DROP_NO_MEMORY) > 0);
	for (i = 0; i < ARRAY_LEN(subs); i++) {
		CHECK(rig_peer_get(&subs[i], MQTT_A_PEER_QUEUE_BYTES) == 0);
		got += rig_peer_stat(&subs[i], MQTT_A_PEER_STATS_DROP_QUEUE_FULL) +
		       rig_peer_stat(&subs[i], MQTT_A_PEER_STATS_DROP_OLD) +
		       rig_peer_stat(&subs[i], MQTT_A_PEER_STATS_DROP_CONFLATED) +
		       rig_peer_stat(&subs[i], MQTT_A_PEER_STATS_DROP_NO_MEMORY);
	}
	/* What could not be received was for all of them. */
	got += 3 * rig_peer_stat(&pub, MQTT_A_PEER_STATS_DROP_NO_MEMORY);
	CHECK_EQ(got, 3 * n);
	rig_check_balance();
	end();
}

/* PINGREQ, slow packets and the daemon's own bytes. */
static void pings(void)
{
	struct bytes slow = { 0 };
	int i;

	begin();
	rig_open(&pub);
	wire_puback(&slow, 7);
	faults_set(20);
	for (i = 0; i < ksft_scale(500, 100); i++) {
		rig_send(&pub, "\xc0\x00", 2);
		rig_send_bytes(&pub, &slow);
		rig_daemon_expect(&pub, &slow);
	}
	faults_set(0);
	WAIT_UNTIL(!rig_peer_get(&pub, MQTT_A_PEER_QUEUE_PACKETS));
	for (i = rig_stat(MQTT_A_STATS_TX_PINGS); i; i--)
		tcp_expect(pub.client, "\xd0\x00", 2);
	CHECK(!tcp_is_readable(pub.client));
	end();
}

/* Takes whole packets off what has been received; returns how many. */
static unsigned int take_packets(struct packets *p)
{
	unsigned int n = 0;
	size_t len;

	while (packets_read(p))
		;
	while ((len = wire_length(packets_data(p), packets_left(p))) && len <= packets_left(p)) {
		packets_take(p, packets_data(p), len);
		n++;
	}
	return n;
}

/*
 * Bytes that wait for the rest of their packet in a small receive buffer: what cannot
 * be moved to a smaller place is the daemon's, if the packet does not fit.
 */
static void small_buffer(void)
{
	const struct tcp_options opt = { .family = AF_INET, .server_rcvbuf = 4096 };
	unsigned int i, n = ksft_scale(4000, 800), fast = 0, slow = 0;
	struct packets in = { 0 }, daemon = { 0 };
	struct bytes b = { 0 };
	size_t sent = 0;
	ssize_t len;

	begin();
	rig_open_with(&pub, &opt);
	rig_open_sub(&sub, "t/u");
	in.fd = sub.client;
	daemon.fd = pub.fd;
	for (i = 0; i < n; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, i % 7 ? 20 + i % 300 : 2200);
	faults_set(20);
	while (sent < b.len) {
		len = send(pub.client, b.p + sent, 1 + ksft_random(b.len - sent > 400 ? 400 : 1),
			   MSG_DONTWAIT);
		sent += len > 0 ? len : 0;
		fast += take_packets(&in);
		if (tcp_is_readable(pub.fd))
			slow += take_packets(&daemon);
		if (len < 0)
			ksft_pause();
	}
	faults_set(0);
	while (fast + slow + rig_stat(MQTT_A_STATS_DROP_NO_MEMORY) < n) {
		fast += take_packets(&in);
		if (tcp_is_readable(pub.fd))
			slow += take_packets(&daemon);
		ksft_pause();
	}
	CHECK_EQ(fast + slow + rig_stat(MQTT_A_STATS_DROP_NO_MEMORY), n);
	ksft_note("%u through the kernel, %u through the daemon", fast, slow);
	rig_check_balance();
	end();
}

static const struct ksft_case cases[] = {
	{ "control", control },
	{ "short_messages", short_messages },
	{ "long_messages", long_messages },
	{ "full_queues", full_queues },
	{ "pings", pings },
	{ "small_buffer", small_buffer },
};

int main(int argc, char **argv)
{
	sites_begin(argv[0]);
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
