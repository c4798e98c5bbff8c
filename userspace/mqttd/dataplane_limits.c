// SPDX-License-Identifier: MIT
/*
 * Limits of the kernel's router and of its peers: what follows from the configuration.
 */
#include <string.h>
#include <unistd.h>
#include <linux/mqtt.h>

#include "config.h"
#include "dataplane.h"
#include "netlink.h"

/* Between these is the router's limit for packets that it takes. */
#define OFFLOAD_PACKET_MIN	64
#define OFFLOAD_PACKET_MAX	(1 << 20)
/* The kernel's least memory-limit */
#define MEMORY_LIMIT_MIN	65536

_Static_assert(SLOW_DROP_NEW == (int)MQTT_QUEUE_POLICY_DROP_NEW &&
	       SLOW_DROP_OLD == (int)MQTT_QUEUE_POLICY_DROP_OLD &&
	       SLOW_CONFLATE == (int)MQTT_QUEUE_POLICY_CONFLATE &&
	       SLOW_DISCONNECT == (int)MQTT_QUEUE_POLICY_DISCONNECT &&
	       RATE_WAIT == (int)MQTT_RATE_POLICY_WAIT && RATE_DROP == (int)MQTT_RATE_POLICY_DROP,
	       "policies have the kernel's numbers");

static int64_t lower(int64_t limit, int64_t other)
{
	return other && other < limit ? other : limit;
}

/* What is longer may have to be refused, and has to come here for that. */
static int64_t offload_max_packet(const struct config *conf)
{
	int64_t limit = lower(conf->offload_max_packet, conf->max_packet_size);

	return lower(lower(limit, conf->message_size_limit), OFFLOAD_PACKET_MAX);
}

/* Without a limit of ours there is the kernel's default, which is not to be had by asking. */
static uint64_t memory_limit(const struct config *conf)
{
	int64_t limit = conf->max_queued_bytes_total;

	if (!limit)
		limit = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 4;
	return limit < MEMORY_LIMIT_MIN ? MEMORY_LIMIT_MIN : limit;
}

struct mqtt_nl_router dataplane_router_limits(const struct config *conf)
{
	int64_t limit = offload_max_packet(conf);

	return (struct mqtt_nl_router){
		.queue_limit = conf->output_bytes,
		.offload_max_packet = limit < OFFLOAD_PACKET_MIN ? OFFLOAD_PACKET_MIN : limit,
		.memory_limit = memory_limit(conf),
	};
}

struct mqtt_nl_limits dataplane_limits(const struct config *conf)
{
	struct mqtt_nl_limits limits;

	memset(&limits, 0, sizeof(limits));
	limits.queue_bytes = conf->output_bytes;
	limits.queue_packets = conf->slow_consumer_messages;
	limits.queue_policy = conf->slow_consumer_policy;
	limits.rate_policy = conf->rate_policy;
	limits.pause = conf->slow_consumer_pause;
	limits.rate_packets = conf->message_rate;
	limits.rate_bytes = conf->byte_rate;
	return limits;
}

bool dataplane_keeps_limit(const struct config *conf)
{
	return !conf->message_size_limit || conf->message_size_limit >= OFFLOAD_PACKET_MIN;
}
