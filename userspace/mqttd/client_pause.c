// SPDX-License-Identifier: MIT
/*
 * Holding publishers. Who never had to wait has nothing of this.
 */
#include <stdlib.h>
#include <linux/container_of.h>

#include "broker.h"
#include "client.h"
#include "client_pause.h"
#include "stats.h"
#include "worker.h"

/**
 * struct client_pause - a publisher that waits, or did
 * @timer: end of the time
 * @client: whose
 * @next: in the worker's list while it waits
 * @link: what points to it there, or NULL
 */
struct client_pause {
	struct timer timer;
	struct client *client;
	struct client_pause *next;
	struct client_pause **link;
};

static void leave(struct client_pause *pause)
{
	if (!pause->link)
		return;
	*pause->link = pause->next;
	if (pause->next)
		pause->next->link = pause->link;
	pause->link = NULL;
}

static void enter(struct client_pause *pause)
{
	struct worker *worker = pause->client->worker;

	if (pause->link)
		return;
	pause->next = worker->paused;
	pause->link = &worker->paused;
	if (pause->next)
		pause->next->link = &pause->next;
	worker->paused = pause;
	stats_add(&worker->stats, STAT_PAUSES, 1);
}

static void end(struct timer *timer)
{
	struct client_pause *pause = container_of(timer, struct client_pause, timer);

	leave(pause);
	client_release(pause->client, HOLD_PAUSE);
}

static struct client_pause *pause_of(struct client *client)
{
	struct client_pause *pause = client->pause;

	if (pause)
		return pause;
	pause = calloc(1, sizeof(*pause));
	if (!pause)
		return NULL;
	pause->timer.fire = end;
	pause->client = client;
	client->pause = pause;
	return pause;
}

/* Without memory it does not wait: it is for others' sake. */
void client_pause(struct client *publisher, uint64_t until)
{
	struct worker *worker = publisher->worker;
	struct client_pause *pause;

	if (until <= worker->now || publisher->closing)
		return;
	pause = pause_of(publisher);
	if (!pause || (pause->link && pause->timer.deadline >= until) ||
	    timer_set(&worker->timers, &pause->timer, until))
		return;
	enter(pause);
	client_hold(publisher, HOLD_PAUSE);
}

/* Also if nobody waits: who has just read @pause_until may be about to. */
void client_pause_end_all(struct broker *broker)
{
	__atomic_fetch_add(&broker->resume_request, 1, __ATOMIC_RELEASE);
	broker_wake_workers(broker);
}

void client_pause_run(struct worker *worker)
{
	unsigned int request = __atomic_load_n(&worker->broker->resume_request, __ATOMIC_ACQUIRE);
	struct client_pause *pause, *list = worker->paused;

	if (request == worker->resumed)
		return;
	worker->resumed = request;
	/* Those that go on may have to wait again at once, in another list. */
	worker->paused = NULL;
	if (list)
		list->link = &list;
	while ((pause = list)) {
		timer_cancel(&worker->timers, &pause->timer);
		end(&pause->timer);
	}
}

void client_pause_free(struct client *client)
{
	if (!client->pause)
		return;
	leave(client->pause);
	timer_cancel(&client->worker->timers, &client->pause->timer);
	free(client->pause);
	client->pause = NULL;
}
