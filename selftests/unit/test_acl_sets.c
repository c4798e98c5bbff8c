// SPDX-License-Identifier: MIT
/*
 * Permissions as the kernel's sets of rules: its evaluator compared with a naive one,
 * what a client's sets say with what acl_allows() does, and which sets there are.
 */
#include <errno.h>
#include <linux/mqtt.h>
#include <linux/rcupdate.h>
#include <unistd.h>

#include <mqtt/acl.h>

#include "acl.h"
#include "acl_sets.h"
#include "broker.h"
#include "dataplane.h"
#include "netlink.h"
#include "topic_random.h"

/* --- the evaluator ------------------------------------------------------------- */

static int fail_at;		/* allocation that fails, counted down; 0: none */

bool shim_alloc_fails(size_t size)
{
	(void)size;
	return fail_at && !--fail_at;
}

struct random_rule {
	char filter[TEXT_MAX];
	size_t len;
	u8 action;
	u8 access;
};

static void fill(struct mqtt_acl_rules *rules, struct random_rule *made, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		made[i].len = random_text(made[i].filter, true);
		made[i].action = roll(2);
		made[i].access = 1 + roll(3);
		assert_int_equal(mqtt_acl_rules_add(rules, (u8 *)made[i].filter, made[i].len,
						    made[i].action, made[i].access), 0);
	}
	rules->fallback = roll(3);
	assert_int_equal(mqtt_acl_rules_finish(rules), 0);
}

static u8 ask_naively(const struct random_rule *rules, unsigned int n, u8 fallback, u8 access,
		      const char *topic, size_t len)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (rules[i].access & access && naive(rules[i].filter, rules[i].len, topic, len))
			return rules[i].action;
	return fallback;
}

static u8 ask_set(const struct mqtt_acl_rules *rules, u8 access, const char *topic, size_t len)
{
	u32 steps = 3;
	u8 says;

	rcu_read_lock();
	says = mqtt_acl_rules_ask(rules, access, (const u8 *)topic, len, &steps);
	rcu_read_unlock();
	assert_in_range(steps, 3 + (rules->indexed ? 1 : rules->nr),
			3 + (rules->indexed ? MQTT_ACL_BUDGET : rules->nr));
	return says;
}

static void test_random_rules(void **state)
{
	unsigned int round, i, n, seen[3] = { 0 };

	(void)state;
	seed_set();
	for (round = 0; round < 2000; round++) {
		struct mqtt_acl_rules rules = { 0 };
		struct random_rule made[40];
		char topic[TEXT_MAX];

		n = roll(2) ? roll(MQTT_ACL_FEW + 2) : roll(40);
		fill(&rules, made, n);
		assert_int_equal(rules.indexed, n > MQTT_ACL_FEW);
		for (i = 0; i < 40; i++) {
			size_t len = random_text(topic, false);
			u8 access = 1 + roll(2);
			u8 says = ask_set(&rules, access, topic, len);

			if (says != ask_naively(made, n, rules.fallback, access, topic, len))
				fail_msg("SEED: round %u, %u rules, %.*s", round, n, (int)len,
					 topic);
			seen[says]++;
		}
		mqtt_acl_rules_clear(&rules);
	}
	assert_true(seen[0] > 1000 && seen[1] > 1000 && seen[2] > 1000);
}

/* A long topic is work for each rule, and once for a table of them. */
static void test_long_topic(void **state)
{
	static const u8 none[] = "+/+/x";
	static u8 topic[65535];
	unsigned int n;

	(void)state;
	memset(topic, 'a', sizeof(topic));
	for (n = 1; n <= MQTT_ACL_FEW + 1; n++) {
		struct mqtt_acl_rules rules = { .fallback = MQTT_ACL_ACTION_PASS };
		u32 steps = 0;
		unsigned int i;

		for (i = 0; i < n; i++)
			assert_int_equal(mqtt_acl_rules_add(&rules, none, sizeof(none) - 1,
							    MQTT_ACL_ACTION_ALLOW, 3), 0);
		assert_int_equal(mqtt_acl_rules_finish(&rules), 0);
		rcu_read_lock();
		assert_int_equal(mqtt_acl_rules_ask(&rules, 1, topic, sizeof(topic), &steps),
				 MQTT_ACL_ACTION_PASS);
		rcu_read_unlock();
		if (rules.indexed)
			assert_in_range(steps, 256, 2 * 256 + 4);
		else
			assert_int_equal(steps, n * 256);
		mqtt_acl_rules_clear(&rules);
	}
}

