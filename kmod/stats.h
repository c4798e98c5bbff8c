/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of a router: per CPU, indexed by the number of their netlink
 * attribute so that there is one list of them only.
 */
#ifndef _MQTT_STATS_H
#define _MQTT_STATS_H

#include <linux/bitops.h>
#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>
#include <linux/mqtt.h>

struct sk_buff;

struct mqtt_stats {
	u64_stats_t count[MQTT_A_STATS_MAX + 1];
	u64_stats_t delay[MQTT_DELAYS];
	struct u64_stats_sync syncp;
};

/* Of a counter with one writer at a time, and readers who do not exclude that one. */
static inline void mqtt_count(u64 *counter, u64 n)
{
	WRITE_ONCE(*counter, *counter + n);
}

struct mqtt_stats __percpu *mqtt_stats_alloc(void);
int mqtt_stats_put(struct sk_buff *skb, const struct mqtt_stats __percpu *stats);

/**
 * mqtt_stats_add() - count
 * @stats: a router's counters
 * @attr: which one, enum mqtt_stats_attr
 * @n: how much
 *
 * Context: any but hard interrupt; cheap with bottom halves off, which they
 * are wherever packets are handled.
 */
static inline void mqtt_stats_add(struct mqtt_stats __percpu *stats, unsigned int attr, u64 n)
{
	struct mqtt_stats *s;

	local_bh_disable();
	s = this_cpu_ptr(stats);
	u64_stats_update_begin(&s->syncp);
	u64_stats_add(&s->count[attr], n);
	u64_stats_update_end(&s->syncp);
	local_bh_enable();
}

/**
 * mqtt_stats_delay() - count packets by how long they were in the kernel
 * @stats: a router's counters
 * @ns: nanoseconds
 * @packets: how many
 *
 * Context: bottom halves off.
 */
static inline void mqtt_stats_delay(struct mqtt_stats __percpu *stats, u64 ns, u32 packets)
{
	struct mqtt_stats *s = this_cpu_ptr(stats);
	unsigned int i = min(fls64(ns >> 10), MQTT_DELAYS - 1);

	u64_stats_update_begin(&s->syncp);
	u64_stats_add(&s->delay[i], packets);
	u64_stats_update_end(&s->syncp);
}

#endif /* _MQTT_STATS_H */
