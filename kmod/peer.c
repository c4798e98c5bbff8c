// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients come and go, and subscribe.
 *
 * A peer ends once, by whichever comes first: its socket's last file is
 * closed, it is detached, or its router ends. Each way does the same three
 * things, and each of them finds out by itself whether it is still to be
 * done: unlist it and take its subscriptions out of the table (under the
 * router's lock), give the socket back (under the socket's lock), and drop
 * the references that the list and the socket had. Memory stays for a grace
 * period, for readers of the table and of sk_user_data.
 *
 * A socket's lock is its owner's for as long as it likes: see socket_lock.c. So nobody
 * waits for it for ever, and the router's lock is taken inside a
 * socket's, never the other way round. Whoever needs both looks the peer up, takes a
 * reference to its socket, lets go of the router, locks the socket, and then looks
 * whether the peer is still there and has this socket: mqtt_peer_lock(). To list and
 * to hook a peer, or to unhook and to unlist it, is one step under both locks: so one
 * that is listed and not hosted is hooked. The exception is a socket's close(), which
 * unlists first, and then nobody finds the peer any more.
 */
#include <linux/slab.h>
#include <net/sock.h>

#include "event.h"
#include "netlink_acl.h"
#include "payload.h"
#include "peer.h"
#include "policy.h"
#include "router.h"
#include "socket.h"
#include "trace.h"

/* In between of kmalloc()'s sizes, and there may be a million. */
static struct kmem_cache *mqtt_peer_cache __ro_after_init;

/* Readers that have found a subscription still may want to name its peer. */
static void mqtt_peer_free_rcu(struct rcu_head *rcu)
{
	struct mqtt_peer *peer = container_of(rcu, struct mqtt_peer, rcu);

	kfree(peer->client_id);
	kmem_cache_free(mqtt_peer_cache, peer);
}

/**
 * mqtt_peer_free() - free a peer whose last reference is gone
 * @peer: peer, not listed, not hooked
 *
 * Context: any but hard interrupt.
 */
void mqtt_peer_free(struct mqtt_peer *peer)
{
	mqtt_tx_close(peer);
	mqtt_alias_forget(&peer->aliases);
	mqtt_pins_put(peer->pins);
	mqtt_acl_chain_put(rcu_dereference_protected(peer->acls, true));
	if (peer->sk)
		sock_put(peer->sk);
	mqtt_router_put(peer->router);
	call_rcu(&peer->rcu, mqtt_peer_free_rcu);
}

static void mqtt_peer_forget_work(struct work_struct *work)
{
	mqtt_socket_forget(container_of(to_rcu_work(work), struct mqtt_peer, forget));
}

static struct mqtt_peer *mqtt_peer_alloc(struct mqtt_router *router,
					 const struct mqtt_peer_params *params)
{
	struct mqtt_peer *peer;

	peer = kmem_cache_zalloc(mqtt_peer_cache, GFP_KERNEL);
	if (!peer)
		return NULL;
	peer->client_id = kstrdup(params->client_id, GFP_KERNEL_ACCOUNT);
	if (!peer->client_id) {
		kmem_cache_free(mqtt_peer_cache, peer);
		return NULL;
	}
	refcount_set(&peer->refs, 1);
	INIT_LIST_HEAD(&peer->subs);
	INIT_LIST_HEAD(&peer->hosted);
	INIT_RCU_WORK(&peer->forget, mqtt_peer_forget_work);
	peer->protocol = params->protocol;
	peer->aliases.max = params->topic_alias_max;
	mqtt_rx_init(&peer->rx);
	peer->limits = params->limits;
	if (!peer->limits.queue_bytes)
		peer->limits.queue_bytes = router->queue_limit;
	mqtt_tx_init(&peer->tx, &router->memory, params->max_packet);
	mqtt_keepalive_init(&peer->keepalive, params->keep_alive);

	refcount_inc(&router->refs);
	peer->router = router;
	return peer;
}

/**
 * mqtt_peer_new() - a peer with an id that is not listed yet
 * @router: whose; its lock is held and it is not dead
 * @params: what the daemon says of it; copied
 * @extack: is told what is wrong
 *
 * Return: the peer with one reference, for mqtt_peer_list(); what
 * mqtt_nl_peer_acls() returns; ERR_PTR(-ENOMEM); ERR_PTR(-ENOSPC) if no id is free.
 */
struct mqtt_peer *mqtt_peer_new(struct mqtt_router *router,
				const struct mqtt_peer_params *params,
				struct netlink_ext_ack *extack)
{
	struct mqtt_acl_chain *acls;
	struct mqtt_peer *peer;
	int err;

