// SPDX-License-Identifier: MIT
/*
 * Who receives what: topic matching, fan-out, one copy per peer, order,
 * bounded queues, and counters that add up.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/port.h"

static const struct match {
	const char *filter;
	const char *topic;
	bool matches;
} table[] = {
	{ "t/u", "t/u", true },
	{ "t/u", "t/v", false },
	{ "t/u", "t/u/", false },
	{ "t/u", "/t/u", false },
	{ "t/u", "t", false },
	{ "t/u", "T/u", false },
	{ "t", "t/u", false },
	{ "t u", "t u", true },
	{ "+", "t", true },
	{ "+", "t/u", false },
	{ "+", "/t", false },
	{ "+/+", "/t", true },
	{ "/+", "/t", true },
	{ "+/+", "t/", true },
	{ "t/+", "t/", true },
	{ "t/+", "t", false },
	{ "t/+", "t/u/v", false },
	{ "t/+/v", "t//v", true },
	{ "t/+/v", "t/u/v", true },
	{ "t/+/v", "t/u/w/v", false },
	{ "+/u/+", "t/u/v", true },
	{ "+/u/+", "t/v/v", false },
	{ "#", "t", true },
	{ "#", "t/u/v", true },
	{ "#", "/", true },
	{ "t/#", "t", true },
	{ "t/#", "t/", true },
	{ "t/#", "t/u/v", true },
	{ "t/#", "tu", false },
	{ "t/#", "u/t", false },
	{ "/#", "/t", true },
	{ "/#", "/", true },
	{ "/#", "t", false },
	{ "+/#", "t", true },
	{ "+/#", "/", true },
	{ "t/+/#", "t", false },
	{ "t/+/#", "t/", true },
	{ "t/+/#", "t/u", true },
	{ "t/+/#", "t/u/v/w", true },
	{ "/", "/", true },
	{ "/", "//", false },
	{ "//", "//", true },
	{ "+/+/+", "//", true },
	{ "#", "$SYS/x", false },
	{ "+/x", "$SYS/x", false },
	{ "+/#", "$SYS/x", false },
	{ "+/+", "$SYS/x", false },
	{ "$SYS/#", "$SYS/x", true },
	{ "$SYS/#", "$SYS", true },
	{ "$SYS/+", "$SYS/x", true },
	{ "$SYS/x", "$SYS/x", true },
	{ "+", "$", false },
	{ "$", "$", true },
	{ "t/+", "t/$x", true },
	{ "t/#", "t/$x", true },
	{ "#", "t/$x", true },
	{ "\xc3\xa4/+/\xe2\x82\xac", "\xc3\xa4/\xf0\x9f\x90\x9d/\xe2\x82\xac", true },
	{ "\xc3\xa4/+", "a\xcc\x88/x", false },
};

static struct rig_peer pub, sub;
static struct rig_port port;
static bool by_port;

/* The daemon writes what has a topic of the server's own. */
static void publish(const char *topic, const char *text)
{
	struct bytes b = { 0 }, record = { 0 };

	wire_message(&b, topic, text);
	if (*topic == '$' || by_port) {
		rig_record(&record, &b, 0);
		rig_port_write(&port, &record);
	} else {
		rig_send_bytes(&pub, &b);
	}
	bytes_free(&b);
	bytes_free(&record);
}

static void start(void)
{
	rig_start();
	rig_open(&pub);
	rig_open(&sub);
}

static unsigned long long received(void)
{
	return rig_stat(MQTT_A_STATS_RX_PACKETS) + rig_stat(MQTT_A_STATS_PORT_RX_PACKETS);
}