/* Each allocation fails once; what is there is freed. */
static void test_rules_memory(void **state)
{
	unsigned int at, i;
	bool failed = true;

	(void)state;
	for (at = 1; failed; at++) {
		struct mqtt_acl_rules rules = { 0 };
		char filter[16];
		int err = 0;

		fail_at = at;
		for (i = 0; i < 60 && !err; i++)
			err = mqtt_acl_rules_add(&rules, (u8 *)filter,
						 sprintf(filter, "a/%u", i), i % 2, 3);
		if (!err)
			err = mqtt_acl_rules_finish(&rules);
		failed = !fail_at;
		fail_at = 0;
		assert_int_equal(err, failed ? -ENOMEM : 0);
		if (!err)
			assert_int_equal(ask_set(&rules, 1, "a/58", 4), 0);
		mqtt_acl_rules_clear(&rules);
		assert_null(rules.first);
	}
	assert_true(at > 60);
}

/* --- a kernel ------------------------------------------------------------------- */

#define SETS_MAX 4096

static struct mqtt_acl_rules *kernel[SETS_MAX];
static unsigned int uploads, deletions;
static uint32_t busy;		/* a peer has this one */
static int refusal;
static uint32_t single;		/* this one may change */
static struct broker broker;

int __wrap_dataplane_acl_set(struct broker *b, uint32_t id, uint8_t fallback,
			     const struct mqtt_nl_acl_rule *rules, size_t n)
{
	size_t i;

	assert_ptr_equal(b, &broker);
	if (refusal)
		return refusal;
	assert_true(id && id < SETS_MAX);
	/* Only what is somebody's alone changes */
	if (kernel[id] && id == single) {
		mqtt_acl_rules_clear(kernel[id]);
		free(kernel[id]);
		kernel[id] = NULL;
	}
	assert_null(kernel[id]);
	uploads++;
	kernel[id] = calloc(1, sizeof(*kernel[id]));
	assert_non_null(kernel[id]);
	for (i = 0; i < n; i++) {
		assert_true(mqtt_topic_filter_valid(rules[i].filter, rules[i].len));
		assert_int_equal(mqtt_acl_rules_add(kernel[id], rules[i].filter, rules[i].len,
						    rules[i].action, rules[i].access), 0);
	}
	kernel[id]->fallback = fallback;
	assert_int_equal(mqtt_acl_rules_finish(kernel[id]), 0);
	return 0;
}

int __wrap_dataplane_acl_del(struct broker *b, uint32_t id)
{
	assert_ptr_equal(b, &broker);
	assert_non_null(kernel[id]);
	if (id == busy)
		return -EBUSY;
	deletions++;
	mqtt_acl_rules_clear(kernel[id]);
	free(kernel[id]);
	kernel[id] = NULL;
	return 0;
}

static void kernel_end(void)
{
	unsigned int i;

	for (i = 0; i < SETS_MAX; i++) {
		if (kernel[i]) {
			mqtt_acl_rules_clear(kernel[i]);
			free(kernel[i]);
		}
		kernel[i] = NULL;
	}
}

static bool kernel_allows(const uint32_t *ids, u8 access, const char *topic, size_t len)
{
	u8 says = MQTT_ACL_ACTION_PASS;
	unsigned int i;

	for (i = 0; i < MQTT_PEER_ACLS_MAX && ids[i] && says == MQTT_ACL_ACTION_PASS; i++) {
		assert_non_null(kernel[ids[i]]);
		says = ask_set(kernel[ids[i]], access, topic, len);
	}
	return says == MQTT_ACL_ACTION_ALLOW;
}

static int setup(void **state)
{
	(void)state;
	broker = (struct broker){ .dataplane = (void *)&broker };
	acl_sets_init(&broker.acl_sets, &broker);
	uploads = 0;
	deletions = 0;
	busy = 0;
	refusal = 0;
	single = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	acl_sets_destroy(&broker.acl_sets);
	kernel_end();
	return 0;
}

/* --- what sets say ----------------------------------------------------------------- */

static char path[32];

static struct acl *load(const char *text)
{
	FILE *file = fopen(path, "w");
	char why[ACL_WHY_MAX];
	struct acl *acl;

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	if (acl_load(&acl, path, why))
		fail_msg("%s", why);
	return acl;
}

/* Words of random topics, and of names; the parser takes what is between blanks. */
static const char * const names[] = { "a", "b", "ab", "a/b", "+", "a#", "$SY", "%c", "" };

