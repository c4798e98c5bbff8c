// SPDX-License-Identifier: MIT
/*
 * Roles from the store. What it has was checked when it was put there, but a database
 * can be changed by others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "roles/edit.h"
#include "roles/load.h"
#include "store.h"

/**
 * struct role_loading - grants of one role, until the next one's come
 * @role: which; NULL: none
 * @n: grants
 * @grants: they, each with a filter of its own
 */
struct role_loading {
	struct role *role;
	u32 n;
	struct role_grant grants[ROLE_GRANTS_MAX];
};

static void loading_clear(struct role_loading *loading)
{
	while (loading->n)
		free((char *)loading->grants[--loading->n].filter);
	loading->role = NULL;
}

void roles_load_forget(struct roles *roles)
{
	if (roles->loading)
		loading_clear(roles->loading);
	free(roles->loading);
	roles->loading = NULL;
}

static int finish_role(struct roles *roles)
{
	struct role_loading *loading = roles->loading;
	struct role_version *version;

	if (!loading || !loading->role)
		return 0;
	version = role_version_new(loading->grants, loading->n);
	if (!version)
		return -ENOMEM;
	roles->grants += version->n;
	roles->bytes += version->bytes - loading->role->version->bytes;
	role_version_free(loading->role->version);
	loading->role->version = version;
	loading_clear(loading);
	return 0;
}

static int load_grant(struct roles *roles, const struct store_access *row)
{
	struct role *role = roles_find(roles, row->name);
	struct role_loading *loading = roles->loading;
	struct role_grant *grant;
	const char *why;
	bool varies;
	int err = 0;

	if (!loading)
		loading = calloc(1, sizeof(*loading));
	if (!loading)
		return -ENOMEM;
	roles->loading = loading;
	if (!role || !row->other ||
	    !grant_filter_valid(row->other, strlen(row->other), &varies, &why) ||
	    !row->access || row->access > ROLE_SUBSCRIBE || row->access & (row->access - 1) ||
	    row->action > MQTT_ACL_ACTION_ALLOW || row->priority > GRANT_PRIORITY_MAX)
		return -EINVAL;
	if (loading->role != role)
		err = finish_role(roles);
	if (!err && loading->n == ROLE_GRANTS_MAX)
		err = -EINVAL;
	if (err)
		return err;
	grant = &loading->grants[loading->n];
	*grant = (struct role_grant){
		.filter = strdup(row->other), .len = strlen(row->other),
		.priority = row->priority, .access = row->access, .action = row->action,
		.varies = varies,
	};
	if (!grant->filter)
		return -ENOMEM;
	loading->role = role;
	loading->n++;
	return 0;
}

/* Grows one by one: most have one or two. */
static int append(void *list, u16 *n, unsigned int max, void *what)
{
	void **grown;

	if (!what || *n >= max)
		return -EINVAL;
	grown = reallocarray(*(void **)list, *n + 1, sizeof(void *));
	if (!grown)
		return -ENOMEM;
	grown[(*n)++] = what;
	*(void **)list = grown;
	return 0;
}

static int load_role_of(struct roles *roles, enum role_holder_kind kind,
			const struct store_access *row)
{
	struct role_holder *holder = roles_find_holder(roles, kind, row->name);
	struct role *role = row->other ? roles_find(roles, row->other) : NULL;
	int err = holder ? append(&holder->roles, &holder->n_roles, ROLES_OF_ONE_MAX, role) :
			   -EINVAL;

	if (err)
		return err;
	role->holders++;
	roles->bytes += sizeof(role);
	return 0;
}

static int load_group_of(struct roles *roles, const struct store_access *row)
{
	struct role_holder *holder = roles_find_holder(roles, ROLE_USER, row->name), *group;
	int err = -EINVAL;

	group = row->other ? roles_find_holder(roles, ROLE_GROUP, row->other) : NULL;
	if (holder)
		err = append(&holder->groups, &holder->n_groups, GROUPS_OF_ONE_MAX, group);
	if (err)
		return err;
	group->members++;
	roles->bytes += sizeof(group);
	return 0;
}

static int load_default(struct roles *roles, const struct store_access *row)
{
	if (!(row->access & ROLE_ACCESS_ALL) || row->action > MQTT_ACL_ACTION_ALLOW)
		return -EINVAL;
	roles->defaults &= ~row->access;
	if (row->action == MQTT_ACL_ACTION_ALLOW)
		roles->defaults |= row->access;
	return 0;
}

int roles_load(struct roles *roles, const struct store_access *row)
{
	struct role_edit edit;
	int err;

	switch (row->kind) {
	case STORE_ROLE:
		err = role_check_name(&edit, "role", row->name);
		return err ?: role_new(roles, row->name, row->priority) ? 0 : -ENOMEM;
	case STORE_GROUP:
		err = role_check_name(&edit, "group", row->name);
		return err ?: role_holder_new(roles, ROLE_GROUP, row->name) ? 0 : -ENOMEM;
	case STORE_USER:
		err = role_check_name(&edit, "user", row->name);
		return err ?: role_holder_new(roles, ROLE_USER, row->name) ? 0 : -ENOMEM;
	case STORE_GRANT:
		return load_grant(roles, row);
	case STORE_GROUP_ROLE:
		return load_role_of(roles, ROLE_GROUP, row);
	case STORE_USER_ROLE:
		return load_role_of(roles, ROLE_USER, row);
	case STORE_USER_GROUP:
		return load_group_of(roles, row);
	case STORE_DEFAULT:
		return load_default(roles, row);
	}
	return -EINVAL;
}

int roles_load_end(struct roles *roles)
{
	int err = finish_role(roles);

	roles_load_forget(roles);
	return err;
}
