/* SPDX-License-Identifier: MIT */
/*
 * Control packets of MQTT 3.1, 3.1.1 and 5.0: from bytes to structures and
 * back. PUBLISH, properties and the fixed header are in include/mqtt, which the
 * kernel shares.
 *
 * Pure: no memory, no log, no client. What is wrong with a packet is said in
 * a sentence for the log. Where versions differ, @protocol is enum
 * mqtt_protocol. What parses a packet returns 0, -EBADMSG if it is malformed
 * (MQTT 5.0: 0x81), or -EPROTO if it is a protocol error (0x82).
 */
#ifndef MQTTD_PACKET_H
#define MQTTD_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/mqtt.h>
#include <mqtt/wire.h>

#include "buffer.h"
#include "properties.h"
#include "reason.h"

/**
 * struct packet - one received control packet; owns nothing
 * @body: behind the fixed header; the handler may write to all of the packet
 * @remaining: bytes at @body
 * @byte1: type and flags
 * @dropped: a PUBLISH whose message is not to be published
 * @storage: blob that holds this packet and hardly anything else, and that
 *	the handler may keep a reference to; or NULL
 */
struct packet {
	u8 *body;
	u32 remaining;
	u8 byte1;
	bool dropped;
	struct blob *storage;
};

struct packet_string {
	const u8 *data;
	u16 len;
};

/**
 * struct packet_connect - a CONNECT (MQTT 3.1); points into the packet
 * @protocol: version; how to answer if something is wrong with the rest. 0: an
 *	older or unknown one; nothing else is set
 * @props: none but with MQTT 5.0, as @will_props
 */
struct packet_connect {
	u8 protocol;
	bool clean;
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
	struct mqtt_properties props;
	struct mqtt_properties will_props;
};

/* Also -EPROTONOSUPPORT: a version that is not known here. In packet_connect.c. */
int packet_connect_parse(const u8 *body, u32 remaining, struct packet_connect *connect,
			 const char **why);

/* Bits of a topic filter's options (MQTT 5.0 3.8.3.1); before 5.0 QoS only */
#define FILTER_QOS		0x03
#define FILTER_NO_LOCAL		MQTT_SUB_OPTION_NO_LOCAL
#define FILTER_RETAIN_AS_PUBLISHED 0x08
#define FILTER_RETAIN_HANDLING	0x30
#define FILTER_RETAIN_IF_NEW	0x10	/* values of this */
#define FILTER_RETAIN_NEVER	0x20
#define FILTER_RESERVED		0xc0

/**
 * struct packet_filters - a SUBSCRIBE or UNSUBSCRIBE, valid
 * @n: topic filters, at least 1
 * @packet_id: packet identifier
 * @options: each filter is followed by a byte
 * @rest: those that packet_filter_next() has not yet returned
 * @end: behind the last
 * @props: none but with MQTT 5.0
 */
struct packet_filters {
	u32 n;
	u16 packet_id;
	bool options;
	const u8 *rest;
	const u8 *end;
	struct mqtt_properties props;
};

struct packet_filter {
	struct packet_string name;
	u8 options;
};

int packet_filters_parse(const struct packet *packet, u8 protocol, struct packet_filters *list,
			 const char **why);

/* Returns false behind the last one. */
bool packet_filter_next(struct packet_filters *list, struct packet_filter *filter);

/* Is it "$share/..." (MQTT 5.0 4.8.2)? */
bool packet_filter_shared(struct packet_string filter);

/**
 * struct packet_disconnect - a DISCONNECT (MQTT 5.0 3.14)
 * @reason: reason code
 * @props: properties
 */
struct packet_disconnect {
	u8 reason;
	struct mqtt_properties props;
};

int packet_disconnect_parse(const struct packet *packet, u8 protocol,
			    struct packet_disconnect *disconnect, const char **why);

/* All write to @to and return how many bytes they wrote. */

/* Without @props: 3.x, with its return codes in place of @code. */
size_t packet_connack_write(u8 *to, bool session_present, u8 code,
			    const struct mqtt_property_writer *props);

/* SUBACK and UNSUBACK, with @n codes to be written behind it by the caller. */
size_t packet_ack_write(u8 *to, u8 protocol, u8 type, u16 packet_id, u32 n);

/*
 * PUBACK, PUBREC, PUBREL and PUBCOMP; @reason is left out if it is 0, as 3.x wants it.
 * What is parsed has a packet identifier, and a reason code that it may have.
 */
size_t packet_reply_write(u8 *to, u8 byte1, u16 packet_id, u8 reason);
int packet_reply_parse(const struct packet *packet, u8 protocol, u16 *packet_id, u8 *reason,
		       const char **why);

/* DISCONNECT of MQTT 5.0. @text: NULL, or cut to what fits into PACKET_DISCONNECT_MAX. */
size_t packet_disconnect_write(u8 *to, u8 reason, const char *text);

#define PACKET_CONNACK_SIZE_MAX	(MQTT_FIXED_HEADER_MAX + 2 + 4)	/* but for the properties */
#define PACKET_ACK_SIZE_MAX	(MQTT_FIXED_HEADER_MAX + 2 + 1)
#define PACKET_REPLY_MAX	5
#define PACKET_DISCONNECT_MAX	129	/* length and property length are one byte */

/*
 * Replaces the fixed header by the shortest one with @byte1, in place. Returns
 * where the packet begins now.
 */
u8 *packet_reheader(u8 *body, u32 remaining, u8 byte1);

#endif /* MQTTD_PACKET_H */
