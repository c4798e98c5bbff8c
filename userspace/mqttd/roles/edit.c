// SPDX-License-Identifier: MIT
/*
 * Changing roles and what they grant.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rcupdate.h>

#include <mqtt/utf8.h>

#include "roles/edit.h"
#include "sentence.h"
#include "store.h"

int role_refuse(struct role_edit *edit, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(edit->why, sizeof(edit->why), fmt, args);
	va_end(args);
	sentence_mend(edit->why);
	return err;
}

int role_no_memory(struct role_edit *edit)
{
	return role_refuse(edit, -ENOMEM, "out of memory");
}

int role_check_name(struct role_edit *edit, const char *what, const char *name)
{
	const char *c;
	size_t len = strlen(name);

	if (!len)
		return role_refuse(edit, -EINVAL, "a %s without a name", what);
	if (len > ROLE_NAME_MAX)
		return role_refuse(edit, -EINVAL, "the name of a %s has at most %d bytes", what,
				   ROLE_NAME_MAX);
	for (c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return role_refuse(edit, -EINVAL,
					   "the name of a %s has no control characters", what);
	if (!mqtt_utf8_valid((const u8 *)name, len))
		return role_refuse(edit, -EINVAL, "the name of a %s is UTF-8", what);
	return 0;
}

int role_store(struct roles *roles, struct role_edit *edit, const struct store_access *rows,
	       size_t n)
{
	if (!roles->store)
		return 0;
	edit->ticket = roles->store(roles->store_arg, rows, n);
	return edit->ticket ? 0 : role_no_memory(edit);
}

/* A client that is just being let in is counted before its roles are looked up. */
static bool anybody(const struct roles *roles, const struct role_event *event)
{
	if (event->kind == ROLE_EVENT_USER)
		return __atomic_load_n(&roles->connected[event->user % ROLE_CONNECTED],
				       __ATOMIC_SEQ_CST);
	return __atomic_load_n(&roles->clients, __ATOMIC_SEQ_CST);
}

void role_tell(struct roles *roles, struct role_edit *edit, struct role_event event)
{
	if (!anybody(roles, &event))
		return;
	pthread_mutex_lock(&roles->lock);
	roles_tell_locked(roles, event);
	pthread_mutex_unlock(&roles->lock);
	edit->told = true;
}

static struct role *find(const struct roles *roles, struct role_edit *edit, const char *name)
{
	struct role *role = roles_find(roles, name);

	if (!role)
		role_refuse(edit, -ENOENT, "there is no role '%s'", name);
	return role;
}

static int check_priority(struct role_edit *edit, u32 priority)
{
	if (priority <= GRANT_PRIORITY_MAX)
		return 0;
	return role_refuse(edit, -ERANGE, "a priority is a number from 0 to %d",
			   GRANT_PRIORITY_MAX);
}

/* --- roles -------------------------------------------------------------------------- */

struct role *role_new(struct roles *roles, const char *name, u32 priority)
{
	struct role *role = calloc(1, sizeof(*role) + strlen(name) + 1);
	int err = -ENOMEM;

	if (!role)
		return NULL;
	strcpy(role->name, name);
	role->refs = 1;
	role->priority = priority;
	role->version = role_version_new(NULL, 0);
	if (role->version) {
		pthread_mutex_lock(&roles->lock);
		err = hash_add(&roles->roles, &role->node, role_name_hash(roles, name));
		pthread_mutex_unlock(&roles->lock);
	}
	if (err) {
		role_version_free(role->version);
		free(role);
		return NULL;
	}
	role->id = ++roles->last_role;
	roles->bytes += sizeof(*role) + strlen(name) + role->version->bytes;
	return role;
}

static void role_remove(struct roles *roles, struct role *role)
{
	roles->bytes -= sizeof(*role) + strlen(role->name) + role->version->bytes;
	roles->grants -= role->version->n;
	pthread_mutex_lock(&roles->lock);
	hash_del(&roles->roles, &role->node);
	role_put_locked(roles, role);
	pthread_mutex_unlock(&roles->lock);
}

