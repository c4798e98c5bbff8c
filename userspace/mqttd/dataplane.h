/* SPDX-License-Identifier: MIT */
/*
 * The kernel data plane, as seen by the daemon: the only way to the module.
 *
 * All functions may be called by any worker; they wait for the kernel's
 * answer, which is short. @dp may be NULL: then the daemon routes.
 */
#ifndef MQTTD_DATAPLANE_H
#define MQTTD_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "config.h"
#include "session.h"
#include "transport.h"

struct dataplane;

/**
 * dataplane_open() - create the router, if that is wanted and possible
 * @dp: result; NULL if the daemon routes
 * @conf: settings
 *
 * Says in the log which data plane it is, and why.
 *
 * Return: 0, or -errno if the kernel was demanded and is not available.
 */
int dataplane_open(struct dataplane **dp, const struct config *conf);
void dataplane_close(struct dataplane *dp);

/**
 * struct dataplane_client - what the router is told about a connection
 * @id: client id, for people to see
 * @residue: bytes received but not handled; the kernel has them on success
 * @residue_len: bytes at @residue, at most MQTT_RX_RESIDUE_MAX
 * @protocol: enum mqtt_protocol
 * @keepalive: seconds, 0 for none; the kernel watches it, and recv() fails with
 *	ETIMEDOUT
 * @topic_alias_max: largest topic alias that the client may set
 * @max_packet: longest packet that the client takes, 0 for any
 */
struct dataplane_client {
	const char *id;
	const void *residue;
	size_t residue_len;
	u8 protocol;
	u16 keepalive;
	u16 topic_alias_max;
	u32 max_packet;
};

/**
 * dataplane_attach() - give a connection to the router
 * @dp: not NULL
 * @conn: plain, between two packets in both directions; becomes offloaded
 * @client: its parameters
 *
 * Return: 0; -ENOTCONN if the connection has broken; another -errno, and the log
 * says why.
 */
int dataplane_attach(struct dataplane *dp, struct conn *conn,
		     const struct dataplane_client *client);

/* False if @conn is offloaded and the kernel's topic table would refuse the filter. */
bool dataplane_takes_filter(const struct conn *conn, const u8 *filter, size_t len);

/* Of @filters those that have changed; for @conn that is not offloaded nothing is done. */
int dataplane_subscribe(struct dataplane *dp, const struct conn *conn,
			const struct session_filter *filters, size_t n);
int dataplane_unsubscribe(struct dataplane *dp, const struct conn *conn,
			  const struct session_filter *filters, size_t n);

#endif /* MQTTD_DATAPLANE_H */
