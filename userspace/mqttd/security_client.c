// SPDX-License-Identifier: MIT
/*
 * Security events about a client.
 */
#include "broker.h"
#include "client.h"
#include "listener.h"
#include "security.h"

void security_client_event(const struct client *client, struct security_event event)
{
	event.client_id = client->id;
	event.username = client->username;
	event.address = client_address(client);
	event.port = client->endpoint->conf->port;
	security_event(client->worker->broker->security, &event);
}
