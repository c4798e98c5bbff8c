/* SPDX-License-Identifier: MIT */
/*
 * What the broker says of itself: retained messages below "$SYS/broker/", with
 * the names and meanings that mosquitto has given them.
 */
#ifndef MQTTD_SYS_TOPICS_H
#define MQTTD_SYS_TOPICS_H

#include <stdbool.h>
#include <linux/types.h>

struct broker;
struct sys_topics;

/*
 * From the start of the workers on, every sys_interval seconds; 0 or -ENOMEM.
 * Stops when they have ended.
 */
int sys_topics_start(struct broker *broker);
void sys_topics_stop(struct broker *broker);

/* Averages over the last minute, 5, and 15 */
#define SYS_AVERAGES 3

/**
 * struct sys_load - how fast a counter grows, per minute
 * @total: its last value
 * @averages: exponentially damped
 */
struct sys_load {
	u64 total;
	double averages[SYS_AVERAGES];
};

/* The counter is at @total @seconds, which is not 0, after the last time. */
void sys_load_update(struct sys_load *load, u64 total, double seconds);

#endif /* MQTTD_SYS_TOPICS_H */
