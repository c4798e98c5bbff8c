// SPDX-License-Identifier: MIT
/*
 * What the operator can ask about roles, and do to them.
 */
#include <errno.h>
#include <string.h>
#include <linux/container_of.h>

#include "audit.h"
#include "broker.h"
#include "control.h"
#include "control_edits.h"
#include "control_roles.h"
#include "roles/edit.h"

/* Objects in one answer, or a bucket of the table's more. */
#define PAGE	256

/* --- requests ----------------------------------------------------------------------- */

void control_put(json_t *object, const char *name, json_t *value)
{
	if (value && !json_is_null(value))
		json_object_set_new(object, name, value);
	else
		json_decref(value);
}

/* What is quoted in a sentence has no NUL bytes either. */
const char *control_text(struct control_request *request, const char *name)
{
	const json_t *value = json_object_get(request->arguments, name);
	const char *text = json_string_value(value);

	if (text && strlen(text) == json_string_length(value))
		return text;
	control_refuse(request, "\"%s\" has to be a string", name);
	return NULL;
}

int control_word(struct control_request *request, const char *name, const char *const *names)
{
	const char *word = control_text(request, name);
	int i;

	if (!word)
		return -1;
	for (i = 0; names[i]; i++)
		if (!strcmp(names[i], word))
			return i;
	control_refuse(request, "\"%s\" cannot be '%.64s'", name, word);
	return -1;
}

static const char *const access_names[] = { "publish", "receive", "subscribe", NULL };
static const char *const action_names[] = { "deny", "allow", NULL };

unsigned int control_access(struct control_request *request)
{
	int access = control_word(request, "access", access_names);

	return access < 0 ? 0 : 1u << access;
}

/* Out of any range for what is no number from 0 on. */
static u32 priority_of(const struct control_request *request)
{
	const json_t *value = json_object_get(request->arguments, "priority");
	json_int_t number = json_integer_value(value);

	if (!value)
		return 0;
	if (!json_is_integer(value) || number > GRANT_PRIORITY_MAX || number < 0)
		return GRANT_PRIORITY_MAX + 1;
	return number;
}

/* In force for those clients that it is about, and for the router. */
static void settle(struct control_request *request, const struct role_edit *edit)
{
	if (edit->told)
		broker_wait_for_rounds(request->broker);
}

void control_role_edit(struct control_request *request,
		       int (*change)(struct control_request *request, struct role_edit *edit,
				     const void *arg), const void *arg)
{
	struct role_edit edit = {};
	char why[AUDIT_WHY_MAX];
	unsigned long number;

	if (audit_begin(&request->peer, request->arguments, &number, why)) {
		control_refuse(request, "%s", why);
		return;
	}
	if (change(request, &edit, arg)) {
		audit_failed(number, edit.why);
		control_refuse(request, "%s", edit.why);
		return;
	}
	settle(request, &edit);
	control_edits_answer(request, edit.ticket, json_object());
}

/* --- looking ---------------------------------------------------------------------- */

static json_t *describe(const struct role *role)
{
	return json_pack("{s:s, s:I, s:I, s:I}", "name", role->name,
			 "priority", (json_int_t)role->priority,
			 "grants", (json_int_t)role->version->n,
			 "holders", (json_int_t)role->holders);
}

static void list_role(struct hash_node *node, void *ctx)
{
	json_array_append_new(ctx, describe(container_of(node, struct role, node)));
}

void control_role_list(struct control_request *request)
{
	size_t cursor = json_integer_value(json_object_get(request->arguments, "cursor"));
	json_t *list = json_array();

	do {
		cursor = hash_scan(&request->broker->roles.roles, cursor, list_role, list);
	} while (cursor && json_array_size(list) < PAGE);
	control_answer(request, json_pack("{s:o, s:I}", "roles", list, "next",
					  (json_int_t)cursor));
}

static json_t *describe_grant(const struct role_grant *grant)
{
	return json_pack("{s:s, s:s, s:s%, s:I}", "action", role_action_name(grant->action),
			 "access", role_access_name(grant->access),
			 "filter", grant->filter, (size_t)grant->len,
			 "priority", (json_int_t)grant->priority);
}

