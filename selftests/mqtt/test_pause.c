// SPDX-License-Identifier: MIT
/*
 * Publishers that are held up for a subscriber: from which message on, for how long,
 * and what lets them go.
 *
 * The subscriber's queue grows because the daemon keeps its socket to itself
 * (tx-hold); it has room for 40 packets, so that its high-water mark is at 30 and its
 * low-water mark at 20.
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/port.h"
#include "lib/reader.h"
#include "lib/rig.h"

#define QUEUE 40
#define HIGH 30
#define LONG 10000	/* milliseconds, the longest there is */
#define SHORT 30

static struct rig_peer pub, sub, other;

static void open_held(struct rig_peer *p, const char *filter, unsigned int pause,
		      unsigned int queue)
{
	rig_connect(p, NULL);
	rig_attach_with(p, &(struct mqtt_nl_attach){
		.tx_hold = true,
		.limits = { .queue_packets = queue, .pause = pause },
	});
	rig_sub(p, filter);
}

static void start(unsigned int pause)
{
	rig_start();
	rig_open(&pub);
	open_held(&sub, "t/u", pause, QUEUE);
}

/* One by one: each is a message of its own. */
static void publish(struct rig_peer *from, const char *topic, unsigned int source,
		    unsigned int next, unsigned int n)
{
	struct bytes b = { 0 };

	while (n--) {
		wire_numbered(&b, 0x30, topic, source, next++, 10);
		rig_send_bytes(from, &b);
		b.len = 0;
	}
	bytes_free(&b);
}

static size_t message_len(const char *topic)
{
	struct bytes b = { 0 };
	size_t len = wire_numbered(&b, 0x30, topic, 0, 0, 10);

	bytes_free(&b);
	return len;
}

static void expect_messages(struct rig_peer *p, unsigned int source, unsigned int n)
{
	struct packets got = { .fd = p->client };

	packets_expect(&got, source, 0, n);
	CHECK_EQ(packets_left(&got), 0);
}

static void set_pause(struct rig_peer *p, uint16_t pause)
{
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, p->id, &(struct mqtt_nl_peer_set){
		.pause = &pause,
	}), 0);
}

static unsigned long long queued(const struct rig_peer *p)
{
	return rig_peer_get(p, MQTT_A_PEER_QUEUE_PACKETS);
}

/* Of those that were sent, @n wait in the publisher's receive queue. */
static void check_paused(struct rig_peer *p, unsigned int n)
{
	CHECK_EQ(tcp_unread(p->fd), n * message_len("t/u"));
	CHECK(!tcp_is_readable(p->fd));
	tcp_expect_again(p->fd);
	CHECK_EQ(tcp_unread(p->fd), n * message_len("t/u"));
}

static void check_pauses(const struct rig_peer *p, unsigned int n)
{
	CHECK_EQ(rig_peer_stat(p, MQTT_A_PEER_STATS_RX_PAUSES), n);
}

/* A subscriber in whose queue there is room holds nobody up. */
static void below(void)
{
	start(LONG);
	publish(&pub, "t/u", 1, 0, HIGH - 1);
	CHECK_EQ(queued(&sub), HIGH - 1);
	CHECK_EQ(tcp_unread(pub.fd), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 0);
	rig_release(&sub);
	expect_messages(&sub, 1, HIGH - 1);
}

static void until_it_is_read(void)
{
	start(LONG);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_PAUSE), LONG);
	publish(&pub, "t/u", 1, 0, HIGH + 10);
	check_paused(&pub, 10);
	CHECK_EQ(queued(&sub), HIGH);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 1);
	check_pauses(&pub, 1);
	check_pauses(&sub, 0);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
	rig_release(&sub);
	expect_messages(&sub, 1, HIGH + 10);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), 0);
	rig_check_balance();
}

