/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MQTT_TRANSLATE_H
#define _MQTT_TRANSLATE_H

#include <linux/gfp.h>
#include <linux/types.h>
#include <linux/mqtt.h>

struct mqtt_msg;
struct mqtt_publish;

/* PUBLISH packets of 3.1 and 3.1.1 look the same. */
static inline bool mqtt_framed_alike(u8 protocol, u8 other)
{
	return (protocol == MQTT_PROTOCOL_V5) == (other == MQTT_PROTOCOL_V5);
}

/**
 * struct mqtt_rewrite - how a message is to be written
 * @more: properties to add, with 5.0
 * @more_len: bytes at @more
 * @protocol: enum mqtt_protocol
 * @retain: with RETAIN; of a packet that is no train
 * @first: of a train only the packets whose number leaves this when it is divided
 * @step: by this; 0 or 1: all of them
 */
struct mqtt_rewrite {
	const u8 *more;
	u32 more_len;
	u8 protocol;
	bool retain;
	u16 first;
	u16 step;
};

struct mqtt_msg *mqtt_rewrite(struct mqtt_msg *msg, const struct mqtt_publish *pub,
			      const struct mqtt_rewrite *how, gfp_t gfp);
struct mqtt_msg *mqtt_translate(struct mqtt_msg *msg, const struct mqtt_publish *pub,
				u8 protocol, gfp_t gfp);

struct mqtt_msg *mqtt_train_pick(const struct mqtt_msg *train, u32 max_packet, u32 *packets,
				 gfp_t gfp);
struct mqtt_msg *mqtt_train_slice(const struct mqtt_msg *train, u32 first, u32 n, gfp_t gfp);

#endif /* _MQTT_TRANSLATE_H */
