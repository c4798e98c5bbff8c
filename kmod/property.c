// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Properties of MQTT 5.0 control packets, 5.0: 2.2.2.
 */
#include <linux/compiler.h>
#include <linux/string.h>

#include <mqtt/property_table.h>
#include <mqtt/topic.h>
#include <mqtt/utf8.h>

/* Each of these returns the bytes that a value takes, or an errno. */

static int fixed_check(const u8 *p, u32 len, unsigned int size, u32 min, u32 max)
{
	u32 value;

	if (len < size)
		return -EBADMSG;
	value = mqtt_property_be(p, size);
	return value < min || value > max ? -EPROTO : (int)size;
}

static int varint_check(const u8 *p, u32 len)
{
	u32 value;
	int size = mqtt_varint_parse(p, len, &value);

	/* [MQTT-1.5.5-1], as what is not to be understood otherwise */
	if (size < 0 || (unsigned int)size != mqtt_varint_size(value))
		return -EBADMSG;
	return value ? size : -EPROTO;
}

static int binary_check(const u8 *p, u32 len)
{
	u32 size;

	if (len < 2)
		return -EBADMSG;
	size = 2 + mqtt_property_be(p, 2);
	return size > len ? -EBADMSG : (int)size;
}

static int string_check(const u8 *p, u32 len)
{
	int size = binary_check(p, len);

	if (size >= 0 && !mqtt_utf8_valid(p + 2, size - 2))
		return -EBADMSG;
	return size;
}

static int topic_check(const u8 *p, u32 len)
{
	int size = string_check(p, len);

	if (size >= 0 && !mqtt_topic_name_valid(p + 2, size - 2))
		return -EPROTO;
	return size;
}

static int pair_check(const u8 *p, u32 len)
{
	int name, value;

	name = string_check(p, len);
	if (name < 0)
		return name;
	value = string_check(p + name, len - name);
	return value < 0 ? value : name + value;
}

static int value_check(unsigned int type, const u8 *p, u32 len)
{
	switch (type) {
	case BOOL:
		return fixed_check(p, len, 1, 0, 1);
	case TWO:
		return fixed_check(p, len, 2, 0, 0xffff);
	case TWO_NOT_0:
		return fixed_check(p, len, 2, 1, 0xffff);
	case FOUR:
		return fixed_check(p, len, 4, 0, 0xffffffff);
	case FOUR_NOT_0:
		return fixed_check(p, len, 4, 1, 0xffffffff);
	case VARINT_NOT_0:
		return varint_check(p, len);
	case BINARY:
		return binary_check(p, len);
	case STRING:
		return string_check(p, len);
	case TOPIC:
		return topic_check(p, len);
	case PAIR:
		return pair_check(p, len);
	default:
		return -EBADMSG;
	}
}

static int block_check(unsigned int packet_type, struct mqtt_properties *props)
{
	const u8 *p = props->block;
	u32 pos = 0;
	int size;

	while (pos < props->len) {
		/* All identifiers of the standard are one byte */
		unsigned int id = p[pos++];

		if (id >= MQTT_PROP_ID_END || !(mqtt_property_table[id].packets >> packet_type & 1))
			return -EBADMSG;
		size = value_check(mqtt_property_table[id].type, p + pos, props->len - pos);
		if (size < 0)
			return size;
		if (!mqtt_property_present(props, id)) {
			props->present |= 1ULL << id;
			props->at[id] = pos;
		} else if (!(mqtt_property_table[id].repeats >> packet_type & 1)) {
			return -EPROTO;
		}
		pos += size;
	}
	/* 5.0: 3.1.2.11.10 */
	if (mqtt_property_present(props, MQTT_PROP_AUTHENTICATION_DATA) &&
	    !mqtt_property_present(props, MQTT_PROP_AUTHENTICATION_METHOD))
		return -EPROTO;
	return 0;
}

/**
 * mqtt_properties_parse() - look into the properties of a packet
 * @buf: where Property Length begins
 * @len: bytes from there to the packet's end; none behind them is looked at
 * @packet_type: enum mqtt_packet_type, or MQTT_PROPS_OF_WILL
 * @props: result, valid only on success; points into @buf
 *
 * All that the standard says of properties by themselves is checked: which
 * way they are sent, and what a packet needs, is for the caller.
 *
 * Context: any. O(@len).
 *
 * Return: 0; -EBADMSG for a malformed packet (reason code 0x81): a length that
 * does not fit or is padded, an identifier that is none or not of this packet
 * type, a value that is cut off or not UTF-8; -EPROTO for a protocol error
 * (0x82): a property twice that must not be, a value that is not allowed,
 * Authentication Data without a method.
 */
int mqtt_properties_parse(const u8 *buf, size_t len, unsigned int packet_type,
			  struct mqtt_properties *props)
{
	int size = mqtt_varint_parse(buf, len, &props->len);

	if (size < 0 || (unsigned int)size != mqtt_varint_size(props->len) ||
	    props->len > len - size)
		return -EBADMSG;
	props->block = buf + size;
	props->present = 0;
	return props->len ? block_check(packet_type, props) : 0;
}

/**
 * mqtt_property_number() - the value of a property that is a number
 * @props: valid properties
 * @id: of a byte, an integer, or a variable byte integer
 * @otherwise: result if there is none
 *
 * Return: its value, the first if there are several.
 */
u32 mqtt_property_number(const struct mqtt_properties *props, unsigned int id, u32 otherwise)
{
	const u8 *p;
	u32 value;

	if (!mqtt_property_present(props, id))
		return otherwise;
	p = props->block + props->at[id];
	switch (mqtt_property_table[id].type) {
	case BOOL:
		return p[0];
	case TWO:
	case TWO_NOT_0:
		return mqtt_property_be(p, 2);
	case FOUR:
	case FOUR_NOT_0:
		return mqtt_property_be(p, 4);
	case VARINT_NOT_0:
		return mqtt_varint_parse(p, props->len - props->at[id], &value) < 0 ? otherwise :
										     value;
	default:
		return otherwise;
	}
}
