// SPDX-License-Identifier: MIT
/*
 * The daemon's two data planes at work together: clients whose connections the
 * kernel has and clients that it reaches through a port, and moving all of them
 * back and forth under traffic. Every subscriber gets every message once and in
 * its publisher's order.
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/packets.h"
#include "lib/tcp.h"
#include "lib/wire.h"

#define HOSTED_PORT	1884	/* "dataplane user": never offloaded */
#define SOURCES		5
/* Messages of a publisher that not every reading subscriber has. */
#define WINDOW		64
/* Messages of each publisher between two moves; so many times fewer are large. */
#define BETWEEN		300
#define LARGE		60

static const char config[] =
	"workers 3\n"
	"max_queued_bytes 100000000\n"
	"allow_anonymous true\n"
	"log_dest none\n"
	"dataplane kernel\n"
	"listener 1883 127.0.0.1\n"
	"listener 1884 127.0.0.1\n"
	"dataplane user";

static void expect_answer(const char *request, const char *part)
{
	char answer[1024];

	daemon_ask(request, answer, sizeof(answer));
	if (!strstr(answer, part))
		FAIL("%s answers %s", request, answer);
}

/* Traffic */

/**
 * struct publisher - sends numbered messages of its source
 * @packet: being sent
 * @sent: bytes of it that are
 * @pause: not beyond so many bytes for now, 0: no such point
 * @large: its messages are
 */
struct publisher {
	int fd;
	unsigned int source;
	unsigned int next;
	struct bytes packet;
	size_t sent;
	size_t pause;
	bool large;
};

struct subscriber {
	struct packets in;
	unsigned int next[SOURCES];
	bool joined[SOURCES];		/* has had a message of the source */
	bool late;			/* it does not have the first ones */
	bool idle;			/* does not read */
};

struct traffic_state {
	struct publisher pubs[SOURCES];
	struct subscriber subs[8];
	unsigned int n_subs;
	unsigned int until;		/* messages of each publisher but the large ones */
};

/* What the kernel does not take, above 256 KiB, may overtake a backlog: not here. */
static size_t random_size(const struct publisher *pub)
{
	if (pub->large)
		return 40000 + ksft_random(ksft_random(2) ? 50000 : 220000);
	return 5 + ksft_random(ksft_random(16) ? 300 : 5000);
}

/* One in sixteen is to be retained: the daemon handles it, the order is the same. */
static void next_packet(struct publisher *pub)
{
	char topic[16];

	sprintf(topic, "t/%u", pub->source);
	pub->packet.len = 0;
	pub->sent = 0;
	wire_numbered(&pub->packet, ksft_random(16) ? 0x30 : 0x31, topic, pub->source, pub->next++,
		      random_size(pub));
}

static unsigned int last(const struct traffic_state *t, const struct publisher *pub)
{
	return pub->large ? t->until / LARGE : t->until;
}

/* Has everybody who reads got all but the last few? */
static bool window_open(const struct traffic_state *t, const struct publisher *pub)
{
	unsigned int window = pub->large ? 2 : WINDOW, i;

	for (i = 0; i < t->n_subs; i++) {
		const struct subscriber *sub = &t->subs[i];

		if (!sub->idle && !sub->late && sub->next[pub->source] + window <= pub->next)
			return false;
	}
	return pub->next < last(t, pub);
}

static bool publish_some(struct traffic_state *t, struct publisher *pub)
{
	size_t end;
	ssize_t n;

	if (pub->sent == pub->packet.len) {
		if (!window_open(t, pub))
			return false;
		next_packet(pub);
	}
	end = pub->pause && pub->pause < pub->packet.len ? pub->pause : pub->packet.len;
	if (pub->sent >= end)
		return false;
	n = send(pub->fd, pub->packet.p + pub->sent, end - pub->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN)
		return false;
	CHECK_SYS(n);
	pub->sent += n;
	return true;
}

