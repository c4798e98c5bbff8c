// SPDX-License-Identifier: MIT
/*
 * The daemon's two data planes at work together: clients whose connections the
 * kernel has and clients that it reaches through a port; what a move leaves as it
 * was; and moves that fail. Moves under traffic: test_move.c.
 */
#include <unistd.h>

#include "lib/packets.h"
#include "lib/planes.h"
#include "lib/rig.h"
#include "lib/tcp.h"
#include "lib/wire.h"

/* Both planes at once */

/* Small, retained and large for the kernel; and too large for it. */
static void say(struct bytes *say, struct bytes *hear, unsigned int n)
{
	unsigned int number = 0;

	while (number < n) {
		wire_numbered(say, 0x30, "x", 1, number, 20);
		wire_numbered(hear, 0x30, "x", 1, number++, 20);
		wire_numbered(say, 0x31, "x", 1, number, 30);
		wire_numbered(hear, 0x30, "x", 1, number++, 30);
		wire_numbered(say, 0x31, "x", 1, number, 100000);
		wire_numbered(hear, 0x30, "x", 1, number++, 100000);
		wire_numbered(say, 0x30, "x", 1, number, 300000);
		wire_numbered(hear, 0x30, "x", 1, number++, 300000);
	}
}

static void run_pair(unsigned int from, unsigned int to)
{
	struct packets in = { .fd = daemon_subscribed(to, "sub", "x") };
	int fd = daemon_connect(from, "pub", 60);
	struct bytes out = { 0 }, want = { 0 };
	unsigned int round;

	/* One round after the other: a backlog may be overtaken by what is too large. */
	for (round = 0; round < 4; round++) {
		out.len = 0;
		want.len = 0;
		say(&out, &want, 4);
		tcp_send_all(fd, out.p, out.len);
		tcp_expect(in.fd, want.p, want.len);
	}
	/* None is kept for the next ones. */
	tcp_send_all(fd, "\x31\x03\x00\x01x", 5);
	tcp_expect(in.fd, "\x30\x03\x00\x01x", 5);
	close(fd);
	close(in.fd);
	bytes_free(&out);
	bytes_free(&want);
}

static void across_planes(void)
{
	static const unsigned int ports[] = { DAEMON_PORT, HOSTED_PORT };
	int from, to;

	planes_start();
	for (from = 0; from < 2; from++)
		for (to = 0; to < 2; to++)
			run_pair(ports[from], ports[to]);
}

/* The next packet, whatever it is; its length. */
static size_t take_packet(struct packets *p, unsigned char *byte1)
{
	size_t len;

	while (!(len = wire_length(packets_data(p), packets_left(p))) || len > packets_left(p))
		packets_wait(p);
	*byte1 = packets_data(p)[0];
	CHECK(packets_take(p, packets_data(p), len));
	return len;
}

/*
 * A client of MQTT 5.0 that has a backlog and has asked for an answer: moved,
 * it gets everything, and the answer once.
 */
static void answers_move(void)
{
	static const unsigned char connect[] =
		"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04slow";
	static const unsigned char subscribe[] = "\x82\x07\x00\x01\x00\x00\x01s\x00";
	unsigned int messages = 0, answers = 0, n = 200, i;
	unsigned char byte1;
	struct packets in = { 0 };
	struct bytes b = { 0 };
	int pub;

	planes_start();
	in.fd = daemon_try_connect(DAEMON_PORT);
	tcp_send_all(in.fd, connect, sizeof(connect) - 1);
	take_packet(&in, &byte1);
	CHECK_EQ(byte1, 0x20);
	tcp_send_all(in.fd, subscribe, sizeof(subscribe) - 1);
	take_packet(&in, &byte1);
	CHECK_EQ(byte1, 0x90);

	pub = daemon_connect(DAEMON_PORT, "pub", 60);
	for (i = 0; i < n; i++) {
		b.len = 0;
		wire_numbered(&b, 0x30, "s", 1, i, 100000);
		tcp_send_all(pub, b.p, b.len);
	}
	/* Behind what the publisher gets for its own ping, it is in the kernel. */
	tcp_send_all(pub, "\xc0\x00", 2);
	tcp_expect(pub, "\xd0\x00", 2);
	tcp_send_all(in.fd, "\xc0\x00", 2);
	planes_ask("{\"command\":\"dataplane-set\",\"plane\":\"user\"}\n", "\"moved\":2");
	while (messages < n || !answers) {
		take_packet(&in, &byte1);
		messages += byte1 == 0x30;
		answers += byte1 == 0xd0;
		CHECK(byte1 == 0x30 || byte1 == 0xd0);
	}
	tcp_send_all(in.fd, "\xc0\x00", 2);
	take_packet(&in, &byte1);
	CHECK_EQ(byte1, 0xd0);
	CHECK_EQ(packets_left(&in), 0);
	CHECK_EQ(messages, n);
	CHECK_EQ(answers, 1);
}

