// SPDX-License-Identifier: MIT
/*
 * Roles: what filters mean to each other, what is asked compared with a naive answer,
 * changes, what the store gets of them, and what it makes of that later.
 */
#include <errno.h>
#include <linux/container_of.h>
#include <linux/rcupdate.h>

#include "auth/method.h"
#include "roles/edit.h"
#include "roles/load.h"
#include "store.h"
#include "topic_random.h"

/* --- filters ---------------------------------------------------------------------- */

/* All topics of up to three levels of these, the empty one too; "z" is in no filter. */
static const char *const words[] = { "", "a", "b", "$", "z" };

static bool naively(const char *a, const char *b, bool within)
{
	size_t n = sizeof(words) / sizeof(words[0]), i, j, k, levels, len;
	char topic[64];
	bool in, out;

	for (levels = 1; levels <= 4; levels++)
		for (i = 0; i < n; i++)
			for (j = 0; j < (levels > 1 ? n : 1); j++)
				for (k = 0; k < (levels > 2 ? n : 1); k++) {
					len = sprintf(topic, "%s", words[i]);
					if (levels > 1)
						len += sprintf(topic + len, "/%s", words[j]);
					if (levels > 2)
						len += sprintf(topic + len, "/%s", words[k]);
					if (levels > 3)
						len += sprintf(topic + len, "/z");
					in = naive(a, strlen(a), topic, len);
					out = naive(b, strlen(b), topic, len);
					if (in && within != out)
						return !within;
				}
	return within;
}

static size_t random_filter(char *text)
{
	static const char *const levels[] = { "", "a", "b", "$", "+", "+" };
	unsigned int n = 1 + roll(3), i;
	size_t len;

	do {
		len = 0;
		for (i = 0; i < n; i++)
			len += sprintf(text + len, "%s%s", i ? "/" : "",
				       i + 1 == n && !roll(3) ? "#" : levels[roll(6)]);
	} while (!len);
	return len;
}

static void test_filters(void **state)
{
	unsigned int round, within = 0, overlaps = 0;
	char a[64], b[64];

	(void)state;
	seed_set();
	for (round = 0; round < 20000; round++) {
		random_filter(a);
		random_filter(b);
		if (filter_within(a, strlen(a), b, strlen(b)) != naively(a, b, true))
			fail_msg("%s within %s?", a, b);
		if (filter_overlaps(a, strlen(a), b, strlen(b)) != naively(a, b, false))
			fail_msg("%s overlaps %s?", a, b);
		within += filter_within(a, strlen(a), b, strlen(b));
		overlaps += filter_overlaps(a, strlen(a), b, strlen(b));
	}
	assert_true(within > 500 && overlaps > within + 500 && overlaps < 19000);
}

static const struct auth_claim claims[] = {
	{ "site", "berlin" }, { "bad", "x/y" }, { "plus", "+" }, { "none", "" }, { "%c", "odd" },
};

static const struct role_who somebody = { "c1", "ann", claims, 5 };

static void assert_made(const char *filter, const struct role_who *who, enum grant_made wanted,
			const char *text)
{
	struct role_grant grant = { .filter = filter, .len = strlen(filter) };
	const char *why;
	char *made;

	assert_true(grant_filter_valid(filter, grant.len, &grant.varies, &why));
	assert_int_equal(grant_make_out(&grant, who, &made), wanted);
	if (text)
		assert_string_equal(made, text);
	else
		assert_null(made);
	free(made);
}

static void test_names(void **state)
{
	const struct role_who dangerous = { .client_id = "a/b", .username = "u#" };
	const struct role_who twisted = { .client_id = "%u", .username = "%{site}" };
	char *name = malloc(40000);
	const struct role_who endless = { .client_id = name };
	const char *why;
	bool varies;

	(void)state;
	assert_made("x/%c/%u/#", &somebody, GRANT_MADE, "x/c1/ann/#");
	assert_made("%c", &somebody, GRANT_MADE, "c1");
	assert_made("%{site}/%{%c}/+", &somebody, GRANT_MADE, "berlin/odd/+");
	assert_made("a%", &somebody, GRANT_MADE, "a%");
	assert_made("%%c%x", &somebody, GRANT_MADE, "%c1%x");
	/* What comes with a name is not looked at again */
	assert_made("%c/%u", &twisted, GRANT_MADE, "%u/%{site}");
	assert_made("%{bad}", &somebody, GRANT_BAD_VALUE, NULL);
	assert_made("%{plus}/x", &somebody, GRANT_BAD_VALUE, NULL);
	assert_made("x%{none}", &somebody, GRANT_NO_VALUE, NULL);
	assert_made("x%{other}", &somebody, GRANT_NO_VALUE, NULL);
	assert_made("%c", &dangerous, GRANT_BAD_VALUE, NULL);
	assert_made("x/%u", &dangerous, GRANT_BAD_VALUE, NULL);
	assert_made("x/%u", &(struct role_who){ .client_id = "c" }, GRANT_NO_VALUE, NULL);
	memset(name, 'x', 39999);
	name[39999] = '\0';
	assert_made("%c%c", &endless, GRANT_TOO_LONG, NULL);
	assert_false(grant_filter_valid("a/%{x", 5, &varies, &why));
	assert_false(grant_filter_valid("a/%{}", 5, &varies, &why));
	assert_false(grant_filter_valid("a#", 2, &varies, &why));
	assert_false(grant_filter_valid("", 0, &varies, &why));
	assert_false(grant_filter_valid(name, GRANT_FILTER_MAX + 1, &varies, &why));
	assert_true(grant_filter_valid(name, GRANT_FILTER_MAX, &varies, &why));
	assert_false(grant_filter_valid("$share/g/x", 10, &varies, &why));
	free(name);
}

