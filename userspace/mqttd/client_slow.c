// SPDX-License-Identifier: MIT
/*
 * What happens at the limits of a client's queue: slow_consumer_policy.
 */
#include <errno.h>
#include <stdlib.h>

#include "broker.h"
#include "client.h"
#include "client_pause.h"
#include "client_slow.h"
#include "session.h"
#include "slowq.h"
#include "stats.h"
#include "worker.h"

/* Of all queues together they count in such steps, each without its first one. */
#define CHARGE_STEP	(64u << 10)
/* What is taken from the second part of the queue at a time: it cannot be dropped any more. */
#define SEND_BYTES	(64u << 10)

/**
 * struct client_slow - there while a client has more in its queue than others
 * @queue: messages that may still be dropped
 * @charged: bytes that are counted in @broker->slow_bytes
 * @paused: publishers have had to wait, since the queue was below half of a limit
 */
struct client_slow {
	struct slowq queue;
	size_t charged;
	bool paused;
};

static struct client_slow *slow_of(struct client *client)
{
	struct client_slow *slow = client->slow;

	if (slow)
		return slow;
	slow = calloc(1, sizeof(*slow));
	if (!slow)
		return NULL;
	slowq_init(&slow->queue, &client->worker->broker->sessions.key);
	client->slow = slow;
	return slow;
}

size_t client_slow_bytes(const struct client *client)
{
	return client->slow ? client->slow->queue.bytes : 0;
}

static bool apart(const struct client *client)
{
	return client->slow && client->slow->queue.messages;
}

/* It had two queues, one here and one in the kernel. */
static size_t limit_of(const struct client *client)
{
	size_t limit = client->worker->broker->conf->output_bytes;

	return client->backlog ? 2 * limit : limit;
}

/* The message that is being sent does not count, nor does one that is alone. */
static bool queue_full(const struct client *client, size_t len)
{
	return !outq_empty(&client->out) && outq_waiting(&client->out) + len > limit_of(client);
}

/* All queues together */

/*
 * Makes sure that @bytes are counted. They are counted in steps, so that workers do not
 * wait for each other at each message.
 */
static bool charge(struct client *client, size_t bytes)
{
	struct broker *broker = client->worker->broker;
	size_t limit = broker->conf->max_queued_bytes_total, charged, sum;
	struct client_slow *slow;

	charged = client->slow ? client->slow->charged : 0;
	if (!limit || bytes <= charged + CHARGE_STEP)
		return true;
	slow = slow_of(client);
	if (!slow)
		return false;
	charged = (bytes - charged - 1) / CHARGE_STEP * CHARGE_STEP;
	sum = __atomic_add_fetch(&broker->slow_bytes, charged, __ATOMIC_RELAXED);
	if (sum > limit) {
		__atomic_fetch_sub(&broker->slow_bytes, charged, __ATOMIC_RELAXED);
		stats_add(&client->worker->stats, STAT_DROPPED_TOTAL, 1);
		return false;
	}
	slow->charged += charged;
	return true;
}

static void uncharge(struct client *client, size_t bytes)
{
	size_t keep = bytes > CHARGE_STEP ? (bytes - 1) / CHARGE_STEP * CHARGE_STEP : 0;
	struct client_slow *slow = client->slow;

	if (slow->charged <= keep)
		return;
	__atomic_fetch_sub(&client->worker->broker->slow_bytes, slow->charged - keep,
			   __ATOMIC_RELAXED);
	slow->charged = keep;
}

/* A message */

static int refuse(struct client *client)
{
	unsigned int waiting = client->slow ? client->slow->queue.messages : 0;
	struct stats *stats = &client->worker->stats;

	if (client->worker->broker->conf->slow_consumer_policy == SLOW_DISCONNECT) {
		stats_add(stats, STAT_PUBLISH_DROPPED, waiting);
		stats_add(stats, STAT_DROPPED_SLOW, waiting + 1);
		client_close(client, CLOSE_SLOW, NULL);
	}
	return -ENOBUFS;
}

/* In one part. */
static int place_together(struct client *client, size_t len)
{
	if (queue_full(client, len) && !client->blocked)
		client_flush(client);
	if (queue_full(client, len))
		return refuse(client);
	return charge(client, client->out.bytes + len) ? PLACE_OUT : -ENOBUFS;
}

