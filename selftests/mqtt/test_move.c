// SPDX-License-Identifier: MIT
/*
 * Moving clients from one of the daemon's data planes to the other and back under
 * traffic: every subscriber gets every message once and in its publisher's order.
 */
#include <pthread.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/planes.h"
#include "lib/tcp.h"
#include "lib/wire.h"

#define SOURCES		5
/* Messages of a publisher that not every reading subscriber has. */
#define WINDOW		64
/* Messages of each publisher between two moves; so many times fewer are large. */
#define BETWEEN		300
#define LARGE		60

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

static struct subscriber *new_subscriber(struct traffic_state *t)
{
	CHECK(t->n_subs < ARRAY_LEN(t->subs));
	return &t->subs[t->n_subs++];
}

static struct subscriber *add_subscriber(struct traffic_state *t, unsigned int port,
					 const char *id)
{
	struct subscriber *sub = new_subscriber(t);

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

	planes_move(move->plane);
	ksft_flag_set(&move->done);
	return NULL;
}

static void move_start(struct move *move, const char *plane)
{
	*move = (struct move){ .plane = plane };
	CHECK(!pthread_create(&move->thread, NULL, move_run, move));
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

/* The first messages may come in front of the SUBACK: these do not count. */
static void subscribe_under_traffic(struct packets *in, const char *id)
{
	struct bytes b = { 0 };
	unsigned int source;

	in->fd = daemon_connect(DAEMON_PORT, id, 0);
	wire_subscribe(&b, "t/#");
	tcp_send_all(in->fd, b.p, b.len);
	bytes_free(&b);
	while (!packets_left(in) || packets_data(in)[0] != 0x90)
		if (packets_take_any(in, &source) < 0)
			packets_wait(in);
	while (packets_left(in) < 5)
		packets_wait(in);
	CHECK(packets_take(in, packets_data(in), 5));
}

/* Comes in the middle of a move, and stays. */
static void join_late(struct traffic_state *t, int number)
{
	struct subscriber *sub = new_subscriber(t);
	char id[16];

	sprintf(id, "late-%d", number);
	sub->late = true;
	subscribe_under_traffic(&sub->in, id);
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
	struct packets leaver = { 0 };
	struct move move;

	t->until += BETWEEN;
	pause_large(t, true);
	PUMP_UNTIL(t, large_ones_wait(t));
	subscribe_under_traffic(&leaver, "leaver");
	move_start(&move, plane);
	close(leaver.fd);
	bytes_free(&leaver.buf);
	if (number < 3)
		join_late(t, number);
	PUMP_UNTIL(t, ksft_flag(&move.done));
	pthread_join(move.thread, NULL);
	pause_large(t, false);
	PUMP_UNTIL(t, all_sent(t));
	sip(t);
}

static void move_back_and_forth(void)
{
	static struct traffic_state t;
	int i, moves = ksft_scale(8, 2);

	planes_start();
	start_traffic(&t);
	for (i = 0; i < moves; i++)
		move_under_traffic(&t, i % 2 ? "kernel" : "user", i);
	wake_idle(&t);
	PUMP_UNTIL(&t, all_received(&t));
	ksft_note("%u messages of each publisher, %d moves", t.until, moves);
}

static const struct ksft_case cases[] = {
	{ "move_back_and_forth", move_back_and_forth },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