/* --- a store ------------------------------------------------------------------------ */

/**
 * struct row - of a database of the test's
 * @access: its text is the row's
 */
struct row {
	struct store_access access;
	bool there;
};

#define ROWS_MAX 4000

static struct row rows[ROWS_MAX];
static size_t n_rows;
static bool store_fails;
static unsigned int store_calls;

static bool same_key(const struct store_access *a, const struct store_access *b, bool clear)
{
	const char *x = a->other ? a->other : "", *y = b->other ? b->other : "";

	return a->kind == b->kind && !strcmp(a->name, b->name) &&
	       (clear || (!strcmp(x, y) && a->access == b->access));
}

static void apply(const struct store_access *row)
{
	bool clear = row->op == STORE_ACCESS_CLEAR;
	size_t i;

	for (i = 0; i < n_rows; i++)
		if (rows[i].there && same_key(&rows[i].access, row, clear))
			rows[i].there = false;
	if (row->op != STORE_ACCESS_PUT)
		return;
	assert_true(n_rows < ROWS_MAX);
	rows[n_rows] = (struct row){ .access = *row, .there = true };
	rows[n_rows].access.name = strdup(row->name);
	rows[n_rows++].access.other = strdup(row->other ? row->other : "");
}

static u64 keep(void *arg, const struct store_access *changed, size_t n)
{
	(void)arg;
	store_calls++;
	if (store_fails)
		return 0;
	while (n--)
		apply(changed++);
	return store_calls;
}

static void rows_clear(void)
{
	while (n_rows) {
		n_rows--;
		free((char *)rows[n_rows].access.name);
		free((char *)rows[n_rows].access.other);
	}
	store_fails = false;
	store_calls = 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct store_access *x = &((const struct row *)a)->access;
	const struct store_access *y = &((const struct row *)b)->access;

	return x->kind != y->kind ? x->kind - y->kind : strcmp(x->name, y->name);
}

static int load_all(struct roles *roles)
{
	int err = 0;
	size_t i;

	qsort(rows, n_rows, sizeof(rows[0]), compare_rows);
	for (i = 0; i < n_rows && !err; i++)
		if (rows[i].there)
			err = roles_load(roles, &rows[i].access);
	return err ? err : roles_load_end(roles);
}

/* --- changes -------------------------------------------------------------------------- */

static struct roles all;
static struct role_edit edit;

static int setup(void **state)
{
	(void)state;
	rows_clear();
	edit = (struct role_edit){};
	assert_int_equal(roles_init(&all), 0);
	all.store = keep;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	roles_destroy(&all);
	rcu_barrier();
	rows_clear();
	return 0;
}

static int grant(const char *role, u8 action, u8 access, const char *filter, u32 priority,
		 bool replace)
{
	struct role_grant one = {
		.filter = filter, .len = strlen(filter), .priority = priority, .access = access,
		.action = action,
	};

	return role_grant_put(&all, &edit, role, &one, replace);
}

#define ALLOW	MQTT_ACL_ACTION_ALLOW
#define DENY	MQTT_ACL_ACTION_DENY
#define PASS	MQTT_ACL_ACTION_PASS

static void must(int err)
{
	if (err)
		fail_msg("%s", edit.why);
}

static void refused(int got, int wanted, const char *why)
{
	assert_int_equal(got, wanted);
	if (!strstr(edit.why, why))
		fail_msg("\"%s\" does not say \"%s\"", edit.why, why);
}

