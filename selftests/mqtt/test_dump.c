// SPDX-License-Identifier: MIT
/*
 * What the router tells about itself, also while it changes.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/rig.h"

static struct rig_peer pub, sub;

struct wanted_peer {
	const struct rig_peer *peer;
	int seen;
};

static void check_address(const struct nlattr *attr, int fd, bool remote)
{
	struct sockaddr_in6 addr = { 0 };
	socklen_t len = sizeof(addr);

	CHECK(attr);
	if (remote)
		CHECK_SYS(getpeername(fd, (struct sockaddr *)&addr, &len));
	else
		CHECK_SYS(getsockname(fd, (struct sockaddr *)&addr, &len));
	CHECK_EQ(nla_len(attr), len);
	tcp_compare("address", nla_data(attr), &addr, len);
}

static int check_peer(struct nlattr **attrs, void *arg)
{
	struct wanted_peer *w = arg;

	if (nla_get_u32(attrs[MQTT_A_PEER_ID]) != w->peer->id)
		return 0;
	w->seen++;
	check_address(attrs[MQTT_A_PEER_LOCAL], w->peer->fd, false);
	check_address(attrs[MQTT_A_PEER_REMOTE], w->peer->fd, true);
	CHECK(attrs[MQTT_A_PEER_CLIENT_ID]);
	CHECK(!strncmp(nla_data(attrs[MQTT_A_PEER_CLIENT_ID]), "selftest", 8));
	CHECK(nla_len(attrs[MQTT_A_PEER_CLIENT_ID]) <= 9);
	CHECK_EQ(nla_get_u8(attrs[MQTT_A_PEER_PROTOCOL]), MQTT_PROTOCOL_V311);
	CHECK(attrs[MQTT_A_PEER_STATS]);
	return 0;
}

/* One object by id and the same in a dump, for both address families. */
static void peer_contents(void)
{
	struct tcp_options ipv6 = { .family = AF_INET6 };
	struct wanted_peer w = { 0 };
	struct rig_peer peers[2];
	int i;

	rig_start();
	rig_open(&peers[0]);
	rig_open_with(&peers[1], &ipv6);
	for (i = 0; i < 2; i++) {
		w = (struct wanted_peer){ .peer = &peers[i] };
		CHECK(!mqtt_nl_peer_get(rig_nl, peers[i].id, check_peer, &w));
		CHECK_EQ(w.seen, 1);
		CHECK(!mqtt_nl_peer_dump(rig_nl, check_peer, &w));
		CHECK_EQ(w.seen, 2);
	}
	CHECK(peers[0].id != peers[1].id);
}

static int take_router(struct nlattr **attrs, void *arg)
{
	unsigned int *n = arg;

	n[0] = nla_get_u32(attrs[MQTT_A_ROUTER_PEERS]);
	n[1] = nla_get_u32(attrs[MQTT_A_ROUTER_SUBSCRIPTIONS]);
	n[2] = nla_get_u64(attrs[MQTT_A_ROUTER_QUEUE_LIMIT]);
	n[3] = nla_get_u32(attrs[MQTT_A_ROUTER_OFFLOAD_MAX_PACKET]);
	n[4] = nla_get_u32(attrs[MQTT_A_ROUTER_NODES]);
	CHECK(nla_get_u32(attrs[MQTT_A_ROUTER_OWNER_PORTID]));
	return 0;
}

static void router_contents(void)
{
	unsigned int n[5], nodes;

	rig_start();
	CHECK(!mqtt_nl_router_get(rig_nl, take_router, n));
	CHECK_EQ(n[0], 0);
	CHECK_EQ(n[1], 0);
	CHECK_EQ(n[2], 16777216);
	CHECK_EQ(n[3], 262144);
	nodes = n[4];
	rig_open_sub(&sub, "t/u/v");
	rig_open_sub(&pub, "t/u/w");
	rig_sub(&pub, "#");
	CHECK(!mqtt_nl_router_get(rig_nl, take_router, n));
	CHECK_EQ(n[0], 2);
	CHECK_EQ(n[1], 3);
	CHECK(n[4] > nodes);
	CHECK(!mqtt_nl_router_set(rig_nl, &(struct mqtt_nl_router){ .queue_limit = 5000 }));
	CHECK(!mqtt_nl_router_get(rig_nl, take_router, n));
	CHECK_EQ(n[2], 5000);
	CHECK_EQ(n[3], 262144);
	rig_close(&sub);
	rig_detach(&pub);
	WAIT_UNTIL(!mqtt_nl_router_get(rig_nl, take_router, n) && n[0] == 0 && n[1] == 0);
	CHECK_EQ(n[4], nodes);
}

