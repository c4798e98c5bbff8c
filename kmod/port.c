// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports: their life, their queue, and reading from it. Writing is in
 * port_write.c.
 *
 * A hosted peer's messages go into the queue of its port instead of its own.
 * So one peer's order is that of the queue, also when it becomes hosted (its
 * queue is put behind the port's) or offloaded (a mark in the queue tells
 * where what the port has for it ends).
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/mqtt.h>
#include <mqtt/wire.h>

#include "discard.h"
#include "msg.h"
#include "peer.h"
#include "port.h"
#include "router.h"
#include "trace.h"

/* Receivers that one record names. */
#define MQTT_PORT_PEERS		64

/* One record to be read. */
struct mqtt_port_out {
	struct mqtt_port_record head;
	struct mqtt_msg *msg;
	u32 off;			/* where the packet begins in it */
	u32 n;				/* entries of the queue */
	u32 first;			/* of @peers, behind a place for the publisher */
	u32 peers[1 + MQTT_PORT_PEERS];
};

static void mqtt_port_wake(struct mqtt_port *port)
{
	if (wq_has_sleeper(&port->wait))
		wake_up_interruptible_poll(&port->wait, EPOLLIN | EPOLLRDNORM);
}

/**
 * mqtt_port_enqueue() - queue a message for a hosted peer
 * @port: the peer's port
 * @msg: message; the queue takes a reference of its own
 * @peer: the peer's id
 *
 * Context: bottom halves off, the peer's tx->lock is held.
 * Return: 0; -EPIPE if the port is closed; -ENOBUFS at its limit; -EDQUOT at the
 * router's; -ENOMEM.
 */
int mqtt_port_enqueue(struct mqtt_port *port, struct mqtt_msg *msg, u32 peer)
{
	int err = -EPIPE;

	spin_lock(&port->lock);
	if (likely(!port->closed))
		err = mqtt_queue_push_shared(&port->queue, msg, peer, port->limit);
	if (err == -ENOBUFS)
		mqtt_count(&port->drops, msg->packets);
	spin_unlock(&port->lock);
	if (!err)
		mqtt_port_wake(port);
	return err;
}

/**
 * mqtt_port_mark() - say that nothing for a peer will follow
 * @port: the peer's port until now
 * @peer: the peer's id
 *
 * Context: bottom halves off, the peer's tx->lock is held.
 * Return: 0 or -ENOMEM.
 */
int mqtt_port_mark(struct mqtt_port *port, u32 peer)
{
	int err = 0;

	spin_lock(&port->lock);
	if (!port->closed)
		err = mqtt_queue_push(&port->queue, NULL, peer, U64_MAX);
	spin_unlock(&port->lock);
	mqtt_port_wake(port);
	return err;
}

/**
 * mqtt_port_splice() - take over what is in a peer's queue
 * @port: the peer's port from now on
 * @queue: its queue, empty afterwards
 *
 * The port's limit does not count: nothing is to be lost.
 *
 * Context: bottom halves off, the peer's tx->lock is held.
 */
void mqtt_port_splice(struct mqtt_port *port, struct mqtt_queue *queue)
{
	spin_lock(&port->lock);
	if (!port->closed)
		mqtt_queue_splice(&port->queue, queue);
	spin_unlock(&port->lock);
	mqtt_port_wake(port);
}

/* As records know only two ways of framing. */
static u8 mqtt_port_protocol(const struct mqtt_msg *msg)
{
	return msg->protocol == MQTT_PROTOCOL_V5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
}

static void mqtt_port_describe(const struct mqtt_port *port, struct mqtt_port_out *out)
{
	const struct mqtt_msg *msg = out->msg;

	out->off = port->off;
	out->head.packet_len = mqtt_msg_packet_len(msg, out->off);
	out->head.protocol = mqtt_port_protocol(msg);
	if (msg->retain)
		out->head.flags |= MQTT_PORT_RECORD_RETAIN;
	if (!msg->source)
		return;
	out->head.flags |= MQTT_PORT_RECORD_SOURCE;
	out->head.nr_peers++;
	out->peers[--out->first] = msg->source;
}

/*
 * The next packet of the first entry as a record, with the entries behind it
 * that are the same message for other peers. Returns false if there is none.
 */
