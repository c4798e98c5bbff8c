// SPDX-License-Identifier: MIT
/* mqttctl session: what belongs to client ids, online or not, asked of the daemon. */
#include <string.h>

#include "mqttctl.h"

enum kind {
	WORD,
	STRING,
	COUNT,
	BYTES,
	LINE,		/* text: the next line begins */
};

struct field {
	const char *name;
	enum kind kind;
};

/* In the order in which they are printed; what the daemon leaves out is left out. */
static const struct field row_fields[] = {
	{ "client-id", STRING }, { "state", WORD }, { "remote", WORD }, { "username", STRING },
	{ "protocol", WORD }, { "dataplane", WORD }, { "", LINE },
	{ "subscriptions", COUNT }, { "queue-messages", COUNT }, { "queue-bytes", BYTES },
	{ "in-flight-out", COUNT }, { "in-flight-in", COUNT }, { "drops", COUNT },
	{ "expiry", WORD }, { "expires-in", COUNT }, { }
};

static const struct field show_fields[] = {
	{ "client-id", STRING }, { "state", WORD }, { "remote", WORD }, { "port", COUNT },
	{ "username", STRING }, { "protocol", WORD }, { "transport", WORD },
	{ "tls", STRING }, { "dataplane", WORD }, { "needs", WORD },
	{ "connected-for", COUNT }, { "keep-alive", COUNT },
	{ "max-packet", BYTES }, { "expiry", WORD }, { "expires-in", COUNT },
	{ "durable", WORD }, { "will", STRING }, { "will-delay", COUNT }, { "will-in", COUNT },
	{ "subscriptions", COUNT }, { "queue-messages", COUNT }, { "queue-bytes", BYTES },
	{ "in-flight-out", COUNT }, { "in-flight-in", COUNT }, { "window", COUNT },
	{ "output-bytes", BYTES }, { "connections", COUNT }, { "take-overs", COUNT },
	{ "last-end", STRING }, { "last-end-ago", COUNT }, { }
};

static const struct field drop_fields[] = {
	{ "max-queued-messages", COUNT }, { "max-queued-bytes", COUNT }, { "total", COUNT },
	{ "no-memory", COUNT }, { "expired", COUNT }, { "too-long", COUNT }, { "denied", COUNT },
	{ "not-reading", COUNT }, { "old", COUNT }, { "conflated", COUNT },
	{ "above-rate", COUNT }, { }
};

static const struct field incident_fields[] = {
	{ "ago", COUNT }, { "client-id", STRING }, { "remote", WORD }, { "what", STRING },
	{ "detail", STRING }, { "times", COUNT }, { }
};

static const struct field sub_fields[] = {
	{ "filter", STRING }, { "qos", COUNT }, { "id", COUNT }, { "options", WORD }, { }
};

/* One of our own words, or an address; whatever else it is, it is not printed as it stands. */
static bool is_word(const char *word)
{
	return strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-.:,[]") == strlen(word);
}

static void show_field(struct ctl *ctl, const struct field *field, const json_t *value)
{
	const char *text = json_string_value(value);
	json_int_t number = json_integer_value(value);

	if (field->kind == LINE)
		out_line(&ctl->out);
	else if (field->kind == STRING && text)
		out_string(&ctl->out, field->name, text, json_string_length(value));
	else if (field->kind == WORD && text && is_word(text))
		out_word(&ctl->out, field->name, text);
	else if (field->kind == COUNT && json_is_integer(value) && number >= 0)
		out_count(&ctl->out, field->name, number);
	else if (field->kind == BYTES && json_is_integer(value) && number >= 0)
		out_bytes(&ctl->out, field->name, number);
}

static void show(struct ctl *ctl, const struct field *fields, const json_t *object)
{
	for (; fields->name; fields++)
		show_field(ctl, fields, json_object_get(object, fields->name));
}

