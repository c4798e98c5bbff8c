// SPDX-License-Identifier: MIT
/*
 * The limits of message_rate and byte_rate. Who never publishes has no buckets.
 *
 * On the kernel data plane these are for what comes here; what the kernel routes itself
 * has buckets of its own there.
 */
#include <stdlib.h>
#include <linux/container_of.h>
#include <mqtt/wire.h>

#include "broker.h"
#include "client.h"
#include "client_rate.h"
#include "log.h"
#include "packet.h"
#include "rate.h"
#include "session.h"
#include "stats.h"

#define NSEC_PER_MSEC	1000000

/**
 * struct client_rate - buckets of tokens
 * @timer: end of a hold
 * @client: whose
 * @messages: see rate.h
 * @bytes: likewise
 * @told: the log has a line about it
 */
struct client_rate {
	struct timer timer;
	struct client *client;
	uint64_t messages;
	uint64_t bytes;
	bool told;
};

static void release(struct timer *timer)
{
	client_release(container_of(timer, struct client_rate, timer)->client, HOLD_RATE);
}

static void tell(struct client *client, struct client_rate *rate, const char *what)
{
	if (!rate->told)
		log_limited(LOG_TYPE_NOTICE,
			    "Client %s publishes faster than message_rate or byte_rate: %s.",
			    client_name(client), what);
	rate->told = true;
}

static void hold(struct client *client, struct client_rate *rate, uint64_t ms)
{
	struct worker *worker = client->worker;

	if (timer_set(&worker->timers, &rate->timer, worker->now + ms)) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	stats_add(&worker->stats, STAT_RATE_HOLDS, 1);
	tell(client, rate, "it has to wait");
	client_hold(client, HOLD_RATE);
}

static struct client_rate *rate_of(struct client *client)
{
	struct client_rate *rate = client->rate;

	if (rate)
		return rate;
	rate = calloc(1, sizeof(*rate));
	if (!rate) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return NULL;
	}
	rate->timer.fire = release;
	rate->client = client;
	client->rate = rate;
	return rate;
}

/* Returns the nanoseconds until nothing is owed. A limit may have gone meanwhile. */
static uint64_t charge(struct client_rate *rate, const struct config *conf, uint64_t now,
		       size_t size)
{
	uint64_t messages = 0, bytes = 0;

	if (conf->message_rate)
		messages = rate_charge_n(&rate->messages, now, conf->message_rate, 1);
	if (conf->byte_rate)
		bytes = rate_charge_n(&rate->bytes, now, conf->byte_rate, size);
	return messages > bytes ? messages : bytes;
}

static bool lets(const struct client_rate *rate, const struct config *conf, uint64_t now,
		 size_t size)
{
	return (!conf->message_rate || rate_lets_n(rate->messages, now, conf->message_rate, 1)) &&
	       (!conf->byte_rate || rate_lets_n(rate->bytes, now, conf->byte_rate, size));
}

/* What was acknowledged cannot be dropped, so at QoS 1 and 2 there is only waiting. */
static bool droppable(const struct packet *packet)
{
	return !(packet->byte1 & MQTT_PUBLISH_QOS);
}

static bool drop(struct client *client, struct client_rate *rate)
{
	struct stats *stats = &client->worker->stats;

	stats_add(stats, STAT_PUBLISH_DROPPED, 1);
	stats_add(stats, STAT_DROPPED_RATE, 1);
	client->session->history.above_rate++;
	tell(client, rate, "messages at QoS 0 are dropped");
	return false;
}

bool client_rate_admit(struct client *client, const struct packet *packet)
{
	const struct config *conf = client->worker->broker->conf;
	bool drops = conf->rate_policy == RATE_DROP && droppable(packet);
	size_t size = 1 + mqtt_varint_size(packet->remaining) + packet->remaining;
	uint64_t now = client->worker->now * NSEC_PER_MSEC, owed;
	struct client_rate *rate = rate_of(client);

	if (!rate)
		return true;
	if (drops && !lets(rate, conf, now, size))
		return drop(client, rate);
	owed = charge(rate, conf, now, size) / NSEC_PER_MSEC;
	if (owed && !drops && !client->closing)
		hold(client, rate, owed);
	return true;
}

void client_rate_free(struct client *client)
{
	if (!client->rate)
		return;
	timer_cancel(&client->worker->timers, &client->rate->timer);
	free(client->rate);
	client->rate = NULL;
}
