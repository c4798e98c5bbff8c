// SPDX-License-Identifier: MIT
/*
 * Subscribing: in the route table, in the store if the session is kept there, and
 * in the kernel if the client is a peer. What one of these refuses is undone in the
 * others.
 *
 * The kernel has the subscriptions of its peers. Groups that are not the kernel's belong
 * to no peer: the agent has them there, once for each member.
 */
#include <errno.h>
#include <string.h>
#include <linux/mqtt.h>

#include "agent.h"
#include "broker.h"
#include "client.h"
#include "client_plane.h"
#include "dataplane.h"
#include "log.h"
#include "packet.h"
#include "reason.h"
#include "route.h"
#include "session.h"
#include "store.h"
#include "subscribe.h"
#include "subscription.h"
#include "worker.h"

/* Filters that are one transaction: who begins another one may have to wait for its end. */
#define GROUP_SIZE 256
/* Filters that one session may have. */
#define SUBSCRIPTIONS_MAX 1000000

#define SHARE_PREFIX	"$share/"
#define SHARE_PREFIX_LEN (sizeof(SHARE_PREFIX) - 1)

/**
 * struct group - filters that are in the store together
 * @store: where
 * @n: how many there were
 * @ticket: of the last change in the groups that have ended, or 0
 */
struct group {
	struct store *store;
	size_t n;
	u64 ticket;
};

static struct group group_begin(struct client *client)
{
	struct group group = { .store = client->worker->broker->store };

	store_begin(group.store);
	return group;
}

static u64 group_end(struct group *group)
{
	u64 ticket = store_end(group->store);

	if (ticket)
		group->ticket = ticket;
	return group->ticket;
}

/* Before the next filter. */
static void group_next(struct group *group)
{
	if (++group->n % GROUP_SIZE)
		return;
	group_end(group);
	store_begin(group->store);
}

static bool has_prefix(const u8 *filter, size_t len)
{
	return len >= SHARE_PREFIX_LEN && !memcmp(filter, SHARE_PREFIX, SHARE_PREFIX_LEN);
}

bool subscribe_split(const u8 *filter, size_t len, const u8 **topic, size_t *topic_len)
{
	const u8 *slash;

	*topic = filter;
	*topic_len = len;
	if (!has_prefix(filter, len))
		return false;
	slash = memchr(filter + SHARE_PREFIX_LEN, '/', len - SHARE_PREFIX_LEN);
	*topic = slash + 1;
	*topic_len = filter + len - *topic;
	return true;
}

bool subscribe_bad_share(const u8 *filter, size_t len)
{
	const u8 *name = filter + SHARE_PREFIX_LEN, *slash;

	if (!has_prefix(filter, len))
		return false;
	slash = memchr(name, '/', len - SHARE_PREFIX_LEN);
	return !slash || slash == name || slash + 1 == filter + len ||
	       memchr(name, '+', slash - name) || memchr(name, '#', slash - name);
}

const u8 *subscribe_share_name(const u8 *filter, size_t len, size_t *name_len)
{
	const u8 *name = filter + SHARE_PREFIX_LEN;

	*name_len = (const u8 *)memchr(name, '/', len - SHARE_PREFIX_LEN) - name;
	return name;
}

/*
 * Not if a message at QoS 0 may be for a session without a connection, or go out at
 * another QoS. What matches a filter that does not fit is not the kernel's either.
 */
bool subscribe_kernel_shares(const struct config *conf, const u8 *filter, size_t len)
{
	size_t name_len;

	subscribe_share_name(filter, len, &name_len);
	return !conf->queue_qos0_messages && !conf->upgrade_outgoing_qos &&
	       name_len <= MQTT_GROUP_MAX;
}

/* A subscription that is the agent's and not its peer's. */
static bool is_agents(const struct broker *broker, const struct session_filter *f)
{
	return has_prefix(f->filter, f->len) &&
	       !subscribe_kernel_shares(broker->conf, f->filter, f->len);
}

static int agent_join(struct broker *broker, const struct session_filter *f)
{
	size_t len;
	const u8 *topic;

	if (!f->is_new || !is_agents(broker, f))
		return 0;
	subscribe_split(f->filter, f->len, &topic, &len);
	return agent_subscribe(broker, topic, len);
}

static void agent_leave(void *ctx, const u8 *filter, size_t filter_len)
{
	const struct session_filter f = { .filter = filter, .len = filter_len };
	struct broker *broker = ctx;
	size_t len;
	const u8 *topic;

	if (!is_agents(broker, &f))
		return;
	subscribe_split(filter, filter_len, &topic, &len);
	agent_unsubscribe(broker, topic, len);
}

/* 0, if the session is not kept or it is in the store now. */
static int store_one(struct client *client, const struct session_filter *f, u64 how)
{
	struct store *store = client->worker->broker->store;
	struct store_sub sub = {
		.filter = f->filter,
		.len = f->len,
		.options = how_options(how),
		.id = how_id(how),
	};

	if (!client->session->key)
		return 0;
	return store_sub_put(store, client->session->key, &sub) ? 0 : -ENOMEM;
}

/* Without memory the store knows more than it should, and the client is not told otherwise. */
static void unstore_one(struct client *client, const struct session_filter *f)
{
	if (client->session->key &&
	    !store_sub_del(client->worker->broker->store, client->session->key, f->filter, f->len))
		client_close(client, CLOSE_NO_MEMORY, NULL);
}

