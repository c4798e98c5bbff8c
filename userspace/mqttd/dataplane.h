/* SPDX-License-Identifier: MIT */
/*
 * The kernel data plane, as seen by the daemon: the only way to the module but
 * for the records of ports.
 *
 * There is a router, or none; that changes only while no worker runs. With it
 * every worker has a port, and every connected client is a peer. Requests are
 * for the client's worker; they wait for the kernel's answer, which is short.
 */
#ifndef MQTTD_DATAPLANE_H
#define MQTTD_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "subscribe.h"

struct broker;
struct config;
struct conn;
struct mqtt_nl_acl_rule;
struct mqtt_nl_attach;
struct mqtt_nl_filter;
struct mqtt_nl_limits;
struct mqtt_nl_router;
struct stats;
struct worker;

#define DATAPLANE_WHY_MAX 512

/**
 * dataplane_start() - create the router, and a port for each worker
 * @broker: whose workers do not run; @broker->dataplane is set on success
 * @why: DATAPLANE_WHY_MAX bytes: what is wrong and what can be done, a sentence
 *	without its full stop
 *
 * Return: 0 or -errno.
 */
int dataplane_start(struct broker *broker, char *why);

/*
 * Ends the router, unless that is @lost, and the ports. No client is a peer any
 * more. Fine if there is none.
 */
void dataplane_stop(struct broker *broker, bool lost);

/**
 * dataplane_attach() - make a client a peer, or a hosted one offloaded
 * @worker: the client's
 * @attach: all but @port, which is the worker's if @attach->fd is negative
 * @peer: result, the kernel's number
 *
 * Return: 0; -ENOTCONN if the connection has broken; another -errno, and the log
 * says why.
 */
int dataplane_attach(struct worker *worker, struct mqtt_nl_attach *attach, uint32_t *peer);

/* An offloaded peer becomes hosted on the worker's port. */
int dataplane_host(struct worker *worker, uint32_t peer);
/* A hosted peer ends. */
int dataplane_detach(struct worker *worker, uint32_t peer);
/* The kernel may send what it has for a peer that was attached with tx_hold. */
int dataplane_send(struct worker *worker, uint32_t peer);

/* The kernel queues for an offloaded peer until dataplane_send(). -ENOBUFS: not now. */
int dataplane_hold(struct worker *worker, uint32_t peer);

/*
 * A set of rules, and its end: none of them says more than they do. Any thread, while
 * there is a router; not of two threads with one @id at a time. That a set is refused
 * is the caller's to log.
 */
int dataplane_acl_set(struct broker *broker, uint32_t id, uint8_t fallback,
		      const struct mqtt_nl_acl_rule *rules, size_t n);
int dataplane_acl_del(struct broker *broker, uint32_t id);

/* A peer has these sets now, MQTT_PEER_ACLS_MAX with 0 behind the last one. */
int dataplane_give_acls(struct worker *worker, uint32_t peer, const uint32_t *ids);

/* The configuration has changed. Main thread. */
void dataplane_reload(struct broker *broker);

/* Below: dataplane_limits.c. What the router is kept to. */
struct mqtt_nl_router dataplane_router_limits(const struct config *conf);

/*
 * What clients are kept to; and of one that is a peer, anew, after
 * @broker->limits_generation has changed.
 */
struct mqtt_nl_limits dataplane_limits(const struct config *conf);
int dataplane_set_limits(struct worker *worker, uint32_t peer);

/* Does the router send what is longer than message_size_limit to the daemon? */
bool dataplane_keeps_limit(const struct config *conf);
/*
 * Does the router route messages with this topic? The others are routed by the
 * daemon alone, and a filter that the router's topic table does not take (see
 * dataplane_filter_fits()) can match only these.
 */
bool dataplane_routes(const u8 *topic, size_t len);
bool dataplane_filter_fits(const u8 *filter, size_t len);

/*
 * Does the router decide how a peer gets a message? With upgrade_outgoing_qos it
 * cannot: then it is not told of subscription identifiers and retain-as-published, and
 * clients with something of the kind are hosted and served as the trie says.
 */
bool dataplane_decides(const struct config *conf);

/* A subscription in the router's terms. Returns false if the router is not to have it. */
bool dataplane_describe_filter(const struct config *conf, const struct session_filter *f,
			       struct mqtt_nl_filter *to);

/* Adds what the kernel has counted since the broker began, in routers that are gone as well. */
void dataplane_stats(struct worker *worker, struct stats *sum);

/* Of @filters those that have changed and that fit; for @conn that is no peer nothing is done. */
int dataplane_subscribe(struct worker *worker, const struct conn *conn,
			const struct session_filter *filters, size_t n);
int dataplane_unsubscribe(struct worker *worker, const struct conn *conn,
			  const struct session_filter *filters, size_t n);

/*
 * For the agent: a peer that is hosted on the first worker's port, and its
 * subscriptions. Any thread, while there is a router.
 */
int dataplane_agent_attach(struct broker *broker, uint32_t *peer);
int dataplane_agent_detach(struct broker *broker, uint32_t peer);
int dataplane_agent_subscribe(struct broker *broker, uint32_t peer,
			      const struct mqtt_nl_filter *filters, size_t n);
int dataplane_agent_unsubscribe(struct broker *broker, uint32_t peer,
				const struct mqtt_nl_filter *filters, size_t n);

#endif /* MQTTD_DATAPLANE_H */
