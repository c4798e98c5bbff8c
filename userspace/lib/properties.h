/* SPDX-License-Identifier: MIT */
/*
 * Properties of MQTT 5.0 control packets, beyond what the module has in
 * mqtt/property.h: their strings, and writing them. Pure.
 */
#ifndef MQTT_LIB_PROPERTIES_H
#define MQTT_LIB_PROPERTIES_H

#include <stdbool.h>
#include <stddef.h>
#include <mqtt/property.h>

/**
 * struct mqtt_user_property - a name and a value, both UTF-8
 * @name: not terminated, in the caller's buffer
 * @value: likewise
 * @name_len: bytes at @name
 * @value_len: bytes at @value
 */
struct mqtt_user_property {
	const u8 *name;
	const u8 *value;
	u16 name_len;
	u16 value_len;
};

const u8 *mqtt_property_data(const struct mqtt_properties *props, unsigned int id, u16 *len);
bool mqtt_user_property_next(const struct mqtt_properties *props, u32 *pos,
			     struct mqtt_user_property *user);

/**
 * struct mqtt_property_writer - where properties are appended
 * @buf: begin of the room; may be NULL if @size is 0, to measure only
 * @size: bytes of room
 * @len: bytes that all properties so far take, whether or not they fit
 *
 * What does not fit is left out whole; @len > @size tells. The Property Length
 * in front of the properties is the caller's, with mqtt_varint_write().
 */
struct mqtt_property_writer {
	u8 *buf;
	size_t size;
	size_t len;
};

void mqtt_property_put_number(struct mqtt_property_writer *to, unsigned int id, u32 value);
void mqtt_property_put_data(struct mqtt_property_writer *to, unsigned int id, const void *data,
			    u16 len);
void mqtt_property_put_user(struct mqtt_property_writer *to,
			    const struct mqtt_user_property *user);

#endif /* MQTT_LIB_PROPERTIES_H */
