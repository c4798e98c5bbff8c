// SPDX-License-Identifier: MIT
/*
 * Groups of shared subscriptions: of each message one member gets a copy.
 */
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/packets.h"
#include "lib/port.h"
#include "lib/wire5.h"

#define MEMBERS 3

static struct rig_peer pub, members[MEMBERS];
static struct packets in[MEMBERS];

static void start(const char *group, const char *filter)
{
	unsigned int i;

	ksft_run_on(0);	/* members take turns on each CPU */
	rig_start();
	rig_open(&pub);
	for (i = 0; i < MEMBERS; i++) {
		rig_open(&members[i]);
		in[i].fd = members[i].client;
		if (group)
			rig_sub_group(&members[i], group, filter, 0);
	}
}

static void publish_numbered(const char *topic, unsigned int number, size_t payload)
{
	struct bytes b = { 0 };

	wire_numbered(&b, 0x30, topic, 1, number, payload);
	rig_send_bytes(&pub, &b);
	bytes_free(&b);
}

/* Everything that the members have; how often number i came is added to @seen[i]. */
static unsigned int gather(unsigned char *seen, unsigned int n)
{
	unsigned int i, source, got = 0;
	long number;

	for (i = 0; i < MEMBERS; i++) {
		while (packets_read(&in[i]))
			;
		while ((number = packets_take_any(&in[i], &source)) >= 0) {
			CHECK(number < n);
			seen[number]++;
			got++;
		}
	}
	return got;
}

/* Until each of @n messages has come once; then none comes again. */
static void expect_each_once(unsigned int n)
{
	unsigned char *seen = calloc(n, 1);
	unsigned int got = 0, i;

	WAIT_UNTIL((got += gather(seen, n)) >= n);
	for (i = 0; i < n; i++)
		CHECK_EQ(seen[i], 1);
	CHECK_EQ(gather(seen, n), 0);
	free(seen);
}

static void in_turn(void)
{
	unsigned int i;

	start("g", "t/+");
	for (i = 0; i < 300; i++)
		publish_numbered("t/u", i, i % 10 ? 20 : 5000);
	expect_each_once(300);
	for (i = 0; i < MEMBERS; i++)
		CHECK_EQ(in[i].n, 100);
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), 300);
	CHECK_EQ(rig_stat(MQTT_A_STATS_ENQUEUED), 300);
	rig_check_balance();
}

/* What is sent in one go is dealt out, and each member has its part in order. */
static void trains(void)
{
	struct bytes b = { 0 };
	unsigned int i, k, source;

	start("g", "t/u");
	for (i = 0; i < 60; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 5 + i % 7);
	rig_send_bytes(&pub, &b);
	for (i = 0; i < MEMBERS; i++) {
		long last = -1, number;

		WAIT_UNTIL(packets_read(&in[i]) || packets_left(&in[i]));
		for (k = 0; k < 20; k++) {
			number = packets_take_any(&in[i], &source);
			CHECK(number > last);
			last = number;
		}
		CHECK_EQ(packets_left(&in[i]), 0);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), 60);
	rig_check_balance();
}

/* Besides what the member gets otherwise, each copy with the identifier of its subscription. */
static void copies_of_their_own(void)
{
	static const unsigned int ids[] = { 11, 12, 13 };
	struct bytes props[4] = { 0 }, want[4] = { 0 }, b = { 0 };
	struct packets all = { 0 };
	unsigned int i, k, left = 4;
	struct rig_peer sub;

	start(NULL, NULL);
	rig_open_as(&sub, MQTT_PROTOCOL_V5, 0);
	rig_sub_id(&sub, "c/#", 11);
	rig_sub_group(&sub, "g", "c/#", 12);
	rig_sub_group(&sub, "h", "c/#", 13);
	rig_sub_group(&sub, "g", "c/+", 0);
	rig_sub_group(&sub, "g", "d/#", 14);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_SUBSCRIPTIONS), 5);
	for (i = 0; i < 4; i++) {
		if (i < 3) {
			bytes_u8(&props[i], 0x0b);
			bytes_u8(&props[i], ids[i]);
		}
		wire5_publish(&want[i], 0x30, "c/x", &props[i], "m", 1);
	}
	wire_message(&b, "c/x", "m");
	rig_send_bytes(&pub, &b);
	all.fd = sub.client;
	for (; left; left--) {
		while (!packets_left(&all))
			packets_wait(&all);
		for (k = 0; k < 4; k++) {
			if (!want[k].len || !packets_take(&all, want[k].p, want[k].len))
				continue;
			want[k].len = 0;
			break;
		}
		CHECK(k < 4);
	}
	rig_fence(&sub);
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), 3);
}

