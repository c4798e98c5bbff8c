// SPDX-License-Identifier: MIT
/*
 * Sets of rules: what is allowed and denied, to publishers and to receivers;
 * chains; when a change is in force; who may make one, and what is refused.
 */
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "events.h"
#include "lib/packets.h"
#include "lib/port.h"
#include "lib/rawnl.h"

#define DENY	MQTT_ACL_ACTION_DENY
#define ALLOW	MQTT_ACL_ACTION_ALLOW
#define PASS	MQTT_ACL_ACTION_PASS
#define PUB	MQTT_ACL_ACCESS_PUBLISH
#define RECV	MQTT_ACL_ACCESS_RECEIVE

static struct rig_peer pub, sub, other;
static struct rig_port port;

static struct mqtt_nl_acl_rule rule(const char *filter, int action, int access)
{
	return (struct mqtt_nl_acl_rule){
		.filter = (const void *)filter, .len = strlen(filter),
		.action = action, .access = access,
	};
}

static void set_acl_of(struct mqtt_nl *nl, unsigned int id, int fallback,
		       const struct mqtt_nl_acl_rule *rules, size_t n)
{
	int err = mqtt_nl_acl_set(nl, id, fallback, rules, n);

	if (err)
		FAIL("acl-set %u: %s", id, mqtt_nl_error(nl));
}

#define SET_ACL(id, fallback, ...)						\
	do {									\
		const struct mqtt_nl_acl_rule __rules[] = { __VA_ARGS__ };	\
										\
		set_acl_of(rig_nl, id, fallback, __rules, ARRAY_LEN(__rules));	\
	} while (0)

static int give(const struct rig_peer *p, unsigned int a, unsigned int b, unsigned int c,
		unsigned int d)
{
	const unsigned int acls[MQTT_PEER_ACLS_MAX] = { a, b, c, d };

	return mqtt_nl_peer_set(rig_nl, p->id, &(struct mqtt_nl_peer_set){ .acls = acls });
}

static void say(const char *topic, const char *text)
{
	struct bytes b = { 0 };

	wire_message(&b, topic, text);
	rig_send(&pub, b.p, b.len);
	bytes_free(&b);
}

static void hear(struct rig_peer *p, const char *topic, const char *text)
{
	struct bytes b = { 0 };

	wire_message(&b, topic, text);
	tcp_expect(p->client, b.p, b.len);
	bytes_free(&b);
}

static void start(void)
{
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "#");
}

static void publish(void)
{
	start();
	SET_ACL(1, PASS, rule("no/#", DENY, PUB), rule("a/+", ALLOW, PUB),
		rule("r", ALLOW, RECV));
	say("no/1", "free");
	hear(&sub, "no/1", "free");
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	say("no/1", "denied");
	say("no/1", "denied again");	/* from memory */
	say("a/1", "one");
	say("a/1", "two");
	say("a/1/2", "no rule");
	say("r", "another access");
	say("a/2", "three");
	hear(&sub, "a/1", "one");
	hear(&sub, "a/1", "two");
	hear(&sub, "a/2", "three");
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_DROP_DENIED_PUBLISH), 4);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), 4);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PACKETS), 8);
	CHECK_EQ(give(&pub, 0, 0, 0, 0), 0);
	say("no/1", "free again");
	hear(&sub, "no/1", "free again");
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_RECEIVE), 0);
}

/* A train of packets is one message here, and so is one that is copied by pages. */
static void publish_in_batches(void)
{
	struct bytes b = { 0 };
	int i;

	start();
	SET_ACL(1, PASS, rule("y", ALLOW, PUB));
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	for (i = 0; i < 40; i++)
		wire_message(&b, i < 20 ? "n" : "y", "text");
	wire_publish_of(&b, 0x30, "n", 20000, 1);
	rig_send_bytes(&pub, &b);
	for (i = 0; i < 20; i++)
		hear(&sub, "y", "text");
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_DROP_DENIED_PUBLISH), 21);
	b.len = 0;
	wire_publish_of(&b, 0x30, "y", 20000, 1);
	tcp_send_all(pub.client, b.p, b.len);
	tcp_expect(sub.client, b.p, b.len);
	bytes_free(&b);
}

static void receive(void)
{
	start();
	rig_open_sub(&other, "a/#");
	SET_ACL(7, DENY, rule("a/secret", DENY, RECV), rule("a/#", ALLOW, RECV));
	CHECK_EQ(give(&sub, 7, 0, 0, 0), 0);
	say("a/secret", "x");
	say("b", "x");
	say("a/b", "x");
	hear(&sub, "a/b", "x");
	hear(&other, "a/secret", "x");
	hear(&other, "a/b", "x");
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_DENIED_RECEIVE), 2);
	CHECK_EQ(rig_peer_stat(&other, MQTT_A_PEER_STATS_DROP_DENIED_RECEIVE), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_RECEIVE), 2);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), 0);
}

