/* SPDX-License-Identifier: MIT */
/*
 * The numbers that the broker tells of itself, of both data planes together.
 */
#ifndef MQTTD_SYS_FIGURES_H
#define MQTTD_SYS_FIGURES_H

#include <linux/types.h>

#include "security.h"

struct worker;

enum sys_figure {
	SYS_BYTES_RECEIVED,
	SYS_BYTES_SENT,
	SYS_CLIENTS_CONNECTED,
	SYS_CLIENTS_DISCONNECTED,	/* sessions without a connection */
	SYS_CLIENTS_EXPIRED,		/* sessions that ended without one */
	SYS_CLIENTS_MAXIMUM,		/* of the next one */
	SYS_CLIENTS_TOTAL,
	SYS_CONNECTS,			/* CONNECT packets */
	SYS_HEAP_CURRENT,		/* bytes of memory that are the process's own */
	SYS_HEAP_MAXIMUM,
	SYS_PACKETS_RECEIVED,		/* control packets of any type */
	SYS_PACKETS_SENT,
	SYS_PUBLISH_BYTES_RECEIVED,
	SYS_PUBLISH_BYTES_SENT,
	SYS_PUBLISH_DROPPED,
	SYS_DROPPED_CONFLATED,
	SYS_DROPPED_OLD,
	SYS_DROPPED_RATE,
	SYS_DROPPED_SLOW,
	SYS_DROPPED_TOTAL,
	SYS_HELD_PAUSE,			/* times that publishers had to wait */
	SYS_HELD_RATE,
	SYS_PUBLISH_RECEIVED,
	SYS_PUBLISH_SENT,
	SYS_RETAINED_COUNT,
	SYS_SHARED_SUBSCRIPTIONS,
	SYS_SOCKETS,			/* connections that were accepted */
	SYS_STORED_BYTES,		/* messages that are retained or in queues */
	SYS_STORED_COUNT,
	SYS_SUBSCRIPTIONS,
	SYS_TLS_FAILED,			/* handshakes */
	SYS_TLS_HANDSHAKES,
	SYS_TLS_RESUMED,
	SYS_SECURITY,			/* events, by enum security_kind from here on */
	SYS_FIGURES = SYS_SECURITY + SECURITY_KINDS
};

struct sys_figures {
	u64 value[SYS_FIGURES];
};

/* By @worker. The maxima are those of @figures as they were before. */
void sys_figures_update(struct worker *worker, struct sys_figures *figures);

#endif /* MQTTD_SYS_FIGURES_H */
