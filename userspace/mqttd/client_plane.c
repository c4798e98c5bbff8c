// SPDX-License-Identifier: MIT
/*
 * Clients on the kernel data plane: becoming a peer, moving, leaving.
 *
 * How nothing is lost or overtaken when a hosted client becomes offloaded:
 *
 *   1. what the worker has gathered of the client's messages is written
 *   2. the attach gives back the bytes of a packet whose end has not come, or
 *      says how many are missing; the kernel queues for the client from now on
 *      and holds that queue
 *   3. what had come for it until then is read from the port; behind it is a
 *      record that says so
 *   4. when that record has come and all is written to the socket, the kernel is
 *      told to send
 *
 * The other way the kernel moves its queue into the port, and the stream goes on
 * with the byte behind the last one that the kernel has handled.
 */
#include <errno.h>
#include <string.h>
#include <linux/mqtt.h>

#include "broker.h"
#include "client.h"
#include "client_acl.h"
#include "client_needs.h"
#include "client_plane.h"
#include "dataplane.h"
#include "listener.h"
#include "log.h"
#include "netlink.h"
#include "port.h"
#include "session.h"
#include "session_kept.h"
#include "subscribe.h"
#include "worker.h"

/*
 * How often to try when the kernel is still busy with the connection, because it
 * has just given it back; there are other reasons for EBUSY, that last.
 */
#define BUSY_MAX 100

static bool is_offloaded(const struct client *client)
{
	return client->conn.transport == &transport_offloaded;
}

bool client_plane_is_offloaded(const struct client *client)
{
	return is_offloaded(client);
}

/* Where the configuration and the operator want it. */
static bool should_offload(const struct client *client)
{
	const struct broker *broker = client->worker->broker;

	return !client->host_only && !client->needs && client->conn.transport->tcp &&
	       broker_offloads(broker, client->endpoint->conf);
}

static void count(struct client *client, enum stat stat, uint32_t *clients, int n)
{
	stats_add(&client->worker->stats, stat, n);
	__atomic_fetch_add(clients, n, __ATOMIC_RELAXED);
}

static void count_hosted(struct client *client, int n)
{
	count(client, STAT_HOSTED, &client->endpoint->hosted, n);
}

static void count_offloaded(struct client *client, int n)
{
	count(client, STAT_OFFLOADED, &client->endpoint->offloaded, n);
}

static void count_leaving(struct client *client)
{
	if (is_offloaded(client))
		count_offloaded(client, -1);
	else
		count_hosted(client, -1);
}

/* The transport has changed under epoll: what was reported may not hold any more. */
static void watch_again(struct client *client)
{
	if (client->events && worker_rewatch(client->worker, client->conn.fd, client->events,
					     &client->source))
		client_close(client, CLOSE_NO_MEMORY, NULL);
}

/* The connection is the daemon's again, and watching its keep-alive. */
static void now_plain(struct client *client)
{
	client->conn.transport = &transport_plain;
	client->tx_held = false;
	client_keepalive_start(client);
	watch_again(client);
}

/* Before they are read, so that those are not missed that change meanwhile. */
static void note_limits(struct client *client)
{
	client->limits_seen = __atomic_load_n(&client->worker->broker->limits_generation,
					      __ATOMIC_ACQUIRE);
}

static struct mqtt_nl_attach describe(const struct client *client, int fd)
{
	struct mqtt_nl_attach attach = {
		.fd = fd,
		.protocol = client->protocol,
		.client_id = client->id,
		.keep_alive = client->keepalive,
		.topic_alias_max = client->aliases.max,
		.max_packet = client->terms.max_packet,
		.limits = dataplane_limits(client->worker->broker->conf),
	};

	memcpy(attach.acls, client->acls, sizeof(attach.acls));
	return attach;
}

/* One that is no peer yet: the others keep the limits that they have. */
static struct mqtt_nl_attach describe_new(struct client *client, int fd)
{
	note_limits(client);
	return describe(client, fd);
}

void client_plane_limit(struct client *client)
{
	unsigned int seen = client->limits_seen;

	if (!client->conn.peer)
		return;
	note_limits(client);
	if (client->limits_seen != seen)
		dataplane_set_limits(client->worker, client->conn.peer);
}

/* To hosted */

/* A new peer that has no subscriptions yet. */
static int host(struct client *client)
{
	struct worker *worker = client->worker;
	struct mqtt_nl_attach attach;
	int err;

	client_acl_enter(client);
	attach = describe_new(client, -1);
	err = dataplane_attach(worker, &attach, &client->conn.peer);
	if (err)
		return err;
	err = port_client_add(worker, client);
	if (err) {
		dataplane_detach(worker, client->conn.peer);
		client->conn.peer = 0;
		return err;
	}
	count_hosted(client, 1);
	return 0;
}

