/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Eight bytes of text at a time. The first byte of the text is the lowest of
 * the word, whatever the machine's byte order. Pure code.
 */
#ifndef _MQTT_WORD_H
#define _MQTT_WORD_H

#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#define MQTT_WORD_REPEAT(byte)	(0x0101010101010101ULL * (u8)(byte))
#define MQTT_WORD_HIGH		MQTT_WORD_REPEAT(0x80)

static inline u64 mqtt_word_load(const u8 *p)
{
	__le64 w;

	memcpy(&w, p, sizeof(w));
	return le64_to_cpu(w);
}

/**
 * mqtt_word_load_part() - load fewer than eight bytes
 * @p: bytes; none behind them is touched
 * @n: how many, 0 to 7
 *
 * Return: the bytes, with zeros above them.
 */
static inline u64 mqtt_word_load_part(const u8 *p, size_t n)
{
	if (n >= 4) {
		__le32 low, high;

		/* where the halves overlap they agree */
		memcpy(&low, p, sizeof(low));
		memcpy(&high, p + n - sizeof(high), sizeof(high));
		return le32_to_cpu(low) | (u64)le32_to_cpu(high) << (8 * (n - 4));
	}
	if (!n)
		return 0;
	return p[0] | p[n / 2] << (8 * (n / 2)) | p[n - 1] << (8 * (n - 1));
}

/**
 * mqtt_word_zeros() - look for zero bytes
 * @w: any word
 *
 * Return: 0 if there is none; else a word whose lowest set bit is the highest
 * bit of the first zero byte. Bits above that one may be wrong.
 */
static inline u64 mqtt_word_zeros(u64 w)
{
	return (w - MQTT_WORD_REPEAT(0x01)) & ~w & MQTT_WORD_HIGH;
}

/**
 * mqtt_word_equal() - are two texts of the same length the same?
 * @a: text
 * @b: text
 * @len: bytes of each
 *
 * What memcmp() tells, without a call, for short texts.
 */
static inline bool mqtt_word_equal(const u8 *a, const u8 *b, size_t len)
{
	size_t i;

	if (len < 8)
		return mqtt_word_load_part(a, len) == mqtt_word_load_part(b, len);
	for (i = 0; i + 8 < len; i += 8)
		if (mqtt_word_load(a + i) != mqtt_word_load(b + i))
			return false;
	return mqtt_word_load(a + len - 8) == mqtt_word_load(b + len - 8);
}

#endif /* _MQTT_WORD_H */
