/* SPDX-License-Identifier: MIT */
/*
 * Permissions in the kernel's router: which sets of rules it has, and what they say.
 *
 * The parts of a client's permissions (acl.h) become sets. Parts that say the same are
 * one set, whoever they are of; so a set is never changed, and a client that may do
 * something else gets other sets. That is one step in the kernel, and between reading
 * a list again and the old one's end both are there.
 */
#ifndef MQTTD_ACL_SETS_H
#define MQTTD_ACL_SETS_H

#include <pthread.h>
#include <stdint.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "hash.h"

struct acl_rules;
struct acl_sets_entry;
struct broker;

/**
 * struct acl_sets - embedded in the broker
 * @broker: it
 * @lock: protects what follows, and slots of parts
 * @table: sets that the router has, by what they say
 * @oldest: of those that nobody has, the one that is to be deleted first
 * @newest: and last
 * @unused: how many they are
 * @keys: what they say comes from outside
 * @last_id: of a set in this router
 * @epoch: number of the router
 */
struct acl_sets {
	struct broker *broker;
	pthread_mutex_t lock;
	struct hash_table table;
	struct acl_sets_entry *oldest;
	struct acl_sets_entry *newest;
	unsigned int unused;
	siphash_key_t keys[2];
	uint32_t last_id;
	unsigned int epoch;
};

void acl_sets_init(struct acl_sets *sets, struct broker *broker);
void acl_sets_destroy(struct acl_sets *sets);

/**
 * acl_sets_get() - what a client is to have in the router
 * @broker: its router has the sets when this succeeds, and as long as @rules are there
 * @rules: the client's; NULL: everything
 * @ids: result, MQTT_PEER_ACLS_MAX, 0 behind the last one
 *
 * By a worker's thread, or the main thread while workers stand still.
 *
 * Return: 0 or -errno, of which nothing has been logged.
 */
int acl_sets_get(struct broker *broker, struct acl_rules *rules, uint32_t *ids);

/* The router has ended, and the sets with it. Workers stand still. */
void acl_sets_forget(struct acl_sets *sets);

#endif /* MQTTD_ACL_SETS_H */