static void matching(void)
{
	unsigned int matched = 0;
	size_t i;

	start();
	rig_port_open(&port, 0);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		const struct match *m = &table[i];

		ksft_note("filter %s topic %s", m->filter, m->topic);
		rig_sub(&sub, m->filter);
		publish(m->topic, m->filter);
		if (m->matches)
			rig_hear(&sub, m->topic, m->filter);
		matched += m->matches;
		WAIT_UNTIL(received() == i + 1);
		CHECK_EQ(rig_stat(MQTT_A_STATS_MATCHED), matched);
		CHECK_EQ(rig_stat(MQTT_A_STATS_UNMATCHED), i + 1 - matched);
		rig_unsub(&sub, m->filter);
	}
	rig_fence(&sub);
}

/* Level by level as the standard's 4.7 tells it; slow and simple. */
static bool levels_match(const char *f, const char *t)
{
	if (!strcmp(f, "#"))
		return true;
	if (*f == '+') {
		f++;
		t += strcspn(t, "/");
	} else {
		while (*f && *f != '/' && *f == *t)
			f++, t++;
	}
	if (!*t)
		return !*f || !strcmp(f, "/#");
	return *f == '/' && *t == '/' && levels_match(f + 1, t + 1);
}

static bool is_match(const char *filter, const char *topic)
{
	if (*topic == '$' && (*filter == '+' || *filter == '#'))
		return false;
	return levels_match(filter, topic);
}

/* All filters in the table at the same time, each by a peer, all topics. */
static void matching_all_at_once(void)
{
	struct rig_peer peers[ARRAY_LEN(table)];
	size_t i, j;

	start();
	for (i = 0; i < ARRAY_LEN(table); i++) {
		CHECK_EQ(is_match(table[i].filter, table[i].topic), table[i].matches);
		rig_open_sub(&peers[i], table[i].filter);
	}
	rig_port_open(&port, 0);
	for (i = 0; i < ARRAY_LEN(table); i++)
		publish(table[i].topic, "x");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		for (j = 0; j < ARRAY_LEN(table); j++) {
			if (is_match(table[i].filter, table[j].topic))
				rig_hear(&peers[i], table[j].topic, "x");
		}
		rig_fence(&peers[i]);
	}
	rig_check_balance();
}

/* The kernel's longest topic name; a longer one is left to the daemon. */
static void longest_topic(void)
{
	char *topic = malloc(65536);
	struct bytes b = { 0 };

	memset(topic, 'x', 65535);
	topic[4096] = '\0';
	start();
	rig_sub(&sub, "+");
	publish(topic, "one level");
	rig_hear(&sub, topic, "one level");
	rig_unsub(&sub, "+");
	rig_sub(&sub, "#");
	publish(topic, "any");
	rig_hear(&sub, topic, "any");
	topic[4096] = 'x';
	topic[65535] = '\0';
	wire_message(&b, topic, "the daemon's");
	tcp_send_all(pub.client, b.p, b.len);
	rig_daemon_expect(&pub, &b);
	rig_fence(&sub);
}

static void deep_filter(void)
{
	char filter[2 * MQTT_FILTER_LEVELS_MAX], topic[2 * MQTT_FILTER_LEVELS_MAX];
	struct bytes b = { 0 };
	int i;

	for (i = 0; i < MQTT_FILTER_LEVELS_MAX; i++) {
		memcpy(filter + 2 * i, "+/", 2);
		memcpy(topic + 2 * i, "t/", 2);
	}
	filter[sizeof(filter) - 1] = '\0';
	topic[sizeof(topic) - 1] = '\0';
	start();
	rig_sub(&sub, filter);
	wire_message(&b, topic, "the daemon's");
	tcp_send_all(pub.client, b.p, b.len);
	rig_daemon_expect(&pub, &b);
	tcp_expect_again(pub.fd);
	rig_port_open(&port, 0);
	by_port = true;
	publish(topic, "deep");
	rig_hear(&sub, topic, "deep");
	by_port = false;
	topic[sizeof(topic) - 3] = '\0';
	publish(topic, "too short");
	rig_fence(&sub);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_RX_PACKETS) == 1);
}

