// SPDX-License-Identifier: MIT
/*
 * The daemon's side of the kernel's router. One netlink socket owns the
 * router; it ends with the process. Workers have sockets of their own, as long
 * as the process is allowed to use them; else they take turns on the owner.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/mqtt.h>
#include <mqtt/topic.h>

#include "agent.h"
#include "broker.h"
#include "dataplane.h"
#include "log.h"
#include "netlink.h"
#include "transport.h"
#include "worker.h"

/* One slow client's backlog must not fill a port that others use, too. */
#define PORT_BACKLOGS		4
#define PORT_QUEUE_MIN		(64ll << 20)

/**
 * struct dataplane - the router
 * @nl: its owner socket
 * @lock: serialises the requests on it
 * @limits: of clients, as they were told last
 */
struct dataplane {
	struct mqtt_nl *nl;
	pthread_mutex_t lock;
	struct mqtt_nl_limits limits;
};

/* Beginning and end */

static const char *advice(int err)
{
	switch (err) {
	case -ENOENT:
		return "load the module first (modprobe mqtt, or insmod mqtt.ko)";
	case -EPERM:
	case -EACCES:
		return "mqttd needs CAP_NET_ADMIN, and does not have it";
	case -EEXIST:
	case -EBUSY:
		return "another daemon owns the router of this network namespace";
	default:
		return "see the kernel's log";
	}
}

/* @nl is NULL if there is no way to talk to the module at all. */
static void explain(char *why, const struct mqtt_nl *nl, int err)
{
	const char *what = strerror(-err);

	if (nl && *mqtt_nl_error(nl))
		what = mqtt_nl_error(nl);
	else if (!nl && err == -ENOENT)
		what = "the module mqtt is not loaded";
	snprintf(why, DATAPLANE_WHY_MAX, "%s; %s", what, advice(err));
}

/* On the owner's socket: @err is what the request returned. */
static int owner_end(struct broker *broker, int err, int quiet, const char *what)
{
	struct dataplane *dp = broker->dataplane;

	if (err && err != quiet)
		log_limited(LOG_TYPE_ERROR, "Error: kernel data plane: %s: %s.", what,
			    mqtt_nl_error(dp->nl));
	pthread_mutex_unlock(&dp->lock);
	return err;
}

static struct mqtt_nl *owner_begin(struct broker *broker)
{
	pthread_mutex_lock(&broker->dataplane->lock);
	return broker->dataplane->nl;
}

void dataplane_reload(struct broker *broker)
{
	struct mqtt_nl_router router = dataplane_router_limits(broker->conf);
	struct dataplane *dp = broker->dataplane;
	struct mqtt_nl_limits limits;

	if (!dp)
		return;
	owner_end(broker, mqtt_nl_router_set(owner_begin(broker), &router), 0,
		  "it does not take other limits");
	limits = dataplane_limits(broker->conf);
	if (!memcmp(&limits, &dp->limits, sizeof(limits)))
		return;
	memcpy(&dp->limits, &limits, sizeof(limits));
	__atomic_add_fetch(&broker->limits_generation, 1, __ATOMIC_RELEASE);
}

static int open_port(struct broker *broker, struct mqtt_nl *owner, struct worker *worker)
{
	int64_t limit = broker->conf->output_bytes * PORT_BACKLOGS;
	struct mqtt_nl *own;
	uint32_t id;
	int fd, err;

	limit = limit < PORT_QUEUE_MIN ? PORT_QUEUE_MIN : limit > UINT32_MAX ? UINT32_MAX : limit;
	err = mqtt_nl_port_add(owner, limit, &id, &fd);
	if (err)
		return err;
	if (mqtt_nl_open(&own))
		own = NULL;
	err = port_open(worker, id, fd, own);
	if (err) {
		mqtt_nl_close(own);
		close(fd);
	}
	return err;
}

static int open_ports(struct broker *broker, struct mqtt_nl *owner)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < broker->n_workers && !err; i++)
		err = open_port(broker, owner, &broker->workers[i]);
	return err;
}

static void close_ports(struct broker *broker)
{
	unsigned int i;

	for (i = 0; i < broker->n_workers; i++)
		port_close(&broker->workers[i]);
}