static bool mqtt_port_peek(struct mqtt_port *port, struct mqtt_port_out *out)
{
	/* More of the same may have come since: they have not had what was read. */
	u32 most = port->off ? port->nr_off : MQTT_PORT_PEERS;
	struct mqtt_queue_pos pos;
	u32 n = 0;

	spin_lock_bh(&port->lock);
	pos = mqtt_queue_begin(&port->queue);
	if (!mqtt_queue_at(&pos)) {
		spin_unlock_bh(&port->lock);
		return false;
	}
	out->msg = mqtt_queue_msg(&pos);
	do {
		out->peers[1 + n++] = mqtt_queue_peer(&pos);
		pos.i++;
	} while (out->msg && n < most && mqtt_queue_at(&pos) &&
		 mqtt_queue_msg(&pos) == out->msg);
	spin_unlock_bh(&port->lock);

	/* Readers alone remove, so the queue's reference keeps the message. */
	out->n = n;
	out->first = 1;
	out->head = (struct mqtt_port_record){ .nr_peers = n };
	if (out->msg)
		mqtt_port_describe(port, out);
	else
		out->head.flags = MQTT_PORT_RECORD_OFFLOADED;
	out->head.len = ALIGN(sizeof(out->head) + out->head.nr_peers * sizeof(u32) +
			      out->head.packet_len, MQTT_PORT_ALIGN);
	return true;
}

static bool mqtt_port_copy_packet(const struct mqtt_msg *msg, u32 off, u32 len,
				  struct iov_iter *to)
{
	while (len) {
		struct bio_vec bv;
		u32 bytes = 0;

		mqtt_msg_bvec(msg, off, &bv, 1, &bytes);
		bytes = min(bytes, len);
		if (copy_page_to_iter(bv.bv_page, bv.bv_offset, bytes, to) != bytes)
			return false;
		off += bytes;
		len -= bytes;
	}
	return true;
}

/* Returns 0 or -EFAULT. */
static int mqtt_port_copy(const struct mqtt_port_out *out, struct iov_iter *to)
{
	size_t ids = out->head.nr_peers * sizeof(u32);
	size_t pad = out->head.len - sizeof(out->head) - ids - out->head.packet_len;

	if (copy_to_iter(&out->head, sizeof(out->head), to) != sizeof(out->head) ||
	    copy_to_iter(out->peers + out->first, ids, to) != ids ||
	    (out->msg && !mqtt_port_copy_packet(out->msg, out->off, out->head.packet_len, to)) ||
	    iov_iter_zero(pad, to) != pad)
		return -EFAULT;
	return 0;
}

static void mqtt_port_trace(const struct mqtt_port *port, const struct mqtt_port_out *out)
{
	u64 delay;
	u32 i;

	if (!trace_mqtt_tx_enabled() || out->msg == mqtt_tx_pingresp)
		return;
	delay = mqtt_msg_age(out->msg, local_clock());
	/* The publisher's place is in front of them. */
	for (i = 0; i < out->n; i++)
		trace_mqtt_tx(port->router, NULL, out->peers[1 + i], port->id, out->msg, delay);
}

static void mqtt_port_consume(struct mqtt_port *port, const struct mqtt_port_out *out)
{
	u32 n = out->n;

	if (out->msg) {
		mqtt_count(&port->tx_packets, n);
		mqtt_stats_add(port->router->stats, MQTT_A_STATS_PORT_TX_PACKETS, n);
		port->off += out->head.packet_len;
		port->nr_off = n;
		if (port->off < out->msg->len)
			return;
		mqtt_port_trace(port, out);
	}
	port->off = 0;
	spin_lock_bh(&port->lock);
	while (n--)
		mqtt_queue_pop(&port->queue);
	spin_unlock_bh(&port->lock);
}

static ssize_t mqtt_port_read_records(struct mqtt_port *port, struct iov_iter *to)
{
	struct mqtt_port_out out;
	size_t done = 0;

	while (mqtt_port_peek(port, &out)) {
		int err = -EMSGSIZE;

		if (out.head.len <= iov_iter_count(to))
			err = mqtt_port_copy(&out, to);
		if (err)
			return done ?: err;
		mqtt_port_consume(port, &out);
		done += out.head.len;
		cond_resched();
	}
	if (done)
		return done;
	return READ_ONCE(port->router->ended) ? 0 : -EAGAIN;
}

/* Never waits, whatever the file's flags are. */
static ssize_t mqtt_port_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct mqtt_port *port = iocb->ki_filp->private_data;
	ssize_t ret;

	if (mutex_lock_interruptible(&port->read_lock))
		return -ERESTARTSYS;
	ret = mqtt_port_read_records(port, to);
	mutex_unlock(&port->read_lock);
	return ret;
}

static __poll_t mqtt_port_poll(struct file *file, struct poll_table_struct *wait)
{
	struct mqtt_port *port = file->private_data;
	__poll_t mask = EPOLLOUT | EPOLLWRNORM;

	poll_wait(file, &port->wait, wait);
	if (mqtt_queue_hint(port->queue.entries))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(port->router->ended))
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	return mask;
}

