// SPDX-License-Identifier: MIT
/*
 * The table of control packets that a client may send.
 */
#include <errno.h>

#include "broker.h"
#include "client.h"
#include "client_rate.h"
#include "handler.h"
#include "worker.h"

/* Enough for tens of thousands of filters; a client can send several. */
#define FILTERS_MAX	(4u << 20)
/* A reason string, and some user properties */
#define REASON_MAX	(256u << 10)
#define FIXED_ONLY	MQTT_FIXED_HEADER_MAX
#define ANY_FLAGS	0xff

/**
 * struct handler - one type of control packet
 * @handle: NULL: a client must not send it
 * @flags: what the low bits of the first byte must be, or ANY_FLAGS
 * @max: longest packet; 0: as configured, in a field of its own for CONNECT
 */
struct handler {
	void (*handle)(struct client *client, struct packet *packet);
	u8 flags;
	size_t max;
};

static const struct handler handlers[16] = {
	[MQTT_PKT_CONNECT]	= { handle_connect, 0, 0 },
	[MQTT_PKT_PUBLISH]	= { handle_publish, ANY_FLAGS, 0 },
	[MQTT_PKT_PUBACK]	= { handle_puback, 0, REASON_MAX },
	[MQTT_PKT_PUBREC]	= { handle_pubrec, 0, REASON_MAX },
	[MQTT_PKT_PUBREL]	= { handle_pubrel, 2, REASON_MAX },
	[MQTT_PKT_PUBCOMP]	= { handle_pubcomp, 0, REASON_MAX },
	[MQTT_PKT_SUBSCRIBE]	= { handle_subscribe, 2, FILTERS_MAX },
	[MQTT_PKT_UNSUBSCRIBE]	= { handle_unsubscribe, 2, FILTERS_MAX },
	[MQTT_PKT_PINGREQ]	= { handle_pingreq, 0, FIXED_ONLY },
	[MQTT_PKT_DISCONNECT]	= { handle_disconnect, 0, REASON_MAX },
};

/* The flags say nothing in PUBLISH's place; 3.1 has DUP in these as well. */
static bool flags_valid(const struct client *client, const struct handler *handler, u8 flags)
{
	if (client->protocol == MQTT_PROTOCOL_V31 && handler->flags)
		flags &= ~MQTT_PUBLISH_DUP;
	return handler->flags == ANY_FLAGS || flags == handler->flags;
}

/* What such a client sends first would be a CONNECT with flags that it must not have. */
#define TLS_HANDSHAKE	0x16

static bool refuse(struct client *client, enum close_reason reason, const char *detail)
{
	client_close(client, reason, detail);
	return false;
}

bool handler_admit(struct client *client, u8 byte1, size_t size)
{
	const struct handler *handler = &handlers[mqtt_packet_type(byte1)];
	const struct config *conf = client->worker->broker->conf;
	size_t limit = conf->max_packet_size;

	if (!mqtt_packet_type(byte1))
		return refuse(client, CLOSE_MALFORMED, "packet type 0");
	if (!handler->handle)
		return refuse(client, CLOSE_PROTOCOL, "unexpected packet type");
	if (client->state == CLIENT_NEW && byte1 == TLS_HANDSHAKE)
		return refuse(client, CLOSE_MALFORMED, "a TLS handshake on a listener without TLS");
	if (!flags_valid(client, handler, byte1 & 0x0f))
		return refuse(client, CLOSE_MALFORMED, "reserved flags in the fixed header");
	if (client->state == CLIENT_NEW && handler->handle != handle_connect)
		return refuse(client, CLOSE_PROTOCOL, "the first packet is not a CONNECT");
	if (client->state != CLIENT_NEW && handler->handle == handle_connect)
		return refuse(client, CLOSE_PROTOCOL, "a second CONNECT");
	if (handler->handle == handle_connect && size > (size_t)conf->max_connect_packet)
		return refuse(client, CLOSE_TOO_LARGE, "CONNECT");
	if ((limit && size > limit) || (handler->max && size > handler->max))
		return refuse(client, CLOSE_TOO_LARGE, NULL);
	return true;
}

void handler_refuse(struct client *client, int err, const char *why)
{
	client_close(client, err == -EPROTO ? CLOSE_PROTOCOL : CLOSE_MALFORMED, why);
}

static void count(struct stats *stats, const struct packet *packet)
{
	u8 type = mqtt_packet_type(packet->byte1);

	stats_add(stats, STAT_PACKETS_RECEIVED, 1);
	if (type == MQTT_PKT_PUBLISH)
		stats_add(stats, STAT_PUBLISH_BYTES_RECEIVED,
			  1 + mqtt_varint_size(packet->remaining) + packet->remaining);
	else if (type == MQTT_PKT_CONNECT)
		stats_add(stats, STAT_CONNECTS, 1);
}

void handler_run(struct client *client, struct packet *packet)
{
	const struct config *conf = client->worker->broker->conf;
	u8 type = mqtt_packet_type(packet->byte1);

	count(&client->worker->stats, packet);
	if (type == MQTT_PKT_PUBLISH && (conf->message_rate || conf->byte_rate))
		packet->dropped = !client_rate_admit(client, packet);
	handlers[type].handle(client, packet);
}
