// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Rules for topic names and topic filters, MQTT 4.7.
 */
#include <mqtt/topic.h>
#include <mqtt/utf8.h>
#include <mqtt/word.h>

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/string.h>

#define TOPIC_MAX	65535

/*
 * The high bits of all bytes are set if these are ASCII without U+0000 and
 * wildcards; the high bit of the first byte that is not is clear.
 *
 * Adding 0x7f sets the high bit of an ASCII byte but 0, and there is no carry.
 * Of the others only 0x80 keeps it, with a carry if it is another; and in the
 * second sum only those two keep it that are 0x80 in it. '+' and '#' differ in
 * one bit, which is set in '+', so they are both 0 in it.
 */
static u64 plain(u64 w)
{
	u64 wildcard = (w | MQTT_WORD_REPEAT('+' ^ '#')) ^ MQTT_WORD_REPEAT('+');

	return (w + MQTT_WORD_REPEAT(0x7f)) & (wildcard + MQTT_WORD_REPEAT(0x7f));
}

static bool name_valid_slow(const u8 *name, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (name[i] == '+' || name[i] == '#')
			return false;
	return mqtt_utf8_valid(name, len);
}

/**
 * mqtt_topic_name_valid() - may a PUBLISH be sent to this topic name?
 * @name: topic name, without its length prefix
 * @len: bytes at @name
 *
 * Context: any. O(@len).
 * Return: true if @name is a valid UTF-8 encoded string of 1 to 65,535 bytes
 * without wildcards: [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3],
 * [MQTT-3.3.2-2] (5.0: and [MQTT-4.7.0-1]).
 */
bool mqtt_topic_name_valid(const u8 *name, size_t len)
{
	u64 w, good = MQTT_WORD_HIGH;
	size_t i;

	if (len - 1 >= TOPIC_MAX)
		return false;
	if (len < 8) {
		/* 0x01 for the bytes that are not there */
		w = mqtt_word_load_part(name, len) | MQTT_WORD_REPEAT(0x01) << (8 * len);
	} else {
		for (i = 0; i + 8 < len; i += 8)
			good &= plain(mqtt_word_load(name + i));
		w = mqtt_word_load(name + len - 8);
	}
	good &= plain(w);
	return likely(good == MQTT_WORD_HIGH) || name_valid_slow(name, len);
}

/**
 * mqtt_topic_filter_valid() - may this topic filter be subscribed to?
 * @filter: topic filter, without its length prefix. Of a shared subscription:
 *	    what follows "$share/{ShareName}/"
 * @len: bytes at @filter
 *
 * Context: any. O(@len).
 * Return: true if @filter is a valid UTF-8 encoded string of 1 to 65,535 bytes
 * in which '#' is only the last level and wildcards are alone in their levels:
 * [MQTT-4.7.1-2], [MQTT-4.7.1-3] (5.0: [MQTT-4.7.1-1], [MQTT-4.7.1-2]),
 * [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3].
 */
bool mqtt_topic_filter_valid(const u8 *filter, size_t len)
{
	size_t i;

	if (len - 1 >= TOPIC_MAX)
		return false;
	for (i = 0; i < len; i++) {
		if (filter[i] != '+' && filter[i] != '#')
			continue;
		if (i && filter[i - 1] != '/')
			return false;
		if (i + 1 < len && (filter[i] == '#' || filter[i + 1] != '/'))
			return false;
	}
	return mqtt_utf8_valid(filter, len);
}

/**
 * mqtt_topic_levels() - count the levels of a topic name or filter
 * @topic: a valid topic name or topic filter
 * @len: bytes at @topic
 *
 * Empty levels count: "/" has two.
 *
 * Context: any. O(@len).
 * Return: 1 to 65,536; 0 if @len is 0.
 */
unsigned int mqtt_topic_levels(const u8 *topic, size_t len)
{
	const u64 low = MQTT_WORD_REPEAT(0x7f);
	unsigned int levels = 1;
	u64 other;
	size_t i;

	if (!len)
		return 0;
	for (i = 0; i + 8 <= len; i += 8) {
		other = mqtt_word_load(topic + i) ^ MQTT_WORD_REPEAT('/');
		/* the high bit of each byte that is not a slash */
		other |= (other & low) + low;
		levels += hweight64(~other & MQTT_WORD_HIGH);
	}
	for (; i < len; i++)
		levels += topic[i] == '/';
	return levels;
}

static size_t level_len(const u8 *at, const u8 *end)
{
	const u8 *slash = memchr(at, '/', end - at);

	return (slash ? slash : end) - at;
}

/**
 * mqtt_topic_matches() - does a topic filter match a topic name?
 * @filter: valid topic filter
 * @filter_len: bytes at @filter
 * @topic: valid topic name
 * @topic_len: bytes at @topic
 *
 * For a few filters; the topic table is for many.
 *
 * Context: any. O(@filter_len + @topic_len).
 * Return: true if it does: MQTT 4.7, with [MQTT-4.7.2-1].
 */
bool mqtt_topic_matches(const u8 *filter, size_t filter_len, const u8 *topic, size_t topic_len)
{
	const u8 *f = filter, *f_end = filter + filter_len;
	const u8 *t = topic, *t_end = topic + topic_len;

	if (*t == '$' && (*f == '+' || *f == '#'))
		return false;
	for (;;) {
		size_t f_level = level_len(f, f_end), t_level = level_len(t, t_end);

		if (f_level == 1 && *f == '#')
			return true;
		if (!(f_level == 1 && *f == '+') &&
		    (f_level != t_level || memcmp(f, t, f_level)))
			return false;
		f += f_level;
		t += t_level;
		if (f == f_end || t == t_end)
			break;
		f++;
		t++;
	}
	/* "a/#" matches "a" */
	return t == t_end && (f == f_end || (f_end - f == 2 && f[1] == '#'));
}