/* A denied message is counted once, however many of the peer's filters match. */
static void overlapping(void)
{
	start();
	rig_sub(&sub, "a");
	rig_sub(&sub, "+");
	SET_ACL(1, DENY, rule("b", ALLOW, RECV));
	CHECK_EQ(give(&sub, 1, 0, 0, 0), 0);
	say("a", "x");
	say("b", "x");
	hear(&sub, "b", "x");
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_RECEIVE), 1);
}

static void chains(void)
{
	static const struct {
		const char *topic;
		bool allowed;
	} asked[] = {
		{ "1/deny", false }, { "1/allow", true }, { "2/deny", false }, { "2/allow", true },
		{ "3/deny", false }, { "3/allow", true }, { "4/deny", false }, { "4/allow", true },
		{ "both", false }, { "none", false },
	};
	static const char * const filters[][3] = {
		{ "1/deny", "1/allow", "x" }, { "2/deny", "2/allow", "x" },
		{ "3/deny", "3/allow", "x" }, { "4/deny", "4/allow", "both" },
	};
	unsigned int i, denied = 0;

	start();
	rig_open_sub(&other, "+/allow");
	for (i = 0; i < 4; i++)
		SET_ACL(10 + i, i == 3 ? ALLOW : PASS, rule(filters[i][0], DENY, PUB | RECV),
			rule(filters[i][1], ALLOW, PUB | RECV), rule("both", DENY, PUB | RECV),
			rule("none", DENY, PUB | RECV));
	CHECK_EQ(give(&pub, 10, 11, 12, 13), 0);
	CHECK_EQ(give(&other, 13, 12, 11, 10), 0);
	for (i = 0; i < ARRAY_LEN(asked); i++) {
		say(asked[i].topic, "x");
		denied += !asked[i].allowed;
		if (!asked[i].allowed)
			continue;
		hear(&sub, asked[i].topic, "x");
		/* for the other one the first of its sets allows what no rule is about */
		hear(&other, asked[i].topic, "x");
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), denied);
	say("not in any", "x");
	hear(&sub, "not in any", "x");
}

/* All pass: no. */
static void all_pass(void)
{
	start();
	SET_ACL(1, PASS, rule("a", ALLOW, RECV));
	set_acl_of(rig_nl, 2, PASS, NULL, 0);
	CHECK_EQ(give(&pub, 1, 2, 0, 0), 0);
	say("a", "x");
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), 1);
	set_acl_of(rig_nl, 2, ALLOW, NULL, 0);
	say("a", "y");
	hear(&sub, "a", "y");
}

/* One set, many peers: all are told something else at once. */
static void shared(void)
{
	static struct rig_peer many[20];
	unsigned int i;

	start();
	SET_ACL(5, PASS, rule("a", ALLOW, RECV));
	for (i = 0; i < ARRAY_LEN(many); i++) {
		rig_connect(&many[i], NULL);
		rig_attach_with(&many[i], &(struct mqtt_nl_attach){ .acls = { 5 } });
		rig_sub(&many[i], "#");
	}
	say("a", "1");
	say("b", "1");
	SET_ACL(5, PASS, rule("b", ALLOW, RECV));
	say("a", "2");
	say("b", "2");
	for (i = 0; i < ARRAY_LEN(many); i++) {
		hear(&many[i], "a", "1");
		hear(&many[i], "b", "2");
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_RECEIVE), 2 * ARRAY_LEN(many));
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, 5), -EBUSY);
	for (i = 0; i < ARRAY_LEN(many); i++)
		rig_close(&many[i]);
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, 5), 0);
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, 5), -ENOENT);
}

/*
 * Of a group most members may not get it, more than are asked for one message: the next
 * message asks others.
 */
static void group(void)
{
	static struct rig_peer many[40];
	struct rig_peer *may = &many[ARRAY_LEN(many) - 1];
	unsigned int i, got = 0;

	start();
	SET_ACL(6, DENY, rule("x", ALLOW, RECV));
	for (i = 0; i < ARRAY_LEN(many); i++) {
		rig_connect(&many[i], NULL);
		rig_attach_with(&many[i],
				&(struct mqtt_nl_attach){ .acls = { &many[i] == may ? 0 : 6 } });
		rig_sub_group(&many[i], "g", "y", 0);
	}
	for (i = 0; i < 300; i++)
		say("y", "1");
	got = rig_stat(MQTT_A_STATS_GROUP_DELIVERIES);
	ksft_note("%u of 300", got);
	CHECK(got >= 90);
	CHECK_EQ(got + rig_stat(MQTT_A_STATS_DROP_PEER_GONE), 300);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_RECEIVE), 0);
	for (; got; got--)
		hear(may, "y", "1");
}

