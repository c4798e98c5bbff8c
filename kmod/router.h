/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A network namespace's router: its topic table, peers, limits and counters.
 */
#ifndef _MQTT_ROUTER_H
#define _MQTT_ROUTER_H

#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rhashtable-types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <mqtt/trie.h>

#include "memory.h"
#include "acl.h"
#include "stats.h"

struct net;
struct netlink_ext_ack;
struct mqtt_peer;
struct sock;

#define MQTT_QUEUE_LIMIT_MIN		4096ULL
#define MQTT_QUEUE_LIMIT_MAX		U32_MAX
#define MQTT_QUEUE_LIMIT_DEFAULT	(16ULL << 20)
#define MQTT_PORTS_MAX			1024
#define MQTT_OFFLOAD_MAX_PACKET_MIN	64
#define MQTT_OFFLOAD_MAX_PACKET_MAX	BIT(20)
#define MQTT_OFFLOAD_MAX_PACKET_DEFAULT	(256U << 10)

/**
 * struct mqtt_router - a router
 * @net: its namespace, held
 * @refs: one of its namespace while it is the namespace's router, one of each
 *	peer and port, one of each operation on it
 * @lock: serialises changes: peers come and go, subscriptions, limits. Taken
 *	inside a socket's lock, never before one: see peer.c
 * @ended: no request finds it any more, and nothing is taken off its peers'
 *	sockets; set once
 * @dead: no peer can be attached; under @lock
 * @peers: by id; changed under @lock
 * @nr_peers: how many
 * @next_id: where to look for a free id
 * @ports: by id; changed under @lock
 * @nr_ports: how many
 * @trie: topic table; changed under @lock, read under RCU
 * @groups: of shared subscriptions, by filter and name; under @lock
 * @next_group: number of the next one
 * @nr_subs: subscriptions of all peers
 * @renumbered: how often a peer's subscriptions were numbered anew
 * @acls: sets of rules; changed under @lock
 * @queue_limit: default of peers attached from now on, bytes
 * @memory: of all queues
 * @offload_max_packet: longest packet that is forwarded here, bytes
 * @owner_portid: netlink socket that created it
 * @owner: the same, to be compared only: its portid is given away before the
 *	router hears of its death
 * @end_work: ends it in process context, when no request does
 * @end_retry: how long to wait before looking again at the sockets that are left, jiffies
 * @discarded: queues to be emptied, see discard.c
 * @discard_work: does that; has a reference while it is pending
 * @stats: counters
 * @free_work: frees it in process context
 */
struct mqtt_router {
	struct net *net;
	refcount_t refs;
	struct mutex lock;	/* see above */
	bool ended;
	bool dead;
	struct xarray peers;
	u32 nr_peers;
	u32 next_id;
	struct xarray ports;
	u32 nr_ports;
	struct mqtt_trie trie;
	struct rhashtable groups;
	u32 next_group;
	u32 nr_subs;
	u32 renumbered;
	struct mqtt_acls acls;
	u64 queue_limit;
	struct mqtt_memory memory;
	u32 offload_max_packet;
	u32 owner_portid;
	const struct sock *owner;
	struct mqtt_stats __percpu *stats;
	struct delayed_work end_work;
	unsigned long end_retry;
	struct llist_head discarded;
	struct work_struct discard_work;
	struct work_struct free_work;
};

struct mqtt_router *mqtt_router_new(struct net *net, const struct sock *owner, u32 portid);
struct mqtt_router *mqtt_router_get(struct net *net);
void mqtt_router_put(struct mqtt_router *router);
void mqtt_router_end(struct net *net, u32 portid, struct netlink_ext_ack *extack);
void mqtt_router_end_later(struct net *net, u32 portid);

/* Runs what packets' handlers put off; no work waits for a socket. */
extern struct workqueue_struct *mqtt_wq;
/* mqtt_socket_forget(), after a grace period */
extern struct workqueue_struct *mqtt_forget_wq;
/* Ends of routers; none waits for a socket there */
extern struct workqueue_struct *mqtt_end_wq;
/* Frees what may be very much, and waits for nothing. */
extern struct workqueue_struct *mqtt_free_wq;

int mqtt_router_module_init(void);
void mqtt_router_module_exit(void);

#endif /* _MQTT_ROUTER_H */
