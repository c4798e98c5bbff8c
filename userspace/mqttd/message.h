/* SPDX-License-Identifier: MIT */
/*
 * A message on its way from its publisher to subscribers, in one worker.
 *
 * Most subscribers to most messages get the same bytes: a PUBLISH packet at QoS 0,
 * in a form with properties for MQTT 5.0 and one without for 3.1 and 3.1.1. A
 * message at QoS 0 arrives in one of these forms; others are made when the first
 * subscriber needs them. For those who get a packet of their own, and for queues,
 * the message is made one that can be kept, when the first of them needs that.
 */
#ifndef MQTTD_MESSAGE_H
#define MQTTD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <mqtt/wire.h>

#include "buffer.h"
#include "stored.h"

struct client;
struct session;

/* Payloads up to this many bytes are copied to each receiver, longer ones shared. */
#define MESSAGE_COPY_MAX STORED_SHARE_MIN

/**
 * struct message_form - a packet at QoS 0, not retained, without a topic alias
 * @head: its first bytes, to the end of the properties; NULL if there is no such
 *	form yet. Behind it is the payload, unless that is message_shares()
 * @len: bytes at @head, without the payload
 * @own: a reference, if the storage was made for the message
 */
struct message_form {
	const u8 *head;
	size_t len;
	struct blob *own;
};

/**
 * struct message - lives on the stack, ended by message_done()
 * @topic: topic name, with the publisher's mount point
 * @properties: of MQTT 5.0, without a topic alias. Their length is in front of
 *	them, unless @stored is there from the beginning
 * @payload: application message
 * @topic_len: bytes at @topic
 * @properties_len: bytes at @properties
 * @payload_len: bytes at @payload
 * @expiry: message expiry interval if @expires; otherwise it is in @properties if
 *	there is one
 * @protocol: version of its publisher
 * @qos: that it was published with
 * @retain: likewise
 * @expires: see @expiry
 * @from: session of the publisher, for subscribers that do not want to hear
 *	themselves; NULL if there is none
 * @client: connection that it has just come by, one of this worker's; or NULL
 * @client_id: of the publisher, or ""
 * @username: likewise, or NULL
 * @blob: what a long payload is in, not a reference; NULL until message_blob()
 * @own: a reference, if @blob was made for the message
 * @stored: the message as it is kept, a reference; NULL until message_stored()
 * @forms: without and with properties
 */
struct message {
	const u8 *topic;
	const u8 *properties;
	const u8 *payload;
	u32 topic_len;
	u32 properties_len;
	u32 payload_len;
	u32 expiry;
	u8 protocol;
	u8 qos;
	bool retain;
	bool expires;
	const struct session *from;
	struct client *client;
	const char *client_id;
	const char *username;
	struct blob *blob;
	struct blob *own;
	struct stored *stored;
	struct message_form forms[2];
};

/**
 * message_init() - begin with a packet
 * @msg: result, to be given to message_done() before @packet goes away
 * @protocol: version that the packet is framed for
 * @packet: a valid PUBLISH at QoS 0 without a topic alias
 * @len: its bytes
 * @blob: what @packet is in, if that may be shared, or NULL; no reference is taken
 */
void message_init(struct message *msg, u8 protocol, const u8 *packet, size_t len,
		  struct blob *blob);

/* Likewise, with a payload that is elsewhere; @blob: what that is in, or NULL. */
void message_init_apart(struct message *msg, u8 protocol, const u8 *head, size_t len,
			const u8 *payload, size_t payload_len, struct blob *blob);

/*
 * Begin with what a PUBLISH says: @pub's topic is there, and its properties are
 * without a topic alias. @packet: where the packet begins if it is valid as a
 * form, or NULL.
 */
void message_init_publish(struct message *msg, u8 protocol, const struct mqtt_publish *pub,
			  const u8 *packet, struct blob *blob);

/* Begin with one that was kept; takes a reference. */
void message_init_stored(struct message *msg, struct stored *stored);
void message_done(struct message *msg);

/* Is the payload shared by the receivers? Otherwise it is in the forms. */
static inline bool message_shares(const struct message *msg)
{
	return msg->payload_len > MESSAGE_COPY_MAX;
}

/* Are the properties so long that it would be a waste to copy them to each receiver? */
static inline bool message_wide(const struct message *msg)
{
	return msg->properties_len > MESSAGE_COPY_MAX;
}

/* For message_form(): makes one that is not there yet. */
struct message_form *message_make_form(struct message *msg, u8 protocol);

/* Does the payload follow the form, in storage that can be shared? After message_blob(). */
static inline bool message_in_one(const struct message *msg, const struct message_form *form)
{
	return !form->own && form->head + form->len == msg->payload;
}

/* The form for a subscriber with @protocol; NULL without memory, or if it is too long. */
static inline struct message_form *message_form(struct message *msg, u8 protocol)
{
	struct message_form *form = &msg->forms[protocol == MQTT_PROTOCOL_V5];

	return form->head ? form : message_make_form(msg, protocol);
}

/*
 * Makes sure that the payload is in a blob that can be shared. Returns the blob,
 * without a reference for the caller, or NULL without memory; afterwards
 * @msg->payload is in there.
 */
struct blob *message_blob(struct message *msg);

/* The message to be kept, without a reference for the caller; NULL without memory. */
struct stored *message_stored(struct message *msg);

#endif /* MQTTD_MESSAGE_H */
