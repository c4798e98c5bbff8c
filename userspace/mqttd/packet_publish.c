// SPDX-License-Identifier: MIT
/*
 * Measuring and writing the beginning of a PUBLISH packet.
 */
#include <errno.h>
#include <string.h>
#include <mqtt/wire.h>

#include "packet_publish.h"

/* With their identifiers */
#define ALIAS_SIZE	3
#define EXPIRY_SIZE	5

static u32 own_properties(const struct publish_head *head)
{
	u32 size = (head->alias ? ALIAS_SIZE : 0) + (head->expires ? EXPIRY_SIZE : 0);
	u32 i;

	for (i = 0; i < head->n_ids; i++)
		size += 1 + mqtt_varint_size(head->ids[i]);
	return size;
}

int publish_head_measure(const struct publish_head *head, u8 protocol,
			 struct publish_sizes *sizes)
{
	u64 variable = 2 + head->topic_len + (head->flags & MQTT_PUBLISH_QOS ? 2 : 0);
	u64 properties, behind = head->payload_len;

	sizes->properties = 0;
	if (protocol == MQTT_PROTOCOL_V5) {
		properties = own_properties(head) + (u64)head->properties_len;
		if (properties > MQTT_VARINT_MAX)
			return -EMSGSIZE;
		sizes->properties = properties;
		variable += mqtt_varint_size(properties) + properties - head->properties_len;
		behind += head->properties_len;
	}
	if (variable + behind > MQTT_REMAINING_MAX)
		return -EMSGSIZE;
	sizes->remaining = variable + behind;
	sizes->head = 1 + mqtt_varint_size(sizes->remaining) + variable;
	sizes->packet = sizes->head + behind;
	return 0;
}

static u8 *write_u16(u8 *p, u16 value)
{
	*p++ = value >> 8;
	*p++ = value;
	return p;
}

static void write_properties(u8 *p, const struct publish_head *head, u32 len)
{
	u32 i;

	p += mqtt_varint_write(p, len);
	if (head->alias) {
		*p++ = MQTT_PROP_TOPIC_ALIAS;
		p = write_u16(p, head->alias);
	}
	if (head->expires) {
		*p++ = MQTT_PROP_MESSAGE_EXPIRY_INTERVAL;
		p = write_u16(p, head->expiry >> 16);
		p = write_u16(p, head->expiry);
	}
	for (i = 0; i < head->n_ids; i++) {
		*p++ = MQTT_PROP_SUBSCRIPTION_IDENTIFIER;
		p += mqtt_varint_write(p, head->ids[i]);
	}
}

void publish_head_write(u8 *to, const struct publish_head *head, u8 protocol,
			const struct publish_sizes *sizes)
{
	u8 *p = to;

	p += mqtt_fixed_header_write(p, MQTT_PKT_PUBLISH << 4 | head->flags, sizes->remaining);
	p = write_u16(p, head->topic_len);
	if (head->topic_len)
		memcpy(p, head->topic, head->topic_len);
	p += head->topic_len;
	if (head->flags & MQTT_PUBLISH_QOS)
		p = write_u16(p, head->packet_id);
	if (protocol == MQTT_PROTOCOL_V5)
		write_properties(p, head, sizes->properties);
}
