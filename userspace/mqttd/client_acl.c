// SPDX-License-Identifier: MIT
/*
 * What a client may do.
 */
#include <errno.h>

#include "acl.h"
#include "broker.h"
#include "client.h"
#include "client_acl.h"
#include "listener.h"
#include "permissions.h"
#include "worker.h"

int client_acl_refresh(struct client *client)
{
	struct permissions *permissions = &client->worker->broker->permissions;
	struct acl_rules *rules;
	struct acl *acl;
	int err;

	acl = permissions_get(permissions, client->endpoint->conf->acl_file);
	err = acl_compile(&rules, acl, client->id, client->username);
	acl_put(acl);
	if (err) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return err;
	}
	acl_rules_free(client->rules);
	client->rules = rules;
	client->tailored_known = false;
	return 0;
}

void client_acl_drop(struct client *client)
{
	acl_rules_free(client->rules);
	client->rules = NULL;
}

/* Whether there is a list for a listener at all does not change: who has no rules needs none. */
void client_acl_review(struct worker *worker)
{
	uint32_t generation = permissions_generation(&worker->broker->permissions);
	struct client *client;

	if (generation == worker->permissions)
		return;
	worker->permissions = generation;
	for (client = worker->clients; client; client = client->next)
		if (client->rules)
			client_acl_refresh(client);
}
