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

#define MQTT_FIXED_HEADER_MAX	5
#define MQTT_REMAINING_MAX	268435455u

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
 * mqtt_fixed_header_parse() - decode a fixed header
 * @buf: first bytes of a packet
 * @len: bytes at @buf; more than five are not looked at
 * @fh: result, written only on success
 *
 * A Remaining Length in more bytes than needed is accepted, as the 3.1.1
 * and 5.0 standards only forbid it for encoders.
 *
 * Return: 0; -EAGAIN if @len bytes are too few to tell; -EBADMSG if the
 * fourth length byte has its continuation bit set (MQTT 2.2.3, 5.0: 1.5.5).
 */
static inline int mqtt_fixed_header_parse(const u8 *buf, size_t len,
					  struct mqtt_fixed_header *fh)
{
	u32 remaining = 0;
	unsigned int i;

	for (i = 1; i < MQTT_FIXED_HEADER_MAX; i++) {
		if (i >= len)
			return -EAGAIN;
		remaining |= (u32)(buf[i] & 0x7f) << (7 * (i - 1));
		if (!(buf[i] & 0x80)) {
			fh->byte1 = buf[0];
			fh->size = i + 1;
			fh->remaining = remaining;
			return 0;
		}
	}
	return -EBADMSG;
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
	unsigned int n = 0;

	buf[n++] = byte1;
	do {
		buf[n++] = (remaining & 0x7f) | (remaining > 0x7f ? 0x80 : 0);
		remaining >>= 7;
	} while (remaining);
	return n;
}

/**
 * struct mqtt_publish - view of a PUBLISH packet's body; owns nothing
 * @topic: topic name, inside the caller's buffer, not terminated
 * @payload: application message, inside the caller's buffer
 * @payload_len: bytes at @payload
 * @topic_len: bytes at @topic
 * @packet_id: packet identifier, 0 at QoS 0
 * @qos: 0, 1 or 2
 * @dup: DUP flag
 * @retain: RETAIN flag
 */
struct mqtt_publish {
	const u8 *topic;
	const u8 *payload;
	u32 payload_len;
	u16 topic_len;
	u16 packet_id;
	u8 qos;
	bool dup;
	bool retain;
};

int mqtt_publish_parse(const u8 *body, u32 remaining, u8 byte1, struct mqtt_publish *pub);

#endif /* _MQTT_WIRE_H */
