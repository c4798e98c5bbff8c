// SPDX-License-Identifier: MIT
/*
 * From the end of a handshake on a connection is as any other.
 */
#include "client.h"
#include "client_ban.h"
#include "listener.h"
#include "log.h"
#include "security.h"
#include "stats.h"
#include "worker.h"

void client_secured(struct client *client)
{
	struct stats *stats = &client->worker->stats;
	struct conn *conn = &client->conn;

	if (client->tls_why) {
		stats_add(stats, STAT_CONNECTIONS_REFUSED, 1);
		stats_add(stats, STAT_REFUSED_TLS, 1);
		security_client_event(client, (struct security_event){
			.kind = SECURITY_TLS_FAILED, .why = client->tls_why });
		client_close(client, CLOSE_HANDSHAKE, client->tls_why);
		return;
	}
	stats_add(stats, STAT_TLS_HANDSHAKES, 1);
	if (client_ban_ends(client))
		return;
	if (transport_tls_resumed(conn))
		stats_add(stats, STAT_TLS_RESUMED, 1);
	log_limited(LOG_TYPE_DEBUG, "Connection from %s has %s, %s%s.", client_address(client),
		    transport_tls_version(conn), transport_tls_cipher(conn),
		    transport_tls_resumed(conn) ? ", resumed" : "");
	if (client_await_connect(client)) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	client_release(client, HOLD_HANDSHAKE);
	if (conn->unsent)
		client_make_dirty(client);
}
