/* SPDX-License-Identifier: MIT */
/*
 * Taking a control packet apart from the front: bytes, integers, strings. Pure.
 */
#ifndef MQTTD_CURSOR_H
#define MQTTD_CURSOR_H

#include <stdbool.h>
#include <stddef.h>

#include "packet.h"

/**
 * struct cursor - bytes that are still to be decoded
 * @pos: next one
 * @left: how many
 * @failed: something did not fit; everything later is zero
 */
struct cursor {
	const u8 *pos;
	u32 left;
	bool failed;
};

static inline const u8 *cursor_take(struct cursor *cur, u32 n)
{
	const u8 *pos = cur->pos;

	if (cur->failed || cur->left < n) {
		cur->failed = true;
		return NULL;
	}
	cur->pos += n;
	cur->left -= n;
	return pos;
}

static inline u8 cursor_u8(struct cursor *cur)
{
	const u8 *p = cursor_take(cur, 1);

	return p ? *p : 0;
}

static inline u16 cursor_u16(struct cursor *cur)
{
	const u8 *p = cursor_take(cur, 2);

	return p ? p[0] << 8 | p[1] : 0;
}

static inline struct packet_string cursor_string(struct cursor *cur)
{
	struct packet_string s = { .len = cursor_u16(cur) };

	s.data = cursor_take(cur, s.len);
	if (!s.data)
		s.len = 0;
	return s;
}

/* Takes properties with their length; 0 or what mqtt_properties_parse() returns. */
int cursor_properties(struct cursor *cur, unsigned int packet_type,
		      struct mqtt_properties *props, const char **why);

#endif /* MQTTD_CURSOR_H */
