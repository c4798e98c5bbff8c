/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one client may take of the router.
 */
#ifndef _MQTT_LIMITS_H
#define _MQTT_LIMITS_H

#include <linux/types.h>

#define MQTT_PAUSE_MAX	10000	/* milliseconds */

/**
 * struct mqtt_limits - limits of a peer
 * @queue_bytes: of its queue
 * @queue_packets: in its queue, 0: any number
 * @queue_policy: enum mqtt_queue_policy
 * @pause: milliseconds for which publishers wait for its queue, 0: none
 * @rate_packets: per second that it may publish, 0: any number
 * @rate_bytes: per second that it may publish, 0: any number
 * @rate_policy: enum mqtt_rate_policy
 */
struct mqtt_limits {
	u64 queue_bytes;
	u32 queue_packets;
	u8 queue_policy;
	u8 rate_policy;
	u16 pause;
	u32 rate_packets;
	u64 rate_bytes;
};

#endif /* _MQTT_LIMITS_H */