/* More rules than are compared one by one. */
static void large(void)
{
	enum { N = 5000 };
	struct mqtt_nl_acl_rule *rules = calloc(N + 2, sizeof(*rules));
	static char text[N][16];
	unsigned int i;

	CHECK(rules);
	start();
	for (i = 0; i < N; i++) {
		snprintf(text[i], sizeof(text[i]), "t/%u", i);
		rules[i] = rule(text[i], i % 2 ? ALLOW : DENY, PUB);
	}
	rules[N] = rule("t/+", ALLOW, PUB);
	rules[N + 1] = rule("#", DENY, PUB);
	set_acl_of(rig_nl, 1, ALLOW, rules, N + 2);
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	say("t/0", "x");
	say("t/1", "x");
	say("t/4998", "x");
	say("t/4999", "x");
	say("t/5000", "x");
	say("u", "x");
	hear(&sub, "t/1", "x");
	hear(&sub, "t/4999", "x");
	hear(&sub, "t/5000", "x");
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), 3);
	free(rules);
}

/* What would take too long to find out is denied. */
static void budget(void)
{
	enum { LEVELS = 13, N = 1 << LEVELS };
	struct mqtt_nl_acl_rule *rules = calloc(N, sizeof(*rules));
	char (*text)[2 * LEVELS] = calloc(N, sizeof(*text));
	char topic[2 * LEVELS];
	unsigned int i, j;

	CHECK(rules && text);
	start();
	for (i = 0; i < N; i++) {
		for (j = 0; j < LEVELS; j++) {
			text[i][2 * j] = i >> j & 1 ? '+' : 'a';
			text[i][2 * j + 1] = j == LEVELS - 1 ? '\0' : '/';
		}
		rules[i] = rule(text[i], ALLOW, PUB);
	}
	memcpy(topic, text[0], sizeof(topic));
	set_acl_of(rig_nl, 1, ALLOW, rules, N);
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	say(topic, "x");
	say("a", "x");
	hear(&sub, "a", "x");
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), 1);
	free(rules);
	free(text);
}

static void hosted(void)
{
	struct bytes b = { 0 }, record = { 0 };
	const struct mqtt_port_record *head;
	unsigned int n;

	start();
	rig_port_open(&port, 0);
	SET_ACL(1, PASS, rule("a", ALLOW, RECV));
	rig_attach_hosted(&other, &port);
	rig_sub(&other, "#");
	CHECK_EQ(give(&other, 1, 0, 0, 0), 0);
	say("b", "x");
	say("a", "x");
	wire_message(&b, "a", "x");
	head = rig_port_wait(&port);
	CHECK(head->packet_len == b.len && !memcmp(rig_port_packet(head), b.p, b.len));
	CHECK_EQ(rig_port_receivers(head, &n)[0], other.id);
	CHECK_EQ(n, 1);
	rig_port_expect_empty(&port);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_RECEIVE), 1);

	/* What the daemon brings it has checked, whoever it is from. */
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	hear(&sub, "b", "x");
	hear(&sub, "a", "x");
	b.len = 0;
	wire_message(&b, "b", "y");
	rig_record(&record, &b, pub.id);
	rig_port_write(&port, &record);
	hear(&sub, "b", "y");
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), 0);
	bytes_free(&b);
	bytes_free(&record);
}

static void topic_alias(void)
{
	static const unsigned char set[] = "\x30\x08\x00\x01n\x03\x23\x00\x01x";
	static const unsigned char use[] = "\x30\x07\x00\x00\x03\x23\x00\x01y";

	rig_start();
	rig_open_as(&pub, MQTT_PROTOCOL_V5, 10);
	rig_open_sub(&sub, "#");
	SET_ACL(1, PASS, rule("y", ALLOW, PUB));
	/* The daemon has seen the first one, which sets it. */
	rig_send(&pub, set, sizeof(set) - 1);
	rig_daemon_expect(&pub, &(struct bytes){ .p = (void *)set, .len = sizeof(set) - 1 });
	tcp_expect_again(pub.fd);
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	rig_send(&pub, use, sizeof(use) - 1);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH) == 1);
	CHECK_EQ(give(&pub, 0, 0, 0, 0), 0);
	rig_send(&pub, use, sizeof(use) - 1);
	hear(&sub, "n", "y");
}

/* --- changes under traffic ------------------------------------------------------ */

static bool stop;
static unsigned int sent;	/* by the flood */

/* Numbered messages, one at a time and without end. */
static void *flood(void *arg)
{
	struct bytes b = { 0 };

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		b.len = 0;
		wire_numbered(&b, 0x30, "t", 1, sent, 20);
		tcp_send_all(pub.client, b.p, b.len);
		__atomic_store_n(&sent, sent + 1, __ATOMIC_RELEASE);
	}
	bytes_free(&b);
	return arg;
}

