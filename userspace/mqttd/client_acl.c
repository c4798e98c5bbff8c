// SPDX-License-Identifier: MIT
/*
 * What a client may do.
 */
#include <errno.h>

#include "broker.h"
#include "client.h"
#include "client_acl.h"
#include "listener.h"
#include "log.h"
#include "permissions.h"
#include "worker.h"

int client_acl_refresh(struct client *client)
{
	struct permissions *permissions = &client->worker->broker->permissions;
	struct acl_rules *rules;
	uint32_t generation;
	struct acl *acl;
	int err;

	acl = permissions_get(permissions, client->endpoint->conf->acl_file, &generation);
	err = acl_compile(&rules, acl, client->id, client->username);
	acl_put(acl);
	if (err) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return err;
	}
	acl_rules_free(client->rules);
	client->rules = rules;
	client->rules_generation = generation;
	return 0;
}

void client_acl_drop(struct client *client)
{
	acl_rules_free(client->rules);
	client->rules = NULL;
}

static bool is_current(struct client *client)
{
	const struct permissions *permissions = &client->worker->broker->permissions;

	return client->rules_generation == permissions_generation(permissions) ||
	       !client_acl_refresh(client);
}

bool client_allows(struct client *client, enum acl_access access, const u8 *topic, size_t len)
{
	return is_current(client) && acl_allows(client->rules, access, topic, len);
}

bool client_unlimited(struct client *client, enum acl_access access)
{
	return is_current(client) && acl_unlimited(client->rules, access);
}