static int step_one(bool add, enum role_holder_kind kind, const char *name, bool group,
		    bool take, const char *what)
{
	struct role_step step = { .group = group, .take = take, .name = what };

	return add ? role_holder_add(&all, &edit, kind, name, &step, !!what) :
		     role_holder_set(&all, &edit, kind, name, &step, 1);
}

/* What a client of these names may do, MQTT_ACL_ACTION_*. */
static u8 ask(const char *username, u8 access, const char *topic)
{
	struct role_who who = somebody;
	struct role_profile *profile = roles_resolve(&all, username, NULL, 0);
	struct role_own *own = calloc(profile->n + 1, sizeof(*own));
	unsigned int i;
	u8 says;

	who.username = username;
	if (access == ROLE_SUBSCRIBE)
		says = role_profile_ask_subscribe(profile, &who, topic, strlen(topic));
	else
		says = role_profile_ask(profile, own, &who, access, (const u8 *)topic,
					strlen(topic));
	for (i = 0; i < profile->n; i++)
		role_own_clear(&own[i]);
	free(own);
	role_profile_put(&all, profile);
	return says;
}

static void test_edits(void **state)
{
	char name[ROLE_NAME_MAX + 2];

	(void)state;
	must(role_add(&all, &edit, "r", 0));
	refused(role_add(&all, &edit, "r", 0), -EEXIST, "there is a role 'r' already");
	refused(role_add(&all, &edit, "", 0), -EINVAL, "without a name");
	refused(role_add(&all, &edit, "a\nb", 0), -EINVAL, "control characters");
	refused(role_add(&all, &edit, "\xff", 0), -EINVAL, "UTF-8");
	refused(role_add(&all, &edit, "p", GRANT_PRIORITY_MAX + 1), -ERANGE, "from 0 to 1000000");
	memset(name, 'n', sizeof(name));
	name[ROLE_NAME_MAX + 1] = '\0';
	refused(role_add(&all, &edit, name, 0), -EINVAL, "at most 256 bytes");
	name[ROLE_NAME_MAX] = '\0';
	must(role_add(&all, &edit, name, GRANT_PRIORITY_MAX));
	must(role_del(&all, &edit, name));

	refused(grant("x", ALLOW, ROLE_PUBLISH, "a", 0, false), -ENOENT, "there is no role 'x'");
	refused(grant("r", ALLOW, ROLE_PUBLISH, "a/#/b", 0, false), -EINVAL,
		"'a/#/b' is not a topic filter");
	refused(grant("r", ALLOW, ROLE_PUBLISH, "a", 0, true), -ENOENT, "says nothing about publish");
	must(grant("r", ALLOW, ROLE_PUBLISH, "a", 0, false));
	refused(grant("r", DENY, ROLE_PUBLISH, "a", 0, false), -EEXIST, "'grant set' changes it");
	must(grant("r", DENY, ROLE_PUBLISH, "a", 7, true));
	must(grant("r", ALLOW, ROLE_RECEIVE, "a", 0, false));
	refused(role_grant_del(&all, &edit, "r", ROLE_SUBSCRIBE, "a"), -ENOENT, "subscribe of 'a'");
	must(role_grant_del(&all, &edit, "r", ROLE_RECEIVE, "a"));
	assert_int_equal(all.grants, 1);

	refused(step_one(true, ROLE_USER, "u", false, false, "x"), -ENOENT, "no role 'x'");
	assert_null(roles_find_holder(&all, ROLE_USER, "u"));
	must(step_one(true, ROLE_USER, "u", false, false, "r"));
	refused(step_one(true, ROLE_USER, "u", false, false, "r"), -EEXIST, "a user 'u' already");
	refused(step_one(false, ROLE_USER, "u", false, false, "r"), -EEXIST,
		"user 'u' has role 'r' already");
	refused(role_del(&all, &edit, "r"), -EBUSY, "1 users and groups have role 'r'");
	must(step_one(true, ROLE_GROUP, "g", false, false, NULL));
	refused(step_one(false, ROLE_GROUP, "g", true, false, "g"), -EINVAL, "in no group");
	must(step_one(false, ROLE_USER, "u", true, false, "g"));
	refused(role_holder_del(&all, &edit, ROLE_GROUP, "g"), -EBUSY, "1 users are in group");
	must(step_one(false, ROLE_USER, "u", true, true, "g"));
	refused(step_one(false, ROLE_USER, "u", true, true, "g"), -ENOENT, "is not in group 'g'");
	must(step_one(false, ROLE_USER, "u", false, true, "r"));
	refused(step_one(false, ROLE_USER, "u", false, true, "r"), -ENOENT,
		"does not have role 'r'");
	must(role_holder_del(&all, &edit, ROLE_USER, "u"));
	refused(role_holder_del(&all, &edit, ROLE_USER, "u"), -ENOENT, "there is no user 'u'");
	must(role_holder_del(&all, &edit, ROLE_GROUP, "g"));
	must(role_del(&all, &edit, "r"));
	assert_int_equal(all.bytes, 0);
	assert_int_equal(all.grants, 0);
}

