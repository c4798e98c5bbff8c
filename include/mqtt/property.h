/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Properties of MQTT 5.0 control packets, 5.0: 2.2.2.
 *
 * Pure code for the module, the daemon, the tools and the fuzzers: no
 * allocation, no logging, no state.
 */
#ifndef _MQTT_PROPERTY_H
#define _MQTT_PROPERTY_H

#include <linux/types.h>
#include <linux/errno.h>

/* 5.0: 2.2.2.2, table 2-4 */
enum mqtt_property_id {
	MQTT_PROP_PAYLOAD_FORMAT_INDICATOR = 0x01,
	MQTT_PROP_MESSAGE_EXPIRY_INTERVAL = 0x02,
	MQTT_PROP_CONTENT_TYPE = 0x03,
	MQTT_PROP_RESPONSE_TOPIC = 0x08,
	MQTT_PROP_CORRELATION_DATA = 0x09,
	MQTT_PROP_SUBSCRIPTION_IDENTIFIER = 0x0b,
	MQTT_PROP_SESSION_EXPIRY_INTERVAL = 0x11,
	MQTT_PROP_ASSIGNED_CLIENT_IDENTIFIER = 0x12,
	MQTT_PROP_SERVER_KEEP_ALIVE = 0x13,
	MQTT_PROP_AUTHENTICATION_METHOD = 0x15,
	MQTT_PROP_AUTHENTICATION_DATA = 0x16,
	MQTT_PROP_REQUEST_PROBLEM_INFORMATION = 0x17,
	MQTT_PROP_WILL_DELAY_INTERVAL = 0x18,
	MQTT_PROP_REQUEST_RESPONSE_INFORMATION = 0x19,
	MQTT_PROP_RESPONSE_INFORMATION = 0x1a,
	MQTT_PROP_SERVER_REFERENCE = 0x1c,
	MQTT_PROP_REASON_STRING = 0x1f,
	MQTT_PROP_RECEIVE_MAXIMUM = 0x21,
	MQTT_PROP_TOPIC_ALIAS_MAXIMUM = 0x22,
	MQTT_PROP_TOPIC_ALIAS = 0x23,
	MQTT_PROP_MAXIMUM_QOS = 0x24,
	MQTT_PROP_RETAIN_AVAILABLE = 0x25,
	MQTT_PROP_USER_PROPERTY = 0x26,
	MQTT_PROP_MAXIMUM_PACKET_SIZE = 0x27,
	MQTT_PROP_WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28,
	MQTT_PROP_SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29,
	MQTT_PROP_SHARED_SUBSCRIPTION_AVAILABLE = 0x2a,
};

#define MQTT_PROP_ID_END	0x2b

/* The properties of a will, in place of a packet type: type 0 is reserved */
#define MQTT_PROPS_OF_WILL	0

/**
 * struct mqtt_properties - view of a packet's properties; owns nothing
 * @block: the properties behind their length, in the caller's buffer
 * @len: bytes at @block
 * @present: bit @id is set if there is property @id
 * @at: by id: offset in @block of the value, of the first one if the property
 *	repeats; unset if there is none
 *
 * What follows the properties in the packet begins at @block + @len.
 */
struct mqtt_properties {
	const u8 *block;
	u32 len;
	u64 present;
	u32 at[MQTT_PROP_ID_END];
};

int mqtt_properties_parse(const u8 *buf, size_t len, unsigned int packet_type,
			  struct mqtt_properties *props);
u32 mqtt_property_number(const struct mqtt_properties *props, unsigned int id, u32 otherwise);

static inline bool mqtt_property_present(const struct mqtt_properties *props, unsigned int id)
{
	return props->present >> id & 1;
}

#endif /* _MQTT_PROPERTY_H */
