// SPDX-License-Identifier: MIT
/*
 * PINGREQ: answered by the kernel, at its turn, whatever else the connection
 * is doing; and what a client's Maximum Packet Size and queue do with
 * messages for it.
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/rawnl.h"
#include "lib/scene.h"

#define PINGS_MAX 16		/* answers that wait in one queue */

static const unsigned char pingreq[] = { 0xc0, 0x00 }, pingresp[] = { 0xd0, 0x00 };
static void send_pings(struct rig_peer *p, int n)
{
	struct bytes b = { 0 };

	while (n--)
		bytes_put(&b, pingreq, sizeof(pingreq));
	rig_send_bytes(p, &b);
	bytes_free(&b);
}

static void expect_pongs(struct rig_peer *p, int n)
{
	while (n--)
		tcp_expect(p->client, pingresp, sizeof(pingresp));
}

static void answered(void)
{
	unsigned long long sent;

	scene_start();
	sent = rig_stat(MQTT_A_STATS_TX_PACKETS);
	send_pings(&pub, 1);
	expect_pongs(&pub, 1);
	CHECK(!tcp_is_readable(pub.fd));
	tcp_expect_again(pub.fd);
	rig_send(&pub, pingreq, 1);
	rig_send(&pub, pingreq + 1, 1);
	expect_pongs(&pub, 1);
	tcp_expect_again(pub.fd);

	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PINGS), 2);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_PINGS), 2);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PINGS), 2);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_TX_PACKETS), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_SLOW_PACKETS), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_PACKETS), sent);
	rig_check_balance();
}

/* Between messages of its own, to a subscriber and to itself. */
static void in_order(void)
{
	unsigned long long before;
	struct bytes all = { 0 };
	int i;

	scene_start();
	rig_sub(&pub, "t/u");
	before = rig_stat(MQTT_A_STATS_RX_BYTES);
	for (i = 0; i < 5; i++) {
		bytes_put(&all, fast.p, fast.len);
		bytes_put(&all, pingreq, sizeof(pingreq));
	}
	rig_send_bytes(&pub, &all);
	for (i = 0; i < 5; i++) {
		tcp_expect(pub.client, fast.p, fast.len);
		expect_pongs(&pub, 1);
		tcp_expect(sub.client, fast.p, fast.len);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_BYTES) - before, 5 * fast.len);
}

/* As long as the daemon has not read what stands in front, there is no answer. */
static void waits_its_turn(void)
{
	scene_start();
	rig_send_bytes(&pub, &slow);
	send_pings(&pub, 1);
	rig_fence(&sub);
	CHECK(!tcp_is_readable(pub.client));
	rig_daemon_expect(&pub, &slow);
	expect_pongs(&pub, 1);

	rig_send_bytes(&pub, &barrier);
	send_pings(&pub, 1);
	rig_daemon_expect(&pub, &barrier);
	rig_fence(&sub);
	CHECK(!tcp_is_readable(pub.client));
	tcp_expect_again(pub.fd);
	expect_pongs(&pub, 1);
}

/* What arrives together with something of the daemon's in front the daemon answers. */
static void behind_the_daemons(void)
{
	struct bytes both = { 0 };

	scene_start();
	bytes_put(&both, pingreq, sizeof(pingreq));
	bytes_put(&both, slow.p, slow.len);
	bytes_put(&both, pingreq, sizeof(pingreq));
	rig_send_bytes(&pub, &both);
	expect_pongs(&pub, 1);
	bytes_put(&slow, pingreq, sizeof(pingreq));
	rig_daemon_expect(&pub, &slow);
	rig_fence(&sub);
	CHECK(!tcp_is_readable(pub.client));
	send_pings(&pub, 1);
	expect_pongs(&pub, 1);
}

/* Each byte of the client's by itself, among packets of the other kinds. */
static void in_pieces(void)
{
	struct bytes all = { 0 };
	size_t i;

	scene_start();
	bytes_put(&all, pingreq, sizeof(pingreq));
	bytes_put(&all, fast.p, fast.len);
	bytes_put(&all, pingreq, sizeof(pingreq));
	bytes_put(&all, slow.p, slow.len);
	bytes_put(&all, pingreq, sizeof(pingreq));
	for (i = 0; i < all.len; i++)
		rig_send(&pub, all.p + i, 1);
	expect_pongs(&pub, 2);
	rig_daemon_expect(&pub, &slow);
	expect_pongs(&pub, 1);
	tcp_expect(sub.client, fast.p, fast.len);
}