/* Nothing to do if the router has ended in the meantime. */
static void host_or_close(struct client *client)
{
	if (client->worker->broker->dataplane && host(client))
		client_close(client, CLOSE_NOT_ATTACHED, NULL);
}

int client_plane_enter(struct client *client)
{
	int err = host(client);

	if (err)
		return err;
	err = session_load(client);
	if (err)
		client_plane_leave(client);
	return err;
}

/* Somebody with the capability has ended the peer: it is an ordinary connection now. */
static enum client_move host_anew(struct client *client)
{
	port_client_del(client->worker, client);
	client_plane_forget(client);
	if (!client_plane_enter(client))
		return MOVE_DONE;
	client_close(client, CLOSE_NOT_ATTACHED, NULL);
	return MOVE_FAILED;
}

/* -ENODEV: the router has ended, which gives back all connections. */
static enum client_move to_hosted(struct client *client)
{
	struct worker *worker = client->worker;
	int err;

	port_flush(worker);
	err = dataplane_host(worker, client->conn.peer);
	if (err == -ENOBUFS)
		return MOVE_LATER;
	if (err == -ENOENT)
		return host_anew(client);
	if (err && err != -ENODEV) {
		client_close(client, CLOSE_NOT_ATTACHED, "the kernel does not give it back");
		return MOVE_FAILED;
	}
	count_offloaded(client, -1);
	count_hosted(client, 1);
	now_plain(client);
	client_acl_hosted(client);
	/* The kernel's queue and the client's own have one limit each. */
	client->backlog = true;
	port_drain(worker);
	client->backlog = false;
	return MOVE_DONE;
}

/* To offloaded */

/*
 * What was received of a packet is given back, or the kernel is told how much of
 * it is still to come. Returns false if neither is possible at the moment.
 */
static bool describe_received(const struct client *client, struct mqtt_nl_attach *attach)
{
	const struct buffer *in = &client->in;

	if (in->len <= MQTT_RX_RESIDUE_MAX) {
		attach->rx_residue = in->len ? buffer_head(in) : NULL;
		attach->rx_residue_len = in->len;
		return true;
	}
	if (client->need <= in->len)
		return false;
	attach->rx_skip = client->need - in->len;
	return true;
}

static void now_offloaded(struct client *client, const struct mqtt_nl_attach *attach)
{
	timer_cancel(&client->worker->timers, &client->timer);	/* the kernel's now */
	client->conn.transport = &transport_offloaded;
	count_offloaded(client, 1);
	if (!attach->rx_skip) {
		buffer_free(&client->in);
		client->need = 0;
	}
	watch_again(client);
}

static enum client_move to_offloaded(struct client *client)
{
	struct mqtt_nl_attach attach = describe(client, client->conn.fd);
	struct worker *worker = client->worker;
	uint32_t peer;
	int err;

	if (!describe_received(client, &attach))
		return MOVE_LATER;
	attach.id = client->conn.peer;
	attach.tx_hold = true;
	port_flush(worker);
	err = dataplane_attach(worker, &attach, &peer);
	if (err == -EBUSY && client->busy++ < BUSY_MAX)
		return MOVE_LATER;
	client->busy = 0;
	if (err) {
		client->host_only = true;
		log_limited(LOG_TYPE_WARNING, "Client %s stays with the daemon: %s.",
			    client_name(client), strerror(-err));
		return MOVE_FAILED;
	}
	client->tx_held = true;
	client->borders++;
	count_hosted(client, -1);
	now_offloaded(client, &attach);
	return MOVE_DONE;
}

/* Nothing is to go on before the client is where it has to be: now it is. */
static void moved(struct client *client)
{
	if (!(client->holds & HOLD_PLANE))
		return;
	/* What it has subscribed to in the meantime the kernel does not know. */
	if (client->conn.peer && session_load(client))
		client_close(client, CLOSE_NOT_ATTACHED, "the kernel cannot subscribe");
	client->holds &= ~HOLD_PLANE;
	client_flush(client);
	client_release(client, HOLD_PLANE);
}

enum client_move client_plane_move(struct client *client)
{
	bool offload = should_offload(client);
	enum client_move move;

	if (client->state != CLIENT_CONNECTED || client->closing)
		return MOVE_NONE;
	if (client->holds & HOLD_ATTACH) {
		if (offload && client->worker->broker->dataplane)
			return MOVE_NONE;
		host_or_close(client);
		client_release(client, HOLD_ATTACH);
		return client->closing ? MOVE_FAILED : MOVE_NONE;
	}
	if (!client->conn.peer || offload == is_offloaded(client)) {
		moved(client);
		return MOVE_NONE;
	}
	if (offload)
		return client->holds ? MOVE_LATER : to_offloaded(client);
	move = to_hosted(client);
	if (move == MOVE_DONE)
		moved(client);
	return move;
}

