/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * MQTT control packets on the wire: fixed header and PUBLISH.
 *
 * Pure code for the module, the daemon, the tools and the fuzzers: no
 * allocation, no logging, no state. Nothing here keeps a pointer that the
 * caller did not pass in.
 */
#ifndef _MQTT_WIRE_H
#define _MQTT_WIRE_H

#include <linux/types.h>
#include <linux/errno.h>
#include <linux/mqtt.h>

#include <mqtt/property.h>

/* MQTT 2.2.1, 3.1.1 and 5.0 */
enum mqtt_packet_type {
	MQTT_PKT_CONNECT = 1,
	MQTT_PKT_CONNACK,
	MQTT_PKT_PUBLISH,
	MQTT_PKT_PUBACK,
	MQTT_PKT_PUBREC,
	MQTT_PKT_PUBREL,
	MQTT_PKT_PUBCOMP,
	MQTT_PKT_SUBSCRIBE,
	MQTT_PKT_SUBACK,
	MQTT_PKT_UNSUBSCRIBE,
	MQTT_PKT_UNSUBACK,
	MQTT_PKT_PINGREQ,
	MQTT_PKT_PINGRESP,
	MQTT_PKT_DISCONNECT,
	MQTT_PKT_AUTH,		/* 5.0 only */
};

#define MQTT_VARINT_BYTES_MAX	4
#define MQTT_VARINT_MAX		268435455u
#define MQTT_FIXED_HEADER_MAX	(1 + MQTT_VARINT_BYTES_MAX)
#define MQTT_REMAINING_MAX	MQTT_VARINT_MAX

/* Flags of a PUBLISH's first byte, MQTT 3.3.1 */
#define MQTT_PUBLISH_RETAIN	0x01
#define MQTT_PUBLISH_QOS	0x06
#define MQTT_PUBLISH_DUP	0x08

/**
 * struct mqtt_fixed_header - a decoded fixed header (MQTT 2.2, 5.0: 2.1.1)
 * @byte1: type (high nibble) and flags (low nibble) as received
 * @size: bytes the fixed header itself takes, 2 to 5
 * @remaining: Remaining Length, 0 to MQTT_REMAINING_MAX
 */
struct mqtt_fixed_header {
	u8 byte1;
	u8 size;
	u32 remaining;
};

static inline u8 mqtt_packet_type(u8 byte1)
{
	return byte1 >> 4;
}

/**
 * mqtt_varint_parse() - decode a variable byte integer (MQTT 2.2.3, 5.0: 1.5.5)
 * @buf: where it begins
 * @len: bytes at @buf; more than four are not looked at
 * @value: result, written only on success
 *
 * More bytes than needed are accepted, as the standards only forbid them for
 * encoders; who has to know compares with mqtt_varint_size().
 *
 * Return: bytes that it takes, 1 to 4; -EAGAIN if @len bytes are too few to
 * tell; -EBADMSG if the fourth byte has its continuation bit set.
 */
static inline int mqtt_varint_parse(const u8 *buf, size_t len, u32 *value)
{
	u32 v = 0;
	unsigned int i;

	for (i = 0; i < MQTT_VARINT_BYTES_MAX; i++) {
		if (i >= len)
			return -EAGAIN;
		v |= (u32)(buf[i] & 0x7f) << (7 * i);
		if (!(buf[i] & 0x80)) {
			*value = v;
			return i + 1;
		}
	}
	return -EBADMSG;
}

/**
 * mqtt_varint_size() - bytes of a variable byte integer in its shortest form
 * @value: at most MQTT_VARINT_MAX
 *
 * Return: 1 to 4.
 */
static inline unsigned int mqtt_varint_size(u32 value)
{
	return 1 + (value >= 1u << 7) + (value >= 1u << 14) + (value >= 1u << 21);
}

/**
 * mqtt_varint_write() - encode a variable byte integer in its shortest form
 * @buf: room for MQTT_VARINT_BYTES_MAX bytes, or for mqtt_varint_size() of them
 * @value: at most MQTT_VARINT_MAX
 *
 * Return: bytes written.
 */
