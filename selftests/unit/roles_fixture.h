/* SPDX-License-Identifier: MIT */
/*
 * Roles for tests: changes, questions, and a store that is a list of rows.
 */
#ifndef ROLES_FIXTURE_H
#define ROLES_FIXTURE_H

#include <errno.h>
#include <linux/container_of.h>
#include <linux/rcupdate.h>

#include "auth/method.h"
#include "roles/edit.h"
#include "roles/load.h"
#include "store.h"
#include "topic_random.h"

static const struct auth_claim claims[] = {
	{ "site", "berlin" }, { "bad", "x/y" }, { "plus", "+" }, { "none", "" }, { "%c", "odd" },
};

static const struct role_who somebody = { "c1", "ann", claims, 5 };

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

static inline bool same_key(const struct store_access *a, const struct store_access *b, bool clear)
{
	const char *x = a->other ? a->other : "", *y = b->other ? b->other : "";

	return a->kind == b->kind && !strcmp(a->name, b->name) &&
	       (clear || (!strcmp(x, y) && a->access == b->access));
}

static inline void apply(const struct store_access *row)
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

static inline u64 keep(void *arg, const struct store_access *changed, size_t n)
{
	(void)arg;
	store_calls++;
	if (store_fails)
		return 0;
	while (n--)
		apply(changed++);
	return store_calls;
}

static inline void rows_clear(void)
{
	while (n_rows) {
		n_rows--;
		free((char *)rows[n_rows].access.name);
		free((char *)rows[n_rows].access.other);
	}
	store_fails = false;
	store_calls = 0;
}

/* --- changes -------------------------------------------------------------------------- */

static struct roles all;
static struct role_edit edit;

static inline int setup(void **state)
{
	(void)state;
	rows_clear();
	edit = (struct role_edit){};
	assert_int_equal(roles_init(&all), 0);
	all.store = keep;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	roles_destroy(&all);
	rcu_barrier();
	rows_clear();
	return 0;
}

static inline int grant(const char *role, u8 action, u8 access, const char *filter, u32 priority,
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

static inline void must(int err)
{
	if (err)
		fail_msg("%s", edit.why);
}

static inline void refused(int got, int wanted, const char *why)
{
	assert_int_equal(got, wanted);
	if (!strstr(edit.why, why))
		fail_msg("\"%s\" does not say \"%s\"", edit.why, why);
}

static inline int step_one(bool add, enum role_holder_kind kind, const char *name, bool group,
		    bool take, const char *what)
{
	struct role_step step = { .group = group, .take = take, .name = what };

	return add ? role_holder_add(&all, &edit, kind, name, &step, !!what) :
		     role_holder_set(&all, &edit, kind, name, &step, 1);
}

/* What a client of these names may do, MQTT_ACL_ACTION_*. */
static inline u8 ask(const char *username, u8 access, const char *topic)
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif /* ROLES_FIXTURE_H */