/* Each of thousands of groups with the same filter gets the message, some with two members. */
static void many_groups(void)
{
	unsigned int groups = ksft_scale(3000, 300), i;
	struct bytes b = { 0 };
	char name[16];

	start(NULL, NULL);
	for (i = 0; i < groups; i++) {
		snprintf(name, sizeof(name), "g%u", i);
		rig_sub_group(&members[0], name, "m", 0);
		if (i % 3 == 0)
			rig_sub_group(&members[1], name, "m", 0);
	}
	wire_message(&b, "m", "x");
	rig_send_bytes(&pub, &b);
	for (i = 0; i < groups; i++) {
		WAIT_UNTIL(packets_take(&in[0], b.p, b.len) || packets_take(&in[1], b.p, b.len) ||
			   (packets_read(&in[0]), packets_read(&in[1]), false));
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), groups);
	/* Others do not pay for them, and they can be found to be left. */
	for (i = 0; i < groups; i++) {
		snprintf(name, sizeof(name), "g%u", i);
		rig_unsub_group(&members[0], name, "m");
	}
	CHECK_EQ(rig_peer_get(&members[0], MQTT_A_PEER_SUBSCRIPTIONS), 0);
	rig_close(&members[1]);
	WAIT_UNTIL(rig_peer_count() == 3);
	rig_send_bytes(&pub, &b);
	CHECK_EQ(rig_stat(MQTT_A_STATS_UNMATCHED), 1);
}

/* Who leaves is not chosen any more, and with the last one the group is gone. */
static void leaving(void)
{
	unsigned int i;

	start("g", "l");
	rig_close(&members[0]);
	WAIT_UNTIL(rig_peer_count() == 3);
	for (i = 0; i < 10; i++)
		publish_numbered("l", i, 8);
	for (i = 0; i < 10; i++)
		WAIT_UNTIL(packets_take_number(&in[1], 1, i) || packets_take_number(&in[2], 1, i) ||
			   (packets_read(&in[1]), packets_read(&in[2]), false));
	rig_unsub_group(&members[1], "g", "l");
	publish_numbered("l", 10, 8);
	packets_expect(&in[2], 1, 10, 1);
	rig_unsub_group(&members[2], "g", "l");
	publish_numbered("l", 11, 8);
	CHECK_EQ(rig_stat(MQTT_A_STATS_UNMATCHED), 1);
	rig_sub_group(&members[1], "g", "l", 0);
	publish_numbered("l", 12, 8);
	packets_expect(&in[1], 1, 12, 1);
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), 12);
	rig_check_balance_racy();
}

/* What the members that read have got since the last call. */
static unsigned int take_all(void)
{
	unsigned int i, source, got = 0;

	for (i = 0; i < MEMBERS; i++) {
		while (packets_read(&in[i]))
			;
		while (packets_take_any(&in[i], &source) >= 0)
			got++;
	}
	return got;
}

static unsigned int given(const struct rig_peer *p)
{
	return rig_peer_stat(p, MQTT_A_PEER_STATS_TX_PACKETS) +
	       rig_peer_get(p, MQTT_A_PEER_QUEUE_PACKETS);
}

/* A member that does not read gets what fits into its queue, and the others the rest. */
static void a_full_member(void)
{
	static const struct tcp_options small = {
		.family = AF_INET, .server_sndbuf = 1, .client_rcvbuf = 1,
	};
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V311 };
	unsigned int i, n = ksft_scale(600, 300), others = 0;
	struct rig_peer slow;

	start("g", "f");
	rig_connect(&slow, &small);
	attach.limits.queue_bytes = 65536;
	rig_attach_with(&slow, &attach);
	rig_sub_group(&slow, "g", "f", 0);
	for (i = 0; i < n; i++) {
		publish_numbered("f", i, 2000);
		others += take_all();
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), n);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), 0);
	WAIT_UNTIL((others += take_all()) + given(&slow) == n);
	/* It has had its turn, until its queue was full. */
	CHECK(given(&slow) > 0 && given(&slow) < n / 4);
}

/* Likewise of one whose queue may hold so many packets */
static void full_by_packets(void)
{
	struct mqtt_nl_attach attach = {
		.protocol = MQTT_PROTOCOL_V311, .tx_hold = true, .limits.queue_packets = 7,
	};
	struct rig_peer held;
	unsigned int i, others = 0;

	start("g", "f");
	rig_connect(&held, NULL);
	rig_attach_with(&held, &attach);
	rig_sub_group(&held, "g", "f", 0);
	for (i = 0; i < 100; i++)
		publish_numbered("f", i, 20);
	WAIT_UNTIL((others += take_all()) == 93);
	CHECK_EQ(given(&held), 7);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), 0);
}

