/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the packet at some place of the receive queue is.
 */
#ifndef _MQTT_FRAMING_H
#define _MQTT_FRAMING_H

#include <linux/types.h>
#include <mqtt/wire.h>

#include "rxq.h"

struct sock;

/* Longer properties are left to the daemon, as are longer topic names than MQTT_TOPIC_MAX. */
#define MQTT_FAST_PROPS_MAX	4096
/* Fixed header and the length of a PUBLISH's topic name */
#define MQTT_FRAME_HEAD_MAX	(MQTT_FIXED_HEADER_MAX + 2)

enum mqtt_frame_kind {
	MQTT_FRAME_INCOMPLETE,	/* too few bytes to tell */
	MQTT_FRAME_FAST,	/* a PUBLISH that the kernel forwards */
	MQTT_FRAME_PING,	/* a PINGREQ, which the kernel answers */
	MQTT_FRAME_SLOW,	/* the daemon's */
	MQTT_FRAME_BARRIER,	/* the daemon's, and later packets wait for it */
	MQTT_FRAME_MALFORMED,	/* and nothing behind it can be trusted */
};

/**
 * struct mqtt_frame_rules - what it depends on, besides a packet itself
 * @max_packet: longest packet that the kernel forwards, bytes
 * @protocol: enum mqtt_protocol
 * @aliases: the client may use topic aliases: the header of every PUBLISH is
 *	of interest
 */
struct mqtt_frame_rules {
	u32 max_packet;
	u8 protocol;
	bool aliases;
};

/**
 * struct mqtt_frame - a packet as far as its first bytes tell
 * @head: those bytes, copied once: nothing is decided from a second look at
 *	memory that a local sender may still be changing
 * @head_len: how many
 * @header: decoded fixed header
 * @len: bytes of the whole packet, 0 if that is not known
 * @publish_len: of a PUBLISH, the bytes in front of its payload. 0 if they are
 *	too many to be looked at, or of no interest; never if it is MQTT_FRAME_FAST
 * @need: bytes that there have to be before more can be told, if it is
 *	MQTT_FRAME_INCOMPLETE
 */
struct mqtt_frame {
	u8 head[MQTT_FRAME_HEAD_MAX];
	u8 head_len;
	struct mqtt_fixed_header header;
	u32 len;
	u32 publish_len;
	u32 need;
};

enum mqtt_frame_kind mqtt_frame_look(struct mqtt_frame *frame, struct mqtt_cursor cur,
				     struct sock *sk, const struct mqtt_frame_rules *rules);

#endif /* _MQTT_FRAMING_H */
