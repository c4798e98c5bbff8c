// SPDX-License-Identifier: MIT
/*
 * What a queue does at its limits: which messages arrive, in which order, and
 * where the others are counted. A subscriber that is held (tx-hold) is as slow
 * as can be, and nothing of its queue has gone to TCP.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/port.h"
#include "lib/reader.h"

#define SOURCE	1			/* of numbered messages */
#define BIG	200000			/* bytes that do not fit into small buffers */

static const struct tcp_options small = {
	.family = AF_INET, .server_sndbuf = 4608, .client_rcvbuf = 4608,
};

static struct rig_peer pub, sub;
static struct packets got;
static unsigned int topics = 1;		/* message N is of topic t/(N % topics) */

static void set_limits(struct rig_peer *p, uint8_t policy, uint32_t packets, uint64_t bytes)
{
	struct mqtt_nl_peer_set set = { .queue_policy = &policy, .queue_packets = &packets };

	if (bytes)
		set.queue_limit = &bytes;
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, p->id, &set), 0);
}

static void hold(struct rig_peer *p)
{
	const uint8_t yes = 1;

	CHECK_EQ(mqtt_nl_peer_set(rig_nl, p->id, &(struct mqtt_nl_peer_set){ .tx_hold = &yes }),
		 0);
}

static void start(const struct tcp_options *opt)
{
	rig_start_with(0, 1 << 20);
	rig_open(&pub);
	rig_open_with(&sub, opt);
	rig_sub(&sub, "t/#");
	got.fd = sub.client;
}

static void start_held(uint8_t policy, uint32_t packets, uint64_t bytes)
{
	start(NULL);
	set_limits(&sub, policy, packets, bytes);
	hold(&sub);
}

static void put(struct bytes *b, unsigned int number, size_t payload)
{
	char topic[16];

	snprintf(topic, sizeof(topic), "t/%u", number % topics);
	wire_numbered(b, 0x30, topic, SOURCE, number, payload);
}

/* Messages @from, @from + 1... each by itself */
static void publish(unsigned int from, unsigned int n, size_t payload)
{
	struct bytes b = { 0 };

	for (; n; n--, from++) {
		b.len = 0;
		put(&b, from, payload);
		rig_send_bytes(&pub, &b);
	}
	bytes_free(&b);
}

/* The same in one go, which makes a train of those of one topic. */
static void publish_train(unsigned int from, unsigned int n, size_t payload)
{
	struct bytes b = { 0 };

	for (; n; n--, from++)
		put(&b, from, payload);
	rig_send_bytes(&pub, &b);
	bytes_free(&b);
}

static void expect(unsigned int from, unsigned int n)
{
	packets_expect(&got, SOURCE, from, n);
}

static unsigned long long queued(void)
{
	return rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS);
}

/* Counters of the router and of the peer, and that @n messages are all accounted for */
static void check_drops(unsigned int n, unsigned int full, unsigned int old,
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
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_TX_PACKETS) + queued() + full + old + conflated +
		   slow == n);
}

/* Nothing more comes, and nothing is left of the queue's memory. */
static void check_end(void)
{
	rig_fence(&sub);
	CHECK_EQ(packets_left(&got), 0);
	CHECK_EQ(queued(), 0);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES), 0);
	rig_check_balance();
}

/* --- drop-new ----------------------------------------------------------------- */

static void drop_new(void)
{
	start_held(MQTT_QUEUE_POLICY_DROP_NEW, 10, 0);
	publish(0, 25, 20);
	CHECK_EQ(queued(), 10);
	check_drops(25, 15, 0, 0, 0);
	rig_release(&sub);
	expect(0, 10);
	check_end();
}

/* It does not matter how they have been sent. */
static void drop_new_of_a_train(void)
{
	start_held(MQTT_QUEUE_POLICY_DROP_NEW, 10, 0);
	publish(0, 3, 20);
	publish_train(3, 25, 20);
	publish_train(28, 2, 20);
	check_drops(30, 20, 0, 0, 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_ENQUEUED), 10);
	rig_release(&sub);
	expect(0, 10);
	check_end();
}

