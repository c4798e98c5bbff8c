// SPDX-License-Identifier: MIT
/*
 * Decoding and encoding of control packets.
 */
#include <errno.h>
#include <string.h>
#include <mqtt/topic.h>

#include "cursor.h"
#include "packet.h"

static int bad(const char **why, int err, const char *text)
{
	*why = text;
	return err;
}

int cursor_properties(struct cursor *cur, unsigned int packet_type,
		      struct mqtt_properties *props, const char **why)
{
	int err;

	if (cur->failed)
		return bad(why, -EBADMSG, "too short");
	err = mqtt_properties_parse(cur->pos, cur->left, packet_type, props);
	if (err)
		return bad(why, err, err == -EPROTO ? "property not allowed" :
						      "malformed properties");
	cur->left -= props->block + props->len - cur->pos;
	cur->pos = props->block + props->len;
	return 0;
}

/* MQTT 5.0 3.8.3.1; in 3.x all bits but the QoS are reserved [MQTT-3.8.3-4] */
static int options_check(u8 options, struct packet_string filter, u8 protocol, const char **why)
{
	if (protocol != MQTT_PROTOCOL_V5 && options & ~FILTER_QOS)
		return bad(why, -EBADMSG, "filter list: invalid QoS");
	if (options & FILTER_RESERVED)
		return bad(why, -EBADMSG, "filter list: reserved option bits");
	if ((options & FILTER_QOS) == FILTER_QOS)
		return bad(why, -EPROTO, "filter list: invalid QoS");
	if ((options & FILTER_RETAIN_HANDLING) == FILTER_RETAIN_HANDLING)
		return bad(why, -EPROTO, "filter list: invalid retain handling");
	if (options & FILTER_NO_LOCAL && packet_filter_shared(filter))	/* [MQTT-3.8.3-4] */
		return bad(why, -EPROTO, "filter list: no-local in a shared subscription");
	return 0;
}

static int filter_check(struct cursor *cur, bool options, u8 protocol, const char **why)
{
	struct packet_string filter = cursor_string(cur);
	u8 option = options ? cursor_u8(cur) : 0;

	if (cur->failed)
		return bad(why, -EBADMSG, "filter list: too short");
	if (!mqtt_topic_filter_valid(filter.data, filter.len))
		return bad(why, -EBADMSG, "filter list: invalid topic filter");
	return options_check(option, filter, protocol, why);
}

int packet_filters_parse(const struct packet *packet, u8 protocol, struct packet_filters *list,
			 const char **why)
{
	struct cursor cur = { packet->body, packet->remaining, false };
	u8 type = mqtt_packet_type(packet->byte1);
	int err = 0;

	*list = (struct packet_filters){ .options = type == MQTT_PKT_SUBSCRIBE };
	list->packet_id = cursor_u16(&cur);
	if (!list->packet_id)						/* [MQTT-2.3.1-1] */
		return bad(why, -EBADMSG, "packet identifier is missing or 0");
	if (protocol == MQTT_PROTOCOL_V5)
		err = cursor_properties(&cur, type, &list->props, why);
	list->rest = cur.pos;
	while (cur.left && !err) {
		err = filter_check(&cur, list->options, protocol, why);
		list->n++;
	}
	list->end = cur.pos;
	if (!err && !list->n)			/* [MQTT-3.8.3-3], [MQTT-3.10.3-2] */
		err = bad(why, -EPROTO, "filter list: empty");
	return err;
}

bool packet_filter_next(struct packet_filters *list, struct packet_filter *filter)
{
	const u8 *p = list->rest;

	if (p == list->end)
		return false;
	filter->name = (struct packet_string){ .data = p + 2, .len = p[0] << 8 | p[1] };
	p = filter->name.data + filter->name.len;
	filter->options = list->options ? *p++ : 0;
	list->rest = p;
	return true;
}

bool packet_filter_shared(struct packet_string filter)
{
	static const char prefix[] = "$share/";

	return filter.len >= sizeof(prefix) - 1 &&
	       !memcmp(filter.data, prefix, sizeof(prefix) - 1);
}

int packet_disconnect_parse(const struct packet *packet, u8 protocol,
			    struct packet_disconnect *disconnect, const char **why)
{
	struct cursor cur = { packet->body, packet->remaining, false };
	int err = 0;

