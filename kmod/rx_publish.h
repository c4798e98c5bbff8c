/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MQTT_RX_PUBLISH_H
#define _MQTT_RX_PUBLISH_H

#include <mqtt/wire.h>

#include "framing.h"
#include "msg.h"

struct mqtt_peer;

/* What the publisher makes the kernel hold is charged to the active memory cgroup. */
#define MQTT_RX_GFP	(GFP_ATOMIC | __GFP_ACCOUNT)

/* Packets up to this long travel together. */
#define MQTT_TRAIN_PACKET_MAX	(MQTT_TRAIN_MAX / 2)

/* What a call has forwarded. */
struct mqtt_taken {
	u32 packets;
	u32 bytes;
};

/* The server's own topics, MQTT 4.7.2: who may use them is the daemon's business. */
static inline bool mqtt_rx_is_reserved(const struct mqtt_publish *pub)
{
	return pub->topic_len && *pub->topic == '$';
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
