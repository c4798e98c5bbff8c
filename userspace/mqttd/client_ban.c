// SPDX-License-Identifier: MIT
/*
 * Ending connections of banned addresses.
 */
#include "bans.h"
#include "broker.h"
#include "client.h"
#include "client_ban.h"
#include "security.h"
#include "worker.h"

bool client_ban_ends(struct client *client)
{
	if (!bans_refuse(client->worker->broker->bans, &client->address.sa))
		return false;
	if (!client->closing)
		security_client_event(client, (struct security_event){
			.kind = SECURITY_BANNED, .why = "ended" });
	client_close(client, CLOSE_ADMINISTRATIVE, "its address was banned");
	return true;
}

/* Whoever is in a handshake is another thread's, and is asked about when it is done. */
void client_ban_review(struct worker *worker)
{
	unsigned int generation = bans_generation(worker->broker->bans);
	struct client *client;

	if (generation == worker->bans)
		return;
	worker->bans = generation;
	for (client = worker->clients; client; client = client->next)
		if (!(client->holds & HOLD_HANDSHAKE))
			client_ban_ends(client);
}