int client_slow_place(struct client *client, size_t len)
{
	const struct config *conf = client->worker->broker->conf;

	if (apart(client))
		return PLACE_APART;
	if (!config_keeps_apart(conf))
		return place_together(client, len);
	if (client->out.bytes + len <= (size_t)conf->output_calm)
		return PLACE_OUT;
	if (!client->blocked)
		client_flush(client);
	return outq_empty(&client->out) ? PLACE_OUT : PLACE_APART;
}

static void count_drops(struct client *client, const struct slowq_drops *drops)
{
	struct session_history *history = &client->session->history;
	struct stats *stats = &client->worker->stats;

	if (!drops->old && !drops->conflated)
		return;
	stats_add(stats, STAT_PUBLISH_DROPPED, drops->old + drops->conflated);
	stats_add(stats, STAT_DROPPED_OLD, drops->old);
	stats_add(stats, STAT_DROPPED_CONFLATED, drops->conflated);
	history->old += drops->old;
	history->conflated += drops->conflated;
}

static enum slowq_policy policy_of(const struct config *conf)
{
	switch (conf->slow_consumer_policy) {
	case SLOW_DROP_OLD:
		return SLOWQ_DROP_OLD;
	case SLOW_CONFLATE:
		return SLOWQ_CONFLATE;
	default:
		return SLOWQ_KEEP;
	}
}

int client_slow_add(struct client *client, struct outq *packet)
{
	const struct config *conf = client->worker->broker->conf;
	const struct slowq_limits limits = {
		.policy = policy_of(conf),
		.bytes = limit_of(client),
		.beside = outq_waiting(&client->out),
		.messages = conf->slow_consumer_messages,
	};
	struct client_slow *slow = slow_of(client);
	struct slowq_drops drops;
	int err;

	if (!slow)
		return -ENOMEM;
	if (!charge(client, client->out.bytes + slow->queue.bytes + slowq_charge(packet)))
		return -ENOBUFS;
	err = slowq_add(&slow->queue, &limits, packet, &drops);
	if (err == -ENOBUFS)
		return refuse(client);
	count_drops(client, &drops);
	return err;
}

/* Publishers */

/* @limit may be 0, for none. */
static bool marked(const struct client *client, size_t bytes, size_t messages, bool half)
{
	size_t most = limit_of(client), count = client->worker->broker->conf->slow_consumer_messages;

	if (half)
		return bytes >= most / 2 || (count && messages >= (count + 1) / 2);
	return bytes > slowq_mark(most) || (count && messages > slowq_mark(count));
}

void client_slow_pause(struct client *client, struct client *publisher)
{
	struct worker *worker = client->worker;
	struct client_slow *slow = client->slow;
	size_t messages = slow ? slow->queue.messages : 0;

	if (!marked(client, client->out.bytes + client_slow_bytes(client), messages, false))
		return;
	slow = slow_of(client);
	if (!slow)
		return;
	if (!slow->paused) {
		slow->paused = true;
		__atomic_store_n(&client->pause_until,
				 worker->now + worker->broker->conf->slow_consumer_pause,
				 __ATOMIC_RELAXED);
	}
	if (publisher)
		client_pause(publisher, client->pause_until);
}

static void resume(struct client *client)
{
	struct worker *worker = client->worker;
	bool early = client->pause_until > worker->now;

	client->slow->paused = false;
	__atomic_store_n(&client->pause_until, 0, __ATOMIC_RELAXED);
	if (early)
		client_pause_end_all(worker->broker);
}

bool client_slow_send(struct client *client)
{
	if (!apart(client))
		return false;
	slowq_send(&client->slow->queue, &client->out, SEND_BYTES);
	return true;
}

void client_slow_sent(struct client *client)
{
	struct client_slow *slow = client->slow;
	size_t bytes = client->out.bytes + slow->queue.bytes;

	if (slow->charged)
		uncharge(client, bytes);
	if (slow->paused && !marked(client, bytes, slow->queue.messages, true))
		resume(client);
	if (!bytes)
		client_slow_free(client);
}

void client_slow_free(struct client *client)
{
	struct client_slow *slow = client->slow;

	if (!slow)
		return;
	if (slow->paused)
		resume(client);
	uncharge(client, 0);
	slowq_clear(&slow->queue);
	client->slow = NULL;
	free(slow);
}