int role_add(struct roles *roles, struct role_edit *edit, const char *name, u32 priority)
{
	struct store_access row = { .kind = STORE_ROLE, .name = name, .priority = priority };
	int err = role_check_name(edit, "role", name);
	struct role *role;

	if (err || check_priority(edit, priority))
		return err ? err : -ERANGE;
	if (roles_find(roles, name))
		return role_refuse(edit, -EEXIST, "there is a role '%s' already", name);
	if (roles->roles.count >= ROLES_MAX)
		return role_refuse(edit, -ENOSPC, "there are %d roles, which is the limit",
				   ROLES_MAX);
	role = role_new(roles, name, priority);
	if (!role)
		return role_no_memory(edit);
	err = role_store(roles, edit, &row, 1);
	if (err)
		role_remove(roles, role);
	else
		role_tell(roles, edit, (struct role_event){
			.kind = strcmp(name, ROLE_DEFAULT) ? ROLE_EVENT_NAMED : ROLE_EVENT_ALL });
	return err;
}

int role_set(struct roles *roles, struct role_edit *edit, const char *name, u32 priority)
{
	struct store_access row = { .kind = STORE_ROLE, .name = name, .priority = priority };
	struct role *role = find(roles, edit, name);
	int err;

	if (!role)
		return -ENOENT;
	err = check_priority(edit, priority);
	if (!err)
		err = role_store(roles, edit, &row, 1);
	if (err)
		return err;
	/* Profiles that have it are in the former order: nobody is to find them */
	pthread_mutex_lock(&roles->lock);
	role->priority = priority;
	role->id = ++roles->last_role;
	pthread_mutex_unlock(&roles->lock);
	role_tell(roles, edit, (struct role_event){ .kind = ROLE_EVENT_ROLE, .role = role->id });
	return 0;
}

int role_del(struct roles *roles, struct role_edit *edit, const char *name)
{
	struct store_access rows[] = {
		{ .op = STORE_ACCESS_DEL, .kind = STORE_ROLE, .name = name },
		{ .op = STORE_ACCESS_CLEAR, .kind = STORE_GRANT, .name = name },
	};
	struct role *role = find(roles, edit, name);
	struct role_event event = { .kind = ROLE_EVENT_ROLE };
	int err;

	if (!role)
		return -ENOENT;
	event.role = role->id;
	if (role->holders)
		return role_refuse(edit, -EBUSY,
				   "%u users and groups have role '%s': take it from them first",
				   role->holders, name);
	err = role_store(roles, edit, rows, 2);
	if (err)
		return err;
	role_remove(roles, role);
	role_tell(roles, edit, event);
	return 0;
}

/* --- grants ------------------------------------------------------------------------- */

static void replace(struct roles *roles, struct role_edit *edit, struct role *role,
		    struct role_version *version)
{
	struct role_version *old = role->version;
	struct role_event event = { .kind = ROLE_EVENT_ROLE, .role = role->id };
	bool tell = false;

	roles->bytes += version->bytes - old->bytes;
	roles->grants += version->n - old->n;
	if (roles->changed)
		tell = roles->changed(roles->changed_arg, role, version);
	else
		rcu_assign_pointer(role->version, version);
	role_version_retire(old);
	if (tell)
		role_tell(roles, edit, event);
}

/* The version with @grant in place of number @at, or as another one; or without @at. */
static struct role_version *version_with(const struct role_version *old, long at,
					 const struct role_grant *grant)
{
	struct role_grant *grants = malloc((old->n + 1) * sizeof(*grants));
	struct role_version *version;
	u32 n = old->n;

	if (!grants)
		return NULL;
	memcpy(grants, old->grants, n * sizeof(*grants));
	if (!grant)
		grants[at] = grants[--n];
	else
		grants[at < 0 ? n++ : at] = *grant;
	version = role_version_new(grants, n);
	free(grants);
	return version;
}

static int grant_room(const struct roles *roles, struct role_edit *edit, const struct role *role)
{
	if (role->version->n >= ROLE_GRANTS_MAX)
		return role_refuse(edit, -ENOSPC, "role '%s' has %d grants, which is the limit",
				   role->name, ROLE_GRANTS_MAX);
	if (roles->bytes >= ROLES_BYTES_MAX)
		return role_refuse(edit, -ENOSPC, "roles take %zu bytes, which is the limit",
				   roles->bytes);
	return 0;
}

