// SPDX-License-Identifier: MIT
/*
 * Summing up and showing counters.
 */
#include <inttypes.h>

#include "log.h"
#include "stats.h"

static const char *const names[STAT_COUNT] = {
	[STAT_CLIENTS]			= "clients",
	[STAT_OFFLOADED]		= "offloaded",
	[STAT_HOSTED]			= "hosted",
	[STAT_PACKETS_RECEIVED]		= "packets received",
	[STAT_ANSWERS_SENT]		= "answers sent",
	[STAT_CONNECTED]		= "connected",
	[STAT_SESSIONS_EXPIRED]		= "sessions expired",
	[STAT_CONNECTS]			= "connects",
	[STAT_PUBLISH_RECEIVED]		= "publish received",
	[STAT_PUBLISH_SENT]		= "publish sent",
	[STAT_PUBLISH_BYTES_RECEIVED]	= "publish bytes received",
	[STAT_PUBLISH_BYTES_SENT]	= "publish bytes sent",
	[STAT_PUBLISH_DROPPED]		= "publish dropped",
	[STAT_PUBLISH_TOO_LONG]		= "publish too long",
	[STAT_DROPPED_OLD]		= "publish dropped: drop-old",
	[STAT_DROPPED_CONFLATED]	= "publish dropped: conflate",
	[STAT_DROPPED_SLOW]		= "publish dropped: disconnect",
	[STAT_DROPPED_TOTAL]		= "publish dropped: max_queued_bytes_total",
	[STAT_DROPPED_RATE]		= "publish dropped: message_rate, byte_rate",
	[STAT_BYTES_RECEIVED]		= "bytes received",
	[STAT_BYTES_SENT]		= "bytes sent",
	[STAT_RATE_HOLDS]		= "clients held: message_rate, byte_rate",
	[STAT_PAUSES]			= "clients held: slow_consumer_pause",
	[STAT_CONNECTIONS_ACCEPTED]	= "connections accepted",
	[STAT_CONNECTIONS_REFUSED]	= "connections refused",
	[STAT_REFUSED_LISTENER]		= "connections refused: max_connections",
	[STAT_REFUSED_TOTAL]		= "connections refused: max_connections_total",
	[STAT_REFUSED_RATE]		= "connections refused: connection_rate",
	[STAT_REFUSED_BANNED]		= "connections refused: banned",
	[STAT_REFUSED_MEMORY]		= "connections refused: no memory",
	[STAT_REFUSED_TLS]		= "connections refused: TLS handshake",
	[STAT_REFUSED_PROXY]		= "connections refused: PROXY protocol",
	[STAT_REFUSED_UPGRADE]		= "connections refused: WebSocket upgrade",
	[STAT_TLS_HANDSHAKES]		= "TLS handshakes",
	[STAT_TLS_RESUMED]		= "TLS handshakes by ticket",
	[STAT_TLS_WAITS]		= "listeners held: tls_max_handshakes",
};

void stats_sum(struct stats *sum, const struct stats *from)
{
	enum stat i;

	for (i = 0; i < STAT_COUNT; i++)
		sum->value[i] += __atomic_load_n(&from->value[i], __ATOMIC_RELAXED);
}

void stats_log(const struct stats *stats)
{
	enum stat i;

	for (i = 0; i < STAT_COUNT; i++)
		log_printf(LOG_TYPE_NOTICE, "statistics: %s %" PRIu64, names[i], stats->value[i]);
}