/* --- drop-old ----------------------------------------------------------------- */

static void drop_old(void)
{
	start_held(MQTT_QUEUE_POLICY_DROP_OLD, 10, 0);
	publish(0, 25, 20);
	CHECK_EQ(queued(), 10);
	check_drops(25, 0, 15, 0, 0);
	rig_release(&sub);
	expect(15, 10);
	check_end();
}

static void drop_old_of_a_train(void)
{
	start_held(MQTT_QUEUE_POLICY_DROP_OLD, 10, 0);
	publish_train(0, 8, 20);
	publish(8, 1, 20);
	publish_train(9, 4, 20);	/* cuts the first one */
	CHECK_EQ(queued(), 10);
	check_drops(13, 0, 3, 0, 0);
	publish_train(13, 40, 20);	/* is cut itself */
	check_drops(53, 0, 43, 0, 0);
	publish(53, 3, 20);
	check_drops(56, 0, 46, 0, 0);
	rig_release(&sub);
	expect(46, 10);
	check_end();
}

static void drop_old_by_bytes(void)
{
	unsigned int left;

	start_held(MQTT_QUEUE_POLICY_DROP_OLD, 0, 32768);
	publish(0, 200, 1000);
	CHECK(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES) <= 32768);
	left = queued();
	CHECK(left > 10 && left < 33);
	check_drops(200, 0, 200 - left, 0, 0);
	/* One that can never fit pushes none out. */
	publish(200, 1, 40000);
	check_drops(201, 1, 200 - left, 0, 0);
	CHECK_EQ(queued(), left);
	rig_release(&sub);
	expect(200 - left, left);
	check_end();
}

/* --- conflate ----------------------------------------------------------------- */

/* As it comes: t0 t1 t2 t3 t0 t1, and from then on each in its place. */
static void conflate(void)
{
	topics = 4;
	start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	publish(0, 6, 20);
	check_drops(6, 0, 0, 0, 0);
	publish(6, 94, 20);
	CHECK_EQ(queued(), 4);
	check_drops(100, 0, 0, 96, 0);
	rig_release(&sub);
	expect(98, 2);
	expect(96, 2);
	check_end();
}

/* More topics than there is room for: the oldest go. */
static void conflate_many_topics(void)
{
	topics = 12;
	start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	publish(0, 48, 20);
	check_drops(48, 0, 40, 0, 0);
	topics = 2;
	publish(48, 10, 20);		/* none of t/0 and t/1 waits */
	check_drops(58, 0, 42, 8, 0);
	rig_release(&sub);
	expect(42, 6);
	expect(56, 2);
	check_end();
}

static void conflate_trains(void)
{
	start_held(MQTT_QUEUE_POLICY_CONFLATE, 100, 0);
	publish_train(0, 50, 20);
	publish_train(50, 50, 20);
	check_drops(100, 0, 0, 0, 0);
	publish_train(100, 50, 20);
	check_drops(150, 0, 0, 149, 0);
	rig_release(&sub);
	expect(149, 1);
	check_end();
}

static void conflate_a_train_too_long(void)
{
	start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	publish_train(0, 50, 20);
	check_drops(50, 0, 0, 49, 0);
	rig_release(&sub);
	expect(49, 1);
	check_end();
}

/* It begins anew each time, and below the mark all messages are kept. */
static void conflate_again_and_again(void)
{
	unsigned int round, conflated = 0;

	topics = 4;
	start_held(MQTT_QUEUE_POLICY_CONFLATE, 80, 0);
	for (round = 0; round < 5; round++) {
		publish(round * 100, 60, 20);
		check_drops(round * 100 + 60, 0, 0, conflated, 0);
		publish(round * 100 + 60, 40, 20);
		/* two of them make 4 of 60, a chunk each; below 40 all are kept again */
		conflated += 58;
		check_drops((round + 1) * 100, 0, 0, conflated, 0);
		rig_release(&sub);
		expect(round * 100 + 60, 2);
		expect(round * 100 + 58, 2);
		expect(round * 100 + 62, 38);
		hold(&sub);
	}
	rig_release(&sub);
	check_end();
}

