/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions that are no connection's: of groups of shared subscriptions, and of
 * sessions without a connection that want messages at QoS 0. For the router one more
 * peer has them, the agent, which is hosted on the first worker's port; what comes
 * for it is for route_deliver_kept().
 *
 * The agent is a peer as long as it has a subscription and there is a router. Without
 * a router the subscriptions are only counted.
 */
#ifndef MQTTD_AGENT_H
#define MQTTD_AGENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "hash.h"

struct broker;
struct worker;

/**
 * struct agent - embedded in the broker
 * @lock: protects @filters, and changes of @peer
 * @filters: what is subscribed to
 * @key: filters come from the network
 * @peer: the kernel's number for it, 0: none; any thread
 */
struct agent {
	pthread_mutex_t lock;
	struct hash_table filters;
	siphash_key_t key;
	uint32_t peer;
};

void agent_init(struct agent *agent);
void agent_destroy(struct agent *agent);

/**
 * agent_subscribe() - once more
 * @broker: whose agent
 * @filter: topic filter, valid by the standard, without "$share/NAME/"; copied
 * @len: bytes at @filter
 *
 * When it returns later messages come. Each call is to be made undone by one of
 * agent_unsubscribe(). Any worker's thread, or the main thread while they stand still.
 *
 * Return: 0 or -errno, and the log says why.
 */
int agent_subscribe(struct broker *broker, const u8 *filter, size_t len);
void agent_unsubscribe(struct broker *broker, const u8 *filter, size_t len);

/*
 * A router was created, or has ended, while the workers stand still. agent_enter()
 * returns 0 or -errno.
 */
int agent_enter(struct broker *broker);
void agent_forget(struct broker *broker);

static inline bool agent_is(const struct agent *agent, uint32_t peer)
{
	return __atomic_load_n(&agent->peer, __ATOMIC_RELAXED) == peer;
}

#endif /* MQTTD_AGENT_H */