/* The router ends with its owner at the latest. */
static void end(struct broker *broker, struct dataplane *dp)
{
	broker->dataplane = NULL;
	close_ports(broker);
	mqtt_nl_close(dp->nl);
	pthread_mutex_destroy(&dp->lock);
	free(dp);
}

int dataplane_start(struct broker *broker, char *why)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));
	int err = dp ? mqtt_nl_open(&dp->nl) : -ENOMEM;
	struct mqtt_nl_limits limits;
	struct mqtt_nl_router router;

	if (err) {
		explain(why, NULL, err);
		free(dp);
		return err;
	}
	pthread_mutex_init(&dp->lock, NULL);
	router = dataplane_router_limits(broker->conf);
	limits = dataplane_limits(broker->conf);
	memcpy(&dp->limits, &limits, sizeof(limits));
	err = mqtt_nl_router_new(dp->nl, &router);
	if (!err) {
		broker->dataplane = dp;
		err = open_ports(broker, dp->nl);
	}
	if (!err)
		err = agent_enter(broker);
	if (err) {
		explain(why, dp->nl, err);
		end(broker, dp);
		return err;
	}
	return 0;
}

/* What the router counts, in the daemon's terms. A ping has two bytes. */
static const struct counter {
	int attr;
	enum stat stat;
	unsigned int factor;
} counters[] = {
	{ MQTT_A_STATS_RX_PACKETS, STAT_PACKETS_RECEIVED, 1 },
	{ MQTT_A_STATS_RX_PACKETS, STAT_PUBLISH_RECEIVED, 1 },
	{ MQTT_A_STATS_RX_BYTES, STAT_BYTES_RECEIVED, 1 },
	{ MQTT_A_STATS_RX_BYTES, STAT_PUBLISH_BYTES_RECEIVED, 1 },
	{ MQTT_A_STATS_RX_PINGS, STAT_PACKETS_RECEIVED, 1 },
	{ MQTT_A_STATS_RX_PINGS, STAT_BYTES_RECEIVED, 2 },
	{ MQTT_A_STATS_TX_PACKETS, STAT_PUBLISH_SENT, 1 },
	{ MQTT_A_STATS_TX_BYTES, STAT_BYTES_SENT, 1 },
	{ MQTT_A_STATS_TX_BYTES, STAT_PUBLISH_BYTES_SENT, 1 },
	{ MQTT_A_STATS_TX_PINGS, STAT_ANSWERS_SENT, 1 },
	{ MQTT_A_STATS_TX_PINGS, STAT_BYTES_SENT, 2 },
	{ MQTT_A_STATS_DROP_QUEUE_FULL, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_PORT_FULL, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_NO_MEMORY, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_BUDGET, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_OLD, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_OLD, STAT_DROPPED_OLD, 1 },
	{ MQTT_A_STATS_DROP_CONFLATED, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_CONFLATED, STAT_DROPPED_CONFLATED, 1 },
	{ MQTT_A_STATS_DROP_SLOW, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_SLOW, STAT_DROPPED_SLOW, 1 },
	{ MQTT_A_STATS_DROP_ROUTER_FULL, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_ROUTER_FULL, STAT_DROPPED_TOTAL, 1 },
	{ MQTT_A_STATS_DROP_RATE, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_RATE, STAT_DROPPED_RATE, 1 },
	{ MQTT_A_STATS_RX_RATE_WAITS, STAT_RATE_HOLDS, 1 },
	{ MQTT_A_STATS_RX_PAUSES, STAT_PAUSES, 1 },
	{ MQTT_A_STATS_DROP_TOO_LARGE, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_DENIED_PUBLISH, STAT_PUBLISH_DROPPED, 1 },
	{ MQTT_A_STATS_DROP_TOO_LARGE, STAT_PUBLISH_TOO_LONG, 1 },
};

static int add_counters(struct nlattr **attrs, void *arg)
{
	const struct counter *counter;
	struct stats *sum = arg;
	size_t i;

	for (i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		counter = &counters[i];
		if (attrs[counter->attr])
			sum->value[counter->stat] += counter->factor *
						     nla_get_u64(attrs[counter->attr]);
	}
	return 0;
}

/*
 * By request, so that it has ended when this returns and another one can be
 * made; that ports and sockets then end one by one is no work any more. A
 * request is for the router that there is: once ours is @lost that may be
 * somebody else's.
 */
