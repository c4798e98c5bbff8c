// SPDX-License-Identifier: MIT
/*
 * Strings of properties, and writing properties.
 */
#include <string.h>

#include <mqtt/property_table.h>

#include "properties.h"

/* Bytes of a value that was found valid before. */
static u32 value_size(unsigned int type, const u8 *p)
{
	u32 size, number;

	switch (type) {
	case BOOL:
		return 1;
	case TWO:
	case TWO_NOT_0:
		return 2;
	case FOUR:
	case FOUR_NOT_0:
		return 4;
	case VARINT_NOT_0:
		return mqtt_varint_parse(p, MQTT_VARINT_BYTES_MAX, &number);
	default:
		size = 2 + mqtt_property_be(p, 2);
		return type == PAIR ? size + 2 + mqtt_property_be(p + size, 2) : size;
	}
}

/**
 * mqtt_property_data() - the value of a property that is a string or binary
 * @props: valid properties
 * @id: of a string or binary data
 * @len: result, its bytes; unchanged if there is none
 *
 * Return: the value, not terminated, or NULL if there is none.
 */
const u8 *mqtt_property_data(const struct mqtt_properties *props, unsigned int id, u16 *len)
{
	const u8 *p;

	if (!mqtt_property_present(props, id))
		return NULL;
	p = props->block + props->at[id];
	*len = mqtt_property_be(p, 2);
	return p + 2;
}

/**
 * mqtt_user_property_next() - go through the user properties
 * @props: valid properties
 * @pos: where to look on; 0 for the first, afterwards as it was left
 * @user: result
 *
 * Return: whether there was one more. They come in the packet's order, which
 * is to be kept (5.0: [MQTT-3.3.2-18]).
 */
bool mqtt_user_property_next(const struct mqtt_properties *props, u32 *pos,
			     struct mqtt_user_property *user)
{
	if (!mqtt_property_present(props, MQTT_PROP_USER_PROPERTY))
		return false;
	while (*pos < props->len) {
		unsigned int id = props->block[(*pos)++];
		const u8 *p = props->block + *pos;

		if (id != MQTT_PROP_USER_PROPERTY) {
			*pos += value_size(mqtt_property_table[id].type, p);
			continue;
		}
		user->name_len = mqtt_property_be(p, 2);
		user->name = p + 2;
		p = user->name + user->name_len;
		user->value_len = mqtt_property_be(p, 2);
		user->value = p + 2;
		*pos += 4 + user->name_len + user->value_len;
		return true;
	}
	return false;
}

/* Room for @size bytes more, or NULL; they count in any case. */
static u8 *writer_room(struct mqtt_property_writer *to, size_t size)
{
	size_t at = to->len;

	to->len += size;
	return to->len <= to->size ? to->buf + at : NULL;
}

static u8 *number_write(u8 *p, u32 value, unsigned int size)
{
	while (size--)
		*p++ = value >> (8 * size);
	return p;
}

static u8 *data_write(u8 *p, const void *data, u16 len)
{
	p = number_write(p, len, 2);
	if (len)
		memcpy(p, data, len);
	return p + len;
}

/**
 * mqtt_property_put_number() - append a property that is a number
 * @to: where
 * @id: of a byte, an integer, or a variable byte integer
 * @value: fits the property's type, and is allowed
 */
void mqtt_property_put_number(struct mqtt_property_writer *to, unsigned int id, u32 value)
{
	unsigned int size;
	u8 *p;

	switch (mqtt_property_table[id].type) {
	case BOOL:
		size = 1;
		break;
	case TWO:
	case TWO_NOT_0:
		size = 2;
		break;
	case VARINT_NOT_0:
		size = mqtt_varint_size(value);
		break;
	default:
		size = 4;
	}
	p = writer_room(to, 1 + size);
	if (!p)
		return;
	*p++ = id;
	if (mqtt_property_table[id].type == VARINT_NOT_0)
		mqtt_varint_write(p, value);
	else
		number_write(p, value, size);
}

/**
 * mqtt_property_put_data() - append a property that is a string or binary
 * @to: where
 * @id: of a string or binary data
 * @data: value, without its length
 * @len: bytes at @data
 */
void mqtt_property_put_data(struct mqtt_property_writer *to, unsigned int id, const void *data,
			    u16 len)
{
	u8 *p = writer_room(to, 3 + (size_t)len);

	if (!p)
		return;
	*p++ = id;
	data_write(p, data, len);
}

/**
 * mqtt_property_put_user() - append a user property
 * @to: where
 * @user: name and value, valid UTF-8
 */
void mqtt_property_put_user(struct mqtt_property_writer *to,
			    const struct mqtt_user_property *user)
{
	u8 *p = writer_room(to, 5 + (size_t)user->name_len + user->value_len);

	if (!p)
		return;
	*p++ = MQTT_PROP_USER_PROPERTY;
	p = data_write(p, user->name, user->name_len);
	data_write(p, user->value, user->value_len);
}