static void check_number(struct subscriber *sub, unsigned int source, unsigned int number)
{
	CHECK(source < SOURCES);
	if (sub->late && !sub->joined[source])
		sub->next[source] = number;
	sub->joined[source] = true;
	if (number != sub->next[source])
		FAIL("message %u of source %u, want %u", number, source, sub->next[source]);
	sub->next[source]++;
}

/* A message that was kept for who comes late is none of those that pass. */
static long take_live(struct packets *in, unsigned int *source)
{
	bool kept;
	long number;

	do {
		kept = packets_left(in) && packets_data(in)[0] & 1;
		number = packets_take_any(in, source);
	} while (kept && number >= 0);
	return number;
}

static bool receive_some(struct subscriber *sub)
{
	unsigned int source;
	long number;
	bool any;

	any = packets_read(&sub->in);
	while ((number = take_live(&sub->in, &source)) >= 0)
		check_number(sub, source, number);
	if (sub->in.ended)
		FAIL("a subscriber was disconnected");
	return any;
}

/* Returns whether anything has moved. */
static bool pump(struct traffic_state *t)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < SOURCES; i++)
		while (publish_some(t, &t->pubs[i]))
			any = true;
	for (i = 0; i < t->n_subs; i++)
		while (!t->subs[i].idle && receive_some(&t->subs[i]))
			any = true;
	if (!any)
		ksft_pause();
	return any;
}

static bool all_sent(const struct traffic_state *t)
{
	const struct publisher *pub;

	for (pub = t->pubs; pub < t->pubs + SOURCES; pub++)
		if (pub->next < last(t, pub) || pub->sent < pub->packet.len)
			return false;
	return true;
}

static bool all_received(const struct traffic_state *t)
{
	unsigned int i, source;

	for (i = 0; i < t->n_subs; i++)
		for (source = 0; source < SOURCES; source++)
			if (!t->subs[i].late && t->subs[i].next[source] < t->pubs[source].next)
				return false;
	return true;
}

/* What everybody has, for whoever wonders what is missing. */
static void describe(const struct traffic_state *t)
{
	unsigned int i, source;

	for (source = 0; source < SOURCES; source++)
		ksft_note("source %u: next %u, sent %zu of %zu, pause %zu", source,
			  t->pubs[source].next, t->pubs[source].sent,
			  t->pubs[source].packet.len, t->pubs[source].pause);
	for (i = 0; i < t->n_subs; i++)
		for (source = 0; source < SOURCES; source++)
			ksft_note("subscriber %u wants %u of source %u", i,
				  t->subs[i].next[source], source);
}

