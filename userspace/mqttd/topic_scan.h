/* SPDX-License-Identifier: MIT */
/*
 * Walking through topics that are in order, to find those that match a filter,
 * without looking at all.
 *
 * The order is that of bytes, but that '/' comes before all others: "a", "a/b",
 * "a/c", "a!". So what is below a topic follows it directly, and whatever a filter
 * leaves out is skipped by one search for the first topic behind that.
 */
#ifndef MQTTD_TOPIC_SCAN_H
#define MQTTD_TOPIC_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/**
 * struct topic_place - a place in the order: before all topics that are not less
 * @head: its bytes, ...
 * @head_len: how many
 * @tail: ... and those that follow them
 * @tail_len: how many
 * @end: behind all topics; the rest does not matter
 */
struct topic_place {
	const u8 *head;
	size_t head_len;
	const u8 *tail;
	size_t tail_len;
	bool end;
};

/* Negative, 0, positive, as strcmp(). */
int topic_compare(const u8 *a, size_t a_len, const u8 *b, size_t b_len);

/* Is @place behind this topic? */
bool topic_place_after(const struct topic_place *place, const u8 *topic, size_t len);

/**
 * topic_scan() - look at one topic
 * @filter: a valid topic filter
 * @filter_len: bytes at @filter
 * @topic: a valid topic name
 * @len: bytes at @topic
 * @next: result: no topic between @topic and this place matches. It is behind
 *	@topic, and points into @topic, @filter, or what is constant
 *
 * Takes time according to the lengths.
 *
 * Return: whether @topic matches.
 */
bool topic_scan(const u8 *filter, size_t filter_len, const u8 *topic, size_t len,
		struct topic_place *next);

#endif /* MQTTD_TOPIC_SCAN_H */
