// SPDX-License-Identifier: MIT
/*
 * Clients that have to change between hosted and offloaded because of what they
 * need, one by one; for all clients at once see switchover.c.
 *
 * Away from the kernel goes first and at once: there must be no message that the
 * daemon would not have let pass. The way back has time.
 */
#include "broker.h"
#include "client.h"
#include "client_needs.h"
#include "client_plane.h"
#include "dataplane.h"
#include "listener.h"
#include "worker.h"

/* Clients that are moved in a round, and that are looked at. */
#define MOVES_PER_ROUND	16
#define LOOKS_PER_ROUND	64

void client_plane_note_needs(struct client *client, unsigned int needs)
{
	unsigned int changed = client->needs ^ needs, i;

	for (i = 0; changed && i < NEED_COUNT; i++)
		if (changed >> i & 1)
			__atomic_fetch_add(&client->endpoint->needs[i], needs >> i & 1 ? 1 : -1,
					   __ATOMIC_RELAXED);
	__atomic_store_n(&client->needs, needs, __ATOMIC_RELAXED);
}

bool client_plane_settle(struct client *client)
{
	if (client->state != CLIENT_CONNECTED || client->closing)
		return true;
	client_plane_note_needs(client, client_needs(client));
	if (!client->conn.peer)
		return true;
	if (!client->needs) {
		client_plane_later(client);
		return true;
	}
	if (client_plane_move(client) != MOVE_LATER)
		return true;
	client_hold(client, HOLD_PLANE);
	client_plane_later(client);
	return false;
}

void client_plane_later(struct client *client)
{
	struct worker *worker = client->worker;

	if (client->unsettled)
		return;
	client->unsettled = true;
	client->next_unsettled = worker->unsettled;
	worker->unsettled = client;
}

void client_plane_attach_later(struct client *client)
{
	struct worker *worker = client->worker;

	if (client->attaching || client->closing)
		return;
	client->attaching = true;
	client->next_attaching = worker->attaching;
	worker->attaching = client;
}

void client_plane_attach_all(struct worker *worker)
{
	struct client *client;

	while ((client = worker->attaching)) {
		worker->attaching = client->next_attaching;
		client->attaching = false;
		client_plane_attach(client);
	}
}

static void unlist_attaching(struct client *client)
{
	struct client **link = &client->worker->attaching;

	if (!client->attaching)
		return;
	while (*link != client)
		link = &(*link)->next_attaching;
	*link = client->next_attaching;
	client->attaching = false;
}

void client_plane_unlist(struct client *client)
{
	struct worker *worker = client->worker;
	struct client **link = &worker->unsettled;

	unlist_attaching(client);
	if (worker->settle_cursor == client)
		worker->settle_cursor = client->next;
	if (!client->unsettled)
		return;
	while (*link != client)
		link = &(*link)->next_unsettled;
	*link = client->next_unsettled;
	client->unsettled = false;
}

static void look_at_some(struct worker *worker)
{
	unsigned int request = __atomic_load_n(&worker->broker->settle_request, __ATOMIC_ACQUIRE);
	struct client *client;
	int i;

	if (request != worker->settle_request) {
		worker->settle_request = request;
		worker->settle_cursor = worker->clients;
	}
	for (i = 0; i < LOOKS_PER_ROUND && worker->settle_cursor; i++) {
		client = worker->settle_cursor;
		worker->settle_cursor = client->next;
		client_plane_limit(client);
		client_plane_settle(client);
	}
}

bool client_plane_all_seen(const struct worker *worker)
{
	return worker->settle_request == worker->broker->settle_request && !worker->settle_cursor;
}

bool client_plane_run(struct worker *worker)
{
	struct client *client, *again = NULL;
	int i;

	look_at_some(worker);
	for (i = 0; i < MOVES_PER_ROUND && worker->unsettled; i++) {
		client = worker->unsettled;
		worker->unsettled = client->next_unsettled;
		client->unsettled = false;
		if (client_plane_move(client) == MOVE_LATER && !client->unsettled) {
			client->next_unsettled = again;
			again = client;
		}
	}
	while ((client = again)) {
		again = client->next_unsettled;
		client_plane_later(client);
	}
	return worker->unsettled || worker->settle_cursor;
}

void client_plane_settle_all(struct broker *broker)
{
	dataplane_reload(broker);
	__atomic_add_fetch(&broker->settle_request, 1, __ATOMIC_RELEASE);
	broker_wake_workers(broker);
}
