/* SPDX-License-Identifier: MIT */
/*
 * Random topics and filters of few words, and a naive matcher to compare with.
 */
#ifndef TOPIC_RANDOM_H
#define TOPIC_RANDOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <mqtt/topic.h>

#include "random.h"

/* Levels from the last to the first, so that nothing is like what is tested */
static inline bool naive(const char *filter, size_t f, const char *topic, size_t t)
{
	const char *levels_f[8], *levels_t[8];
	size_t len_f[8], len_t[8], n_f = 0, n_t = 0, i, begin;

	if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#'))
		return false;
	for (i = begin = 0; i <= f; i++) {
		if (i < f && filter[i] != '/')
			continue;
		levels_f[n_f] = filter + begin;
		len_f[n_f++] = i - begin;
		begin = i + 1;
	}
	for (i = begin = 0; i <= t; i++) {
		if (i < t && topic[i] != '/')
			continue;
		levels_t[n_t] = topic + begin;
		len_t[n_t++] = i - begin;
		begin = i + 1;
	}
	if (len_f[n_f - 1] == 1 && *levels_f[n_f - 1] == '#') {
		if (n_t < n_f - 1)
			return false;
		n_f--;
	} else if (n_f != n_t) {
		return false;
	}
	for (i = n_f; i-- > 0;) {
		if (len_f[i] == 1 && *levels_f[i] == '+')
			continue;
		if (len_f[i] != len_t[i] || memcmp(levels_f[i], levels_t[i], len_f[i]))
			return false;
	}
	return true;
}

#define TEXT_MAX 64

static inline size_t random_text(char *text, bool filter)
{
	static const char *const words[] = {
		"", "a", "b", "ab", "a!", "aaaaaaaaaa", "$", "$SY", "\x01", "\xc3\xa9",
		"\xf0\x9f\x90\xa7", "%", "0", ".",
	};
	unsigned int levels = 1 + roll(4), words_max = roll(3) ? 4 : 14, i;
	size_t len;

	do {
		len = 0;
		for (i = 0; i < levels; i++) {
			const char *word = words[roll(words_max)];

			if (filter && !roll(3))
				word = i + 1 == levels && roll(2) ? "#" : "+";
			len += sprintf(text + len, "%s%s", i ? "/" : "", word);
		}
	} while (!len);
	if (filter)
		assert_true(mqtt_topic_filter_valid((u8 *)text, len));
	else
		assert_true(mqtt_topic_name_valid((u8 *)text, len));
	return len;
}

#endif /* TOPIC_RANDOM_H */
