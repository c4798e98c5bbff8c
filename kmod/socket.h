/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking over a TCP socket and giving it back.
 */
#ifndef _MQTT_SOCKET_H
#define _MQTT_SOCKET_H

#include <linux/net.h>
#include <net/sock.h>

struct mqtt_peer;
struct mqtt_peer_params;
struct netlink_ext_ack;

/**
 * struct mqtt_proto - a socket's operations while it is attached
 * @base: operations before, and again after
 * @base_ops: the same of struct socket
 * @prot: a copy of @base with ours in some places
 * @ops: a copy of @base_ops likewise
 *
 * One for each address family, made when the first is needed. They stay until
 * the module goes, because a thread may still be on its way into them when a
 * socket is given back.
 */
struct mqtt_proto {
	struct proto *base;
	const struct proto_ops *base_ops;
	struct proto prot;
	struct proto_ops ops;
};

/**
 * struct mqtt_hook - a socket that is about to be hooked
 * @sock: it; the caller holds its file
 * @proto: operations that it is to have
 * @residue: bytes to be put back in front of its queue, charged, or NULL
 * @rx_skip: bytes at the head of the stream that are the daemon's
 * @tx_hold: nothing is to be sent yet
 */
struct mqtt_hook {
	struct socket *sock;
	const struct mqtt_proto *proto;
	struct sk_buff *residue;
	u32 rx_skip;
	bool tx_hold;
};

/* How long a request waits for a socket's owner, jiffies */
#define MQTT_SOCKET_WAIT	HZ

bool mqtt_socket_attached(const struct sock *sk);
int mqtt_socket_check(struct socket *sock, const struct net *net,
		      struct netlink_ext_ack *extack);
int mqtt_socket_prepare(struct mqtt_hook *hook, struct socket *sock,
			const struct mqtt_peer_params *params, struct netlink_ext_ack *extack);
void mqtt_socket_cancel(struct mqtt_hook *hook);
int mqtt_socket_hook(struct mqtt_peer *peer, struct mqtt_hook *hook);
bool mqtt_socket_unhook(struct mqtt_peer *peer);
void mqtt_socket_unhook_locked(struct mqtt_peer *peer);
void mqtt_socket_forget(struct mqtt_peer *peer);
struct mqtt_peer *mqtt_socket_peer(struct sock *sk);

/* socket_lock.c */
int mqtt_socket_lock(struct sock *sk, long *left, struct netlink_ext_ack *extack);

void mqtt_socket_module_exit(void);

#endif /* _MQTT_SOCKET_H */
