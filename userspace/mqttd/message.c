// SPDX-License-Identifier: MIT
/*
 * The forms of a message.
 */
#include <errno.h>
#include <string.h>

#include "message.h"
#include "packet_publish.h"

/* Of a message expiry interval, and of the identifier in front of it */
#define EXPIRY_SIZE	5

static struct message_form *form_at(struct message *msg, u8 protocol)
{
	return &msg->forms[protocol == MQTT_PROTOCOL_V5];
}

/* Finds topic and properties in @head. Returns where they end. */
static const u8 *parse_head(struct message *msg, const u8 *head, size_t len)
{
	struct mqtt_fixed_header fh = {};
	u32 properties_len = 0;
	const u8 *pos;
	int size;

	mqtt_fixed_header_parse(head, len, &fh);
	pos = head + fh.size;
	msg->retain = fh.byte1 & MQTT_PUBLISH_RETAIN;
	msg->topic_len = pos[0] << 8 | pos[1];
	msg->topic = pos + 2;
	pos = msg->topic + msg->topic_len;
	if (msg->protocol == MQTT_PROTOCOL_V5) {
		size = mqtt_varint_parse(pos, head + len - pos, &properties_len);
		msg->properties = pos + size;
		msg->properties_len = properties_len;
		pos = msg->properties + properties_len;
	}
	return pos;
}

/* What came with RETAIN is no form: subscribers get it without. */
static void keep_form(struct message *msg, const u8 *head, size_t len)
{
	if (!msg->retain)
		*form_at(msg, msg->protocol) = (struct message_form){ head, len, NULL };
}

void message_init(struct message *msg, u8 protocol, const u8 *packet, size_t len,
		  struct blob *blob)
{
	*msg = (struct message){ .protocol = protocol, .client_id = "", .blob = blob };
	msg->payload = parse_head(msg, packet, len);
	msg->payload_len = packet + len - msg->payload;
	keep_form(msg, packet, msg->payload - packet);
}

void message_init_apart(struct message *msg, u8 protocol, const u8 *head, size_t len,
			const u8 *payload, size_t payload_len, struct blob *blob)
{
	*msg = (struct message){
		.protocol = protocol,
		.client_id = "",
		.payload = payload,
		.payload_len = payload_len,
		.blob = blob,
	};
	parse_head(msg, head, len);
	keep_form(msg, head, len);
}

void message_init_publish(struct message *msg, u8 protocol, const struct mqtt_publish *pub,
			  const u8 *packet, struct blob *blob)
{
	*msg = (struct message){
		.topic = pub->topic,
		.topic_len = pub->topic_len,
		.properties = pub->props.block,
		.properties_len = pub->props.len,
		.payload = pub->payload,
		.payload_len = pub->payload_len,
		.protocol = protocol,
		.qos = pub->qos,
		.retain = pub->retain,
		.client_id = "",
		.blob = blob,
	};
	if (packet)
		*form_at(msg, protocol) = (struct message_form){
			packet, pub->payload - packet, NULL
		};
}

void message_init_stored(struct message *msg, struct stored *stored)
{
	*msg = (struct message){
		.topic = stored->topic,
		.topic_len = stored->topic_len,
		.properties = stored->properties,
		.properties_len = stored->properties_len,
		.payload = stored->payload,
		.payload_len = stored->payload_len,
		.protocol = MQTT_PROTOCOL_V5,
		.qos = stored->qos,
		.client_id = stored->client_id,
		.username = stored->username,
		.blob = stored->blob,
		.stored = stored_get(stored),
	};
	stored_expired(stored, &msg->expiry);
	msg->expires = stored->expires;
}

void message_done(struct message *msg)
{
	blob_put(msg->forms[0].own);
	blob_put(msg->forms[1].own);
	blob_put(msg->own);
	stored_put(msg->stored);
}

/*
 * The properties of MQTT 5.0 mean nothing to older clients and are left out; what
 * comes from these has none.
 */
static int make_form(struct message *msg, struct message_form *form, u8 protocol)
{
	struct publish_head head = {
		.topic = msg->topic,
		.topic_len = msg->topic_len,
		.properties_len = msg->properties_len,
		.payload_len = msg->payload_len,
		.expires = msg->expires,
		.expiry = msg->expiry,
	};
	struct publish_sizes sizes;
	size_t len, copied;
	u8 *pos;

	if (publish_head_measure(&head, protocol, &sizes))
		return -EMSGSIZE;
	len = sizes.packet - msg->payload_len;
	copied = message_shares(msg) ? 0 : msg->payload_len;
	form->own = blob_new(len + copied);
	if (!form->own)
		return -ENOMEM;
	publish_head_write(form->own->data, &head, protocol, &sizes);
	pos = form->own->data + sizes.head;
	if (len > sizes.head)
		memcpy(pos, msg->properties, msg->properties_len);
	if (copied)
		memcpy(form->own->data + len, msg->payload, copied);
	form->head = form->own->data;
	form->len = len;
	return 0;
}

struct message_form *message_make_form(struct message *msg, u8 protocol)
{
	struct message_form *form = form_at(msg, protocol);

	return make_form(msg, form, protocol) ? NULL : form;
}

/* With the form in front of it that the message came in, so that both are one piece. */
struct blob *message_blob(struct message *msg)
{
	struct message_form *form = form_at(msg, msg->protocol);
	size_t head = form->head && !form->own ? form->len : 0;

	if (msg->blob)
		return msg->blob;
	msg->own = blob_new(head + msg->payload_len);
	if (!msg->own)
		return NULL;
	if (head) {
		memcpy(msg->own->data, form->head, head);
		form->head = msg->own->data;
	}
	if (msg->payload_len)
		memcpy(msg->own->data + head, msg->payload, msg->payload_len);
	msg->payload = msg->own->data + head;
	msg->blob = msg->own;
	return msg->blob;
}

/* Offset of the message expiry interval's value among the properties; 0: none. */
static u32 find_expiry(const struct message *msg)
{
	u32 size = mqtt_varint_size(msg->properties_len);
	struct mqtt_properties props;

	if (!msg->properties_len ||
	    mqtt_properties_parse(msg->properties - size, size + msg->properties_len,
				  MQTT_PKT_PUBLISH, &props) ||
	    !mqtt_property_present(&props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL))
		return 0;
	return props.at[MQTT_PROP_MESSAGE_EXPIRY_INTERVAL];
}

static u32 read_u32(const u8 *p)
{
	return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* What has no time left is gone at once, but for those who get it now. */
static u64 expires_at(u32 expiry)
{
	return stored_now() + (expiry ? expiry * 1000ull : 1000);
}

struct stored *message_stored(struct message *msg)
{
	struct stored from = {
		.topic = msg->topic,
		.topic_len = msg->topic_len,
		.properties = msg->properties,
		.properties_len = msg->properties_len,
		.payload = msg->payload,
		.payload_len = msg->payload_len,
		.client_id = msg->client_id,
		.username = msg->username,
		.qos = msg->qos,
	};
	u32 at;

	if (msg->stored)
		return msg->stored;
	if (message_shares(msg) && !message_blob(msg))
		return NULL;
	from.payload = msg->payload;
	at = find_expiry(msg);
	if (at)
		from.expires = expires_at(read_u32(msg->properties + at));
	msg->stored = stored_new(&from, message_shares(msg) ? msg->blob : NULL);
	if (msg->stored && at)
		stored_cut_property(msg->stored, at - 1, EXPIRY_SIZE);
	return msg->stored;
}
