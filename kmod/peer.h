/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connected client whose TCP socket is attached to a router.
 */
#ifndef _MQTT_PEER_H
#define _MQTT_PEER_H

#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <mqtt/match.h>
#include <mqtt/trie.h>

#include "acl.h"
#include "alias.h"
#include "keepalive.h"
#include "limits.h"
#include "rx.h"
#include "sub.h"
#include "tx.h"

struct mqtt_router;
struct mqtt_pins;
struct mqtt_port;
struct mqtt_proto;
struct netlink_ext_ack;
struct nlattr;
struct socket;
struct sock;

/**
 * struct mqtt_peer - a client
 * @sk: its socket, held until the peer is freed or gets another one; NULL if
 *	it has not been offloaded yet. Changes under @router->lock while it is hosted
 *	and settled, see host.c
 * @router: its router, held
 * @id: its number, of @router->peers
 * @refs: one of the router while it is listed, one of the socket while it is
 *	hooked, one of every pending work and timer and every thread inside our
 *	operations
 * @listed: is in @router->peers; under @router->lock
 * @hooked: the socket calls us; under the socket's lock
 * @proto: operations that the socket has while hooked, and those before
 * @saved_data_ready: as found at attach
 * @saved_write_space: as found at attach
 * @protocol: enum mqtt_protocol
 * @special: MQTT_SPECIAL_*: what it has among its subscriptions outside of groups;
 *	changed under @router->lock
 * @limits: its limits; changed under @router->lock and @tx.lock
 * @acls: who may publish and get what, NULL: everything; changed under
 *	@router->lock
 * @aliases: topic aliases of what it publishes
 * @pins: counts what shared payloads of its pin, or NULL; under the socket's lock
 * @match: who was to get what it published last; under the socket's lock
 * @rx: receive side
 * @tx: transmit side
 * @keepalive: watches whether the client is silent
 * @subs: its subscriptions, by age; under @router->lock
 * @nr_subs: length of @subs
 * @next_sub_seq: number of the next one
 * @nr_ids: how many of them, outside of groups, have an id
 * @nr_raps: likewise, are retain-as-published
 * @client_id: text for people
 * @hosted: in its port's list while it is hosted, which @tx.port tells; under
 *	@router->lock
 * @offloading: somebody is about to give it a socket; likewise
 * @forget: mqtt_socket_forget() after a grace period
 * @rcu: for freeing
 * @stamps: per CPU, the last message that was given to this peer there, to
 *	give it one copy however many of its filters match; see copy.h
 */
struct mqtt_peer {
	struct sock *sk;
	struct mqtt_router *router;
	const struct mqtt_proto *proto;
	void (*saved_data_ready)(struct sock *sk);
	void (*saved_write_space)(struct sock *sk);
	u32 id;
	refcount_t refs;
	u8 protocol;
	u8 special;
	bool listed;
	bool hooked;
	bool offloading;

	struct mqtt_limits limits;
	struct mqtt_acl_chain __rcu *acls;
	struct mqtt_aliases aliases;
	struct mqtt_pins *pins;
	struct mqtt_match match;
	struct mqtt_rx rx;
	struct mqtt_tx tx;
	struct mqtt_keepalive keepalive;

	struct list_head subs;
	u32 nr_subs;
	u32 next_sub_seq;
	u32 nr_ids;
	u32 nr_raps;
	char *client_id;
	struct list_head hosted;
	struct rcu_work forget;
	struct rcu_head rcu;
	u64 stamps[];
};

/* Under the router's lock. */
static inline bool mqtt_peer_is_hosted(const struct mqtt_peer *peer)
{
	return peer->tx.port;
}

/* What a daemon says about a client at attach. */
struct mqtt_peer_params {
	const char *client_id;
	struct mqtt_limits limits;	/* queue_bytes may be 0: the router's */
	u32 max_packet;			/* bytes, 0: any */
	u16 keep_alive;			/* seconds, 0: for ever */
	u16 topic_alias_max;		/* 0 unless protocol is 5.0 */
	u8 protocol;			/* enum mqtt_protocol */
	const struct nlattr *acls;	/* MQTT_A_PEER_ACLS, or NULL */
	/* of the connection */
	const void *residue;
	u32 residue_len;
	u32 rx_skip;
	bool tx_hold;
};

struct mqtt_peer *mqtt_peer_new(struct mqtt_router *router,
				const struct mqtt_peer_params *params,
				struct netlink_ext_ack *extack);
void mqtt_peer_list(struct mqtt_peer *peer);
void mqtt_peer_set_limits(struct mqtt_peer *peer, const struct mqtt_limits *limits);
int mqtt_peer_attach(struct mqtt_router *router, struct socket *sock,
		     const struct mqtt_peer_params *params, u32 *id,
		     struct netlink_ext_ack *extack);
int mqtt_peer_detach(struct mqtt_router *router, u32 id, struct netlink_ext_ack *extack);
struct mqtt_peer *mqtt_peer_lock(struct mqtt_router *router, u32 id, long wait, struct sock **sk,
				 struct netlink_ext_ack *extack);
void mqtt_peer_unlock(struct mqtt_router *router, struct sock *sk);
struct mqtt_peer *mqtt_peer_find(struct mqtt_router *router, u32 id,
				 struct netlink_ext_ack *extack);
void mqtt_peer_close(struct mqtt_peer *peer);
void mqtt_peer_end(struct mqtt_peer *peer);
bool mqtt_peer_end_all(struct mqtt_router *router);
void mqtt_peer_free(struct mqtt_peer *peer);
int mqtt_peer_module_init(void);
void mqtt_peer_module_exit(void);

/* host.c */
int mqtt_peer_attach_hosted(struct mqtt_router *router, u32 port_id,
			    const struct mqtt_peer_params *params, u32 *id,
			    struct netlink_ext_ack *extack);
int mqtt_peer_offload(struct mqtt_router *router, u32 id, struct socket *sock,
		      const struct mqtt_peer_params *params, struct netlink_ext_ack *extack);
int mqtt_peer_host(struct mqtt_router *router, u32 id, u32 port_id,
		   struct netlink_ext_ack *extack);
void mqtt_peer_unhost(struct mqtt_peer *peer);
void mqtt_peer_end_hosted(struct mqtt_port *port);
void mqtt_peer_forget_flush(struct socket *sock);

static inline void mqtt_peer_hold(struct mqtt_peer *peer)
{
	refcount_inc(&peer->refs);
}

static inline void mqtt_peer_put(struct mqtt_peer *peer)
{
	if (refcount_dec_and_test(&peer->refs))
		mqtt_peer_free(peer);
}

#endif /* _MQTT_PEER_H */
