// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Properties of MQTT 5.0 control packets, 5.0: 2.2.2.
 */
#include <linux/compiler.h>
#include <linux/string.h>

#include <mqtt/property.h>
#include <mqtt/topic.h>
#include <mqtt/utf8.h>
#include <mqtt/wire.h>

enum type {
	NONE,		/* no such property */
	BOOL,		/* a byte that is 0 or 1 */
	TWO,
	TWO_NOT_0,
	FOUR,
	FOUR_NOT_0,
	VARINT_NOT_0,
	BINARY,
	STRING,
	TOPIC,		/* a string that is a topic name */
	PAIR,
};

#define IN_TYPE(type)	(1u << (type))
#define IN(name)	IN_TYPE(MQTT_PKT_##name)
#define IN_WILL		IN_TYPE(MQTT_PROPS_OF_WILL)
#define IN_MESSAGE	(IN(PUBLISH) | IN_WILL)
#define IN_ACK		(IN(PUBACK) | IN(PUBREC) | IN(PUBREL) | IN(PUBCOMP) | \
			 IN(SUBACK) | IN(UNSUBACK))

struct property {
	u8 type;
	u16 packets;	/* where it may be, bits of packet types */
	u16 repeats;	/* where it may be more than once */
};

static const struct property properties[MQTT_PROP_ID_END] = {
	[MQTT_PROP_PAYLOAD_FORMAT_INDICATOR] = { BOOL, IN_MESSAGE },
	[MQTT_PROP_MESSAGE_EXPIRY_INTERVAL] = { FOUR, IN_MESSAGE },
	[MQTT_PROP_CONTENT_TYPE] = { STRING, IN_MESSAGE },
	[MQTT_PROP_RESPONSE_TOPIC] = { TOPIC, IN_MESSAGE },
	[MQTT_PROP_CORRELATION_DATA] = { BINARY, IN_MESSAGE },
	[MQTT_PROP_SUBSCRIPTION_IDENTIFIER] = {
		VARINT_NOT_0, IN(PUBLISH) | IN(SUBSCRIBE), IN(PUBLISH)
	},
	[MQTT_PROP_SESSION_EXPIRY_INTERVAL] = { FOUR, IN(CONNECT) | IN(CONNACK) | IN(DISCONNECT) },
	[MQTT_PROP_ASSIGNED_CLIENT_IDENTIFIER] = { STRING, IN(CONNACK) },
	[MQTT_PROP_SERVER_KEEP_ALIVE] = { TWO, IN(CONNACK) },
	[MQTT_PROP_AUTHENTICATION_METHOD] = { STRING, IN(CONNECT) | IN(CONNACK) | IN(AUTH) },
	[MQTT_PROP_AUTHENTICATION_DATA] = { BINARY, IN(CONNECT) | IN(CONNACK) | IN(AUTH) },
	[MQTT_PROP_REQUEST_PROBLEM_INFORMATION] = { BOOL, IN(CONNECT) },
	[MQTT_PROP_WILL_DELAY_INTERVAL] = { FOUR, IN_WILL },
	[MQTT_PROP_REQUEST_RESPONSE_INFORMATION] = { BOOL, IN(CONNECT) },
	[MQTT_PROP_RESPONSE_INFORMATION] = { STRING, IN(CONNACK) },
	[MQTT_PROP_SERVER_REFERENCE] = { STRING, IN(CONNACK) | IN(DISCONNECT) },
	[MQTT_PROP_REASON_STRING] = { STRING, IN(CONNACK) | IN_ACK | IN(DISCONNECT) | IN(AUTH) },
	[MQTT_PROP_RECEIVE_MAXIMUM] = { TWO_NOT_0, IN(CONNECT) | IN(CONNACK) },
	[MQTT_PROP_TOPIC_ALIAS_MAXIMUM] = { TWO, IN(CONNECT) | IN(CONNACK) },
	[MQTT_PROP_TOPIC_ALIAS] = { TWO_NOT_0, IN(PUBLISH) },
	[MQTT_PROP_MAXIMUM_QOS] = { BOOL, IN(CONNACK) },
	[MQTT_PROP_RETAIN_AVAILABLE] = { BOOL, IN(CONNACK) },
	[MQTT_PROP_USER_PROPERTY] = {
		PAIR,
		IN(CONNECT) | IN(CONNACK) | IN_MESSAGE | IN_ACK | IN(SUBSCRIBE) |
		IN(UNSUBSCRIBE) | IN(DISCONNECT) | IN(AUTH),
		0xffff
	},
	[MQTT_PROP_MAXIMUM_PACKET_SIZE] = { FOUR_NOT_0, IN(CONNECT) | IN(CONNACK) },
	[MQTT_PROP_WILDCARD_SUBSCRIPTION_AVAILABLE] = { BOOL, IN(CONNACK) },
	[MQTT_PROP_SUBSCRIPTION_IDENTIFIER_AVAILABLE] = { BOOL, IN(CONNACK) },
	[MQTT_PROP_SHARED_SUBSCRIPTION_AVAILABLE] = { BOOL, IN(CONNACK) },
};

static u32 number(const u8 *p, unsigned int size)
{
	u32 value = 0;

	while (size--)
		value = value << 8 | *p++;
	return value;
}

/* Each of these returns the bytes that a value takes, or an errno. */

static int fixed_check(const u8 *p, u32 len, unsigned int size, u32 min, u32 max)
{
	u32 value;

	if (len < size)
		return -EBADMSG;
	value = number(p, size);
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
	size = 2 + number(p, 2);
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

		if (id >= MQTT_PROP_ID_END || !(properties[id].packets >> packet_type & 1))
			return -EBADMSG;
		size = value_check(properties[id].type, p + pos, props->len - pos);
		if (size < 0)
			return size;
		if (!mqtt_property_present(props, id)) {
			props->present |= 1ULL << id;
			props->at[id] = pos;
		} else if (!(properties[id].repeats >> packet_type & 1)) {
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
	switch (properties[id].type) {
	case BOOL:
		return p[0];
	case TWO:
	case TWO_NOT_0:
		return number(p, 2);
	case FOUR:
	case FOUR_NOT_0:
		return number(p, 4);
	case VARINT_NOT_0:
		return mqtt_varint_parse(p, props->len - props->at[id], &value) < 0 ? otherwise :
										     value;
	default:
		return otherwise;
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
	*len = number(p, 2);
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
			*pos += value_check(properties[id].type, p, props->len - *pos);
			continue;
		}
		user->name_len = number(p, 2);
		user->name = p + 2;
		p = user->name + user->name_len;
		user->value_len = number(p, 2);
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

	switch (properties[id].type) {
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
	if (properties[id].type == VARINT_NOT_0)
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
