// SPDX-License-Identifier: MIT
/*
 * Threads that make handshakes of TLS.
 *
 *   worker: handshake_begin() ──> inbox ──> thread: SSL_accept()
 *   worker: client_secured() <── NOTICE_TLS <──┘
 *
 * They share the processor with the workers, and come second. A connection of which
 * nothing has arrived yet takes no memory of OpenSSL's, and is the first to go when there
 * are too many: saying nothing keeps nobody out.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include <linux/container_of.h>
#include <linux/rcupdate.h>

#include "broker.h"
#include "client.h"
#include "config.h"
#include "event.h"
#include "handshake.h"
#include "listener.h"
#include "mailbox.h"
#include "timer.h"

#define EVENTS_PER_ROUND	64
/* Of these, handshakes that begin: it takes less memory to end those that have begun. */
#define BEGUN_PER_ROUND		4
/* Among so many is one looked for that goes for another one. */
#define SILENT_LOOKED_AT	256
#define WAIT_MAX_MS		(3600 * 1000)
/* As nice(1) has it: a third of what a worker gets when both want the processor. */
#define NICENESS		5

/**
 * struct handshake - one of them
 * @source: readiness of the connection
 * @timer: end of patience
 * @thread: whose it is
 * @client: who came; a reference
 * @events: what epoll watches
 * @next: in the thread's inbox, then in its list of all
 * @link: what points to it there
 * @silent: nothing has come, and it is in the thread's list of those
 * @next_silent: there, the ones that have come later behind it
 * @link_silent: what points to it there
 */
struct handshake {
	struct event_source source;
	struct timer timer;
	struct handshake_thread *thread;
	struct client *client;
	uint32_t events;
	struct handshake *next;
	struct handshake **link;
	bool silent;
	struct handshake *next_silent;
	struct handshake **link_silent;
};

/**
 * struct handshake_thread - makes some of them
 * @wakeup: the inbox's event
 * @lock: protects @inbox and @stop
 * @inbox: connections that have come
 * @stop: the end has
 * @event_fd: says so
 * @epoll_fd: all its descriptors
 * @timers: of its handshakes
 * @first: these
 * @silent: of these, those of which nothing has come
 * @last_silent: the end of that list
 * @begun: in this round of events
 * @broker: shared by all
 * @thread: valid while it runs
 */
struct handshake_thread {
	struct event_source wakeup;
	pthread_mutex_t lock;
	struct handshake *inbox;
	bool stop;
	int event_fd;
	int epoll_fd;
	struct timer_heap timers;
	struct handshake *first;
	struct handshake *silent;
	struct handshake **last_silent;
	unsigned int begun;
	struct broker *broker;
	pthread_t thread;
};

/**
 * struct handshakes - all threads
 * @n: how many there are
 * @running: of these
 * @turn: number of connections that have come; any thread
 * @threads: them
 */
struct handshakes {
	unsigned int n;
	unsigned int running;
	unsigned int turn;
	struct handshake_thread threads[];
};

/* --- of one connection ---------------------------------------------------------- */

static void forget(struct handshake *handshake)
{
	struct client *client = handshake->client;

	__atomic_fetch_sub(&client->endpoint->handshakes, 1, __ATOMIC_RELAXED);
	client_put(client);
	free(handshake);
}

static void add_silent(struct handshake *handshake)
{
	struct handshake_thread *thread = handshake->thread;

	handshake->silent = true;
	handshake->link_silent = thread->last_silent;
	*thread->last_silent = handshake;
	thread->last_silent = &handshake->next_silent;
	__atomic_fetch_add(&handshake->client->endpoint->silent, 1, __ATOMIC_RELAXED);
}

/* It has said something, or ends. */
static void del_silent(struct handshake *handshake)
{
	if (!handshake->silent)
		return;
	handshake->silent = false;
	*handshake->link_silent = handshake->next_silent;
	if (handshake->next_silent)
		handshake->next_silent->link_silent = handshake->link_silent;
	else
		handshake->thread->last_silent = handshake->link_silent;
	__atomic_fetch_sub(&handshake->client->endpoint->silent, 1, __ATOMIC_RELAXED);
}

static void unlink_one(struct handshake *handshake)
{
	del_silent(handshake);
	*handshake->link = handshake->next;
	if (handshake->next)
		handshake->next->link = handshake->link;
	timer_cancel(&handshake->thread->timers, &handshake->timer);
	if (handshake->events)
		event_control(handshake->thread->epoll_fd, EPOLL_CTL_DEL,
			      handshake->client->conn.fd, 0, NULL);
}