/* A real slow client: of each topic in order, and the last one in the end */
static void conflate_while_it_is_sent(void)
{
	unsigned int n = ksft_scale(30000, 5000), seen = 0, source, i, last[16] = { 0 };
	struct bytes b = { 0 };
	long number;

	topics = ARRAY_LEN(last);
	start(&small);
	set_limits(&sub, MQTT_QUEUE_POLICY_CONFLATE, 0, 65536);
	got.read_size = 700;
	tcp_nonblock(sub.client, true);
	for (i = 0; i < n; i++) {
		put(&b, i, 100 + i % 7);
		if (ksft_random(20) && i + 1 < n)
			continue;
		rig_send_bytes(&pub, &b);
		b.len = 0;
		if (!ksft_random(3))
			packets_read(&got);
	}
	while (seen < n - rig_stat(MQTT_A_STATS_DROP_CONFLATED)) {
		number = packets_take_any(&got, &source);
		if (number < 0) {
			packets_wait(&got);
			continue;
		}
		CHECK(number >= last[number % topics]);
		last[number % topics] = number;
		seen++;
	}
	for (i = 0; i < topics; i++)
		CHECK_EQ(last[(n - 1 - i) % topics], n - 1 - i);
	ksft_note("%u of %u arrived", seen, n);
	check_drops(n, 0, 0, n - seen, 0);
	tcp_nonblock(sub.client, false);
	check_end();
}

/* --- disconnect --------------------------------------------------------------- */

static void check_refused(unsigned int n)
{
	char byte;

	CHECK(tcp_wait(sub.fd, POLLIN) & POLLERR);
	CHECK_REFUSED(recv(sub.fd, &byte, 1, MSG_DONTWAIT));
	CHECK_EQ(errno, ENOBUFS);
	tcp_expect_again(sub.fd);
	CHECK_EQ(queued(), 0);
	check_drops(n, 0, 0, 0, n);
}

static void disconnect(void)
{
	start_held(MQTT_QUEUE_POLICY_DISCONNECT, 10, 0);
	publish(0, 10, 20);
	CHECK_EQ(queued(), 10);
	tcp_expect_again(sub.fd);
	publish(10, 1, 20);
	check_refused(11);
	publish(11, 5, 20);
	check_drops(16, 0, 0, 0, 16);
	tcp_expect_again(sub.fd);
	/* Another policy is another chance. */
	set_limits(&sub, MQTT_QUEUE_POLICY_DROP_OLD, 10, 0);
	publish(16, 1, 20);
	CHECK_EQ(queued(), 1);
	rig_release(&sub);
	expect(16, 1);
	rig_fence(&sub);
}

static void disconnect_wakes_a_reader(void)
{
	struct reader reader = { 0 };

	start_held(MQTT_QUEUE_POLICY_DISCONNECT, 10, 0);
	reader_start(&reader, sub.fd, 10, 0);
	publish_train(0, 11, 20);
	reader_join(&reader);
	CHECK_EQ(reader.ret, -1);
	CHECK_EQ(reader.error, ENOBUFS);
	check_drops(11, 0, 0, 0, 11);
}

/* A client that does not read: TCP is full, and nobody asks for the socket. */
static void disconnect_of_a_full_socket(void)
{
	struct packets end = { .fd = -1 };
	struct bytes bye = { 0 };
	unsigned int n, source;
	long number;

	start(&small);
	set_limits(&sub, MQTT_QUEUE_POLICY_DISCONNECT, 5, 0);
	for (n = 0; !rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_SLOW); n++)
		publish(n, 1, 30000);
	CHECK(tcp_wait(sub.fd, POLLIN) & POLLERR);
	/* A packet that TCP has a part of goes on, and no other. */
	CHECK(queued() <= 1);
	CHECK_REFUSED(recv(sub.fd, &number, 1, MSG_DONTWAIT));
	CHECK_EQ(errno, ENOBUFS);
	rig_detach(&sub);
	wire_disconnect(&bye);
	tcp_nonblock(sub.fd, false);
	tcp_nonblock(sub.client, true);
	end.fd = sub.client;
	tcp_send_all(sub.fd, bye.p, bye.len);
	for (n = 0; !packets_take(&end, bye.p, bye.len);) {
		number = packets_take_any(&end, &source);
		if (number >= 0)
			CHECK_EQ(number, n++);
		else
			packets_wait(&end);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_PACKETS), n);
	CHECK_EQ(packets_left(&end), 0);
}

