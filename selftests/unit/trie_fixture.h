/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the topic table have in common: a deliberately naive
 * matcher to compare with, owners of subscriptions, and allocations that fail. Each
 * test program includes it once.
 */
#ifndef TRIE_FIXTURE_H
#define TRIE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <mqtt/topic.h>
#include <mqtt/trie.h>

#include "random.h"

#define PLENTY 1000000u

/* --- the oracle: levels, one by one, recursively -------------------------- */

struct text {
	const u8 *bytes;
	size_t len;
};

static inline struct text text(const char *s)
{
	return (struct text){ (const u8 *)s, strlen(s) };
}

/* Takes the first level off @rest, whose bytes become NULL after the last */
static inline struct text cut_level(struct text *rest)
{
	struct text level = { rest->bytes, 0 };

	while (level.len < rest->len && level.bytes[level.len] != '/')
		level.len++;
	if (level.len == rest->len) {
		rest->bytes = NULL;
		rest->len = 0;
	} else {
		rest->bytes += level.len + 1;
		rest->len -= level.len + 1;
	}
	return level;
}

static inline bool text_is(struct text t, const char *s)
{
	return t.len == strlen(s) && !memcmp(t.bytes, s, t.len);
}

static inline bool naive_levels(struct text filter, struct text topic)
{
	struct text f, t;

	if (!filter.bytes)
		return !topic.bytes;
	f = cut_level(&filter);
	if (text_is(f, "#"))
		return true;
	if (!topic.bytes)
		return false;
	t = cut_level(&topic);
	if (!text_is(f, "+") && (f.len != t.len || memcmp(f.bytes, t.bytes, f.len)))
		return false;
	return naive_levels(filter, topic);
}

static inline bool naive(struct text filter, struct text topic)
{
	if (topic.bytes[0] == '$' && (filter.bytes[0] == '+' || filter.bytes[0] == '#'))
		return false;
	return naive_levels(filter, topic);
}

/* --- a subscription and its owner ----------------------------------------- */

struct owner {
	struct mqtt_sub sub;
	struct rcu_head rcu;
	struct text filter;
	unsigned int found;
	bool added;
	u8 bytes[];
};

static inline struct owner *owner_new(struct text filter)
{
	struct owner *owner = malloc(sizeof(*owner) + filter.len);

	memset(owner, 0, sizeof(*owner));
	memcpy(owner->bytes, filter.bytes, filter.len);
	owner->filter.bytes = owner->bytes;
	owner->filter.len = filter.len;
	return owner;
}

static inline int owner_add(struct mqtt_trie *trie, struct owner *owner)
{
	int err = mqtt_trie_add(trie, owner->bytes, owner->filter.len, &owner->sub);

	if (!err)
		owner->added = true;
	return err;
}

static inline struct owner *add(struct mqtt_trie *trie, const char *filter)
{
	struct owner *owner = owner_new(text(filter));

	assert_int_equal(owner_add(trie, owner), 0);
	return owner;
}

static inline void del(struct mqtt_trie *trie, struct owner *owner)
{
	mqtt_trie_del(trie, &owner->sub);
	kfree_rcu(owner, rcu);
}

/* --- matching ------------------------------------------------------------- */

struct result {
	unsigned int calls;
	unsigned int subs;
	unsigned int empty;
};

static inline void found(void *ctx, const struct hlist_head *subs)
{
	struct result *result = ctx;
	struct owner *owner;

	result->calls++;
	if (hlist_empty(subs))
		result->empty++;
	hlist_for_each_entry_rcu(owner, subs, sub.link) {
		owner->found++;
		result->subs++;
	}
}

static inline int match_budget(struct mqtt_trie *trie, struct text topic,
			       unsigned int budget, struct result *result)
{
	u8 *bytes = malloc(topic.len);
	int err;

	/* in memory of its own, so that ASan sees a look beyond */
	memcpy(bytes, topic.bytes, topic.len);
	memset(result, 0, sizeof(*result));
	rcu_read_lock();
	err = mqtt_trie_match(trie, bytes, topic.len, budget, found, result);
	rcu_read_unlock();
	free(bytes);
	return err;
}

static inline unsigned int match(struct mqtt_trie *trie, struct text topic)
{
	struct result result;

	assert_int_equal(match_budget(trie, topic, PLENTY, &result), 0);
	assert_int_equal(result.empty, 0);
	return result.subs;
}

static inline void assert_empty(const struct mqtt_trie *trie)
{
	assert_int_equal(trie->nodes, 0);
	assert_int_equal(trie->subs, 0);
	assert_int_equal(trie->far, 0);
}

/* --- the allocations ------------------------------------------------------ */

static struct {
	unsigned int count;		/* since alloc_watch() */
	unsigned int fail_at;		/* fail the allocation with this number, from 1 */
	size_t fail_above;		/* fail those of more bytes */
	size_t largest;
	size_t last;
	bool watched;
} alloc;

bool shim_alloc_fails(size_t size)
{
	if (!alloc.watched)
		return false;
	if (size > alloc.largest)
		alloc.largest = size;
	alloc.last = size;
	return ++alloc.count == alloc.fail_at || (alloc.fail_above && size > alloc.fail_above);
}

static inline void alloc_watch(unsigned int fail_at, size_t fail_above)
{
	memset(&alloc, 0, sizeof(alloc));
	alloc.fail_at = fail_at;
	alloc.fail_above = fail_above;
	alloc.watched = true;
}

static inline void alloc_forget(void)
{
	alloc.watched = false;
}

/* --- RCU ------------------------------------------------------------------ */

static inline int setup(void **state)
{
	(void)state;
	rcu_register_thread();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	rcu_barrier();
	rcu_unregister_thread();
	return 0;
}

#endif /* TRIE_FIXTURE_H */