/* A train is a message. */
static void train(void)
{
	struct bytes all = { 0 };
	int i;

	start(LONG);
	for (i = 0; i < HIGH - 3; i++)
		wire_numbered(&all, 0x30, "t/u", 1, i, 10);
	wire_message(&all, "t/v", "ends it");
	for (; i < HIGH + 2; i++)
		wire_numbered(&all, 0x30, "t/u", 1, i, 10);
	wire_message(&all, "t/v", "ends it");
	wire_message(&all, "t/v", "waits");
	rig_send_bytes(&pub, &all);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 1);
	CHECK(tcp_unread(pub.fd) > 0);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS), HIGH + 3);
	rig_release(&sub);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	expect_messages(&sub, 1, HIGH + 2);
}

/* The time is over, and then there is no other before the queue was short again. */
static void until_the_time_is_over(void)
{
	long long began;

	start(SHORT);
	began = ksft_now_ms();
	publish(&pub, "t/u", 1, 0, HIGH);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 1);
	publish(&pub, "t/u", 1, HIGH, 1);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	CHECK(ksft_now_ms() - began + 1 >= SHORT);
	/* nor does a change of something else begin it anew */
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, sub.id, &(struct mqtt_nl_peer_set){
		.keep_alive = &(uint16_t){ 0 },
	}), 0);
	publish(&pub, "t/u", 1, HIGH + 1, 1);
	CHECK_EQ(tcp_unread(pub.fd), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 1);

	rig_release(&sub);
	expect_messages(&sub, 1, HIGH + 2);
	WAIT_UNTIL(!queued(&sub));
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, sub.id, &(struct mqtt_nl_peer_set){
		.tx_hold = &(uint8_t){ 1 },
	}), 0);
	publish(&pub, "t/u", 1, 0, HIGH);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 2);
}

/* The time is the queue's: who comes later waits for the rest of it. */
static void many_publishers(void)
{
	struct rig_peer more[5];
	long long began;
	unsigned int i;

	start(LONG);
	for (i = 0; i < ARRAY_LEN(more); i++)
		rig_open(&more[i]);
	publish(&pub, "t/u", 1, 0, HIGH - 1);
	began = ksft_now_ms();
	publish(&pub, "t/u", 1, HIGH - 1, 2);
	for (i = 0; i < ARRAY_LEN(more); i++) {
		publish(&more[i], "t/u", 2 + i, 0, 1);
		if (ksft_now_ms() - began >= LONG)
			ksft_skip("this machine is too slow");
		check_pauses(&more[i], 1);
		publish(&more[i], "t/v", 2 + i, 0, 2);
		check_paused(&more[i], 2);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 1 + ARRAY_LEN(more));
	rig_release(&sub);
	for (i = 0; i < ARRAY_LEN(more); i++)
		WAIT_UNTIL(!tcp_unread(more[i].fd));
	WAIT_UNTIL(!tcp_unread(pub.fd));
}

/* More than are told at once; some of them end meanwhile. */
static void crowd(void)
{
	static struct rig_peer crowd[200];
	long long began;
	unsigned int i;

	start(LONG);
	publish(&pub, "t/u", 1, 0, HIGH);
	for (i = 0; i < ARRAY_LEN(crowd); i++) {
		rig_open(&crowd[i]);
		publish(&crowd[i], "t/u", 2, 0, 2);
	}
	if (rig_stat(MQTT_A_STATS_RX_PAUSES) != 1 + ARRAY_LEN(crowd))
		ksft_skip("this machine is too slow");
	began = ksft_now_ms();
	rig_detach(&sub);
	for (i = 0; i < ARRAY_LEN(crowd); i += 2)
		rig_detach(&crowd[i]);
	for (i = 1; i < ARRAY_LEN(crowd); i += 2)
		WAIT_UNTIL(!tcp_unread(crowd[i].fd));
	CHECK(ksft_now_ms() - began < LONG);
}

static void many_publishers_one_time(void)
{
	struct rig_peer more[10];
	unsigned int i;

	start(SHORT);
	publish(&pub, "t/u", 1, 0, HIGH + 1);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	for (i = 0; i < ARRAY_LEN(more); i++) {
		rig_open(&more[i]);
		publish(&more[i], "t/u", 2 + i, 0, 2);
		CHECK_EQ(tcp_unread(more[i].fd), 0);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 1);
}

