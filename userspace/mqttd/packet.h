/* SPDX-License-Identifier: MIT */
/*
 * Control packets of MQTT 3.1.1: from bytes to structures and back. PUBLISH
 * and the fixed header are in mqtt/wire.h, which the kernel shares.
 *
 * Pure: no memory, no log, no client. What is wrong with a packet is said in
 * a sentence for the log.
 */
#ifndef MQTTD_PACKET_H
#define MQTTD_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <mqtt/wire.h>

#include "buffer.h"

#define PROTOCOL_LEVEL_311	4

enum connack_code {
	CONNACK_ACCEPTED,
	CONNACK_PROTOCOL_VERSION,
	CONNACK_IDENTIFIER,
	CONNACK_UNAVAILABLE,
	CONNACK_CREDENTIALS,
	CONNACK_NOT_AUTHORIZED,
};

/**
 * struct packet - one received control packet; owns nothing
 * @body: behind the fixed header; the handler may write to all of the packet
 * @remaining: bytes at @body
 * @byte1: type and flags
 * @storage: blob that holds this packet and hardly anything else, and that
 *	the handler may keep a reference to; or NULL
 */
struct packet {
	u8 *body;
	u32 remaining;
	u8 byte1;
	struct blob *storage;
};

struct packet_string {
	const u8 *data;
	u16 len;
};

/**
 * struct packet_connect - a CONNECT (MQTT 3.1); points into the packet
 * @level: protocol level; nothing else is set if it is not known
 */
struct packet_connect {
	u8 level;
	bool clean_session;
	bool will;
	u8 will_qos;
	bool will_retain;
	bool has_username;
	bool has_password;
	u16 keepalive;
	struct packet_string client_id;
	struct packet_string will_topic;
	struct packet_string will_message;
	struct packet_string username;
	struct packet_string password;
};

/*
 * Returns 0; -EPROTONOSUPPORT if @connect->level is unknown here; -EBADMSG if
 * the packet violates the standard, with @why.
 */
int packet_connect_parse(const u8 *body, u32 remaining, struct packet_connect *connect,
			 const char **why);

/**
 * packet_filters_check() - validate a SUBSCRIBE or UNSUBSCRIBE
 * @body: behind the fixed header
 * @remaining: bytes of it
 * @options: each filter is followed by a byte (SUBSCRIBE)
 * @packet_id: result
 * @why: result, what is wrong
 *
 * Return: number of filters, at least 1; -EBADMSG.
 */
long packet_filters_check(const u8 *body, u32 remaining, bool options, u16 *packet_id,
			  const char **why);

/* Walks the filters of a packet that was checked. @pos starts at 0. */
struct packet_string packet_filter_next(const u8 *body, bool options, u32 *pos);

#define PACKET_CONNACK_SIZE	4

/* All write to @to and return how many bytes they wrote. */
size_t packet_connack_write(u8 *to, bool session_present, enum connack_code code);

/* SUBACK (with @n codes to be written behind it by the caller) and UNSUBACK (@n = 0). */
size_t packet_ack_write(u8 *to, u8 type, u16 packet_id, u32 n);

#define PACKET_ACK_SIZE_MAX	(MQTT_FIXED_HEADER_MAX + 2)

/* Writes a PUBLISH at QoS 0; with @to NULL only says how many bytes it has. */
size_t packet_publish_write(u8 *to, struct packet_string topic, struct packet_string payload);

/*
 * Replaces the fixed header by the shortest one with @byte1, in place. Returns
 * where the packet begins now.
 */
u8 *packet_reheader(u8 *body, u32 remaining, u8 byte1);

#endif /* MQTTD_PACKET_H */
