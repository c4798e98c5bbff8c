/* SPDX-License-Identifier: MIT */
/*
 * Topic aliases, MQTT 5.0 3.3.2.3.4: those that a client has set, and those that
 * the broker has set for it.
 *
 * With the kernel's data plane the module has a table of its own of the first;
 * each PUBLISH that changes a mapping comes to the daemon too, so that both agree.
 * Of the second it knows nothing: what it sends itself has no aliases.
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

/* Aliases that the broker sets for one client at most. */
#define ALIAS_OUT_MAX	64

/**
 * struct alias_out - topic names by the broker's aliases
 * @slots: @max places, made when the first alias is chosen
 * @max: largest alias, a client's Topic Alias Maximum or ALIAS_OUT_MAX; 0 for none
 */
struct alias_out {
	struct alias_slot *slots;
	u16 max;
};

enum alias_use {
	ALIAS_NONE,	/* the topic name alone */
	ALIAS_SET,	/* the topic name and the alias, which means it from now on */
	ALIAS_USE,	/* the alias alone */
};

/**
 * alias_out_choose() - how to say a topic name
 * @table: what the client knows
 * @topic: topic name
 * @len: bytes at @topic
 * @alias: result, if not ALIAS_NONE
 *
 * A name has one place where it can be, given by its hash, and gets that the second
 * time in a row that it comes by. With ALIAS_SET alias_out_set() follows once
 * the packet was queued.
 */
enum alias_use alias_out_choose(struct alias_out *table, const u8 *topic, u16 len, u16 *alias);
void alias_out_set(struct alias_out *table, u16 alias, const u8 *topic, u16 len);
void alias_out_clear(struct alias_out *table);

#endif /* MQTTD_ALIAS_H */