static size_t random_line(char *text)
{
	static const char * const kinds[] = { "read ", "write ", "readwrite ", "deny ", "" };
	static const char * const templates[] = {
		"%c", "%u/b", "a/%c", "a/%u/+", "%u/%c", "+/%c", "%c/#",
	};
	const char *what = roll(2) ? "topic" : "pattern";
	char filter[TEXT_MAX];
	size_t len;

	do
		len = random_text(filter, true);
	while (memchr(filter, '\x01', len) || filter[0] == '%');
	if (*what == 'p' && roll(2))
		snprintf(filter, sizeof(filter), "%s", templates[roll(7)]);
	return sprintf(text, "%s %s%s\n", what, kinds[roll(5)], filter);
}

static void random_file(char *text)
{
	unsigned int lines = roll(roll(4) ? 12 : 40), i;
	size_t len = 0;

	text[0] = '\0';
	for (i = 0; i < lines; i++) {
		if (!roll(4))
			len += sprintf(text + len, "user %s\n", names[roll(4)]);
		len += random_line(text + len);
	}
}

static void compare(struct acl *acl, const char *id, const char *user, const char *file)
{
	uint32_t ids[MQTT_PEER_ACLS_MAX];
	struct acl_rules *rules;
	char topic[TEXT_MAX];
	unsigned int i;
	size_t len;

	assert_int_equal(acl_compile(&rules, acl, id, user), 0);
	assert_int_equal(acl_sets_get(&broker, rules, ids), 0);
	assert_true(ids[0]);
	for (i = 0; i < 30; i++) {
		len = random_text(topic, false);
		if (kernel_allows(ids, MQTT_ACL_ACCESS_RECEIVE, topic, len) !=
		    acl_allows(rules, ACL_READ, (u8 *)topic, len))
			fail_msg("reading %.*s as %s %s:\n%s", (int)len, topic, id, user, file);
		/* what begins with '$' is not the kernel's to publish */
		if (topic[0] != '$' &&
		    kernel_allows(ids, MQTT_ACL_ACCESS_PUBLISH, topic, len) !=
		    acl_allows(rules, ACL_WRITE, (u8 *)topic, len))
			fail_msg("writing %.*s as %s %s:\n%s", (int)len, topic, id, user, file);
	}
	acl_rules_free(rules);
}

static void test_random_files(void **state)
{
	unsigned int round, i;
	char file[8192];

	(void)state;
	seed_set();
	for (round = 0; round < 300; round++) {
		struct acl *acl;

		random_file(file);
		acl = load(file);
		for (i = 0; i < 6; i++)
			compare(acl, names[roll(9)], roll(3) ? names[roll(8)] : NULL, file);
		acl_put(acl);
		acl_sets_forget(&broker.acl_sets);
		kernel_end();
	}
}

/* --- which sets there are ------------------------------------------------------------ */

struct somebody {
	struct acl_rules *rules;
	uint32_t ids[MQTT_PEER_ACLS_MAX];
};

static struct somebody enter(struct acl *acl, const char *id, const char *user)
{
	struct somebody who;

	assert_int_equal(acl_compile(&who.rules, acl, id, user), 0);
	assert_int_equal(acl_sets_get(&broker, who.rules, who.ids), 0);
	return who;
}

#define FILE_TEXT "topic read x\nuser u\ntopic read a\ntopic deny b\n" \
		  "pattern deny s\npattern read c/%c\npattern write t\n"

static void test_shared(void **state)
{
	struct acl *acl = load(FILE_TEXT), *again;
	struct somebody u1, u2, v, anonymous;

	(void)state;
	u1 = enter(acl, "1", "u");
	assert_int_equal(uploads, 4);
	u2 = enter(acl, "2", "u");
	assert_int_equal(uploads, 5);
	assert_int_equal(u1.ids[0], u2.ids[0]);
	assert_int_equal(u1.ids[1], u2.ids[1]);
	assert_true(u1.ids[2] != u2.ids[2]);
	assert_int_equal(u1.ids[3], u2.ids[3]);
	v = enter(acl, "1", "v");
	assert_int_equal(uploads, 5);
	assert_int_equal(v.ids[0], u1.ids[1]);
	assert_int_equal(v.ids[1], u1.ids[2]);
	assert_int_equal(v.ids[2], u1.ids[3]);
	assert_int_equal(v.ids[3], 0);
	anonymous = enter(acl, "1", NULL);
	assert_int_equal(uploads, 6);
	acl_rules_free(anonymous.rules);

	/* another file that says the same, for the most part */
	again = load(FILE_TEXT "user u\ntopic read more\n");
	acl_rules_free(v.rules);
	v = enter(again, "2", "u");
	assert_int_equal(uploads, 7);
	assert_true(v.ids[0] != u1.ids[0]);
	assert_memory_equal(v.ids + 1, u2.ids + 1, 3 * sizeof(*v.ids));
	acl_rules_free(v.rules);
	acl_rules_free(u1.rules);
	acl_rules_free(u2.rules);
	acl_put(acl);
	acl_put(again);
	assert_int_equal(deletions, 0);
}