/* One after the other they hold it up; each of them once. */
static void many_subscribers(void)
{
	struct rig_peer more[3];
	unsigned int i, n = 100;

	start(SHORT);
	for (i = 0; i < ARRAY_LEN(more); i++)
		open_held(&more[i], "t/u", SHORT, QUEUE);
	publish(&pub, "t/u", 1, 0, n);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	CHECK(rig_stat(MQTT_A_STATS_RX_PAUSES) <= 1 + ARRAY_LEN(more));
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS), n);
}

/* A limit in bytes has the same marks. */
static void by_bytes(void)
{
	struct bytes b = { 0 };
	unsigned int i;

	rig_start();
	rig_open(&pub);
	rig_connect(&sub, NULL);
	rig_attach_with(&sub, &(struct mqtt_nl_attach){
		.tx_hold = true, .limits = { .queue_bytes = 100000, .pause = LONG },
	});
	rig_sub(&sub, "t/u");
	wire_publish_of(&b, 0x30, "t/u", 10000, 1);
	for (i = 0; i < 9; i++)
		rig_send_bytes(&pub, &b);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 1);
	CHECK(tcp_unread(pub.fd) > 0);
	CHECK(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES) >= 75000);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), 0);
	rig_release(&sub);
	for (i = 0; i < 9; i++)
		tcp_expect(sub.client, b.p, b.len);
}

/* Two that publish to each other and do not read: they get on all the same. */
static void each_other(void)
{
	static struct rig_peer a, b;

	rig_start();
	open_held(&a, "to/a", SHORT, QUEUE);
	open_held(&b, "to/b", SHORT, QUEUE);
	publish(&a, "to/b", 1, 0, HIGH);
	publish(&b, "to/a", 2, 0, HIGH);
	publish(&a, "to/b", 1, HIGH, 1);
	publish(&b, "to/a", 2, HIGH, 1);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 2);
	WAIT_UNTIL(!tcp_unread(a.fd) && !tcp_unread(b.fd));
	rig_release(&a);
	rig_release(&b);
	expect_messages(&a, 2, HIGH + 1);
	expect_messages(&b, 1, HIGH + 1);
}

static void itself(void)
{
	rig_start();
	open_held(&pub, "t/u", SHORT, QUEUE);
	publish(&pub, "t/u", 1, 0, HIGH + 1);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 1);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	rig_release(&pub);
	expect_messages(&pub, 1, HIGH + 1);
}

/* Whatever becomes of the subscriber lets its publishers go. */
static void start_paused(void)
{
	start(LONG);
	publish(&pub, "t/u", 1, 0, HIGH + 2);
	check_paused(&pub, 2);
}

static void subscriber_detached(void)
{
	start_paused();
	rig_detach(&sub);
	WAIT_UNTIL(!tcp_unread(pub.fd));
}

static void subscriber_closed(void)
{
	start_paused();
	rig_close(&sub);
	WAIT_UNTIL(!tcp_unread(pub.fd));
}

static void subscriber_hosted(void)
{
	static struct rig_port port;

	start_paused();
	rig_port_open(&port, 0);
	rig_host(&sub, &port);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	rig_offload(&sub, true);
	publish(&pub, "t/u", 1, 0, HIGH + 1);
	check_paused(&pub, 1);
	check_pauses(&pub, 2);
}

static void subscriber_changed(void)
{
	start_paused();
	set_pause(&sub, 0);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	check_pauses(&pub, 1);
}

/* It has more room. */
static void subscriber_gets_room(void)
{
	uint32_t packets = 1000;

	start_paused();
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, sub.id, &(struct mqtt_nl_peer_set){
		.queue_packets = &packets,
	}), 0);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	publish(&pub, "t/u", 1, 0, 20);
	CHECK_EQ(tcp_unread(pub.fd), 0);
	check_pauses(&pub, 1);
}

