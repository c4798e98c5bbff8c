/* SPDX-License-Identifier: MIT */
/*
 * The real daemon as a child of the test, MQTT 3.1.1 clients of it, and its
 * control socket.
 */
#ifndef SELFTESTS_DAEMON_H
#define SELFTESTS_DAEMON_H

#include <stddef.h>
#include <sys/types.h>

#include "wire.h"

#define DAEMON_PORT 1883

/*
 * Starts build/mqttd with these lines of mqttd.conf, one of which has a listener
 * on DAEMON_PORT; returns when that answers. The daemon ends with the case's
 * process group at the latest.
 */
void daemon_start(const char *config);
pid_t daemon_pid(void);

/* A connection, TCP_NODELAY; -1 if nobody listens. */
int daemon_try_connect(unsigned int port);

/* CONNECT with clean session; @keepalive in seconds */
void daemon_put_connect(struct bytes *b, const char *id, unsigned int keepalive);

/* A client that has its CONNACK, and the SUBACK for @filter: it may then be silent. */
int daemon_connect(unsigned int port, const char *id, unsigned int keepalive);
int daemon_subscribed(unsigned int port, const char *id, const char *filter);

/* Sends a line to the control socket and waits for the answer, any time. */
void daemon_ask(const char *request, char *answer, size_t size);

#endif /* SELFTESTS_DAEMON_H */
