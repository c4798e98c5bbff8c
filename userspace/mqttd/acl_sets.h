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
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "hash.h"

struct acl_rules;
struct acl_sets_entry;
struct acl_slot;
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

/*
 * The same piece by piece: between these two nobody else changes what a set of its own
 * (see below) is of. acl_sets_begin() sets all ids to 0.
 */
void acl_sets_begin(struct broker *broker, uint32_t *ids);
void acl_sets_end(struct broker *broker);

/**
 * struct acl_piece - rules that are to be one set of a client
 * @slot: who keeps the set
 * @visit: calls @rule for each rule, in their order
 * @arg: for @visit
 * @single: the set is this slot's alone, and can be changed
 * @fallback: what a single one says if no rule does, MQTT_ACL_ACTION_*; others pass
 */
struct acl_piece {
	struct acl_slot *slot;
	void (*visit)(void *arg, void (*rule)(void *ctx, const u8 *filter, size_t len, bool deny,
					      unsigned int access), void *ctx);
	void *arg;
	bool single;
	u8 fallback;
};

/* Behind those in @ids. 0, -E2BIG if a client would have too many, or -errno. */
int acl_sets_add(struct broker *broker, const struct acl_piece *piece, uint32_t *ids);
int acl_sets_add_rules(struct broker *broker, struct acl_rules *rules, uint32_t *ids);

/*
 * A single set gets the rules that the piece has now, for all clients that have it. Without
 * a set there is nothing to do. On -errno it is the slot's no more: clients that have it are
 * to be given other ones.
 */
int acl_sets_change(struct broker *broker, const struct acl_piece *piece);
void acl_sets_drop(struct broker *broker, struct acl_slot *slot);

/* The router has ended, and the sets with it. Workers stand still. */
void acl_sets_forget(struct acl_sets *sets);

#endif /* MQTTD_ACL_SETS_H */
