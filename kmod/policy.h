/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How full a peer's queue is, and what happens when it is at a limit.
 */
#ifndef _MQTT_POLICY_H
#define _MQTT_POLICY_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/mqtt.h>

#include "limits.h"

struct mqtt_msg;
struct mqtt_peer;

/**
 * struct mqtt_verdict - what has become of a message
 * @packets: how many of its packets count as queued
 * @full: packets were dropped because the queue is at its limit
 * @router_full: or the router's queues are at theirs
 * @slow: the peer has been found too slow
 */
struct mqtt_verdict {
	u32 packets;
	bool full;
	bool router_full;
	bool slow;
};

/* Only the bytes in the queue count, and not what is in it. */
static inline bool mqtt_policy_is_plain(const struct mqtt_limits *limits)
{
	return !limits->queue_packets && limits->queue_policy != MQTT_QUEUE_POLICY_CONFLATE;
}

int mqtt_policy_enqueue(struct mqtt_peer *peer, struct mqtt_msg *msg,
			struct mqtt_verdict *verdict);
void mqtt_policy_change(struct mqtt_peer *peer, const struct mqtt_limits *limits);

bool mqtt_tx_above_high_water(const struct mqtt_peer *peer);
bool mqtt_tx_below_low_water(const struct mqtt_peer *peer);

#endif /* _MQTT_POLICY_H */
