/* SPDX-License-Identifier: MIT */
/*
 * What the service manager is told, see sd_notify(3). Without one nothing happens.
 * All of it is the main thread's.
 */
#ifndef MQTTD_SYSTEMD_H
#define MQTTD_SYSTEMD_H

#include <stdint.h>

#include "timer.h"

struct broker;
struct mainloop;

void systemd_ready(const struct broker *broker);	/* at the start, and after a reload */
void systemd_reloading(void);
void systemd_stopping(void);
void systemd_status(const struct broker *broker);	/* the data plane has changed */

/**
 * struct watchdog - saying that all is well, as long as it is
 * @timer: for the next look
 * @broker: whose workers have to go round
 * @loop: the main thread's
 * @interval: milliseconds between looks
 * @rounds: by worker: how many there were at the last look
 *
 * Workers are woken after each look: one that has not ended a round by the next
 * one is in trouble, and as long as it is nothing is said.
 */
struct watchdog {
	struct timer timer;
	struct broker *broker;
	struct mainloop *loop;
	uint64_t interval;
	uint64_t *rounds;
};

/* If the service manager wants to hear from us. 0 or -ENOMEM. */
int watchdog_start(struct watchdog *watchdog, struct broker *broker, struct mainloop *loop);
void watchdog_stop(struct watchdog *watchdog);		/* not started is fine */

#endif /* MQTTD_SYSTEMD_H */
