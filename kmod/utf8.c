// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * UTF-8 as MQTT allows it: well-formed in the sense of RFC 3629 (nothing
 * overlong, no surrogate, nothing above U+10FFFF) and without U+0000.
 * Control characters and noncharacters are discouraged by the standards but
 * not forbidden, so they pass.
 */
#include <mqtt/utf8.h>
#include <mqtt/word.h>

static bool continuation(u8 c)
{
	return (c & 0xc0) == 0x80;
}

/* The size of the character at @s, which has @len > 0 bytes; 0 if there is none */
static size_t character(const u8 *s, size_t len)
{
	u8 lead = s[0], low = 0x80, high = 0xbf;

	if (lead < 0x80)
		return lead ? 1 : 0;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	if (lead < 0xe0)
		return len >= 2 && continuation(s[1]) ? 2 : 0;

	/* Unicode, table 3-7: some leads narrow what may come second */
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	if (len < 3 || s[1] < low || s[1] > high || !continuation(s[2]))
		return 0;
	if (lead < 0xf0)
		return 3;
	return len >= 4 && continuation(s[3]) ? 4 : 0;
}

/**
 * mqtt_utf8_valid() - may this be an MQTT UTF-8 encoded string?
 * @s: the string's bytes, without its length prefix
 * @len: bytes at @s; 0 is valid
 *
 * MQTT 1.5.3, [MQTT-1.5.3-1] and [MQTT-1.5.3-2]; 5.0: 1.5.4, [MQTT-1.5.4-1]
 * and [MQTT-1.5.4-2].
 *
 * Context: any. O(@len).
 * Return: true if it is well-formed UTF-8 without U+0000.
 */
bool mqtt_utf8_valid(const u8 *s, size_t len)
{
	while (len) {
		size_t n;

		while (len >= 8) {
			u64 w = mqtt_word_load(s);

			if (w & MQTT_WORD_HIGH || mqtt_word_zeros(w))
				break;
			s += 8;
			len -= 8;
		}
		if (!len)
			break;
		n = character(s, len);
		if (!n)
			return false;
		s += n;
		len -= n;
	}
	return true;
}
