// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The body of a PUBLISH packet, MQTT 3.1.1 section 3.3.
 */
#include <mqtt/topic.h>
#include <mqtt/wire.h>

#define QOS_SHIFT	1

/**
 * mqtt_publish_parse() - look into a PUBLISH of MQTT 3.1 or 3.1.1
 * @body: the packet behind its fixed header
 * @remaining: the packet's Remaining Length: bytes at @body, none behind them
 *	       is looked at. The payload is not looked at either.
 * @byte1: the packet's first byte, which the caller knows to be a PUBLISH's
 * @pub: result, valid only on success; points into @body
 *
 * Context: any. O(topic length).
 *
 * Return: 0; -EBADMSG if the packet is malformed, namely QoS 3
 * [MQTT-3.3.1-4], DUP at QoS 0 [MQTT-3.3.1-2], a topic name that does not fit,
 * is empty [MQTT-4.7.3-1], is not UTF-8, or contains U+0000 [MQTT-1.5.3-2] or
 * wildcards [MQTT-3.3.2-2], or at QoS 1 or 2 a packet identifier that is
 * missing or 0 [MQTT-2.3.1-1].
 */
int mqtt_publish_parse(const u8 *body, u32 remaining, u8 byte1, struct mqtt_publish *pub)
{
	u32 topic_len, pos;

	if (remaining < 2)
		return -EBADMSG;
	topic_len = body[0] << 8 | body[1];
	pos = 2 + topic_len;
	pub->packet_id = 0;

	pub->qos = (byte1 & MQTT_PUBLISH_QOS) >> QOS_SHIFT;
	if (pub->qos) {
		pos += 2;
		if (pub->qos > 2 || pos > remaining)
			return -EBADMSG;
		pub->packet_id = body[pos - 2] << 8 | body[pos - 1];
		if (!pub->packet_id)
			return -EBADMSG;
	} else if (byte1 & MQTT_PUBLISH_DUP || pos > remaining) {
		return -EBADMSG;
	}

	pub->topic = body + 2;
	pub->topic_len = topic_len;
	pub->payload = body + pos;
	pub->payload_len = remaining - pos;
	pub->dup = byte1 & MQTT_PUBLISH_DUP;
	pub->retain = byte1 & MQTT_PUBLISH_RETAIN;
	return mqtt_topic_name_valid(pub->topic, topic_len) ? 0 : -EBADMSG;
}
