// SPDX-License-Identifier: MIT
/*
 * PINGREQ, MQTT 3.12.
 */
#include "client.h"
#include "handler.h"

void handle_pingreq(struct client *client, struct packet *packet)
{
	static const u8 pingresp[] = { MQTT_PKT_PINGRESP << 4, 0 };

	if (packet->remaining)
		client_close(client, CLOSE_MALFORMED, "PINGREQ: too long");
	else
		client_send(client, pingresp, sizeof(pingresp));
}
