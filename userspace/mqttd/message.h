/* SPDX-License-Identifier: MIT */
/*
 * A message on its way to subscribers. It is a whole PUBLISH packet at QoS 0,
 * ready to be sent, without a topic alias. MQTT 5.0 frames it with properties,
 * 3.1 and 3.1.1 without: a message arrives in one of these forms, and is
 * translated into the other when the first subscriber needs that.
 */
#ifndef MQTTD_MESSAGE_H
#define MQTTD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/mqtt.h>
#include <linux/types.h>

#include "buffer.h"

struct session;

/**
 * struct message_form - a packet
 * @packet: its first byte; NULL if the message does not have this form yet
 * @len: its bytes
 * @blob: storage that contains @packet and can be shared, not a reference;
 *	NULL until somebody asks message_blob()
 * @own: a reference, if the storage was made for the message
 */
struct message_form {
	const u8 *packet;
	size_t len;
	struct blob *blob;
	struct blob *own;
};

/**
 * struct message - lives on the stack, ended by message_done()
 * @topic: topic name
 * @payload: application message
 * @properties: of MQTT 5.0, without their length
 * @topic_len: bytes at @topic
 * @payload_len: bytes at @payload
 * @properties_len: bytes at @properties
 * @protocol: version that the packet given to message_init() is framed for
 * @from: session of the publisher, for subscribers that do not want to hear
 *	themselves; NULL if there is none
 * @forms: without and with properties
 */
struct message {
	const u8 *topic;
	const u8 *payload;
	const u8 *properties;
	size_t topic_len;
	size_t payload_len;
	size_t properties_len;
	u8 protocol;
	const struct session *from;
	struct message_form forms[2];
};

/* Packets up to this many bytes are copied to each receiver, longer ones shared. */
#define MESSAGE_COPY_MAX 1024

/**
 * message_init() - begin with a packet
 * @msg: result, to be given to message_done() before @packet goes away
 * @protocol: version that the packet is framed for
 * @packet: a valid PUBLISH at QoS 0
 * @len: its bytes
 * @blob: what @packet is in, if that may be shared, or NULL; no reference is taken
 */
void message_init(struct message *msg, u8 protocol, const u8 *packet, size_t len,
		  struct blob *blob);
void message_done(struct message *msg);

/* The form for a subscriber with @protocol; NULL without memory. */
struct message_form *message_form(struct message *msg, u8 protocol);

/*
 * Makes sure that the packet is in a blob that can be shared. Returns the blob,
 * without a reference for the caller, or NULL without memory.
 */
struct blob *message_blob(struct message_form *form);

#endif /* MQTTD_MESSAGE_H */
