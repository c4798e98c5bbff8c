// SPDX-License-Identifier: MIT
/*
 * Client ids and take-over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>
#include <linux/random.h>

#include "broker.h"
#include "client.h"
#include "log.h"
#include "packet_ids.h"
#include "session.h"
#include "worker.h"

void session_registry_init(struct session_registry *registry)
{
	*registry = (struct session_registry){};
	pthread_mutex_init(&registry->lock, NULL);
	get_random_bytes(&registry->key, sizeof(registry->key));
}

void session_registry_destroy(struct session_registry *registry)
{
	hash_clear(&registry->by_id, NULL, NULL);	/* it is empty */
	pthread_mutex_destroy(&registry->lock);
}

static struct session *session_new(struct broker *broker, const char *id)
{
	struct session *session;

	session = calloc(1, sizeof(*session) + broker->n_workers * sizeof(session->stamps[0]));
	if (!session)
		return NULL;
	session->id = strdup(id);
	if (!session->id) {
		free(session);
		return NULL;
	}
	session->broker = broker;
	pthread_mutex_init(&session->lock, NULL);
	return session;
}

static void session_free(struct session *session)
{
	packet_ids_free(session->incoming);
	pthread_mutex_destroy(&session->lock);
	free(session->id);
	free(session);
}

static void session_free_rcu(struct rcu_head *rcu)
{
	session_free(container_of(rcu, struct session, rcu));
}

static struct session *find(const struct session_registry *registry, const char *id,
			    uint64_t hash)
{
	struct session *session;
	struct hash_node *node;

	for (node = hash_first(&registry->by_id, hash); node; node = hash_next(node)) {
		session = container_of(node, struct session, node);
		if (!strcmp(session->id, id))
			return session;
	}
	return NULL;
}

/* The later of two that wait wins, and the one who was waiting goes away too. */
static int wait_for(struct session *session, struct client *client)
{
	if (session->heir)
		mailbox_notify(session->heir, NOTICE_KICK);
	session->heir = client;
	mailbox_notify(session->owner, NOTICE_KICK);
	return -EINPROGRESS;
}

static int claim_locked(struct session_registry *registry, struct client *client, const char *id)
{
	uint64_t hash = siphash(id, strlen(id), &registry->key);
	struct session *session = find(registry, id, hash);

	if (session)
		return wait_for(session, client);
	session = session_new(client->worker->broker, id);
	if (!session)
		return -ENOMEM;
	if (hash_add(&registry->by_id, &session->node, hash)) {
		session_free(session);
		return -ENOMEM;
	}
	session->owner = client;
	client->session = session;
	rcu_assign_pointer(session->client, client);
	return 0;
}

int session_claim(struct client *client, const char *id)
{
	struct session_registry *registry = &client->worker->broker->sessions;
	int err;

	pthread_mutex_lock(&registry->lock);
	err = claim_locked(registry, client, id);
	pthread_mutex_unlock(&registry->lock);
	return err;
}

static void leave_locked(struct session_registry *registry, struct client *client)
{
	struct session *session = client->session;

	if (session) {
		hash_del(&registry->by_id, &session->node);
		if (session->heir)
			mailbox_notify(session->heir, NOTICE_READY);
		return;
	}
	session = find(registry, client->id, siphash(client->id, strlen(client->id),
						     &registry->key));
	if (session && session->heir == client)
		session->heir = NULL;
}

void session_leave(struct client *client)
{
	struct broker *broker = client->worker->broker;
	struct session *session = client->session;

	if (!client->id)
		return;
	if (session)
		route_unsubscribe_all(&broker->routes, session);
	pthread_mutex_lock(&broker->sessions.lock);
	leave_locked(&broker->sessions, client);
	pthread_mutex_unlock(&broker->sessions.lock);
	client->session = NULL;
	if (session)
		call_rcu(&session->rcu, session_free_rcu);
}
