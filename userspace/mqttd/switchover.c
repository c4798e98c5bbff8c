// SPDX-License-Identifier: MIT
/*
 * From one data plane to the other.
 */
#include <errno.h>
#include <string.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "broker.h"
#include "client.h"
#include "client_plane.h"
#include "dataplane.h"
#include "log.h"
#include "rendezvous.h"
#include "switchover.h"
#include "worker.h"

int switchover_init(struct switchover *switchover, struct broker *broker)
{
	*switchover = (struct switchover){ .broker = broker };
	switchover->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return switchover->event_fd < 0 ? -errno : 0;
}

void switchover_destroy(struct switchover *switchover)
{
	close(switchover->event_fd);
}

static void notify(struct switchover *switchover)
{
	uint64_t one = 1;

	if (write(switchover->event_fd, &one, sizeof(one)) < 0)
		log_printf(LOG_TYPE_ERROR, "Error: cannot wake the main thread: %s.",
			   strerror(errno));
}

/* By all workers at their end; the last one's release makes the sums visible. */
void switchover_moved(struct switchover *switchover, unsigned int moved, unsigned int failed)
{
	__atomic_fetch_add(&switchover->result.moved, moved, __ATOMIC_RELAXED);
	__atomic_fetch_add(&switchover->result.failed, failed, __ATOMIC_RELAXED);
	if (!__atomic_sub_fetch(&switchover->running, 1, __ATOMIC_ACQ_REL))
		notify(switchover);
}

void switchover_lost(struct switchover *switchover)
{
	__atomic_store_n(&switchover->lost, true, __ATOMIC_RELEASE);
	notify(switchover);
}

/* Clients of a worker that stands still */

static bool connected(const struct client *client)
{
	return client->state == CLIENT_CONNECTED && !client->closing;
}

static int enter(struct worker *worker)
{
	struct client *client;
	int err;

	for (client = worker->clients; client; client = client->next) {
		if (!connected(client))
			continue;
		err = client_plane_enter(client);
		if (err)
			return err;
	}
	return 0;
}

static void forget_all(struct broker *broker)
{
	struct client *client;
	unsigned int i;

	for (i = 0; i < broker->n_workers; i++)
		for (client = broker->workers[i].clients; client; client = client->next)
			client_plane_forget(client);
}

static int enter_all(struct broker *broker)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < broker->n_workers && !err; i++)
		err = enter(&broker->workers[i]);
	return err;
}

/* To the kernel */

static int make_router(struct switchover *switchover, char *why)
{
	struct broker *broker = switchover->broker;
	int err;

	rendezvous_begin(broker);
	err = dataplane_start(broker, why);
	if (!err) {
		err = enter_all(broker);
		if (err) {
			snprintf(why, DATAPLANE_WHY_MAX, "the kernel does not take all clients: %s",
				 strerror(-err));
			dataplane_stop(broker, false);
			forget_all(broker);
		}
	}
	rendezvous_end(broker);
	return err;
}

/* What it takes we gave up at the start: without mqttd-router nobody can. */
static int get_router(struct switchover *switchover, char *why)
{
	if (switchover->broker->helpers.router_fd >= 0)
		return make_router(switchover, why);
	snprintf(why, DATAPLANE_WHY_MAX,
		 "there is no mqttd-router: at the start CAP_NET_ADMIN was missing, or all listeners had 'dataplane user'");
	return -EPERM;
}

/* To the daemon, when all clients are hosted, or there is nothing left to save. */
static void end_router(struct switchover *switchover)
{
	struct broker *broker = switchover->broker;
	bool lost;

	rendezvous_begin(broker);
	/* Workers say so, which stand still: what they say later is of another router. */
	lost = __atomic_exchange_n(&switchover->lost, false, __ATOMIC_ACQUIRE);
	dataplane_stop(broker, lost);
	forget_all(broker);
	__atomic_store_n(&broker->evacuating, false, __ATOMIC_RELAXED);
	rendezvous_end(broker);
}

/* Requests */

static void start_moves(struct switchover *switchover)
{
	struct broker *broker = switchover->broker;

	__atomic_store_n(&switchover->running, broker->n_workers, __ATOMIC_RELAXED);
	__atomic_add_fetch(&switchover->request, 1, __ATOMIC_RELEASE);
	broker_wake_workers(broker);
}

int switchover_begin(struct switchover *switchover, enum dataplane_mode target,
		     void (*done)(void *arg, const struct switchover_result *result), void *arg,
		     char *why)
{
	struct broker *broker = switchover->broker;
	int err = 0;

	if (switchover->active) {
		strcpy(why, "clients are being moved already: try again later");
		return -EBUSY;
	}
	switchover->result = (struct switchover_result){ .plane = target };
	if (target == DATAPLANE_KERNEL && !broker->dataplane)
		err = get_router(switchover, why);
	if (err) {
		log_printf(LOG_TYPE_ERROR, "Error: cannot move clients to the kernel: %s.", why);
		return err;
	}
	switchover->target = target;
	switchover->active = true;
	switchover->done = done;
	switchover->arg = arg;
	__atomic_store_n(&broker->evacuating, target == DATAPLANE_USER && broker->dataplane,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&broker->mode, target, __ATOMIC_RELAXED);
	log_printf(LOG_TYPE_NOTICE, "Moving clients to the %s data plane.",
		   target == DATAPLANE_USER ? "user" : "kernel");
	start_moves(switchover);
	return 0;
}

static void finish(struct switchover *switchover)
{
	struct switchover_result *result = &switchover->result;
	struct broker *broker = switchover->broker;

	if (switchover->target == DATAPLANE_USER && broker->dataplane)
		end_router(switchover);
	switchover->active = false;
	result->plane = broker->dataplane ? DATAPLANE_KERNEL : DATAPLANE_USER;
	log_printf(LOG_TYPE_NOTICE, "Clients are on the %s data plane: %u moved, %u failed.",
		   broker->dataplane ? "kernel" : "user", result->moved, result->failed);
	switchover->done(switchover->arg, result);
}

/* Ports and connections of the router are what they would be after a move. */
static void lose(struct switchover *switchover)
{
	end_router(switchover);
	log_printf(LOG_TYPE_ERROR,
		   "Error: somebody has ended the kernel's router, mqttd routes itself.");
}

void switchover_event(struct switchover *switchover)
{
	uint64_t count;

	if (read(switchover->event_fd, &count, sizeof(count)) < 0)
		return;
	if (switchover->active && !__atomic_load_n(&switchover->running, __ATOMIC_ACQUIRE))
		finish(switchover);
	if (!switchover->active && __atomic_load_n(&switchover->lost, __ATOMIC_ACQUIRE))
		lose(switchover);
}
