// SPDX-License-Identifier: MIT
/*
 * The tables of a client's topic aliases.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "alias.h"

struct alias_topic {
	u16 len;
	u8 name[];
};

int alias_set(struct alias_table *table, u16 alias, const u8 *topic, u16 len)
{
	struct alias_topic *entry;

	if (!table->topics)
		table->topics = calloc(table->max, sizeof(*table->topics));
	if (!table->topics)
		return -ENOMEM;
	entry = malloc(sizeof(*entry) + len);
	if (!entry)
		return -ENOMEM;
	entry->len = len;
	memcpy(entry->name, topic, len);
	free(table->topics[alias - 1]);
	table->topics[alias - 1] = entry;
	return 0;
}

const u8 *alias_get(const struct alias_table *table, u16 alias, u16 *len)
{
	const struct alias_topic *entry = table->topics ? table->topics[alias - 1] : NULL;

	if (!entry)
		return NULL;
	*len = entry->len;
	return entry->name;
}

void alias_clear(struct alias_table *table)
{
	u16 i;

	for (i = 0; table->topics && i < table->max; i++)
		free(table->topics[i]);
	free(table->topics);
	table->topics = NULL;
}

/* With a shorter name nothing is gained. */
#define NAME_MIN 5

/**
 * struct alias_slot - one alias of the broker's
 * @topic: what it means to the client, or NULL
 * @last: hash of the last name that came by
 */
struct alias_slot {
	struct alias_topic *topic;
	u32 last;
};

/* FNV-1a. Who chooses names that collide gets fewer aliases. */
static u32 name_hash(const u8 *name, u16 len)
{
	u32 hash = 2166136261u;

	while (len--)
		hash = (hash ^ *name++) * 16777619u;
	return hash;
}

static bool slots_ready(struct alias_out *table)
{
	if (!table->slots)
		table->slots = calloc(table->max, sizeof(*table->slots));
	return table->slots;
}

enum alias_use alias_out_choose(struct alias_out *table, const u8 *topic, u16 len, u16 *alias)
{
	struct alias_slot *slot;
	bool again;
	u32 hash;

	if (!table->max || len < NAME_MIN || !slots_ready(table))
		return ALIAS_NONE;
	hash = name_hash(topic, len);
	*alias = hash % table->max + 1;
	slot = &table->slots[*alias - 1];
	again = slot->last == hash;
	slot->last = hash;
	if (slot->topic && slot->topic->len == len && !memcmp(slot->topic->name, topic, len))
		return ALIAS_USE;
	return again ? ALIAS_SET : ALIAS_NONE;
}

/* Without memory the client knows an alias that will not be used. */
void alias_out_set(struct alias_out *table, u16 alias, const u8 *topic, u16 len)
{
	struct alias_slot *slot = &table->slots[alias - 1];

	free(slot->topic);
	slot->topic = malloc(sizeof(*slot->topic) + len);
	if (!slot->topic)
		return;
	slot->topic->len = len;
	memcpy(slot->topic->name, topic, len);
}

void alias_out_clear(struct alias_out *table)
{
	u16 i;

	for (i = 0; table->slots && i < table->max; i++)
		free(table->slots[i].topic);
	free(table->slots);
	table->slots = NULL;
}
