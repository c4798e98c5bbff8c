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
 * @single: it is one slot's, and not in the table
 * @fallback: if no rule says anything
 */
struct acl_sets_entry {
	struct hash_node node;
	struct acl_sets *sets;
	struct acl_sets_entry *next;
	u64 sums[2];
	unsigned int refs;
	uint32_t id;
	unsigned int epoch;
	bool single;
	u8 fallback;
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
		if (!entry->single)
			hash_del(&sets->table, &entry->node);
		free(entry);
	}
}

static void release_locked(struct acl_sets *sets, struct acl_sets_entry *entry)
{
	if (!--entry->refs) {
		if (entry->epoch != sets->epoch)
			free(entry);
		else if (entry->next == entry)
			unused_add(sets, entry);
		delete_oldest(sets);
	}
}

static void release(void *kept)
{
	struct acl_sets_entry *entry = kept;
	struct acl_sets *sets = entry->sets;

	pthread_mutex_lock(&sets->lock);
	release_locked(sets, entry);
	pthread_mutex_unlock(&sets->lock);
}

static void drop(struct hash_node *node, void *ctx)
{
	struct acl_sets_entry *entry = container_of(node, struct acl_sets_entry, node);

	(void)ctx;
	if (!entry->refs)
		free(entry);
}

/* Of those that nobody has, those that are not in the table. */
static void drop_singles(struct acl_sets *sets)
{
	struct acl_sets_entry *entry;

	while (sets->unused) {
		entry = unused_take(sets);
		if (entry->single)
			free(entry);
	}
}

void acl_sets_forget(struct acl_sets *sets)
{
	pthread_mutex_lock(&sets->lock);
	drop_singles(sets);
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
static struct acl_sets_entry *make(struct acl_sets *sets, const struct collection *all,
				   const struct acl_piece *piece, int *err)
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
		.single = piece->single,
		.fallback = piece->single ? piece->fallback : MQTT_ACL_ACTION_PASS,
	};
	/* The number of one that is still there would change that one. */
	if (!entry->id)
		*err = -ENOSPC;
	else
		*err = entry->single ? 0 : hash_add(&sets->table, &entry->node, entry->sums[0]);
	if (*err)
		goto fail_add;
	*err = dataplane_acl_set(sets->broker, entry->id, entry->fallback, all->rules, all->n);
	if (*err)
		goto fail_set;
	sets->last_id++;
	return entry;

fail_set:
	if (!entry->single)
		hash_del(&sets->table, &entry->node);
fail_add:
	free(entry);
	return NULL;
}

static struct acl_sets_entry *find_or_make(struct acl_sets *sets, const struct acl_piece *piece,
					   int *err)
{
	struct collection all = { .keys = sets->keys };
	struct acl_sets_entry *entry = NULL;

	*err = -ENOMEM;
	piece->visit(piece->arg, collect, &all);
	if (!all.failed) {
		summarize(&all);
		if (!piece->single)
			entry = find(sets, all.sums);
		if (!entry)
			entry = make(sets, &all, piece, err);
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

/* The router takes none twice, and asking it again would not say more. */
static int append(uint32_t *ids, uint32_t id)
{
	unsigned int n;

	for (n = 0; n < MQTT_PEER_ACLS_MAX && ids[n]; n++)
		if (ids[n] == id)
			return 0;
	if (n == MQTT_PEER_ACLS_MAX)
		return -E2BIG;
	ids[n] = id;
	return 0;
}

void acl_sets_begin(struct broker *broker, uint32_t *ids)
{
	memset(ids, 0, MQTT_PEER_ACLS_MAX * sizeof(*ids));
	pthread_mutex_lock(&broker->acl_sets.lock);
}

void acl_sets_end(struct broker *broker)
{
	pthread_mutex_unlock(&broker->acl_sets.lock);
}

int acl_sets_add(struct broker *broker, const struct acl_piece *piece, uint32_t *ids)
{
	struct acl_sets *sets = &broker->acl_sets;
	struct acl_sets_entry *entry = valid(sets, piece->slot);
	int err = 0;

	if (!entry) {
		entry = find_or_make(sets, piece, &err);
		if (!entry)
			return err;
		entry->refs++;
		piece->slot->kept = entry;
		piece->slot->release = release;
	}
	return append(ids, entry->id);
}

int acl_sets_change(struct broker *broker, const struct acl_piece *piece)
{
	struct acl_sets *sets = &broker->acl_sets;
	struct acl_sets_entry *entry = valid(sets, piece->slot);
	struct collection all = { .keys = sets->keys };
	int err = -ENOMEM;

	if (!entry)
		return 0;
	piece->visit(piece->arg, collect, &all);
	if (!all.failed)
		err = dataplane_acl_set(broker, entry->id, piece->fallback, all.rules, all.n);
	free(all.rules);
	if (err)
		acl_sets_drop(broker, piece->slot);
	return err;
}

void acl_sets_drop(struct broker *broker, struct acl_slot *slot)
{
	struct acl_sets_entry *entry = slot->kept;

	slot->kept = NULL;
	if (entry)
		release_locked(&broker->acl_sets, entry);
}

/* A part of a list as a piece. */
struct part {
	const struct acl_rules *rules;
	enum acl_part part;
};

static void visit_part(void *arg, void (*rule)(void *ctx, const u8 *filter, size_t len, bool deny,
					       unsigned int access), void *ctx)
{
	const struct part *part = arg;

	acl_part_visit(part->rules, part->part, rule, ctx);
}

/* A client about whom nothing is said has an empty set, which allows nothing. */
int acl_sets_add_rules(struct broker *broker, struct acl_rules *rules, uint32_t *ids)
{
	struct part part = { .rules = rules };
	struct acl_piece piece = { .visit = visit_part, .arg = &part };
	bool all_empty = true;
	int err = 0;

	for (part.part = 0; part.part < ACL_PARTS && !err; part.part++) {
		if (acl_part_empty(rules, part.part))
			continue;
		all_empty = false;
		piece.slot = acl_part_slot(rules, part.part);
		err = acl_sets_add(broker, &piece, ids);
	}
	if (err || !all_empty || *ids)
		return err;
	part.part = ACL_PART_USER;
	piece.slot = acl_part_slot(rules, ACL_PART_USER);
	return acl_sets_add(broker, &piece, ids);
}

int acl_sets_get(struct broker *broker, struct acl_rules *rules, uint32_t *ids)
{
	int err = 0;

	acl_sets_begin(broker, ids);
	if (rules && broker->dataplane)
		err = acl_sets_add_rules(broker, rules, ids);
	acl_sets_end(broker);
	return err;
}
