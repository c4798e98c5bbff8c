// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking over a TCP socket and giving it back.
 *
 * Hooked, a socket has our operations (tcp.c) and callbacks, and its
 * sk_user_data is the peer. All of it changes under the socket's lock, so the
 * callbacks, which TCP calls under that lock, find a hooked peer or are not
 * called. Operations are called without a lock and look the peer up by
 * mqtt_socket_peer(). For them sk_user_data is only believed while the
 * socket's operations are ours, and it is cleared a grace period after these
 * are gone: so no reader takes for a peer what somebody else has put there.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <net/mptcp.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "event.h"
#include "keepalive.h"
#include "peer.h"
#include "router.h"
#include "rxq.h"
#include "socket.h"
#include "tcp.h"

/* Of IPv4 and of IPv6; set once. */
static struct mqtt_proto *mqtt_protos[2];
static DEFINE_MUTEX(mqtt_protos_lock);

static struct mqtt_proto **mqtt_proto_slot(const struct sock *sk)
{
	return &mqtt_protos[sk->sk_family == AF_INET6];
}

/* What a socket has while it is attached, or NULL if none of its family has been yet */
static const struct mqtt_proto *mqtt_proto_of(const struct sock *sk)
{
	/* pairs with smp_store_release() in mqtt_proto_get() */
	return smp_load_acquire(mqtt_proto_slot(sk));
}

/**
 * mqtt_socket_attached() - are a socket's operations ours?
 * @sk: TCP socket
 *
 * They are told by where they are, not by what is in them: who builds on a
 * socket's operations copies them.
 */
bool mqtt_socket_attached(const struct sock *sk)
{
	const struct mqtt_proto *proto = mqtt_proto_of(sk);

	return proto && READ_ONCE(sk->sk_prot) == &proto->prot;
}

/* The socket is locked and plain. Returns NULL without memory. */
static const struct mqtt_proto *mqtt_proto_get(struct socket *sock)
{
	struct mqtt_proto **slot = mqtt_proto_slot(sock->sk);
	struct mqtt_proto *proto;

	mutex_lock(&mqtt_protos_lock);
	proto = *slot;
	if (proto)
		goto out;
	proto = kzalloc(sizeof(*proto), GFP_KERNEL);
	if (!proto)
		goto out;
	proto->base = sock->sk->sk_prot;
	proto->base_ops = sock->ops;
	proto->prot = *proto->base;
	proto->ops = *proto->base_ops;
	mqtt_tcp_override(proto);
	/* complete, for mqtt_proto_of() */
	smp_store_release(slot, proto);
out:
	mutex_unlock(&mqtt_protos_lock);
	return proto;
}

/**
 * mqtt_socket_check() - can this be a client's socket at all?
 * @sock: socket
 * @net: namespace that it has to be in
 * @extack: is told what is wrong
 *
 * Looks at what does not change; mqtt_socket_hook() looks at the rest.
 *
 * Return: 0; -EPROTOTYPE if it is not a TCP socket; -EXDEV if it is in
 * another network namespace; -EBUSY if it is attached already.
 */
int mqtt_socket_check(struct socket *sock, const struct net *net,
		      struct netlink_ext_ack *extack)
{
	const struct sock *sk = sock->sk;

	if ((sk->sk_family != AF_INET && sk->sk_family != AF_INET6) || !sk_is_tcp(sk)) {
		NL_SET_ERR_MSG(extack, "not a TCP socket");
		return -EPROTOTYPE;
	}
	if (!net_eq(sock_net(sk), net)) {
		NL_SET_ERR_MSG(extack, "the socket is in another network namespace");
		return -EXDEV;
	}
	if (mqtt_socket_attached(sk)) {
		NL_SET_ERR_MSG(extack, "the socket is attached already");
		return -EBUSY;
	}
	return 0;
}

static bool mqtt_socket_is_plain(struct sock *sk)
{
	const struct proto *prot = sk->sk_prot;

	return prot->recvmsg == tcp_prot.recvmsg && prot->sendmsg == tcp_prot.sendmsg &&
	       prot->close == tcp_prot.close && !inet_csk_has_ulp(sk) &&
	       !READ_ONCE(sk->sk_user_data) && !sk_is_mptcp(sk);
}

/* The socket is locked. */
static int mqtt_socket_hookable(struct sock *sk, struct netlink_ext_ack *extack)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (!((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) || sk->sk_err) {
		NL_SET_ERR_MSG(extack, "the socket is not connected");
		return -ENOTCONN;
	}
	if (!mqtt_socket_is_plain(sk)) {
		NL_SET_ERR_MSG(extack, "the socket is in use by a ULP, sockmap or another module");
		return -EBUSY;
	}
	if (tp->repair) {
		NL_SET_ERR_MSG(extack, "the socket is in repair mode");
		return -EBUSY;
	}
	if (sk->sk_rcvlowat > 1 || mqtt_peek_off_set(sk)) {
		NL_SET_ERR_MSG(extack, "the socket has SO_RCVLOWAT or SO_PEEK_OFF set");
		return -EINVAL;
	}
	if (tp->urg_data) {
		NL_SET_ERR_MSG(extack, "urgent data is pending on the socket");
		return -EINVAL;
	}
	return 0;
}