	lockdep_assert_held(&router->lock);
	acls = mqtt_nl_peer_acls(router, params->acls, extack);
	if (IS_ERR(acls))
		return ERR_CAST(acls);
	peer = mqtt_peer_alloc(router, params);
	if (!peer) {
		mqtt_acl_chain_put(acls);
		return ERR_PTR(-ENOMEM);
	}
	RCU_INIT_POINTER(peer->acls, acls);
	err = xa_alloc_cyclic(&router->peers, &peer->id, peer, XA_LIMIT(1, INT_MAX),
			      &router->next_id, GFP_KERNEL_ACCOUNT);
	if (err < 0) {
		mqtt_peer_put(peer);
		return ERR_PTR(err == -EBUSY ? -ENOSPC : err);
	}
	return peer;
}

/**
 * mqtt_peer_list() - a new peer is complete
 * @peer: peer of mqtt_peer_new(), whose reference the list has now
 *
 * Context: its router's lock is held.
 */
void mqtt_peer_list(struct mqtt_peer *peer)
{
	peer->listed = true;
	peer->router->nr_peers++;
	mqtt_acl_chain_count(rcu_dereference_protected(peer->acls, true), 1);
}

/* Publishers look at some of them without the lock, each by itself. */
static void mqtt_limits_copy(struct mqtt_limits *to, const struct mqtt_limits *from)
{
	WRITE_ONCE(to->queue_bytes, from->queue_bytes);
	WRITE_ONCE(to->queue_packets, from->queue_packets);
	WRITE_ONCE(to->queue_policy, from->queue_policy);
	WRITE_ONCE(to->pause, from->pause);
	WRITE_ONCE(to->rate_packets, from->rate_packets);
	WRITE_ONCE(to->rate_bytes, from->rate_bytes);
	WRITE_ONCE(to->rate_policy, from->rate_policy);
}

/**
 * mqtt_peer_set_limits() - change the limits of a peer
 * @peer: peer
 * @limits: all of them, as the attributes of a peer may be; copied
 *
 * What is in its queue already stays. Whoever is held up by the old limits goes on.
 *
 * Context: its router's lock is held.
 */
void mqtt_peer_set_limits(struct mqtt_peer *peer, const struct mqtt_limits *limits)
{
	lockdep_assert_held(&peer->router->lock);
	spin_lock_bh(&peer->tx.lock);
	mqtt_policy_change(peer, limits);
	mqtt_limits_copy(&peer->limits, limits);
	mqtt_pauses_lift(peer);
	spin_unlock_bh(&peer->tx.lock);
	if (!mqtt_peer_is_hosted(peer))
		mqtt_rx_kick(peer);
}

/* Returns false if somebody else has done it. Who has done it ends the subscriptions. */
static bool mqtt_peer_unlist(struct mqtt_peer *peer)
{
	struct mqtt_router *router = peer->router;

	lockdep_assert_held(&router->lock);
	if (!peer->listed)
		return false;
	peer->listed = false;
	if (mqtt_peer_is_hosted(peer)) {
		mqtt_peer_unhost(peer);
		/* Whoever has found a subscription still is not to queue any more. */
		mqtt_tx_close(peer);
	}
	xa_erase(&router->peers, peer->id);
	router->nr_peers--;
	mqtt_acl_chain_count(rcu_dereference_protected(peer->acls, true), -1);
	return true;
}

/**
 * mqtt_peer_end() - end a peer that has no socket
 * @peer: peer, listed, hosted; its router's lock is held
 */
void mqtt_peer_end(struct mqtt_peer *peer)
{
	if (!mqtt_peer_unlist(peer))
		return;
	mqtt_peer_subs_end_locked(peer);
	mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_CLOSE);
	mqtt_peer_put(peer);
}

/* @sk: result, with a reference; NULL if the peer is hosted */
static int mqtt_peer_sock_get(struct mqtt_router *router, u32 id, struct sock **sk,
			      struct netlink_ext_ack *extack)
{
	struct mqtt_peer *peer;

	*sk = NULL;
	mutex_lock(&router->lock);
	peer = mqtt_peer_find(router, id, extack);
	if (!IS_ERR(peer) && !mqtt_peer_is_hosted(peer)) {
		*sk = peer->sk;
		sock_hold(*sk);
	}
	mutex_unlock(&router->lock);
	return PTR_ERR_OR_ZERO(peer);
}

static void mqtt_peer_sock_put(struct sock *sk)
{
	if (!sk)
		return;
	release_sock(sk);
	sock_put(sk);
}

/**
 * mqtt_peer_lock() - look a peer up and lock its socket
 * @router: router, not locked
 * @id: the peer's number
 * @wait: how long to wait for the socket's owner, jiffies
 * @sk: result: its socket, locked by mqtt_socket_lock(), or NULL if the peer is hosted
 * @extack: is told what is wrong
 *
 * A socket's owner is waited for without the router's lock, and then the peer is looked
 * up again.
 *
 * Context: may sleep.
 * Return: the peer, and the router's lock is held, until mqtt_peer_unlock();
 * ERR_PTR(-ENOENT) or what mqtt_socket_lock() returns, and nothing is locked.
 */
