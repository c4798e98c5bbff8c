// SPDX-License-Identifier: MIT
/*
 * Changing users and groups.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "roles/edit.h"
#include "store.h"

const char *role_kind_name(enum role_holder_kind kind)
{
	return kind == ROLE_USER ? "user" : "group";
}

static struct hash_table *table_of(struct roles *roles, enum role_holder_kind kind)
{
	return kind == ROLE_USER ? &roles->users : &roles->groups;
}

static size_t holder_bytes(const struct role_holder *holder)
{
	return sizeof(*holder) + strlen(holder->name) + 1 +
	       (holder->n_roles + holder->n_groups) * sizeof(void *);
}

struct role_holder *role_holder_new(struct roles *roles, enum role_holder_kind kind,
				    const char *name)
{
	struct role_holder *holder = calloc(1, sizeof(*holder) + strlen(name) + 1);
	int err;

	if (!holder)
		return NULL;
	strcpy(holder->name, name);
	pthread_mutex_lock(&roles->lock);
	err = hash_add(table_of(roles, kind), &holder->node, role_name_hash(roles, name));
	pthread_mutex_unlock(&roles->lock);
	if (err) {
		free(holder);
		return NULL;
	}
	roles->bytes += holder_bytes(holder);
	return holder;
}

/**
 * struct plan - what a user or group is to have
 * @roles: all that it has then
 * @groups: likewise
 * @rows: for the store
 * @n_roles: how many
 * @n_groups: how many
 * @n_rows: how many
 */
struct plan {
	struct role *roles[ROLES_OF_ONE_MAX];
	struct role_holder *groups[GROUPS_OF_ONE_MAX];
	struct store_access rows[ROLE_STEPS_MAX + 1];
	unsigned int n_roles;
	unsigned int n_groups;
	size_t n_rows;
};

static void plan_row(struct plan *plan, u8 op, enum role_holder_kind kind,
		     const struct role_holder *holder, const struct role_step *step)
{
	u8 what = kind == ROLE_GROUP ? STORE_GROUP_ROLE :
		  step->group ? STORE_USER_GROUP : STORE_USER_ROLE;

	plan->rows[plan->n_rows++] = (struct store_access){
		.op = op, .kind = what, .name = holder->name, .other = step->name,
	};
}

/* Of @list, which has pointers to roles or groups. */
static unsigned int place_of(void *const *list, unsigned int n, const void *wanted)
{
	unsigned int i = 0;

	while (i < n && list[i] != wanted)
		i++;
	return i;
}

static int step_take(struct role_edit *edit, enum role_holder_kind kind,
		     const struct role_holder *holder, const struct role_step *step,
		     void **list, unsigned int *n, const void *what)
{
	unsigned int at = place_of(list, *n, what);

	if (at == *n)
		return role_refuse(edit, -ENOENT, "%s '%s' %s '%s'", role_kind_name(kind),
				   holder->name, step->group ? "is not in group" :
				   "does not have role", step->name);
	memmove(list + at, list + at + 1, (*n - at - 1) * sizeof(*list));
	--*n;
	return 0;
}

static int step_give(struct role_edit *edit, enum role_holder_kind kind,
		     const struct role_holder *holder, const struct role_step *step,
		     void **list, unsigned int *n, void *what)
{
	unsigned int max = step->group ? GROUPS_OF_ONE_MAX : ROLES_OF_ONE_MAX;

	if (place_of(list, *n, what) < *n)
		return role_refuse(edit, -EEXIST, "%s '%s' %s '%s' already", role_kind_name(kind),
				   holder->name, step->group ? "is in group" : "has role",
				   step->name);
	if (*n == max)
		return role_refuse(edit, -ENOSPC, "%s '%s' has %u %s, which is the limit",
				   role_kind_name(kind), holder->name, max,
				   step->group ? "groups" : "roles");
	list[(*n)++] = what;
	return 0;
}

