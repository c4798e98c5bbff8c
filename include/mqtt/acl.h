/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A set of rules that say who may publish or get what: a list in which the first
 * rule that is about the kind of access and whose filter matches the topic decides.
 *
 * One source for the kernel, and for the daemon's tests. Filled by one thread, then
 * only read; readers hold the RCU read lock. Pure code.
 */
#ifndef _MQTT_ACL_RULES_H
#define _MQTT_ACL_RULES_H

#include <linux/types.h>
#include <linux/mqtt.h>

#include <mqtt/trie.h>

/* So many are compared one by one: a topic table takes more memory and no less time. */
#define MQTT_ACL_FEW	8
/* Nodes of a set's topic table that one question may visit. */
#define MQTT_ACL_BUDGET	4096

/**
 * struct mqtt_acl_rule - a rule
 * @sub: in the topic table, if there is one
 * @next: the next rule, or NULL
 * @index: its place in the list
 * @len: bytes of @filter
 * @action: MQTT_ACL_ACTION_DENY or MQTT_ACL_ACTION_ALLOW
 * @access: MQTT_ACL_ACCESS_*
 * @filter: topic filter
 */
struct mqtt_acl_rule {
	struct mqtt_sub sub;
	struct mqtt_acl_rule *next;
	u32 index;
	u16 len;
	u8 action;
	u8 access;
	u8 filter[];
};

/**
 * struct mqtt_acl_rules - all zero is an empty list that denies everything
 * @first: its rules
 * @last: the last one of them
 * @trie: their filters, valid if @indexed
 * @nr: how many
 * @fallback: enum mqtt_acl_action, if no rule decides
 * @indexed: @trie is there
 */
struct mqtt_acl_rules {
	struct mqtt_acl_rule *first;
	struct mqtt_acl_rule *last;
	struct mqtt_trie trie;
	u32 nr;
	u8 fallback;
	bool indexed;
};

int mqtt_acl_rules_add(struct mqtt_acl_rules *rules, const u8 *filter, size_t len, u8 action,
		       u8 access);
int mqtt_acl_rules_finish(struct mqtt_acl_rules *rules);
void mqtt_acl_rules_clear(struct mqtt_acl_rules *rules);
u8 mqtt_acl_rules_ask(const struct mqtt_acl_rules *rules, u8 access, const u8 *topic, size_t len,
		      u32 *steps);

#endif /* _MQTT_ACL_RULES_H */
