/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MQTT_RX_PUBLISH_H
#define _MQTT_RX_PUBLISH_H

#include <mqtt/topic.h>
#include <mqtt/wire.h>

#include "framing.h"
#include "msg.h"

struct mqtt_peer;

/* What the publisher makes the kernel hold is charged to the active memory cgroup. */
#define MQTT_RX_GFP	MQTT_MSG_GFP

/* Packets up to this long travel together. */
#define MQTT_TRAIN_PACKET_MAX	(MQTT_TRAIN_MAX / 2)

/* What a call has forwarded. */
struct mqtt_taken {
	u32 packets;
	u32 bytes;
};

/*
 * Topics of which all messages are the daemon's: the server's own (MQTT 4.7.2), as
 * not everybody may use them, and those that a filter could match which has too
 * many levels for the topic table. One level takes a byte at least.
 */
static inline bool mqtt_rx_topic_is_daemons(const u8 *topic, u32 len)
{
	return len && (*topic == '$' ||
		       (len >= MQTT_TOPIC_LEVELS_MAX &&
			mqtt_topic_levels(topic, len) > MQTT_TOPIC_LEVELS_MAX));
}

void mqtt_rx_no_memory(struct mqtt_peer *peer, u32 packets);
int mqtt_rx_publish(struct mqtt_peer *peer, const struct mqtt_frame *frame,
		    struct mqtt_cursor cur);
int mqtt_rx_publish_seen(struct mqtt_peer *peer, const struct mqtt_frame *frame,
			 struct mqtt_cursor cur);

/* rx_train.c */
int mqtt_rx_train(struct mqtt_peer *peer, const struct mqtt_frame *frame,
		  struct mqtt_cursor cur, const struct mqtt_frame_rules *rules,
		  struct mqtt_taken *taken);

#endif /* _MQTT_RX_PUBLISH_H */
