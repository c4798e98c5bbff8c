// SPDX-License-Identifier: MIT
/*
 * What the operator can ask about users and groups, and do to them. Steps of a change are
 * pairs of words: ["role", NAME], ["no-role", NAME], of users also "group" and "no-group".
 */
#include <string.h>
#include <linux/container_of.h>

#include "broker.h"
#include "control.h"
#include "control_roles.h"
#include "roles/edit.h"

#define PAGE	256

/* --- looking ---------------------------------------------------------------------- */

static json_t *describe(const struct role_holder *holder, enum role_holder_kind kind)
{
	json_t *object = json_object(), *list = json_array();
	unsigned int i;

	control_put(object, "name", json_string(holder->name));
	for (i = 0; i < holder->n_roles; i++)
		json_array_append_new(list, json_string(holder->roles[i]->name));
	control_put(object, "roles", list);
	if (kind == ROLE_GROUP) {
		control_put(object, "members", json_integer(holder->members));
		return object;
	}
	list = json_array();
	for (i = 0; i < holder->n_groups; i++)
		json_array_append_new(list, json_string(holder->groups[i]->name));
	control_put(object, "groups", list);
	return object;
}

static void list_user(struct hash_node *node, void *ctx)
{
	json_array_append_new(ctx, describe(container_of(node, struct role_holder, node),
					    ROLE_USER));
}

static void list_group(struct hash_node *node, void *ctx)
{
	json_array_append_new(ctx, describe(container_of(node, struct role_holder, node),
					    ROLE_GROUP));
}

static void list(struct control_request *request, enum role_holder_kind kind)
{
	size_t cursor = json_integer_value(json_object_get(request->arguments, "cursor"));
	struct roles *roles = &request->broker->roles;
	json_t *page = json_array();

	do {
		cursor = hash_scan(kind == ROLE_USER ? &roles->users : &roles->groups, cursor,
				   kind == ROLE_USER ? list_user : list_group, page);
	} while (cursor && json_array_size(page) < PAGE);
	control_answer(request, json_pack("{s:o, s:I}", kind == ROLE_USER ? "users" : "groups",
					  page, "next", (json_int_t)cursor));
}

static void show(struct control_request *request, enum role_holder_kind kind)
{
	const char *name = control_text(request, "name");
	const struct role_holder *holder;

	if (!name)
		return;
	holder = roles_find_holder(&request->broker->roles, kind, name);
	if (holder)
		control_answer(request, describe(holder, kind));
	else
		control_refuse(request, "there is no %s '%.256s'", role_kind_name(kind), name);
}

void control_user_list(struct control_request *request)
{
	list(request, ROLE_USER);
}

void control_group_list(struct control_request *request)
{
	list(request, ROLE_GROUP);
}

void control_user_show(struct control_request *request)
{
	show(request, ROLE_USER);
}

void control_group_show(struct control_request *request)
{
	show(request, ROLE_GROUP);
}

/* --- changing --------------------------------------------------------------------- */

struct change {
	enum role_holder_kind kind;
	const char *name;
	struct role_step steps[ROLE_STEPS_MAX];
	size_t n;
};

static bool parse_step(const json_t *pair, struct role_step *step)
{
	static const struct {
		const char *word;
		struct role_step step;
	} words[] = {
		{ "role", { 0 } },
		{ "no-role", { .take = true } },
		{ "group", { .group = true } },
		{ "no-group", { .group = true, .take = true } },
	};
	const char *word = json_string_value(json_array_get(pair, 0));
	const char *name = json_string_value(json_array_get(pair, 1));
	size_t i;

	for (i = 0; word && name && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i].word))
			continue;
		*step = words[i].step;
		step->name = name;
		return true;
	}
	return false;
}

/* Returns false if the request was refused. */
static bool parse(struct control_request *request, struct change *change)
{
	const json_t *steps = json_object_get(request->arguments, "steps"), *pair;
	size_t i;

	change->name = control_text(request, "name");
	if (!change->name)
		return false;
	if (steps && !json_is_array(steps)) {
		control_refuse(request, "\"steps\" has to be a list");
		return false;
	}
	if (json_array_size(steps) > ROLE_STEPS_MAX) {
		control_refuse(request, "more than %d roles and groups at once", ROLE_STEPS_MAX);
		return false;
	}
	json_array_foreach(steps, i, pair) {
		if (!parse_step(pair, &change->steps[i])) {
			control_refuse(request,
				       "\"steps\" has to be pairs of role, no-role, group or no-group and a name");
			return false;
		}
		change->n++;
	}
	return true;
}

static int add(struct control_request *request, struct role_edit *edit, const void *arg)
{
	const struct change *change = arg;

	return role_holder_add(&request->broker->roles, edit, change->kind, change->name,
			       change->steps, change->n);
}

static int set(struct control_request *request, struct role_edit *edit, const void *arg)
{
	const struct change *change = arg;

	return role_holder_set(&request->broker->roles, edit, change->kind, change->name,
			       change->steps, change->n);
}

static int del(struct control_request *request, struct role_edit *edit, const void *arg)
{
	const struct change *change = arg;

	return role_holder_del(&request->broker->roles, edit, change->kind, change->name);
}

static void run(struct control_request *request, enum role_holder_kind kind,
		int (*function)(struct control_request *request, struct role_edit *edit,
				const void *arg))
{
	struct change change = { .kind = kind };

	if (parse(request, &change))
		control_role_edit(request, function, &change);
}

void control_user_add(struct control_request *request)
{
	run(request, ROLE_USER, add);
}

void control_user_set(struct control_request *request)
{
	run(request, ROLE_USER, set);
}

void control_user_del(struct control_request *request)
{
	run(request, ROLE_USER, del);
}

void control_group_add(struct control_request *request)
{
	run(request, ROLE_GROUP, add);
}

void control_group_set(struct control_request *request)
{
	run(request, ROLE_GROUP, set);
}

void control_group_del(struct control_request *request)
{
	run(request, ROLE_GROUP, del);
}
