// SPDX-License-Identifier: MIT
/*
 * The daemon's side of the kernel's router. One netlink socket owns the
 * router; it ends with the process. The process may use no other, so workers take
 * turns on it.
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
#include "router_helper.h"
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
		return "mqttd needs CAP_NET_ADMIN, and did not have it when it began";
	case -ECONNRESET:
	case -ETIMEDOUT:
		return "mqttd-router does not answer: a restart makes another one";
	case -EEXIST:
	case -EBUSY:
		return "another daemon owns the router of this network namespace";
	default:
		return "see the kernel's log";
	}
}

/* @said: by the kernel, "": there was no way to ask it. */
static void explain(char *why, const char *said, int err)
{
	const char *what = strerror(-err);

	if (*said)
		what = said;
	else if (err == -ENOENT)
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
	uint32_t id;
	int fd, err;

	limit = limit < PORT_QUEUE_MIN ? PORT_QUEUE_MIN : limit > UINT32_MAX ? UINT32_MAX : limit;
	err = mqtt_nl_port_add(owner, limit, &id, &fd);
	if (err)
		return err;
	err = port_open(worker, id, fd);
	if (err)
		close(fd);
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

/* By ourselves, while we may, or by the process that still may. */
static int make_router(struct broker *broker, struct mqtt_nl **nl, char *why)
{
	const struct mqtt_nl_router router = dataplane_router_limits(broker->conf);
	char said[DATAPLANE_WHY_MAX / 2];
	int err;

	if (broker->helpers.router_fd < 0) {
		err = mqtt_nl_open(nl);
		if (!err)
			err = mqtt_nl_router_new(*nl, &router);
		if (err)
			explain(why, *nl ? mqtt_nl_error(*nl) : "", err);
	} else {
		err = router_helper_ask(broker->helpers.router_fd, nl, said, sizeof(said));
		if (err)
			explain(why, said, err);
		else
			err = mqtt_nl_router_set(*nl, &router);
		if (err && *nl)
			explain(why, mqtt_nl_error(*nl), err);
	}
	return err;
}

int dataplane_start(struct broker *broker, char *why)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));
	struct mqtt_nl_limits limits;
	int err;

	if (!dp) {
		explain(why, "", -ENOMEM);
		return -ENOMEM;
	}
	pthread_mutex_init(&dp->lock, NULL);
	limits = dataplane_limits(broker->conf);
	memcpy(&dp->limits, &limits, sizeof(limits));
	err = make_router(broker, &dp->nl, why);
	if (err) {
		end(broker, dp);
		return err;
	}
	broker->dataplane = dp;
	err = open_ports(broker, dp->nl);
	if (!err)
		err = agent_enter(broker);
	if (err) {
		explain(why, mqtt_nl_error(dp->nl), err);
		end(broker, dp);
	}
	return err;
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

int dataplane_attach(struct worker *worker, struct mqtt_nl_attach *attach, uint32_t *peer)
{
	int err;

	attach->port = attach->fd < 0 ? worker->port.id : 0;
	err = mqtt_nl_peer_attach(owner_begin(worker->broker), attach, peer);
	return owner_end(worker->broker, err, err == -EBUSY ? err : -ENOTCONN,
			 "it does not take a client");
}

int dataplane_host(struct worker *worker, uint32_t peer)
{
	struct mqtt_nl *nl = owner_begin(worker->broker);

	return owner_end(worker->broker, mqtt_nl_peer_host(nl, peer, worker->port.id), -ENOBUFS,
			 "it does not give a client back");
}

int dataplane_detach(struct worker *worker, uint32_t peer)
{
	struct mqtt_nl *nl = owner_begin(worker->broker);

	return owner_end(worker->broker, mqtt_nl_peer_detach(nl, peer), -ENOENT,
			 "it does not let go of a client");
}

static int peer_set(struct worker *worker, uint32_t peer, const struct mqtt_nl_peer_set *set,
		    int quiet, const char *what)
{
	struct mqtt_nl *nl = owner_begin(worker->broker);

	return owner_end(worker->broker, mqtt_nl_peer_set(nl, peer, set), quiet, what);
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

	stats_sum(sum, &broker->routed);
	if (!broker->dataplane)
		return;
	nl = owner_begin(broker);
	owner_end(broker, mqtt_nl_stats_get(nl, add_counters, sum), 0,
		  "it does not tell its counters");
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
		nl = owner_begin(worker->broker);
		err = owner_end(worker->broker, call(nl, conn->peer, list, count), 0,
				"subscriptions");
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
