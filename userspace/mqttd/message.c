// SPDX-License-Identifier: MIT
/*
 * The two forms of a message.
 */
#include <errno.h>
#include <string.h>
#include <mqtt/wire.h>

#include "message.h"

static struct message_form *form_at(struct message *msg, u8 protocol)
{
	return &msg->forms[protocol == MQTT_PROTOCOL_V5];
}

void message_init(struct message *msg, u8 protocol, const u8 *packet, size_t len,
		  struct blob *blob)
{
	const u8 *body, *end = packet + len;
	struct mqtt_fixed_header fh = {};
	u32 properties_len = 0;
	int size;

	*msg = (struct message){ .protocol = protocol };
	*form_at(msg, protocol) = (struct message_form){ packet, len, blob, NULL };
	mqtt_fixed_header_parse(packet, len, &fh);
	body = packet + fh.size;
	msg->topic_len = body[0] << 8 | body[1];
	msg->topic = body + 2;
	msg->payload = msg->topic + msg->topic_len;
	if (protocol == MQTT_PROTOCOL_V5) {
		size = mqtt_varint_parse(msg->payload, end - msg->payload, &properties_len);
		msg->properties = msg->payload + size;
		msg->properties_len = properties_len;
		msg->payload = msg->properties + properties_len;
	}
	msg->payload_len = end - msg->payload;
}

void message_done(struct message *msg)
{
	blob_put(msg->forms[0].own);
	blob_put(msg->forms[1].own);
}

/*
 * The properties of MQTT 5.0 mean nothing to older clients and are left out;
 * what comes from these has none: their length is 0. At most one byte is added:
 * a packet of the greatest size that then does not fit any more is not sent.
 */
static int translate(struct message *msg, struct message_form *form, bool properties)
{
	size_t remaining = 2 + msg->topic_len + properties + msg->payload_len;
	u8 header[MQTT_FIXED_HEADER_MAX];
	unsigned int size;
	u8 *pos;

	if (remaining > MQTT_REMAINING_MAX)
		return -EMSGSIZE;
	size = mqtt_fixed_header_write(header, MQTT_PKT_PUBLISH << 4, remaining);
	form->own = blob_new(size + remaining);
	if (!form->own)
		return -ENOMEM;
	pos = form->own->data;
	memcpy(pos, header, size);
	pos += size;
	*pos++ = msg->topic_len >> 8;
	*pos++ = msg->topic_len & 0xff;
	memcpy(pos, msg->topic, msg->topic_len);
	pos += msg->topic_len;
	if (properties)
		*pos++ = 0;
	if (msg->payload_len)
		memcpy(pos, msg->payload, msg->payload_len);
	form->blob = form->own;
	form->packet = form->own->data;
	form->len = size + remaining;
	return 0;
}

struct message_form *message_form(struct message *msg, u8 protocol)
{
	struct message_form *form = form_at(msg, protocol);

	if (!form->packet && translate(msg, form, protocol == MQTT_PROTOCOL_V5))
		return NULL;
	return form;
}

struct blob *message_blob(struct message_form *form)
{
	if (!form->blob) {
		form->own = blob_new(form->len);
		if (!form->own)
			return NULL;
		memcpy(form->own->data, form->packet, form->len);
		form->packet = form->own->data;
		form->blob = form->own;
	}
	return form->blob;
}
