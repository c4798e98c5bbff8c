/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: one per configured listener, address and worker, so that
 * the kernel spreads the connections.
 */
#ifndef MQTTD_LISTENER_H
#define MQTTD_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "client_needs.h"
#include "config.h"

struct broker;
struct networks;
struct sockaddr;
struct tls;
struct worker;

/**
 * struct endpoint - a listener as configured
 * @conf: settings
 * @tls: what it has for TLS, or NULL
 * @trusted: proxies that are believed, or NULL
 * @handshakes: connections that are not through with theirs; any thread
 * @silent: of these, those of which nothing has come yet; any thread
 * @connections: open ones; any worker
 * @offloaded: of these, where the kernel has the connection
 * @hosted: of these, what the kernel reaches through a port
 * @needs: clients by what the kernel cannot do for them
 */
struct endpoint {
	const struct listener_config *conf;
	struct tls *tls;
	struct networks *trusted;
	uint32_t handshakes;
	uint32_t silent;
	uint32_t connections;
	uint32_t offloaded;
	uint32_t hosted;
	uint32_t needs[NEED_COUNT];
};

struct listeners;

/**
 * listeners_open() - bind and listen, for all workers
 * @broker: with workers that do not run yet
 * @listeners: result
 *
 * Says in the log what it opens, and what is wrong.
 *
 * Return: 0 or -errno.
 */
int listeners_open(struct broker *broker, struct listeners **listeners);

/* After the workers have ended, or before they have begun. NULL is fine. */
void listeners_close(struct listeners *listeners);

/* Will who connects from there tell in an HTTP request who it is from? */
bool endpoint_forwards(const struct endpoint *endpoint, const struct sockaddr *address);

/**
 * listener_refuses() - may somebody connect from there?
 * @worker: whose client it is to be
 * @address: that was not known when the connection was accepted
 *
 * Return: NULL, or why not, a constant text; this is counted.
 */
const char *listener_refuses(struct worker *worker, const struct sockaddr *address);

/* Below: between listener.c and listener_open.c. */

struct listeners *listeners_new(void);		/* NULL without memory */

/*
 * Has @worker accept connections from @fd, which it takes over, also when it fails.
 * If it is @shared others do, too. 0 or -errno.
 */
int listener_add(struct listeners *listeners, struct worker *worker, struct endpoint *endpoint,
		 int fd, bool shared);

#endif /* MQTTD_LISTENER_H */