/*
 * What was framed before the request has to arrive, what is sent after the reply must
 * not, and what is in between is one or the other, in one piece.
 */
static void one_change(int denied, bool whole_set)
{
	unsigned long long enqueued = rig_stat(MQTT_A_STATS_ENQUEUED);
	unsigned long long refused = rig_stat(denied);
	struct packets got = { .fd = sub.client };
	unsigned long long before, arrived, after;
	pthread_t thread;

	stop = false;
	sent = 0;
	CHECK(!pthread_create(&thread, NULL, flood, NULL));
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_ENQUEUED) > enqueued + 100);
	before = rig_stat(MQTT_A_STATS_ENQUEUED) - enqueued;
	if (whole_set)
		SET_ACL(1, PASS, rule("t", DENY, PUB | RECV));
	else
		CHECK_EQ(give(denied == MQTT_A_STATS_DROP_DENIED_RECEIVE ? &sub : &pub, 2, 0, 0, 0),
			 0);
	/* the one that is just being sent may be older */
	after = __atomic_load_n(&sent, __ATOMIC_ACQUIRE) + 1;
	WAIT_UNTIL(rig_stat(denied) > refused + 100);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_ENQUEUED) - enqueued + rig_stat(denied) - refused == sent);
	arrived = rig_stat(MQTT_A_STATS_ENQUEUED) - enqueued;
	CHECK(arrived >= before && arrived <= after);
	packets_expect(&got, 1, 0, arrived);
	CHECK_EQ(packets_left(&got), 0);
	packets_clear(&got);
	CHECK(!tcp_is_readable(sub.client));
	SET_ACL(1, PASS, rule("t", ALLOW, PUB | RECV));
	CHECK_EQ(give(denied == MQTT_A_STATS_DROP_DENIED_RECEIVE ? &sub : &pub, 1, 0, 0, 0), 0);
}

static void change_under_traffic(int denied)
{
	unsigned int round;

	start();
	SET_ACL(1, PASS, rule("t", ALLOW, PUB | RECV));
	SET_ACL(2, DENY, rule("u", ALLOW, PUB | RECV));
	CHECK_EQ(give(denied == MQTT_A_STATS_DROP_DENIED_RECEIVE ? &sub : &pub, 1, 0, 0, 0), 0);
	for (round = 0; round < 10; round++)
		one_change(denied, round % 2);
}

static void change_publisher(void)
{
	change_under_traffic(MQTT_A_STATS_DROP_DENIED_PUBLISH);
}

static void change_receiver(void)
{
	change_under_traffic(MQTT_A_STATS_DROP_DENIED_RECEIVE);
}

static void *replace(void *arg)
{
	struct mqtt_nl_acl_rule rules[20];
	struct mqtt_nl *nl = arg;
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_LEN(rules); i++)
		rules[i] = rule("t", ALLOW, PUB | RECV);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		set_acl_of(nl, 1, PASS, rules, n++ % 2 ? 1 : ARRAY_LEN(rules));
	ksft_note("%u replacements", n);
	mqtt_nl_close(nl);
	return NULL;
}

/* Rules that say the same replace each other all the time: nothing is lost or doubled. */
static void replaced_all_the_time(void)
{
	unsigned int n = ksft_scale(20000, 1000);
	struct packets got = { 0 };
	struct traffic t = {
		.from = &pub, .topic = "t", .source = 1, .n = n, .payload = 20,
		.batch = 200, .cpu = -1,
	};
	pthread_t thread;
	struct mqtt_nl *nl;

	start();
	SET_ACL(1, PASS, rule("t", ALLOW, PUB | RECV));
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	CHECK_EQ(give(&sub, 1, 0, 0, 0), 0);
	CHECK_EQ(mqtt_nl_open(&nl), 0);
	got.fd = sub.client;
	CHECK(!pthread_create(&thread, NULL, replace, nl));
	traffic_start(&t);
	packets_expect(&got, 1, 0, n);
	traffic_join(&t);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_RECEIVE), 0);
}

/* --- the interface ---------------------------------------------------------------- */

static struct rawnl raw;

/* A request that is refused so; @build adds its attributes and returns the bad one's place. */
static void refused(const char *what, int error, const char *text, unsigned int cmd,
		    size_t (*build)(struct bytes *b))
{
	struct rawnl_answer a;
	struct bytes b = { 0 };
	size_t at;

	rawnl_begin(&raw, &b, cmd, 0);
	at = build(&b);
	rawnl_call(&raw, &b, &a);
	bytes_free(&b);
	if (a.error != error || !strstr(a.text, text) || (at && a.offset != at))
		FAIL("%s: error %d, \"%s\" at %u, want %d, \"%s\" at %zu", what, a.error, a.text,
		     a.offset, error, text, at);
}

