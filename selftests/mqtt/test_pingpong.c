// SPDX-License-Identifier: MIT
/*
 * Clients that publish to each other at full speed from different CPUs:
 * every socket is received from and sent to by the kernel at the same time,
 * while others attach, detach, subscribe and close. For the lock checker and
 * the sanitizers of a debug kernel as much as for what is received.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/rig.h"

#define CLIENTS_MAX 4

static struct rig_peer clients[CLIENTS_MAX];
static bool churn_stop;

/* Room for everything: nothing may be dropped here. */
static void start(int n, const char *const *filters)
{
	int i;

	rig_start_with(1u << 30, 0);
	for (i = 0; i < n; i++)
		rig_open_sub(&clients[i], filters[i]);
}

static bool is_over(void)
{
	return __atomic_load_n(&churn_stop, __ATOMIC_RELAXED);
}

/* Checks one packet, if there is one; each source's order is kept. */
static bool take_one(struct packets *p, unsigned int *next)
{
	unsigned int source;
	long number = packets_take_any(p, &source);

	if (number < 0)
		return false;
	CHECK(source < CLIENTS_MAX);
	if (number != next[source])
		FAIL("message %ld of %u, want %u", number, source, next[source]);
	next[source]++;
	return true;
}

/*
 * Each of @n clients sends @messages on its topic; each receives @streams of
 * them all.
 */
static void exchange(int n, const char *const *topics, unsigned int messages, int streams)
{
	unsigned int next[CLIENTS_MAX][CLIENTS_MAX] = { { 0 } };
	struct packets got[CLIENTS_MAX] = { { 0 } };
	struct traffic t[CLIENTS_MAX];
	long long end = ksft_deadline();
	bool more = true, moved;
	int i;

	for (i = 0; i < n; i++) {
		got[i].fd = clients[i].client;
		t[i] = (struct traffic){
			.from = &clients[i], .topic = topics[i], .source = i, .n = messages,
			.payload = 10 + 40 * i, .batch = i % 2 ? 1 : 600, .cpu = i % 2,
		};
		traffic_start(&t[i]);
	}
	while (more) {
		more = false;
		moved = false;
		for (i = 0; i < n; i++) {
			moved |= packets_read(&got[i]);
			while (take_one(&got[i], next[i]))
				;
			more |= got[i].n < messages * streams;
		}
		if (moved)
			end = ksft_deadline();
		else if (ksft_now_ms() > end)
			FAIL("stuck: %u and %u of %u", got[0].n, got[1].n, messages * streams);
	}
	for (i = 0; i < n; i++) {
		traffic_join(&t[i]);
		CHECK_EQ(got[i].n, messages * streams);
	}
}

static const char *const crossed_topics[] = { "to/b", "to/a" };
static const char *const crossed_filters[] = { "to/a", "to/b" };

static void two_ways(void)
{
	start(2, crossed_filters);
	exchange(2, crossed_topics, ksft_scale(6000, 400), 1);
	rig_fence(&clients[0]);
	rig_fence(&clients[1]);
	rig_check_balance();
}

static const char *const common_topics[] = { "t/u", "t/u", "t/u", "t/u" };
static const char *const common_filters[] = { "t/u", "t/+", "#", "t/#" };

/* Everybody publishes on one topic, everybody receives it all. */
static void all_to_all(void)
{
	start(4, common_filters);
	exchange(4, common_topics, ksft_scale(1200, 120), 4);
	rig_fence(&clients[3]);
	rig_check_balance();
}

static void attach(struct mqtt_nl *nl, struct rig_peer *p)
{
	struct mqtt_nl_attach a = {
		.fd = p->fd, .protocol = MQTT_PROTOCOL_V311, .client_id = "guest",
	};
	struct mqtt_nl_filter f[2] = {
		{ .filter = (const void *)"#", .len = 1 },
		{ .filter = (const void *)"to/+", .len = 4 },
	};

	CHECK(!mqtt_nl_peer_attach(nl, &a, &p->id));
	CHECK(!mqtt_nl_sub_add(nl, p->id, f, 2));
}

/* A guest that receives everything, for a moment, and sends, too. */
static void guest_visit(struct mqtt_nl *nl, const struct bytes *words, int round)
{
	struct rig_peer p;
	char buf[2];

	rig_connect(&p, NULL);
	attach(nl, &p);
	tcp_send_all(p.client, words->p, words->len);
	if (round % 3 == 0) {
		CHECK(!mqtt_nl_peer_detach(nl, p.id));
		attach(nl, &p);
	}
	tcp_send_all(p.fd, "\xd0\x00", 2);
	tcp_recv_all(p.client, buf, 2);
	if (round % 3 == 1)
		CHECK(!mqtt_nl_peer_detach(nl, p.id));
	if (round % 2) {
		close(p.fd);
		close(p.client);
	} else {
		rig_close(&p);		/* the client first */
	}
}

