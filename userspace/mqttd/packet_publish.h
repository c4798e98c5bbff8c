/* SPDX-License-Identifier: MIT */
/*
 * The beginning of a PUBLISH packet that the broker sends: all that may differ
 * from receiver to receiver. Behind it come the message's properties (MQTT 5.0) and
 * its payload. Pure.
 */
#ifndef MQTTD_PACKET_PUBLISH_H
#define MQTTD_PACKET_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/**
 * struct publish_head - what to write
 * @topic: topic name
 * @ids: subscription identifiers
 * @topic_len: bytes at @topic; 0 if @alias says it
 * @properties_len: bytes of properties that follow; only with MQTT 5.0
 * @payload_len: bytes of the payload that follows them
 * @n_ids: how many subscription identifiers; only with MQTT 5.0
 * @expiry: message expiry interval, if @expires; likewise
 * @packet_id: at QoS 1 and 2
 * @alias: topic alias, or 0; likewise
 * @flags: low bits of the first byte
 * @expires: there is a message expiry interval
 */
struct publish_head {
	const u8 *topic;
	const u32 *ids;
	u32 topic_len;
	u32 properties_len;
	u32 payload_len;
	u32 n_ids;
	u32 expiry;
	u16 packet_id;
	u16 alias;
	u8 flags;
	bool expires;
};

/**
 * struct publish_sizes - how long things are, for publish_head_write()
 * @head: bytes that it writes
 * @packet: bytes of the whole packet
 * @remaining: remaining length
 * @properties: property length
 */
struct publish_sizes {
	size_t head;
	size_t packet;
	u32 remaining;
	u32 properties;
};

/* Returns 0, or -EMSGSIZE if no packet can be so long. @protocol: enum mqtt_protocol. */
int publish_head_measure(const struct publish_head *head, u8 protocol,
			 struct publish_sizes *sizes);
void publish_head_write(u8 *to, const struct publish_head *head, u8 protocol,
			const struct publish_sizes *sizes);

#endif /* MQTTD_PACKET_PUBLISH_H */
