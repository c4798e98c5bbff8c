// SPDX-License-Identifier: MIT
/*
 * The order of topics, and which of them a filter leaves out.
 */
#include <string.h>
#include <mqtt/word.h>

#include "topic_scan.h"

/* Topics have no U+0000. */
static int rank(u8 byte)
{
	return byte == '/' ? 0 : byte;
}

static size_t common_prefix(const u8 *a, const u8 *b, size_t len)
{
	size_t i;
	u64 differ;

	for (i = 0; i + 8 <= len; i += 8) {
		differ = mqtt_word_load(a + i) ^ mqtt_word_load(b + i);
		if (differ)
			return i + __builtin_ctzll(differ) / 8;
	}
	while (i < len && a[i] == b[i])
		i++;
	return i;
}

int topic_compare(const u8 *a, size_t a_len, const u8 *b, size_t b_len)
{
	size_t i = common_prefix(a, b, a_len < b_len ? a_len : b_len);

	if (i < a_len && i < b_len)
		return rank(a[i]) - rank(b[i]);
	return (a_len > i) - (b_len > i);
}

bool topic_place_after(const struct topic_place *place, const u8 *topic, size_t len)
{
	size_t head = place->head_len;
	int order;

	if (place->end)
		return true;
	order = topic_compare(place->head, head, topic, len < head ? len : head);
	if (order || len < head)
		return order > 0;
	return topic_compare(place->tail, place->tail_len, topic + head, len - head) > 0;
}

/* First place that begins with @head and @tail */
static struct topic_place place(const u8 *head, size_t head_len, const u8 *tail, size_t tail_len)
{
	return (struct topic_place){ head, head_len, tail, tail_len, false };
}

/* Behind @topic is what is below it, and "TOPIC/" the least of that */
static struct topic_place behind(const u8 *topic, size_t len)
{
	return place(topic, len, (const u8 *)"/", 1);
}

/*
 * Nothing more matches that has the same text for the last '+', which ends at
 * @plus, or 0 if there was none: skips to the next one, behind all that is below.
 */
static struct topic_place past(const u8 *topic, size_t plus)
{
	if (!plus)
		return (struct topic_place){ .end = true };
	return place(topic, plus - 1, (const u8 *)"\x01", 1);
}

/*
 * What matches has the text @head, then that of the filter up to its next
 * wildcard. "text/#" matches "text" as well.
 */
static struct topic_place at_literal(const u8 *head, size_t head_len, const u8 *filter, size_t len)
{
	size_t i = 0;

	while (i < len && filter[i] != '+' && filter[i] != '#')
		i++;
	if (i && i < len && filter[i] == '#')
		i--;
	return place(head, head_len, filter, i);
}

static size_t level_len(const u8 *level, size_t len)
{
	const u8 *slash = len ? memchr(level, '/', len) : NULL;

	return slash ? (size_t)(slash - level) : len;
}

bool topic_scan(const u8 *filter, size_t filter_len, const u8 *topic, size_t len,
		struct topic_place *next)
{
	size_t f = 0, t = 0;		/* where the level begins, where it ends */
	size_t f_end, t_end, plus = 0;
	int order;

	if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#')) {
		*next = place(NULL, 0, (const u8 *)"%", 1);
		return false;
	}
	for (;; f = f_end + 1, t = t_end + 1) {
		if (f < filter_len && filter[f] == '#') {
			*next = behind(topic, len);
			return true;
		}
		f_end = f + level_len(filter + f, filter_len - f);
		t_end = t + level_len(topic + t, len - t);
		if (f < filter_len && filter[f] == '+') {
			plus = t_end + 1;
		} else {
			order = topic_compare(topic + t, t_end - t, filter + f, f_end - f);
			if (order < 0)
				*next = at_literal(topic, t, filter + f, filter_len - f);
			else if (order > 0)
				*next = past(topic, plus);
			if (order)
				return false;
		}
		if (f_end == filter_len) {
			*next = past(topic, plus);
			return t_end == len;
		}
		if (t_end == len)
			break;
	}
	/* the filter has more levels */
	if (filter_len - f_end == 2 && filter[f_end + 1] == '#') {
		*next = behind(topic, len);
		return true;
	}
	*next = at_literal(topic, len, filter + f_end, filter_len - f_end);
	return false;
}
