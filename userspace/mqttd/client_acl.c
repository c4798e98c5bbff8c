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
#include "client_roles.h"
#include "dataplane.h"
#include "listener.h"
#include "log.h"
#include "permissions.h"
#include "worker.h"

/* What the router is to know of the client's permissions. */
static int ask_sets(struct client *client, struct acl_rules *rules, struct client_roles *roles,
		    uint32_t *ids)
{
	struct broker *broker = client->worker->broker;
	int err = 0;

	acl_sets_begin(broker, ids);
	if (broker->dataplane)
		err = client_roles_sets(broker, roles, rules, ids);
	acl_sets_end(broker);
	return err;
}

static void get_sets(struct client *client, struct acl_rules *rules, struct client_roles *roles,
		     uint32_t *ids)
{
	int err = ask_sets(client, rules, roles, ids);

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

	get_sets(client, client->rules, client->roles, client->acls);
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
static void change_sets(struct client *client, struct acl_rules *rules,
			struct client_roles *roles)
{
	uint32_t ids[MQTT_PEER_ACLS_MAX], peer = client->conn.peer;
	bool refused = client->acls_refused;

	get_sets(client, rules, roles, ids);
	if (peer && !client->acls_refused && memcmp(ids, client->acls, sizeof(ids)))
		client->acls_refused = dataplane_give_acls(client->worker, peer, ids);
	memcpy(client->acls, ids, sizeof(ids));
	if (!client->acls_refused && !refused)
		return;
	client_plane_settle(client);
	if (!client_plane_is_offloaded(client))
		client_acl_hosted(client);
}

static int make_roles(struct client *client, struct client_roles **roles)
{
	struct role_person person = client_person(client);

	*roles = NULL;
	if (!client->endpoint->conf->roles)
		return 0;
	*roles = client_roles_new(client->worker->broker, &person);
	return *roles ? 0 : -ENOMEM;
}

int client_acl_refresh(struct client *client)
{
	struct broker *broker = client->worker->broker;
	struct client_roles *roles;
	struct acl_rules *rules;
	struct acl *acl;
	int err;

	acl = permissions_get(&broker->permissions, client->endpoint->conf->acl_file);
	err = acl_compile(&rules, acl, client->id, client->username);
	acl_put(acl);
	if (!err)
		err = make_roles(client, &roles);
	if (err) {
		acl_rules_free(rules);
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return err;
	}
	change_sets(client, rules, roles);
	acl_rules_free(client->rules);
	client->rules = rules;
	client_roles_free(broker, client->roles);
	client->roles = roles;
	client->tailored_known = false;
	return 0;
}

void client_acl_drop(struct client *client)
{
	acl_rules_free(client->rules);
	client->rules = NULL;
	client_roles_free(client->worker->broker, client->roles);
	client->roles = NULL;
}

/* Whether there is a list for a listener at all does not change: who has no rules needs none. */
void client_acl_review(struct worker *worker)
{
	uint32_t generation = permissions_generation(&worker->broker->permissions);
	struct client *client;

	client_roles_review(worker);
	if (generation == worker->permissions)
		return;
	worker->permissions = generation;
	for (client = worker->clients; client; client = client->next)
		if (client->rules)
			client_acl_refresh(client);
}