static inline unsigned int mqtt_varint_write(u8 *buf, u32 value)
{
	unsigned int n = 0;

	do {
		buf[n++] = (value & 0x7f) | (value > 0x7f ? 0x80 : 0);
		value >>= 7;
	} while (value);
	return n;
}

/**
 * mqtt_fixed_header_parse() - decode a fixed header
 * @buf: first bytes of a packet
 * @len: bytes at @buf; more than five are not looked at
 * @fh: result, written only on success
 *
 * Return: 0; -EAGAIN if @len bytes are too few to tell; -EBADMSG if the
 * fourth length byte has its continuation bit set (MQTT 2.2.3, 5.0: 1.5.5).
 */
static inline int mqtt_fixed_header_parse(const u8 *buf, size_t len,
					  struct mqtt_fixed_header *fh)
{
	int size;

	if (!len)
		return -EAGAIN;
	size = mqtt_varint_parse(buf + 1, len - 1, &fh->remaining);
	if (size < 0)
		return size;
	fh->byte1 = buf[0];
	fh->size = 1 + size;
	return 0;
}

/**
 * mqtt_fixed_header_padded() - is Remaining Length longer than it needs to be?
 * @buf: the bytes that were decoded
 * @fh: what they say
 *
 * The standards forbid it (MQTT 2.2.3, 5.0: 1.5.5), so such a packet is not to be
 * passed on as it is.
 */
static inline bool mqtt_fixed_header_padded(const u8 *buf, const struct mqtt_fixed_header *fh)
{
	return fh->size > 2 && !buf[fh->size - 1];
}

/**
 * mqtt_fixed_header_write() - encode a fixed header in the fewest bytes
 * @buf: room for MQTT_FIXED_HEADER_MAX bytes
 * @byte1: type and flags
 * @remaining: Remaining Length, at most MQTT_REMAINING_MAX
 *
 * Return: bytes written, 2 to 5.
 */
static inline unsigned int mqtt_fixed_header_write(u8 *buf, u8 byte1, u32 remaining)
{
	buf[0] = byte1;
	return 1 + mqtt_varint_write(buf + 1, remaining);
}

/**
 * struct mqtt_publish - view of a PUBLISH packet's body; owns nothing
 * @topic: topic name, inside the caller's buffer, not terminated
 * @payload: application message, inside the caller's buffer
 * @props: properties; none with MQTT 3.x
 * @payload_len: bytes at @payload
 * @topic_len: bytes at @topic; 0 if there is only a topic alias
 * @topic_alias: topic alias, or 0
 * @packet_id: packet identifier, 0 at QoS 0
 * @qos: 0, 1 or 2
 * @dup: DUP flag
 * @retain: RETAIN flag
 */
struct mqtt_publish {
	const u8 *topic;
	const u8 *payload;
	struct mqtt_properties props;
	u32 payload_len;
	u16 topic_len;
	u16 topic_alias;
	u16 packet_id;
	u8 qos;
	bool dup;
	bool retain;
};

int mqtt_publish_parse(const u8 *body, u32 remaining, u8 byte1, u8 protocol,
		       struct mqtt_publish *pub);
s32 mqtt_publish_header_size_with(const struct mqtt_publish *pub, u8 protocol, u32 more_len);
u32 mqtt_publish_header_write_with(u8 *buf, const struct mqtt_publish *pub, u8 protocol,
				   const u8 *more, u32 more_len);

/* The same, with no other properties than those of @pub. */
static inline s32 mqtt_publish_header_size(const struct mqtt_publish *pub, u8 protocol)
{
	return mqtt_publish_header_size_with(pub, protocol, 0);
}

static inline u32 mqtt_publish_header_write(u8 *buf, const struct mqtt_publish *pub, u8 protocol)
{
	return mqtt_publish_header_write_with(buf, pub, protocol, NULL, 0);
}

#endif /* _MQTT_WIRE_H */
