// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters of a router, summed up for netlink.
 */
#include <linux/netdevice.h>
#include <net/netlink.h>

#include "stats.h"

/**
 * mqtt_stats_alloc() - a set of counters, all zero
 *
 * Context: may sleep.
 * Return: to be freed with free_percpu(), or NULL.
 */
struct mqtt_stats __percpu *mqtt_stats_alloc(void)
{
	return netdev_alloc_pcpu_stats(struct mqtt_stats);
}

/* @member: offset of a u64_stats_t in struct mqtt_stats */
static u64 mqtt_stats_sum(const struct mqtt_stats __percpu *stats, size_t member)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct mqtt_stats *s = per_cpu_ptr(stats, cpu);
		unsigned int start;
		u64 n;

		do {
			start = u64_stats_fetch_begin(&s->syncp);
			n = u64_stats_read((const void *)s + member);
		} while (u64_stats_fetch_retry(&s->syncp, start));
		sum += n;
	}
	return sum;
}

static int mqtt_stats_put_delay(struct sk_buff *skb, const struct mqtt_stats __percpu *stats)
{
	u64 delay[MQTT_DELAYS];
	unsigned int i;

	for (i = 0; i < MQTT_DELAYS; i++)
		delay[i] = mqtt_stats_sum(stats, offsetof(struct mqtt_stats, delay[i]));
	return nla_put(skb, MQTT_A_STATS_TX_DELAY, sizeof(delay), delay);
}

/**
 * mqtt_stats_put() - write all counters as attributes
 * @skb: message, inside the nest they belong to
 * @stats: counters
 *
 * Return: 0 or -EMSGSIZE.
 */
int mqtt_stats_put(struct sk_buff *skb, const struct mqtt_stats __percpu *stats)
{
	unsigned int attr;

	for (attr = MQTT_A_STATS_UNSPEC + 1; attr <= MQTT_A_STATS_MAX; attr++) {
		size_t member = offsetof(struct mqtt_stats, count[attr]);

		if (attr == MQTT_A_STATS_PAD || attr == MQTT_A_STATS_TX_DELAY)
			continue;
		if (nla_put_u64_64bit(skb, attr, mqtt_stats_sum(stats, member),
				      MQTT_A_STATS_PAD))
			return -EMSGSIZE;
	}
	return mqtt_stats_put_delay(skb, stats);
}