/* As long as something moves there is no deadline. */
#define PUMP_UNTIL(t, cond)						\
	do {								\
		struct traffic_state *__t = (t);			\
		long long __end = ksft_deadline();			\
									\
		while (!(cond)) {					\
			if (pump(__t))					\
				__end = ksft_deadline();		\
			if (ksft_now_ms() < __end)			\
				continue;				\
			describe(__t);					\
			FAIL("never true: %s", #cond);			\
		}							\
	} while (0)

static struct subscriber *add_subscriber(struct traffic_state *t, unsigned int port,
					 const char *id)
{
	struct subscriber *sub = &t->subs[t->n_subs];

	CHECK(t->n_subs < ARRAY_LEN(t->subs));
	t->n_subs++;
	sub->in.fd = daemon_subscribed(port, id, "t/#");
	return sub;
}

static void add_idle_subscriber(struct traffic_state *t, unsigned int port, const char *id)
{
	struct subscriber *sub = add_subscriber(t, port, id);

	tcp_set_int(sub->in.fd, SOL_SOCKET, SO_RCVBUF, 65536);
	sub->in.read_size = 700;
	sub->idle = true;
}

static void wake_idle(struct traffic_state *t)
{
	unsigned int i;

	for (i = 0; i < t->n_subs; i++) {
		t->subs[i].idle = false;
		t->subs[i].in.read_size = 0;
	}
}

static void start_traffic(struct traffic_state *t)
{
	static const struct {
		unsigned int port;
		bool large;
	} pubs[SOURCES] = {
		{ DAEMON_PORT, false }, { DAEMON_PORT, false }, { HOSTED_PORT, false },
		{ DAEMON_PORT, true }, { DAEMON_PORT, true },
	};
	char id[16];
	int i;

	for (i = 0; i < SOURCES; i++) {
		sprintf(id, "pub-%d", i);
		t->pubs[i].fd = daemon_connect(pubs[i].port, id, 0);
		t->pubs[i].source = i;
		t->pubs[i].large = pubs[i].large;
	}
	add_subscriber(t, DAEMON_PORT, "reader");
	add_subscriber(t, HOSTED_PORT, "hosted-reader");
	add_idle_subscriber(t, DAEMON_PORT, "idle");
	add_idle_subscriber(t, HOSTED_PORT, "hosted-idle");
}

/* Moving */

struct move {
	pthread_t thread;
	const char *plane;
	bool done;
};

static void *move_run(void *arg)
{
	struct move *move = arg;
	char request[64];

	sprintf(request, "{\"command\":\"dataplane-set\",\"plane\":\"%s\"}\n", move->plane);
	expect_answer(request, "\"failed\":0");
	__atomic_store_n(&move->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void move_start(struct move *move, const char *plane)
{
	*move = (struct move){ .plane = plane };
	CHECK(!pthread_create(&move->thread, NULL, move_run, move));
}

static bool move_is_done(struct move *move)
{
	return __atomic_load_n(&move->done, __ATOMIC_ACQUIRE);
}

/* The large ones stand in the middle of a packet, at its very beginning or far in. */
static void pause_large(struct traffic_state *t, bool pause)
{
	unsigned int i;

	for (i = 0; i < SOURCES; i++)
		if (t->pubs[i].large)
			t->pubs[i].pause = pause ? 1 + ksft_random(ksft_random(2) ? 6 : 39000) : 0;
}

static bool large_ones_wait(const struct traffic_state *t)
{
	unsigned int i;

	for (i = 0; i < SOURCES; i++)
		if (t->pubs[i].large && t->pubs[i].sent != t->pubs[i].pause)
			return false;
	return true;
}

/* Comes in the middle of a move, and stays. */
static void join_late(struct traffic_state *t, int number)
{
	char id[16];

	sprintf(id, "late-%d", number);
	add_subscriber(t, DAEMON_PORT, id)->late = true;
}

/* Some of what waits is read, so that the rest begins in the middle of a packet. */
static void sip(struct traffic_state *t)
{
	unsigned int i;

	for (i = 0; i < t->n_subs; i++)
		if (t->subs[i].idle)
			receive_some(&t->subs[i]);
}

static void move_under_traffic(struct traffic_state *t, const char *plane, int number)
{
	struct move move;
	int leaver;

	t->until += BETWEEN;
	pause_large(t, true);
	PUMP_UNTIL(t, large_ones_wait(t));
	leaver = daemon_subscribed(DAEMON_PORT, "leaver", "t/#");
	move_start(&move, plane);
	close(leaver);
	if (number < 3)
		join_late(t, number);
	PUMP_UNTIL(t, move_is_done(&move));
	pthread_join(move.thread, NULL);
	pause_large(t, false);
	PUMP_UNTIL(t, all_sent(t));
	sip(t);
}

static void move_back_and_forth(void)
{
	static struct traffic_state t;
	int i, moves = ksft_scale(8, 2);

	daemon_start(config);
	start_traffic(&t);
	for (i = 0; i < moves; i++)
		move_under_traffic(&t, i % 2 ? "kernel" : "user", i);
	wake_idle(&t);
	PUMP_UNTIL(&t, all_received(&t));
	ksft_note("%u messages of each publisher, %d moves", t.until, moves);
}

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

	daemon_start(config);
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

	daemon_start(config);
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
	expect_answer("{\"command\":\"dataplane-set\",\"plane\":\"user\"}\n", "\"moved\":2");
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

	daemon_start(config);
	daemon_connect(DAEMON_PORT, "a", 60);
	daemon_connect(HOSTED_PORT, "b", 60);
	daemon_connect(HOSTED_PORT, "c", 60);
	/* A CONNACK leaves just before its client is attached. */
	daemon_subscribed(DAEMON_PORT, "d", "x");
	expect_answer(show, "\"port\":1884,\"address\":\"127.0.0.1\",\"dataplane\":\"user\","
		      "\"connections\":2,\"offloaded\":0,\"hosted\":2");
	expect_answer("{\"command\":\"dataplane-set\",\"plane\":\"user\"}\n",
		      "{\"dataplane\":\"user\",\"moved\":2,\"hosted\":0,\"failed\":0}");
	expect_answer(show, "\"port\":1883,\"address\":\"127.0.0.1\",\"dataplane\":\"user\","
		      "\"connections\":2,\"offloaded\":0,\"hosted\":0");
	expect_answer("{\"command\":\"dataplane-set\",\"plane\":\"kernel\"}\n",
		      "{\"dataplane\":\"kernel\",\"moved\":2,\"hosted\":2,\"failed\":0}");
	expect_answer(show, "\"port\":1883,\"address\":\"127.0.0.1\",\"dataplane\":\"kernel\","
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

static void move_all(const char *plane)
{
	struct move move = { .plane = plane };

	move_run(&move);
}

/* An alias means what the client has told last, wherever its connection was then. */
static void aliases_move(void)
{
	static const char *const planes[] = { "user", "kernel", "user", "kernel" };
	struct bytes say = { 0 }, hear = { 0 };
	int sub, pub, i;
	char topic[16];

	daemon_start(config);
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
		move_all(planes[i]);
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
	expect_answer("{\"command\":\"dataplane-set\",\"plane\":\"user\"}\n", "\"ok\":true");
	sub = daemon_subscribed(DAEMON_PORT, "sub", "x");
	pub = daemon_connect(DAEMON_PORT, "pub", 60);
	rig_start();
	expect_answer(move, "another daemon owns the router");
	CHECK(plane_is("user"));
	expect_delivery(pub, sub, "in spite of that");
	CHECK(!mqtt_nl_router_del(rig_nl));
	expect_answer(move, "\"moved\":2");
	expect_delivery(pub, sub, "on the other plane");
}

/* Somebody ends the router under the daemon, which then does without. */
static void router_ended(void)
{
	int pub, sub, hosted;
	struct mqtt_nl *nl;

	daemon_start(config);
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
	expect_answer("{\"command\":\"dataplane-set\",\"plane\":\"kernel\"}\n", "\"moved\":1");
	expect_delivery(pub, sub, "again");
	mqtt_nl_close(nl);
}

/* How long it takes is for the reader of the log. */
static void many_clients(void)
{
	static const char *const planes[] = { "user", "kernel", "user" };
	int i, n = ksft_scale(500, 50), subs[500];
	struct bytes b = { 0 };
	char id[16], request[64];
	long long start;

	daemon_start(config);
	for (i = 0; i < n; i++) {
		sprintf(id, "client-%d", i);
		subs[i] = daemon_subscribed(DAEMON_PORT, id, "x");
	}
	for (i = 0; i < 3; i++) {
		sprintf(request, "{\"command\":\"dataplane-set\",\"plane\":\"%s\"}\n", planes[i]);
		start = ksft_now_ms();
		expect_answer(request, "\"failed\":0");
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
	{ "move_back_and_forth", move_back_and_forth },
	{ "aliases_move", aliases_move },
	{ "failed_move", failed_move },
	{ "router_ended", router_ended },
	{ "many_clients", many_clients },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