/*
 * Behind the last byte that was received. A FIN that was received with it
 * stays so, which TCP knows by SOCK_DONE.
 */
static u32 mqtt_socket_read_end(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	bool fin = sk->sk_state == TCP_CLOSE_WAIT && tp->copied_seq == tp->rcv_nxt;

	return tp->copied_seq - fin;
}

/*
 * Make bytes that have been received last ready to be put back in front of the
 * receive queue. Returns 0, and the buffer, which is charged to the socket, in
 * @skb; NULL if there are none.
 */
static int mqtt_socket_residue(struct sock *sk, const void *data, u32 len,
			       struct sk_buff **skb, struct netlink_ext_ack *extack)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	*skb = NULL;
	if (!len)
		return 0;
	if (len > tp->bytes_received - (tp->rcv_nxt - mqtt_socket_read_end(sk))) {
		NL_SET_ERR_MSG(extack, "rx-residue is longer than what the socket has received");
		return -ERANGE;
	}
	*skb = mqtt_rxq_alloc(len, GFP_KERNEL);
	if (!*skb)
		return -ENOMEM;
	if (skb_store_bits(*skb, 0, data, len) || !mqtt_rxq_charge(sk, *skb)) {
		kfree_skb(*skb);
		NL_SET_ERR_MSG(extack, "no receive memory for rx-residue");
		return -ENOBUFS;
	}
	return 0;
}

/*
 * Holds the place of a ULP while a socket is attached. A setsockopt(TCP_ULP) that
 * was on its way into TCP when the operations changed looks here, under the
 * socket's lock, and is refused. Otherwise kTLS would take ours for TCP's and
 * build on them, for all TLS sockets to come.
 */
static const struct tcp_ulp_ops mqtt_socket_ulp = {
	.name = "mqtt",
};

/**
 * mqtt_socket_prepare() - all that may fail before a socket is hooked
 * @hook: result, for mqtt_socket_hook() or mqtt_socket_cancel()
 * @sock: socket that mqtt_socket_check() found good; the caller holds its file
 * @params: what the daemon says of the stream; may go when this returns
 * @extack: is told what is wrong
 *
 * Context: process; the socket locked by mqtt_socket_lock(), until it is hooked.
 * Return: 0; -ENOTCONN, -EBUSY or -EINVAL if the socket is in a state that is
 * refused; -ERANGE for a residue that was not received; -ENOMEM, -ENOBUFS.
 */
int mqtt_socket_prepare(struct mqtt_hook *hook, struct socket *sock,
			const struct mqtt_peer_params *params, struct netlink_ext_ack *extack)
{
	struct sock *sk = sock->sk;
	int err;

	err = mqtt_socket_hookable(sk, extack);
	if (err)
		return err;
	hook->sock = sock;
	hook->rx_skip = params->rx_skip;
	hook->tx_hold = params->tx_hold;
	hook->proto = mqtt_proto_get(sock);
	if (!hook->proto)
		return -ENOMEM;
	if (sk->sk_prot != hook->proto->base || sock->ops != hook->proto->base_ops) {
		NL_SET_ERR_MSG(extack, "the socket's operations are not TCP's own");
		return -EBUSY;
	}
	return mqtt_socket_residue(sk, params->residue, params->residue_len, &hook->residue,
				   extack);
}

/**
 * mqtt_socket_cancel() - the socket is not to be hooked after all
 * @hook: of mqtt_socket_prepare()
 *
 * Context: as that.
 */
void mqtt_socket_cancel(struct mqtt_hook *hook)
{
	kfree_skb(hook->residue);
}

/* The socket is locked. */
static void mqtt_socket_take(struct mqtt_peer *peer, const struct mqtt_hook *hook)
{
	struct sock *sk = peer->sk;

	mqtt_peer_hold(peer);
	mqtt_rx_start(peer, hook->rx_skip);

	write_lock_bh(&sk->sk_callback_lock);
	rcu_assign_sk_user_data(sk, peer);
	peer->saved_data_ready = sk->sk_data_ready;
	peer->saved_write_space = sk->sk_write_space;
	sk->sk_data_ready = mqtt_tcp_data_ready;
	sk->sk_write_space = mqtt_tcp_write_space;
	/* Whoever sees our operations sees the peer. */
	smp_store_release(&sk->sk_prot, (struct proto *)&peer->proto->prot);
	WRITE_ONCE(hook->sock->ops, &peer->proto->ops);
	WRITE_ONCE(inet_csk(sk)->icsk_ulp_ops, &mqtt_socket_ulp);
	write_unlock_bh(&sk->sk_callback_lock);
	/* Whoever sees it sees @peer->sk, see mqtt_event_put_peer(). */
	smp_store_release(&peer->hooked, true);
	mqtt_keepalive_start(peer);
}

