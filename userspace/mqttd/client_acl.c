// SPDX-License-Identifier: MIT
/*
 * What a client may do.
 */
#include <errno.h>
#include <string.h>

#include "acl.h"
#include "acl_sets.h"
#include "broker.h"
#include "client.h"
#include "client_acl.h"
#include "client_needs.h"
#include "client_plane.h"
#include "dataplane.h"
#include "listener.h"
#include "log.h"
#include "permissions.h"
#include "worker.h"

/* What the router is to know of @rules. */
static void get_sets(struct client *client, struct acl_rules *rules, uint32_t *ids)
{
	int err = acl_sets_get(client->worker->broker, rules, ids);

	client->acls_refused = err;
	if (!err)
		return;
	memset(ids, 0, sizeof(client->acls));
	log_limited(LOG_TYPE_WARNING,
		    "Client %s stays with the daemon, the kernel does not take its permissions: %s.",
		    client_name(client), strerror(-err));
}

void client_acl_enter(struct client *client)
{
	bool refused = client->acls_refused;

	get_sets(client, client->rules, client->acls);
	if (client->acls_refused != refused && client->state == CLIENT_CONNECTED)
		client_plane_note_needs(client, client_needs(client));
}

void client_acl_hosted(struct client *client)
{
	static const uint32_t none[MQTT_PEER_ACLS_MAX];

	if (client->acls_refused && client->conn.peer)
		dataplane_give_acls(client->worker, client->conn.peer, none);
}

/*
 * A peer's sets change at once, and before the rules that have the old ones go. One
 * whose new ones the router refuses is the daemon's again.
 */
static void change_sets(struct client *client, struct acl_rules *rules)
{
	uint32_t ids[MQTT_PEER_ACLS_MAX], peer = client->conn.peer;
	bool refused = client->acls_refused;

	get_sets(client, rules, ids);
	if (peer && !client->acls_refused && memcmp(ids, client->acls, sizeof(ids)))
		client->acls_refused = dataplane_give_acls(client->worker, peer, ids);
	memcpy(client->acls, ids, sizeof(ids));
	if (!client->acls_refused && !refused)
		return;
	client_plane_settle(client);
	if (!client_plane_is_offloaded(client))
		client_acl_hosted(client);
}

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
	change_sets(client, rules);
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
