// SPDX-License-Identifier: MIT
/*
 * What the kernel's router cannot do for a client.
 */
#include <stdbool.h>
#include <linux/mqtt.h>

#include "acl.h"
#include "broker.h"
#include "client.h"
#include "client_needs.h"
#include "dataplane.h"
#include "listener.h"
#include "session.h"
#include "worker.h"

static const char * const names[NEED_COUNT] = {
	[NEED_ACL_READ]			= "acl-read",
	[NEED_ACL_WRITE]		= "acl-write",
	[NEED_MOUNT_POINT]		= "mount-point",
	[NEED_SUBSCRIPTION_ID]		= "subscription-id",
	[NEED_RETAIN_AS_PUBLISHED]	= "retain-as-published",
	[NEED_UPGRADE_QOS]		= "upgrade-qos",
	[NEED_SIZE_LIMIT]		= "size-limit",
	[NEED_PAYLOAD_FORMAT]		= "payload-format",
};

const char *client_need_name(enum client_need need)
{
	return names[need];
}

static unsigned int when(bool condition, enum client_need need)
{
	return condition ? 1u << need : 0;
}

static unsigned int of_subscriptions(const struct client *client)
{
	const struct config *conf = client->worker->broker->conf;
	const u32 *kinds = client->session->sub_kinds;

	return when(kinds[SUB_WITH_ID], NEED_SUBSCRIPTION_ID) |
	       when(kinds[SUB_AS_PUBLISHED], NEED_RETAIN_AS_PUBLISHED) |
	       when(kinds[SUB_QOS] && conf->upgrade_outgoing_qos, NEED_UPGRADE_QOS);
}

unsigned int client_needs(const struct client *client)
{
	const struct config *conf = client->worker->broker->conf;

	return when(!acl_unlimited(client->rules, ACL_READ), NEED_ACL_READ) |
	       when(!acl_unlimited(client->rules, ACL_WRITE), NEED_ACL_WRITE) |
	       when(client->endpoint->conf->mount_point, NEED_MOUNT_POINT) |
	       when(!dataplane_keeps_limit(conf), NEED_SIZE_LIMIT) |
	       when(conf->check_payload_format && client->protocol == MQTT_PROTOCOL_V5,
		    NEED_PAYLOAD_FORMAT) |
	       of_subscriptions(client);
}