/* If nobody has room the message is one that a full queue has dropped. */
static void all_full(void)
{
	static const struct tcp_options small = {
		.family = AF_INET, .server_sndbuf = 1, .client_rcvbuf = 1,
	};
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V311 };
	struct rig_peer slow;
	unsigned int i;

	start(NULL, NULL);
	rig_connect(&slow, &small);
	attach.limits.queue_bytes = 8192;
	rig_attach_with(&slow, &attach);
	rig_sub_group(&slow, "g", "f", 0);
	for (i = 0; i < 400; i++)
		publish_numbered("f", i, 2000);
	CHECK(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL) > 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES) +
		 rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), 400);
}

/* A member that was found too slow is on its way out: its turn is another's. */
static void a_member_too_slow(void)
{
	struct mqtt_nl_attach attach = {
		.protocol = MQTT_PROTOCOL_V311, .tx_hold = true,
		.limits = { .queue_policy = MQTT_QUEUE_POLICY_DISCONNECT, .queue_packets = 2 },
	};
	struct rig_peer slow;
	unsigned int i;

	start("g", "f");
	rig_connect(&slow, NULL);
	rig_attach_with(&slow, &attach);
	rig_sub_group(&slow, "g", "f", 0);
	rig_sub(&slow, "alone");
	for (i = 0; i < 3; i++)
		publish_numbered("alone", i, 8);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_SLOW), 3);
	for (i = 0; i < 40; i++)
		publish_numbered("f", i, 8);
	expect_each_once(40);
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), 40);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_SLOW), 3);
}

/* However many may not get it, one that may does, and gets all of it. */
static void one_may(void)
{
	static struct rig_peer deny[60];
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V311, .acls = { 1 } };
	struct bytes train = { 0 };
	unsigned int i;

	start(NULL, NULL);
	CHECK_EQ(mqtt_nl_acl_set(rig_nl, 1, MQTT_ACL_ACTION_DENY, NULL, 0), 0);
	for (i = 0; i < ARRAY_LEN(deny); i++) {
		if (i == ARRAY_LEN(deny) / 2)
			rig_sub_group(&members[0], "g", "f", 0);
		rig_connect(&deny[i], NULL);
		rig_attach_with(&deny[i], &attach);
		rig_sub_group(&deny[i], "g", "f", 0);
	}
	for (i = 0; i < 40; i++)
		publish_numbered("f", i, 8);
	for (; i < 60; i++)
		wire_numbered(&train, 0x30, "f", 1, i, 8);
	rig_send_bytes(&pub, &train);
	expect_each_once(60);
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), 60);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_PEER_GONE), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_DENIED_RECEIVE), 0);
}

/*
 * Where it takes much to find out that members may not get it, and it is found out for
 * each anew, because two sets that are asked by turns take each other's place in memory:
 * sixteen are asked for a message, and not all of them.
 */
static void costly_rules(void)
{
	enum { LEVELS = 13, N = 1 << LEVELS, MESSAGES = 12 };
	struct mqtt_nl_acl_rule *rules = calloc(N, sizeof(*rules));
	char (*text)[2 * LEVELS] = calloc(N, sizeof(*text));
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V311 };
	static struct rig_peer deny[200];
	char topic[2 * LEVELS];
	unsigned int i, k;

	CHECK(rules && text);
	start(NULL, NULL);
	for (i = 0; i < N; i++) {
		for (k = 0; k < LEVELS; k++) {
			text[i][2 * k] = i >> k & 1 ? '+' : 'a';
			text[i][2 * k + 1] = k == LEVELS - 1 ? '\0' : '/';
		}
		rules[i] = (struct mqtt_nl_acl_rule){
			.filter = (const void *)text[i], .len = 2 * LEVELS - 1,
			.action = MQTT_ACL_ACTION_ALLOW, .access = MQTT_ACL_ACCESS_RECEIVE,
		};
	}
	memcpy(topic, text[0], sizeof(topic));
	CHECK_EQ(mqtt_nl_acl_set(rig_nl, 1, MQTT_ACL_ACTION_ALLOW, rules, N), 0);
	CHECK_EQ(mqtt_nl_acl_set(rig_nl, 9, MQTT_ACL_ACTION_ALLOW, rules, N), 0);
	rig_sub_group(&members[0], "g", "#", 0);
	for (i = 0; i < ARRAY_LEN(deny); i++) {
		rig_connect(&deny[i], NULL);
		attach.acls[0] = i % 2 ? 1 : 9;
		rig_attach_with(&deny[i], &attach);
		rig_sub_group(&deny[i], "g", "#", 0);
	}
	for (i = 0; i < MESSAGES; i++)
		publish_numbered(topic, i, 8);
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES) +
		 rig_stat(MQTT_A_STATS_DROP_PEER_GONE), MESSAGES);
	/* Who may get it has had its turn once at most. */
	CHECK(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES) <= 1);
	/* Other topics are soon decided. */
	for (i = 0; i < 10; i++)
		publish_numbered("b", i, 8);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES) >= 10);
	CHECK(rig_stat(MQTT_A_STATS_DROP_PEER_GONE) <= MESSAGES);
	free(rules);
	free(text);
}

