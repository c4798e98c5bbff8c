// SPDX-License-Identifier: MIT
/*
 * Sessions whose subscriptions the agent has.
 */
#include <errno.h>
#include <string.h>
#include <linux/container_of.h>

#include "agent.h"
#include "broker.h"
#include "log.h"
#include "session.h"
#include "session_kept.h"
#include "subscribe.h"

/**
 * struct walk - through a session's subscriptions
 * @broker: whose agent
 * @n: how many it was told
 */
struct walk {
	struct broker *broker;
	size_t n;
};

/* Those of groups the agent has anyway. */
static bool is_kept(const struct session_filter *f)
{
	const u8 *topic;
	size_t len;

	return !subscribe_split(f->filter, f->len, &topic, &len);
}

static int keep_one(void *ctx, const struct session_filter *f)
{
	struct walk *walk = ctx;
	int err;

	if (!is_kept(f))
		return 0;
	err = agent_subscribe(walk->broker, f->filter, f->len);
	walk->n += !err;
	return err;
}

static int unkeep_one(void *ctx, const struct session_filter *f)
{
	struct walk *walk = ctx;

	if (!is_kept(f))
		return 0;
	if (!walk->n--)
		return 1;
	agent_unsubscribe(walk->broker, f->filter, f->len);
	return 0;
}

void session_keep(struct session *session)
{
	struct broker *broker = session->broker;
	struct walk walk = { .broker = broker };
	int err;

	if (session->kept || !session->expiry ||
	    !(broker->conf->queue_qos0_messages || broker->conf->upgrade_outgoing_qos))
		return;
	err = route_visit(&broker->routes, session, keep_one, &walk);
	session->kept = !err;
	if (!err)
		return;
	log_limited(LOG_TYPE_ERROR, "Error: the session of client %s misses messages at QoS 0: %s.",
		    session->id, strerror(-err));
	/* They come in the same order as before. */
	route_visit(&broker->routes, session, unkeep_one, &walk);
}

void session_unkeep(struct session *session)
{
	struct broker *broker = session->broker;
	struct walk walk = { .broker = broker, .n = session->subs.count };

	if (!session->kept)
		return;
	session->kept = false;
	route_visit(&broker->routes, session, unkeep_one, &walk);
}

static int keep(struct hash_node *node, void *ctx)
{
	(void)ctx;
	session_keep(container_of(node, struct session, node));
	return 0;
}

void session_keep_all(struct broker *broker)
{
	hash_visit(&broker->sessions.by_id, keep, NULL);
}
