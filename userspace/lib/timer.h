/* SPDX-License-Identifier: MIT */
/*
 * Deadlines of one thread: a binary heap of embedded timers.
 *
 * Meant for timeouts that are nearly always put off: leave the timer alone on
 * activity, look again when it fires, and set it anew for the rest.
 */
#ifndef MQTT_LIB_TIMER_H
#define MQTT_LIB_TIMER_H

#include <stddef.h>
#include <stdint.h>

/* All zero but @fire is a timer that is not set. */
struct timer {
	uint64_t deadline;		/* milliseconds of CLOCK_MONOTONIC */
	size_t slot;			/* place in the heap from 1 on; 0: not set */
	void (*fire)(struct timer *timer);
};

/* All zero is an empty heap. */
struct timer_heap {
	struct timer **slots;		/* from 1 on */
	size_t count;
	size_t size;
};

uint64_t timer_now(void);

/* Sets or moves. Only setting a timer that is not set can fail: -ENOMEM. */
int timer_set(struct timer_heap *heap, struct timer *timer, uint64_t deadline);
void timer_cancel(struct timer_heap *heap, struct timer *timer);	/* not set: fine */

/* Fires all that are due; they may set themselves and cancel others. */
void timer_run(struct timer_heap *heap, uint64_t now);

/* Milliseconds until the first one is due, at most @max; @max if there is none. */
int timer_wait(const struct timer_heap *heap, uint64_t now, int max);
void timer_free(struct timer_heap *heap);

#endif /* MQTT_LIB_TIMER_H */
