// SPDX-License-Identifier: MIT
/* mqttctl user and group: who has which roles. */
#include <string.h>

#include "change.h"
#include "members.h"
#include "mqttctl.h"

static const struct ctl_member user_fields[] = {
	{ "name", AS_STRING }, { "roles", AS_NAMES }, { "groups", AS_NAMES }, { }
};

static const struct ctl_member group_fields[] = {
	{ "name", AS_STRING }, { "roles", AS_NAMES }, { "members", AS_COUNT }, { }
};

/* What the two have in common; their commands are "user-..." and "group-...". */
struct kind {
	const char *name;
	const char *list;
	const struct ctl_member *fields;
	const char *const *words;	/* of steps, from the first that takes away on */
};

static const char *const user_words[] = { "role", "group", "no-role", "no-group", NULL };
static const char *const group_words[] = { "role", "no-role", NULL };

static const struct kind user = { "user", "users", user_fields, user_words };
static const struct kind group = { "group", "groups", group_fields, group_words };

static json_t *request_new(const struct kind *kind, const char *command, const char *name)
{
	char text[32];

	snprintf(text, sizeof(text), "%s-%s", kind->name, command);
	return json_pack("{s:s, s:s*}", "command", text, "name", name);
}

static int list(struct ctl *ctl, const struct kind *kind, int argc, char **argv)
{
	char command[32];

	if (argc)
		return ctl_usage("'%s list' does not take '%s'", kind->name, argv[0]);
	snprintf(command, sizeof(command), "%s-list", kind->name);
	return ctl_show_pages(ctl, command, kind->list, kind->fields);
}

static int show(struct ctl *ctl, const struct kind *kind, int argc, char **argv)
{
	json_t *result;

	if (argc != 1)
		return ctl_usage("'%s show' needs one name", kind->name);
	result = ctl_ask_utf8(ctl, request_new(kind, "show", argv[0]));
	if (!result)
		return FAILED;
	out_object_begin(&ctl->out, NULL, OUT_COLUMN);
	ctl_show_members(ctl, kind->fields, result);
	out_object_end(&ctl->out);
	json_decref(result);
	return DONE;
}

static int del(struct ctl *ctl, const struct kind *kind, int argc, char **argv)
{
	if (argc != 1)
		return ctl_usage("'%s del' needs one name", kind->name);
	return ctl_change(ctl, request_new(kind, "del", argv[0]));
}

/* NULL after a sentence on stderr. A word is not abbreviated: others could come later. */
static const char *step_word(const struct kind *kind, const char *command, const char *word)
{
	bool takes = !strncmp(word, "no-", 3);
	size_t i;

	for (i = 0; kind->words[i]; i++)
		if (!strcmp(word, kind->words[i]) && !(takes && !strcmp(command, "add")))
			return kind->words[i];
	ctl_usage("'%s %s' does not know '%s'", kind->name, command, word);
	return NULL;
}

/* Pairs of words. NULL after a sentence on stderr. */
static json_t *steps(const struct kind *kind, const char *command, int argc, char **argv)
{
	json_t *array = json_array();
	const char *word;

	for (; argc; argc -= 2, argv += 2) {
		word = step_word(kind, command, argv[0]);
		if (word && argc == 1)
			ctl_usage("'%s' needs a name", word);
		if (!word || argc == 1) {
			json_decref(array);
			return NULL;
		}
		if (json_array_append_new(array, json_pack("[s, s]", word, argv[1]))) {
			json_decref(array);
			ctl_fail("names and topics are UTF-8");
			return NULL;
		}
	}
	return array;
}

static int change(struct ctl *ctl, const struct kind *kind, const char *command, int argc,
		  char **argv)
{
	json_t *request, *array;

	if (!argc)
		return ctl_usage("'%s %s' needs a name", kind->name, command);
	if (argc == 1 && !strcmp(command, "set"))
		return ctl_usage("'%s set' needs a name, and what to change", kind->name);
	array = steps(kind, command, argc - 1, argv + 1);
	if (!array)
		return USAGE;
	request = request_new(kind, command, argv[0]);
	if (request)
		json_object_set(request, "steps", array);
	json_decref(array);
	return ctl_change(ctl, request);
}

static int user_list(struct ctl *ctl, int argc, char **argv)
{
	return list(ctl, &user, argc, argv);
}

static int user_show(struct ctl *ctl, int argc, char **argv)
{
	return show(ctl, &user, argc, argv);
}

static int user_add(struct ctl *ctl, int argc, char **argv)
{
	return change(ctl, &user, "add", argc, argv);
}

static int user_set(struct ctl *ctl, int argc, char **argv)
{
	return change(ctl, &user, "set", argc, argv);
}

static int user_del(struct ctl *ctl, int argc, char **argv)
{
	return del(ctl, &user, argc, argv);
}

int user_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "list", user_list, "" },
		{ "show", user_show, "NAME" },
		{ "add", user_add, "NAME [ { role | group } NAME ]..." },
		{ "set", user_set, "NAME { role | no-role | group | no-group } NAME ..." },
		{ "del", user_del, "NAME" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "user", commands, argc, argv);
}

static int group_list(struct ctl *ctl, int argc, char **argv)
{
	return list(ctl, &group, argc, argv);
}

static int group_show(struct ctl *ctl, int argc, char **argv)
{
	return show(ctl, &group, argc, argv);
}

static int group_add(struct ctl *ctl, int argc, char **argv)
{
	return change(ctl, &group, "add", argc, argv);
}

static int group_set(struct ctl *ctl, int argc, char **argv)
{
	return change(ctl, &group, "set", argc, argv);
}

static int group_del(struct ctl *ctl, int argc, char **argv)
{
	return del(ctl, &group, argc, argv);
}

int group_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "list", group_list, "" },
		{ "show", group_show, "NAME" },
		{ "add", group_add, "NAME [ role NAME ]..." },
		{ "set", group_set, "NAME { role | no-role } NAME ..." },
		{ "del", group_del, "NAME" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "group", commands, argc, argv);
}