static void put_set(struct bytes *b, unsigned int id, bool more)
{
	size_t nest = rawnl_nest(b, MQTT_A_ACL);

	rawnl_put_u32(b, MQTT_A_ACL_ID, id);
	if (more)
		rawnl_put(b, MQTT_A_ACL_MORE, NULL, 0);
	rawnl_nest_end(b, nest);
}

/* What is negative is left out. Returns where the filter is. */
static size_t put_rule(struct bytes *b, const char *filter, int action, int access)
{
	size_t at = 0, nest = rawnl_nest(b, MQTT_A_ACL_RULE);

	if (filter)
		at = rawnl_put(b, MQTT_A_ACL_RULE_FILTER, filter, strlen(filter));
	if (action >= 0)
		rawnl_put_u8(b, MQTT_A_ACL_RULE_ACTION, action);
	if (access >= 0)
		rawnl_put_u8(b, MQTT_A_ACL_RULE_ACCESS, access);
	rawnl_nest_end(b, nest);
	return at;
}

static size_t nothing(struct bytes *b)
{
	(void)b;
	return 0;
}

static size_t no_id(struct bytes *b)
{
	rawnl_nest_end(b, rawnl_nest(b, MQTT_A_ACL));
	return 0;
}

static size_t id_0(struct bytes *b)
{
	size_t at = b->len + 4;

	put_set(b, 0, false);
	return at;
}

static size_t bad_filter(struct bytes *b)
{
	put_set(b, 1, false);
	put_rule(b, "good", ALLOW, PUB);
	return put_rule(b, "a/#/b", ALLOW, PUB);
}

static size_t no_filter(struct bytes *b)
{
	put_set(b, 1, false);
	put_rule(b, NULL, ALLOW, PUB);
	return 0;
}

static size_t no_action(struct bytes *b)
{
	put_set(b, 1, false);
	put_rule(b, "a", -1, PUB);
	return 0;
}

static size_t action_pass(struct bytes *b)
{
	put_set(b, 1, false);
	return put_rule(b, "a", PASS, PUB) + 8;
}

static size_t action_3(struct bytes *b)
{
	put_set(b, 1, false);
	return put_rule(b, "a", 3, PUB) + 8;
}

static size_t no_access(struct bytes *b)
{
	put_set(b, 1, false);
	put_rule(b, "a", ALLOW, -1);
	return 0;
}

static size_t access_4(struct bytes *b)
{
	put_set(b, 1, false);
	return put_rule(b, "a", ALLOW, 4) + 16;
}

static size_t wrong_total(struct bytes *b)
{
	size_t nest = rawnl_nest(b, MQTT_A_ACL);

	rawnl_put_u32(b, MQTT_A_ACL_ID, 1);
	rawnl_put_u32(b, MQTT_A_ACL_RULES, 2);
	rawnl_nest_end(b, nest);
	put_rule(b, "a", ALLOW, PUB);
	return 0;
}

static size_t unknown(struct bytes *b)
{
	size_t at = b->len + 4;

	put_set(b, 77, false);
	return at;
}

static size_t peer_of(struct bytes *b, const void *acls, size_t len)
{
	size_t at, nest = rawnl_nest(b, MQTT_A_PEER);

	rawnl_put_u32(b, MQTT_A_PEER_ID, pub.id);
	at = rawnl_put(b, MQTT_A_PEER_ACLS, acls, len);
	rawnl_nest_end(b, nest);
	return at;
}

static size_t peer_unknown(struct bytes *b)
{
	return peer_of(b, (unsigned int [2]){ 1, 77 }, 8);
}

static size_t peer_twice(struct bytes *b)
{
	return peer_of(b, (unsigned int [3]){ 1, 2, 1 }, 12);
}

static size_t peer_zero(struct bytes *b)
{
	return peer_of(b, (unsigned int [2]){ 1, 0 }, 8);
}

static size_t peer_odd(struct bytes *b)
{
	return peer_of(b, "abcde", 5);
}

static size_t peer_five(struct bytes *b)
{
	return peer_of(b, (unsigned int [5]){ 1, 2, 3, 4, 5 }, 20);
}

static size_t attach_unknown(struct bytes *b)
{
	size_t at, nest = rawnl_nest(b, MQTT_A_PEER);

	rawnl_put_u32(b, MQTT_A_PEER_FD, other.fd);
	rawnl_put(b, MQTT_A_PEER_CLIENT_ID, "c", 2);
	rawnl_put_u8(b, MQTT_A_PEER_PROTOCOL, MQTT_PROTOCOL_V311);
	at = rawnl_put(b, MQTT_A_PEER_ACLS, (unsigned int [2]){ 1, 77 }, 8);
	rawnl_nest_end(b, nest);
	return at;
}

