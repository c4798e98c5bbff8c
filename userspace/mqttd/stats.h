/* SPDX-License-Identifier: MIT */
/*
 * Counters. Each worker counts for itself; whoever wants to know adds up.
 */
#ifndef MQTTD_STATS_H
#define MQTTD_STATS_H

#include <stdint.h>

enum stat {
	STAT_CLIENTS,			/* gauge: connections, with or without CONNECT */
	STAT_OFFLOADED,			/* gauge: of these with connections that the kernel has */
	STAT_HOSTED,			/* gauge: of these reached by the kernel through a port */
	STAT_CONNECTED,			/* gauge: of these with a session */
	STAT_PACKETS_RECEIVED,		/* control packets of any type that the daemon has read */
	STAT_CONNECTS,			/* of these CONNECT */
	STAT_ANSWERS_SENT,		/* others than PUBLISH, put into a client's queue */
	STAT_SESSIONS_EXPIRED,		/* sessions whose time has passed */
	STAT_PUBLISH_RECEIVED,		/* PUBLISH packets that the daemon has read */
	STAT_PUBLISH_SENT,		/* PUBLISH packets put into a client's queue */
	STAT_PUBLISH_BYTES_RECEIVED,	/* of these packets, with their fixed headers */
	STAT_PUBLISH_BYTES_SENT,
	STAT_PUBLISH_DROPPED,		/* not put into a queue: full, no memory, or too long */
	STAT_PUBLISH_TOO_LONG,		/* of these longer than the client takes */
	STAT_DROPPED_OLD,		/* of these for newer ones, after they were in a queue */
	STAT_DROPPED_CONFLATED,		/* likewise, for one with the same topic */
	STAT_DROPPED_SLOW,		/* of these for a client that was disconnected for it */
	STAT_DROPPED_TOTAL,		/* of these as all queues together were full */
	STAT_DROPPED_RATE,		/* of these as the publisher is faster than it may be */
	STAT_BYTES_RECEIVED,
	STAT_BYTES_SENT,
	STAT_RATE_HOLDS,		/* times that a client had to wait: message_rate ... */
	STAT_PAUSES,			/* times that one had to wait: slow_consumer_pause */
	STAT_CONNECTIONS_ACCEPTED,
	STAT_CONNECTIONS_REFUSED,	/* what follows, and CONNACK with an error */
	STAT_REFUSED_LISTENER,		/* max_connections of the listener */
	STAT_REFUSED_TOTAL,		/* max_connections_total */
	STAT_REFUSED_RATE,		/* connection_rate */
	STAT_REFUSED_BANNED,		/* the address is */
	STAT_REFUSED_MEMORY,		/* there is none */
	STAT_REFUSED_TLS,		/* the handshake has failed */
	STAT_REFUSED_PROXY,		/* no proxy, or no good PROXY header */
	STAT_REFUSED_UPGRADE,		/* no good request for a WebSocket */
	STAT_TLS_HANDSHAKES,		/* that were done */
	STAT_TLS_RESUMED,		/* of these by a ticket */
	STAT_TLS_WAITS,			/* times that a listener waited: tls_max_handshakes */
	STAT_COUNT
};

struct stats {
	uint64_t value[STAT_COUNT];
};

/* By the owning worker only. */
static inline void stats_add(struct stats *stats, enum stat stat, uint64_t n)
{
	__atomic_store_n(&stats->value[stat], stats->value[stat] + n, __ATOMIC_RELAXED);
}

/* Adds @from's values, read while its owner counts on, to @sum's. */
void stats_sum(struct stats *sum, const struct stats *from);

/* Writes "statistics: NAME VALUE" lines to the log. */
void stats_log(const struct stats *stats);

#endif /* MQTTD_STATS_H */
