/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A level of a topic name or filter, for the topic table. Pure code.
 */
#ifndef _MQTT_TRIE_LEVEL_H
#define _MQTT_TRIE_LEVEL_H

#include <linux/types.h>

#include <mqtt/word.h>

/*
 * A level of a topic or filter.
 * @word: its first eight bytes, zeros behind a shorter one
 * @hash: of the text; 0 if not computed yet
 */
struct level {
	u64 word;
	const u8 *text;
	u32 len;
	u32 hash;
};

/* The end of a level of eight bytes or more */
static inline const u8 *level_end(const u8 *text, const u8 *end)
{
	for (text += 8; end - text >= 8; text += 8) {
		u64 slash = mqtt_word_zeros(mqtt_word_load(text) ^ MQTT_WORD_REPEAT('/'));

		if (slash)
			return text + __builtin_ctzll(slash) / 8;
	}
	while (text < end && *text != '/')
		text++;
	return text;
}

/*
 * Read the level that begins at @text in a topic or filter that ends at @end.
 * Return: where the next one begins, which is behind @end after the last.
 */
static inline const u8 *level_read(struct level *level, const u8 *text, const u8 *end)
{
	size_t left = end - text;
	u64 word, slash;

	word = left < 8 ? mqtt_word_load_part(text, left) : mqtt_word_load(text);
	slash = mqtt_word_zeros(word ^ MQTT_WORD_REPEAT('/'));
	level->text = text;
	level->hash = 0;
	if (slash) {
		level->len = __builtin_ctzll(slash) / 8;
		word &= (slash ^ (slash - 1)) >> 8;	/* what is below the slash */
	} else if (left < 8) {
		level->len = left;
	} else {
		level->len = level_end(text, end) - text;
	}
	level->word = word;
	return text + level->len + 1;
}

#endif /* _MQTT_TRIE_LEVEL_H */
