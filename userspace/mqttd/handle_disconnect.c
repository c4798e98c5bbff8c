// SPDX-License-Identifier: MIT
/*
 * DISCONNECT, MQTT 3.14.
 */
#include <errno.h>

#include "broker.h"
#include "client.h"
#include "handler.h"
#include "session.h"

void handle_disconnect(struct client *client, struct packet *packet)
{
	struct packet_disconnect disconnect;
	const char *why;
	u32 expiry;
	int err;

	err = packet_disconnect_parse(packet, client->protocol, &disconnect, &why);
	if (err) {
		handler_refuse(client, err, why);
		return;
	}
	if (mqtt_property_present(&disconnect.props, MQTT_PROP_SERVER_REFERENCE)) {
		client_close(client, CLOSE_PROTOCOL, "DISCONNECT: server reference");
		return;
	}
	expiry = mqtt_property_number(&disconnect.props, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
				      client->terms.session_expiry);
	/* MQTT 5.0 3.14.2.2.2: a session that was to end now cannot be kept */
	if (expiry && !client->terms.session_expiry) {
		client_close(client, CLOSE_PROTOCOL, "DISCONNECT: session expiry interval");
		return;
	}
	session_set_expiry(client, session_expiry_limit(client->worker->broker->conf, expiry));
	if (disconnect.reason)
		client_close(client, CLOSE_WITH_WILL, reason_name(disconnect.reason));
	else
		client_close(client, CLOSE_DISCONNECT, NULL);
}
