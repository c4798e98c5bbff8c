// SPDX-License-Identifier: MIT
/*
 * Sets of rules: what is allowed and denied, to publishers and to receivers;
 * chains; when a change is in force.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "events.h"
#include "lib/acl.h"
#include "lib/packets.h"
#include "lib/port.h"

static struct rig_peer pub, sub, other;
static struct rig_port port;

static void say(const char *topic, const char *text)
{
	rig_say(&pub, topic, text);
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
	rig_hear(&sub, "no/1", "free");
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	say("no/1", "denied");
	say("no/1", "denied again");	/* from memory */
	say("a/1", "one");
	say("a/1", "two");
	say("a/1/2", "no rule");
	say("r", "another access");
	say("a/2", "three");
	rig_hear(&sub, "a/1", "one");
	rig_hear(&sub, "a/1", "two");
	rig_hear(&sub, "a/2", "three");
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_DROP_DENIED_PUBLISH), 4);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), 4);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PACKETS), 8);
	CHECK_EQ(give(&pub, 0, 0, 0, 0), 0);
	say("no/1", "free again");
	rig_hear(&sub, "no/1", "free again");
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
		rig_hear(&sub, "y", "text");
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
	rig_hear(&sub, "a/b", "x");
	rig_hear(&other, "a/secret", "x");
	rig_hear(&other, "a/b", "x");
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
	rig_hear(&sub, "b", "x");
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
		rig_hear(&sub, asked[i].topic, "x");
		/* for the other one the first of its sets allows what no rule is about */
		rig_hear(&other, asked[i].topic, "x");
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), denied);
	say("not in any", "x");
	rig_hear(&sub, "not in any", "x");
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
	rig_hear(&sub, "a", "y");
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
		rig_hear(&many[i], "a", "1");
		rig_hear(&many[i], "b", "2");
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
		rig_hear(may, "y", "1");
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
	rig_hear(&sub, "t/1", "x");
	rig_hear(&sub, "t/4999", "x");
	rig_hear(&sub, "t/5000", "x");
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
	rig_hear(&sub, "a", "x");
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
	rig_hear(&sub, "b", "x");
	rig_hear(&sub, "a", "x");
	b.len = 0;
	wire_message(&b, "b", "y");
	rig_record(&record, &b, pub.id);
	rig_port_write(&port, &record);
	rig_hear(&sub, "b", "y");
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
	rig_hear(&sub, "n", "y");
}

/* --- changes under traffic ------------------------------------------------------ */

static bool stop;
static unsigned int sent;	/* by the flood */

/* Numbered messages, one at a time and without end. */
static void *flood(void *arg)
{
	struct bytes b = { 0 };

	while (!ksft_flag(&stop)) {
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
	ksft_flag_set(&stop);
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
	while (!ksft_flag(&stop))
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
	ksft_flag_set(&stop);
	pthread_join(thread, NULL);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_PUBLISH), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_RECEIVE), 0);
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
	{ "event", event },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
