// SPDX-License-Identifier: MIT
/*
 * Messages to the service manager, and its watchdog.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <systemd/sd-daemon.h>
#include <linux/container_of.h>

#include "broker.h"
#include "mainloop.h"
#include "systemd.h"
#include "worker.h"

/* Looks within the time after which silence is taken for death. */
#define LOOKS 4

static const char *status(const struct broker *broker)
{
	return broker->dataplane ? "Serving, with the kernel data plane" :
				   "Serving, with the user data plane";
}

void systemd_ready(const struct broker *broker)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status(broker));
}

void systemd_status(const struct broker *broker)
{
	sd_notifyf(0, "STATUS=%s", status(broker));
}

/* Of CLOCK_MONOTONIC, so that READY=1 of an earlier reload is not taken for ours. */
void systemd_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reloading",
		   now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000);
}

void systemd_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=Closing connections");
}

/* Has every worker ended a round since the last look? */
static bool all_well(struct watchdog *watchdog)
{
	struct broker *broker = watchdog->broker;
	bool well = true;
	unsigned int i;
	uint64_t rounds;

	for (i = 0; i < broker->n_workers; i++) {
		rounds = __atomic_load_n(&broker->workers[i].rounds, __ATOMIC_RELAXED);
		well &= rounds != watchdog->rounds[i];
		watchdog->rounds[i] = rounds;
	}
	return well;
}

static void look(struct timer *timer)
{
	struct watchdog *watchdog = container_of(timer, struct watchdog, timer);

	if (all_well(watchdog))
		sd_notify(0, "WATCHDOG=1");
	broker_wake_workers(watchdog->broker);
	/* It was set before, so it can be again. */
	timer_set(&watchdog->loop->timers, timer, timer_now() + watchdog->interval);
}

int watchdog_start(struct watchdog *watchdog, struct broker *broker, struct mainloop *loop)
{
	uint64_t limit;
	int err;

	*watchdog = (struct watchdog){ .timer.fire = look, .broker = broker, .loop = loop };
	if (sd_watchdog_enabled(0, &limit) <= 0)
		return 0;
	watchdog->interval = limit / 1000 / LOOKS + 1;
	watchdog->rounds = calloc(broker->n_workers, sizeof(*watchdog->rounds));
	if (!watchdog->rounds)
		return -ENOMEM;
	all_well(watchdog);
	broker_wake_workers(broker);
	err = timer_set(&loop->timers, &watchdog->timer, timer_now() + watchdog->interval);
	if (err)
		watchdog_stop(watchdog);
	return err;
}

void watchdog_stop(struct watchdog *watchdog)
{
	if (watchdog->loop)
		timer_cancel(&watchdog->loop->timers, &watchdog->timer);
	free(watchdog->rounds);
	watchdog->rounds = NULL;
}
