// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Matching once for many messages to the same topic.
 *
 * What is kept are the lists of the filters that match, not what is in them, so
 * a list is always walked as it is now. A list is part of a node of the topic
 * table, and a node may be freed a grace period after it was unlinked. Before
 * that call, but after the node cannot be found any more, the table gets
 * another generation. So whoever sees here, inside a read-side critical
 * section, the generation that was there before the node was found, began before
 * the node was given to be freed: the node stays until the section's end.
 */
#include <linux/compiler.h>
#include <linux/string.h>

#include <mqtt/match.h>
#include <mqtt/word.h>

/* Also passes on what it keeps. */
struct keeper {
	struct mqtt_match *last;
	unsigned int nr_lists;
	void (*found)(void *ctx, const struct hlist_head *subs);
	void *ctx;
};

static bool topic_is(const struct mqtt_match *last, const u8 *topic, size_t len)
{
	return last->topic_len == len && mqtt_word_equal(last->topic, topic, len);
}

static void keep(void *ctx, const struct hlist_head *subs)
{
	struct keeper *keeper = ctx;

	if (keeper->nr_lists < MQTT_MATCH_LISTS_MAX)
		keeper->last->lists[keeper->nr_lists] = subs;
	keeper->nr_lists++;
	keeper->found(keeper->ctx, subs);
}

/* Apart from mqtt_match(), which most often needs nothing of this, nor its stack */
static noinline int match_and_keep(const struct mqtt_trie *trie, struct mqtt_match *last,
				   unsigned long generation, const u8 *topic, size_t len,
				   unsigned int budget,
				   void (*found)(void *ctx, const struct hlist_head *subs),
				   void *ctx)
{
	struct keeper keeper = { .last = last, .found = found, .ctx = ctx };
	int err;

	last->topic_len = 0;
	err = mqtt_trie_match(trie, topic, len, budget, keep, &keeper);
	if (!err && keeper.nr_lists <= MQTT_MATCH_LISTS_MAX && len <= MQTT_MATCH_TOPIC_MAX) {
		memcpy(last->topic, topic, len);
		last->topic_len = len;
		last->nr_lists = keeper.nr_lists;
		last->generation = generation;
	}
	return err;
}

/**
 * mqtt_match_is_kept() - would mqtt_match() know without a look at the table?
 * @trie: see mqtt_match()
 * @last: see mqtt_match()
 * @topic: see mqtt_match()
 * @len: see mqtt_match()
 *
 * Context: as mqtt_match().
 */
bool mqtt_match_is_kept(const struct mqtt_trie *trie, const struct mqtt_match *last,
			const u8 *topic, size_t len)
{
	return last && last->generation == mqtt_trie_generation(trie) && topic_is(last, topic, len);
}

/**
 * mqtt_match() - find the subscriptions to a topic, perhaps the last one again
 * @trie: topic table
 * @last: the caller's memory of it, always with the same table and never in two
 *	  contexts at a time; or NULL
 * @topic: valid topic name (mqtt_topic_name_valid())
 * @len: bytes at @topic
 * @budget: see mqtt_trie_match()
 * @found: see mqtt_trie_match(); may not come back here with the same @last
 * @ctx: handed to @found
 *
 * Context: any, RCU read lock held. Neither allocates nor sleeps.
 * Return: as mqtt_trie_match().
 */
int mqtt_match(const struct mqtt_trie *trie, struct mqtt_match *last, const u8 *topic, size_t len,
	       unsigned int budget, void (*found)(void *ctx, const struct hlist_head *subs),
	       void *ctx)
{
	unsigned long generation;
	unsigned int i;

	if (!last)
		return mqtt_trie_match(trie, topic, len, budget, found, ctx);
	generation = mqtt_trie_generation(trie);
	if (last->generation != generation || !topic_is(last, topic, len))
		return match_and_keep(trie, last, generation, topic, len, budget, found, ctx);
	for (i = 0; i < last->nr_lists; i++)
		found(ctx, last->lists[i]);
	return 0;
}
