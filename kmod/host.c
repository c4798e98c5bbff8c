// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hosted peers: the daemon has their connection, and a port is the way to it.
 *
 * A peer can become offloaded and hosted again any number of times. It keeps
 * its id and subscriptions, and its messages their order: see port.c. What is
 * left of a connection after it was given back (threads on their way out of
 * an operation, a flush that was scheduled) holds references to the peer, and
 * is waited for before the peer gets another one.
 */
#include <linux/delay.h>
#include <net/sock.h>

#include "event.h"
#include "peer.h"
#include "port.h"
#include "router.h"
#include "socket.h"

/* How long to wait for the last users of a former connection. */
#define MQTT_HOST_WAIT_MS	20

static struct mqtt_port *mqtt_port_find(struct mqtt_router *router, u32 id,
					struct netlink_ext_ack *extack)
{
	struct mqtt_port *port = xa_load(&router->ports, id);

	if (!port)
		NL_SET_ERR_MSG(extack, "no port has this id");
	return port;
}

/* A peer whose messages go to a port is on that port's list. */
static void mqtt_peer_on_port(struct mqtt_peer *peer)
{
	struct mqtt_port *port = peer->tx.port;

	list_add_tail(&peer->hosted, &port->peers);
	port->nr_peers++;
}

static void mqtt_peer_enter_port(struct mqtt_peer *peer, struct mqtt_port *port)
{
	mqtt_tx_host(peer, port);
	mqtt_peer_on_port(peer);
}

/**
 * mqtt_peer_unhost() - take a hosted peer off its port's list
 * @peer: peer, hosted; its router's lock is held
 */
void mqtt_peer_unhost(struct mqtt_peer *peer)
{
	lockdep_assert_held(&peer->router->lock);
	peer->tx.port->nr_peers--;
	list_del_init(&peer->hosted);
}

/**
 * mqtt_peer_attach_hosted() - make a client of the daemon's a peer
 * @router: whose; its lock is held and it is not dead
 * @port_id: where its messages go
 * @params: what the daemon says of it; copied
 * @id: result, the peer's number
 * @extack: is told what is wrong
 *
 * Return: 0; -ENOENT if there is no such port; -ENOMEM; -ENOSPC if no id is free.
 */
int mqtt_peer_attach_hosted(struct mqtt_router *router, u32 port_id,
			    const struct mqtt_peer_params *params, u32 *id,
			    struct netlink_ext_ack *extack)
{
	struct mqtt_port *port = mqtt_port_find(router, port_id, extack);
	struct mqtt_peer *peer;

	if (!port)
		return -ENOENT;
	peer = mqtt_peer_new(router, params, extack);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	mqtt_peer_enter_port(peer, port);
	mqtt_peer_list(peer);
	mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_ATTACH);
	*id = peer->id;
	return 0;
}

/*
 * Nobody but the list and us refers to the peer any more.
 *
 * A work that runs has a reference, too. To wait for it by the works' own means
 * would disable it meanwhile, and then mod_delayed_work() does not tell who
 * schedules it, as a tasklet still may, whether the reference has gone with it.
 */
static bool mqtt_peer_settled(struct mqtt_peer *peer)
{
	unsigned int ms;

	flush_rcu_work(&peer->forget);
	if (cancel_delayed_work(&peer->tx.work))
		mqtt_peer_put(peer);
	if (cancel_delayed_work(&peer->rx.work))
		mqtt_peer_put(peer);
	if (del_timer_sync(&peer->keepalive.timer))
		mqtt_peer_put(peer);
	for (ms = 0; refcount_read(&peer->refs) > 2 && ms < MQTT_HOST_WAIT_MS; ms++)
		usleep_range(1000, 2000);
	return refcount_read(&peer->refs) <= 2;
}

/* One that may be given a socket; the router is locked. */
static struct mqtt_peer *mqtt_peer_find_to_offload(struct mqtt_router *router, u32 id,
						   struct netlink_ext_ack *extack)
{
	struct mqtt_peer *peer;

	if (router->dead) {
		NL_SET_ERR_MSG(extack, "the router has just ended");
		return ERR_PTR(-ENODEV);
	}
	peer = mqtt_peer_find(router, id, extack);
	if (IS_ERR(peer))
		return peer;
	if (!mqtt_peer_is_hosted(peer)) {
		NL_SET_ERR_MSG(extack, "the peer is offloaded already");
		return ERR_PTR(-EBUSY);
	}
	if (peer->offloading) {
		NL_SET_ERR_MSG(extack, "another request is about to offload the peer");
		return ERR_PTR(-EBUSY);
	}
	return peer;
}

/* Returns the peer with a reference for the caller, who alone may give it a socket. */
static struct mqtt_peer *mqtt_peer_offload_begin(struct mqtt_router *router, u32 id,
						 struct netlink_ext_ack *extack)
{
	struct mqtt_peer *peer;

	mutex_lock(&router->lock);
	peer = mqtt_peer_find_to_offload(router, id, extack);
	if (!IS_ERR(peer)) {
		peer->offloading = true;
		mqtt_peer_hold(peer);
	}
	mutex_unlock(&router->lock);
	return peer;
}

static void mqtt_peer_offload_end(struct mqtt_peer *peer)
{
	mutex_lock(&peer->router->lock);
	peer->offloading = false;
	mutex_unlock(&peer->router->lock);
	mqtt_peer_put(peer);
}

/* Its port may have been closed meanwhile, or its router ended. The socket is locked. */
static int mqtt_peer_offload_hook(struct mqtt_peer *peer, struct mqtt_hook *hook,
				  struct netlink_ext_ack *extack)
{
	struct mqtt_router *router = peer->router;
	int err = -ENODEV;

