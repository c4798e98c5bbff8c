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
 * @next: another one of the client's, to come later
 * @cursor: where it is
 * @source: who has published the last one
 * @id: subscription identifier, 0: none
 * @options: FILTER_* bits
 * @begun: there are messages that match
 */
struct replay {
	struct replay *next;
	struct retained_cursor cursor;
	struct retain_source source;
	u32 id;
	u8 options;
	bool begun;
};

static void replay_free(struct replay *replay)
{
	retained_cursor_free(&replay->cursor);
	retain_source_clear(&replay->source);
	free(replay);
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
	struct replay *replay, **last;

	replay_cancel(client, filter);
	replay = calloc(1, sizeof(*replay));
	if (!replay || retained_cursor_init(&replay->cursor, filter->filter, filter->len)) {
		free(replay);
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	replay->id = filter->id;
	replay->options = filter->options;
	for (last = &client->replays; *last; last = &(*last)->next)
		;
	*last = replay;
	replay_resume(client);
}

void replay_cancel(struct client *client, const struct session_filter *filter)
{
	struct replay *replay, **link = &client->replays;

	while ((replay = *link)) {
		if (replay->cursor.len != filter->len ||
		    memcmp(replay->cursor.filter, filter->filter, filter->len)) {
			link = &replay->next;
			continue;
		}
		*link = replay->next;
		replay_free(replay);
	}
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
	struct replay *replay;

	unlist(client);
	while ((replay = client->replays)) {
		client->replays = replay->next;
		replay_free(replay);
	}
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

static bool has_room(const struct client *client)
{
	return !client->closing && client->out.bytes <= OUTPUT_MAX &&
	       session_has_room(client->session);
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
	n = retained_next(retained, &cursor, &msg, 1, &done);
	if (n > 0)
		stored_put(msg);
	retained_cursor_free(&cursor);
	return n || !done;
}

static void finish(struct client *client)
{
	struct replay *replay = client->replays;

	client->replays = replay->next;
	replay_free(replay);
}

/* Returns how many were sent; the replay is gone if it is done. */
static int step(struct client *client)
{
	struct retained *retained = &client->worker->broker->retained;
	struct replay *replay = client->replays;
	struct stored *msgs[BATCH];
	bool done;
	int n;

	/* What comes from now on has found the subscription. */
	if (!replay->begun && !matches_any(retained, replay)) {
		finish(client);
		return 0;
	}
	/*
	 * What is read leaves before what the kernel has for the client from now on: or
	 * a later message could arrive first, and the old one be the last that it sees.
	 */
	replay->begun = true;
	if (!client_plane_pause(client))
		return 0;
	n = retained_next(retained, &replay->cursor, msgs, BATCH, &done);
	if (n < 0) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return 0;
	}
	send_batch(client, replay, msgs, n);
	if (done)
		finish(client);
	return n;
}

/* Returns whether the client could go on. */
static bool run_one(struct client *client)
{
	int sent = 0, looks;

	for (looks = 0; looks < LOOKS_PER_ROUND && sent < MESSAGES_PER_ROUND; looks++) {
		if (!client->replays || !has_room(client))
			return false;
		sent += step(client);
	}
	return client->replays && has_room(client);
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