static void *guests_main(void *arg)
{
	struct bytes words = { 0 };
	struct mqtt_nl *nl;
	int round;

	wire_message(&words, "to/nobody", "hello");
	wire_subscribe(&words, "a/filter");
	wire_message(&words, "to/nobody", "behind a barrier");
	CHECK(!mqtt_nl_open(&nl));
	for (round = 0; !is_over(); round++)
		guest_visit(nl, &words, round);
	ksft_note("%d visits of %s", round, (const char *)arg);
	mqtt_nl_close(nl);
	bytes_free(&words);
	return NULL;
}

/* Subscriptions of a standing client that match what is sent, too. */
static void *subs_main(void *arg)
{
	struct mqtt_nl_filter f[3] = {
		{ .filter = (const void *)"to/#", .len = 4 },
		{ .filter = (const void *)"+/+", .len = 3 },
		{ .filter = (const void *)"other/topic", .len = 11 },
	};
	struct mqtt_nl *nl;
	int rounds = 0;

	(void)arg;
	CHECK(!mqtt_nl_open(&nl));
	for (; !is_over(); rounds++) {
		CHECK(!mqtt_nl_sub_add(nl, clients[2].id, f, 3));
		CHECK(!mqtt_nl_sub_del(nl, clients[2].id, f, 3));
	}
	ksft_note("%d rounds of subscribing", rounds);
	mqtt_nl_close(nl);
	return NULL;
}

/* Empties the client whose subscriptions change: what it gets is arbitrary. */
static void *drain_main(void *arg)
{
	struct packets got = { .fd = clients[2].client };
	unsigned int source;

	(void)arg;
	while (!is_over()) {
		if (!packets_read(&got))
			ksft_pause();
		while (packets_take_any(&got, &source) >= 0)
			;
	}
	bytes_free(&got.buf);
	return NULL;
}

static void two_ways_with_churn(void)
{
	static const char *const filters[] = { "to/a", "to/b", "nothing" };
	pthread_t threads[4];
	size_t i;

	start(3, filters);
	CHECK(!pthread_create(&threads[0], NULL, guests_main, "the first guest"));
	CHECK(!pthread_create(&threads[1], NULL, guests_main, "the second guest"));
	CHECK(!pthread_create(&threads[2], NULL, subs_main, NULL));
	CHECK(!pthread_create(&threads[3], NULL, drain_main, NULL));
	exchange(2, crossed_topics, ksft_scale(4000, 300), 1);
	__atomic_store_n(&churn_stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	WAIT_UNTIL(rig_peer_count() == 3);
	rig_fence(&clients[0]);
	rig_fence(&clients[1]);
	rig_check_balance_racy();
}

#define DAEMON 3		/* source of what the daemon sends */

struct daemon {
	pthread_t thread;
	struct rig_peer *to;
	unsigned int messages;
};

static void *daemon_main(void *arg)
{
	struct daemon *d = arg;
	struct bytes b = { 0 };
	unsigned int i;

	for (i = 0; i < d->messages; i++) {
		b.len = 0;
		wire_numbered(&b, 0x32, "q/1", DAEMON, i, 50 + i % 1000);
		tcp_send_all(d->to->fd, b.p, b.len);
	}
	bytes_free(&b);
	return NULL;
}

/* The daemon sends on the same sockets at the same time. */
static void two_ways_with_daemon(void)
{
	unsigned int messages = ksft_scale(3000, 250), next[2][CLIENTS_MAX] = { { 0 } };
	struct packets got[2] = { { 0 } };
	struct daemon daemons[2];
	struct traffic t[2];
	int i;

	start(2, crossed_filters);
	for (i = 0; i < 2; i++) {
		got[i].fd = clients[i].client;
		daemons[i] = (struct daemon){ .to = &clients[i], .messages = messages };
		CHECK(!pthread_create(&daemons[i].thread, NULL, daemon_main, &daemons[i]));
		t[i] = (struct traffic){
			.from = &clients[i], .topic = crossed_topics[i], .source = i,
			.n = messages, .payload = 100, .batch = 1, .cpu = i,
		};
		traffic_start(&t[i]);
	}
	while (got[0].n < 2 * messages || got[1].n < 2 * messages) {
		for (i = 0; i < 2; i++) {
			packets_read(&got[i]);
			while (take_one(&got[i], next[i]))
				;
		}
	}
	for (i = 0; i < 2; i++) {
		traffic_join(&t[i]);
		pthread_join(daemons[i].thread, NULL);
		CHECK_EQ(next[i][1 - i], messages);
		CHECK_EQ(next[i][DAEMON], messages);
	}
}

static const struct ksft_case cases[] = {
	{ "two_ways", two_ways },
	{ "all_to_all", all_to_all },
	{ "two_ways_with_churn", two_ways_with_churn },
	{ "two_ways_with_daemon", two_ways_with_daemon },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