static int plan_step(struct roles *roles, struct role_edit *edit, struct plan *plan,
		     enum role_holder_kind kind, const struct role_holder *holder,
		     const struct role_step *step)
{
	unsigned int *n = step->group ? &plan->n_groups : &plan->n_roles;
	void **list = step->group ? (void **)plan->groups : (void **)plan->roles;
	void *what;
	int err;

	if (step->group && kind == ROLE_GROUP)
		return role_refuse(edit, -EINVAL, "a group is in no group");
	if (step->group)
		what = roles_find_holder(roles, ROLE_GROUP, step->name);
	else
		what = roles_find(roles, step->name);
	if (!what)
		return role_refuse(edit, -ENOENT, "there is no %s '%.256s'",
				   step->group ? "group" : "role", step->name);
	if (step->take)
		err = step_take(edit, kind, holder, step, list, n, what);
	else
		err = step_give(edit, kind, holder, step, list, n, what);
	if (!err)
		plan_row(plan, step->take ? STORE_ACCESS_DEL : STORE_ACCESS_PUT, kind, holder,
			 step);
	return err;
}

static int plan_steps(struct roles *roles, struct role_edit *edit, struct plan *plan,
		      enum role_holder_kind kind, const struct role_holder *holder,
		      const struct role_step *steps, size_t n)
{
	int err = 0;
	size_t i;

	plan->n_roles = holder->n_roles;
	plan->n_groups = holder->n_groups;
	if (holder->n_roles)
		memcpy(plan->roles, holder->roles, holder->n_roles * sizeof(*holder->roles));
	if (holder->n_groups)
		memcpy(plan->groups, holder->groups, holder->n_groups * sizeof(*holder->groups));
	if (n > ROLE_STEPS_MAX)
		return role_refuse(edit, -E2BIG, "more than %d roles and groups at once",
				   ROLE_STEPS_MAX);
	for (i = 0; i < n && !err; i++)
		err = plan_step(roles, edit, plan, kind, holder, &steps[i]);
	return err;
}

/* Numbers of who has what; @n is 1 or -1. */
static void count(struct role *const *roles, unsigned int n_roles,
		  struct role_holder *const *groups, unsigned int n_groups, int n)
{
	unsigned int i;

	for (i = 0; i < n_roles; i++)
		roles[i]->holders += n;
	for (i = 0; i < n_groups; i++)
		groups[i]->members += n;
}

static void count_holder(const struct role_holder *holder, int n)
{
	count(holder->roles, holder->n_roles, holder->groups, holder->n_groups, n);
}

/* A copy, in @copy: NULL of nothing. 0 or -ENOMEM. */
static int duplicate(void *copy, const void *list, unsigned int n)
{
	void *made = n ? malloc(n * sizeof(void *)) : NULL;

	if (n && !made)
		return -ENOMEM;
	if (n)
		memcpy(made, list, n * sizeof(void *));
	*(void **)copy = made;
	return 0;
}

/* Gives the holder what is planned. */
static int plan_apply(struct roles *roles, struct role_edit *edit, const struct plan *plan,
		      struct role_holder *holder)
{
	struct role_holder old = *holder;
	struct role_holder **groups = NULL;
	struct role **list = NULL;
	int err;

	if (duplicate(&list, plan->roles, plan->n_roles) ||
	    duplicate(&groups, plan->groups, plan->n_groups))
		err = role_no_memory(edit);
	else
		err = role_store(roles, edit, plan->rows, plan->n_rows);
	if (err) {
		free(list);
		free(groups);
		return err;
	}
	roles->bytes -= holder_bytes(holder);
	count_holder(holder, -1);
	pthread_mutex_lock(&roles->lock);
	holder->roles = list;
	holder->groups = groups;
	holder->n_roles = plan->n_roles;
	holder->n_groups = plan->n_groups;
	pthread_mutex_unlock(&roles->lock);
	count_holder(holder, 1);
	roles->bytes += holder_bytes(holder);
	free(old.roles);
	free(old.groups);
	return 0;
}

static void tell(struct roles *roles, struct role_edit *edit, enum role_holder_kind kind,
		 const struct role_holder *holder)
{
	struct role_event event = { .kind = ROLE_EVENT_ALL };

	if (kind == ROLE_USER)
		event = (struct role_event){ .kind = ROLE_EVENT_USER,
					     .user = roles_user_hash(roles, holder->name) };
	else if (!holder->members && strcmp(holder->name, ROLE_GROUP_ANONYMOUS))
		return;
	role_tell(roles, edit, event);
}