/*
 * A Remaining Length of 0 in two bytes is odd, not wrong: the daemon's.
 */
static void padded(void)
{
	static const unsigned char odd[] = { 0xc0, 0x80, 0x00 };

	scene_start();
	rig_send(&pub, odd, sizeof(odd));
	tcp_expect(pub.fd, odd, sizeof(odd));
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
	send_pings(&pub, 1);
	expect_pongs(&pub, 1);
}

/* Sends to @sub until its queue takes no more; returns messages queued or sent. */
static unsigned int fill(struct rig_peer *to)
{
	struct bytes b = { 0 };
	unsigned int n = 0, i;

	while (!rig_peer_stat(to, MQTT_A_PEER_STATS_DROP_QUEUE_FULL)) {
		for (i = 0; i < 10; i++)
			wire_numbered(&b, 0x30, "t/u", 1, n++, 3000);
		rig_send_bytes(&pub, &b);
		b.len = 0;
	}
	bytes_free(&b);
	return n - rig_peer_stat(to, MQTT_A_PEER_STATS_DROP_QUEUE_FULL);
}

static void open_slow_sub(void)
{
	struct tcp_options small = {
		.family = AF_INET, .client_rcvbuf = 4096, .server_sndbuf = 8192,
	};

	rig_connect(&sub, &small);
	rig_attach_with(&sub, &(struct mqtt_nl_attach){ .limits.queue_bytes = 65536 });
	rig_sub(&sub, "t/u");
}

/*
 * The queue is full and a packet half sent: answers are taken all the same, up
 * to a number, and come behind what was there. What the queue holds besides
 * them stays what it was.
 */
static void full_queue(void)
{
	struct packets got = { 0 };
	unsigned int queued;
	int i;

	rig_start();
	rig_open(&pub);
	open_slow_sub();
	queued = fill(&sub);
	send_pings(&sub, 3);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_PINGS), 3);
	send_pings(&sub, 100);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_PINGS), PINGS_MAX);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PINGS), 103);
	CHECK(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES) <= 65536);

	got.fd = sub.client;
	packets_expect(&got, 1, 0, queued);
	for (i = 0; i < PINGS_MAX; i++)
		while (!packets_take(&got, pingresp, sizeof(pingresp)))
			packets_wait(&got);
	/* And there is room for answers again. */
	send_pings(&sub, 1);
	while (!packets_take(&got, pingresp, sizeof(pingresp)))
		packets_wait(&got);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_RX_PINGS), 104);
	rig_check_balance();
}

/* Pings that wait when the peer ends: by detach, by close, with the router. */
static void end_with_pings(void)
{
	int i;

	rig_start();
	rig_open(&pub);
	for (i = 0; i < 3; i++) {
		open_slow_sub();
		fill(&sub);
		send_pings(&sub, 20);
		if (i == 2)
			break;
		if (!i)
			rig_detach(&sub);
		rig_close(&sub);
		WAIT_UNTIL(rig_peer_count() == 1);
		rig_check_balance();
	}
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	rig_close(&sub);
}

/* The client asks and ends its sending direction: it gets its answer and EOF. */
static void ping_and_fin(void)
{
	scene_start();
	tcp_send_all(pub.client, pingreq, sizeof(pingreq));
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	expect_pongs(&pub, 1);
	tcp_expect_eof(pub.fd);
	close(pub.fd);
	tcp_expect_eof(pub.client);
}

static void ping_under_traffic(void)
{
	struct packets got = { 0 };
	unsigned int next = 0, asked = 0, answers = 0;
	struct traffic t = {
		.from = &pub, .topic = "t/u", .source = 1, .n = ksft_scale(20000, 2000),
		.payload = 100, .batch = 2000, .cpu = -1,
	};

	scene_start();
	got.fd = sub.client;
	traffic_start(&t);
	while (next < t.n || answers < asked) {
		if (next < t.n && asked - answers < 4) {
			tcp_send_all(sub.client, pingreq, sizeof(pingreq));
			asked++;
		}
		if (packets_take(&got, pingresp, sizeof(pingresp)))
			answers++;
		else if (packets_take_number(&got, 1, next))
			next++;
		else
			packets_wait(&got);
	}
	traffic_join(&t);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_RX_PINGS), asked);
	ksft_note("%u messages, %u pings", next, asked);
	rig_check_balance();
}

