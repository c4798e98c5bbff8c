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
#include "log.h"
#include "worker.h"

#define EVENTS_PER_ROUND	256
#define WAIT_MAX_MS		(3600 * 1000)

static int watch(struct worker *worker, int op, int fd, uint32_t events,
		 struct event_source *source)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(worker->epoll_fd, op, fd, &event) ? -errno : 0;
}

int worker_watch(struct worker *worker, int fd, uint32_t events, struct event_source *source)
{
	return watch(worker, EPOLL_CTL_ADD, fd, events, source);
}

int worker_rewatch(struct worker *worker, int fd, uint32_t events, struct event_source *source)
{
	return watch(worker, EPOLL_CTL_MOD, fd, events, source);
}

void worker_unwatch(struct worker *worker, int fd)
{
	watch(worker, EPOLL_CTL_DEL, fd, 0, NULL);
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

/* Closing can publish wills, and writing can close: until nothing is left to do. */
static void finish_round(struct worker *worker)
{
	struct client *client, *next;

	do {
		worker_flush(worker);
		client = worker->closing;
		worker->closing = NULL;
		for (; client; client = next) {
			next = client->next_closing;
			client_destroy(client);
		}
	} while (worker->dirty || worker->closing);
	post_all(worker);
}

static void *run(void *arg)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	struct worker *worker = arg;
	int n, i;

	rcu_register_thread();
	while (!__atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE)) {
		n = epoll_wait(worker->epoll_fd, events, EVENTS_PER_ROUND,
			       timer_wait(&worker->timers, timer_now(), WAIT_MAX_MS));
		worker->now = timer_now();
		for (i = 0; i < n; i++) {
			struct event_source *source = events[i].data.ptr;

			source->handle(source, events[i].events);
		}
		timer_run(&worker->timers, worker->now);
		finish_round(worker);
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
	finish_round(worker);
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
	mailbox_destroy(&worker->mailbox);
	timer_free(&worker->timers);
	close(worker->epoll_fd);
	free(worker->scratch);
	free(worker->outboxes);
}
