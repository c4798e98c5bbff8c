// SPDX-License-Identifier: MIT
/*
 * As test_nomem_each, of operations that concern more than one peer: sets of rules,
 * shared subscriptions, and events for who listens.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "events.h"
#include "lib/acl.h"
#include "lib/fault.h"
#include "lib/op.h"
#include "lib/sites.h"

static struct rig_peer peer, members[5];

static int ignore(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	(void)arg;
	return 0;
}

/*
 * Shared subscriptions: groups that are made, and one that grows
 */

#define GROUP(name) {							\
	.filter = (const uint8_t *)"t/u", .len = 3,			\
	.group = (const uint8_t *)(name), .group_len = sizeof(name) - 1, \
}

static const struct mqtt_nl_filter groups[] = { GROUP("one"), GROUP("two"), GROUP("three") };

static int groups_run(void)
{
	return mqtt_nl_sub_add(rig_nl, peer.id, groups, ARRAY_LEN(groups));
}

static void groups_failed(void)
{
	CHECK_EQ(rig_peer_get(&peer, MQTT_A_PEER_SUBSCRIPTIONS), 0);
}

static void groups_undo(void)
{
	CHECK_EQ(rig_peer_get(&peer, MQTT_A_PEER_SUBSCRIPTIONS), ARRAY_LEN(groups));
	CHECK_EQ(mqtt_nl_sub_del(rig_nl, peer.id, groups, ARRAY_LEN(groups)), 0);
}

static unsigned int joined;

static int join_run(void)
{
	static const struct mqtt_nl_filter f = GROUP("g");
	int err = 0;

	for (joined = 0; joined < ARRAY_LEN(members) && !err; joined += !err)
		err = mqtt_nl_sub_add(rig_nl, members[joined].id, &f, 1);
	return err;
}

/* Those are members who were told so, and no others. */
static void join_undo(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(members); i++)
		CHECK_EQ(rig_peer_get(&members[i], MQTT_A_PEER_SUBSCRIPTIONS), i < joined);
	for (i = 0; i < joined; i++)
		rig_unsub_group(&members[i], "g", "t/u");
}

/*
 * Sets of rules
 */

enum { NEW_SET = 7, OLD_SET };

/* Too long for one request all together */
static struct mqtt_nl_acl_rule rules[8];

static void rules_fill(void)
{
	static char text[8000];
	unsigned int i;

	memset(text, 'x', sizeof(text) - 1);
	for (i = 0; i < ARRAY_LEN(rules); i++)
		rules[i] = rule(text + 500 * i, ALLOW, PUB);
}

static int set_new_run(void)
{
	return mqtt_nl_acl_set(rig_nl, NEW_SET, MQTT_ACL_ACTION_DENY, rules, ARRAY_LEN(rules));
}

static void set_new_failed(void)
{
	CHECK_EQ(rules_of(NEW_SET), 0);
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, NEW_SET), -ENOENT);
}

static void set_new_undo(void)
{
	CHECK_EQ(rules_of(NEW_SET), ARRAY_LEN(rules));
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, NEW_SET), 0);
}

static int set_again_run(void)
{
	return mqtt_nl_acl_set(rig_nl, OLD_SET, MQTT_ACL_ACTION_DENY, rules, 3);
}

/* The publisher who has the set may publish what it could before. */
static void set_again_failed(void)
{
	CHECK_EQ(rules_of(OLD_SET), 1);
	rig_say(&peer, "t/u", "allowed");
	rig_hear(&members[0], "t/u", "allowed");
}

static void set_again_undo(void)
{
	unsigned long long denied = rig_peer_stat(&peer, MQTT_A_PEER_STATS_DROP_DENIED_PUBLISH);

	CHECK_EQ(rules_of(OLD_SET), 3);
	rig_say(&peer, "t/u", "denied");
	WAIT_UNTIL(rig_peer_stat(&peer, MQTT_A_PEER_STATS_DROP_DENIED_PUBLISH) == denied + 1);
	SET_ACL(OLD_SET, MQTT_ACL_ACTION_DENY, rule("t/u", ALLOW, PUB | RECV));
	set_again_failed();
}