static void errors(void)
{
	start();
	rig_connect(&other, NULL);
	rawnl_open(&raw);
	SET_ACL(1, PASS, rule("a", ALLOW, PUB));
	SET_ACL(2, PASS, rule("a", ALLOW, PUB));
	refused("no set", EINVAL, "set of rules is missing", MQTT_CMD_ACL_SET, nothing);
	refused("no id", EINVAL, "id is missing", MQTT_CMD_ACL_SET, no_id);
	refused("id 0", ERANGE, "", MQTT_CMD_ACL_SET, id_0);
	refused("bad filter", EINVAL, "not a valid topic filter", MQTT_CMD_ACL_SET, bad_filter);
	refused("no filter", EINVAL, "filter is missing", MQTT_CMD_ACL_SET, no_filter);
	refused("no action", EINVAL, "action is missing", MQTT_CMD_ACL_SET, no_action);
	refused("action pass", EINVAL, "denies or allows", MQTT_CMD_ACL_SET, action_pass);
	refused("action 3", ERANGE, "", MQTT_CMD_ACL_SET, action_3);
	refused("no access", EINVAL, "access is missing", MQTT_CMD_ACL_SET, no_access);
	refused("access 4", ERANGE, "", MQTT_CMD_ACL_SET, access_4);
	refused("wrong total", EINVAL, "begin anew", MQTT_CMD_ACL_SET, wrong_total);
	refused("unknown set", ENOENT, "no set of rules", MQTT_CMD_ACL_DEL, unknown);
	refused("del without set", EINVAL, "missing", MQTT_CMD_ACL_DEL, nothing);
	refused("peer: unknown set", ENOENT, "no set of rules", MQTT_CMD_PEER_SET, peer_unknown);
	refused("peer: twice", EINVAL, "twice", MQTT_CMD_PEER_SET, peer_twice);
	refused("peer: zero", ERANGE, "id 0", MQTT_CMD_PEER_SET, peer_zero);
	refused("peer: odd", EINVAL, "32-bit", MQTT_CMD_PEER_SET, peer_odd);
	refused("peer: five", ERANGE, "", MQTT_CMD_PEER_SET, peer_five);
	refused("attach: unknown set", ENOENT, "no set of rules", MQTT_CMD_PEER_ATTACH,
		attach_unknown);
	/* none of it has changed anything */
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	say("a", "x");
	hear(&sub, "a", "x");
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, 2), 0);
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, 1), -EBUSY);
	CHECK_EQ(give(&pub, 0, 0, 0, 0), 0);
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, 1), 0);
	rawnl_close(&raw);
}

/* What a dump has said. */
struct dumped {
	unsigned int id, sets, messages, rules, total, wrong, peers;
};

static int note_set(struct nlattr **attrs, void *arg)
{
	struct dumped *d = arg;
	unsigned int id = nla_get_u32(attrs[MQTT_A_ACL_ID]);

	if (id != d->id) {
		d->wrong += id < d->id;
		d->sets++;
		d->total += nla_get_u32(attrs[MQTT_A_ACL_RULES]);
	}
	d->id = id;
	d->messages++;
	d->peers = nla_get_u32(attrs[MQTT_A_ACL_PEERS]);
	d->wrong += nla_get_u8(attrs[MQTT_A_ACL_FALLBACK]) != id % 3;
	return 0;
}

static int note_rule(struct nlattr **attrs, void *arg)
{
	struct dumped *d = arg;
	char want[32];

	snprintf(want, sizeof(want), "%u/%u", d->id, d->rules++);
	d->wrong += nla_len(attrs[MQTT_A_ACL_RULE_FILTER]) != (int)strlen(want) ||
		    memcmp(nla_data(attrs[MQTT_A_ACL_RULE_FILTER]), want, strlen(want)) ||
		    nla_get_u8(attrs[MQTT_A_ACL_RULE_ACTION]) != d->rules % 2 ||
		    nla_get_u8(attrs[MQTT_A_ACL_RULE_ACCESS]) != 1 + d->rules % 3;
	return 0;
}

/* @first: number of the set's first rule, in all sets together. */
static void set_numbered(unsigned int id, unsigned int first, unsigned int n)
{
	struct mqtt_nl_acl_rule *rules = calloc(n + 1, sizeof(*rules));
	char (*text)[32] = calloc(n + 1, sizeof(*text));
	unsigned int i;

	CHECK(rules && text);
	for (i = 0; i < n; i++) {
		snprintf(text[i], sizeof(*text), "%u/%u", id, first + i);
		rules[i] = rule(text[i], (first + i + 1) % 2, 1 + (first + i + 1) % 3);
	}
	set_acl_of(rig_nl, id, id % 3, rules, n);
	free(rules);
	free(text);
}