/* A step that is refused takes all steps with it. */
static void test_atomic(void **state)
{
	struct role_step steps[] = {
		{ .name = "a" }, { .name = "b" }, { .take = true, .name = "c" },
	};
	const struct role_holder *user;
	size_t bytes;

	(void)state;
	must(role_add(&all, &edit, "a", 0));
	must(role_add(&all, &edit, "b", 0));
	must(role_add(&all, &edit, "c", 0));
	must(step_one(true, ROLE_USER, "u", false, false, NULL));
	user = roles_find_holder(&all, ROLE_USER, "u");
	bytes = all.bytes;
	refused(role_holder_set(&all, &edit, ROLE_USER, "u", steps, 3), -ENOENT, "'c'");
	assert_int_equal(user->n_roles, 0);
	assert_int_equal(roles_find(&all, "a")->holders, 0);
	/* The store has no memory */
	store_fails = true;
	refused(role_holder_set(&all, &edit, ROLE_USER, "u", steps, 2), -ENOMEM, "memory");
	refused(role_add(&all, &edit, "d", 0), -ENOMEM, "memory");
	refused(role_del(&all, &edit, "c"), -ENOMEM, "memory");
	refused(role_set(&all, &edit, "c", 4), -ENOMEM, "memory");
	refused(grant("a", ALLOW, ROLE_PUBLISH, "x", 0, false), -ENOMEM, "memory");
	refused(step_one(true, ROLE_USER, "v", false, false, "a"), -ENOMEM, "memory");
	refused(role_holder_del(&all, &edit, ROLE_USER, "u"), -ENOMEM, "memory");
	refused(role_defaults_set(&all, &edit, ROLE_PUBLISH, ROLE_PUBLISH), -ENOMEM, "memory");
	assert_null(roles_find(&all, "d"));
	assert_null(roles_find_holder(&all, ROLE_USER, "v"));
	assert_int_equal(roles_find(&all, "c")->priority, 0);
	assert_int_equal(roles_defaults(&all), ROLE_RECEIVE);
	assert_int_equal(all.bytes, bytes);
	store_fails = false;
	must(role_holder_set(&all, &edit, ROLE_USER, "u", steps, 2));
	assert_int_equal(user->n_roles, 2);
}

static void test_limits(void **state)
{
	char name[16];
	unsigned int i;

	(void)state;
	all.store = NULL;
	must(step_one(true, ROLE_USER, "u", false, false, NULL));
	for (i = 0; i <= ROLES_OF_ONE_MAX; i++) {
		sprintf(name, "r%u", i);
		must(role_add(&all, &edit, name, 0));
		if (i < ROLES_OF_ONE_MAX)
			must(step_one(false, ROLE_USER, "u", false, false, name));
	}
	refused(step_one(false, ROLE_USER, "u", false, false, name), -ENOSPC, "has 32 roles");
	for (i = 0; i < ROLE_GRANTS_MAX; i++) {
		sprintf(name, "x/%u", i);
		must(grant("r0", ALLOW, ROLE_PUBLISH, name, 0, false));
	}
	refused(grant("r0", ALLOW, ROLE_PUBLISH, "x", 0, false), -ENOSPC, "has 1024 grants");
	must(grant("r0", DENY, ROLE_PUBLISH, "x/7", 0, true));
	all.bytes += ROLES_BYTES_MAX;
	refused(grant("r1", ALLOW, ROLE_PUBLISH, "x", 0, false), -ENOSPC, "bytes");
	refused(step_one(true, ROLE_USER, "v", false, false, NULL), -ENOSPC, "bytes");
	all.bytes -= ROLES_BYTES_MAX;
	assert_int_equal(ask("u", ROLE_PUBLISH, "x/8"), ALLOW);
	assert_int_equal(ask("u", ROLE_PUBLISH, "x/7"), DENY);
}