static int note_acls(struct nlattr **attrs, void *arg)
{
	*(bool *)arg = attrs[MQTT_A_PEER_ACLS];
	return 0;
}

static bool has_acls(void)
{
	bool has;

	CHECK_EQ(mqtt_nl_peer_get(rig_nl, peer.id, note_acls, &has), 0);
	return has;
}

static int chain_run(void)
{
	return give(&peer, OLD_SET, 0, 0, 0);
}

static void chain_failed(void)
{
	CHECK(!has_acls());
}

static void chain_undo(void)
{
	CHECK(has_acls());
	CHECK_EQ(give(&peer, 0, 0, 0, 0), 0);
}

static int sets_run(void)
{
	return mqtt_nl_acl_dump(rig_nl, 0, ignore, ignore, NULL);
}

/*
 * Events: who listens hears of it, or that something is missing
 */

static struct mqtt_events *listeners[2];

static int note_event(struct nlattr **attrs, void *arg)
{
	*(bool *)arg |= nla_get_u8(attrs[MQTT_A_EVENT_TYPE]) == MQTT_EVENT_TYPE_PEER_ATTACH;
	return 0;
}

static bool heard(struct mqtt_events *events)
{
	bool attached = false, missing = false;
	int err;

	while ((err = mqtt_events_receive(events, note_event, &attached)) == -ENOBUFS)
		missing = true;
	CHECK_EQ(err, 0);
	return attached || missing;
}

static int attach_run(void)
{
	struct mqtt_nl_attach attach = {
		.fd = peer.fd, .protocol = MQTT_PROTOCOL_V5, .client_id = "each",
	};

	return mqtt_nl_peer_attach(rig_nl, &attach, &peer.id);
}

static void listen_failed(void)
{
	CHECK_EQ(rig_peer_count(), 0);
	heard(listeners[0]);
	heard(listeners[1]);
}

static void listen_undo(void)
{
	CHECK(heard(listeners[0]));
	CHECK(heard(listeners[1]));
	rig_detach(&peer);
	heard(listeners[0]);
	heard(listeners[1]);
}

static void listeners_are_told(void)
{
	static const struct op attach = {
		"attach, with listeners", NULL, attach_run, listen_failed, listen_undo,
	};

	faults_need();
	rig_start();
	CHECK_EQ(mqtt_events_open(&listeners[0]), 0);
	CHECK_EQ(mqtt_events_open(&listeners[1]), 0);
	rig_connect(&peer, NULL);
	op_each(&attach);
}

static void operations_of_a_group(void)
{
	static const struct op sub = { "groups", NULL, groups_run, groups_failed, groups_undo };
	static const struct op join = { "join", NULL, join_run, join_undo, join_undo };
	unsigned int i;

	faults_need();
	rig_start();
	rig_open(&peer);
	for (i = 0; i < ARRAY_LEN(members); i++)
		rig_open(&members[i]);
	op_each(&sub);
	op_each(&join);
}

static void operations_of_rules(void)
{
	static const struct op set_new = {
		"acl-set", NULL, set_new_run, set_new_failed, set_new_undo,
	};
	static const struct op set_again = {
		"acl-set, again", NULL, set_again_run, set_again_failed, set_again_undo,
	};
	static const struct op chain = { "set, acls", NULL, chain_run, chain_failed, chain_undo };
	static const struct op dump = { "acl-get", NULL, sets_run, NULL, NULL };

	faults_need();
	rules_fill();
	rig_start();
	rig_open(&peer);
	rig_open_sub(&members[0], "t/u");
	SET_ACL(OLD_SET, MQTT_ACL_ACTION_DENY, rule("t/u", ALLOW, PUB | RECV));
	op_each(&set_new);
	op_each(&chain);
	CHECK_EQ(chain_run(), 0);
	op_each(&set_again);
	op_each(&dump);
}

static const struct ksft_case cases[] = {
	{ "operations_of_a_group", operations_of_a_group },
	{ "operations_of_rules", operations_of_rules },
	{ "listeners_are_told", listeners_are_told },
};

int main(int argc, char **argv)
{
	sites_begin(argv[0]);
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
