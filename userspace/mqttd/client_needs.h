/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's router cannot do for a client: with any of it the connection
 * stays with the daemon, so that there is never a message that the daemon would
 * have refused, or one without something that it would have added.
 */
#ifndef MQTTD_CLIENT_NEEDS_H
#define MQTTD_CLIENT_NEEDS_H

struct client;

enum client_need {
	NEED_ACL,			/* the router has refused its permissions */
	NEED_MOUNT_POINT,
	NEED_UPGRADE_QOS,		/* see dataplane_decides() */
	NEED_SIZE_LIMIT,		/* message_size_limit, too low for the router's limit */
	NEED_PAYLOAD_FORMAT,		/* check_payload_format, and it has MQTT 5.0 */
	NEED_COUNT
};

/* Bits 1 << enum client_need. By the client's worker, from CONNECT on. */
unsigned int client_needs(const struct client *client);

/* A word for people. */
const char *client_need_name(enum client_need need);

#endif /* MQTTD_CLIENT_NEEDS_H */