/* Subscriptions "s/<number>" of one peer: each has to come exactly once. */
struct seen_subs {
	unsigned int peer_id;
	unsigned int n;
	unsigned char *count;
	unsigned int others;
	unsigned int last_seq;
};

static int see_sub(struct nlattr **attrs, void *arg)
{
	unsigned int number, seq = nla_get_u32(attrs[MQTT_A_SUB_SEQ]);
	struct seen_subs *s = arg;
	char text[64] = "";

	if (nla_get_u32(attrs[MQTT_A_SUB_PEER_ID]) != s->peer_id)
		return 0;
	if (seq <= s->last_seq && s->last_seq)
		FAIL("subscription %u follows %u", seq, s->last_seq);
	s->last_seq = seq;
	CHECK(nla_len(attrs[MQTT_A_SUB_FILTER]) < (int)sizeof(text));
	memcpy(text, nla_data(attrs[MQTT_A_SUB_FILTER]), nla_len(attrs[MQTT_A_SUB_FILTER]));
	if (sscanf(text, "s/%u", &number) != 1) {
		s->others++;
		return 0;
	}
	CHECK(number < s->n);
	s->count[number]++;
	return 0;
}

static void check_sub_dump(struct rig_peer *p, unsigned int n, unsigned int peer_id)
{
	struct seen_subs s = { .peer_id = p->id, .n = n, .count = calloc(n, 1) };
	unsigned int i;
	int ret;

	ret = mqtt_nl_sub_dump(rig_nl, peer_id, see_sub, &s);
	if (ret)
		FAIL("dump: %s", mqtt_nl_error(rig_nl));
	for (i = 0; i < n; i++) {
		if (s.count[i] != 1)
			FAIL("subscription %u of %u came %u times", i, n, s.count[i]);
	}
	free(s.count);
}

/* One request for many: the library splits it as it likes. */
static void add_many(struct mqtt_nl *nl, unsigned int id, const char *prefix, unsigned int n,
		     bool add)
{
	struct mqtt_nl_filter *f = calloc(n, sizeof(*f));
	char *text = malloc(n * 24);
	unsigned int i;
	int ret;

	for (i = 0; i < n; i++) {
		f[i].filter = (void *)(text + i * 24);
		f[i].len = sprintf(text + i * 24, "%s/%u", prefix, i);
	}
	ret = add ? mqtt_nl_sub_add(nl, id, f, n) : mqtt_nl_sub_del(nl, id, f, n);
	if (ret)
		FAIL("%u subscriptions: %s", n, mqtt_nl_error(nl));
	free(text);
	free(f);
}

static void thousands_of_subscriptions(void)
{
	unsigned int n = ksft_scale(10000, 1000);

	rig_start();
	rig_open(&pub);
	rig_open(&sub);
	add_many(rig_nl, sub.id, "s", n, true);
	add_many(rig_nl, pub.id, "s", 10, true);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_SUBSCRIPTIONS), n);
	check_sub_dump(&sub, n, sub.id);
	check_sub_dump(&sub, n, 0);
	check_sub_dump(&pub, 10, pub.id);
	check_sub_dump(&pub, 10, 0);
	add_many(rig_nl, sub.id, "s", n, false);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_SUBSCRIPTIONS), 0);
	check_sub_dump(&sub, 0, 0);
}

/* All of a peer's go with it: what is left is what others have. */
static void subscriptions_end_with_peers(void)
{
	unsigned int before[5], n[5], nr = ksft_scale(10000, 1000);

	rig_start();
	rig_open(&pub);
	add_many(rig_nl, pub.id, "s", 10, true);
	rig_sub_group(&pub, "g", "in/group", 0);
	CHECK(!mqtt_nl_router_get(rig_nl, take_router, before));
	rig_open(&sub);
	add_many(rig_nl, sub.id, "s", nr, true);
	rig_sub_group(&sub, "g", "in/group", 0);
	rig_detach(&sub);
	CHECK(!mqtt_nl_router_get(rig_nl, take_router, n));
	CHECK_EQ(n[1], before[1]);
	CHECK_EQ(n[4], before[4]);
	rig_attach(&sub);
	add_many(rig_nl, sub.id, "s", nr, true);
	rig_close(&sub);
	WAIT_UNTIL(!mqtt_nl_router_get(rig_nl, take_router, n) && n[1] == before[1]);
	CHECK_EQ(n[4], before[4]);
	check_sub_dump(&pub, 10, 0);
}