/* @why: constant text, NULL: it is done. The mailbox's lock puts it before what reads it. */
static void finish(struct handshake *handshake, const char *why)
{
	struct client *client = handshake->client;

	unlink_one(handshake);
	client->tls_why = why;
	if (!why)
		client->identified = transport_tls_identity(&client->conn, &client->identity);
	mailbox_notify(client, NOTICE_TLS);
	forget(handshake);
}

static void expired(struct timer *timer)
{
	finish(container_of(timer, struct handshake, timer), "it took too long");
}

static int watch(struct handshake *handshake, uint32_t events)
{
	int op = handshake->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, err;

	if (events == handshake->events)
		return 0;
	err = event_control(handshake->thread->epoll_fd, op, handshake->client->conn.fd, events,
			    &handshake->source);
	if (!err)
		handshake->events = events;
	return err;
}

static void step(struct event_source *source, uint32_t events)
{
	struct handshake *handshake = container_of(source, struct handshake, source);
	struct client *client = handshake->client;
	const char *why = NULL;
	int err;

	(void)events;
	/* It is reported again. */
	if (!client->conn.tls && handshake->thread->begun++ >= BEGUN_PER_ROUND)
		return;
	del_silent(handshake);
	err = transport_tls_accept(&client->conn, client->endpoint->tls, &why);
	if (err == -EAGAIN) {
		err = watch(handshake, client->conn.unsent ? EPOLLOUT : EPOLLIN);
		if (!err)
			return;
	}
	finish(handshake, err && !why ? "no memory" : why);
}

/* --- of a thread ------------------------------------------------------------------ */

/* Somebody has come and there are too many: of those who say nothing the first one goes. */
static void make_room(struct handshake_thread *thread, const struct handshake *comes)
{
	const struct endpoint *endpoint = comes->client->endpoint;
	int64_t max = __atomic_load_n(&endpoint->conf->max_handshakes, __ATOMIC_RELAXED);
	struct handshake *handshake = thread->silent;
	int i;

	if (__atomic_load_n(&endpoint->handshakes, __ATOMIC_RELAXED) <= max)
		return;
	/* Those of other listeners are not in the way. */
	for (i = 0; i < SILENT_LOOKED_AT && handshake != comes; i++) {
		if (handshake->client->endpoint == endpoint) {
			finish(handshake, "it said nothing while others came");
			return;
		}
		handshake = handshake->next_silent;
	}
}

static void start_one(struct handshake_thread *thread, struct handshake *handshake)
{
	int64_t seconds = __atomic_load_n(&thread->broker->conf->tls_handshake_timeout,
					  __ATOMIC_RELAXED);

	handshake->next = thread->first;
	handshake->link = &thread->first;
	if (handshake->next)
		handshake->next->link = &handshake->next;
	thread->first = handshake;
	add_silent(handshake);
	make_room(thread, handshake);
	if (timer_set(&thread->timers, &handshake->timer, timer_now() + seconds * 1000) ||
	    watch(handshake, EPOLLIN))
		finish(handshake, "no memory");
}

static void open_inbox(struct event_source *source, uint32_t events)
{
	struct handshake_thread *thread = container_of(source, struct handshake_thread, wakeup);
	struct handshake *handshake, *next;
	uint64_t count;
	ssize_t n;

	(void)events;
	pthread_mutex_lock(&thread->lock);
	n = read(thread->event_fd, &count, sizeof(count));
	handshake = thread->inbox;
	thread->inbox = NULL;
	pthread_mutex_unlock(&thread->lock);
	if (n < 0 && !handshake)
		return;
	for (; handshake; handshake = next) {
		next = handshake->next;
		start_one(thread, handshake);
	}
}

static bool stopped(struct handshake_thread *thread)
{
	bool stop;

	pthread_mutex_lock(&thread->lock);
	stop = thread->stop;
	pthread_mutex_unlock(&thread->lock);
	return stop;
}

/*
 * Each event of a round is of another connection: none of them can be gone, as those who
 * come, for whom others may have to go, are looked at behind them.
 */
static void handle_round(struct handshake_thread *thread, struct epoll_event *events, int n)
{
	bool mail = false;
	int i;

	thread->begun = 0;
	for (i = 0; i < n; i++) {
		struct event_source *source = events[i].data.ptr;

		if (source == &thread->wakeup)
			mail = true;
		else
			source->handle(source, events[i].events);
	}
	if (mail)
		open_inbox(&thread->wakeup, EPOLLIN);
}