/*
 * Groups whose messages come by turns, more than there are counters, two members each: no
 * member is left out.
 */
static void turns_of_many(void)
{
	char name[16], filter[16];
	unsigned int i, k;

	start(NULL, NULL);
	for (i = 0; i <= 128; i++) {
		snprintf(name, sizeof(name), "g%u", i);
		snprintf(filter, sizeof(filter), "f/%u", i);
		for (k = 0; k < 2; k++)
			rig_sub_group(&members[k], name, filter, 0);
	}
	/* the first and the last one, whose numbers are 128 apart */
	for (i = 0; i < 80; i++)
		publish_numbered(i % 2 ? "f/128" : "f/0", i % 2, 8);
	for (k = 0; k < 2; k++) {
		unsigned int source, seen[2] = { 0 };
		long number;

		while (packets_read(&in[k]))
			;
		while ((number = packets_take_any(&in[k], &source)) >= 0)
			seen[number]++;
		CHECK(seen[0] > 0 && seen[1] > 0);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), 80);
}

/* One of them takes only short packets. */
static void maximum_packet(void)
{
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V311, .max_packet = 100 };
	struct packets short_in = { 0 };
	unsigned int i, source;
	struct rig_peer brief;

	start("g", "p");
	rig_connect(&brief, NULL);
	rig_attach_with(&brief, &attach);
	rig_sub_group(&brief, "g", "p", 0);
	for (i = 0; i < 80; i++)
		publish_numbered("p", i, i < 40 ? 200 : 20);
	short_in.fd = brief.client;
	for (i = 0; i < 10; i++) {
		while (packets_take_any(&short_in, &source) < 0)
			packets_wait(&short_in);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_TOO_LARGE), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), 80);
}

/* A member's messages come out of its port. */
static void hosted_members(void)
{
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V5, .client_id = "h" };
	struct bytes props = { 0 }, with = { 0 }, b = { 0 };
	struct rig_peer hosted;
	struct rig_port port;

	start(NULL, NULL);
	rig_port_open(&port, 0);
	attach.port = port.id;
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &hosted.id), 0);
	rig_sub_group(&hosted, "g", "h", 3);
	wire_message(&b, "h", "x");
	bytes_u8(&props, 0x0b);
	bytes_u8(&props, 3);
	wire5_publish(&with, 0x30, "h", &props, "x", 1);
	rig_send_bytes(&pub, &b);
	rig_port_expect(&port, &with, &hosted);
	rig_send_bytes(&pub, &b);
	rig_port_expect(&port, &with, &hosted);
	rig_port_expect_empty(&port);
}

struct shown {
	unsigned int n;
	unsigned int shared;
	unsigned int id;
};

static int show(struct nlattr **attrs, void *arg)
{
	struct shown *shown = arg;

	shown->n++;
	CHECK(nla_len(attrs[MQTT_A_SUB_FILTER]) == 3);
	CHECK(!memcmp(nla_data(attrs[MQTT_A_SUB_FILTER]), "s/#", 3));
	if (!attrs[MQTT_A_SUB_GROUP])
		return 0;
	CHECK_EQ(nla_len(attrs[MQTT_A_SUB_GROUP]), 4);
	CHECK(!memcmp(nla_data(attrs[MQTT_A_SUB_GROUP]), "name", 4));
	shown->shared++;
	shown->id = attrs[MQTT_A_SUB_ID] ? nla_get_u32(attrs[MQTT_A_SUB_ID]) : 0;
	return 0;
}