void dataplane_stop(struct broker *broker, bool lost)
{
	struct dataplane *dp = broker->dataplane;

	if (!dp)
		return;
	if (!lost) {
		mqtt_nl_stats_get(dp->nl, add_counters, &broker->routed);
		mqtt_nl_router_del(dp->nl);
	}
	agent_forget(broker);
	acl_sets_forget(&broker->acl_sets);
	end(broker, dp);
}

/* Requests */

static struct mqtt_nl *request_begin(struct worker *worker)
{
	struct dataplane *dp = worker->broker->dataplane;

	if (worker->port.nl)
		return worker->port.nl;
	pthread_mutex_lock(&dp->lock);
	return dp->nl;
}

/*
 * The log gets a line unless @err is 0 or @quiet. Returns whether the request is
 * to be made again: the worker's own socket is not good enough.
 */
static bool request_again(struct worker *worker, struct mqtt_nl *nl, int err, int quiet,
			  const char *what)
{
	bool again = err == -EPERM && nl == worker->port.nl;

	if (err && err != quiet && !again)
		log_limited(LOG_TYPE_ERROR, "Error: kernel data plane: %s: %s.", what,
			    mqtt_nl_error(nl));
	if (nl != worker->port.nl)
		pthread_mutex_unlock(&worker->broker->dataplane->lock);
	if (again) {
		mqtt_nl_close(worker->port.nl);
		worker->port.nl = NULL;
	}
	return again;
}

int dataplane_attach(struct worker *worker, struct mqtt_nl_attach *attach, uint32_t *peer)
{
	struct mqtt_nl *nl;
	int err;

	attach->port = attach->fd < 0 ? worker->port.id : 0;
	do {
		nl = request_begin(worker);
		err = mqtt_nl_peer_attach(nl, attach, peer);
	} while (request_again(worker, nl, err, err == -EBUSY ? err : -ENOTCONN,
			       "it does not take a client"));
	return err;
}

int dataplane_host(struct worker *worker, uint32_t peer)
{
	struct mqtt_nl *nl;
	int err;

	do {
		nl = request_begin(worker);
		err = mqtt_nl_peer_host(nl, peer, worker->port.id);
	} while (request_again(worker, nl, err, -ENOBUFS, "it does not give a client back"));
	return err;
}

int dataplane_detach(struct worker *worker, uint32_t peer)
{
	struct mqtt_nl *nl;
	int err;

	do {
		nl = request_begin(worker);
		err = mqtt_nl_peer_detach(nl, peer);
	} while (request_again(worker, nl, err, -ENOENT, "it does not let go of a client"));
	return err;
}

static int peer_set(struct worker *worker, uint32_t peer, const struct mqtt_nl_peer_set *set,
		    int quiet, const char *what)
{
	struct mqtt_nl *nl;
	int err;

	do {
		nl = request_begin(worker);
		err = mqtt_nl_peer_set(nl, peer, set);
	} while (request_again(worker, nl, err, quiet, what));
	return err;
}

static int set_hold(struct worker *worker, uint32_t peer, uint8_t hold, int quiet,
		    const char *what)
{
	const struct mqtt_nl_peer_set set = { .tx_hold = &hold };

	return peer_set(worker, peer, &set, quiet, what);
}

int dataplane_set_limits(struct worker *worker, uint32_t peer)
{
	const struct mqtt_nl_limits limits = dataplane_limits(worker->broker->conf);
	const struct mqtt_nl_peer_set set = {
		.queue_limit = &limits.queue_bytes,
		.queue_packets = &limits.queue_packets,
		.queue_policy = &limits.queue_policy,
		.pause = &limits.pause,
		.rate_packets = &limits.rate_packets,
		.rate_bytes = &limits.rate_bytes,
		.rate_policy = &limits.rate_policy,
	};

	return peer_set(worker, peer, &set, -ENOENT, "it does not take other limits of a client");
}

int dataplane_hold(struct worker *worker, uint32_t peer)
{
	return set_hold(worker, peer, 1, -ENOBUFS, "it does not let a client wait");
}

int dataplane_send(struct worker *worker, uint32_t peer)
{
	return set_hold(worker, peer, 0, 0, "it does not begin to send");
}

