// SPDX-License-Identifier: MIT
/* mqttctl session: what belongs to client ids, online or not, asked of the daemon. */
#include <string.h>

#include "members.h"
#include "mqttctl.h"

static const struct ctl_member row_fields[] = {
	{ "client-id", AS_STRING }, { "state", AS_WORD }, { "remote", AS_WORD },
	{ "username", AS_STRING }, { "protocol", AS_WORD }, { "dataplane", AS_WORD },
	{ "", AS_LINE },
	{ "subscriptions", AS_COUNT }, { "queue-messages", AS_COUNT },
	{ "queue-bytes", AS_BYTES }, { "in-flight-out", AS_COUNT }, { "in-flight-in", AS_COUNT },
	{ "drops", AS_COUNT }, { "expiry", AS_WORD }, { "expires-in", AS_COUNT }, { }
};

static const struct ctl_member show_fields[] = {
	{ "client-id", AS_STRING }, { "state", AS_WORD }, { "remote", AS_WORD },
	{ "port", AS_COUNT }, { "username", AS_STRING }, { "protocol", AS_WORD },
	{ "transport", AS_WORD }, { "tls", AS_STRING }, { "dataplane", AS_WORD },
	{ "needs", AS_WORD }, { "connected-for", AS_COUNT }, { "keep-alive", AS_COUNT },
	{ "max-packet", AS_BYTES }, { "expiry", AS_WORD }, { "expires-in", AS_COUNT },
	{ "durable", AS_WORD }, { "will", AS_STRING }, { "will-delay", AS_COUNT },
	{ "will-in", AS_COUNT }, { "subscriptions", AS_COUNT }, { "queue-messages", AS_COUNT },
	{ "queue-bytes", AS_BYTES }, { "in-flight-out", AS_COUNT }, { "in-flight-in", AS_COUNT },
	{ "window", AS_COUNT }, { "output-bytes", AS_BYTES }, { "connections", AS_COUNT },
	{ "take-overs", AS_COUNT }, { "last-end", AS_STRING }, { "last-end-ago", AS_COUNT }, { }
};

static const struct ctl_member drop_fields[] = {
	{ "max-queued-messages", AS_COUNT }, { "max-queued-bytes", AS_COUNT },
	{ "total", AS_COUNT }, { "no-memory", AS_COUNT }, { "expired", AS_COUNT },
	{ "too-long", AS_COUNT }, { "denied", AS_COUNT }, { "not-reading", AS_COUNT },
	{ "old", AS_COUNT }, { "conflated", AS_COUNT }, { "above-rate", AS_COUNT }, { }
};

static const struct ctl_member incident_fields[] = {
	{ "ago", AS_COUNT }, { "client-id", AS_STRING }, { "remote", AS_WORD },
	{ "what", AS_STRING }, { "detail", AS_STRING }, { "times", AS_COUNT }, { }
};

static const struct ctl_member sub_fields[] = {
	{ "filter", AS_STRING }, { "qos", AS_COUNT }, { "id", AS_COUNT }, { "options", AS_WORD },
	{ }
};

static int session_list(struct ctl *ctl, int argc, char **argv)
{
	if (argc)
		return ctl_usage("'session list' does not take '%s'", argv[0]);
	return ctl_show_pages(ctl, "session-list", "sessions", row_fields);
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
	ctl_show_members(ctl, show_fields, result);
	drops = json_object_get(result, "drops");
	out_object_begin(&ctl->out, "drops", OUT_COLUMN);
	ctl_show_members(ctl, drop_fields, drops);
	out_object_end(&ctl->out);
	ctl_show_members_of(ctl, "filters", sub_fields, json_object_get(result, "filters"));
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
	ctl_show_members_of(ctl, NULL, incident_fields, result);
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
