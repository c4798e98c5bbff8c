/* SPDX-License-Identifier: MIT */
/*
 * What a client may do. For its worker's thread.
 */
#ifndef MQTTD_CLIENT_ACL_H
#define MQTTD_CLIENT_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "acl.h"

struct client;

/**
 * client_acl_refresh() - the permissions that are in force now
 * @client: with its client id and user name
 *
 * To be called when the client connects; afterwards the questions below do it when
 * there are others. Without memory the client is closed, and may do nothing.
 *
 * Return: 0 or -ENOMEM.
 */
int client_acl_refresh(struct client *client);
void client_acl_drop(struct client *client);	/* when it ends */

/* May it do this with a topic, without its mount point? */
bool client_allows(struct client *client, enum acl_access access, const u8 *topic, size_t len);

/* Need it not be asked, unless the topic begins with '$'? See acl_unlimited(). */
bool client_unlimited(struct client *client, enum acl_access access);

#endif /* MQTTD_CLIENT_ACL_H */