struct mqtt_peer *mqtt_peer_lock(struct mqtt_router *router, u32 id, long wait, struct sock **sk,
				 struct netlink_ext_ack *extack)
{
	struct mqtt_peer *peer;
	int err;

	for (;;) {
		err = mqtt_peer_sock_get(router, id, sk, extack);
		if (err)
			return ERR_PTR(err);
		if (*sk)
			err = mqtt_socket_lock(*sk, &wait, extack);
		if (err) {
			sock_put(*sk);
			return ERR_PTR(err);
		}
		mutex_lock(&router->lock);
		peer = mqtt_peer_find(router, id, extack);
		/* Held, so no other socket is where it is. */
		if (!IS_ERR(peer) && (mqtt_peer_is_hosted(peer) ? NULL : peer->sk) == *sk)
			return peer;
		mutex_unlock(&router->lock);
		mqtt_peer_sock_put(*sk);
	}
}

/**
 * mqtt_peer_unlock() - end what mqtt_peer_lock() began
 * @router: router
 * @sk: the socket, or NULL
 */
void mqtt_peer_unlock(struct mqtt_router *router, struct sock *sk)
{
	mutex_unlock(&router->lock);
	mqtt_peer_sock_put(sk);
}

/* The socket is locked, and the router's lock is held. */
static struct mqtt_peer *mqtt_peer_attach_hook(struct mqtt_router *router,
					       struct mqtt_hook *hook,
					       const struct mqtt_peer_params *params,
					       struct netlink_ext_ack *extack)
{
	struct mqtt_peer *peer;
	int err;

	if (router->dead) {
		NL_SET_ERR_MSG(extack, "the router has just ended");
		return ERR_PTR(-ENODEV);
	}
	peer = mqtt_peer_new(router, params, extack);
	if (IS_ERR(peer))
		return peer;
	err = mqtt_socket_hook(peer, hook);
	if (err) {
		xa_erase(&router->peers, peer->id);
		mqtt_peer_put(peer);
		return ERR_PTR(err);
	}
	mqtt_peer_list(peer);
	return peer;
}

/**
 * mqtt_peer_attach() - make a socket a peer
 * @router: whose; not locked
 * @sock: socket that mqtt_socket_check() found good; the caller holds its file
 * @params: what the daemon says of it; copied
 * @id: result, the peer's number
 * @extack: is told what is wrong
 *
 * Context: may sleep; waits for the socket's owner, MQTT_SOCKET_WAIT at most.
 * Return: 0; -ENODEV if the router has ended; what mqtt_socket_lock(),
 * mqtt_socket_prepare() and mqtt_peer_new() return.
 */
int mqtt_peer_attach(struct mqtt_router *router, struct socket *sock,
		     const struct mqtt_peer_params *params, u32 *id,
		     struct netlink_ext_ack *extack)
{
	long left = MQTT_SOCKET_WAIT;
	struct mqtt_peer *peer;
	struct mqtt_hook hook;
	int err;

	err = mqtt_socket_lock(sock->sk, &left, extack);
	if (err)
		return err;
	err = mqtt_socket_prepare(&hook, sock, params, extack);
	if (err)
		goto out;
	mutex_lock(&router->lock);
	peer = mqtt_peer_attach_hook(router, &hook, params, extack);
	mutex_unlock(&router->lock);
	if (IS_ERR(peer)) {
		err = PTR_ERR(peer);
		mqtt_socket_cancel(&hook);
		goto out;
	}
	/* As long as its socket is locked it stays. */
	*id = peer->id;
	mqtt_rx_data_ready(peer);
out:
	release_sock(sock->sk);
	return err;
}

/* Of one that mqtt_peer_lock() has found. */
static void mqtt_peer_leave(struct mqtt_peer *peer, struct sock *sk)
{
	if (sk) {
		mqtt_socket_unhook_locked(peer);
		mqtt_tx_close(peer);
	}
	mqtt_peer_unlist(peer);
	/* Whoever hears of it and attaches the socket again waits for that. */
	if (sk)
		queue_rcu_work(mqtt_forget_wq, &peer->forget);
}

/**
 * mqtt_peer_detach() - give a peer's socket back to the daemon
 * @router: router, not locked
 * @id: the peer's number
 * @extack: is told what is wrong
 *
 * A packet that is half sent is ended first. What else is in the peer's queue
 * and does not fit into TCP's buffer is dropped and counted. The peer's last trace
 * on the socket goes a grace period later, for which nobody waits but who wants to
 * attach the socket again: one is enough for many detaches.
 *
 * Context: may sleep; waits for the socket's owner, MQTT_SOCKET_WAIT at most.
 * Return: 0; -ENOENT; -ENOBUFS if the packet could not be ended; what
 * mqtt_socket_lock() returns. On an error the peer is as before.
 */
