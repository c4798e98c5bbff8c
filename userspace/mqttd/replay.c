// SPDX-License-Identifier: MIT
/*
 * Sending retained messages to new subscribers.
 *
 * A client with replays is in the worker's list while it can go on, or is to be
 * asked whether it can. It leaves the list when it has no room, and comes back by
 * replay_resume().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <linux/container_of.h>
#include <linux/siphash.h>

#include "broker.h"
#include "client.h"
#include "client_plane.h"
#include "delivery.h"
#include "packet.h"
#include "replay.h"
#include "retain_source.h"
#include "retained.h"
#include "session.h"
#include "stored.h"
#include "subscribe.h"
#include "worker.h"

/* Messages for one client in a round, and how many are asked for at a time */
#define MESSAGES_PER_ROUND	128
#define BATCH			32
/* Calls in a round that may find nothing. */
#define LOOKS_PER_ROUND		8
/* So much may wait for the socket. */
#define OUTPUT_MAX		(64u << 10)

/**
 * struct replay - what one filter matches
 * @link: in the order in which they came
 * @node: by filter
 * @cursor: where it is
 * @source: who has published the last one
 * @id: subscription identifier, 0: none
 * @options: FILTER_* bits
 * @begun: there are messages that match
 */
struct replay {
	TAILQ_ENTRY(replay) link;
	struct hash_node node;
	struct retained_cursor cursor;
	struct retain_source source;
	u32 id;
	u8 options;
	bool begun;
};

/* A client's, as long as there is one: a SUBSCRIBE can have a million filters. */
struct replays {
	TAILQ_HEAD(, replay) list;
	struct hash_table by_filter;
};

static u64 filter_hash(const struct client *client, const u8 *filter, size_t len)
{
	return siphash(filter, len, &client->worker->broker->routes.shares.key);
}

static struct replay *find(const struct client *client, const u8 *filter, size_t len)
{
	struct hash_node *node;
	struct replay *replay;

	if (!client->replays)
		return NULL;
	for (node = hash_first(&client->replays->by_filter, filter_hash(client, filter, len));
	     node; node = hash_next(node)) {
		replay = container_of(node, struct replay, node);
		if (replay->cursor.len == len && !memcmp(replay->cursor.filter, filter, len))
			return replay;
	}
	return NULL;
}

static void replay_free(struct replay *replay)
{
	retained_cursor_free(&replay->cursor);
	retain_source_clear(&replay->source);
	free(replay);
}

static struct replay *replay_new(const struct session_filter *filter)
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (!replay)
		return NULL;
	if (retained_cursor_init(&replay->cursor, filter->filter, filter->len)) {
		free(replay);
		return NULL;
	}
	replay->cursor.upto = filter->retained_upto;
	replay->id = filter->id;
	replay->options = filter->options;
	return replay;
}

static int add(struct client *client, struct replay *replay)
{
	struct replays *replays = client->replays;
	u64 hash = filter_hash(client, replay->cursor.filter, replay->cursor.len);

	if (!replays) {
		replays = calloc(1, sizeof(*replays));
		if (!replays)
			return -ENOMEM;
		TAILQ_INIT(&replays->list);
		client->replays = replays;
	}
	if (hash_add(&replays->by_filter, &replay->node, hash))
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&replays->list, replay, link);
	return 0;
}

static void no_drop(struct hash_node *node, void *ctx)
{
	(void)node;
	(void)ctx;
}

static void drop_if_empty(struct client *client)
{
	struct replays *replays = client->replays;

	if (!TAILQ_EMPTY(&replays->list))
		return;
	hash_clear(&replays->by_filter, no_drop, NULL);
	free(replays);
	client->replays = NULL;
}

static void del(struct client *client, struct replay *replay)
{
	struct replays *replays = client->replays;

	hash_del(&replays->by_filter, &replay->node);
	TAILQ_REMOVE(&replays->list, replay, link);
	replay_free(replay);
	drop_if_empty(client);
}

void replay_resume(struct client *client)
{
	struct worker *worker = client->worker;

	if (!client->replays || client->replaying || client->closing)
		return;
	client->replaying = true;
	client->next_replay = worker->replays;
	worker->replays = client;
}

void replay_begin(struct client *client, const struct session_filter *filter)
{
	struct replay *replay;

	replay_cancel(client, filter);
	replay = replay_new(filter);
	if (replay && !add(client, replay)) {
		replay_resume(client);
		return;
	}
	if (replay)
		replay_free(replay);
	if (client->replays)
		drop_if_empty(client);
	client_close(client, CLOSE_NO_MEMORY, NULL);
}

void replay_cancel(struct client *client, const struct session_filter *filter)
{
	struct replay *replay = find(client, filter->filter, filter->len);

	if (replay)
		del(client, replay);
}