	mutex_lock(&router->lock);
	if (router->dead) {
		NL_SET_ERR_MSG(extack, "the router has just ended");
		goto out;
	}
	if (!peer->listed) {
		NL_SET_ERR_MSG(extack, "no peer has this id");
		err = -ENOENT;
		goto out;
	}
	mqtt_peer_unhost(peer);
	err = mqtt_socket_hook(peer, hook);
	if (err)
		mqtt_peer_on_port(peer);
out:
	mutex_unlock(&router->lock);
	return err;
}

static int mqtt_peer_offload_to(struct mqtt_peer *peer, struct socket *sock,
				const struct mqtt_peer_params *params,
				struct netlink_ext_ack *extack)
{
	long left = MQTT_SOCKET_WAIT;
	struct mqtt_hook hook;
	int err;

	err = mqtt_socket_lock(sock->sk, &left, extack);
	if (err)
		return err;
	err = mqtt_socket_prepare(&hook, sock, params, extack);
	if (!err) {
		err = mqtt_peer_offload_hook(peer, &hook, extack);
		if (err)
			mqtt_socket_cancel(&hook);
		else
			mqtt_rx_data_ready(peer);
	}
	release_sock(sock->sk);
	return err;
}

/**
 * mqtt_peer_offload() - give the router the socket of a hosted peer
 * @router: router, not locked
 * @id: the peer's number
 * @sock: socket that mqtt_socket_check() found good; the caller holds its file
 * @params: what the daemon says of the connection
 * @extack: is told what is wrong
 *
 * Context: may sleep; waits for the socket's owner, MQTT_SOCKET_WAIT at most.
 * Return: 0; -ENODEV if the router has ended; -ENOENT; -EBUSY if the peer is
 * offloaded already, or about to be, or something is left of its former connection;
 * what mqtt_socket_lock() and mqtt_socket_prepare() return. On an error the peer is
 * hosted as before.
 */
int mqtt_peer_offload(struct mqtt_router *router, u32 id, struct socket *sock,
		      const struct mqtt_peer_params *params, struct netlink_ext_ack *extack)
{
	struct mqtt_peer *peer = mqtt_peer_offload_begin(router, id, extack);
	int err = -EBUSY;

	if (IS_ERR(peer))
		return PTR_ERR(peer);
	if (mqtt_peer_settled(peer))
		err = mqtt_peer_offload_to(peer, sock, params, extack);
	else
		NL_SET_ERR_MSG(extack, "the peer's former connection is still in use; try again");
	mqtt_peer_offload_end(peer);
	return err;
}

/* The socket is locked, if it is not hosted already, and the router's lock is held. */
static int mqtt_peer_move(struct mqtt_peer *peer, u32 port_id, struct netlink_ext_ack *extack)
{
	struct mqtt_port *port = mqtt_port_find(peer->router, port_id, extack);
	int err;

	if (!port)
		return -ENOENT;
	if (mqtt_peer_is_hosted(peer)) {
		if (peer->offloading)
			NL_SET_ERR_MSG(extack, "another request is about to offload the peer");
		else
			NL_SET_ERR_MSG(extack, "the peer is hosted already");
		return -EBUSY;
	}
	err = mqtt_tx_finish(peer);
	if (err) {
		NL_SET_ERR_MSG(extack, "no memory to end a packet that is half sent; try again");
		return err;
	}
	mqtt_peer_enter_port(peer, port);
	mqtt_socket_unhook_locked(peer);
	mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_DETACH);
	queue_rcu_work(mqtt_forget_wq, &peer->forget);
	return 0;
}

/**
 * mqtt_peer_host() - give the socket of a peer back, which becomes hosted
 * @router: router, not locked
 * @id: the peer's number
 * @port_id: where its messages go from now on, those in its queue first
 * @extack: is told what is wrong
 *
 * A packet that is half sent is ended first.
 *
 * Context: may sleep; waits for the socket's owner, MQTT_SOCKET_WAIT at most.
 * Return: 0; -ESRCH if there is no such peer; -ENOENT if there is no such port;
 * -EBUSY if the peer is hosted, or about to be offloaded; -ENOBUFS if the packet
 * could not be ended; what mqtt_socket_lock() returns. On an error the peer is as
 * before.
 */
int mqtt_peer_host(struct mqtt_router *router, u32 id, u32 port_id,
		   struct netlink_ext_ack *extack)
{
	struct mqtt_peer *peer;
	struct sock *sk;
	int err;

	peer = mqtt_peer_lock(router, id, MQTT_SOCKET_WAIT, &sk, extack);
	if (IS_ERR(peer))
		return peer == ERR_PTR(-ENOENT) ? -ESRCH : PTR_ERR(peer);
	err = mqtt_peer_move(peer, port_id, extack);
	mqtt_peer_unlock(router, sk);
	return err;
}

/**
 * mqtt_peer_end_hosted() - a port has been closed: its peers end
 * @port: port
 *
 * Context: may sleep, its router's lock is held.
 */
void mqtt_peer_end_hosted(struct mqtt_port *port)
{
	struct mqtt_peer *peer, *next;

	list_for_each_entry_safe(peer, next, &port->peers, hosted) {
		mqtt_peer_end(peer);
		cond_resched();
	}
}

/**
 * mqtt_peer_forget_flush() - wait until nothing of a former peer is on a socket
 * @sock: TCP socket that somebody wants to attach; no lock is held
 */
void mqtt_peer_forget_flush(struct socket *sock)
{
	if (!READ_ONCE(sock->sk->sk_user_data) || mqtt_socket_attached(sock->sk))
		return;
	rcu_barrier();
	flush_workqueue(mqtt_forget_wq);
}
