// SPDX-License-Identifier: MIT
/* mqttctl role and grant: what roles there are, and what they allow and deny. */
#include <string.h>

#include "change.h"
#include "members.h"
#include "mqttctl.h"

static const struct ctl_member role_fields[] = {
	{ "name", AS_STRING }, { "priority", AS_NUMBER }, { "grants", AS_COUNT },
	{ "holders", AS_COUNT }, { }
};

static const struct ctl_member grant_fields[] = {
	{ "action", AS_WORD }, { "access", AS_WORD }, { "filter", AS_STRING },
	{ "priority", AS_NUMBER }, { }
};

static const char *const accesses[] = { "publish", "receive", "subscribe", NULL };
static const char *const actions[] = { "allow", "deny", NULL };

/* The word that @word abbreviates, or NULL after a sentence on stderr. */
static const char *one_of(const char *const *words, const char *word, const char *what)
{
	size_t i;

	for (i = 0; words[i]; i++)
		if (ctl_is(word, words[i]))
			return words[i];
	ctl_usage("'%s' is no %s: %s, %s%s%s", word, what, words[0], words[1],
		  words[2] ? ", " : "", words[2] ? words[2] : "");
	return NULL;
}

/* --- roles ------------------------------------------------------------------------- */

static int role_list(struct ctl *ctl, int argc, char **argv)
{
	if (argc)
		return ctl_usage("'role list' does not take '%s'", argv[0]);
	return ctl_show_pages(ctl, "role-list", "roles", role_fields);
}

static int role_show(struct ctl *ctl, int argc, char **argv)
{
	json_t *result;

	if (argc != 1)
		return ctl_usage("'role show' needs one name");
	result = ctl_ask_utf8(ctl, json_pack("{s:s, s:s}", "command", "role-show",
					     "name", argv[0]));
	if (!result)
		return FAILED;
	out_object_begin(&ctl->out, NULL, OUT_COLUMN);
	ctl_show_members(ctl, role_fields, result);
	ctl_show_members_of(ctl, "list", grant_fields, json_object_get(result, "list"));
	out_object_end(&ctl->out);
	json_decref(result);
	return DONE;
}

static int change_role(struct ctl *ctl, const char *command, int argc, char **argv)
{
	json_int_t priority;

	if (!argc)
		return ctl_usage("'role %s' needs a name", command + strlen("role-"));
	if (ctl_priority(argc - 1, argv + 1, &priority))
		return USAGE;
	return ctl_change(ctl, json_pack("{s:s, s:s, s:I}", "command", command, "name", argv[0],
					 "priority", priority));
}

static int role_add(struct ctl *ctl, int argc, char **argv)
{
	return change_role(ctl, "role-add", argc, argv);
}

static int role_set(struct ctl *ctl, int argc, char **argv)
{
	if (argc == 1)
		return ctl_usage("'role set' needs a name, and what to change");
	return change_role(ctl, "role-set", argc, argv);
}

static int role_del(struct ctl *ctl, int argc, char **argv)
{
	if (argc != 1)
		return ctl_usage("'role del' needs one name");
	return ctl_change(ctl, json_pack("{s:s, s:s}", "command", "role-del", "name", argv[0]));
}

static int show_defaults(struct ctl *ctl)
{
	static const struct ctl_member fields[] = {
		{ "publish", AS_WORD }, { "receive", AS_WORD }, { "subscribe", AS_WORD }, { }
	};
	json_t *result = ctl_ask(ctl, json_pack("{s:s}", "command", "role-default"));

	if (!result)
		return FAILED;
	out_object_begin(&ctl->out, NULL, OUT_COLUMN);
	ctl_show_members(ctl, fields, result);
	out_object_end(&ctl->out);
	json_decref(result);
	return DONE;
}

static int role_default(struct ctl *ctl, int argc, char **argv)
{
	const char *access, *action;
	json_t *request;

	if (!argc)
		return show_defaults(ctl);
	request = json_pack("{s:s}", "command", "role-default");
	for (; argc; argc -= 2, argv += 2) {
		access = one_of(accesses, argv[0], "access");
		if (access && argc == 1)
			ctl_usage("'%s' needs a value", access);
		action = access && argc > 1 ? one_of(actions, argv[1], "action") : NULL;
		if (!action) {
			json_decref(request);
			return USAGE;
		}
		json_object_set_new(request, access, json_string(action));
	}
	return ctl_change(ctl, request);
}

int role_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "list", role_list, "" },
		{ "show", role_show, "NAME" },
		{ "add", role_add, "NAME [ priority N ]" },
		{ "set", role_set, "NAME priority N" },
		{ "del", role_del, "NAME" },
		{ "default", role_default,
		  "[ { publish | receive | subscribe } { allow | deny } ]..." },
		{ 0 }
	};

	return ctl_dispatch(ctl, "role", commands, argc, argv);
}

/* --- grants ------------------------------------------------------------------------ */

static int put_grant(struct ctl *ctl, const char *command, int argc, char **argv)
{
	const char *access, *action;
	json_int_t priority;

	if (argc < 4)
		return ctl_usage("'grant %s' needs a role, allow or deny, an access and a filter",
				 command + strlen("grant-"));
	action = one_of(actions, argv[1], "action");
	access = action ? one_of(accesses, argv[2], "access") : NULL;
	if (!access || ctl_priority(argc - 4, argv + 4, &priority))
		return USAGE;
	return ctl_change(ctl, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "command", command,
					 "role", argv[0], "action", action, "access", access,
					 "filter", argv[3], "priority", priority));
}

static int grant_add(struct ctl *ctl, int argc, char **argv)
{
	return put_grant(ctl, "grant-add", argc, argv);
}

static int grant_set(struct ctl *ctl, int argc, char **argv)
{
	return put_grant(ctl, "grant-set", argc, argv);
}

static int grant_del(struct ctl *ctl, int argc, char **argv)
{
	const char *access;

	if (argc != 3)
		return ctl_usage("'grant del' needs a role, an access and a filter");
	access = one_of(accesses, argv[1], "access");
	if (!access)
		return USAGE;
	return ctl_change(ctl, json_pack("{s:s, s:s, s:s, s:s}", "command", "grant-del",
					 "role", argv[0], "access", access, "filter", argv[2]));
}

static int grant_show(struct ctl *ctl, int argc, char **argv)
{
	json_t *result;

	if (argc != 1)
		return ctl_usage("'grant show' needs one role");
	result = ctl_ask_utf8(ctl, json_pack("{s:s, s:s}", "command", "role-show",
					     "name", argv[0]));
	if (!result)
		return FAILED;
	ctl_show_members_of(ctl, NULL, grant_fields, json_object_get(result, "list"));
	json_decref(result);
	return DONE;
}

int grant_main(struct ctl *ctl, int argc, char **argv)
{
	static const char rule[] = "ROLE { allow | deny } { publish | receive | subscribe } FILTER"
				   " [ priority N ]";
	static const struct command commands[] = {
		{ "show", grant_show, "ROLE" },
		{ "add", grant_add, rule },
		{ "set", grant_set, rule },
		{ "del", grant_del, "ROLE { publish | receive | subscribe } FILTER" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "grant", commands, argc, argv);
}