static void one_copy_per_peer(void)
{
	static const char *const filters[] = {
		"t/u", "t/+", "+/u", "+/+", "t/#", "#", "+/#", "t/u/#",
	};
	size_t i;

	start();
	for (i = 0; i < ARRAY_LEN(filters); i++) {
		rig_sub(&sub, filters[i]);
		publish("t/u", filters[i]);
		rig_hear(&sub, "t/u", filters[i]);
	}
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_SUBSCRIPTIONS), ARRAY_LEN(filters));
	for (i = 0; i < ARRAY_LEN(filters); i++) {
		publish("t/u", filters[i]);
		rig_hear(&sub, "t/u", filters[i]);
		rig_unsub(&sub, filters[i]);
	}
	publish("t/u", "to nobody");
	rig_fence(&sub);
}

static void subscribing_twice(void)
{
	start();
	rig_sub(&sub, "t/u");
	rig_sub(&sub, "t/u");
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_SUBSCRIPTIONS), 1);
	publish("t/u", "once");
	rig_hear(&sub, "t/u", "once");
	rig_unsub(&sub, "t/u");
	publish("t/u", "gone");
	rig_fence(&sub);
}

static void to_itself(void)
{
	start();
	rig_sub(&pub, "t/u");
	publish("t/u", "mine");
	rig_hear(&pub, "t/u", "mine");
	rig_fence(&pub);
}

static void fan_out(void)
{
	int peers = ksft_scale(50, 20), messages = ksft_scale(200, 50), i;
	struct rig_peer *subs = calloc(peers, sizeof(*subs));
	struct tcp_options opt = { 0 };
	struct bytes b = { 0 };

	start();
	for (i = 0; i < peers; i++) {
		opt.family = i % 2 ? AF_INET6 : AF_INET;
		rig_open_with(&subs[i], &opt);
		rig_sub(&subs[i], i % 3 ? "t/+" : "#");
	}
	for (i = 0; i < messages; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 5 + i * 7);
	rig_send_bytes(&pub, &b);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_RX_PACKETS) == (unsigned int)messages);
	CHECK_EQ(rig_stat(MQTT_A_STATS_ENQUEUED), peers * messages);
	for (i = 0; i < peers; i++) {
		tcp_expect(subs[i].client, b.p, b.len);
		rig_fence(&subs[i]);
	}
	rig_check_balance();
}

/* Two publishers at once: each one's order is kept. */
static void order(void)
{
	unsigned int n = ksft_scale(4000, 800), next[3] = { 0 }, source;
	struct rig_peer second;
	struct packets got = { 0 };
	struct traffic t[2] = {
		{ .from = &pub, .topic = "t/u", .source = 1, .n = n, .payload = 20,
		  .batch = 500, .cpu = 0 },
		{ .from = &second, .topic = "t/v", .source = 2, .n = n, .payload = 100,
		  .batch = 1, .cpu = 1 },
	};
	long number;

	start();
	rig_open(&second);
	rig_sub(&sub, "t/+");
	got.fd = sub.client;
	traffic_start(&t[0]);
	traffic_start(&t[1]);
	while (next[1] < n || next[2] < n) {
		number = packets_take_any(&got, &source);
		if (number < 0) {
			packets_wait(&got);
			continue;
		}
		CHECK(source == 1 || source == 2);
		CHECK_EQ(number, next[source]);
		next[source]++;
	}
	traffic_join(&t[0]);
	traffic_join(&t[1]);
	rig_fence(&sub);
}

#define QUEUE_LIMIT 65536

static void open_limited(struct rig_peer *p)
{
	struct tcp_options small = {
		.family = AF_INET, .client_rcvbuf = 4608, .server_sndbuf = 4608,
	};
	struct mqtt_nl_attach attach = {
		.protocol = MQTT_PROTOCOL_V311, .client_id = "slow",
		.limits.queue_bytes = QUEUE_LIMIT,
	};

	rig_connect(p, &small);
	attach.fd = p->fd;
	CHECK(!mqtt_nl_peer_attach(rig_nl, &attach, &p->id));
}