/* Who may nothing has one set, too; who may everything has none. */
static void test_nothing(void **state)
{
	struct acl *acl = load("user u\ntopic read a\n");
	uint32_t ids[MQTT_PEER_ACLS_MAX];
	struct somebody v, w;

	(void)state;
	v = enter(acl, "1", "v");
	w = enter(acl, "2", NULL);
	assert_int_equal(uploads, 1);
	assert_int_equal(v.ids[0], w.ids[0]);
	assert_int_equal(v.ids[1], 0);
	assert_false(kernel_allows(v.ids, MQTT_ACL_ACCESS_RECEIVE, "a", 1));
	assert_int_equal(acl_sets_get(&broker, NULL, ids), 0);
	assert_int_equal(ids[0], 0);
	acl_rules_free(v.rules);
	acl_rules_free(w.rules);
	acl_put(acl);
}

static void leave_by_the_hundred(struct acl *acl, unsigned int from)
{
	struct somebody many[200];
	char id[16];
	unsigned int i;

	for (i = 0; i < 200; i++) {
		sprintf(id, "%u", from + i);
		many[i] = enter(acl, id, NULL);
	}
	for (i = 0; i < 200; i++)
		acl_rules_free(many[i].rules);
}

/* Sets that nobody has are kept for a while, not for ever, and not more than a few. */
static void test_unused(void **state)
{
	struct acl *acl = load("pattern readwrite by/%c\n");
	struct somebody who;

	(void)state;
	leave_by_the_hundred(acl, 0);
	assert_int_equal(uploads, 200);
	assert_in_range(deletions, 100, 199);
	/* The last ones have stayed: nothing has to be told for one that comes back. */
	who = enter(acl, "199", NULL);
	assert_int_equal(uploads, 200);
	leave_by_the_hundred(acl, 200);
	assert_true(kernel_allows(who.ids, MQTT_ACL_ACCESS_RECEIVE, "by/199", 6));
	acl_rules_free(who.rules);

	/* One that a peer still has is tried again later. */
	who = enter(acl, "busy", NULL);
	busy = who.ids[0];
	acl_rules_free(who.rules);
	leave_by_the_hundred(acl, 400);
	assert_non_null(kernel[busy]);
	busy = 0;
	leave_by_the_hundred(acl, 600);
	assert_null(kernel[who.ids[0]]);
	acl_put(acl);
}

/* Another router knows nothing of the one before. */
static void test_forgotten(void **state)
{
	struct acl *acl = load(FILE_TEXT);
	struct somebody before, after;

	(void)state;
	before = enter(acl, "1", "u");
	acl_sets_forget(&broker.acl_sets);
	kernel_end();
	after = enter(acl, "1", "u");
	assert_int_equal(uploads, 8);
	assert_int_equal(acl_sets_get(&broker, before.rules, before.ids), 0);
	assert_int_equal(uploads, 8);
	assert_memory_equal(before.ids, after.ids, sizeof(before.ids));
	acl_rules_free(before.rules);
	broker.dataplane = NULL;
	acl_sets_forget(&broker.acl_sets);
	assert_int_equal(acl_sets_get(&broker, after.rules, after.ids), 0);
	assert_int_equal(after.ids[0], 0);
	acl_rules_free(after.rules);
	acl_put(acl);
}

static void test_refused(void **state)
{
	struct acl *acl = load(FILE_TEXT);
	uint32_t ids[MQTT_PEER_ACLS_MAX];
	struct acl_rules *rules;

	(void)state;
	refusal = -ENOSPC;
	assert_int_equal(acl_compile(&rules, acl, "1", "u"), 0);
	assert_int_equal(acl_sets_get(&broker, rules, ids), -ENOSPC);
	refusal = 0;
	assert_int_equal(acl_sets_get(&broker, rules, ids), 0);
	assert_int_equal(uploads, 4);
	acl_rules_free(rules);
	acl_put(acl);
}

/* --- sets that change ------------------------------------------------------------- */

