// SPDX-License-Identifier: MIT
/*
 * Being who a grant says.
 */
#include <stdlib.h>
#include <string.h>
#include <mqtt/utf8.h>

#include "auth/method.h"
#include "client.h"
#include "client_grant.h"
#include "connack.h"
#include "listener.h"
#include "reason.h"
#include "session_will.h"

static bool refuse(struct client *client, u8 code, const char *why)
{
	connack_refuse(client, code, why);
	return false;
}

static bool sound(const char *name)
{
	return !name || (*name && mqtt_utf8_valid((const u8 *)name, strlen(name)));
}

/* Returns false without memory. */
static bool become(char **name, const char *granted)
{
	char *copy = strdup(granted);

	if (copy) {
		free(*name);
		*name = copy;
	}
	return copy;
}

/* What the client wants to be called, unless it leaves that to the broker. */
static bool bound(const struct client *client)
{
	const char *only = client->grant->client_id;

	return !only || client->terms.id_assigned || !strcmp(client->id, only);
}

static bool apply(struct client *client)
{
	const struct auth_grant *grant = client->grant;
	bool named = client->endpoint->conf->use_username_as_clientid;

	if (grant->username && !become(&client->username, grant->username))
		return false;
	if (grant->username && named && !become(&client->id, grant->username))
		return false;
	if (grant->client_id && client->terms.id_assigned &&
	    !become(&client->id, grant->client_id))
		return false;
	return !client->will || !session_will_rename(client->will, client);
}

bool client_grant_apply(struct client *client)
{
	const struct auth_grant *grant = client->grant;

	if (!grant)
		return true;
	if (!sound(grant->username) || !sound(grant->client_id))
		return refuse(client, REASON_NOT_AUTHORIZED, "its name is none");
	if (!apply(client)) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return false;
	}
	return bound(client) ||
	       refuse(client, REASON_CLIENT_ID,
		      "the client identifier is not the one that it may have");
}