static void dumps(void)
{
	struct dumped d = { 0 };
	char *longest = malloc(MQTT_FILTER_MAX + 1);

	start();
	CHECK_EQ(mqtt_nl_acl_dump(rig_nl, 0, note_set, note_rule, &d), 0);
	CHECK_EQ(d.messages, 0);
	set_numbered(4000000000u, 20003, 2);
	set_numbered(3, 0, 20000);
	set_numbered(5, 20000, 0);
	set_numbered(7, 20000, 3);
	CHECK_EQ(give(&pub, 7, 3, 0, 0), 0);
	CHECK_EQ(give(&sub, 7, 0, 0, 0), 0);
	CHECK_EQ(mqtt_nl_acl_dump(rig_nl, 0, note_set, note_rule, &d), 0);
	CHECK_EQ(d.sets, 4);
	CHECK_EQ(d.rules, 20005);
	CHECK_EQ(d.total, 20005);
	CHECK_EQ(d.wrong, 0);
	CHECK(d.messages > 4);
	d = (struct dumped){ .rules = 20000 };
	CHECK_EQ(mqtt_nl_acl_dump(rig_nl, 7, note_set, note_rule, &d), 0);
	CHECK_EQ(d.sets, 1);
	CHECK_EQ(d.rules, 20003);
	CHECK_EQ(d.peers, 2);
	CHECK_EQ(d.wrong, 0);
	d = (struct dumped){ 0 };
	CHECK_EQ(mqtt_nl_acl_dump(rig_nl, 6, note_set, note_rule, &d), 0);
	CHECK_EQ(d.sets, 0);

	CHECK(longest);
	memset(longest, 'x', MQTT_FILTER_MAX);
	longest[MQTT_FILTER_MAX] = '\0';
	SET_ACL(7, ALLOW, rule(longest, DENY, PUB), rule(longest, DENY, RECV));
	d = (struct dumped){ 0 };
	CHECK_EQ(mqtt_nl_acl_dump(rig_nl, 7, note_set, NULL, &d), 0);
	CHECK_EQ(d.messages, 2);
	free(longest);
}

static int count_rules(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	(*(unsigned int *)arg)++;
	return 0;
}

static unsigned int rules_of(unsigned int id)
{
	unsigned int n = 0;

	CHECK_EQ(mqtt_nl_acl_dump(rig_nl, id, NULL, count_rules, &n), 0);
	return n;
}

/* Sends one rule by @from; returns the errno. */
static int send_part(struct rawnl *from, unsigned int id, bool more)
{
	struct rawnl_answer a;
	struct bytes b = { 0 };

	rawnl_begin(from, &b, MQTT_CMD_ACL_SET, 0);
	put_set(&b, id, more);
	put_rule(&b, "part", ALLOW, PUB);
	rawnl_call(from, &b, &a);
	bytes_free(&b);
	return a.error;
}

/* A set that comes in parts is not there, or what it was, before the last one. */
static void parts(void)
{
	struct rawnl second;

	start();
	rawnl_open(&raw);
	rawnl_open(&second);
	CHECK_EQ(send_part(&raw, 1, true), 0);
	CHECK_EQ(give(&pub, 1, 0, 0, 0), -ENOENT);
	CHECK_EQ(send_part(&raw, 1, true), 0);
	CHECK_EQ(send_part(&second, 1, true), EBUSY);
	CHECK_EQ(send_part(&second, 1, false), EBUSY);
	CHECK_EQ(send_part(&raw, 1, false), 0);
	CHECK_EQ(rules_of(1), 3);
	CHECK_EQ(send_part(&second, 1, true), 0);
	CHECK_EQ(rules_of(1), 3);

	/* another set begins: the first is forgotten */
	CHECK_EQ(send_part(&second, 2, true), 0);
	CHECK_EQ(send_part(&second, 1, false), 0);
	CHECK_EQ(rules_of(1), 1);
	CHECK_EQ(rules_of(2), 0);

	/* a request that is refused forgets it, too */
	CHECK_EQ(send_part(&raw, 1, true), 0);
	refused("bad filter", EINVAL, "filter", MQTT_CMD_ACL_SET, bad_filter);
	CHECK_EQ(send_part(&second, 1, false), 0);
	CHECK_EQ(rules_of(1), 1);

	/* and so does the socket's end */
	CHECK_EQ(send_part(&second, 1, true), 0);
	CHECK_EQ(send_part(&raw, 1, true), EBUSY);
	rawnl_close(&second);
	CHECK_EQ(send_part(&raw, 1, false), 0);
	CHECK_EQ(rules_of(1), 1);
	rawnl_close(&raw);
}