int mqtt_peer_detach(struct mqtt_router *router, u32 id, struct netlink_ext_ack *extack)
{
	struct mqtt_peer *peer;
	struct sock *sk;
	int err = 0;

	peer = mqtt_peer_lock(router, id, MQTT_SOCKET_WAIT, &sk, extack);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	if (sk)
		err = mqtt_tx_finish(peer);
	if (!err) {
		mqtt_peer_leave(peer, sk);
		mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_DETACH);
	}
	mqtt_peer_unlock(router, sk);

	if (err) {
		NL_SET_ERR_MSG(extack, "no memory to end a packet that is half sent; try again");
		return err;
	}
	mqtt_peer_subs_end(peer);
	mqtt_peer_put(peer);
	return 0;
}

/**
 * mqtt_peer_close() - a peer's socket is about to be closed
 * @peer: peer; the caller has a reference
 *
 * Context: may sleep. No file refers to the socket any more.
 */
void mqtt_peer_close(struct mqtt_peer *peer)
{
	struct mqtt_router *router = peer->router;
	bool listed;

	mutex_lock(&router->lock);
	/* One that has just become hosted lives on without this socket. */
	listed = !mqtt_peer_is_hosted(peer) && mqtt_peer_unlist(peer);
	mutex_unlock(&router->lock);

	if (mqtt_socket_unhook(peer))
		mqtt_socket_forget(peer);
	if (listed) {
		mqtt_peer_subs_end(peer);
		mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_CLOSE);
		mqtt_peer_put(peer);
	}
}

/* Returns false if it is not its time yet. */
static bool mqtt_peer_end_one(struct mqtt_router *router, u32 id)
{
	struct mqtt_peer *peer;
	struct sock *sk;

	peer = mqtt_peer_lock(router, id, 0, &sk, NULL);
	if (IS_ERR(peer))
		return peer == ERR_PTR(-ENOENT);
	if (sk && mqtt_tx_finish(peer)) {
		mqtt_peer_unlock(router, sk);
		return false;
	}
	mqtt_peer_leave(peer, sk);
	trace_mqtt_detach(peer, MQTT_EVENT_TYPE_ROUTER_END);
	mqtt_peer_unlock(router, sk);
	mqtt_peer_subs_end(peer);
	mqtt_peer_put(peer);
	return true;
}

/* From @id on */
static bool mqtt_peer_next(struct mqtt_router *router, unsigned long *id)
{
	bool found;

	mutex_lock(&router->lock);
	found = xa_find(&router->peers, id, ULONG_MAX, XA_PRESENT);
	mutex_unlock(&router->lock);
	return found;
}

/**
 * mqtt_peer_end_all() - give all sockets of a router back that can be
 * @router: router; dead, so that no peer is added
 *
 * No peer waits for another one. Those stay as they are whose socket has an owner, who may
 * be asleep, and who have a packet half sent that there is no memory to end.
 *
 * Context: may sleep; waits for no socket.
 * Return: true if no peer is left.
 */
bool mqtt_peer_end_all(struct mqtt_router *router)
{
	bool all = true;
	unsigned long id;

	for (id = 0; mqtt_peer_next(router, &id); id++) {
		if (!mqtt_peer_end_one(router, id))
			all = false;
		cond_resched();
	}
	return all;
}

/**
 * mqtt_peer_find() - look a peer up
 * @router: router; its lock is held, and protects the result
 * @id: the peer's number
 * @extack: is told what is wrong
 *
 * Return: the peer or ERR_PTR(-ENOENT).
 */
struct mqtt_peer *mqtt_peer_find(struct mqtt_router *router, u32 id,
				 struct netlink_ext_ack *extack)
{
	struct mqtt_peer *peer = xa_load(&router->peers, id);

	lockdep_assert_held(&router->lock);
	if (peer && peer->listed)
		return peer;
	NL_SET_ERR_MSG(extack, "no peer has this id");
	return ERR_PTR(-ENOENT);
}

int __init mqtt_peer_module_init(void)
{
	struct mqtt_peer *peer;

	mqtt_peer_cache = kmem_cache_create("mqtt_peer", struct_size(peer, stamps, nr_cpu_ids), 0,
					    SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT, NULL);
	return mqtt_peer_cache ? 0 : -ENOMEM;
}

void mqtt_peer_module_exit(void)
{
	/* Peers are freed by code of ours, in RCU callbacks. */
	rcu_barrier();
	kmem_cache_destroy(mqtt_peer_cache);
}
