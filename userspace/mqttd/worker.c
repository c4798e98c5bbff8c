// SPDX-License-Identifier: MIT
/*
 * The event loop.
 *
 * A round: handle what epoll reports, then what is due, then write what has
 * been queued for clients, once per client, hand over mail for other workers,
 * and at last close what has to be closed. Most of the speed comes from doing
 * each of these for many messages at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <linux/container_of.h>
#include <linux/rcupdate.h>

#include "broker.h"
#include "client.h"
#include "client_acl.h"
#include "client_ban.h"
#include "client_pause.h"
#include "client_plane.h"
#include "farewell.h"
#include "log.h"
#include "replay.h"
#include "worker.h"

#define EVENTS_PER_ROUND	256
#define WAIT_MAX_MS		(3600 * 1000)
/* Clients that are moved, or looked at, in a round. */
#define MOVES_PER_ROUND		16
/* When some have to be tried again. */
#define MOVE_AGAIN_MS		1

int worker_watch(struct worker *worker, int fd, uint32_t events, struct event_source *source)
{
	return event_control(worker->epoll_fd, EPOLL_CTL_ADD, fd, events, source);
}

int worker_rewatch(struct worker *worker, int fd, uint32_t events, struct event_source *source)
{
	return event_control(worker->epoll_fd, EPOLL_CTL_MOD, fd, events, source);
}

void worker_unwatch(struct worker *worker, int fd)
{
	event_control(worker->epoll_fd, EPOLL_CTL_DEL, fd, 0, NULL);
}

static void open_mailbox(struct event_source *source, uint32_t events)
{
	struct worker *worker = container_of(source, struct worker, wakeup);

	(void)events;
	mailbox_open(&worker->mailbox, worker);
}

int worker_init(struct worker *worker, struct broker *broker, unsigned int index)
{
	int err = -ENOMEM;

	*worker = (struct worker){ .broker = broker, .index = index, .now = timer_now() };
	worker->wakeup.handle = open_mailbox;
	worker->outboxes = calloc(broker->n_workers, sizeof(*worker->outboxes));
	worker->scratch = malloc(WORKER_SCRATCH_SIZE);
	if (!worker->outboxes || !worker->scratch)
		goto fail_memory;
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (worker->epoll_fd < 0) {
		err = -errno;
		goto fail_memory;
	}
	err = mailbox_init(&worker->mailbox);
	if (err)
		goto fail_mailbox;
	err = worker_watch(worker, worker->mailbox.event_fd, EPOLLIN, &worker->wakeup);
	if (err)
		goto fail_watch;
	return 0;

fail_watch:
	mailbox_destroy(&worker->mailbox);
fail_mailbox:
	close(worker->epoll_fd);
fail_memory:
	free(worker->scratch);
	free(worker->outboxes);
	return err;
}

void worker_flush(struct worker *worker)
{
	struct client *client;

	while ((client = worker->dirty)) {
		worker->dirty = client->next_dirty;
		client->dirty = false;
		if (!client->blocked)
			client_flush(client);
	}
}

void worker_post(struct worker *worker, unsigned int to)
{
	unsigned int dropped = outbox_post(&worker->outboxes[to],
					   &worker->broker->workers[to].mailbox);

	if (dropped)
		stats_add(&worker->stats, STAT_PUBLISH_DROPPED, dropped);
}

static void post_all(struct worker *worker)
{
	unsigned int i;

	for (i = 0; i < worker->broker->n_workers; i++)
		worker_post(worker, i);
}

void worker_fence_begin(struct worker *worker)
{
	unsigned int i;

	for (i = 0; i < worker->broker->n_workers; i++)
		worker->outboxes[i].touched = false;
}

bool worker_fence_end(struct worker *worker, struct client *client)
{
	unsigned int i;

	worker_flush(worker);
	client->fences = 1;
	for (i = 0; i < worker->broker->n_workers; i++) {
		if (!worker->outboxes[i].touched)
			continue;
		__atomic_fetch_add(&client->fences, 1, __ATOMIC_RELAXED);
		if (outbox_fence(&worker->outboxes[i], client))
			__atomic_fetch_sub(&client->fences, 1, __ATOMIC_RELAXED);
		worker_post(worker, i);
	}
	return __atomic_sub_fetch(&client->fences, 1, __ATOMIC_ACQ_REL);
}

/*
 * Closing can publish wills, and writing can close: until nothing is left to do.
 * What clients have published leaves before answers that were queued behind it.
 */
static void finish_round(struct worker *worker)
{
	struct client *client, *next;

	replay_run(worker);
	do {
		worker_pump(worker);
		port_flush(worker);
		worker_flush(worker);
		client_plane_attach_all(worker);
		client = worker->closing;
		worker->closing = NULL;
		for (; client; client = next) {
			next = client->next_closing;
			client_destroy(client);
		}
	} while (worker->pumps || worker->dirty || worker->attaching || worker->closing ||
		 worker->port.out.len || worker_stored(worker));
	post_all(worker);
}

