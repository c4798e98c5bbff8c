// SPDX-License-Identifier: MIT
/*
 * The agent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>
#include <linux/random.h>

#include "agent.h"
#include "broker.h"
#include "dataplane.h"
#include "netlink.h"

/**
 * struct agent_filter - a subscription
 * @node: in the table
 * @refs: how often it was asked for
 * @len: bytes at @text
 * @told: the router has it
 * @text: topic filter
 */
struct agent_filter {
	struct hash_node node;
	u32 refs;
	u32 len;
	bool told;
	u8 text[];
};

void agent_init(struct agent *agent)
{
	*agent = (struct agent){};
	pthread_mutex_init(&agent->lock, NULL);
	get_random_bytes(&agent->key, sizeof(agent->key));
}

static void drop(struct hash_node *node, void *ctx)
{
	(void)ctx;
	free(container_of(node, struct agent_filter, node));
}

void agent_destroy(struct agent *agent)
{
	hash_clear(&agent->filters, drop, NULL);
	pthread_mutex_destroy(&agent->lock);
}

static struct agent_filter *find(const struct agent *agent, const u8 *filter, size_t len,
				 uint64_t hash)
{
	struct agent_filter *f;
	struct hash_node *node;

	for (node = hash_first(&agent->filters, hash); node; node = hash_next(node)) {
		f = container_of(node, struct agent_filter, node);
		if (f->len == len && !memcmp(f->text, filter, len))
			return f;
	}
	return NULL;
}

static struct agent_filter *add(struct agent *agent, const u8 *filter, size_t len, uint64_t hash)
{
	struct agent_filter *f = malloc(sizeof(*f) + len);

	if (!f)
		return NULL;
	*f = (struct agent_filter){ .refs = 1, .len = len };
	memcpy(f->text, filter, len);
	if (hash_add(&agent->filters, &f->node, hash)) {
		free(f);
		return NULL;
	}
	return f;
}

static void set_peer(struct agent *agent, uint32_t peer)
{
	__atomic_store_n(&agent->peer, peer, __ATOMIC_RELAXED);
}

/* With the router */

struct list {
	struct mqtt_nl_filter *filters;
	size_t n;
};

static int list_one(struct hash_node *node, void *ctx)
{
	struct agent_filter *f = container_of(node, struct agent_filter, node);
	struct list *list = ctx;

	f->told = dataplane_filter_fits(f->text, f->len);
	if (f->told)
		list->filters[list->n++] = (struct mqtt_nl_filter){
			.filter = f->text, .len = f->len,
		};
	return 0;
}

/* Under the lock: with all there is. */
static int enter(struct broker *broker)
{
	struct agent *agent = &broker->agent;
	struct list list = {};
	uint32_t peer;
	int err;

	list.filters = calloc(agent->filters.count, sizeof(*list.filters));
	if (!list.filters)
		return -ENOMEM;
	err = dataplane_agent_attach(broker, &peer);
	if (!err) {
		hash_visit(&agent->filters, list_one, &list);
		err = dataplane_agent_subscribe(broker, peer, list.filters, list.n);
		if (err)
			dataplane_agent_detach(broker, peer);
		else
			set_peer(agent, peer);
	}
	free(list.filters);
	return err;
}

static int tell(struct broker *broker, struct agent_filter *f)
{
	const struct mqtt_nl_filter filter = { .filter = f->text, .len = f->len };
	struct agent *agent = &broker->agent;
	int err = -ENOENT;

	if (!broker->dataplane || !dataplane_filter_fits(f->text, f->len))
		return 0;
	if (agent->peer)
		err = dataplane_agent_subscribe(broker, agent->peer, &filter, 1);
	/* The first one; or somebody with the capability has ended the peer. */
	if (err == -ENOENT)
		err = enter(broker);
	f->told = !err;
	return err;
}

static void tell_end(struct broker *broker, const struct agent_filter *f)
{
	const struct mqtt_nl_filter filter = { .filter = f->text, .len = f->len };
	struct agent *agent = &broker->agent;

	if (!agent->peer)
		return;
	if (agent->filters.count) {
		/* If that fails something comes that is for nobody. */
		if (f->told)
			dataplane_agent_unsubscribe(broker, agent->peer, &filter, 1);
		return;
	}
	dataplane_agent_detach(broker, agent->peer);
	set_peer(agent, 0);
}

/* For others */

static int subscribe_locked(struct broker *broker, const u8 *filter, size_t len)
{
	struct agent *agent = &broker->agent;
	uint64_t hash = siphash(filter, len, &agent->key);
	struct agent_filter *f = find(agent, filter, len, hash);
	int err;

	if (f) {
		f->refs++;
		return 0;
	}
	f = add(agent, filter, len, hash);
	if (!f)
		return -ENOMEM;
	err = tell(broker, f);
	if (err) {
		hash_del(&agent->filters, &f->node);
		free(f);
	}
	return err;
}

int agent_subscribe(struct broker *broker, const u8 *filter, size_t len)
{
	int err;

	pthread_mutex_lock(&broker->agent.lock);
	err = subscribe_locked(broker, filter, len);
	pthread_mutex_unlock(&broker->agent.lock);
	return err;
}

void agent_unsubscribe(struct broker *broker, const u8 *filter, size_t len)
{
	struct agent *agent = &broker->agent;
	struct agent_filter *f;

	pthread_mutex_lock(&agent->lock);
	f = find(agent, filter, len, siphash(filter, len, &agent->key));
	if (f && !--f->refs) {
		hash_del(&agent->filters, &f->node);
		tell_end(broker, f);
		free(f);
	}
	pthread_mutex_unlock(&agent->lock);
}

int agent_enter(struct broker *broker)
{
	struct agent *agent = &broker->agent;
	int err = 0;

	pthread_mutex_lock(&agent->lock);
	if (agent->filters.count)
		err = enter(broker);
	pthread_mutex_unlock(&agent->lock);
	return err;
}

static int forget(struct hash_node *node, void *ctx)
{
	(void)ctx;
	container_of(node, struct agent_filter, node)->told = false;
	return 0;
}

void agent_forget(struct broker *broker)
{
	struct agent *agent = &broker->agent;

	pthread_mutex_lock(&agent->lock);
	hash_visit(&agent->filters, forget, NULL);
	set_peer(agent, 0);
	pthread_mutex_unlock(&agent->lock);
}
