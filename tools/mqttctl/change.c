// SPDX-License-Identifier: MIT
/* Requests that change something. */
#include "change.h"
#include "mqttctl.h"

#define PRIORITY_MAX	1000000

json_t *ctl_ask_utf8(struct ctl *ctl, json_t *request)
{
	if (request)
		return ctl_ask(ctl, request);
	ctl_fail("names and topics are UTF-8");
	return NULL;
}

int ctl_change(struct ctl *ctl, json_t *request)
{
	json_t *result = ctl_ask_utf8(ctl, request);

	if (!result)
		return FAILED;
	if (json_is_false(json_object_get(result, "kept")))
		fputs("mqttctl: warning: mqttd has no persistence: this is lost when it ends\n",
		      stderr);
	json_decref(result);
	return DONE;
}

int ctl_priority(int argc, char **argv, json_int_t *priority)
{
	uint64_t number = 0;

	if (argc && !ctl_is(argv[0], "priority"))
		return ctl_usage("it is 'priority', not '%s'", argv[0]);
	if (argc == 1)
		return ctl_usage("'priority' needs a value");
	if (argc > 2)
		return ctl_usage("what is '%s'", argv[2]);
	if (argc && ctl_number(argv[1], PRIORITY_MAX, &number))
		return USAGE;
	*priority = (json_int_t)number;
	return DONE;
}
