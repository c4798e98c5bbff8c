/* SPDX-License-Identifier: MIT */
/*
 * A worker: a thread with an event loop, and the connections pinned to it.
 */
#ifndef MQTTD_WORKER_H
#define MQTTD_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <mqtt/match.h>

#include "event.h"
#include "mailbox.h"
#include "port.h"
#include "route.h"
#include "stats.h"
#include "timer.h"

struct broker;
struct client;
struct client_pause;
struct farewell;

/**
 * struct worker_moves - a walk over all clients, a few in each round
 * @request: number of the last request that was begun
 * @cursor: next client to look at
 * @running: the walk has not ended
 * @again: some could not be moved: there will be another walk
 * @moved: clients that were
 * @failed: clients that could not be
 */
struct worker_moves {
	unsigned int request;
	struct client *cursor;
	bool running;
	bool again;
	unsigned int moved;
	unsigned int failed;
};

/* Topics whose subscriptions are remembered, a power of two. */
#define WORKER_MATCHES 256

/* Bytes that one recv() can bring. */
#define WORKER_SCRATCH_SIZE 65536

/**
 * struct worker - everything here is the thread's own but for @mailbox, @stop
 * @wakeup: the mailbox's event
 * @broker: shared by all
 * @index: which one it is
 * @epoll_fd: all its descriptors
 * @now: when this round of events began, milliseconds
 * @timers: deadlines of clients and listeners
 * @stats: counters
 * @mailbox: from others, with a lock of its own
 * @outboxes: to others, by index
 * @port: to the kernel's router
 * @port_source: its readiness
 * @moves: clients that have to change between data planes
 * @unsettled: some that are to be moved, see client_settle.c
 * @settle_cursor: next client to look at
 * @settle_request: number of the last request for that
 * @settling: there is more of that to do
 * @permissions: generation of those that its clients have
 * @bans: generation of those that its clients were looked at for
 * @roles_seen: number of the last event about roles that its clients know of
 * @clients: all, in a list
 * @attaching: some whose CONNACK has left, for the kernel to take
 * @dirty: clients that have something to send
 * @closing: clients to be closed at the end of the round
 * @matches: who got messages to a topic, by the topic's hash
 * @route: memory for routing
 * @replays: clients that can go on with retained messages
 * @pumps: clients whose session's queue has something new
 * @again: clients with more to read than their descriptors say
 * @storing: clients that wait for the store
 * @farewells: connections of clients that are gone, see farewell.h
 * @n_farewells: how many
 * @paused: clients that are not read from for a subscriber's sake
 * @resumed: number of the last @broker->resume_request that was looked at
 * @store_seen: the last change that was durable when these were looked at
 * @store_full: the store was full then
 * @store_waits: the store's thread is to wake this one
 * @scratch: WORKER_SCRATCH_SIZE bytes to receive into
 * @rounds: of events that have ended; read by the main thread
 * @thread: valid once worker_start() has succeeded
 * @stop: set by the main thread
 */
struct worker {
	struct event_source wakeup;
	struct broker *broker;
	unsigned int index;
	int epoll_fd;
	uint64_t now;
	struct timer_heap timers;
	struct stats stats;
	struct mailbox mailbox;
	struct outbox *outboxes;
	struct port port;
	struct event_source port_source;
	struct worker_moves moves;
	struct client *unsettled;
	struct client *settle_cursor;
	unsigned int settle_request;
	bool settling;
	uint32_t permissions;
	unsigned int bans;
	uint32_t roles_seen;
	struct client *clients;
	struct client *attaching;
	struct client *dirty;
	struct client *closing;
	struct mqtt_match matches[WORKER_MATCHES];
	struct route_memory route;
	struct client *replays;
	struct client *pumps;
	struct client *again;
	struct client *storing;
	struct farewell *farewells;
	unsigned int n_farewells;
	struct client_pause *paused;
	unsigned int resumed;
	uint64_t store_seen;
	bool store_full;
	bool store_waits;
	uint8_t *scratch;
	uint64_t rounds;
	pthread_t thread;
	bool stop;
};

int worker_init(struct worker *worker, struct broker *broker, unsigned int index);
int worker_start(struct worker *worker);		/* 0 or -errno */
void worker_stop(struct worker *worker);		/* ends the thread, waits for it */

/*
 * What the thread does again and again: waits for events for @wait milliseconds at
 * most, and handles them. Returns how many there were.
 */
int worker_round(struct worker *worker, int wait);

/*
 * After all threads have ended, each for all workers before the next: closing
 * the connections, dropping mail, which may leave notices, and the rest.
 */
void worker_close_clients(struct worker *worker);
void worker_discard_mail(struct worker *worker);
void worker_destroy(struct worker *worker);

/* Event sources: 0 or -errno. */
int worker_watch(struct worker *worker, int fd, uint32_t events, struct event_source *source);
int worker_rewatch(struct worker *worker, int fd, uint32_t events, struct event_source *source);
void worker_unwatch(struct worker *worker, int fd);

/* @client, which is about to be unlinked, is not to be moved. */
void worker_forget(struct worker *worker, struct client *client);

/* Writes all that is queued for clients of this worker to their sockets. */
void worker_flush(struct worker *worker);

/* Hands the outbox for worker number @to over; counts what was dropped. */
void worker_post(struct worker *worker, unsigned int to);

/*
 * Makes sure that what @client has published past the kernel data plane since
 * worker_fence_begin() is on the sockets of all receivers before NOTICE_PASS. Returns
 * whether there is anything to wait for.
 */
void worker_fence_begin(struct worker *worker);
bool worker_fence_end(struct worker *worker, struct client *client);

/* Below: session_send.c. Sends what is new in queues. */
void worker_pump(struct worker *worker);

/*
 * Below: client_stored.c. Clients go on whose changes the store has written. Returns
 * whether there was anything to look at.
 */
bool worker_stored(struct worker *worker);
/* They are forgotten. */
void worker_drop_storing(struct worker *worker);

#endif /* MQTTD_WORKER_H */
