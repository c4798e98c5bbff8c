// SPDX-License-Identifier: MIT
/*
 * MQTT packets by hand. See wire.h.
 */
#include <stdlib.h>
#include <string.h>

#include "ksft.h"
#include "wire.h"

static unsigned char *bytes_more(struct bytes *b, size_t len)
{
	unsigned char *at;

	if (b->len + len > b->size) {
		b->size = (b->len + len) * 2;
		b->p = realloc(b->p, b->size);
		CHECK(b->p);
	}
	at = b->p + b->len;
	b->len += len;
	return at;
}

void bytes_put(struct bytes *b, const void *data, size_t len)
{
	unsigned char *at = bytes_more(b, len);

	if (len)
		memcpy(at, data, len);
}

void bytes_u8(struct bytes *b, unsigned int value)
{
	*bytes_more(b, 1) = value;
}

void bytes_u16(struct bytes *b, unsigned int value)
{
	bytes_u8(b, value >> 8);
	bytes_u8(b, value & 0xff);
}

void bytes_free(struct bytes *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

static void fixed_header(struct bytes *b, unsigned int byte1, size_t remaining)
{
	bytes_u8(b, byte1);
	while (remaining >= 128) {
		bytes_u8(b, 128 + remaining % 128);
		remaining /= 128;
	}
	bytes_u8(b, remaining);
}

size_t wire_packet(struct bytes *b, unsigned int byte1, const void *body, size_t len)
{
	size_t start = b->len;

	fixed_header(b, byte1, len);
	bytes_put(b, body, len);
	return b->len - start;
}

/* Everything in front of the payload, for a payload of @len bytes. */
static void publish_head(struct bytes *b, unsigned int byte1, const char *topic, size_t len)
{
	size_t topic_len = strlen(topic);
	int id = byte1 & 0x06 ? 2 : 0;

	fixed_header(b, byte1, 2 + topic_len + id + len);
	bytes_u16(b, topic_len);
	bytes_put(b, topic, topic_len);
	if (id)
		bytes_u16(b, 1000);
}

size_t wire_publish(struct bytes *b, unsigned int byte1, const char *topic,
		    const void *payload, size_t len)
{
	size_t start = b->len;

	publish_head(b, byte1, topic, len);
	bytes_put(b, payload, len);
	return b->len - start;
}

size_t wire_message(struct bytes *b, const char *topic, const char *text)
{
	return wire_publish(b, 0x30, topic, text, strlen(text));
}

static size_t wire_filter(struct bytes *b, unsigned int byte1, const char *filter, bool qos)
{
	struct bytes body = { 0 };
	size_t len;

	bytes_u16(&body, 77);
	bytes_u16(&body, strlen(filter));
	bytes_put(&body, filter, strlen(filter));
	if (qos)
		bytes_u8(&body, 0);
	len = wire_packet(b, byte1, body.p, body.len);
	bytes_free(&body);
	return len;
}

size_t wire_subscribe(struct bytes *b, const char *filter)
{
	return wire_filter(b, 0x82, filter, true);
}

size_t wire_unsubscribe(struct bytes *b, const char *filter)
{
	return wire_filter(b, 0xa2, filter, false);
}

size_t wire_disconnect(struct bytes *b)
{
	return wire_packet(b, 0xe0, NULL, 0);
}

size_t wire_pingreq(struct bytes *b)
{
	return wire_packet(b, 0xc0, NULL, 0);
}

size_t wire_puback(struct bytes *b, unsigned int id)
{
	unsigned char body[2] = { id >> 8, id & 0xff };

	return wire_packet(b, 0x40, body, sizeof(body));
}

static unsigned char pattern_at(unsigned int pattern, size_t i)
{
	return (pattern * 0x9e3779b1u + i * 0x85ebca6bu) >> 19;
}

static void put_pattern(struct bytes *b, size_t len, unsigned int pattern)
{
	unsigned char *p = bytes_more(b, len);
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = pattern_at(pattern, i);
}

size_t wire_publish_of(struct bytes *b, unsigned int byte1, const char *topic,
		       size_t remaining, unsigned int pattern)
{
	size_t head = 2 + strlen(topic) + (byte1 & 0x06 ? 2 : 0);
	size_t start = b->len;

	CHECK(remaining >= head);
	publish_head(b, byte1, topic, remaining - head);
	put_pattern(b, remaining - head, pattern);
	return b->len - start;
}

/* Returns the fixed header's length, 0 if it is not complete. */
static size_t parse_fixed(const unsigned char *p, size_t len, size_t *remaining)
{
	size_t i, factor = 1;

	*remaining = 0;
	for (i = 1; i < len; i++) {
		*remaining += (p[i] & 127) * factor;
		factor *= 128;
		if (p[i] < 128)
			return i + 1;
	}
	return 0;
}

size_t wire_length(const unsigned char *p, size_t len)
{
	size_t remaining, head;

	head = parse_fixed(p, len, &remaining);
	return head ? head + remaining : 0;
}

size_t wire_numbered(struct bytes *b, unsigned int byte1, const char *topic,
		     unsigned int source, unsigned int number, size_t payload)
{
	size_t start = b->len;

	CHECK(payload >= 5);
	publish_head(b, byte1, topic, payload);
	bytes_u8(b, source);
	bytes_u16(b, number >> 16);
	bytes_u16(b, number & 0xffff);
	put_pattern(b, payload - 5, number ^ source << 24);
	return b->len - start;
}

unsigned int wire_number(const unsigned char *packet, size_t len, unsigned int *source)
{
	unsigned int number;
	size_t remaining, at, i;

	at = parse_fixed(packet, len, &remaining);
	CHECK(at && at + remaining == len && remaining >= 2);
	at += 2 + packet[at] * 256 + packet[at + 1];
	if (packet[0] & 0x06)
		at += 2;
	CHECK(at + 5 <= len);
	*source = packet[at];
	number = (unsigned int)packet[at + 1] << 24 | packet[at + 2] << 16 |
		 packet[at + 3] << 8 | packet[at + 4];
	for (i = 0; at + 5 + i < len; i++) {
		if (packet[at + 5 + i] != pattern_at(number ^ *source << 24, i))
			FAIL("message %u of source %u: wrong at payload byte %zu",
			     number, *source, i + 5);
	}
	return number;
}
