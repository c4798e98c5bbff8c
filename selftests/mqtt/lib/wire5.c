// SPDX-License-Identifier: MIT
/*
 * MQTT 5.0 packets by hand. See wire5.h.
 */
#include <string.h>

#include "ksft.h"
#include "wire5.h"

void props_byte(struct bytes *b, unsigned int id, unsigned int value)
{
	bytes_u8(b, id);
	bytes_u8(b, value);
}

void props_u16(struct bytes *b, unsigned int id, unsigned int value)
{
	bytes_u8(b, id);
	bytes_u16(b, value);
}

void props_u32(struct bytes *b, unsigned int id, unsigned int value)
{
	bytes_u8(b, id);
	bytes_u16(b, value >> 16);
	bytes_u16(b, value & 0xffff);
}

static void put_text(struct bytes *b, const char *text)
{
	bytes_u16(b, strlen(text));
	bytes_put(b, text, strlen(text));
}

void props_text(struct bytes *b, unsigned int id, const char *text)
{
	bytes_u8(b, id);
	put_text(b, text);
}

void props_pair(struct bytes *b, const char *name, const char *value)
{
	bytes_u8(b, 38);
	put_text(b, name);
	put_text(b, value);
}

void props_fill(struct bytes *b, size_t len)
{
	char text[1025];

	CHECK(b->len <= len);
	while (b->len < len) {
		size_t n = len - b->len - 5;

		CHECK(len - b->len >= 5);
		if (n > 1024)
			n = 1024 - 5;
		memset(text, 'f', n);
		text[n] = '\0';
		props_pair(b, "", text);
	}
}

static void put_varint(struct bytes *b, size_t value)
{
	for (; value >= 128; value /= 128)
		bytes_u8(b, 128 + value % 128);
	bytes_u8(b, value);
}

size_t wire5_publish(struct bytes *b, unsigned int byte1, const char *topic,
		     const struct bytes *props, const void *payload, size_t len)
{
	struct bytes body = { 0 };
	size_t n;

	put_text(&body, topic);
	if (byte1 & 0x06)
		bytes_u16(&body, 1000);
	put_varint(&body, props ? props->len : 0);
	if (props)
		bytes_put(&body, props->p, props->len);
	bytes_put(&body, payload, len);
	n = wire_packet(b, byte1, body.p, body.len);
	bytes_free(&body);
	return n;
}

size_t wire5_message(struct bytes *b, const char *topic, const char *text)
{
	return wire5_publish(b, 0x30, topic, NULL, text, strlen(text));
}

size_t wire5_alias(struct bytes *b, unsigned int byte1, const char *topic, unsigned int alias,
		   const char *text)
{
	struct bytes props = { 0 };
	size_t n;

	props_u16(&props, 35, alias);
	n = wire5_publish(b, byte1, topic, &props, text, strlen(text));
	bytes_free(&props);
	return n;
}