static void planes_are_shown(void)
{
	static const char show[] = "{\"command\":\"dataplane-show\"}\n";

	planes_start();
	daemon_connect(DAEMON_PORT, "a", 60);
	daemon_connect(HOSTED_PORT, "b", 60);
	daemon_connect(HOSTED_PORT, "c", 60);
	/* A CONNACK leaves just before its client is attached. */
	daemon_subscribed(DAEMON_PORT, "d", "x");
	planes_ask(show, "\"port\":1884,\"address\":\"127.0.0.1\",\"dataplane\":\"user\","
		   "\"connections\":2,\"offloaded\":0,\"hosted\":2");
	planes_ask("{\"command\":\"dataplane-set\",\"plane\":\"user\"}\n",
		   "{\"dataplane\":\"user\",\"moved\":2,\"hosted\":0,\"failed\":0}");
	planes_ask(show, "\"port\":1883,\"address\":\"127.0.0.1\",\"dataplane\":\"user\","
		   "\"connections\":2,\"offloaded\":0,\"hosted\":0");
	planes_ask("{\"command\":\"dataplane-set\",\"plane\":\"kernel\"}\n",
		   "{\"dataplane\":\"kernel\",\"moved\":2,\"hosted\":2,\"failed\":0}");
	planes_ask(show, "\"port\":1883,\"address\":\"127.0.0.1\",\"dataplane\":\"kernel\","
		   "\"connections\":2,\"offloaded\":2,\"hosted\":0");
}

/* Topic aliases of MQTT 5.0 */

static void put_alias(struct bytes *b, const char *topic, const char *text)
{
	struct bytes body = { 0 };

	bytes_u16(&body, strlen(topic));
	bytes_put(&body, topic, strlen(topic));
	bytes_put(&body, "\x03\x23\x00\x01", 4);	/* alias 1 */
	bytes_put(&body, text, strlen(text));
	wire_packet(b, 0x30, body.p, body.len);
	bytes_free(&body);
}

static int connect_v5(const char *id)
{
	struct bytes body = { 0 }, b = { 0 };
	struct packets in = { .fd = CHECK_SYS(daemon_try_connect(DAEMON_PORT)) };

	bytes_put(&body, "\x00\x04MQTT\x05\x02\x00\x3c\x00", 11);
	bytes_u16(&body, strlen(id));
	bytes_put(&body, id, strlen(id));
	wire_packet(&b, 0x10, body.p, body.len);
	tcp_send_all(in.fd, b.p, b.len);
	do {
		packets_wait(&in);
	} while (!wire_length(packets_data(&in), packets_left(&in)));
	CHECK_EQ(packets_data(&in)[0], 0x20);
	CHECK_EQ(packets_data(&in)[3], 0);
	CHECK_EQ(packets_left(&in), wire_length(packets_data(&in), packets_left(&in)));
	bytes_free(&body);
	bytes_free(&b);
	bytes_free(&in.buf);
	return in.fd;
}

/* An alias means what the client has told last, wherever its connection was then. */
static void aliases_move(void)
{
	static const char *const planes[] = { "user", "kernel", "user", "kernel" };
	struct bytes say = { 0 }, hear = { 0 };
	int sub, pub, i;
	char topic[16];

	planes_start();
	sub = daemon_subscribed(DAEMON_PORT, "sub", "#");
	pub = connect_v5("pub");
	for (i = 0; i < (int)ARRAY_LEN(planes); i++) {
		sprintf(topic, "topic/%d", i);
		say.len = 0;
		hear.len = 0;
		put_alias(&say, topic, "told");
		wire_message(&hear, topic, "told");
		put_alias(&say, "", "known");
		wire_message(&hear, topic, "known");
		tcp_send_all(pub, say.p, say.len);
		tcp_expect(sub, hear.p, hear.len);
		planes_move(planes[i]);
		say.len = 0;
		hear.len = 0;
		put_alias(&say, "", "still known");
		wire_message(&hear, topic, "still known");
		tcp_send_all(pub, say.p, say.len);
		tcp_expect(sub, hear.p, hear.len);
	}
}