static void shown_and_replaced(void)
{
	struct shown shown = { 0 };
	struct rig_peer sub;

	start(NULL, NULL);
	rig_open_as(&sub, MQTT_PROTOCOL_V5, 0);
	rig_sub(&sub, "s/#");
	rig_sub_group(&sub, "name", "s/#", 5);
	rig_sub_group(&sub, "name", "s/#", 6);
	CHECK_EQ(mqtt_nl_sub_dump(rig_nl, sub.id, show, &shown), 0);
	CHECK_EQ(shown.n, 2);
	CHECK_EQ(shown.shared, 1);
	CHECK_EQ(shown.id, 6);
	rig_unsub(&sub, "s/#");
	rig_sub_group(&sub, "name", "s/#", 0);
	shown = (struct shown){ 0 };
	CHECK_EQ(mqtt_nl_sub_dump(rig_nl, sub.id, show, &shown), 0);
	CHECK_EQ(shown.n, 1);
	CHECK_EQ(shown.id, 0);
}

static int try(const char *name, size_t len, unsigned int options, unsigned int id)
{
	const struct mqtt_nl_filter f = {
		.filter = (const void *)"e", .len = 1, .group = (const void *)name,
		.group_len = len, .options = options, .id = id,
	};

	return mqtt_nl_sub_add(rig_nl, members[0].id, &f, 1);
}

static void refused(void)
{
	char name[MQTT_GROUP_MAX + 1];

	start(NULL, NULL);
	memset(name, 'n', sizeof(name));
	CHECK_EQ(try(name, sizeof(name) - 1, 0, 0), 0);
	CHECK(try(name, sizeof(name), 0, 0) < 0);
	CHECK(try("", 0, 0, 0) < 0);
	CHECK_EQ(try("a/b", 3, 0, 0), -EINVAL);
	CHECK_EQ(try("+", 1, 0, 0), -EINVAL);
	CHECK_EQ(try("a#", 2, 0, 0), -EINVAL);
	CHECK_EQ(try("\xff", 1, 0, 0), -EINVAL);
	CHECK_EQ(try("a\0b", 3, 0, 0), -EINVAL);
	CHECK_EQ(try("g", 1, MQTT_SUB_OPTION_NO_LOCAL, 0), -EINVAL);
	CHECK(strstr(mqtt_nl_error(rig_nl), "no-local"));
	CHECK_EQ(try("g", 1, 0, 7), -EINVAL);
	CHECK_EQ(try("g", 1, MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED, 0), 0);
	CHECK_EQ(rig_peer_get(&members[0], MQTT_A_PEER_SUBSCRIPTIONS), 2);
}

/* Members join and leave while others publish; as one always stays, nothing is lost. */
static void churn(void)
{
	struct traffic t = { .from = &pub, .topic = "c", .source = 1, .payload = 8,
			     .n = ksft_scale(30000, 3000), .batch = 300, .cpu = 1 };
	unsigned char *seen = calloc(t.n, 1);
	unsigned int got = 0, rounds = 0, i;
	struct rig_peer extra;

	start("g", "c");
	rig_open(&extra);
	traffic_start(&t);
	while (got < t.n) {
		for (i = 0; i < MEMBERS - 1; i++)
			if (rounds >> i & 1)
				rig_unsub_group(&members[i], "g", "c");
		/* Groups come and go at the same place of the table. */
		rig_sub_group(&extra, "h", "c/d", 0);
		rig_unsub_group(&extra, "h", "c/d");
		for (i = 0; i < MEMBERS - 1; i++)
			rig_sub_group(&members[i], "g", "c", 0);
		rounds++;
		got += gather(seen, t.n);
	}
	traffic_join(&t);
	for (i = 0; i < t.n; i++)
		CHECK_EQ(seen[i], 1);
	CHECK_EQ(rig_stat(MQTT_A_STATS_GROUP_DELIVERIES), t.n);
	ksft_note("%u rounds", rounds);
	rig_check_balance();
	free(seen);
}

static const struct ksft_case cases[] = {
	{ "in_turn", in_turn },
	{ "trains", trains },
	{ "copies_of_their_own", copies_of_their_own },
	{ "many_groups", many_groups },
	{ "leaving", leaving },
	{ "a_full_member", a_full_member },
	{ "full_by_packets", full_by_packets },
	{ "all_full", all_full },
	{ "a_member_too_slow", a_member_too_slow },
	{ "one_may", one_may },
	{ "costly_rules", costly_rules },
	{ "turns_of_many", turns_of_many },
	{ "maximum_packet", maximum_packet },
	{ "hosted_members", hosted_members },
	{ "shown_and_replaced", shown_and_replaced },
	{ "refused", refused },
	{ "churn", churn },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