static void start_with_policy(uint8_t policy, uint32_t packets)
{
	start(LONG);
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, sub.id, &(struct mqtt_nl_peer_set){
		.queue_policy = &policy, .queue_packets = &packets,
	}), 0);
	rig_open(&other);
}

/* Its queue is emptied when it is found too slow. */
static void subscriber_too_slow(void)
{
	long long began = ksft_now_ms();
	struct bytes train = { 0 };
	int i;

	start_with_policy(MQTT_QUEUE_POLICY_DISCONNECT, QUEUE);
	publish(&pub, "t/u", 1, 0, HIGH + 2);
	check_paused(&pub, 2);
	for (i = 0; i <= QUEUE - HIGH; i++)
		wire_numbered(&train, 0x30, "t/u", 2, i, 10);
	rig_send_bytes(&other, &train);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	CHECK(ksft_now_ms() - began < LONG);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_SLOW), QUEUE + 3);
}

/* Its queue becomes short because others publish newer messages. */
static void subscriber_conflates(void)
{
	long long began = ksft_now_ms();

	start_with_policy(MQTT_QUEUE_POLICY_CONFLATE, 2 * QUEUE);
	publish(&pub, "t/u", 1, 0, 2 * HIGH + 2);
	check_paused(&pub, 2);
	publish(&other, "t/u", 2, 0, 2);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	CHECK(ksft_now_ms() - began < LONG);
}

/* And whatever becomes of the publisher. */
static void publisher_detached(void)
{
	struct bytes b = { 0 };

	start_paused();
	wire_numbered(&b, 0x30, "t/u", 1, HIGH, 10);
	wire_numbered(&b, 0x30, "t/u", 1, HIGH + 1, 10);
	rig_detach(&pub);
	rig_daemon_expect(&pub, &b);
	rig_release(&sub);
	expect_messages(&sub, 1, HIGH);
}

static void publisher_closed(void)
{
	start_paused();
	rig_close(&pub);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_release(&sub);
	expect_messages(&sub, 1, HIGH);
}

static void router_ends(void)
{
	start_paused();
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	WAIT_UNTIL(tcp_is_readable(pub.fd));
}

/* The end of the stream is no end before its turn. */
static void end_of_stream(void)
{
	struct reader r;

	start_paused();
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	reader_start(&r, pub.fd, 1, 0);
	CHECK(!reader_is_done(&r));
	CHECK_EQ(poll(&(struct pollfd){ .fd = pub.fd, .events = POLLIN }, 1, 0), 0);
	rig_release(&sub);
	reader_expect(&r, "", 0);
	expect_messages(&sub, 1, HIGH + 2);
}

/* The daemon itself, which publishes by a port, is not held up. */
static void by_port(void)
{
	static struct rig_port port;
	struct bytes b = { 0 }, record = { 0 };
	unsigned int i;

	start(LONG);
	rig_port_open(&port, 0);
	for (i = 0; i < QUEUE; i++) {
		b.len = 0;
		wire_numbered(&b, 0x30, "t/u", 1, i, 10);
		rig_record(&record, &b, pub.id);
	}
	rig_port_write(&port, &record);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PAUSES), 0);
	rig_release(&sub);
	expect_messages(&sub, 1, QUEUE);
}

/* --- races -------------------------------------------------------------- */

struct loop {
	pthread_t thread;
	struct rig_peer *p;
	bool stop;
	unsigned int n;
};

/* A client that reads whatever comes */
static void *read_all(void *arg)
{
	struct loop *loop = arg;
	char buf[4096];

	while (!__atomic_load_n(&loop->stop, __ATOMIC_RELAXED)) {
		struct pollfd fd = { .fd = loop->p->client, .events = POLLIN };

		if (poll(&fd, 1, 10) > 0 &&
		    recv(loop->p->client, buf, sizeof(buf), MSG_DONTWAIT) <= 0)
			break;
	}
	return NULL;
}