static void holder_remove(struct roles *roles, enum role_holder_kind kind,
			  struct role_holder *holder)
{
	roles->bytes -= holder_bytes(holder);
	count_holder(holder, -1);
	pthread_mutex_lock(&roles->lock);
	hash_del(table_of(roles, kind), &holder->node);
	pthread_mutex_unlock(&roles->lock);
	free(holder->roles);
	free(holder->groups);
	free(holder);
}

static int holder_room(struct roles *roles, struct role_edit *edit, enum role_holder_kind kind)
{
	unsigned int max = kind == ROLE_USER ? ROLE_USERS_MAX : ROLE_GROUPS_MAX;

	if (table_of(roles, kind)->count >= max)
		return role_refuse(edit, -ENOSPC, "there are %u %ss, which is the limit", max,
				   role_kind_name(kind));
	if (roles->bytes >= ROLES_BYTES_MAX)
		return role_refuse(edit, -ENOSPC, "roles take %zu bytes, which is the limit",
				   roles->bytes);
	return 0;
}

int role_holder_add(struct roles *roles, struct role_edit *edit, enum role_holder_kind kind,
		    const char *name, const struct role_step *steps, size_t n)
{
	struct role_holder *holder;
	struct plan plan = {
		.rows = { { .kind = kind == ROLE_USER ? STORE_USER : STORE_GROUP, .name = name } },
		.n_rows = 1,
	};
	int err = role_check_name(edit, role_kind_name(kind), name);

	if (!err && roles_find_holder(roles, kind, name))
		err = role_refuse(edit, -EEXIST, "there is a %s '%s' already",
				  role_kind_name(kind), name);
	if (!err)
		err = holder_room(roles, edit, kind);
	if (err)
		return err;
	holder = role_holder_new(roles, kind, name);
	if (!holder)
		return role_no_memory(edit);
	err = plan_steps(roles, edit, &plan, kind, holder, steps, n);
	if (!err)
		err = plan_apply(roles, edit, &plan, holder);
	if (err)
		holder_remove(roles, kind, holder);
	else if (holder->n_roles || holder->n_groups)
		tell(roles, edit, kind, holder);
	return err;
}

static struct role_holder *find(const struct roles *roles, struct role_edit *edit,
				enum role_holder_kind kind, const char *name)
{
	struct role_holder *holder = roles_find_holder(roles, kind, name);

	if (!holder)
		role_refuse(edit, -ENOENT, "there is no %s '%.256s'", role_kind_name(kind), name);
	return holder;
}

int role_holder_set(struct roles *roles, struct role_edit *edit, enum role_holder_kind kind,
		    const char *name, const struct role_step *steps, size_t n)
{
	struct role_holder *holder = find(roles, edit, kind, name);
	struct plan plan = {};
	int err;

	if (!holder)
		return -ENOENT;
	err = plan_steps(roles, edit, &plan, kind, holder, steps, n);
	if (!err)
		err = plan_apply(roles, edit, &plan, holder);
	if (!err)
		tell(roles, edit, kind, holder);
	return err;
}

int role_holder_del(struct roles *roles, struct role_edit *edit, enum role_holder_kind kind,
		    const char *name)
{
	bool user = kind == ROLE_USER;
	struct store_access rows[] = {
		{ .op = STORE_ACCESS_DEL, .kind = user ? STORE_USER : STORE_GROUP, .name = name },
		{ .op = STORE_ACCESS_CLEAR, .kind = user ? STORE_USER_ROLE : STORE_GROUP_ROLE,
		  .name = name },
		{ .op = STORE_ACCESS_CLEAR, .kind = STORE_USER_GROUP, .name = name },
	};
	struct role_holder *holder = find(roles, edit, kind, name);
	struct role_event event = { .kind = ROLE_EVENT_ALL };
	int err;

	if (!holder)
		return -ENOENT;
	if (holder->members)
		return role_refuse(edit, -EBUSY,
				   "%u users are in group '%s': take them out first",
				   holder->members, name);
	err = role_store(roles, edit, rows, user ? 3 : 2);
	if (err)
		return err;
	if (user)
		event = (struct role_event){ .kind = ROLE_EVENT_USER,
					     .user = roles_user_hash(roles, name) };
	holder_remove(roles, kind, holder);
	if (user || !strcmp(name, ROLE_GROUP_ANONYMOUS))
		role_tell(roles, edit, event);
	return 0;
}
