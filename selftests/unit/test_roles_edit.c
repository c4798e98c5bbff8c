// SPDX-License-Identifier: MIT
/*
 * Roles: changes, what the store gets of them and what it makes of that later, and who is
 * told.
 */
#include "roles_fixture.h"

/* --- changes ---------------------------------------------------------------------- */

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
	refused(grant("r", ALLOW, ROLE_PUBLISH, "a", 0, true), -ENOENT,
		"says nothing about publish");
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

/* --- what the store has ---------------------------------------------------------------- */

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
	u32 seen = 0, id;
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
	must(role_add(&all, &edit, "s", 0));
	must(role_add(&all, &edit, ROLE_DEFAULT, 0));
	must(role_set(&all, &edit, "s", 1));
	id = roles_find(&all, "s")->id;
	must(role_del(&all, &edit, "s"));
	assert_int_equal(roles_take_events(&all, &seen, events), 4);
	assert_int_equal(events[0].kind, ROLE_EVENT_NAMED);
	assert_int_equal(events[1].kind, ROLE_EVENT_ALL);
	for (i = 2; i < 4; i++) {
		assert_int_equal(events[i].kind, ROLE_EVENT_ROLE);
		assert_int_equal(events[i].role, id);
	}
	roles_count(&all, ann, -1);
	must(role_holder_del(&all, &edit, ROLE_USER, "ann"));
	assert_int_equal(roles_take_events(&all, &seen, events), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_edits),
		TEST(test_atomic),
		TEST(test_limits),
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