int dataplane_give_acls(struct worker *worker, uint32_t peer, const uint32_t *ids)
{
	const struct mqtt_nl_peer_set set = { .acls = ids };

	return peer_set(worker, peer, &set, -ENOENT, "it does not change permissions");
}

int dataplane_acl_set(struct broker *broker, uint32_t id, uint8_t fallback,
		      const struct mqtt_nl_acl_rule *rules, size_t n)
{
	struct mqtt_nl *nl = owner_begin(broker);
	int err = mqtt_nl_acl_set(nl, id, fallback, rules, n);

	/* The caller says whom it concerns. */
	return owner_end(broker, err, err, NULL);
}

int dataplane_acl_del(struct broker *broker, uint32_t id)
{
	struct mqtt_nl *nl = owner_begin(broker);

	return owner_end(broker, mqtt_nl_acl_del(nl, id), -EBUSY, "permissions that nobody has");
}

void dataplane_stats(struct worker *worker, struct stats *sum)
{
	struct broker *broker = worker->broker;
	struct mqtt_nl *nl;
	int err;

	stats_sum(sum, &broker->routed);
	if (!broker->dataplane)
		return;
	do {
		nl = request_begin(worker);
		err = mqtt_nl_stats_get(nl, add_counters, sum);
	} while (request_again(worker, nl, err, 0, "it does not tell its counters"));
}

/* Subscriptions */

typedef int (*sub_request)(struct mqtt_nl *nl, uint32_t peer_id,
			   const struct mqtt_nl_filter *filters, size_t n);

static int request(struct worker *worker, const struct conn *conn, sub_request call,
		   const struct session_filter *filters, size_t n)
{
	struct mqtt_nl_filter *list;
	size_t count = 0, i;
	struct mqtt_nl *nl;
	int err = 0;

	if (!conn->peer || !n)
		return 0;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		if (filters[i].changed &&
		    dataplane_describe_filter(worker->broker->conf, &filters[i], &list[count]))
			count++;
	/* What was published before has the subscriptions of before. */
	port_flush(worker);
	if (count) {
		do {
			nl = request_begin(worker);
			err = call(nl, conn->peer, list, count);
		} while (request_again(worker, nl, err, 0, "subscriptions"));
	}
	free(list);
	return err;
}

int dataplane_subscribe(struct worker *worker, const struct conn *conn,
			const struct session_filter *filters, size_t n)
{
	return request(worker, conn, mqtt_nl_sub_add, filters, n);
}

int dataplane_unsubscribe(struct worker *worker, const struct conn *conn,
			  const struct session_filter *filters, size_t n)
{
	return request(worker, conn, mqtt_nl_sub_del, filters, n);
}

/* The agent */

int dataplane_agent_attach(struct broker *broker, uint32_t *peer)
{
	/* With properties: those who do not want them get the message without. */
	const struct mqtt_nl_attach attach = {
		.fd = -1,
		.port = broker->workers[0].port.id,
		.protocol = MQTT_PROTOCOL_V5,
		.client_id = "$agent",
	};
	struct mqtt_nl *nl = owner_begin(broker);

	return owner_end(broker, mqtt_nl_peer_attach(nl, &attach, peer), 0,
			 "it does not take the agent");
}

int dataplane_agent_detach(struct broker *broker, uint32_t peer)
{
	struct mqtt_nl *nl = owner_begin(broker);

	return owner_end(broker, mqtt_nl_peer_detach(nl, peer), -ENOENT,
			 "it does not let go of the agent");
}

int dataplane_agent_subscribe(struct broker *broker, uint32_t peer,
			      const struct mqtt_nl_filter *filters, size_t n)
{
	struct mqtt_nl *nl = owner_begin(broker);

	return owner_end(broker, n ? mqtt_nl_sub_add(nl, peer, filters, n) : 0, -ENOENT,
			 "subscriptions of the agent");
}

int dataplane_agent_unsubscribe(struct broker *broker, uint32_t peer,
				const struct mqtt_nl_filter *filters, size_t n)
{
	struct mqtt_nl *nl = owner_begin(broker);

	return owner_end(broker, mqtt_nl_sub_del(nl, peer, filters, n), -ENOENT,
			 "subscriptions of the agent");
}