/* What can go wrong */

static void expect_delivery(int pub, int sub, const char *text)
{
	struct bytes b = { 0 };

	wire_message(&b, "x", text);
	tcp_send_all(pub, b.p, b.len);
	tcp_expect(sub, b.p, b.len);
	bytes_free(&b);
}

static bool plane_is(const char *plane)
{
	char answer[1024], want[64];

	sprintf(want, "\"result\":{\"dataplane\":\"%s\"", plane);
	daemon_ask("{\"command\":\"dataplane-show\"}\n", answer, sizeof(answer));
	return strstr(answer, want);
}

/* Another router is in the way: all stays as it was. */
static void failed_move(void)
{
	static const char move[] = "{\"command\":\"dataplane-set\",\"plane\":\"kernel\"}\n";
	int pub, sub;

	daemon_start("listener 1883 127.0.0.1\nallow_anonymous true\ndataplane auto\n"
		     "log_dest none");
	planes_ask("{\"command\":\"dataplane-set\",\"plane\":\"user\"}\n", "\"ok\":true");
	sub = daemon_subscribed(DAEMON_PORT, "sub", "x");
	pub = daemon_connect(DAEMON_PORT, "pub", 60);
	rig_start();
	planes_ask(move, "another daemon owns the router");
	CHECK(plane_is("user"));
	expect_delivery(pub, sub, "in spite of that");
	CHECK(!mqtt_nl_router_del(rig_nl));
	planes_ask(move, "\"moved\":2");
	expect_delivery(pub, sub, "on the other plane");
}

/* Somebody ends the router under the daemon, which then does without. */
static void router_ended(void)
{
	int pub, sub, hosted;
	struct mqtt_nl *nl;

	planes_start();
	sub = daemon_subscribed(DAEMON_PORT, "sub", "x");
	hosted = daemon_subscribed(HOSTED_PORT, "hosted", "x");
	pub = daemon_connect(HOSTED_PORT, "pub", 60);
	expect_delivery(pub, hosted, "before");
	tcp_expect(sub, "\x30\x09\x00\x01xbefore", 11);
	CHECK(!mqtt_nl_open(&nl));
	CHECK(!mqtt_nl_router_del(nl));
	WAIT_UNTIL(plane_is("user"));
	expect_delivery(pub, sub, "behind");
	tcp_expect(hosted, "\x30\x09\x00\x01xbehind", 11);
	planes_ask("{\"command\":\"dataplane-set\",\"plane\":\"kernel\"}\n", "\"moved\":1");
	expect_delivery(pub, sub, "again");
	mqtt_nl_close(nl);
}

/* How long it takes is for the reader of the log. */
static void many_clients(void)
{
	static const char *const planes[] = { "user", "kernel", "user" };
	int i, n = ksft_scale(500, 50), subs[500];
	struct bytes b = { 0 };
	char id[16];
	long long start;

	planes_start();
	for (i = 0; i < n; i++) {
		sprintf(id, "client-%d", i);
		subs[i] = daemon_subscribed(DAEMON_PORT, id, "x");
	}
	for (i = 0; i < 3; i++) {
		start = ksft_now_ms();
		planes_move(planes[i]);
		ksft_note("%d clients to %s: %lld ms", n, planes[i], ksft_now_ms() - start);
	}
	wire_message(&b, "x", "for all");
	tcp_send_all(subs[0], b.p, b.len);
	for (i = 0; i < n; i++)
		tcp_expect(subs[i], b.p, b.len);
}

static const struct ksft_case cases[] = {
	{ "across_planes", across_planes },
	{ "planes_are_shown", planes_are_shown },
	{ "answers_move", answers_move },
	{ "aliases_move", aliases_move },
	{ "failed_move", failed_move },
	{ "router_ended", router_ended },
	{ "many_clients", many_clients },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
