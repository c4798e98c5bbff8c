/* SPDX-License-Identifier: MIT */
/*
 * May who has published a retained message still do so? mosquitto's option
 * check_retain_source: otherwise new subscribers do not get it.
 */
#ifndef MQTTD_RETAIN_SOURCE_H
#define MQTTD_RETAIN_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct acl_rules;
struct client_roles;
struct broker;
struct endpoint;
struct stored;

/**
 * struct retain_source - permissions of the publisher that was asked about last
 * @client_id: who that was; NULL: nobody
 * @username: likewise, NULL if it had none
 * @generation: of the permissions
 * @roles_generation: likewise, of roles
 * @broker: whose
 * @rules: by endpoint
 * @roles: likewise
 * @n: how many
 *
 * All zero is an empty one.
 */
struct retain_source {
	char *client_id;
	char *username;
	u32 generation;
	u32 roles_generation;
	struct broker *broker;
	struct acl_rules **rules;
	struct client_roles **roles;
	unsigned int n;
};

/*
 * May who has left a message still publish it, as @by, the listener's it came by, has it?
 * NULL: not known any more, one that lets it is enough. Without memory the answer is no.
 */
bool publisher_allowed(struct broker *broker, const struct endpoint *by,
		       const struct stored *msg);

/*
 * Which listener the publisher has come by is not known any more: one that lets it is
 * enough. Without memory the answer is no. By a worker's thread.
 */
bool retain_source_allowed(struct retain_source *source, struct broker *broker,
			   const struct stored *msg);
void retain_source_clear(struct retain_source *source);

#endif /* MQTTD_RETAIN_SOURCE_H */