static void show_array(struct ctl *ctl, const char *name, const struct field *fields,
		       const json_t *array)
{
	const json_t *object;
	size_t i;

	out_array_begin(&ctl->out, name);
	json_array_foreach(array, i, object) {
		out_object_begin(&ctl->out, NULL, OUT_ROW);
		show(ctl, fields, object);
		out_object_end(&ctl->out);
	}
	out_array_end(&ctl->out);
}

/* Pages until there is no next one; a list that was begun is ended. */
static int session_list(struct ctl *ctl, int argc, char **argv)
{
	json_int_t cursor = 0;
	int status = DONE;
	json_t *page, *session;
	size_t i;

	if (argc)
		return ctl_usage("'session list' does not take '%s'", argv[0]);
	do {
		page = ctl_ask(ctl, json_pack("{s:s, s:I}", "command", "session-list",
					      "cursor", cursor));
		if (!page) {
			status = FAILED;
			break;
		}
		ctl_list_open(ctl);
		json_array_foreach(json_object_get(page, "sessions"), i, session) {
			out_object_begin(&ctl->out, NULL, OUT_ROW);
			show(ctl, row_fields, session);
			out_object_end(&ctl->out);
		}
		cursor = json_integer_value(json_object_get(page, "next"));
		json_decref(page);
	} while (cursor);
	if (ctl->listing)
		out_array_end(&ctl->out);
	ctl->listing = false;
	return status;
}

/* A client id may be anything, "help" too. NULL after a sentence on stderr. */
static json_t *ask_about(struct ctl *ctl, const char *command, int argc, char **argv)
{
	json_t *request;

	if (argc != 1) {
		ctl_usage("'session %s' needs one client id", command + strlen("session-"));
		return NULL;
	}
	request = json_pack("{s:s, s:s}", "command", command, "client-id", argv[0]);
	if (!request) {
		ctl_fail("a client id is UTF-8");
		return NULL;
	}
	return ctl_ask(ctl, request);
}

static int session_show(struct ctl *ctl, int argc, char **argv)
{
	const json_t *drops;
	json_t *result;

	result = ask_about(ctl, "session-show", argc, argv);
	if (!result)
		return argc == 1 ? FAILED : USAGE;
	out_object_begin(&ctl->out, NULL, OUT_COLUMN);
	show(ctl, show_fields, result);
	drops = json_object_get(result, "drops");
	out_object_begin(&ctl->out, "drops", OUT_COLUMN);
	show(ctl, drop_fields, drops);
	out_object_end(&ctl->out);
	show_array(ctl, "filters", sub_fields, json_object_get(result, "filters"));
	out_object_end(&ctl->out);
	json_decref(result);
	return DONE;
}

static int command(struct ctl *ctl, const char *name, int argc, char **argv)
{
	json_t *result = ask_about(ctl, name, argc, argv);

	if (!result)
		return argc == 1 ? FAILED : USAGE;
	json_decref(result);
	return DONE;
}

static int session_kick(struct ctl *ctl, int argc, char **argv)
{
	return command(ctl, "session-kick", argc, argv);
}

static int session_delete(struct ctl *ctl, int argc, char **argv)
{
	return command(ctl, "session-delete", argc, argv);
}

static int session_incidents(struct ctl *ctl, int argc, char **argv)
{
	json_t *result;

	if (argc > 1)
		return ctl_usage("'session incidents' does not take '%s'", argv[1]);
	result = ctl_ask(ctl, json_pack("{s:s, s:s*}", "command", "session-incidents",
					"client-id", argc ? argv[0] : NULL));
	if (!result)
		return FAILED;
	show_array(ctl, NULL, incident_fields, result);
	json_decref(result);
	return DONE;
}

int session_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "list", session_list, "" },
		{ "show", session_show, "CLIENT-ID" },
		{ "kick", session_kick, "CLIENT-ID" },
		{ "delete", session_delete, "CLIENT-ID" },
		{ "incidents", session_incidents, "[ CLIENT-ID ]" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "session", commands, argc, argv);
}
