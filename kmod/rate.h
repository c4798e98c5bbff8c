/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How fast a client may publish.
 */
#ifndef _MQTT_RATE_H
#define _MQTT_RATE_H

#include <linux/types.h>

#include "bucket.h"

struct mqtt_peer;

/**
 * struct mqtt_rate - a publisher's account
 * @packets: PUBLISH packets that it may send now
 * @bytes: likewise bytes of them
 * @packet_rate: per second, 0: any number; as of the last mqtt_rate_begin()
 * @byte_rate: likewise
 * @policy: likewise, enum mqtt_rate_policy
 * @on: there is a rate
 * @need: bytes of the packet that waits, or is @paid for
 * @paid: the next packet has been charged: when its time came, not when somebody
 *	looked
 * @ended: when it was first seen that the client has said its last, in nanoseconds; 0:
 *	it has not
 * @quiet_until: it has been told before this time, in nanoseconds, that the
 *	client is too fast, or would have been
 * @waits: how often packets had to wait
 * @dropped: packets that were dropped
 *
 * All of it changes under the socket's lock.
 */
struct mqtt_rate {
	struct mqtt_bucket packets;
	struct mqtt_bucket bytes;
	u32 packet_rate;
	u32 byte_rate;
	u8 policy;
	bool on;
	bool paid;
	u32 need;
	u64 ended;
	u64 quiet_until;
	u64 waits;
	u64 dropped;
};

void mqtt_rate_init(struct mqtt_rate *rate);
void mqtt_rate_start(struct mqtt_rate *rate);
void mqtt_rate_begin(struct mqtt_peer *peer);
bool mqtt_rate_lets(const struct mqtt_rate *rate, u32 len);
bool mqtt_rate_take(struct mqtt_rate *rate, u32 len);
bool mqtt_rate_waits(struct mqtt_peer *peer, u32 len);
void mqtt_rate_drop(struct mqtt_peer *peer, const u8 *topic, u32 len, u32 packets);
unsigned long mqtt_rate_left(struct mqtt_peer *peer);

#endif /* _MQTT_RATE_H */
