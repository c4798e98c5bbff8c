// SPDX-License-Identifier: MIT
/* mqttctl dataplane: who forwards messages, asked of the daemon. */
#include <string.h>

#include "mqttctl.h"

static void show_word(struct ctl *ctl, const json_t *object, const char *name)
{
	const char *word = json_string_value(json_object_get(object, name));

	/* One of a few words; whatever else it is, it is not printed as it stands. */
	if (word && strspn(word, "abcdefghijklmnopqrstuvwxyz") == strlen(word))
		out_word(&ctl->out, name, word);
}

static void show_count(struct ctl *ctl, const json_t *object, const char *name)
{
	const json_t *count = json_object_get(object, name);

	if (json_is_integer(count) && json_integer_value(count) >= 0)
		out_count(&ctl->out, name, json_integer_value(count));
}

/* Only the daemon's own words are printed. */
static void show_needs(struct ctl *ctl, json_t *needs)
{
	const json_t *count;
	const char *name;

	if (!json_object_size(needs))
		return;
	out_line(&ctl->out);
	out_object_begin(&ctl->out, "needs", OUT_ROW);
	json_object_foreach(needs, name, count)
		if (strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name))
			show_count(ctl, needs, name);
	out_object_end(&ctl->out);
}

static void show_listener(struct ctl *ctl, const json_t *listener)
{
	const char *address = json_string_value(json_object_get(listener, "address"));
	const char *path = json_string_value(json_object_get(listener, "path"));

	out_object_begin(&ctl->out, NULL, OUT_ROW);
	show_count(ctl, listener, "port");
	if (address)
		out_string(&ctl->out, "address", address, strlen(address));
	if (path)
		out_string(&ctl->out, "path", path, strlen(path));
	show_word(ctl, listener, "dataplane");
	show_count(ctl, listener, "connections");
	show_count(ctl, listener, "offloaded");
	show_count(ctl, listener, "hosted");
	show_needs(ctl, json_object_get(listener, "needs"));
	out_object_end(&ctl->out);
}

static int dataplane_show(struct ctl *ctl, int argc, char **argv)
{
	json_t *result, *listener;
	size_t i;

	if (argc)
		return ctl_usage("'dataplane show' does not take '%s'", argv[0]);
	result = ctl_ask(ctl, json_pack("{s:s}", "command", "dataplane-show"));
	if (!result)
		return FAILED;
	out_array_begin(&ctl->out, NULL);
	json_array_foreach(json_object_get(result, "listeners"), i, listener)
		show_listener(ctl, listener);
	out_array_end(&ctl->out);
	json_decref(result);
	return DONE;
}

static int set(struct ctl *ctl, const char *plane, int argc, char **argv)
{
	json_t *result;

	if (argc)
		return ctl_usage("'dataplane %s' does not take '%s'", plane, argv[0]);
	result = ctl_ask(ctl, json_pack("{s:s, s:s}", "command", "dataplane-set", "plane", plane));
	if (!result)
		return FAILED;
	out_object_begin(&ctl->out, NULL, OUT_ROW);
	show_word(ctl, result, "dataplane");
	show_count(ctl, result, "moved");
	show_count(ctl, result, "hosted");
	show_count(ctl, result, "failed");
	out_object_end(&ctl->out);
	json_decref(result);
	return DONE;
}

static int dataplane_kernel(struct ctl *ctl, int argc, char **argv)
{
	return set(ctl, "kernel", argc, argv);
}

static int dataplane_user(struct ctl *ctl, int argc, char **argv)
{
	return set(ctl, "user", argc, argv);
}

int dataplane_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "show", dataplane_show, "" },
		{ "kernel", dataplane_kernel, "" },
		{ "user", dataplane_user, "" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "dataplane", commands, argc, argv);
}
