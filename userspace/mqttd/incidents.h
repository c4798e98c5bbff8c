/* SPDX-License-Identifier: MIT */
/*
 * What has happened to clients lately that they, or the operator, may ask about: who
 * was refused, was taken over, or was closed, and why. The last thousand or so, for
 * the operator, however little the log says. Any thread.
 */
#ifndef MQTTD_INCIDENTS_H
#define MQTTD_INCIDENTS_H

#include <pthread.h>
#include <stdint.h>

#include "address.h"

#define INCIDENTS_MAX		1024
#define INCIDENT_ID_MAX		96	/* bytes of a client id, and the terminator */
#define INCIDENT_DETAIL_MAX	96

/**
 * struct incident - one of them, or several in a row
 * @at: the last one, milliseconds of CLOCK_REALTIME
 * @count: how many
 * @what: a constant text
 * @client_id: its beginning, "" before CONNECT
 * @address: of the other side
 * @detail: more about it, or ""
 */
struct incident {
	uint64_t at;
	uint32_t count;
	const char *what;
	char client_id[INCIDENT_ID_MAX];
	char address[ADDRESS_MAX];
	char detail[INCIDENT_DETAIL_MAX];
};

/**
 * struct incidents - a ring of them
 * @lock: protects the rest
 * @n: how many there were; the last is at (@n - 1) % INCIDENTS_MAX
 * @ring: them
 */
struct incidents {
	pthread_mutex_t lock;
	uint64_t n;
	struct incident ring[INCIDENTS_MAX];
};

struct incidents *incidents_new(void);		/* NULL without memory */
void incidents_free(struct incidents *incidents);	/* NULL is fine */

/* @client_id and @detail may be NULL. The same again at the same address counts up. */
void incidents_note(struct incidents *incidents, const char *client_id, const char *address,
		    const char *what, const char *detail);

/*
 * Calls @visit with each, or each with this beginning of the client id if that is not NULL,
 * the last one first.
 */
void incidents_visit(struct incidents *incidents, const char *client_id,
		     void (*visit)(void *ctx, const struct incident *incident), void *ctx);

#endif /* MQTTD_INCIDENTS_H */