static void reopen(struct rig_peer *p)
{
	rig_connect(p, NULL);
	rig_attach_with(p, &(struct mqtt_nl_attach){
		.limits = { .queue_packets = 2 + ksft_random(QUEUE),
			    .rate_packets = ksft_random(2) * 500,
			    .pause = ksft_random(2) ? LONG : 1 + ksft_random(SHORT) },
	});
	rig_sub(p, "t/#");
}

/* Everybody publishes to everybody, and they come and go. */
static void come_and_go(void)
{
	static struct rig_peer peers[4];
	struct traffic t[ARRAY_LEN(peers)] = { 0 };
	struct loop loops[ARRAY_LEN(peers)] = { 0 };
	unsigned int i, cycle, cycles = ksft_scale(60, 7);

	rig_start();
	for (cycle = 0; cycle < cycles; cycle++) {
		i = cycle % ARRAY_LEN(peers);
		if (cycle >= ARRAY_LEN(peers)) {
			if (ksft_random(2))
				rig_detach(&peers[i]);
			/* its thread ends by the error */
			CHECK_SYS(shutdown(peers[i].client, SHUT_RDWR));
			traffic_stop(&t[i]);
			traffic_join(&t[i]);
			__atomic_store_n(&loops[i].stop, true, __ATOMIC_RELAXED);
			CHECK(!pthread_join(loops[i].thread, NULL));
			rig_close(&peers[i]);
		}
		reopen(&peers[i]);
		loops[i] = (struct loop){ .p = &peers[i] };
		CHECK(!pthread_create(&loops[i].thread, NULL, read_all, &loops[i]));
		t[i] = (struct traffic){
			.from = &peers[i], .topic = "t/u", .source = i, .n = 1u << 30,
			.payload = 10, .batch = 200, .cpu = -1,
		};
		traffic_start(&t[i]);
		WAIT_UNTIL(rig_peer_stat(&peers[i], MQTT_A_PEER_STATS_RX_PACKETS) > 0);
	}
	ksft_note("%llu pauses, %llu waits", rig_stat(MQTT_A_STATS_RX_PAUSES),
		  rig_stat(MQTT_A_STATS_RX_RATE_WAITS));
	CHECK(rig_stat(MQTT_A_STATS_RX_PAUSES) > 0);
	for (i = 0; i < ARRAY_LEN(peers); i++) {
		CHECK_SYS(shutdown(peers[i].client, SHUT_RDWR));
		traffic_stop(&t[i]);
		traffic_join(&t[i]);
		__atomic_store_n(&loops[i].stop, true, __ATOMIC_RELAXED);
		CHECK(!pthread_join(loops[i].thread, NULL));
		rig_close(&peers[i]);
	}
	WAIT_UNTIL(!rig_peer_count());
	rig_check_balance_racy();
}

static const struct ksft_case cases[] = {
	{ "below", below },
	{ "until_it_is_read", until_it_is_read },
	{ "train", train },
	{ "until_the_time_is_over", until_the_time_is_over },
	{ "many_publishers", many_publishers },
	{ "crowd", crowd },
	{ "many_publishers_one_time", many_publishers_one_time },
	{ "many_subscribers", many_subscribers },
	{ "by_bytes", by_bytes },
	{ "each_other", each_other },
	{ "itself", itself },
	{ "subscriber_detached", subscriber_detached },
	{ "subscriber_closed", subscriber_closed },
	{ "subscriber_hosted", subscriber_hosted },
	{ "subscriber_changed", subscriber_changed },
	{ "subscriber_gets_room", subscriber_gets_room },
	{ "subscriber_too_slow", subscriber_too_slow },
	{ "subscriber_conflates", subscriber_conflates },
	{ "publisher_detached", publisher_detached },
	{ "publisher_closed", publisher_closed },
	{ "router_ends", router_ends },
	{ "end_of_stream", end_of_stream },
	{ "by_port", by_port },
	{ "come_and_go", come_and_go },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
