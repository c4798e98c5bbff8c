// SPDX-License-Identifier: MIT
/*
 * Retained messages that have expired are not given to anybody; here their memory is
 * given back. Bans end.
 */
#include <linux/container_of.h>

#include "bans.h"
#include "broker.h"
#include "log.h"
#include "upkeep.h"
#include "worker.h"

#define EVERY_MS	10000
/* When there is more to do than should be done at a time */
#define SOON_MS		5

static void fire(struct timer *timer)
{
	struct upkeep *upkeep = container_of(timer, struct upkeep, timer);
	struct worker *worker = &upkeep->broker->workers[0];
	bool more = retained_expire(&upkeep->broker->retained);

	more |= bans_expire(upkeep->broker->bans);
	if (timer_set(&worker->timers, timer, worker->now + (more ? SOON_MS : EVERY_MS)))
		log_printf(LOG_TYPE_ERROR,
			   "Error: out of memory, retained messages that expire are not deleted any more.");
}

int upkeep_start(struct broker *broker)
{
	struct upkeep *upkeep = &broker->upkeep;

	*upkeep = (struct upkeep){ .timer.fire = fire, .broker = broker };
	return timer_set(&broker->workers[0].timers, &upkeep->timer, timer_now() + EVERY_MS);
}

void upkeep_stop(struct broker *broker)
{
	timer_cancel(&broker->workers[0].timers, &broker->upkeep.timer);
}
