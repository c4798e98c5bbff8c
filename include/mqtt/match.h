/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The result of the last match of a publisher, who often sends the next message
 * to the same topic.
 */
#ifndef _MQTT_MATCH_H
#define _MQTT_MATCH_H

#include <mqtt/trie.h>

/* A longer topic, or one that more filters match, is matched each time. */
#define MQTT_MATCH_TOPIC_MAX	54
#define MQTT_MATCH_LISTS_MAX	3

/**
 * struct mqtt_match - what matched a topic
 * @generation: the table's, before it was looked up
 * @lists: of the filters that match
 * @nr_lists: how many
 * @topic_len: bytes of @topic; 0: nothing is known
 * @topic: topic name
 *
 * All zero is an empty one. One topic table and one user at a time.
 */
struct mqtt_match {
	unsigned long generation;
	const struct hlist_head *lists[MQTT_MATCH_LISTS_MAX];
	u8 nr_lists;
	u8 topic_len;
	u8 topic[MQTT_MATCH_TOPIC_MAX];
};

bool mqtt_match_is_kept(const struct mqtt_trie *trie, const struct mqtt_match *last,
			const u8 *topic, size_t len);
int mqtt_match(const struct mqtt_trie *trie, struct mqtt_match *last, const u8 *topic, size_t len,
	       unsigned int budget, void (*found)(void *ctx, const struct hlist_head *subs),
	       void *ctx);

#endif /* _MQTT_MATCH_H */