static void unlist(struct client *client)
{
	struct client **link = &client->worker->replays;

	if (!client->replaying)
		return;
	while (*link != client)
		link = &(*link)->next_replay;
	*link = client->next_replay;
	client->replaying = false;
}

void replay_end(struct client *client)
{
	unlist(client);
	while (client->replays)
		del(client, TAILQ_FIRST(&client->replays->list));
}

static u8 replay_qos(const struct client *client, const struct replay *replay,
		     const struct stored *msg)
{
	u8 qos = replay->options & FILTER_QOS;

	return qos < msg->qos || client->worker->broker->conf->upgrade_outgoing_qos ? qos :
										      msg->qos;
}

static bool source_allowed(const struct client *client, struct replay *replay,
			   const struct stored *msg)
{
	struct broker *broker = client->worker->broker;

	return !broker->conf->check_retain_source ||
	       retain_source_allowed(&replay->source, broker, msg);
}

/* [MQTT-3.8.3-3] */
static bool own(const struct client *client, const struct replay *replay,
		const struct stored *msg)
{
	return replay->options & FILTER_NO_LOCAL && !strcmp(msg->client_id, client->id);
}

/* Returns false if there is no memory. */
static bool send_one(struct client *client, struct replay *replay, struct stored *msg)
{
	struct delivery delivery = {
		.ids = &replay->id,
		.n_ids = replay->id ? 1 : 0,
		.qos = replay_qos(client, replay, msg),
		.retain = true,
	};

	if (own(client, replay, msg) || !source_allowed(client, replay, msg))
		return true;
	if (delivery.qos)
		return session_enqueue(client->worker, client->session, msg, &delivery) != -ENOMEM;
	return client_publish(client, msg, &delivery, 0, false) != -ENOMEM;
}

/* Those that are left when the client was closed or has no memory are lost with it. */
static void send_batch(struct client *client, struct replay *replay, struct stored **msgs,
		       int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (!client->closing && !send_one(client, replay, msgs[i]))
			client_close(client, CLOSE_NO_MEMORY, NULL);
		stored_put(msgs[i]);
	}
}

/* For how many messages, up to BATCH; 0 also if the client is closing. */
static int room(const struct client *client)
{
	unsigned int n;

	if (client->closing || client->out.bytes > OUTPUT_MAX)
		return 0;
	n = session_room(client->session);
	return n < BATCH ? n : BATCH;
}

/* Is there a message that matches, or may there be one? */
static bool matches_any(struct retained *retained, const struct replay *replay)
{
	struct retained_cursor cursor;
	struct stored *msg;
	bool done = false;
	int n = 1;

	if (retained_cursor_init(&cursor, replay->cursor.filter, replay->cursor.len))
		return true;
	cursor.upto = replay->cursor.upto;
	n = retained_next(retained, &cursor, &msg, 1, &done);
	if (n > 0)
		stored_put(msg);
	retained_cursor_free(&cursor);
	return n || !done;
}

/* Returns how many were sent, up to @max; the replay is gone if it is done. */
static int step(struct client *client, int max)
{
	struct retained *retained = &client->worker->broker->retained;
	struct replay *replay = TAILQ_FIRST(&client->replays->list);
	struct stored *msgs[BATCH];
	bool done;
	int n;

	/* What comes from now on has found the subscription. */
	if (!replay->begun && !matches_any(retained, replay)) {
		del(client, replay);
		return 0;
	}
	/*
	 * What is read leaves before what the kernel has for the client from now on: or
	 * a later message could arrive first, and the old one be the last that it sees.
	 */
	replay->begun = true;
	if (!client_plane_pause(client))
		return 0;
	n = retained_next(retained, &replay->cursor, msgs, max, &done);
	if (n < 0) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return 0;
	}
	send_batch(client, replay, msgs, n);
	if (done)
		del(client, replay);
	return n;
}

/* Returns whether the client could go on. */
static bool run_one(struct client *client)
{
	int sent = 0, looks, max;

	for (looks = 0; looks < LOOKS_PER_ROUND && sent < MESSAGES_PER_ROUND; looks++) {
		max = client->replays ? room(client) : 0;
		if (!max)
			return false;
		sent += step(client, max);
	}
	return client->replays && room(client);
}

void replay_start(struct client *client)
{
	/* With the kernel's data plane nothing more is read before. */
	if (!client->replaying || client->conn.transport->barriers)
		return;
	unlist(client);
	if (run_one(client))
		replay_resume(client);
}

void replay_run(struct worker *worker)
{
	struct client *client, *list = worker->replays;

	worker->replays = NULL;
	while ((client = list)) {
		list = client->next_replay;
		client->replaying = false;
		if (run_one(client))
			replay_resume(client);
	}
}

bool replay_waiting(const struct worker *worker)
{
	return worker->replays;
}
