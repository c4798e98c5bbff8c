// SPDX-License-Identifier: MIT
/*
 * The daemon's side of the kernel's router. One netlink socket owns the
 * router; it ends with the process.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <linux/mqtt.h>
#include <mqtt/topic.h>

#include "dataplane.h"
#include "log.h"
#include "netlink.h"

/* The router's lowest limit for packets that it takes. */
#define OFFLOAD_PACKET_MIN 64

/**
 * struct dataplane - the router
 * @nl: its owner socket
 * @lock: serialises the requests on it
 */
struct dataplane {
	struct mqtt_nl *nl;
	pthread_mutex_t lock;
};

static int router_new(struct mqtt_nl *nl, const struct config *conf)
{
	struct mqtt_nl_router router = { .queue_limit = conf->max_queued_bytes };

	/* Longer ones have to come here to be refused. */
	if (conf->max_packet_size && conf->max_packet_size < 256 << 10)
		router.offload_max_packet = conf->max_packet_size < OFFLOAD_PACKET_MIN ?
					    OFFLOAD_PACKET_MIN : conf->max_packet_size;
	return mqtt_nl_router_new(nl, &router);
}

static const char *advice(int err)
{
	switch (err) {
	case -ENOENT:
		return "load the module first (modprobe mqtt, or insmod mqtt.ko)";
	case -EPERM:
	case -EACCES:
		return "CAP_NET_ADMIN is needed";
	case -EEXIST:
	case -EBUSY:
		return "another daemon owns the router of this network namespace";
	default:
		return "see the kernel's log";
	}
}

/* @nl is NULL if there is no way to talk to the module at all. */
static int unavailable(const struct config *conf, const struct mqtt_nl *nl, int err)
{
	const char *why = strerror(-err);

	if (nl)
		why = mqtt_nl_error(nl);
	else if (err == -ENOENT)
		why = "the module mqtt is not loaded";
	if (conf->dataplane == DATAPLANE_KERNEL) {
		log_printf(LOG_TYPE_ERROR,
			   "Error: dataplane kernel, but it is not available: %s; %s.",
			   why, advice(err));
		return err;
	}
	log_printf(LOG_TYPE_NOTICE, "Kernel data plane off, mqttd routes itself: %s.", why);
	return 0;
}

int dataplane_open(struct dataplane **dp, const struct config *conf)
{
	struct mqtt_nl *nl = NULL;
	int err;

	*dp = NULL;
	if (conf->dataplane == DATAPLANE_USER) {
		log_printf(LOG_TYPE_NOTICE,
			   "Kernel data plane off, mqttd routes itself: dataplane user.");
		return 0;
	}
	err = mqtt_nl_open(&nl);
	if (!err)
		err = router_new(nl, conf);
	if (!err) {
		*dp = calloc(1, sizeof(**dp));
		if (!*dp)
			err = -ENOMEM;
	}
	if (err) {
		err = unavailable(conf, nl, err);
		mqtt_nl_close(nl);
		return err;
	}
	(*dp)->nl = nl;
	pthread_mutex_init(&(*dp)->lock, NULL);
	log_printf(LOG_TYPE_NOTICE, "kernel data plane on (module mqtt)");
	return 0;
}

void dataplane_close(struct dataplane *dp)
{
	if (!dp)
		return;
	mqtt_nl_close(dp->nl);
	pthread_mutex_destroy(&dp->lock);
	free(dp);
}

int dataplane_attach(struct dataplane *dp, struct conn *conn, const char *id,
		     const void *residue, size_t len)
{
	struct mqtt_nl_attach attach = {
		.fd = conn->fd,
		.protocol = MQTT_PROTOCOL_V311,
		.client_id = id,
		.rx_residue = len ? residue : NULL,
		.rx_residue_len = len,
	};
	int err;

	pthread_mutex_lock(&dp->lock);
	err = mqtt_nl_peer_attach(dp->nl, &attach, &conn->peer);
	if (err && err != -ENOTCONN)
		log_limited(LOG_TYPE_ERROR, "Error: the kernel does not take client %s: %s.",
			    id, mqtt_nl_error(dp->nl));
	pthread_mutex_unlock(&dp->lock);
	if (!err)
		conn->transport = &transport_offloaded;
	return err;
}

static bool offloaded(const struct conn *conn)
{
	return conn->transport == &transport_offloaded;
}

bool dataplane_takes_filter(const struct conn *conn, const u8 *filter, size_t len)
{
	return !offloaded(conn) || (len <= MQTT_FILTER_MAX &&
				    mqtt_topic_levels(filter, len) <= MQTT_FILTER_LEVELS_MAX);
}

typedef int (*sub_request)(struct mqtt_nl *nl, uint32_t peer_id,
			   const struct mqtt_nl_filter *filters, size_t n);

static int request(struct dataplane *dp, const struct conn *conn, sub_request call,
		   const struct session_filter *filters, size_t n)
{
	struct mqtt_nl_filter *list;
	size_t count = 0, i;
	int err = 0;

	if (!offloaded(conn))
		return 0;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		if (filters[i].changed)
			list[count++] = (struct mqtt_nl_filter){ .filter = filters[i].filter,
								 .len = filters[i].len };
	if (count) {
		pthread_mutex_lock(&dp->lock);
		err = call(dp->nl, conn->peer, list, count);
		if (err)
			log_limited(LOG_TYPE_ERROR, "Error: kernel data plane: %s.",
				    mqtt_nl_error(dp->nl));
		pthread_mutex_unlock(&dp->lock);
	}
	free(list);
	return err;
}

int dataplane_subscribe(struct dataplane *dp, const struct conn *conn,
			const struct session_filter *filters, size_t n)
{
	return request(dp, conn, mqtt_nl_sub_add, filters, n);
}

int dataplane_unsubscribe(struct dataplane *dp, const struct conn *conn,
			  const struct session_filter *filters, size_t n)
{
	return request(dp, conn, mqtt_nl_sub_del, filters, n);
}
