// SPDX-License-Identifier: MIT
/*
 * PUBACK, PUBREC, PUBREL and PUBCOMP, MQTT 3.4 to 3.7.
 */
#include "client.h"
#include "handler.h"
#include "session_send.h"

/* Returns false if the client was closed. */
static bool parse(struct client *client, const struct packet *packet, u16 *packet_id, u8 *reason)
{
	const char *why;
	int err = packet_reply_parse(packet, client->protocol, packet_id, reason, &why);

	if (err)
		handler_refuse(client, err, why);
	return !err;
}

/* Refused or not: it is done with (MQTT 5.0 4.3.2, [MQTT-4.8.2-6]). */
void handle_puback(struct client *client, struct packet *packet)
{
	u16 packet_id;
	u8 reason;

	if (parse(client, packet, &packet_id, &reason))
		session_puback(client, packet_id);
}

void handle_pubrec(struct client *client, struct packet *packet)
{
	u16 packet_id;
	u8 reason;

	if (parse(client, packet, &packet_id, &reason))
		session_pubrec(client, packet_id, reason);
}

void handle_pubrel(struct client *client, struct packet *packet)
{
	u16 packet_id;
	u8 reason;

	if (parse(client, packet, &packet_id, &reason))
		session_pubrel(client, packet_id);
}

void handle_pubcomp(struct client *client, struct packet *packet)
{
	u16 packet_id;
	u8 reason;

	if (parse(client, packet, &packet_id, &reason))
		session_pubcomp(client, packet_id);
}
