/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A port: a way between a thread of the daemon and the router, for peers
 * whose connections the daemon has. Outside it is a file descriptor.
 */
#ifndef _MQTT_PORT_H
#define _MQTT_PORT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "queue.h"

struct file;
struct mqtt_msg;
struct mqtt_router;

/* Records begin at multiples of this. */
#define MQTT_PORT_ALIGN	8
/* Records that one write() routes together. */
#define MQTT_PORT_BATCH	32

/**
 * struct mqtt_port - a port
 * @router: its router, held
 * @refs: one of its file, one of each peer hosted on it
 * @id: its number, of @router->ports
 * @peers: peers hosted on it; under @router->lock
 * @nr_peers: length of @peers
 * @lock: protects @queue, @limit, @drops and @closed
 * @queue: what is to be read
 * @limit: most bytes that it may hold
 * @drops: not queued, @limit
 * @closed: nothing may be queued any more
 * @read_lock: serialises readers; they alone remove from @queue
 * @off: bytes of the first entry's train that have been read; under @read_lock
 * @nr_off: how many entries, all of that train, the records of these bytes named
 * @tx_packets: packets of @queue that have been read; under @read_lock
 * @rx_packets: packets written
 * @wait: for poll
 */
struct mqtt_port {
	struct mqtt_router *router;
	refcount_t refs;
	u32 id;
	struct list_head peers;
	u32 nr_peers;

	spinlock_t lock;	/* see above */
	struct mqtt_queue queue;
	u64 limit;
	u64 drops;
	bool closed;

	struct mutex read_lock;	/* see above */
	u64 tx_packets;
	u32 off;
	u32 nr_off;
	atomic64_t rx_packets;
	wait_queue_head_t wait;
};

struct mqtt_port *mqtt_port_new(struct mqtt_router *router, u64 limit);
struct file *mqtt_port_file(struct mqtt_port *port);
void mqtt_port_free(struct mqtt_port *port);
void mqtt_port_end_all(struct mqtt_router *router);

int mqtt_port_enqueue(struct mqtt_port *port, struct mqtt_msg *msg, u32 peer);
int mqtt_port_mark(struct mqtt_port *port, u32 peer);
void mqtt_port_splice(struct mqtt_port *port, struct mqtt_queue *queue);

/* port_write.c */
ssize_t mqtt_port_write_iter(struct kiocb *iocb, struct iov_iter *from);

static inline void mqtt_port_hold(struct mqtt_port *port)
{
	refcount_inc(&port->refs);
}

static inline void mqtt_port_put(struct mqtt_port *port)
{
	if (refcount_dec_and_test(&port->refs))
		mqtt_port_free(port);
}

#endif /* _MQTT_PORT_H */
