// SPDX-License-Identifier: MIT
/*
 * Topic filters with permissions.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>

#include <mqtt/topic.h>
#include <mqtt/trie.h>

#include "acl_set.h"

/* So many are compared one by one: a topic table takes more memory and no less time. */
#define FEW 8

/**
 * struct acl_entry - a filter
 * @sub: in the topic table, if there is one
 * @next: in the list of all
 * @bits: what it says
 * @len: bytes of @filter
 * @filter: topic filter
 */
struct acl_entry {
	struct mqtt_sub sub;
	struct acl_entry *next;
	u8 bits;
	u32 len;
	u8 filter[];
};

/* Leaves the set as it was without memory. */
static int make_trie(struct acl_set *set)
{
	struct mqtt_trie *trie = malloc(sizeof(*trie));
	struct acl_entry *entry;
	int err;

	if (!trie)
		return -ENOMEM;
	err = mqtt_trie_init(trie);
	if (err)
		goto fail_init;
	for (entry = set->first; entry && !err; entry = entry->next)
		err = mqtt_trie_add(trie, entry->filter, entry->len, &entry->sub);
	if (err)
		goto fail_add;
	set->trie = trie;
	return 0;

fail_add:
	mqtt_trie_destroy(trie);
fail_init:
	free(trie);
	return err;
}

int acl_set_add(struct acl_set *set, const char *filter, size_t len, u8 bits)
{
	struct acl_entry *entry = malloc(sizeof(*entry) + len);
	int err = 0;

	if (!entry)
		return -ENOMEM;
	memset(&entry->sub, 0, sizeof(entry->sub));
	entry->bits = bits;
	entry->len = len;
	memcpy(entry->filter, filter, len);
	entry->next = set->first;
	set->first = entry;
	if (set->trie)
		err = mqtt_trie_add(set->trie, entry->filter, len, &entry->sub);
	else if (set->count >= FEW)
		err = make_trie(set);
	if (err) {
		set->first = entry->next;
		free(entry);
		return err;
	}
	set->count++;
	return 0;
}

static void found(void *ctx, const struct hlist_head *subs)
{
	struct mqtt_sub *sub;
	u8 *bits = ctx;

	hlist_for_each_entry_rcu(sub, subs, link) {
		const struct acl_entry *entry = container_of(sub, struct acl_entry, sub);

		*bits |= entry->bits;
	}
}

u8 acl_set_match(const struct acl_set *set, const u8 *topic, size_t len)
{
	const struct acl_entry *entry;
	u8 bits = 0;

	if (!set->trie) {
		for (entry = set->first; entry; entry = entry->next)
			if (mqtt_topic_matches(entry->filter, entry->len, topic, len))
				bits |= entry->bits;
		return bits;
	}
	/* It visits each node at most once, so there is no need of a budget. */
	rcu_read_lock();
	mqtt_trie_match(set->trie, topic, len, UINT_MAX, found, &bits);
	rcu_read_unlock();
	return bits;
}

bool acl_set_has(const struct acl_set *set, bool deny)
{
	const struct acl_entry *entry = set->first;

	while (entry && !(entry->bits & ACL_DENY) == deny)
		entry = entry->next;
	return entry;
}

void acl_set_visit(const struct acl_set *set, bool deny,
		   void (*rule)(void *ctx, const u8 *filter, size_t len, bool deny,
				unsigned int access),
		   void *ctx)
{
	const struct acl_entry *entry;

	for (entry = set->first; entry; entry = entry->next)
		if (!(entry->bits & ACL_DENY) != deny)
			rule(ctx, entry->filter, entry->len, deny,
			     deny ? ACL_READ | ACL_WRITE : entry->bits);
}

/* Nobody reads it any more: the nodes of a table need no grace period. */
void acl_set_free(struct acl_set *set)
{
	struct acl_entry *entry;

	if (set->trie)
		mqtt_trie_destroy(set->trie);
	free(set->trie);
	while ((entry = set->first)) {
		set->first = entry->next;
		free(entry);
	}
	*set = (struct acl_set){};
}