/**
 * mqtt_socket_hook() - take over a peer's socket
 * @peer: peer, complete but for its socket and operations; if it has had another
 *	socket, nobody uses that any more
 * @hook: of mqtt_socket_prepare(); on an error it is still the caller's
 *
 * A hosted peer is not hosted any more if this succeeds. What has arrived already is
 * looked at when the caller calls mqtt_rx_data_ready(), without the router's lock.
 *
 * Context: process; the socket locked by mqtt_socket_lock(), and the router's lock is held.
 * Return: 0, and the socket holds a reference to @peer, and @peer to the socket;
 * -ENOMEM, and nothing has changed.
 */
int mqtt_socket_hook(struct mqtt_peer *peer, struct mqtt_hook *hook)
{
	struct sock *sk = hook->sock->sk, *before = peer->sk;
	int err;

	lockdep_assert_held(&peer->router->lock);
	/* As soon as it has a queue of its own the tasklet may look at its socket. */
	sock_hold(sk);
	peer->sk = sk;
	err = mqtt_tx_begin(peer, hook->tx_hold);
	if (err) {
		peer->sk = before;
		sock_put(sk);
		return err;
	}
	if (before)
		sock_put(before);
	peer->proto = hook->proto;
	if (hook->residue)
		mqtt_rxq_unread(sk, hook->residue, mqtt_socket_read_end(sk));
	mqtt_socket_take(peer, hook);
	/* Before anything can happen to it. */
	mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_ATTACH);
	return 0;
}

/**
 * mqtt_socket_unhook_locked() - give a socket back
 * @peer: peer, hooked
 *
 * A packet must not be half sent if the socket is to live on. The caller has
 * to close the peer's queue or let it go on elsewhere, and to call
 * mqtt_socket_forget().
 *
 * Context: process, the socket locked by lock_sock() or mqtt_socket_lock().
 */
void mqtt_socket_unhook_locked(struct mqtt_peer *peer)
{
	struct sock *sk = peer->sk;

	write_lock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(inet_csk(sk)->icsk_ulp_ops, NULL);
	WRITE_ONCE(sk->sk_prot, peer->proto->base);
	if (sk->sk_socket)
		WRITE_ONCE(sk->sk_socket->ops, peer->proto->base_ops);
	sk->sk_data_ready = peer->saved_data_ready;
	sk->sk_write_space = peer->saved_write_space;
	write_unlock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(peer->hooked, false);

	mqtt_keepalive_stop(peer);
	mqtt_rx_stop(peer);
	/* Threads that sleep in our operations go on in TCP's. */
	if (!sock_flag(sk, SOCK_DEAD)) {
		sk->sk_state_change(sk);
		sk->sk_data_ready(sk);
		sk->sk_write_space(sk);
	}
}

/**
 * mqtt_socket_unhook() - give a socket back for good unless somebody else has
 * @peer: peer
 *
 * Context: process, the socket not locked.
 * Return: true if this call did it; then mqtt_socket_forget() is to follow.
 */
bool mqtt_socket_unhook(struct mqtt_peer *peer)
{
	bool hooked;

	lock_sock(peer->sk);
	hooked = peer->hooked;
	if (hooked) {
		mqtt_socket_unhook_locked(peer);
		mqtt_tx_close(peer);
	}
	release_sock(peer->sk);
	return hooked;
}

/**
 * mqtt_socket_forget() - the last trace of a peer on its socket
 * @peer: peer, given back; loses the reference that the socket had
 *
 * Context: process. A grace period after the socket was given back, unless no
 * file refers to it any more.
 */
void mqtt_socket_forget(struct mqtt_peer *peer)
{
	struct sock *sk = peer->sk;

	write_lock_bh(&sk->sk_callback_lock);
	if (READ_ONCE(sk->sk_user_data) == peer)
		rcu_assign_sk_user_data(sk, NULL);
	write_unlock_bh(&sk->sk_callback_lock);
	mqtt_peer_put(peer);
}

/**
 * mqtt_socket_peer() - the peer that a socket is attached as
 * @sk: socket, not locked
 *
 * Return: the peer with a reference for the caller, or NULL.
 */
struct mqtt_peer *mqtt_socket_peer(struct sock *sk)
{
	struct mqtt_peer *peer;

	rcu_read_lock();
	peer = rcu_dereference_sk_user_data(sk);
	if (!peer || !mqtt_socket_attached(sk) ||
	    !refcount_inc_not_zero(&peer->refs))
		peer = NULL;
	rcu_read_unlock();
	return peer;
}

/* Nothing is attached and no thread is inside an operation. */
void mqtt_socket_module_exit(void)
{
	kfree(mqtt_protos[0]);
	kfree(mqtt_protos[1]);
}
