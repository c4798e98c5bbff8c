// SPDX-License-Identifier: MIT
/*
 * Permissions in the kernel's router.
 *
 * What a set says is known by two keyed hashes of it, which nobody outside can make
 * agree. A set that nobody has stays for a while: clients come back, and the kernel
 * may still have one that is leaving.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>
#include <linux/mqtt.h>
#include <linux/random.h>
#include <mqtt/topic.h>

#include "acl.h"
#include "acl_sets.h"
#include "broker.h"
#include "dataplane.h"
#include "log.h"
#include "netlink.h"

/* Sets that nobody has. */
#define UNUSED_MAX	64
/* A longer filter matches no topic that the kernel routes: a wildcard takes a byte. */
#define FILTER_MAX	(MQTT_TOPIC_MAX + MQTT_FILTER_LEVELS_MAX)

/**
 * struct acl_sets_entry - a set
 * @node: in the table
 * @sets: where
 * @next: of those that nobody has
 * @sums: of what it says
 * @refs: slots that have it
 * @id: the kernel's
 * @epoch: of the router that has it
 */
struct acl_sets_entry {
	struct hash_node node;
	struct acl_sets *sets;
	struct acl_sets_entry *next;
	u64 sums[2];
	unsigned int refs;
	uint32_t id;
	unsigned int epoch;
};

void acl_sets_init(struct acl_sets *sets, struct broker *broker)
{
	*sets = (struct acl_sets){ .broker = broker };
	pthread_mutex_init(&sets->lock, NULL);
	get_random_bytes(&sets->keys, sizeof(sets->keys));
}

void acl_sets_destroy(struct acl_sets *sets)
{
	acl_sets_forget(sets);
	pthread_mutex_destroy(&sets->lock);
}

/* --- sets that nobody has ---------------------------------------------------- */

static struct acl_sets_entry *unused_take(struct acl_sets *sets)
{
	struct acl_sets_entry *entry = sets->oldest;

	sets->oldest = entry->next;
	sets->unused--;
	return entry;
}

static void unused_add(struct acl_sets *sets, struct acl_sets_entry *entry)
{
	entry->next = NULL;
	if (sets->oldest)
		sets->newest->next = entry;
	else
		sets->oldest = entry;
	sets->newest = entry;
	sets->unused++;
}

/* Those that somebody has now are on the list until it is their turn. */
static void delete_oldest(struct acl_sets *sets)
{
	struct acl_sets_entry *entry;

	while (sets->unused > UNUSED_MAX) {
		entry = unused_take(sets);
		if (entry->refs) {
			entry->next = entry;
			continue;
		}
		/* If there is any other error it is one set too many. */
		if (dataplane_acl_del(sets->broker, entry->id) == -EBUSY) {
			unused_add(sets, entry);
			break;
		}
		hash_del(&sets->table, &entry->node);
		free(entry);
	}
}

static void release(void *kept)
{
	struct acl_sets_entry *entry = kept;
	struct acl_sets *sets = entry->sets;

	pthread_mutex_lock(&sets->lock);
	if (!--entry->refs) {
		if (entry->epoch != sets->epoch)
			free(entry);
		else if (entry->next == entry)
			unused_add(sets, entry);
		delete_oldest(sets);
	}
	pthread_mutex_unlock(&sets->lock);
}

static void drop(struct hash_node *node, void *ctx)
{
	struct acl_sets_entry *entry = container_of(node, struct acl_sets_entry, node);

	(void)ctx;
	if (!entry->refs)
		free(entry);
}

void acl_sets_forget(struct acl_sets *sets)
{
	pthread_mutex_lock(&sets->lock);
	hash_clear(&sets->table, drop, NULL);
	sets->oldest = NULL;
	sets->newest = NULL;
	sets->unused = 0;
	sets->last_id = 0;
	sets->epoch++;
	pthread_mutex_unlock(&sets->lock);
}

/* --- sets that somebody has ---------------------------------------------------- */

/* The rules of a part, as the kernel is told. */
struct collection {
	const siphash_key_t *keys;
	struct mqtt_nl_acl_rule *rules;
	size_t n;
	size_t room;
	u64 sums[2];
	bool failed;
};

static void collect(void *ctx, const u8 *filter, size_t len, bool deny, unsigned int access)
{
	struct collection *all = ctx;
	struct mqtt_nl_acl_rule *rules;

	if (len > FILTER_MAX || mqtt_topic_levels(filter, len) > MQTT_FILTER_LEVELS_MAX)
		return;
	if (all->n == all->room) {
		all->room = all->room ? 2 * all->room : 16;
		rules = reallocarray(all->rules, all->room, sizeof(*rules));
		if (!rules) {
			all->failed = true;
			all->room = all->n;
			return;
		}
		all->rules = rules;
	}
	all->rules[all->n++] = (struct mqtt_nl_acl_rule){
		.filter = filter,
		.len = len,
		.action = deny ? MQTT_ACL_ACTION_DENY : MQTT_ACL_ACTION_ALLOW,
		.access = (access & ACL_READ ? MQTT_ACL_ACCESS_RECEIVE : 0) |
			  (access & ACL_WRITE ? MQTT_ACL_ACCESS_PUBLISH : 0),
	};
}