static unsigned int single_rules;

static void visit_single(void *arg, void (*rule)(void *ctx, const u8 *filter, size_t len, bool deny,
						 unsigned int access), void *ctx)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < single_rules; i++)
		rule(ctx, (const u8 *)&"abcdefgh"[i], 1, i % 2, ACL_WRITE);
}

static bool allows(const uint32_t *ids, const char *topic)
{
	return kernel_allows(ids, MQTT_ACL_ACCESS_PUBLISH, topic, strlen(topic));
}

static void test_single(void **state)
{
	struct acl_slot slots[2] = {};
	struct acl_piece pieces[2] = {
		{ .slot = &slots[0], .visit = visit_single, .single = true,
		  .fallback = MQTT_ACL_ACTION_PASS },
		{ .slot = &slots[1], .visit = visit_single, .single = true,
		  .fallback = MQTT_ACL_ACTION_ALLOW },
	};
	uint32_t ids[MQTT_PEER_ACLS_MAX], again[MQTT_PEER_ACLS_MAX], former;

	(void)state;
	/* Those that say the same are two all the same, as each may change */
	single_rules = 2;
	acl_sets_begin(&broker, ids);
	assert_int_equal(acl_sets_change(&broker, &pieces[0]), 0);
	assert_int_equal(uploads, 0);
	assert_int_equal(acl_sets_add(&broker, &pieces[0], ids), 0);
	assert_int_equal(acl_sets_add(&broker, &pieces[1], ids), 0);
	assert_int_equal(acl_sets_add(&broker, &pieces[0], ids), 0);
	acl_sets_end(&broker);
	assert_true(ids[0] != ids[1] && !ids[2]);
	assert_true(allows(ids, "a") && !allows(ids, "b") && allows(ids, "z"));

	/* In place */
	single = ids[0];
	single_rules = 0;
	acl_sets_begin(&broker, again);
	assert_int_equal(acl_sets_change(&broker, &pieces[0]), 0);
	acl_sets_end(&broker);
	assert_true(allows(ids, "a") && !allows(ids, "b"));
	single = ids[1];
	acl_sets_begin(&broker, again);
	assert_int_equal(acl_sets_change(&broker, &pieces[1]), 0);
	acl_sets_end(&broker);
	assert_true(allows(ids, "b"));

	/* What the router refuses is another set from then on */
	former = ids[0];
	refusal = -ENOMEM;
	acl_sets_begin(&broker, ids);
	assert_int_equal(acl_sets_change(&broker, &pieces[0]), -ENOMEM);
	assert_null(slots[0].kept);
	refusal = 0;
	assert_int_equal(acl_sets_add(&broker, &pieces[0], ids), 0);
	acl_sets_end(&broker);
	assert_int_not_equal(ids[0], former);

	/* A router that is another one */
	acl_sets_forget(&broker.acl_sets);
	kernel_end();
	acl_sets_begin(&broker, ids);
	assert_int_equal(acl_sets_change(&broker, &pieces[1]), 0);
	assert_int_equal(acl_sets_add(&broker, &pieces[1], ids), 0);
	assert_int_equal(ids[0], 1);
	acl_sets_drop(&broker, &slots[0]);
	acl_sets_drop(&broker, &slots[1]);
	acl_sets_end(&broker);
}

/* More than a client can have, and no set for nothing. */
static void test_too_many(void **state)
{
	struct acl_slot slots[MQTT_PEER_ACLS_MAX + 1] = {};
	struct acl_piece piece = { .visit = visit_single, .single = true };
	uint32_t ids[MQTT_PEER_ACLS_MAX];
	unsigned int i;

	(void)state;
	single_rules = 1;
	acl_sets_begin(&broker, ids);
	for (i = 0; i <= MQTT_PEER_ACLS_MAX; i++) {
		piece.slot = &slots[i];
		assert_int_equal(acl_sets_add(&broker, &piece, ids),
				 i < MQTT_PEER_ACLS_MAX ? 0 : -E2BIG);
	}
	for (i = 0; i <= MQTT_PEER_ACLS_MAX; i++)
		acl_sets_drop(&broker, &slots[i]);
	acl_sets_end(&broker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_rules),
		cmocka_unit_test(test_long_topic),
		cmocka_unit_test(test_rules_memory),
		cmocka_unit_test_setup_teardown(test_random_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_single, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
	};
	int fd, failed;

	strcpy(path, "/tmp/acl-sets-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_barrier();
	rcu_unregister_thread();
	unlink(path);
	return failed;
}