/* Who has more roles than are asked may do nothing. */
static void test_overfull(void **state)
{
	struct role_holder *user;
	char group[16], role[16];
	unsigned int i, k;

	(void)state;
	all.store = NULL;
	must(step_one(true, ROLE_USER, "u", false, false, NULL));
	user = roles_find_holder(&all, ROLE_USER, "u");
	for (i = 0; i < 3; i++) {
		sprintf(group, "g%u", i);
		must(step_one(true, ROLE_GROUP, group, false, false, NULL));
		for (k = 0; k < ROLES_OF_ONE_MAX; k++) {
			sprintf(role, "r%u-%u", i, k);
			must(role_add(&all, &edit, role, 0));
			must(grant(role, ALLOW, ROLE_PUBLISH, "x", 0, false));
			must(step_one(false, ROLE_GROUP, group, false, false, role));
		}
		if (i < 2)
			must(step_one(false, ROLE_USER, "u", true, false, group));
	}
	assert_int_equal(user->n_groups, 2);
	assert_int_equal(ask("u", ROLE_PUBLISH, "x"), ALLOW);
	assert_int_equal(ask("u", ROLE_PUBLISH, "y"), PASS);
	must(step_one(false, ROLE_USER, "u", true, false, "g2"));
	assert_int_equal(ask("u", ROLE_PUBLISH, "x"), DENY);
	assert_int_equal(ask("u", ROLE_SUBSCRIBE, "y"), DENY);
}

/* --- questions -------------------------------------------------------------------------- */

static void test_order(void **state)
{
	(void)state;
	must(role_add(&all, &edit, "default", 0));
	must(role_add(&all, &edit, "zz", 0));
	must(role_add(&all, &edit, "high", 5));
	must(step_one(true, ROLE_GROUP, "g", false, false, "high"));
	must(step_one(true, ROLE_USER, "ann", false, false, "zz"));
	must(grant("default", ALLOW, ROLE_PUBLISH, "a/#", 9, false));
	assert_int_equal(ask("ann", ROLE_PUBLISH, "a/b"), ALLOW);
	assert_int_equal(ask(NULL, ROLE_PUBLISH, "a/b"), ALLOW);
	assert_int_equal(ask("ann", ROLE_PUBLISH, "b"), PASS);
	assert_int_equal(ask("ann", ROLE_RECEIVE, "a/b"), PASS);
	/* One's own role is before everybody's, whatever its grants' priorities are */
	must(grant("zz", DENY, ROLE_PUBLISH, "a/+", 0, false));
	assert_int_equal(ask("ann", ROLE_PUBLISH, "a/b"), DENY);
	assert_int_equal(ask("ben", ROLE_PUBLISH, "a/b"), ALLOW);
	/* What denies is before what allows, unless that has a higher priority */
	must(grant("zz", ALLOW, ROLE_PUBLISH, "a/b", 0, false));
	assert_int_equal(ask("ann", ROLE_PUBLISH, "a/b"), DENY);
	must(grant("zz", ALLOW, ROLE_PUBLISH, "a/b", 1, true));
	assert_int_equal(ask("ann", ROLE_PUBLISH, "a/b"), ALLOW);
	must(grant("high", DENY, ROLE_PUBLISH, "a/b", 0, false));
	must(step_one(false, ROLE_USER, "ann", true, false, "g"));
	assert_int_equal(ask("ann", ROLE_PUBLISH, "a/b"), DENY);
	must(role_set(&all, &edit, "zz", 6));
	assert_int_equal(ask("ann", ROLE_PUBLISH, "a/b"), ALLOW);
	must(role_set(&all, &edit, "default", 7));
	must(grant("default", DENY, ROLE_PUBLISH, "#", 0, false));
	assert_int_equal(ask("ann", ROLE_PUBLISH, "a/b"), ALLOW);
	must(role_grant_del(&all, &edit, "default", ROLE_PUBLISH, "a/#"));
	assert_int_equal(ask("ann", ROLE_PUBLISH, "a/b"), DENY);
	/* Without a name */
	must(step_one(true, ROLE_GROUP, "anonymous", false, false, "high"));
	must(role_set(&all, &edit, "high", 100));
	must(grant("high", ALLOW, ROLE_PUBLISH, "z", 0, false));
	assert_int_equal(ask(NULL, ROLE_PUBLISH, "z"), ALLOW);
	assert_int_equal(ask("anonymous", ROLE_PUBLISH, "z"), DENY);
}

static void test_token_roles(void **state)
{
	char *named[] = { "t", "unknown", "t", "zz" };
	struct role_profile *profile;

	(void)state;
	must(role_add(&all, &edit, "t", 0));
	must(role_add(&all, &edit, "zz", 1));
	must(step_one(true, ROLE_USER, "u", false, false, "zz"));
	profile = roles_resolve(&all, "u", named, 4);
	assert_int_equal(profile->n, 2);
	assert_string_equal(profile->roles[0]->name, "zz");
	assert_string_equal(profile->roles[1]->name, "t");
	assert_true(role_profile_has(profile, profile->roles[1]->id));
	/* A role that is gone is there for those who have not been told */
	must(role_del(&all, &edit, "t"));
	assert_string_equal(profile->roles[1]->name, "t");
	role_profile_put(&all, profile);
}

