// SPDX-License-Identifier: MIT
/*
 * What the kernel's router cannot do for a client.
 */
#include <stdbool.h>
#include <linux/mqtt.h>

#include "broker.h"
#include "client.h"
#include "client_needs.h"
#include "dataplane.h"
#include "listener.h"
#include "session.h"
#include "worker.h"

static const char * const names[NEED_COUNT] = {
	[NEED_ACL]			= "acl",
	[NEED_MOUNT_POINT]		= "mount-point",
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

	if (dataplane_decides(conf))
		return 0;
	return when(kinds[SUB_QOS] || kinds[SUB_WITH_ID] || kinds[SUB_AS_PUBLISHED],
		    NEED_UPGRADE_QOS);
}

unsigned int client_needs(const struct client *client)
{
	const struct config *conf = client->worker->broker->conf;

	return when(client->acls_refused, NEED_ACL) |
	       when(client->endpoint->conf->mount_point, NEED_MOUNT_POINT) |
	       when(!dataplane_keeps_limit(conf), NEED_SIZE_LIMIT) |
	       when(conf->check_payload_format && client->protocol == MQTT_PROTOCOL_V5,
		    NEED_PAYLOAD_FORMAT) |
	       of_subscriptions(client);
}