/* With a first filter of any length the messages end in any place of those that follow. */
static void cut_anywhere(void)
{
	char filter[MQTT_FILTER_MAX + 1];
	unsigned int i;

	rig_start();
	rig_open(&pub);
	rig_open(&sub);
	add_many(rig_nl, sub.id, "s", 2000, true);
	for (i = 0; i < 64; i += 4) {
		memset(filter, 'f', 1000 + i);
		filter[1000 + i] = '\0';
		rig_sub(&pub, filter);
		check_sub_dump(&sub, 2000, 0);
		rig_unsub(&pub, filter);
	}
}

static bool churn_stop;
static int rounds;

static int rounds_done(void)
{
	return __atomic_load_n(&rounds, __ATOMIC_RELAXED);
}

static bool round_begins(void)
{
	__atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED);
	return !__atomic_load_n(&churn_stop, __ATOMIC_RELAXED);
}

static void *churn_main(void *arg)
{
	struct mqtt_nl *nl;

	(void)arg;
	CHECK(!mqtt_nl_open(&nl));
	while (round_begins()) {
		add_many(nl, sub.id, "churn", 100, true);
		add_many(nl, pub.id, "churn", 100, true);
		add_many(nl, sub.id, "churn", 100, false);
		add_many(nl, pub.id, "churn", 100, false);
	}
	mqtt_nl_close(nl);
	return NULL;
}

static void dump_during_churn(void)
{
	unsigned int n = ksft_scale(3000, 200);
	pthread_t thread;
	int i;

	rig_start();
	rig_open(&pub);
	rig_open(&sub);
	add_many(rig_nl, sub.id, "s", n, true);
	CHECK(!pthread_create(&thread, NULL, churn_main, NULL));
	for (i = 0; i < 10 || rounds_done() < ksft_scale(50, 5); i++)
		check_sub_dump(&sub, n, i % 2 ? sub.id : 0);
	ksft_note("%d dumps in %d rounds", i, rounds_done());
	__atomic_store_n(&churn_stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	check_sub_dump(&sub, n, 0);
}

/* Connections come and go while the ones that stay are listed. */
static void *connect_main(void *arg)
{
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V311, .client_id = "guest" };
	struct mqtt_nl *nl;
	struct rig_peer p;

	(void)arg;
	CHECK(!mqtt_nl_open(&nl));
	while (round_begins()) {
		rig_connect(&p, NULL);
		attach.fd = p.fd;
		CHECK(!mqtt_nl_peer_attach(nl, &attach, &p.id));
		if (rounds_done() % 2)
			CHECK(!mqtt_nl_peer_detach(nl, p.id));
		rig_close(&p);
	}
	mqtt_nl_close(nl);
	return NULL;
}

struct seen_peers {
	const struct rig_peer *peers;
	int n;
	int count[200];
};

static int see_peer(struct nlattr **attrs, void *arg)
{
	unsigned int id = nla_get_u32(attrs[MQTT_A_PEER_ID]);
	struct seen_peers *s = arg;
	int i;

	for (i = 0; i < s->n; i++)
		s->count[i] += s->peers[i].id == id;
	return 0;
}

static void peers_during_churn(void)
{
	int n = ksft_scale(100, 20), i, j;
	struct rig_peer peers[100];
	struct seen_peers s;
	pthread_t thread;

	rig_start();
	for (i = 0; i < n; i++)
		rig_open(&peers[i]);
	CHECK(!pthread_create(&thread, NULL, connect_main, NULL));
	for (i = 0; i < 10 || rounds_done() < ksft_scale(100, 10); i++) {
		s = (struct seen_peers){ .peers = peers, .n = n };
		CHECK(!mqtt_nl_peer_dump(rig_nl, see_peer, &s));
		for (j = 0; j < n; j++)
			CHECK_EQ(s.count[j], 1);
	}
	ksft_note("%d dumps in %d rounds", i, rounds_done());
	__atomic_store_n(&churn_stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	WAIT_UNTIL(rig_peer_count() == n);
}

static const struct ksft_case cases[] = {
	{ "peer_contents", peer_contents },
	{ "router_contents", router_contents },
	{ "thousands_of_subscriptions", thousands_of_subscriptions },
	{ "subscriptions_end_with_peers", subscriptions_end_with_peers },
	{ "cut_anywhere", cut_anywhere },
	{ "dump_during_churn", dump_during_churn },
	{ "peers_during_churn", peers_during_churn },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