static void *run(void *arg)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	struct handshake_thread *thread = arg;
	int n;

	rcu_register_thread();
	setpriority(PRIO_PROCESS, gettid(), NICENESS);
	while (!stopped(thread)) {
		n = epoll_wait(thread->epoll_fd, events, EVENTS_PER_ROUND,
			       timer_wait(&thread->timers, timer_now(), WAIT_MAX_MS));
		handle_round(thread, events, n);
		timer_run(&thread->timers, timer_now());
	}
	rcu_unregister_thread();
	return NULL;
}

static void wake_locked(struct handshake_thread *thread)
{
	uint64_t one = 1;

	/* It cannot overflow: there is no more than one per connection. */
	while (write(thread->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static int open_thread(struct handshake_thread *thread, struct broker *broker)
{
	int err;

	thread->broker = broker;
	thread->wakeup.handle = open_inbox;
	thread->last_silent = &thread->silent;
	thread->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (thread->event_fd < 0)
		return -errno;
	thread->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = thread->epoll_fd < 0 ? -errno :
	      event_control(thread->epoll_fd, EPOLL_CTL_ADD, thread->event_fd, EPOLLIN,
			    &thread->wakeup);
	if (!err) {
		pthread_mutex_init(&thread->lock, NULL);
		return 0;
	}
	if (thread->epoll_fd >= 0)
		close(thread->epoll_fd);
	close(thread->event_fd);
	return err;
}

/* The worker closes the connection with its others. */
static void drop_all(struct handshake_thread *thread)
{
	struct handshake *handshake;

	while ((handshake = thread->inbox)) {
		thread->inbox = handshake->next;
		forget(handshake);
	}
	while ((handshake = thread->first)) {
		unlink_one(handshake);
		forget(handshake);
	}
}

static void close_thread(struct handshake_thread *thread)
{
	drop_all(thread);
	timer_free(&thread->timers);
	pthread_mutex_destroy(&thread->lock);
	close(thread->epoll_fd);
	close(thread->event_fd);
}

/* --- of all ------------------------------------------------------------------------ */

int handshakes_open(struct handshakes **all, struct broker *broker)
{
	unsigned int n = broker->conf->tls_handshake_threads;
	int err = 0;

	*all = calloc(1, sizeof(**all) + n * sizeof((*all)->threads[0]));
	if (!*all)
		return -ENOMEM;
	while (!err && (*all)->n < n) {
		err = open_thread(&(*all)->threads[(*all)->n], broker);
		if (!err)
			(*all)->n++;
	}
	if (err) {
		handshakes_close(*all);
		*all = NULL;
	}
	return err;
}

void handshakes_close(struct handshakes *all)
{
	if (!all)
		return;
	while (all->n)
		close_thread(&all->threads[--all->n]);
	free(all);
}

int handshakes_start(struct handshakes *all)
{
	int err;

	while (all->running < all->n) {
		struct handshake_thread *thread = &all->threads[all->running];

		thread->stop = false;
		err = pthread_create(&thread->thread, NULL, run, thread);
		if (err) {
			handshakes_stop(all);
			return -err;
		}
		pthread_setname_np(thread->thread, "mqttd/tls");
		all->running++;
	}
	return 0;
}

void handshakes_stop(struct handshakes *all)
{
	while (all && all->running) {
		struct handshake_thread *thread = &all->threads[--all->running];

		pthread_mutex_lock(&thread->lock);
		thread->stop = true;
		wake_locked(thread);
		pthread_mutex_unlock(&thread->lock);
		pthread_join(thread->thread, NULL);
	}
	if (all) {
		unsigned int i;

		for (i = 0; i < all->n; i++)
			drop_all(&all->threads[i]);
	}
}

int handshake_begin(struct handshakes *all, struct client *client)
{
	unsigned int turn = __atomic_fetch_add(&all->turn, 1, __ATOMIC_RELAXED);
	struct handshake_thread *thread = &all->threads[turn % all->n];
	struct handshake *handshake = calloc(1, sizeof(*handshake));
	bool stop;

	if (!handshake)
		return -ENOMEM;
	client_get(client);
	handshake->source.handle = step;
	handshake->timer.fire = expired;
	handshake->thread = thread;
	handshake->client = client;
	__atomic_fetch_add(&client->endpoint->handshakes, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&thread->lock);
	stop = thread->stop;
	if (!stop) {
		handshake->next = thread->inbox;
		thread->inbox = handshake;
		wake_locked(thread);
	}
	pthread_mutex_unlock(&thread->lock);
	if (!stop)
		return 0;
	forget(handshake);
	return -ESHUTDOWN;
}