static void test_subscribe(void **state)
{
	(void)state;
	must(role_add(&all, &edit, "default", 0));
	must(grant("default", ALLOW, ROLE_SUBSCRIBE, "a/#", 0, false));
	must(grant("default", ALLOW, ROLE_SUBSCRIBE, "dev/%c/+", 0, false));
	must(grant("default", DENY, ROLE_SUBSCRIBE, "a/secret/#", 0, false));
	assert_int_equal(ask("u", ROLE_SUBSCRIBE, "a"), ALLOW);
	assert_int_equal(ask("u", ROLE_SUBSCRIBE, "a/b/+"), ALLOW);
	assert_int_equal(ask("u", ROLE_SUBSCRIBE, "dev/c1/+"), ALLOW);
	assert_int_equal(ask("u", ROLE_SUBSCRIBE, "dev/+/x"), PASS);
	assert_int_equal(ask("u", ROLE_SUBSCRIBE, "dev/c1/#"), PASS);
	assert_int_equal(ask("u", ROLE_SUBSCRIBE, "a/secret"), DENY);
	/* It would bring what is denied */
	assert_int_equal(ask("u", ROLE_SUBSCRIBE, "a/+"), DENY);
	assert_int_equal(ask("u", ROLE_SUBSCRIBE, "#"), DENY);
	assert_int_equal(ask("u", ROLE_SUBSCRIBE, "$SYS/#"), PASS);
}

struct model {
	struct role_grant grants[64];
	char text[64][64];
	unsigned int n;
	u32 priority;
	char name[8];
};

/* Highest priority, then what denies: looked for among all, each time. */
static u8 ask_model(const struct model *model, u8 access, const char *topic)
{
	const struct role_grant *best = NULL;
	unsigned int i;

	for (i = 0; i < model->n; i++) {
		const struct role_grant *one = &model->grants[i];
		enum grant_made made = GRANT_MADE;
		char *text = NULL;
		bool matches;

		if (one->access != access)
			continue;
		if (strchr(one->filter, '%'))
			made = grant_make_out(one, &somebody, &text);
		matches = made == GRANT_MADE &&
			  naive(text ? text : one->filter, strlen(text ? text : one->filter), topic,
				strlen(topic));
		free(text);
		if (matches && (!best || one->priority > best->priority ||
				(one->priority == best->priority && one->action == DENY)))
			best = one;
	}
	return best ? best->action : PASS;
}

static void add_random(struct model *model)
{
	static const char *const levels[] = {
		"a", "b", "%c", "%u", "%{site}", "%{bad}", "+", "c1", "ann", "berlin",
	};
	struct role_grant *one = &model->grants[model->n];
	char *filter = model->text[model->n];
	unsigned int n = 1 + roll(3), i;
	size_t len = 0;

	for (i = 0; i < n; i++)
		len += sprintf(filter + len, "%s%s", i ? "/" : "",
			       i + 1 == n && !roll(4) ? "#" : levels[roll(10)]);
	*one = (struct role_grant){
		.filter = filter, .len = len, .priority = roll(3), .access = 1 + roll(2),
		.action = roll(2),
	};
	if (!grant(model->name, one->action, one->access, filter, one->priority, false))
		model->n++;
}

static void test_random(void **state)
{
	static const char *const topics[] = {
		"a", "b", "c1", "ann", "a/b", "c1/ann", "berlin/c1", "a/c1/b", "ann/berlin/a",
		"x", "a/x/y", "b/b/b",
	};
	static struct model models[3];
	unsigned int round, i, k, seen[3] = {};
	u8 wanted, says, access;

	(void)state;
	seed_set();
	all.store = NULL;
	must(step_one(true, ROLE_USER, "ann", false, false, NULL));
	for (round = 0; round < 300; round++) {
		for (i = 0; i < 3; i++) {
			models[i] = (struct model){ .priority = 3 - i };
			sprintf(models[i].name, "m%u", i);
			must(role_add(&all, &edit, models[i].name, models[i].priority));
			must(step_one(false, ROLE_USER, "ann", false, false, models[i].name));
			for (k = roll(roll(2) ? 4 : 40); k; k--)
				add_random(&models[i]);
		}
		for (k = 0; k < sizeof(topics) / sizeof(topics[0]); k++) {
			access = 1 + roll(2);
			wanted = PASS;
			for (i = 0; i < 3 && wanted == PASS; i++)
				wanted = ask_model(&models[i], access, topics[k]);
			says = ask("ann", access, topics[k]);
			if (says != wanted)
				fail_msg("round %u: %s: %u, not %u", round, topics[k], says, wanted);
			seen[says]++;
		}
		for (i = 0; i < 3; i++) {
			must(step_one(false, ROLE_USER, "ann", false, true, models[i].name));
			must(role_del(&all, &edit, models[i].name));
		}
	}
	assert_true(seen[0] > 300 && seen[1] > 300 && seen[2] > 300);
}