/* @n messages, the first of all among them, with gaps where some were dropped. */
static void expect_increasing(struct packets *got, unsigned int n)
{
	long number, last = -1;
	unsigned int source;

	while (got->n < n) {
		number = packets_take_any(got, &source);
		if (number < 0) {
			packets_wait(got);
			continue;
		}
		if (number <= last || (last < 0 && number))
			FAIL("message %ld follows %ld", number, last);
		last = number;
	}
}

/* A full queue takes nothing new, keeps what it has, and others don't care. */
static void queue_limit(void)
{
	struct packets got = { 0 }, other = { 0 };
	unsigned long long drops;
	struct rig_peer slow;
	unsigned int n = 500, i;

	start();
	rig_sub(&sub, "t/u");
	open_limited(&slow);
	rig_sub(&slow, "t/u");
	got.fd = slow.client;
	other.fd = sub.client;
	for (i = 0; i < n; i++) {
		struct bytes b = { 0 };

		wire_numbered(&b, 0x30, "t/u", 1, i, 1000);
		rig_send_bytes(&pub, &b);
		bytes_free(&b);
		packets_expect(&other, 1, i, 1);
		CHECK(rig_peer_get(&slow, MQTT_A_PEER_QUEUE_BYTES) <= QUEUE_LIMIT);
	}
	drops = rig_peer_stat(&slow, MQTT_A_PEER_STATS_DROP_QUEUE_FULL);
	ksft_note("%llu of %u dropped", drops, n);
	CHECK(drops > n / 4 && drops < n - 10);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), drops);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_QUEUE_FULL), 0);
	expect_increasing(&got, n - drops);
	rig_check_balance();
	CHECK_EQ(rig_stat(MQTT_A_STATS_ENQUEUED), 2 * n - drops);
	rig_fence(&slow);
	CHECK_EQ(rig_peer_get(&slow, MQTT_A_PEER_QUEUE_BYTES), 0);
	CHECK_EQ(rig_peer_get(&slow, MQTT_A_PEER_QUEUE_PACKETS), 0);
}

static void router_queue_limit(void)
{
	struct mqtt_nl_router lower = { .queue_limit = 8192 };
	struct rig_peer before, after;
	unsigned int i;

	rig_start_with(QUEUE_LIMIT, 0);
	rig_open(&pub);
	rig_open_with(&before, &(struct tcp_options){
		.family = AF_INET, .client_rcvbuf = 4608, .server_sndbuf = 4608 });
	CHECK(!mqtt_nl_router_set(rig_nl, &lower));
	rig_open_with(&after, &(struct tcp_options){
		.family = AF_INET, .client_rcvbuf = 4608, .server_sndbuf = 4608 });
	CHECK_EQ(rig_peer_get(&before, MQTT_A_PEER_QUEUE_LIMIT), QUEUE_LIMIT);
	CHECK_EQ(rig_peer_get(&after, MQTT_A_PEER_QUEUE_LIMIT), 8192);
	rig_sub(&before, "#");
	rig_sub(&after, "#");
	for (i = 0; i < 100; i++) {
		struct bytes b = { 0 };

		wire_numbered(&b, 0x30, "t/u", 1, i, 1000);
		rig_send_bytes(&pub, &b);
		bytes_free(&b);
	}
	CHECK(rig_peer_get(&before, MQTT_A_PEER_QUEUE_BYTES) > 8192);
	CHECK(rig_peer_get(&after, MQTT_A_PEER_QUEUE_BYTES) <= 8192);
	CHECK(rig_peer_stat(&after, MQTT_A_PEER_STATS_DROP_QUEUE_FULL) > 0);
}

