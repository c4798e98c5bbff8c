/* SPDX-License-Identifier: MIT */
/*
 * A worker's port to the kernel's router, for the messages of clients whose
 * connections are the daemon's.
 *
 *   up    what clients of this worker publish and the daemon has to handle is
 *         gathered as records, and written at the end of a round of events, or
 *         before anything happens that may not overtake it
 *   down  messages for this worker's hosted clients are read in the event loop
 *
 * All functions are for the worker's thread, or for the main thread while the
 * workers are stopped, and do nothing if the port is not open.
 */
#ifndef MQTTD_PORT_H
#define MQTTD_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "hash.h"

struct client;
struct message;
struct worker;

/**
 * struct port - embedded in its worker
 * @id: the kernel's number for it, 0 if it is not open
 * @fd: descriptor
 * @out: records that are not written yet
 * @in: what was read; @in_size bytes
 * @in_size: room at @in
 * @peers: the worker's clients that are peers, by peer id
 * @writing: port_flush() is at work
 * @reading: port_read() is at work
 */
struct port {
	uint32_t id;
	int fd;
	struct buffer out;
	uint8_t *in;
	size_t in_size;
	struct hash_table peers;
	bool writing;
	bool reading;
};

static inline bool port_is_open(const struct port *port)
{
	return port->id;
}

/* Takes over @fd if it succeeds. Returns 0 or -errno. */
int port_open(struct worker *worker, uint32_t id, int fd);
void port_close(struct worker *worker);		/* the clients are not peers any more */

/*
 * A client that is a peer now, or is none any more. port_client_add() returns 0
 * or -ENOMEM.
 */
int port_client_add(struct worker *worker, struct client *client);
void port_client_del(struct worker *worker, struct client *client);

/**
 * port_publish() - have the router deliver a message
 * @worker: with a port
 * @msg: what to deliver
 * @from: the publisher's peer id or 0
 *
 * Return: 0, also if it had to be dropped, which is counted; -EMSGSIZE if the
 * router does not take a message so long, -ENODEV if it has ended: the caller
 * delivers it.
 */
int port_publish(struct worker *worker, struct message *msg, uint32_t from);

/* Writes what was gathered: it is in the receivers' queues when this returns. */
void port_flush(struct worker *worker);

/*
 * Reads and delivers some of what there is, or all of it. While others publish
 * that may have no end: port_drain() returns true if it has given up.
 */
void port_read(struct worker *worker);
bool port_drain(struct worker *worker);

#endif /* MQTTD_PORT_H */