/* What the kernel knows of a subscription has changed, or it knows nothing yet. */
static bool kernel_changed(const struct broker *broker, const struct session_filter *f)
{
	u8 options = FILTER_NO_LOCAL | FILTER_RETAIN_AS_PUBLISHED;

	return !is_agents(broker, f) &&
	       (f->is_new || how_id(f->was) != f->id ||
		(how_options(f->was) ^ f->options) & options);
}

/* Returns 0, or -errno and nothing has changed. */
static int change(struct client *client, struct session_filter *f)
{
	struct broker *broker = client->worker->broker;
	u64 how;
	int err;

	if (client->session->subs.count >= SUBSCRIPTIONS_MAX &&
	    !route_how(&broker->routes, client->session, f->filter, f->len, &how))
		return -EDQUOT;
	err = route_subscribe(&broker->routes, client->session, f);
	if (err)
		return err;
	err = agent_join(broker, f);
	if (err)
		goto fail_agent;
	err = store_one(client, f, subscription_how(f->options, f->id));
	if (err)
		goto fail_store;
	return 0;

fail_store:
	if (f->is_new)
		agent_leave(broker, f->filter, f->len);
fail_agent:
	route_restore(&broker->routes, client->session, f);
	return err;
}

static void subscribe_one(struct client *client, struct session_filter *f)
{
	int err;

	f->changed = false;
	if (f->code >= SESSION_SUB_FAILURE)
		return;
	err = change(client, f);
	if (!err) {
		f->changed = kernel_changed(client->worker->broker, f);
		f->code = f->options & FILTER_QOS;
		return;
	}
	f->code = err == -EDQUOT ? REASON_QUOTA : REASON_IMPLEMENTATION;
	log_limited(LOG_TYPE_WARNING, "Warning: Client %s: cannot subscribe: %s.",
		    client_name(client), strerror(-err));
}

static void restore_one(struct client *client, const struct session_filter *f)
{
	route_restore(&client->worker->broker->routes, client->session, f);
	if (f->is_new)
		unstore_one(client, f);
	else
		store_one(client, f, f->was);
}

/* Backwards, as a filter may be there twice. Returns the last change. */
static u64 restore_all(struct client *client, const struct session_filter *filters, size_t n)
{
	struct group group = group_begin(client);

	while (n--) {
		if (filters[n].changed)
			restore_one(client, &filters[n]);
		group_next(&group);
	}
	return group_end(&group);
}

/*
 * Of what the client had before, what the kernel has is not known: it is given to
 * the kernel again. Returns the last change.
 */
static u64 take_back(struct client *client, struct session_filter *filters, size_t n)
{
	struct broker *broker = client->worker->broker;
	u64 ticket = restore_all(client, filters, n), how;
	struct session_filter *f;
	bool there;

	for (f = filters; f < filters + n; f++) {
		if (f->code >= SESSION_SUB_FAILURE || is_agents(broker, f))
			continue;
		there = route_how(&broker->routes, client->session, f->filter, f->len, &how);
		if (!f->changed && there && how == subscription_how(f->options, f->id))
			continue;
		f->code = REASON_UNSPECIFIED;
		f->changed = there;
		f->options = how_options(how);
		f->id = how_id(how);
	}
	if (dataplane_subscribe(client->worker, &client->conn, filters, n))
		client_close(client, CLOSE_NOT_ATTACHED, "the kernel has lost subscriptions");
	return ticket;
}

u64 session_subscribe(struct client *client, struct session_filter *filters, size_t n)
{
	struct group group = group_begin(client);
	u64 ticket;
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		subscribe_one(client, &filters[i]);
		group_next(&group);
	}
	ticket = group_end(&group);
	if (!client_plane_settle(client))
		return ticket;
	err = dataplane_subscribe(client->worker, &client->conn, filters, n);
	if (!err)
		return ticket;
	log_limited(LOG_TYPE_WARNING, "Warning: Client %s: the kernel cannot subscribe: %s.",
		    client_name(client), strerror(-err));
	ticket = take_back(client, filters, n) ?: ticket;
	client_plane_settle(client);
	return ticket;
}

static void unsubscribe_one(struct client *client, struct session_filter *f)
{
	struct broker *broker = client->worker->broker;
	bool was;

	f->changed = false;
	if (f->code >= SESSION_SUB_FAILURE)
		return;
	was = route_unsubscribe(&broker->routes, client->session, f->filter, f->len);
	f->code = was ? REASON_SUCCESS : REASON_NO_SUBSCRIPTION;
	f->changed = was && !is_agents(broker, f);
	if (!was)
		return;
	unstore_one(client, f);
	agent_leave(broker, f->filter, f->len);
}

u64 session_unsubscribe(struct client *client, struct session_filter *filters, size_t n)
{
	struct group group = group_begin(client);
	u64 ticket;
	size_t i;

	for (i = 0; i < n; i++) {
		unsubscribe_one(client, &filters[i]);
		group_next(&group);
	}
	ticket = group_end(&group);
	if (dataplane_unsubscribe(client->worker, &client->conn, filters, n))
		client_close(client, CLOSE_NOT_ATTACHED, "the kernel cannot unsubscribe");
	client_plane_settle(client);
	return ticket;
}

int session_resubscribe(struct session *session, struct session_filter *filter)
{
	int err = route_subscribe(&session->broker->routes, session, filter);

	return err ? err : agent_join(session->broker, filter);
}

void session_unsubscribe_all(struct session *session)
{
	route_unsubscribe_all(&session->broker->routes, session, agent_leave, session->broker);
}
