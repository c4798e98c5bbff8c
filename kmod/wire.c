// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The body of a PUBLISH packet, MQTT 3.1.1 and 5.0 section 3.3.
 */
#include <linux/string.h>

#include <mqtt/topic.h>
#include <mqtt/wire.h>

#define QOS_SHIFT	1
/* A topic alias with its identifier */
#define ALIAS_SIZE	3

/* Returns where the payload begins, or an errno. */
static int props_parse(const u8 *body, u32 remaining, u32 pos, struct mqtt_publish *pub)
{
	int err = mqtt_properties_parse(body + pos, remaining - pos, MQTT_PKT_PUBLISH, &pub->props);

	if (err)
		return err;
	/* [MQTT-3.3.4-6] */
	if (mqtt_property_present(&pub->props, MQTT_PROP_SUBSCRIPTION_IDENTIFIER))
		return -EPROTO;
	pub->topic_alias = mqtt_property_number(&pub->props, MQTT_PROP_TOPIC_ALIAS, 0);
	return pub->props.block + pub->props.len - body;
}

/**
 * mqtt_publish_parse() - look into a PUBLISH that a client has sent
 * @body: the packet behind its fixed header
 * @remaining: the packet's Remaining Length: bytes at @body, none behind them
 *	       is looked at. The payload is not looked at either.
 * @byte1: the packet's first byte, which the caller knows to be a PUBLISH's
 * @protocol: enum mqtt_protocol; all but 5.0 are the same
 * @pub: result, valid only on success; points into @body
 *
 * Context: any. O(topic length + properties).
 *
 * Return: 0; -EBADMSG if the packet is malformed, namely QoS 3
 * [MQTT-3.3.1-4], DUP at QoS 0 [MQTT-3.3.1-2], a topic name that does not fit,
 * is empty [MQTT-4.7.3-1], is not UTF-8, or contains U+0000 [MQTT-1.5.3-2] or
 * wildcards [MQTT-3.3.2-2], or at QoS 1 or 2 a packet identifier that is
 * missing or 0 [MQTT-2.3.1-1]; with 5.0 also what mqtt_properties_parse()
 * returns, and -EPROTO for an empty topic name without a topic alias, or a
 * Subscription Identifier.
 */
int mqtt_publish_parse(const u8 *body, u32 remaining, u8 byte1, u8 protocol,
		       struct mqtt_publish *pub)
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
	pub->topic_alias = 0;
	if (protocol == MQTT_PROTOCOL_V5) {
		int payload = props_parse(body, remaining, pos, pub);

		if (payload < 0)
			return payload;
		pos = payload;
	} else {
		pub->props.block = NULL;
		pub->props.len = 0;
		pub->props.present = 0;
	}
	pub->payload = body + pos;
	pub->payload_len = remaining - pos;
	pub->dup = byte1 & MQTT_PUBLISH_DUP;
	pub->retain = byte1 & MQTT_PUBLISH_RETAIN;
	if (!topic_len && protocol == MQTT_PROTOCOL_V5)
		return pub->topic_alias ? 0 : -EPROTO;
	return mqtt_topic_name_valid(pub->topic, topic_len) ? 0 : -EBADMSG;
}

/* Bytes of the properties without a topic alias */
static u32 props_size(const struct mqtt_publish *pub)
{
	u32 len = pub->props.len;

	if (mqtt_property_present(&pub->props, MQTT_PROP_TOPIC_ALIAS))
		len -= ALIAS_SIZE;
	return len;
}

static u32 variable_header_size(const struct mqtt_publish *pub, u8 protocol, u32 more_len)
{
	u32 size = 2 + pub->topic_len + (pub->qos ? 2 : 0);
	u32 props = props_size(pub) + more_len;

	if (protocol == MQTT_PROTOCOL_V5)
		size += mqtt_varint_size(props) + props;
	return size;
}

/**
 * mqtt_publish_header_size_with() - size of what mqtt_publish_header_write_with() writes
 * @pub: as there
 * @protocol: as there
 * @more_len: as there
 *
 * Return: bytes of fixed and variable header; -EMSGSIZE if with its payload
 * the packet would be longer than a packet can be.
 */
s32 mqtt_publish_header_size_with(const struct mqtt_publish *pub, u8 protocol, u32 more_len)
{
	u32 size = variable_header_size(pub, protocol, more_len);

	if (size > MQTT_REMAINING_MAX || pub->payload_len > MQTT_REMAINING_MAX - size)
		return -EMSGSIZE;
	return 1 + mqtt_varint_size(size + pub->payload_len) + size;
}

static u8 *props_write(u8 *p, const struct mqtt_publish *pub, const u8 *more, u32 more_len)
{
	const struct mqtt_properties *props = &pub->props;
	u32 len = props_size(pub);
	u32 before = len;

	if (len < props->len)
		before = props->at[MQTT_PROP_TOPIC_ALIAS] - 1;
	p += mqtt_varint_write(p, len + more_len);
	if (before)
		memcpy(p, props->block, before);
	if (len > before)
		memcpy(p + before, props->block + before + ALIAS_SIZE, len - before);
	p += len;
	if (more_len)
		memcpy(p, more, more_len);
	return p + more_len;
}

/**
 * mqtt_publish_header_write_with() - write a PUBLISH anew, up to its payload
 * @buf: room for mqtt_publish_header_size_with() bytes
 * @pub: what mqtt_publish_parse() has found in a packet of any version; with
 *	 the topic name put in, if that was a topic alias
 * @protocol: enum mqtt_protocol of the packet to be
 * @more: properties to be added behind those of @pub, with 5.0
 * @more_len: bytes at @more, less than MQTT_VARINT_MAX / 2
 *
 * With 5.0 the properties are those of @pub in their order, but for the topic
 * alias, which is left out: it means nothing on another connection. The
 * payload is the same, whatever the versions.
 *
 * Return: bytes written.
 */
u32 mqtt_publish_header_write_with(u8 *buf, const struct mqtt_publish *pub, u8 protocol,
				   const u8 *more, u32 more_len)
{
	u8 flags = pub->qos << QOS_SHIFT;
	u8 *p = buf;

	if (pub->dup)
		flags |= MQTT_PUBLISH_DUP;
	if (pub->retain)
		flags |= MQTT_PUBLISH_RETAIN;
	p += mqtt_fixed_header_write(p, MQTT_PKT_PUBLISH << 4 | flags,
				     variable_header_size(pub, protocol, more_len) + pub->payload_len);
	*p++ = pub->topic_len >> 8;
	*p++ = pub->topic_len;
	memcpy(p, pub->topic, pub->topic_len);
	p += pub->topic_len;
	if (pub->qos) {
		*p++ = pub->packet_id >> 8;
		*p++ = pub->packet_id;
	}
	if (protocol == MQTT_PROTOCOL_V5)
		p = props_write(p, pub, more, more_len);
	return p - buf;
}
