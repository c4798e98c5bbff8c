// SPDX-License-Identifier: MIT
/*
 * What the control socket can be asked for.
 *
 *   dataplane-show              the data plane, by listener
 *   dataplane-set   plane       "kernel" or "user": move all clients there
 *   ban-...                     see control_bans.c
 *   session-...                 see control_sessions.c
 *   role-, grant-, user-, group-...  see control_roles.c, control_holders.c
 *   acl-test                    see control_acl.c
 */
#include <string.h>

#include "broker.h"
#include "control.h"
#include "control_bans.h"
#include "control_roles.h"
#include "control_sessions.h"
#include "listener.h"
#include "switchover.h"

static const char *plane_name(const struct broker *broker)
{
	return broker->dataplane ? "kernel" : "user";
}

static json_int_t count(const uint32_t *clients)
{
	return __atomic_load_n(clients, __ATOMIC_RELAXED);
}

/* Clients by what keeps them from being offloaded, without what nobody needs. */
static json_t *needs_describe(const struct endpoint *endpoint)
{
	json_t *needs = json_object();
	int i;

	for (i = 0; i < NEED_COUNT; i++)
		if (count(&endpoint->needs[i]))
			json_object_set_new(needs, client_need_name(i),
					    json_integer(count(&endpoint->needs[i])));
	return needs;
}

static json_t *listener_describe(const struct broker *broker, const struct endpoint *endpoint)
{
	const struct listener_config *conf = endpoint->conf;
	bool offloads = broker->dataplane && broker_offloads(broker, conf);

	return json_pack("{s:I, s:s?, s:s*, s:s, s:I, s:I, s:I, s:o}",
			 "port", (json_int_t)conf->port, "address", conf->address,
			 "path", conf->socket_path,
			 "dataplane", offloads ? "kernel" : "user",
			 "connections", count(&endpoint->connections),
			 "offloaded", count(&endpoint->offloaded),
			 "hosted", count(&endpoint->hosted),
			 "needs", needs_describe(endpoint));
}

static json_int_t hosted_clients(const struct broker *broker)
{
	json_int_t hosted = 0;
	unsigned int i;

	for (i = 0; i < broker->n_endpoints; i++)
		hosted += count(&broker->endpoints[i].hosted);
	return hosted;
}

static void dataplane_show(struct control_request *request)
{
	const struct broker *broker = request->broker;
	json_t *listeners = json_array();
	unsigned int i;

	for (i = 0; i < broker->n_endpoints; i++)
		json_array_append_new(listeners, listener_describe(broker, &broker->endpoints[i]));
	control_answer(request, json_pack("{s:s, s:b, s:o}", "dataplane", plane_name(broker),
					  "moving", broker->switchover.active,
					  "listeners", listeners));
}

static void dataplane_done(void *arg, const struct switchover_result *result)
{
	struct control_request *request = arg;
	const struct broker *broker = request->broker;

	control_answer(request, json_pack("{s:s, s:I, s:I, s:I}", "dataplane", plane_name(broker),
					  "moved", (json_int_t)result->moved,
					  "hosted", hosted_clients(broker),
					  "failed", (json_int_t)result->failed));
}

static void dataplane_set(struct control_request *request)
{
	const char *plane = json_string_value(json_object_get(request->arguments, "plane"));
	struct switchover *switchover = &request->broker->switchover;
	enum dataplane_mode target = DATAPLANE_KERNEL;
	char why[DATAPLANE_WHY_MAX];

	if (!plane || (strcmp(plane, "kernel") && strcmp(plane, "user"))) {
		control_refuse(request, "\"plane\" has to be \"kernel\" or \"user\"");
		return;
	}
	if (!strcmp(plane, "user"))
		target = DATAPLANE_USER;
	if (switchover_begin(switchover, target, dataplane_done, request, why))
		control_refuse(request, "%s", why);
}

const struct control_command control_commands[] = {
	{ "dataplane-show", dataplane_show },
	{ "dataplane-set", dataplane_set },
	{ "ban-add", control_ban_add },
	{ "ban-del", control_ban_del },
	{ "ban-show", control_ban_show },
	{ "session-list", control_session_list },
	{ "session-show", control_session_show },
	{ "session-kick", control_session_kick },
	{ "session-delete", control_session_delete },
	{ "session-incidents", control_session_incidents },
	{ "role-list", control_role_list },
	{ "role-show", control_role_show },
	{ "role-add", control_role_add },
	{ "role-set", control_role_set },
	{ "role-del", control_role_del },
	{ "role-default", control_role_default },
	{ "grant-add", control_grant_add },
	{ "grant-set", control_grant_set },
	{ "grant-del", control_grant_del },
	{ "user-list", control_user_list },
	{ "user-show", control_user_show },
	{ "user-add", control_user_add },
	{ "user-set", control_user_set },
	{ "user-del", control_user_del },
	{ "group-list", control_group_list },
	{ "group-show", control_group_show },
	{ "group-add", control_group_add },
	{ "group-set", control_group_set },
	{ "group-del", control_group_del },
	{ "acl-test", control_acl_test },
	{ }
};
