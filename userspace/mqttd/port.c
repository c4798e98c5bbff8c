// SPDX-License-Identifier: MIT
/*
 * Records to and from the kernel's router.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/container_of.h>
#include <mqtt/wire.h>

#include "agent.h"
#include "broker.h"
#include "client.h"
#include "client_needs.h"
#include "client_plane.h"
#include "delivery.h"
#include "log.h"
#include "port.h"
#include "port_record.h"
#include "route.h"
#include "worker.h"

/* Gathered records are written when they have come to so many bytes. */
#define FLUSH_EARLY	(64 << 10)
/* A longer message is written at once and not copied: whether it is too long is known then. */
#define GATHER_MAX	(16 << 10)
/* Bytes of one read(); grows if a record is longer, up to the second number. */
#define READ_SIZE	(256 << 10)
#define READ_SIZE_MAX	(64 << 20)
/* Clients whose subscriptions are looked at together. */
#define ROUTED_AT_ONCE	64
/* Calls of read() in a round of events. */
#define READ_ROUNDS	4
/* Calls when all that was there is wanted: others may go on publishing. */
#define DRAIN_ROUNDS	1024

/* Ids are consecutive; multiplied they fill a table evenly. */
static uint64_t peer_hash(uint32_t peer)
{
	return peer * 0x9e3779b97f4a7c15ull >> 16;
}

static void port_event(struct event_source *source, uint32_t events)
{
	(void)events;
	port_read(container_of(source, struct worker, port_source));
}

int port_open(struct worker *worker, uint32_t id, int fd)
{
	struct port *port = &worker->port;
	int err;

	*port = (struct port){ .in_size = READ_SIZE };
	port->in = malloc(port->in_size);
	if (!port->in)
		return -ENOMEM;
	worker->port_source.handle = port_event;
	err = worker_watch(worker, fd, EPOLLIN, &worker->port_source);
	if (err) {
		free(port->in);
		return err;
	}
	port->id = id;
	port->fd = fd;
	return 0;
}

/* The clients are there still, but this does not find them any more. */
static void leave(struct hash_node *node, void *ctx)
{
	(void)node;
	(void)ctx;
}

void port_close(struct worker *worker)
{
	struct port *port = &worker->port;

	if (!port_is_open(port))
		return;
	worker_unwatch(worker, port->fd);
	close(port->fd);
	buffer_free(&port->out);
	hash_clear(&port->peers, leave, NULL);
	free(port->in);
	*port = (struct port){ .id = 0 };
}

int port_client_add(struct worker *worker, struct client *client)
{
	return hash_add(&worker->port.peers, &client->by_peer, peer_hash(client->conn.peer));
}

void port_client_del(struct worker *worker, struct client *client)
{
	if (port_is_open(&worker->port))
		hash_del(&worker->port.peers, &client->by_peer);
}

static struct client *find(const struct port *port, uint32_t peer)
{
	struct client *client;
	struct hash_node *node;

	for (node = hash_first(&port->peers, peer_hash(peer)); node; node = hash_next(node)) {
		client = container_of(node, struct client, by_peer);
		if (client->conn.peer == peer)
			return client;
	}
	return NULL;
}

/* Up */

static void dropped(struct worker *worker, int err)
{
	log_limited(LOG_TYPE_ERROR, "Error: the kernel does not take a message: %s.",
		    strerror(-err));
	stats_add(&worker->stats, STAT_PUBLISH_DROPPED, 1);
}

/*
 * The router has refused the first record that waits. What is too long for it is
 * delivered from here, as port_publish()'s caller would have done.
 */
static size_t refused(struct worker *worker, int err)
{
	struct buffer *out = &worker->port.out;
	struct port_record record;
	struct client *from;
	struct message msg;
	ssize_t size;

	size = port_record_next(buffer_head(out), out->len, &record);
	if (err != -EMSGSIZE && err != -ENODEV) {
		dropped(worker, err);
		return size;
	}
	message_init(&msg, record.protocol, record.packet, record.packet_len, NULL);
	from = record.nr_peers ? find(&worker->port, record.peers[0]) : NULL;
	msg.from = from ? from->session : NULL;
	route_deliver(worker, &msg);
	message_done(&msg);
	return size;
}

