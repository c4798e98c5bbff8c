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

struct broker;
struct client;
struct worker;

bool client_plane_is_offloaded(const struct client *client);

/* CONNACK was queued: the client becomes a peer, or waits for HOLD_ATTACH to end. */
void client_plane_join(struct client *client);

/*
 * With HOLD_ATTACH, CONNACK has left: the client becomes a peer, and what it has sent
 * since is handled; by the worker at the end of a round.
 */
void client_plane_attach(struct client *client);
void client_plane_attach_later(struct client *client);
void client_plane_attach_all(struct worker *worker);

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

/*
 * Something has changed of what the client needs and the kernel cannot do: brings it
 * to where it has to be. If that is not possible at once it is held until it is, and
 * nothing that is queued for it leaves: then this returns false, and its
 * subscriptions are given to the kernel later.
 */
bool client_plane_settle(struct client *client);

/* The kernel is told of other limits, if they have changed since it was last. */
void client_plane_limit(struct client *client);

/* Main thread: of all clients, and the router's limits. The workers do it soon. */
void client_plane_settle_all(struct broker *broker);
/* Likewise, while the workers stand still: has this one done it for all its clients? */
bool client_plane_all_seen(const struct worker *worker);

/* client_plane_move() in the next rounds, until that has succeeded. */
void client_plane_later(struct client *client);

/* By the worker in each round; returns false if there is no more to do. */
bool client_plane_run(struct worker *worker);
/* A client that ends while it is waiting for that, or for client_plane_attach_all(). */
void client_plane_unlist(struct client *client);

/* Counts the client under each of what it needs, bits of enum client_need. */
void client_plane_note_needs(struct client *client, unsigned int needs);

/*
 * Messages are about to be written to the client that the daemon has read
 * somewhere: nothing that the kernel has for it from now on arrives before them. Ends
 * by itself when all that is queued has left. Returns false if it is not possible at the
 * moment.
 */
bool client_plane_pause(struct client *client);

/* From the port: nothing for the client will follow there. */
void client_plane_offloaded(struct client *client);

/* The client's queue is empty. Handles nothing of what it has sent. */
void client_plane_sent(struct client *client);

#endif /* MQTTD_CLIENT_PLANE_H */
