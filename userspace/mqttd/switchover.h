/* SPDX-License-Identifier: MIT */
/*
 * Moving all clients between the data planes while they are served.
 *
 * To the kernel: the workers stand still while the router is made and every
 * client becomes hosted with its subscriptions; then each worker gives the
 * kernel the connections, a few in each round of events. To the daemon: each
 * worker takes its connections back; then they stand still while the ports are
 * emptied and the router ends.
 *
 * For the main thread, but for switchover_moved().
 */
#ifndef MQTTD_SWITCHOVER_H
#define MQTTD_SWITCHOVER_H

#include <stdbool.h>

#include "config.h"
#include "dataplane.h"

struct broker;

/**
 * struct switchover_result - what became of a request
 * @plane: which the daemon is on now
 * @moved: connections that were given to the kernel, or back
 * @failed: those that had to be closed, or that the kernel did not take
 */
struct switchover_result {
	enum dataplane_mode plane;
	unsigned int moved;
	unsigned int failed;
};

/**
 * struct switchover - one at a time
 * @broker: whose
 * @event_fd: the workers have finished, or the router has ended
 * @request: its number; any thread
 * @running: workers that are moving clients; any thread
 * @lost: the router has ended without our doing; any thread
 * @target: where to, while @active
 * @active: there is a request
 * @result: of it
 * @done: called at its end
 * @arg: for @done
 */
struct switchover {
	struct broker *broker;
	int event_fd;
	unsigned int request;
	unsigned int running;
	bool lost;
	enum dataplane_mode target;
	bool active;
	struct switchover_result result;
	void (*done)(void *arg, const struct switchover_result *result);
	void *arg;
};

int switchover_init(struct switchover *switchover, struct broker *broker); /* 0 or -errno */
void switchover_destroy(struct switchover *switchover);

/**
 * switchover_begin() - move all clients
 * @switchover: of a broker whose workers run
 * @target: DATAPLANE_KERNEL or DATAPLANE_USER
 * @done: called from switchover_event(), if this succeeds
 * @arg: for @done
 * @why: DATAPLANE_WHY_MAX bytes: why it is not possible
 *
 * When the daemon is there already clients are still moved whose listener's
 * setting follows what was asked for.
 *
 * Return: 0; -EBUSY while another request is active; another -errno, and all is
 * as it was.
 */
int switchover_begin(struct switchover *switchover, enum dataplane_mode target,
		     void (*done)(void *arg, const struct switchover_result *result), void *arg,
		     char *why);

/* @event_fd is readable. */
void switchover_event(struct switchover *switchover);

/* By a worker that has moved all its clients. */
void switchover_moved(struct switchover *switchover, unsigned int moved, unsigned int failed);

/* Any thread: the router has ended without our doing. */
void switchover_lost(struct switchover *switchover);

#endif /* MQTTD_SWITCHOVER_H */
