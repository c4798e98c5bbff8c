/* SPDX-License-Identifier: MIT */
/*
 * Where a client is on the kernel data plane, and moving it.
 *
 *   none       there is no router, or the client is not connected yet
 *   hosted     the connection is the daemon's; the router reaches the client
 *              through its worker's port
 *   offloaded  the router has the connection
 *
 * Without a router all of this does nothing. By the client's worker.
 */
#ifndef MQTTD_CLIENT_PLANE_H
#define MQTTD_CLIENT_PLANE_H

#include <stdbool.h>

struct client;

/* CONNACK was queued: the client becomes a peer, or waits for HOLD_ATTACH to end. */
void client_plane_join(struct client *client);

/* With HOLD_ATTACH, CONNACK has left. */
void client_plane_attach(struct client *client);

/*
 * The connection is about to be closed, or the router has ended: the client is
 * no peer any more.
 */
void client_plane_leave(struct client *client);
void client_plane_forget(struct client *client);

/*
 * A router was created while the workers are stopped: makes a client hosted with
 * all its subscriptions. Returns 0, or -errno: it is no peer.
 */
int client_plane_enter(struct client *client);

enum client_move {
	MOVE_NONE,	/* it is where it should be */
	MOVE_DONE,
	MOVE_LATER,	/* not possible at the moment */
	MOVE_FAILED,	/* it stays where it was, or is closed; the log says why */
};

/* Brings a client to where it should be, without losing or reordering anything. */
enum client_move client_plane_move(struct client *client);

/* From the port: nothing for the client will follow there. */
void client_plane_offloaded(struct client *client);

/* The client's queue is empty. */
void client_plane_sent(struct client *client);

#endif /* MQTTD_CLIENT_PLANE_H */
