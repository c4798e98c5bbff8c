// SPDX-License-Identifier: MIT
/* mqttctl acl test: why somebody may do something, or may not. */
#include <string.h>

#include "change.h"
#include "members.h"
#include "mqttctl.h"

static const struct ctl_member fields[] = {
	{ "decision", AS_WORD }, { "because", AS_WORD }, { "client-id", AS_STRING },
	{ "username", AS_STRING }, { "port", AS_COUNT }, { }
};

static const struct ctl_member rule_fields[] = {
	{ "result", AS_WORD }, { "role", AS_STRING }, { "file", AS_STRING }, { "action", AS_WORD },
	{ "access", AS_WORD }, { "filter", AS_STRING }, { "made-out", AS_STRING },
	{ "priority", AS_NUMBER }, { }
};

/* Names between commas. NULL if they are not UTF-8. */
static json_t *names(const char *list)
{
	json_t *array = json_array();
	size_t n;

	for (; array && *list; list += n + !!list[n]) {
		n = strcspn(list, ",");
		if (n && json_array_append_new(array, json_stringn(list, n))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *request_new(const struct ctl *ctl, const char *client)
{
	json_t *request, *list;

	if (client)
		return json_pack("{s:s, s:s}", "command", "acl-test", "client-id", client);
	request = json_pack("{s:s, s:s*, s:s*}", "command", "acl-test", "username", ctl->user,
			    "as", ctl->client_id);
	if (!request || !ctl->roles)
		return request;
	list = names(ctl->roles);
	if (!list || json_object_set_new(request, "roles", list)) {
		json_decref(request);
		return NULL;
	}
	return request;
}

/* What follows the topic, into @request. DONE, or USAGE after a sentence. */
static int parse_more(json_t *request, bool connected, int argc, char **argv)
{
	json_t *claims = json_object();
	uint64_t port;
	int n;

	json_object_set_new(request, "claims", claims);
	for (; argc; argc -= n, argv += n) {
		n = ctl_is(argv[0], "claim") ? 3 : 2;
		if (n == 2 && !ctl_is(argv[0], "port"))
			return ctl_usage("'acl test' does not know '%s'", argv[0]);
		if (connected)
			return ctl_usage("of a client that is connected '%s' is known", argv[0]);
		if (argc < n)
			return ctl_usage("'%s' needs a value", argv[0]);
		if (n == 2 && ctl_number(argv[1], UINT16_MAX, &port))
			return USAGE;
		if (n == 2)
			json_object_set_new(request, "port", json_integer((json_int_t)port));
		else if (json_object_set_new(claims, argv[1], json_string(argv[2])))
			return ctl_usage("a claim is UTF-8");
	}
	return DONE;
}

static int ask(struct ctl *ctl, json_t *request)
{
	json_t *result = ctl_ask(ctl, request);

	if (!result)
		return FAILED;
	out_object_begin(&ctl->out, NULL, OUT_COLUMN);
	ctl_show_members(ctl, fields, result);
	ctl_show_members_of(ctl, "rules", rule_fields, json_object_get(result, "rules"));
	out_object_end(&ctl->out);
	json_decref(result);
	return DONE;
}

int acl_test(struct ctl *ctl, int argc, char **argv)
{
	bool described = ctl->user || ctl->client_id || ctl->roles;
	static const char *const accesses[] = { "publish", "receive", "subscribe" };
	const char *client = described ? NULL : argv[0], *access = NULL;
	json_t *request;
	size_t i;

	if (argc < 3 - described)
		return ctl_usage("'acl test' needs who it is, an access and a topic");
	argc -= !described;
	argv += !described;
	for (i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++)
		if (ctl_is(argv[0], accesses[i]))
			access = accesses[i];
	if (!access)
		return ctl_usage("'%s' is no access: publish, receive, subscribe", argv[0]);
	request = request_new(ctl, client);
	if (!request || json_object_set_new(request, "access", json_string(access)) ||
	    json_object_set_new(request, "topic", json_string(argv[1]))) {
		json_decref(request);
		return ctl_fail("names and topics are UTF-8");
	}
	if (parse_more(request, client, argc - 2, argv + 2)) {
		json_decref(request);
		return USAGE;
	}
	return ask(ctl, request);
}