/* While clients have to be moved, or get retained messages, a round does not wait for events. */
static int round_wait(const struct worker *worker)
{
	int max = !worker->moves.running ? WAIT_MAX_MS : worker->moves.cursor ? 0 : MOVE_AGAIN_MS;

	if (worker->settling && max > MOVE_AGAIN_MS)
		max = MOVE_AGAIN_MS;
	if (replay_waiting(worker) || worker->again)
		max = 0;
	max = timer_wait(&worker->timers, timer_now(), max);
	if (!worker->index)
		max = session_registry_wait(&worker->broker->sessions, timer_now(), max);
	return max;
}

/* A client that ends while the walk is about to come to it is left out. */
void worker_forget(struct worker *worker, struct client *client)
{
	if (worker->moves.cursor == client)
		worker->moves.cursor = client->next;
	client_plane_unlist(client);
}

static void begin_moves(struct worker *worker, unsigned int request)
{
	worker->moves = (struct worker_moves){
		.request = request,
		.cursor = worker->clients,
		.running = true,
	};
}

static void move_next(struct worker *worker)
{
	struct client *client = worker->moves.cursor;

	worker->moves.cursor = client->next;
	switch (client_plane_move(client)) {
	case MOVE_NONE:
		break;
	case MOVE_DONE:
		worker->moves.moved++;
		break;
	case MOVE_LATER:
		worker->moves.again = true;
		break;
	case MOVE_FAILED:
		worker->moves.failed++;
		break;
	}
}

/* Begins, goes on with, or ends what switchover_begin() asks for. */
static void move_some(struct worker *worker)
{
	struct switchover *switchover = &worker->broker->switchover;
	unsigned int request = __atomic_load_n(&switchover->request, __ATOMIC_ACQUIRE);
	struct worker_moves *moves = &worker->moves;
	int i;

	if (request != moves->request)
		begin_moves(worker, request);
	if (!moves->running)
		return;
	if (!moves->cursor && moves->again) {
		moves->again = false;
		moves->cursor = worker->clients;
	}
	for (i = 0; i < MOVES_PER_ROUND && moves->cursor; i++)
		move_next(worker);
	if (moves->cursor || moves->again)
		return;
	moves->running = false;
	switchover_moved(switchover, moves->moved, moves->failed);
}

int worker_round(struct worker *worker, int wait)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	int n, i;

	n = epoll_wait(worker->epoll_fd, events, EVENTS_PER_ROUND, wait);
	worker->now = timer_now();
	client_acl_review(worker);
	client_ban_review(worker);
	client_pause_run(worker);
	for (i = 0; i < n; i++) {
		struct event_source *source = events[i].data.ptr;

		source->handle(source, events[i].events);
	}
	client_read_again(worker);
	timer_run(&worker->timers, worker->now);
	if (!worker->index)
		session_run_timers(worker);
	move_some(worker);
	worker->settling = client_plane_run(worker);
	finish_round(worker);
	return n;
}

static void *run(void *arg)
{
	struct worker *worker = arg;

	rcu_register_thread();
	while (!__atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE)) {
		worker_round(worker, round_wait(worker));
		if (rendezvous_join(worker))
			finish_round(worker);
		__atomic_store_n(&worker->rounds, worker->rounds + 1, __ATOMIC_RELAXED);
	}
	rcu_unregister_thread();
	return NULL;
}

int worker_start(struct worker *worker)
{
	return -pthread_create(&worker->thread, NULL, run, worker);
}

void worker_stop(struct worker *worker)
{
	uint64_t one = 1;

	__atomic_store_n(&worker->stop, true, __ATOMIC_RELEASE);
	if (write(worker->mailbox.event_fd, &one, sizeof(one)) < 0)
		log_printf(LOG_TYPE_ERROR, "Error: cannot wake a worker: %s.", strerror(errno));
	pthread_join(worker->thread, NULL);
}

void worker_close_clients(struct worker *worker)
{
	struct client *client;

	for (client = worker->clients; client; client = client->next)
		client_close(client, CLOSE_SHUTDOWN, NULL);
	client_read_again(worker);
	finish_round(worker);
	farewell_end_all(worker);
	worker_drop_storing(worker);
}

void worker_discard_mail(struct worker *worker)
{
	unsigned int i;

	for (i = 0; i < worker->broker->n_workers; i++)
		outbox_destroy(&worker->outboxes[i]);
	mailbox_discard(&worker->mailbox);
}

void worker_destroy(struct worker *worker)
{
	port_close(worker);
	mailbox_destroy(&worker->mailbox);
	timer_free(&worker->timers);
	close(worker->epoll_fd);
	route_memory_free(&worker->route);
	free(worker->scratch);
	free(worker->outboxes);
}