	*disconnect = (struct packet_disconnect){};
	if (protocol == MQTT_PROTOCOL_V5) {
		if (cur.left)
			disconnect->reason = cursor_u8(&cur);
		if (cur.left)
			err = cursor_properties(&cur, MQTT_PKT_DISCONNECT, &disconnect->props, why);
	}
	if (!err && cur.left)
		err = bad(why, -EBADMSG, "DISCONNECT: too long");
	if (!err && !reason_of_client(disconnect->reason))
		err = bad(why, -EPROTO, "DISCONNECT: not a client's reason code");
	return err;
}

size_t packet_connack_write(u8 *to, bool session_present, u8 code,
			    const struct mqtt_property_writer *props)
{
	u32 remaining = 2 + (props ? mqtt_varint_size(props->len) + props->len : 0);
	size_t size = mqtt_fixed_header_write(to, MQTT_PKT_CONNACK << 4, remaining);

	to[size++] = session_present;
	to[size++] = code;
	if (props) {
		size += mqtt_varint_write(to + size, props->len);
		if (props->len)
			memcpy(to + size, props->buf, props->len);
		size += props->len;
	}
	return size;
}

size_t packet_ack_write(u8 *to, u8 protocol, u8 type, u16 packet_id, u32 n)
{
	bool props = protocol == MQTT_PROTOCOL_V5;
	size_t size = mqtt_fixed_header_write(to, type << 4, 2 + props + n);

	to[size++] = packet_id >> 8;
	to[size++] = packet_id & 0xff;
	if (props)
		to[size++] = 0;
	return size;
}

size_t packet_reply_write(u8 *to, u8 byte1, u16 packet_id, u8 reason)
{
	to[0] = byte1;
	to[1] = reason ? 3 : 2;
	to[2] = packet_id >> 8;
	to[3] = packet_id & 0xff;
	to[4] = reason;
	return 2 + to[1];
}

/* MQTT 5.0 3.4.2.1 and so on */
static bool reply_reason_valid(u8 type, u8 reason)
{
	bool of_publish = type == MQTT_PKT_PUBACK || type == MQTT_PKT_PUBREC;

	switch (reason) {
	case REASON_SUCCESS:
		return true;
	case REASON_NO_SUBSCRIBERS:
	case REASON_UNSPECIFIED:
	case REASON_IMPLEMENTATION:
	case REASON_NOT_AUTHORIZED:
	case REASON_TOPIC_NAME:
	case REASON_PACKET_ID_IN_USE:
	case REASON_QUOTA:
	case REASON_PAYLOAD_FORMAT:
		return of_publish;
	case REASON_PACKET_ID:
		return !of_publish;
	default:
		return false;
	}
}

int packet_reply_parse(const struct packet *packet, u8 protocol, u16 *packet_id, u8 *reason,
		       const char **why)
{
	struct cursor cur = { packet->body, packet->remaining, false };
	u8 type = mqtt_packet_type(packet->byte1);
	struct mqtt_properties props;
	int err = 0;

	*reason = REASON_SUCCESS;
	*packet_id = cursor_u16(&cur);
	if (!*packet_id)						/* [MQTT-2.2.1-3] */
		return bad(why, -EBADMSG, "acknowledgement: packet identifier is missing or 0");
	if (protocol == MQTT_PROTOCOL_V5) {
		if (cur.left)
			*reason = cursor_u8(&cur);
		if (cur.left)
			err = cursor_properties(&cur, type, &props, why);
	}
	if (!err && cur.left)
		err = bad(why, -EBADMSG, "acknowledgement: too long");
	if (!err && !reply_reason_valid(type, *reason))
		err = bad(why, -EPROTO, "acknowledgement: not one of its reason codes");
	return err;
}

size_t packet_disconnect_write(u8 *to, u8 reason, const char *text)
{
	u8 block[PACKET_DISCONNECT_MAX - 4];
	struct mqtt_property_writer props = { block, sizeof(block), 0 };
	size_t most = sizeof(block) - 3;

	if (!text) {
		memcpy(to, (u8[]){ MQTT_PKT_DISCONNECT << 4, 1, reason }, 3);
		return 3;
	}
	mqtt_property_put_data(&props, MQTT_PROP_REASON_STRING, text, strnlen(text, most));
	memcpy(to, (u8[]){ MQTT_PKT_DISCONNECT << 4, 2 + props.len, reason, props.len }, 4);
	memcpy(to + 4, block, props.len);
	return 4 + props.len;
}

u8 *packet_reheader(u8 *body, u32 remaining, u8 byte1)
{
	u8 header[MQTT_FIXED_HEADER_MAX];
	size_t size = mqtt_fixed_header_write(header, byte1, remaining);

	return memcpy(body - size, header, size);
}