static void counters(void)
{
	struct bytes b = { 0 };
	size_t matched;
	int i;

	start();
	rig_sub(&sub, "t/u");
	for (i = 0; i < 10; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 100);
	matched = b.len;
	for (i = 0; i < 5; i++)
		wire_numbered(&b, 0x30, "t/v", 1, i, 50);
	rig_send_bytes(&pub, &b);
	rig_send(&pub, "\x40\x02\x00\x03\x82\x06\x00\x01\x00\x01z\x00", 12);
	tcp_expect(sub.client, b.p, matched);
	tcp_expect(pub.fd, "\x40\x02\x00\x03\x82\x06\x00\x01\x00\x01z\x00", 12);
	tcp_expect_again(pub.fd);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PACKETS), 15);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_BYTES), b.len);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_SLOW_PACKETS), 2);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_BARRIERS), 1);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_MALFORMED), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_MATCHED), 10);
	CHECK_EQ(rig_stat(MQTT_A_STATS_UNMATCHED), 5);
	CHECK_EQ(rig_stat(MQTT_A_STATS_ENQUEUED), 10);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_TX_PACKETS) == 10);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_BYTES), matched);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS), 15);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_BYTES), b.len);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_SLOW_PACKETS), 2);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_TX_PACKETS), 0);
	WAIT_UNTIL(rig_peer_stat(&sub, MQTT_A_PEER_STATS_TX_PACKETS) == 10);
	WAIT_UNTIL(rig_peer_stat(&sub, MQTT_A_PEER_STATS_TX_BYTES) == matched);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_RX_PACKETS), 0);
	/* a router's counters outlive its peers */
	rig_close(&pub);
	rig_close(&sub);
	WAIT_UNTIL(rig_peer_count() == 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PACKETS), 15);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_PACKETS), 10);
}

static bool churn_stop;

/* Other filters come and go, some of which match the same messages. */
static void *churn_main(void *arg)
{
	struct mqtt_nl_filter f[3];
	struct mqtt_nl *nl;
	char name[32];
	int i;

	(void)arg;
	CHECK(!mqtt_nl_open(&nl));
	f[0] = (struct mqtt_nl_filter){ .filter = (const void *)"t/+", .len = 3 };
	f[1] = (struct mqtt_nl_filter){ .filter = (const void *)"#", .len = 1 };
	f[2] = (struct mqtt_nl_filter){ .filter = (const void *)name, .len = 0 };
	for (i = 0; !__atomic_load_n(&churn_stop, __ATOMIC_RELAXED); i++) {
		f[2].len = snprintf(name, sizeof(name), "t/%d/%d", i % 7, i);
		CHECK(!mqtt_nl_sub_add(nl, sub.id, f, 3));
		CHECK(!mqtt_nl_sub_del(nl, sub.id, f, 3));
	}
	ksft_note("%d rounds of subscribing", i);
	mqtt_nl_close(nl);
	return NULL;
}

/* A standing subscription misses nothing and doubles nothing meanwhile. */
static void churn(void)
{
	unsigned int n = ksft_scale(8000, 1000);
	struct packets got = { 0 };
	struct traffic t = {
		.from = &pub, .topic = "t/u", .source = 1, .n = n, .payload = 20,
		.batch = 200, .cpu = -1,
	};
	pthread_t thread;

	start();
	rig_sub(&sub, "t/u");
	got.fd = sub.client;
	CHECK(!pthread_create(&thread, NULL, churn_main, NULL));
	traffic_start(&t);
	packets_expect(&got, 1, 0, n);
	traffic_join(&t);
	__atomic_store_n(&churn_stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_SUBSCRIPTIONS), 1);
	rig_fence(&sub);
}

static const struct ksft_case cases[] = {
	{ "matching", matching },
	{ "matching_all_at_once", matching_all_at_once },
	{ "longest_topic", longest_topic },
	{ "deep_filter", deep_filter },
	{ "one_copy_per_peer", one_copy_per_peer },
	{ "subscribing_twice", subscribing_twice },
	{ "to_itself", to_itself },
	{ "fan_out", fan_out },
	{ "order", order },
	{ "queue_limit", queue_limit },
	{ "router_queue_limit", router_queue_limit },
	{ "counters", counters },
	{ "churn", churn },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