/* Packets that have been read of a train that is first in the queue still */
static u32 mqtt_port_read_of_first(const struct mqtt_port *port, const struct mqtt_queue *queue)
{
	u32 off, n = 0;

	for (off = 0; off < port->off; n += port->nr_off)
		off += mqtt_msg_packet_len(mqtt_queue_first(queue), off);
	return n;
}

/* Nothing can be queued from here on; what is there is lost. Nobody reads. */
static void mqtt_port_close(struct mqtt_port *port)
{
	struct mqtt_queue queue;
	u32 read;

	spin_lock_bh(&port->lock);
	port->closed = true;
	mqtt_queue_take(&queue, &port->queue);
	spin_unlock_bh(&port->lock);
	mqtt_trace_purge(port->router, &queue, NULL, 0, MQTT_A_STATS_DROP_PEER_GONE);
	read = mqtt_port_read_of_first(port, &queue);
	mqtt_stats_add(port->router->stats, MQTT_A_STATS_DROP_PEER_GONE,
		       mqtt_discard(port->router, &queue) - read);
}

static int mqtt_port_release(struct inode *inode, struct file *file)
{
	struct mqtt_port *port = file->private_data;
	struct mqtt_router *router = port->router;

	mutex_lock(&router->lock);
	xa_erase(&router->ports, port->id);
	router->nr_ports--;
	mqtt_peer_end_hosted(port);
	mutex_unlock(&router->lock);
	mqtt_port_close(port);
	mqtt_port_put(port);
	return 0;
}

static const struct file_operations mqtt_port_fops = {
	.owner = THIS_MODULE,
	.read_iter = mqtt_port_read_iter,
	.write_iter = mqtt_port_write_iter,
	.poll = mqtt_port_poll,
	.release = mqtt_port_release,
	.llseek = noop_llseek,
};

/**
 * mqtt_port_new() - open a port
 * @router: whose; its lock is held and it is not dead
 * @limit: bytes that its queue may hold
 *
 * Return: the port, with one reference that mqtt_port_file() is to take over;
 * ERR_PTR(-ENOMEM); ERR_PTR(-ENOSPC) if there are too many.
 */
struct mqtt_port *mqtt_port_new(struct mqtt_router *router, u64 limit)
{
	struct mqtt_port *port;
	int err;

	lockdep_assert_held(&router->lock);
	port = kzalloc(sizeof(*port), GFP_KERNEL_ACCOUNT);
	if (!port)
		return ERR_PTR(-ENOMEM);
	err = xa_alloc(&router->ports, &port->id, port, XA_LIMIT(1, MQTT_PORTS_MAX),
		       GFP_KERNEL_ACCOUNT);
	if (err) {
		kfree(port);
		return ERR_PTR(err == -EBUSY ? -ENOSPC : err);
	}
	refcount_set(&port->refs, 1);
	INIT_LIST_HEAD(&port->peers);
	spin_lock_init(&port->lock);
	mutex_init(&port->read_lock);
	init_waitqueue_head(&port->wait);
	mqtt_queue_init(&port->queue, &router->memory);
	port->limit = limit;
	refcount_inc(&router->refs);
	port->router = router;
	router->nr_ports++;
	return port;
}

/**
 * mqtt_port_file() - a file for a new port
 * @port: port; it ends when the file does, and at once if there is none
 *
 * Context: may sleep, its router's lock is held.
 * Return: the file, or ERR_PTR(): -ENOMEM, -ENFILE.
 */
struct file *mqtt_port_file(struct mqtt_port *port)
{
	struct file *file;

	file = anon_inode_getfile("[mqtt-port]", &mqtt_port_fops, port, O_RDWR | O_NONBLOCK);
	if (IS_ERR(file)) {
		xa_erase(&port->router->ports, port->id);
		port->router->nr_ports--;
		mqtt_port_put(port);
	}
	return file;
}

/**
 * mqtt_port_free() - free a port whose last reference is gone
 * @port: port, of which neither its file nor a peer is left
 *
 * Context: any but hard interrupt.
 */
void mqtt_port_free(struct mqtt_port *port)
{
	mqtt_discard(port->router, &port->queue);
	mqtt_router_put(port->router);
	kfree(port);
}

/**
 * mqtt_port_end_all() - tell the readers of a router's ports that it has ended
 * @router: router
 *
 * Context: may sleep, its lock is held.
 */
void mqtt_port_end_all(struct mqtt_router *router)
{
	struct mqtt_port *port;
	unsigned long id;

	xa_for_each(&router->ports, id, port)
		wake_up_interruptible_poll(&port->wait, EPOLLIN | EPOLLHUP);
}
