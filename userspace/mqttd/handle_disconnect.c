// SPDX-License-Identifier: MIT
/*
 * DISCONNECT, MQTT 3.14.
 */
#include "client.h"
#include "handler.h"

void handle_disconnect(struct client *client, struct packet *packet)
{
	if (packet->remaining)
		client_close(client, CLOSE_PROTOCOL, "DISCONNECT: too long");
	else
		client_close(client, CLOSE_DISCONNECT, NULL);
}