/* --- what TCP has a part of, and PINGRESPs -------------------------------------- */

static void start_partial(uint8_t policy)
{
	rig_start_with(0, 1 << 20);
	rig_open_with(&pub, &(struct tcp_options){
		.family = AF_INET, .server_rcvbuf = 400000 });
	rig_open_with(&sub, &small);
	rig_sub(&sub, "t/#");
	got.fd = sub.client;
	set_limits(&sub, policy, 3, 0);
	publish(0, 1, BIG);
	CHECK(!tcp_is_writable(sub.fd));
	publish(1, 2, BIG);
	CHECK_EQ(queued(), 3);
}

static void ping(void)
{
	struct bytes b = { 0 };

	wire_pingreq(&b);
	rig_send_bytes(&sub, &b);
	bytes_free(&b);
}

static void expect_pingresp(void)
{
	while (!packets_take(&got, "\xd0\x00", 2))
		packets_wait(&got);
}

static void drop_old_behind_a_part(void)
{
	start_partial(MQTT_QUEUE_POLICY_DROP_OLD);
	ping();
	CHECK_EQ(queued(), 4);
	publish(3, 7, BIG);
	CHECK_EQ(queued(), 4);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_OLD), 7);
	expect(0, 1);
	expect_pingresp();
	expect(8, 2);
	WAIT_UNTIL(!queued());
	check_drops(10, 0, 7, 0, 0);
	check_end();
}

static void conflate_behind_a_part(void)
{
	start_partial(MQTT_QUEUE_POLICY_CONFLATE);
	ping();
	publish(3, 6, BIG);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_CONFLATED), 7);
	publish(9, 1, 5);
	CHECK_EQ(queued(), 3);
	expect(0, 1);
	expect(9, 1);
	expect_pingresp();
	WAIT_UNTIL(!queued());
	check_drops(10, 0, 0, 8, 0);
	check_end();
}

/* The whole queue is what TCP has a part of: there is no room to be made. */
static void only_a_part(void)
{
	start_partial(MQTT_QUEUE_POLICY_DROP_OLD);
	set_limits(&sub, MQTT_QUEUE_POLICY_DROP_OLD, 1, 0);
	publish(3, 2, BIG);
	CHECK_EQ(queued(), 3);
	check_drops(5, 2, 0, 0, 0);
	expect(0, 3);
	check_end();
}

/* --- changes --------------------------------------------------------------------- */

static void change_policy(void)
{
	start_held(MQTT_QUEUE_POLICY_DROP_NEW, 10, 0);
	publish(0, 15, 20);
	set_limits(&sub, MQTT_QUEUE_POLICY_DROP_OLD, 10, 0);
	publish(15, 3, 20);
	set_limits(&sub, MQTT_QUEUE_POLICY_DROP_OLD, 4, 0);
	CHECK_EQ(queued(), 10);
	publish(18, 1, 20);
	CHECK_EQ(queued(), 4);
	set_limits(&sub, MQTT_QUEUE_POLICY_CONFLATE, 4, 0);
	publish(19, 1, 20);
	CHECK_EQ(queued(), 1);
	publish(20, 1, 20);
	set_limits(&sub, MQTT_QUEUE_POLICY_DROP_NEW, 2, 0);
	publish(21, 1, 20);
	check_drops(22, 6, 10, 4, 0);
	rig_release(&sub);
	expect(19, 2);
	check_end();
}