/* A filter that is too long is not repeated. */
static int bad_filter(struct role_edit *edit, const struct role_grant *grant, const char *why)
{
	if (grant->len > 128)
		return role_refuse(edit, -EINVAL, "a filter of %u bytes is %s", grant->len, why);
	return role_refuse(edit, -EINVAL, "'%.*s' is %s", (int)grant->len, grant->filter, why);
}

static int no_grant(struct role_edit *edit, const char *name, u8 access, const char *filter)
{
	return role_refuse(edit, -ENOENT, "role '%s' says nothing about %s of '%.128s'", name,
			   role_access_name(access), filter);
}

int role_grant_put(struct roles *roles, struct role_edit *edit, const char *name,
		   struct role_grant *grant, bool replaces)
{
	struct role *role = find(roles, edit, name);
	struct role_version *version;
	const char *why;
	char *filter;
	long at;
	int err;

	if (!role)
		return -ENOENT;
	if (!grant_filter_valid(grant->filter, grant->len, &grant->varies, &why))
		return bad_filter(edit, grant, why);
	err = check_priority(edit, grant->priority);
	if (err)
		return err;
	at = role_version_find(role->version, grant->access, grant->filter, grant->len);
	if (at >= 0 && !replaces)
		return role_refuse(edit, -EEXIST,
				   "role '%s' has a grant for %s of '%.128s' already: 'grant set' changes it",
				   name, role_access_name(grant->access), grant->filter);
	if (at < 0 && replaces)
		return no_grant(edit, name, grant->access, grant->filter);
	err = at < 0 ? grant_room(roles, edit, role) : 0;
	if (err)
		return err;
	filter = strndup(grant->filter, grant->len);
	version = filter ? version_with(role->version, at, grant) : NULL;
	err = version ? role_store(roles, edit, &(struct store_access){
			.kind = STORE_GRANT, .name = name, .other = filter,
			.access = grant->access, .action = grant->action,
			.priority = grant->priority }, 1) : role_no_memory(edit);
	free(filter);
	if (err)
		role_version_free(version);
	else
		replace(roles, edit, role, version);
	return err;
}

int role_grant_del(struct roles *roles, struct role_edit *edit, const char *name, u8 access,
		   const char *filter)
{
	struct store_access row = {
		.op = STORE_ACCESS_DEL, .kind = STORE_GRANT, .name = name, .other = filter,
		.access = access,
	};
	struct role *role = find(roles, edit, name);
	struct role_version *version;
	long at;
	int err;

	if (!role)
		return -ENOENT;
	at = role_version_find(role->version, access, filter, strlen(filter));
	if (at < 0)
		return no_grant(edit, name, access, filter);
	version = version_with(role->version, at, NULL);
	if (!version)
		return role_no_memory(edit);
	err = role_store(roles, edit, &row, 1);
	if (err)
		role_version_free(version);
	else
		replace(roles, edit, role, version);
	return err;
}

/* --- defaults ------------------------------------------------------------------------ */

int role_defaults_set(struct roles *roles, struct role_edit *edit, u8 mask, u8 bits)
{
	struct store_access rows[8];
	size_t n = 0;
	u8 access;
	int err;

	for (access = 1; access & ROLE_ACCESS_ALL; access <<= 1)
		if (mask & access)
			rows[n++] = (struct store_access){
				.kind = STORE_DEFAULT, .name = role_access_name(access),
				.access = access,
				.action = bits & access ? MQTT_ACL_ACTION_ALLOW :
							  MQTT_ACL_ACTION_DENY,
			};
	err = role_store(roles, edit, rows, n);
	if (err)
		return err;
	bits = (roles->defaults & ~mask) | (bits & mask);
	__atomic_store_n(&roles->defaults, bits, __ATOMIC_RELEASE);
	if (roles->changed)
		roles->changed(roles->changed_arg, NULL, NULL);
	role_tell(roles, edit, (struct role_event){ .kind = ROLE_EVENT_ALL });
	return 0;
}