void port_flush(struct worker *worker)
{
	struct port *port = &worker->port;
	ssize_t n;

	if (!port->out.len || port->writing)
		return;
	port->writing = true;
	while (port->out.len) {
		n = write(port->fd, buffer_head(&port->out), port->out.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			n = refused(worker, n ? -errno : -EIO);
		buffer_consume(&port->out, n);
	}
	port->writing = false;
}

/* With the RETAIN flag, which a message's form does not have. */
static int write_one(struct port *port, const struct message *msg,
		     const struct message_form *form, uint32_t from)
{
	size_t len = form->len + msg->payload_len;
	u8 byte1 = form->head[0] | (msg->retain ? MQTT_PUBLISH_RETAIN : 0);
	u8 head[PORT_RECORD_HEAD_MAX], padding[8] = {};
	struct iovec iov[] = {
		{ head, port_record_head(head, msg->protocol, from, len) },
		{ &byte1, 1 },
		{ (void *)(form->head + 1), form->len - 1 },
		{ (void *)msg->payload, msg->payload_len },
		{ padding, port_record_padding(from ? 1 : 0, len) },
	};
	ssize_t n;

	do {
		n = writev(port->fd, iov, 5);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : n ? -errno : -EIO;
}

/* Most are in one piece, short, and not retained. */
static bool can_gather(const struct message *msg, const struct message_form *form)
{
	return !msg->retain && form->len + msg->payload_len <= GATHER_MAX &&
	       (!message_shares(msg) || message_in_one(msg, form));
}

int port_publish(struct worker *worker, struct message *msg, uint32_t from)
{
	struct message_form *form = message_form(msg, msg->protocol);
	struct port *port = &worker->port;
	int err;

	if (!form) {
		err = -ENOMEM;
	} else if (can_gather(msg, form)) {
		err = port_record_append(&port->out, msg->protocol, from, form->head,
					 form->len + msg->payload_len);
	} else {
		port_flush(worker);
		err = write_one(port, msg, form, from);
		if (err == -EMSGSIZE || err == -ENODEV)
			return err;
	}
	if (err)
		dropped(worker, err);
	if (port->out.len > FLUSH_EARLY)
		port_flush(worker);
	return 0;
}

/* Down */

/* A PINGRESP of the kernel's, which was waiting when the client came to us. */
static void deliver_answer(struct port *port, const struct port_record *record)
{
	struct client *client;
	u32 i;

	for (i = 0; i < record->nr_peers; i++) {
		client = find(port, record->peers[i]);
		if (client)
			client_send(client, record->packet, record->packet_len);
	}
}

/* Which of its subscriptions have matched makes a difference that the kernel does not make. */
static bool needs_route(const struct client *client)
{
	return client->needs & 1u << NEED_UPGRADE_QOS;
}

/* @retain: those get it with RETAIN that the kernel has decided about. */
static void deliver_message(struct worker *worker, const struct port_record *record,
			    struct message *msg, bool retain)
{
	const struct delivery retained = { .retain = true };
	struct client *client, *some[ROUTED_AT_ONCE];
	unsigned int n = 0;
	bool kept = false;
	u32 i;

	for (i = 0; i < record->nr_peers; i++) {
		client = find(&worker->port, record->peers[i]);
		if (!client)
			kept |= agent_is(&worker->broker->agent, record->peers[i]);
		else if (needs_route(client))
			some[n++] = client;
		else
			client_deliver(client, msg, retain ? &retained : NULL);
		if (n == ROUTED_AT_ONCE) {
			route_deliver_to(worker, msg, some, n);
			n = 0;
		}
	}
	if (n)
		route_deliver_to(worker, msg, some, n);
	if (kept)
		route_deliver_kept(worker, msg);
}

static void deliver(struct worker *worker, const struct port_record *record)
{
	bool retain = record->packet[0] & MQTT_PUBLISH_RETAIN;
	struct client *source;
	struct message msg;

	if (mqtt_packet_type(record->packet[0]) != MQTT_PKT_PUBLISH) {
		deliver_answer(&worker->port, record);
		return;
	}
	/* It is in the worker's own buffer; what came with RETAIN would be no form. */
	*(u8 *)record->packet &= ~MQTT_PUBLISH_RETAIN;
	message_init(&msg, record->protocol, record->packet, record->packet_len, NULL);
	msg.retain = record->flags & MQTT_PORT_RECORD_RETAIN;
	/* Of interest if it is one of those the message is for, and so here. */
	source = record->source ? find(&worker->port, record->source) : NULL;
	msg.from = source ? source->session : NULL;
	deliver_message(worker, record, &msg, retain);
	message_done(&msg);
}

static void handle(struct worker *worker, const struct port_record *record)
{
	struct client *client;

	if (!(record->flags & MQTT_PORT_RECORD_OFFLOADED)) {
		deliver(worker, record);
		return;
	}
	client = record->nr_peers ? find(&worker->port, record->peers[0]) : NULL;
	if (client)
		client_plane_offloaded(client);
}

static void handle_all(struct worker *worker, size_t len)
{
	const uint8_t *in = worker->port.in;
	struct port_record record;
	size_t done;
	ssize_t size;

	for (done = 0; done < len; done += size) {
		size = port_record_next(in + done, len - done, &record);
		if (size < 0) {
			log_limited(LOG_TYPE_ERROR,
				    "Error: the kernel's port has given a record that makes no sense.");
			return;
		}
		handle(worker, &record);
	}
}

static bool grow(struct port *port)
{
	size_t size = port->in_size * 2;
	uint8_t *in = size <= READ_SIZE_MAX ? malloc(size) : NULL;

	if (!in) {
		log_limited(LOG_TYPE_ERROR,
			    "Error: no memory for the messages that wait in the kernel.");
		return false;
	}
	free(port->in);
	port->in = in;
	port->in_size = size;
	return true;
}

/* A port at its end stays readable: it is not watched any more. */
static void ended(struct worker *worker)
{
	worker_unwatch(worker, worker->port.fd);
	switchover_lost(&worker->broker->switchover);
}

/* Returns whether there may be more. */
static bool read_once(struct worker *worker)
{
	struct port *port = &worker->port;
	ssize_t n = read(port->fd, port->in, port->in_size);

	if (n > 0) {
		handle_all(worker, n);
		return true;
	}
	if (!n)
		ended(worker);
	else if (errno == EMSGSIZE)
		return grow(port);
	return n < 0 && errno == EINTR;
}

/* Returns whether there may be more. */
static bool read_some(struct worker *worker, int rounds)
{
	struct port *port = &worker->port;
	bool more = true;

	if (!port_is_open(port) || port->reading)
		return false;
	port->reading = true;
	while (more && rounds--)
		more = read_once(worker);
	port->reading = false;
	return more;
}

void port_read(struct worker *worker)
{
	read_some(worker, READ_ROUNDS);
}

bool port_drain(struct worker *worker)
{
	return read_some(worker, DRAIN_ROUNDS);
}