/* --- what the store has ---------------------------------------------------------------- */

static void print_role(struct hash_node *node, void *ctx)
{
	const struct role *role = container_of(node, struct role, node);
	char ***line = ctx;
	u32 i;

	assert_true(asprintf((*line)++, "role %s %u held %u", role->name, role->priority,
			     role->holders) > 0);
	for (i = 0; i < role->version->n; i++)
		assert_true(asprintf((*line)++, "grant %s #%03u %.*s %u %u %u", role->name, i,
				     (int)role->version->grants[i].len,
				     role->version->grants[i].filter,
				     role->version->grants[i].access,
				     role->version->grants[i].action,
				     role->version->grants[i].priority) > 0);
}

static void print_holder(struct hash_node *node, void *ctx)
{
	const struct role_holder *holder = container_of(node, struct role_holder, node);
	char ***line = ctx;
	unsigned int i;

	assert_true(asprintf((*line)++, "holder %s %u members", holder->name, holder->members) > 0);
	for (i = 0; i < holder->n_roles; i++)
		assert_true(asprintf((*line)++, "%s has %s", holder->name,
				     holder->roles[i]->name) > 0);
	for (i = 0; i < holder->n_groups; i++)
		assert_true(asprintf((*line)++, "%s in %s", holder->name,
				     holder->groups[i]->name) > 0);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All there is, sorted; to be freed. */
static char *text_of(const struct roles *roles)
{
	static char *lines[4096];
	size_t cursor = 0, i, len;
	char **line = lines, *text;
	FILE *out = open_memstream(&text, &len);

	do {
		cursor = hash_scan(&roles->roles, cursor, print_role, &line);
	} while (cursor);
	do {
		cursor = hash_scan(&roles->users, cursor, print_holder, &line);
	} while (cursor);
	do {
		cursor = hash_scan(&roles->groups, cursor, print_holder, &line);
	} while (cursor);
	qsort(lines, line - lines, sizeof(*lines), compare_lines);
	for (i = 0; i < (size_t)(line - lines); i++) {
		fprintf(out, "%s\n", lines[i]);
		free(lines[i]);
	}
	fprintf(out, "defaults %u grants %u\n", roles->defaults, roles->grants);
	fclose(out);
	return text;
}

static void random_change(void)
{
	char name[8], other[8], filter[TEXT_MAX] = "";
	struct role_step steps[3];
	unsigned int i;

	sprintf(name, "%c", 'a' + roll(6));
	sprintf(other, "%c", 'a' + roll(6));
	for (i = 0; i < 3; i++)
		steps[i] = (struct role_step){ .group = roll(2), .take = roll(2), .name = other };
	filter[random_text(filter, true)] = '\0';
	switch (roll(12)) {
	case 0:
		role_add(&all, &edit, name, roll(3));
		break;
	case 1:
		role_set(&all, &edit, name, roll(3));
		break;
	case 2:
		role_del(&all, &edit, name);
		break;
	case 3:
	case 4:
	case 5:
		grant(name, roll(2), 1 << roll(3), filter, roll(3), false);
		break;
	case 6:
		grant(name, roll(2), 1 << roll(3), filter, roll(3), true);
		break;
	case 7:
		role_grant_del(&all, &edit, name, 1 << roll(3), filter);
		break;
	case 8:
		role_holder_add(&all, &edit, roll(2), name, steps, roll(2));
		break;
	case 9:
		role_holder_set(&all, &edit, roll(2), name, steps, 1 + roll(2));
		break;
	case 10:
		role_holder_del(&all, &edit, roll(2), name);
		break;
	default:
		role_defaults_set(&all, &edit, 1 + roll(7), roll(8));
	}
}

/* Whatever was changed, the store makes the same of it; and what it refuses was not. */
static void test_stored(void **state)
{
	unsigned int i, round;
	struct roles again;
	char *text, *read;

	(void)state;
	seed_set();
	for (round = 0; round < 15; round++) {
		for (i = 0; i < 200; i++) {
			store_fails = !roll(10);
			random_change();
		}
		store_fails = false;
		assert_int_equal(roles_init(&again), 0);
		assert_int_equal(load_all(&again), 0);
		text = text_of(&all);
		read = text_of(&again);
		assert_string_equal(text, read);
		assert_int_equal(all.bytes, again.bytes);
		free(text);
		free(read);
		roles_destroy(&again);
	}
}

/* What a database may have that others have changed. */
static void test_nonsense(void **state)
{
	static const struct store_access bad[] = {
		{ .kind = STORE_ROLE, .name = "" },
		{ .kind = STORE_GRANT, .name = "none", .other = "a", .access = 1 },
		{ .kind = STORE_GRANT, .name = "r", .other = "a#", .access = 1 },
		{ .kind = STORE_GRANT, .name = "r", .other = "a", .access = 3 },
		{ .kind = STORE_GRANT, .name = "r", .other = "a", .access = 0 },
		{ .kind = STORE_GRANT, .name = "r", .other = "a", .access = 8 },
		{ .kind = STORE_GRANT, .name = "r", .other = "a", .access = 1, .action = 2 },
		{ .kind = STORE_GRANT, .name = "r", .other = "a", .access = 1,
		  .priority = GRANT_PRIORITY_MAX + 1 },
		{ .kind = STORE_USER_ROLE, .name = "none", .other = "r" },
		{ .kind = STORE_USER_ROLE, .name = "u", .other = "none" },
		{ .kind = STORE_USER_GROUP, .name = "u", .other = "none" },
		{ .kind = STORE_GROUP_ROLE, .name = "u", .other = "r" },
		{ .kind = STORE_DEFAULT, .name = "", .access = 8 },
		{ .kind = STORE_DEFAULT + 1, .name = "" },
	};
	size_t i;

	(void)state;
	must(role_add(&all, &edit, "r", 0));
	must(step_one(true, ROLE_USER, "u", false, false, NULL));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(roles_load(&all, &bad[i]), -EINVAL);
	assert_int_equal(roles_load_end(&all), 0);
}

/* --- who is told ------------------------------------------------------------------------ */

static bool tell;

static bool changed(void *arg, struct role *role, struct role_version *version)
{
	(void)arg;
	if (role)
		rcu_assign_pointer(role->version, version);
	return tell;
}

static void test_events(void **state)
{
	struct role_event events[ROLE_EVENTS];
	u64 ann = roles_user_hash(&all, "ann");
	u32 seen = 0;
	unsigned int i;

	(void)state;
	all.changed = changed;
	must(role_add(&all, &edit, "r", 0));
	must(step_one(true, ROLE_USER, "ann", false, false, "r"));
	must(step_one(true, ROLE_USER, "ben", false, false, "r"));
	assert_int_equal(roles_generation(&all), 0);	/* nobody is there */
	roles_count(&all, ann, 1);
	edit.told = false;
	must(grant("r", ALLOW, ROLE_PUBLISH, "a", 0, false));
	must(step_one(false, ROLE_USER, "ben", false, true, "r"));
	must(step_one(true, ROLE_GROUP, "g", false, false, "r"));
	must(step_one(false, ROLE_GROUP, "g", false, true, "r"));	/* without members */
	assert_false(edit.told);
	must(step_one(false, ROLE_USER, "ann", false, true, "r"));
	assert_true(edit.told);
	tell = true;
	must(grant("r", ALLOW, ROLE_PUBLISH, "b", 0, false));
	tell = false;
	must(role_defaults_set(&all, &edit, ROLE_PUBLISH, ROLE_PUBLISH));
	assert_int_equal(roles_take_events(&all, &seen, events), 3);
	assert_int_equal(events[0].kind, ROLE_EVENT_USER);
	assert_true(events[0].user == ann);
	assert_int_equal(events[1].kind, ROLE_EVENT_ROLE);
	assert_int_equal(events[1].role, roles_find(&all, "r")->id);
	assert_int_equal(events[2].kind, ROLE_EVENT_ALL);
	assert_int_equal(roles_take_events(&all, &seen, events), 0);
	for (i = 0; i < ROLE_EVENTS; i++)
		must(step_one(false, ROLE_USER, "ann", false, i % 2, "r"));
	assert_int_equal(roles_take_events(&all, &seen, events), ROLE_EVENTS);
	for (i = 0; i <= ROLE_EVENTS; i++)
		must(step_one(false, ROLE_USER, "ann", false, i % 2, "r"));
	assert_int_equal(roles_take_events(&all, &seen, events), 1);
	assert_int_equal(events[0].kind, ROLE_EVENT_ALL);
	roles_count(&all, ann, -1);
	must(role_holder_del(&all, &edit, ROLE_USER, "ann"));
	assert_int_equal(roles_take_events(&all, &seen, events), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_names),
		TEST(test_edits),
		TEST(test_atomic),
		TEST(test_limits),
		TEST(test_overfull),
		TEST(test_order),
		TEST(test_token_roles),
		TEST(test_subscribe),
		TEST(test_random),
		TEST(test_stored),
		TEST(test_nonsense),
		TEST(test_events),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
