// SPDX-License-Identifier: MIT
/*
 * Sets of rules: the requests, what is refused, who may make them, sets that come in
 * parts, and dumps.
 */
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/acl.h"
#include "lib/rawnl.h"

static struct rig_peer pub, sub, other;

static void start(void)
{
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "#");
}

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

/* Of @total rules in all, -1: nothing is said of that */
static void put_set_of(struct bytes *b, unsigned int id, bool more, int total)
{
	size_t nest = rawnl_nest(b, MQTT_A_ACL);

	rawnl_put_u32(b, MQTT_A_ACL_ID, id);
	if (more)
		rawnl_put(b, MQTT_A_ACL_MORE, NULL, 0);
	if (total >= 0)
		rawnl_put_u32(b, MQTT_A_ACL_RULES, total);
	rawnl_nest_end(b, nest);
}

static void put_set(struct bytes *b, unsigned int id, bool more)
{
	put_set_of(b, id, more, 1);
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
	put_set_of(b, 1, false, 2);
	put_rule(b, "a", ALLOW, PUB);
	return 0;
}

static size_t no_total(struct bytes *b)
{
	put_set_of(b, 1, false, -1);
	put_rule(b, "a", ALLOW, PUB);
	return 0;
}

static size_t no_total_yet(struct bytes *b)
{
	put_set_of(b, 1, true, -1);
	put_rule(b, "a", ALLOW, PUB);
	return 0;
}

static size_t unknown(struct bytes *b)
{
	size_t at = b->len + 4;

	put_set_of(b, 77, false, -1);
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
	return peer_of(b, (unsigned int []){ 1, 77 }, 8);
}

static size_t peer_twice(struct bytes *b)
{
	return peer_of(b, (unsigned int []){ 1, 2, 1 }, 12);
}

static size_t peer_zero(struct bytes *b)
{
	return peer_of(b, (unsigned int []){ 1, 0 }, 8);
}

static size_t peer_odd(struct bytes *b)
{
	return peer_of(b, "abcde", 5);
}

static size_t peer_nine(struct bytes *b)
{
	return peer_of(b, (unsigned int []){ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 36);
}

static size_t attach_unknown(struct bytes *b)
{
	size_t at, nest = rawnl_nest(b, MQTT_A_PEER);

	rawnl_put_u32(b, MQTT_A_PEER_FD, other.fd);
	rawnl_put(b, MQTT_A_PEER_CLIENT_ID, "c", 2);
	rawnl_put_u8(b, MQTT_A_PEER_PROTOCOL, MQTT_PROTOCOL_V311);
	at = rawnl_put(b, MQTT_A_PEER_ACLS, (unsigned int []){ 1, 77 }, 8);
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
	refused("no total", EINVAL, "rules is missing", MQTT_CMD_ACL_SET, no_total);
	refused("no total yet", EINVAL, "rules is missing", MQTT_CMD_ACL_SET, no_total_yet);
	refused("unknown set", ENOENT, "no set of rules", MQTT_CMD_ACL_DEL, unknown);
	refused("del without set", EINVAL, "missing", MQTT_CMD_ACL_DEL, nothing);
	refused("peer: unknown set", ENOENT, "no set of rules", MQTT_CMD_PEER_SET, peer_unknown);
	refused("peer: twice", EINVAL, "twice", MQTT_CMD_PEER_SET, peer_twice);
	refused("peer: zero", ERANGE, "id 0", MQTT_CMD_PEER_SET, peer_zero);
	refused("peer: odd", EINVAL, "32-bit", MQTT_CMD_PEER_SET, peer_odd);
	refused("peer: nine", ERANGE, "", MQTT_CMD_PEER_SET, peer_nine);
	refused("attach: unknown set", ENOENT, "no set of rules", MQTT_CMD_PEER_ATTACH,
		attach_unknown);
	/* none of it has changed anything */
	CHECK_EQ(give(&pub, 1, 0, 0, 0), 0);
	rig_say(&pub, "a", "x");
	rig_hear(&sub, "a", "x");
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

/* Sends one rule by @from, the last of @total; returns the errno. */
static int send_last(struct rawnl *from, unsigned int id, unsigned int total)
{
	struct rawnl_answer a;
	struct bytes b = { 0 };

	rawnl_begin(from, &b, MQTT_CMD_ACL_SET, 0);
	put_set_of(&b, id, false, total);
	put_rule(&b, "last", ALLOW, PUB);
	rawnl_call(from, &b, &a);
	bytes_free(&b);
	return a.error;
}

/* Likewise, of a set that goes on or has no other rule. */
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
	CHECK_EQ(send_last(&raw, 1, 3), 0);
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

/* A part that is lost is noticed, whatever it was lost by. */
static void lost_part(void)
{
	unsigned int port;
	struct rawnl next;

	start();
	rawnl_open(&raw);
	/* what comes first and alone may be the last of several */
	CHECK_EQ(send_last(&raw, 1, 2), EINVAL);
	CHECK_EQ(rules_of(1), 0);
	CHECK_EQ(send_part(&raw, 1, true), 0);
	CHECK_EQ(send_last(&raw, 1, 3), EINVAL);
	CHECK_EQ(send_last(&raw, 1, 2), EINVAL);
	CHECK_EQ(rules_of(1), 0);

	/* Another socket with the same port id does not go on with it. */
	CHECK_EQ(send_part(&raw, 1, true), 0);
	port = rawnl_port(&raw);
	rawnl_close(&raw);
	rawnl_open_as(&next, port);
	CHECK_EQ(rawnl_port(&next), port);
	CHECK_EQ(send_last(&next, 1, 2), EINVAL);
	CHECK_EQ(send_part(&next, 1, true), 0);
	CHECK_EQ(send_last(&next, 1, 2), 0);
	CHECK_EQ(rules_of(1), 2);
	rawnl_close(&next);
}

static void too_many(void)
{
	struct mqtt_nl_acl_rule *rules = calloc(MQTT_ACL_RULES_MAX + 1, sizeof(*rules));
	static struct rawnl many[65];
	unsigned int i;

	CHECK(rules);
	if (ksft_slow())
		ksft_skip("so many rules take too long here");
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
	CHECK_EQ(mqtt_nl_acl_dump(nl, 0, NULL, NULL, NULL), -EPERM);
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

static int count_set(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	++*(unsigned int *)arg;
	return 0;
}

/* Messages that end in any place of a set's head */
static void dumps_cut_anywhere(void)
{
	char filter[64] = "";
	unsigned int i, seen;

	start();
	for (i = 2; i <= 1000; i++)
		set_acl_of(rig_nl, i, PASS, NULL, 0);
	for (i = 1; i < 57; i += 4) {
		struct mqtt_nl_acl_rule r;

		memset(filter, 'f', i);
		r = rule(filter, ALLOW, PUB);
		set_acl_of(rig_nl, 1, PASS, &r, 1);
		seen = 0;
		CHECK_EQ(mqtt_nl_acl_dump(rig_nl, 0, count_set, NULL, &seen), 0);
		CHECK_EQ(seen, 1000);
	}
}

static const struct ksft_case cases[] = {
	{ "errors", errors },
	{ "dumps", dumps },
	{ "dumps_cut_anywhere", dumps_cut_anywhere },
	{ "parts", parts },
	{ "lost_part", lost_part },
	{ "too_many", too_many },
	{ "unprivileged", unprivileged },
	{ "death", death },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