/* What was found by its topic is not, and then is again. */
static void conflate_with_a_break(void)
{
	topics = 4;
	start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	publish(0, 10, 20);
	set_limits(&sub, MQTT_QUEUE_POLICY_DROP_NEW, 0, 0);
	publish(10, 4, 20);
	CHECK_EQ(queued(), 8);
	set_limits(&sub, MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	publish(14, 1, 20);
	check_drops(15, 0, 0, 11, 0);
	rig_release(&sub);
	expect(14, 1);
	expect(11, 3);
	check_end();
}

/* --- peers that move --------------------------------------------------------------- */

static void expect_record(struct rig_port *port, unsigned int number)
{
	struct bytes b = { 0 };

	put(&b, number, 20);
	rig_port_expect(port, &b, &sub);
	bytes_free(&b);
}

static void host_and_offload(void)
{
	static struct rig_port port;
	unsigned int i;

	topics = 4;
	start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	publish(0, 20, 20);
	rig_port_open(&port, 0);
	rig_host(&sub, &port);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES), 0);
	publish(20, 20, 20);
	expect_record(&port, 18);
	expect_record(&port, 19);
	for (i = 16; i < 40; i++) {
		if (i != 18 && i != 19)
			expect_record(&port, i);
	}
	rig_port_expect_empty(&port);
	rig_offload(&sub, true);
	rig_port_expect_mark(&port, &sub);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_POLICY), MQTT_QUEUE_POLICY_CONFLATE);
	publish(40, 20, 20);
	CHECK_EQ(queued(), 4);
	rig_release(&sub);
	expect(58, 2);
	expect(56, 2);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_CONFLATED), 32);
	rig_fence(&sub);
}

/* The queue of a hosted peer is its port's, whatever its policy. */
static void full_port(void)
{
	static struct rig_port port;
	unsigned int i, drops;

	start_held(MQTT_QUEUE_POLICY_DROP_OLD, 2, 0);
	rig_port_open(&port, 4096);
	rig_host(&sub, &port);
	publish(0, 100, 20);
	drops = rig_stat(MQTT_A_STATS_DROP_PORT_FULL);
	CHECK(drops > 10 && drops < 90);
	for (i = 0; i < 100 - drops; i++)
		expect_record(&port, i);
	rig_port_expect_empty(&port);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_OLD), 0);
}

static void host_when_too_slow(void)
{
	static struct rig_port port;
	char byte;

	start_held(MQTT_QUEUE_POLICY_DISCONNECT, 2, 0);
	rig_port_open(&port, 0);
	publish(0, 3, 20);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_SLOW), 3);
	rig_host(&sub, &port);
	CHECK_REFUSED(recv(sub.fd, &byte, 1, MSG_DONTWAIT));
	CHECK_EQ(errno, ENOBUFS);
	publish(3, 5, 20);
	expect_record(&port, 3);
	rig_offload(&sub, false);
	publish(8, 1, 20);
	expect(8, 1);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_SLOW), 3);
}

static void detach_with_a_full_queue(void)
{
	topics = 4;
	start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	publish(0, 20, 20);
	rig_detach(&sub);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_CONFLATED), 16);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_PEER_GONE), 4);
	rig_check_balance();
}

static const struct ksft_case cases[] = {
	{ "drop-new", drop_new },
	{ "drop-new of a train", drop_new_of_a_train },
	{ "drop-old", drop_old },
	{ "drop-old of a train", drop_old_of_a_train },
	{ "drop-old by bytes", drop_old_by_bytes },
	{ "conflate", conflate },
	{ "conflate many topics", conflate_many_topics },
	{ "conflate trains", conflate_trains },
	{ "conflate a train too long", conflate_a_train_too_long },
	{ "conflate again and again", conflate_again_and_again },
	{ "conflate while it is sent", conflate_while_it_is_sent },
	{ "disconnect", disconnect },
	{ "disconnect wakes a reader", disconnect_wakes_a_reader },
	{ "disconnect of a full socket", disconnect_of_a_full_socket },
	{ "drop-old behind a part", drop_old_behind_a_part },
	{ "conflate behind a part", conflate_behind_a_part },
	{ "only a part", only_a_part },
	{ "change policy", change_policy },
	{ "conflate with a break", conflate_with_a_break },
	{ "host and offload", host_and_offload },
	{ "full port", full_port },
	{ "host when too slow", host_when_too_slow },
	{ "detach with a full queue", detach_with_a_full_queue },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