static void send_if_due(struct client *client)
{
	if (!client->tx_held || client->borders || !outq_empty(&client->out) || client->closing)
		return;
	client->tx_held = false;
	if (dataplane_send(client->worker, client->conn.peer))
		client_close(client, CLOSE_NOT_ATTACHED, NULL);
}

/* Each move to offloaded brings one such record; only the last one counts. */
void client_plane_offloaded(struct client *client)
{
	if (client->borders)
		client->borders--;
	send_if_due(client);
}

void client_plane_sent(struct client *client)
{
	if (client->holds & HOLD_ATTACH)
		client_plane_attach_later(client);
	else
		send_if_due(client);
}

bool client_plane_pause(struct client *client)
{
	int err;

	if (!is_offloaded(client) || client->tx_held)
		return true;
	err = dataplane_hold(client->worker, client->conn.peer);
	if (err == -ENOBUFS)
		return false;
	/* Or the peer is gone, and the kernel has nothing for it. */
	client->tx_held = !err;
	client_make_dirty(client);
	return true;
}

/* Begin and end */

/*
 * A session that was there before has its subscriptions in the kernel before CONNACK
 * leaves: the client counts on them then.
 */
static void resume(struct client *client)
{
	if (client_plane_enter(client))
		client_close(client, CLOSE_NOT_ATTACHED, NULL);
	else if (should_offload(client))
		client_plane_later(client);
}

void client_plane_join(struct client *client)
{
	client_plane_note_needs(client, client_needs(client));
	if (!client->worker->broker->dataplane)
		;
	else if (client->session->subs.count)
		resume(client);
	else if (should_offload(client))
		client_hold(client, HOLD_ATTACH);
	else
		host_or_close(client);
	session_unkeep(client->session);
}

/*
 * Both directions are between two packets. A connection that has broken in the
 * meantime, or that the kernel does not take, is hosted: what it brings is
 * handled all the same.
 */
static int offload_new(struct client *client)
{
	struct worker *worker = client->worker;
	struct mqtt_nl_attach attach;
	int err;

	client_acl_enter(client);
	if (client->acls_refused)
		return -EACCES;
	attach = describe_new(client, client->conn.fd);
	if (!describe_received(client, &attach))
		return -EMSGSIZE;
	err = dataplane_attach(worker, &attach, &client->conn.peer);
	if (err) {
		if (err != -ENOTCONN)
			log_limited(LOG_TYPE_WARNING, "Client %s is served by the daemon: %s.",
				    client_name(client), strerror(-err));
		return err;
	}
	if (port_client_add(worker, client)) {
		client->conn.peer = 0;
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return 0;
	}
	now_offloaded(client, &attach);
	return 0;
}

void client_plane_attach(struct client *client)
{
	bool offload = client->worker->broker->dataplane && should_offload(client);

	/* Or it comes back when what was added meanwhile has left as well. */
	if (client->closing || !(client->holds & HOLD_ATTACH) || !outq_empty(&client->out))
		return;
	if (!offload || offload_new(client)) {
		client->host_only = offload && !client->acls_refused;
		host_or_close(client);
	}
	client_release(client, HOLD_ATTACH);
}

/* A connection that is closed a little later: between two packets, whatever is in it. */
static void end_slow(struct client *client)
{
	if (dataplane_detach(client->worker, client->conn.peer))
		return;
	count_leaving(client);
	client->conn.transport = &transport_plain;
	count_hosted(client, 1);
}

/* An offloaded peer ends when its socket is closed. */
void client_plane_leave(struct client *client)
{
	struct worker *worker = client->worker;

	client_plane_note_needs(client, 0);
	if (client->session && !worker->stop)
		session_keep(client->session);
	if (!client->conn.peer)
		return;
	port_flush(worker);
	if (worker->stop)
		;
	else if (!is_offloaded(client))
		dataplane_detach(worker, client->conn.peer);
	else if (client->closing == CLOSE_SLOW)
		end_slow(client);
	port_client_del(worker, client);
	count_leaving(client);
	client->conn.peer = 0;
}

void client_plane_forget(struct client *client)
{
	if (!client->conn.peer)
		return;
	count_leaving(client);
	if (is_offloaded(client))
		now_plain(client);
	client->conn.peer = 0;
	client->borders = 0;
	client->host_only = false;
}