/* Rule by rule, so that each sum stands for all that is before it. */
static void summarize(struct collection *all)
{
	struct {
		u64 before;
		u64 filter;
		u64 kind;
	} step;
	size_t i, k;

	for (k = 0; k < 2; k++) {
		all->sums[k] = all->n;
		for (i = 0; i < all->n; i++) {
			const struct mqtt_nl_acl_rule *rule = &all->rules[i];

			step.before = all->sums[k];
			step.filter = siphash(rule->filter, rule->len, &all->keys[k]);
			step.kind = (u64)rule->len << 16 | rule->action << 8 | rule->access;
			all->sums[k] = siphash(&step, sizeof(step), &all->keys[k]);
		}
	}
}

static struct acl_sets_entry *find(const struct acl_sets *sets, const u64 *sums)
{
	struct acl_sets_entry *entry;
	struct hash_node *node;

	for (node = hash_first(&sets->table, sums[0]); node; node = hash_next(node)) {
		entry = container_of(node, struct acl_sets_entry, node);
		if (entry->sums[1] == sums[1])
			return entry;
	}
	return NULL;
}

/* Tells the router. Returns NULL and -errno in @err. */
static struct acl_sets_entry *make(struct acl_sets *sets, const struct collection *all, int *err)
{
	struct acl_sets_entry *entry = malloc(sizeof(*entry));

	*err = -ENOMEM;
	if (!entry)
		return NULL;
	*entry = (struct acl_sets_entry){
		.sets = sets,
		.next = entry,
		.sums = { all->sums[0], all->sums[1] },
		.id = sets->last_id + 1,
		.epoch = sets->epoch,
	};
	/* The number of one that is still there would change that one. */
	if (!entry->id)
		*err = -ENOSPC;
	else
		*err = hash_add(&sets->table, &entry->node, entry->sums[0]);
	if (*err)
		goto fail_add;
	*err = dataplane_acl_set(sets->broker, entry->id, all->rules, all->n);
	if (*err)
		goto fail_set;
	sets->last_id++;
	return entry;

fail_set:
	hash_del(&sets->table, &entry->node);
fail_add:
	free(entry);
	return NULL;
}

static struct acl_sets_entry *find_or_make(struct acl_sets *sets, struct acl_rules *rules,
					   enum acl_part part, int *err)
{
	struct collection all = { .keys = sets->keys };
	struct acl_sets_entry *entry = NULL;

	*err = -ENOMEM;
	acl_part_visit(rules, part, collect, &all);
	if (!all.failed) {
		summarize(&all);
		entry = find(sets, all.sums);
		if (!entry)
			entry = make(sets, &all, err);
	}
	free(all.rules);
	return entry;
}

/* One that an earlier router had is of no use any more. */
static struct acl_sets_entry *valid(struct acl_sets *sets, struct acl_slot *slot)
{
	struct acl_sets_entry *entry = slot->kept;

	if (!entry || entry->epoch == sets->epoch)
		return entry;
	if (!--entry->refs)
		free(entry);
	slot->kept = NULL;
	return NULL;
}

static int get_part(struct acl_sets *sets, struct acl_rules *rules, enum acl_part part,
		    uint32_t *id)
{
	struct acl_slot *slot = acl_part_slot(rules, part);
	struct acl_sets_entry *entry = valid(sets, slot);
	int err = 0;

	if (!entry) {
		entry = find_or_make(sets, rules, part, &err);
		if (!entry)
			return err;
		entry->refs++;
		*slot = (struct acl_slot){ .kept = entry, .release = release };
	}
	*id = entry->id;
	return 0;
}

/* A client about whom nothing is said has an empty set, which allows nothing. */
int acl_sets_get(struct broker *broker, struct acl_rules *rules, uint32_t *ids)
{
	struct acl_sets *sets = &broker->acl_sets;
	unsigned int part, n = 0;
	int err = 0;

	memset(ids, 0, MQTT_PEER_ACLS_MAX * sizeof(*ids));
	if (!rules || !broker->dataplane)
		return 0;
	pthread_mutex_lock(&sets->lock);
	for (part = 0; part < ACL_PARTS && !err; part++)
		if (!acl_part_empty(rules, part))
			err = get_part(sets, rules, part, &ids[n++]);
	if (!err && !n)
		err = get_part(sets, rules, ACL_PART_USER, &ids[0]);
	pthread_mutex_unlock(&sets->lock);
	return err;
}