static void max_packet(void)
{
	struct bytes longest = { 0 }, too_long = { 0 };

	rig_start();
	rig_open(&pub);
	wire_publish_of(&longest, 0x30, "t/u", 98, 1);
	wire_publish_of(&too_long, 0x30, "t/u", 99, 1);
	rig_connect(&sub, NULL);
	rig_attach_with(&sub, &(struct mqtt_nl_attach){ .max_packet = 100 });
	rig_sub(&sub, "t/u");
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_MAX_PACKET), 100);

	rig_send_bytes(&pub, &too_long);
	rig_send_bytes(&pub, &longest);
	rig_send_bytes(&pub, &too_long);
	tcp_expect(sub.client, longest.p, longest.len);
	rig_fence(&sub);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_TOO_LARGE), 2);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_TOO_LARGE), 2);
	WAIT_UNTIL(rig_peer_stat(&sub, MQTT_A_PEER_STATS_TX_PACKETS) == 2);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_DROP_TOO_LARGE), 0);
	rig_check_balance();
}

/* The limit of a queue that is full: what fits into the larger one is taken. */
static void set_queue_limit(void)
{
	struct mqtt_nl_peer_set set = { .queue_limit = (uint64_t []){ 1 << 20 } };
	struct packets got = { 0 };
	unsigned int queued;
	struct bytes b = { 0 };

	rig_start();
	rig_open(&pub);
	open_slow_sub();
	queued = fill(&sub);
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, sub.id, &set), 0);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_LIMIT), 1 << 20);
	wire_message(&b, "t/u", "now there is room");
	rig_send_bytes(&pub, &b);
	got.fd = sub.client;
	packets_expect(&got, 1, 0, queued);
	while (!packets_take(&got, b.p, b.len))
		packets_wait(&got);
	rig_check_balance();
}

static void peer_set_refused(void)
{
	struct mqtt_nl_peer_set set = { .queue_limit = (uint64_t []){ 4095 } };
	struct rawnl_answer a;
	struct bytes req = { 0 };
	struct rawnl nl;
	size_t nest;

	scene_start();
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, pub.id, &set), -ERANGE);
	set.queue_limit = (uint64_t []){ 4096 };
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, 4711, &set), -ENOENT);
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, 0, &set), -ERANGE);

	rawnl_open(&nl);
	rawnl_begin(&nl, &req, MQTT_CMD_PEER_SET, 0);
	nest = rawnl_nest(&req, MQTT_A_PEER);
	rawnl_put_u64(&req, MQTT_A_PEER_QUEUE_LIMIT, 4096);
	rawnl_nest_end(&req, nest);
	rawnl_call(&nl, &req, &a);
	CHECK_EQ(a.error, EINVAL);
	CHECK(strstr(a.text, "id is missing"));

	rawnl_begin(&nl, &req, MQTT_CMD_PEER_SET, 0);
	nest = rawnl_nest(&req, MQTT_A_PEER);
	rawnl_put_u32(&req, MQTT_A_PEER_ID, pub.id);
	rawnl_put_u32(&req, MQTT_A_PEER_MAX_PACKET, 100);
	rawnl_nest_end(&req, nest);
	rawnl_call(&nl, &req, &a);
	CHECK_EQ(a.error, EINVAL);
	CHECK(a.offset);
	rawnl_close(&nl);
}

static const struct ksft_case cases[] = {
	{ "answered", answered },
	{ "in_order", in_order },
	{ "waits_its_turn", waits_its_turn },
	{ "behind_the_daemons", behind_the_daemons },
	{ "in_pieces", in_pieces },
	{ "padded", padded },
	{ "full_queue", full_queue },
	{ "end_with_pings", end_with_pings },
	{ "ping_and_fin", ping_and_fin },
	{ "ping_under_traffic", ping_under_traffic },
	{ "max_packet", max_packet },
	{ "set_queue_limit", set_queue_limit },
	{ "peer_set_refused", peer_set_refused },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
