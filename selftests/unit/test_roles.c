// SPDX-License-Identifier: MIT
/*
 * Roles: what filters mean to each other, and what is asked compared with a naive answer.
 */
#include "roles_fixture.h"

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
	const struct role_who reserved = { .client_id = "$SYS", .username = "u" };
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
	/* Not to topics that a wildcard would not match */
	assert_made("%c/#", &reserved, GRANT_BAD_VALUE, NULL);
	assert_made("%c%u", &reserved, GRANT_BAD_VALUE, NULL);
	assert_made("%u/%c/#", &reserved, GRANT_MADE, "u/$SYS/#");
	assert_made("$%u/#", &reserved, GRANT_MADE, "$u/#");
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
	static char * const named[] = { "t", "unknown", "t", "zz" };
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
				fail_msg("round %u: %s: %u, not %u", round, topics[k], says,
					 wanted);
			seen[says]++;
		}
		for (i = 0; i < 3; i++) {
			must(step_one(false, ROLE_USER, "ann", false, true, models[i].name));
			must(role_del(&all, &edit, models[i].name));
		}
	}
	assert_true(seen[0] > 300 && seen[1] > 300 && seen[2] > 300);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_names),
		TEST(test_overfull),
		TEST(test_order),
		TEST(test_token_roles),
		TEST(test_subscribe),
		TEST(test_random),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