static void too_many(void)
{
	struct mqtt_nl_acl_rule *rules = calloc(MQTT_ACL_RULES_MAX + 1, sizeof(*rules));
	static struct rawnl many[65];
	unsigned int i;

	CHECK(rules);
	start();
	for (i = 0; i <= MQTT_ACL_RULES_MAX; i++)
		rules[i] = rule("a", ALLOW, PUB);
	set_acl_of(rig_nl, 1, PASS, rules, MQTT_ACL_RULES_MAX);
	CHECK_EQ(mqtt_nl_acl_set(rig_nl, 1, PASS, rules, MQTT_ACL_RULES_MAX + 1), -ENOSPC);
	CHECK(strstr(mqtt_nl_error(rig_nl), "too many rules"));
	CHECK_EQ(rules_of(1), MQTT_ACL_RULES_MAX);
	free(rules);

	/* so many sets may be unfinished at a time */
	for (i = 0; i < ARRAY_LEN(many); i++) {
		rawnl_open(&many[i]);
		CHECK_EQ(send_part(&many[i], 2 + i, true), i < 64 ? 0 : ENOSPC);
	}
	rawnl_close(&many[0]);
	CHECK_EQ(send_part(&many[64], 66, true), 0);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	CHECK_SYS(syscall(SYS_capset, &header, none));
}

static void unprivileged(void)
{
	const unsigned int acls[MQTT_PEER_ACLS_MAX] = { 1 };
	struct mqtt_nl_acl_rule r = rule("a", ALLOW, PUB);
	struct mqtt_nl *nl;

	start();
	SET_ACL(1, PASS, rule("a", ALLOW, PUB));
	drop_capabilities();
	CHECK_EQ(mqtt_nl_open(&nl), 0);
	CHECK_EQ(mqtt_nl_acl_set(nl, 2, PASS, &r, 1), -EPERM);
	CHECK_EQ(mqtt_nl_acl_del(nl, 1), -EPERM);
	CHECK_EQ(mqtt_nl_acl_dump(nl, 0, NULL, count_rules, NULL), -EPERM);
	CHECK_EQ(mqtt_nl_peer_set(nl, pub.id, &(struct mqtt_nl_peer_set){ .acls = acls }), -EPERM);
	/* the owner's socket is authority enough */
	CHECK_EQ(mqtt_nl_acl_set(rig_nl, 2, PASS, &r, 1), 0);
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, 2), 0);
	mqtt_nl_close(nl);
}

/* The owner dies with a set half sent, and peers that have others. */
static void death(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		start();
		rawnl_open(&raw);
		set_numbered(1, 0, 5000);
		CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
		CHECK_EQ(send_part(&raw, 1, true), 0);
		CHECK_EQ(send_part(&raw, 1, true), 0);
		kill(getpid(), SIGKILL);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	/* nothing of it is left in the next router, and nothing that the module waits for */
	start();
	CHECK_EQ(rules_of(1), 0);
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, 1), -ENOENT);
}

static int is_denied(struct nlattr **attrs, void *arg)
{
	if (nla_get_u8(attrs[MQTT_A_EVENT_TYPE]) == MQTT_EVENT_TYPE_PEER_DENIED) {
		CHECK_EQ(nla_get_u32(attrs[MQTT_A_EVENT_PEER_ID]), pub.id);
		(*(unsigned int *)arg)++;
	}
	return 1;
}

/* At most once a second: ten denied in a row are told of once, or twice in slow motion. */
static void event(void)
{
	struct mqtt_events *events;
	unsigned int n = 0, i;
	long long since;

	start();
	set_acl_of(rig_nl, 1, DENY, NULL, 0);
	CHECK_EQ(mqtt_events_open(&events), 0);
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	since = ksft_now_ms();
	for (i = 0; i < 10; i++)
		say("a", "x");
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);	/* starts no new second */
	say("a", "x");
	since = ksft_now_ms() - since;
	while (mqtt_events_receive(events, is_denied, &n) > 0)
		;
	CHECK(n >= 1 && n <= 1 + since / 999);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), 11);
	mqtt_events_close(events);
}

static const struct ksft_case cases[] = {
	{ "publish", publish },
	{ "publish_in_batches", publish_in_batches },
	{ "receive", receive },
	{ "overlapping", overlapping },
	{ "chains", chains },
	{ "all_pass", all_pass },
	{ "shared", shared },
	{ "group", group },
	{ "large", large },
	{ "budget", budget },
	{ "hosted", hosted },
	{ "topic_alias", topic_alias },
	{ "change_publisher", change_publisher },
	{ "change_receiver", change_receiver },
	{ "replaced_all_the_time", replaced_all_the_time },
	{ "errors", errors },
	{ "dumps", dumps },
	{ "parts", parts },
	{ "too_many", too_many },
	{ "unprivileged", unprivileged },
	{ "death", death },
	{ "event", event },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
