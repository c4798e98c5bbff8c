// SPDX-License-Identifier: MIT
/*
 * The table of a client's topic aliases.
 */
#include <errno.h>
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
