// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A list of rules, and what it says about a topic.
 *
 * A few are compared one by one. Of many the filters are in a topic table, which
 * finds those that match without looking at the others; the least index of them
 * is the first one's.
 */
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <mqtt/acl.h>
#include <mqtt/topic.h>

/* Of a long topic, which any rule may have to be compared with up to its end */
#define BYTES_PER_STEP	256u

/* Looks for the first rule that matches. */
struct asker {
	const struct mqtt_acl_rule *first;
	u8 access;
};

/**
 * mqtt_acl_rules_add() - add a rule behind the others
 * @rules: a list that is not finished
 * @filter: valid topic filter of at most 65,535 bytes; copied
 * @len: bytes at @filter
 * @action: MQTT_ACL_ACTION_DENY or MQTT_ACL_ACTION_ALLOW
 * @access: MQTT_ACL_ACCESS_*
 *
 * Context: process; may sleep.
 * Return: 0 or -ENOMEM, and the list is what it was.
 */
int mqtt_acl_rules_add(struct mqtt_acl_rules *rules, const u8 *filter, size_t len, u8 action,
		       u8 access)
{
	struct mqtt_acl_rule *rule;

	rule = kmalloc(struct_size(rule, filter, len), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!rule)
		return -ENOMEM;
	rule->next = NULL;
	rule->index = rules->nr++;
	rule->len = len;
	rule->action = action;
	rule->access = access;
	memcpy(rule->filter, filter, len);
	if (rules->last)
		rules->last->next = rule;
	else
		rules->first = rule;
	rules->last = rule;
	return 0;
}

/**
 * mqtt_acl_rules_finish() - all rules are there
 * @rules: list
 *
 * Context: process; may sleep.
 * Return: 0, and the list may be asked; -ENOMEM, and it can only be cleared.
 */
int mqtt_acl_rules_finish(struct mqtt_acl_rules *rules)
{
	struct mqtt_acl_rule *rule;
	int err;

	if (rules->nr <= MQTT_ACL_FEW)
		return 0;
	err = mqtt_trie_init(&rules->trie);
	if (err)
		return err;
	rules->indexed = true;
	for (rule = rules->first; rule && !err; rule = rule->next)
		err = mqtt_trie_add(&rules->trie, rule->filter, rule->len, &rule->sub);
	return err;
}

/**
 * mqtt_acl_rules_clear() - free what is in a list
 * @rules: list that no reader is in any more
 *
 * Context: process; may sleep.
 */
void mqtt_acl_rules_clear(struct mqtt_acl_rules *rules)
{
	struct mqtt_acl_rule *rule;

	if (rules->indexed)
		mqtt_trie_destroy(&rules->trie);
	while ((rule = rules->first)) {
		rules->first = rule->next;
		kfree(rule);
		cond_resched();
	}
	memset(rules, 0, sizeof(*rules));
}

static void found(void *ctx, const struct hlist_head *subs)
{
	const struct mqtt_acl_rule *rule;
	struct asker *asker = ctx;
	struct mqtt_sub *sub;

	hlist_for_each_entry_rcu(sub, subs, link) {
		rule = container_of(sub, struct mqtt_acl_rule, sub);
		if (rule->access & asker->access &&
		    (!asker->first || rule->index < asker->first->index))
			asker->first = rule;
	}
}

/**
 * mqtt_acl_rules_ask() - what a list says about a topic
 * @rules: finished list
 * @access: one bit of MQTT_ACL_ACCESS_*
 * @topic: valid topic name
 * @len: bytes at @topic
 * @steps: the work that it takes is added here: rules compared, each as much again for
 *	   each full 256 bytes of @topic, or nodes visited, and so much once
 *
 * A topic whose answer would take more than MQTT_ACL_BUDGET steps is denied.
 *
 * Context: any, RCU read lock held. Neither allocates nor sleeps.
 * Return: enum mqtt_acl_action.
 */
u8 mqtt_acl_rules_ask(const struct mqtt_acl_rules *rules, u8 access, const u8 *topic, size_t len,
		      u32 *steps)
{
	struct asker asker = { .access = access };
	unsigned int budget = MQTT_ACL_BUDGET;
	const struct mqtt_acl_rule *rule;
	u32 more = len / BYTES_PER_STEP;
	int err;

	if (rules->indexed) {
		err = mqtt_trie_match_within(&rules->trie, topic, len, &budget, found, &asker);
		*steps += MQTT_ACL_BUDGET - budget + more;
		if (err)
			return MQTT_ACL_ACTION_DENY;
		return asker.first ? asker.first->action : rules->fallback;
	}
	*steps += rules->nr * (1 + more);
	for (rule = rules->first; rule; rule = rule->next)
		if (rule->access & access &&
		    mqtt_topic_matches(rule->filter, rule->len, topic, len))
			return rule->action;
	return rules->fallback;
}
