/* SPDX-License-Identifier: MIT */
/*
 * Topic aliases that a client has set (MQTT 5.0 3.3.2.3.4). With the kernel's
 * data plane the module has a table of its own; each PUBLISH that changes
 * a mapping comes to the daemon too, so that both agree.
 */
#ifndef MQTTD_ALIAS_H
#define MQTTD_ALIAS_H

#include <stddef.h>
#include <linux/types.h>

struct alias_topic;

/**
 * struct alias_table - topic names by alias
 * @topics: @max places, made when the first alias is set
 * @max: largest alias; 0 for none
 */
struct alias_table {
	struct alias_topic **topics;
	u16 max;
};

/* All zero but @max is an empty table. */
void alias_clear(struct alias_table *table);

/* @alias is from 1 to @table->max. Returns 0 or -ENOMEM, and then nothing has changed. */
int alias_set(struct alias_table *table, u16 alias, const u8 *topic, u16 len);

/* The topic name, valid until the next call that changes it; NULL if there is none. */
const u8 *alias_get(const struct alias_table *table, u16 alias, u16 *len);

#endif /* MQTTD_ALIAS_H */