void control_role_show(struct control_request *request)
{
	const char *name = control_text(request, "name");
	const struct role *role;
	json_t *result, *list;
	u32 i;

	if (!name)
		return;
	role = roles_find(&request->broker->roles, name);
	if (!role) {
		control_refuse(request, "there is no role '%.256s'", name);
		return;
	}
	result = describe(role);
	list = json_array();
	for (i = 0; i < role->version->n; i++)
		json_array_append_new(list, describe_grant(&role->version->grants[i]));
	control_put(result, "list", list);
	control_answer(request, result);
}

/* --- roles ------------------------------------------------------------------------- */

static int add_role(struct control_request *request, struct role_edit *edit, const void *arg)
{
	return role_add(&request->broker->roles, edit, arg, priority_of(request));
}

static int set_role(struct control_request *request, struct role_edit *edit, const void *arg)
{
	return role_set(&request->broker->roles, edit, arg, priority_of(request));
}

static int del_role(struct control_request *request, struct role_edit *edit, const void *arg)
{
	return role_del(&request->broker->roles, edit, arg);
}

static void edit_named(struct control_request *request,
		       int (*change)(struct control_request *request, struct role_edit *edit,
				     const void *arg))
{
	const char *name = control_text(request, "name");

	if (name)
		control_role_edit(request, change, name);
}

void control_role_add(struct control_request *request)
{
	edit_named(request, add_role);
}

void control_role_set(struct control_request *request)
{
	edit_named(request, set_role);
}

void control_role_del(struct control_request *request)
{
	edit_named(request, del_role);
}

/* --- defaults -------------------------------------------------------------------- */

struct defaults {
	u8 mask;
	u8 bits;
};

static int set_defaults(struct control_request *request, struct role_edit *edit, const void *arg)
{
	const struct defaults *defaults = arg;

	return role_defaults_set(&request->broker->roles, edit, defaults->mask, defaults->bits);
}

static void show_defaults(struct control_request *request)
{
	u8 bits = roles_defaults(&request->broker->roles);
	json_t *result = json_object();
	int i;

	for (i = 0; access_names[i]; i++)
		control_put(result, access_names[i],
			    json_string(action_names[!!(bits & 1u << i)]));
	control_answer(request, result);
}

void control_role_default(struct control_request *request)
{
	struct defaults defaults = {};
	int i, action;

	for (i = 0; access_names[i]; i++) {
		if (!json_object_get(request->arguments, access_names[i]))
			continue;
		action = control_word(request, access_names[i], action_names);
		if (action < 0)
			return;
		defaults.mask |= 1u << i;
		defaults.bits |= action << i;
	}
	if (defaults.mask)
		control_role_edit(request, set_defaults, &defaults);
	else
		show_defaults(request);
}

/* --- grants ---------------------------------------------------------------------- */

struct grant_change {
	const char *role;
	struct role_grant grant;
	bool replace;
};

static int put_grant(struct control_request *request, struct role_edit *edit, const void *arg)
{
	const struct grant_change *change = arg;
	struct role_grant grant = change->grant;

	return role_grant_put(&request->broker->roles, edit, change->role, &grant,
			      change->replace);
}

static int del_grant(struct control_request *request, struct role_edit *edit, const void *arg)
{
	const struct grant_change *change = arg;

	return role_grant_del(&request->broker->roles, edit, change->role, change->grant.access,
			      change->grant.filter);
}

/* Returns false if the request was refused. */
static bool parse_grant(struct control_request *request, struct grant_change *change)
{
	change->role = control_text(request, "role");
	if (!change->role)
		return false;
	change->grant.access = control_access(request);
	if (!change->grant.access)
		return false;
	change->grant.filter = control_text(request, "filter");
	if (!change->grant.filter)
		return false;
	change->grant.len = strlen(change->grant.filter);
	change->grant.priority = priority_of(request);
	return true;
}

static void put(struct control_request *request, bool replace)
{
	struct grant_change change = { .replace = replace };
	int action;

	if (!parse_grant(request, &change))
		return;
	action = control_word(request, "action", action_names);
	if (action < 0)
		return;
	change.grant.action = action;
	control_role_edit(request, put_grant, &change);
}

void control_grant_add(struct control_request *request)
{
	put(request, false);
}

void control_grant_set(struct control_request *request)
{
	put(request, true);
}

void control_grant_del(struct control_request *request)
{
	struct grant_change change = {};

	if (parse_grant(request, &change))
		control_role_edit(request, del_grant, &change);
}
