// SPDX-License-Identifier: MIT
/*
 * The limit of message_rate. Who never publishes has no bucket.
 */
#include <stdlib.h>
#include <linux/container_of.h>

#include "broker.h"
#include "client.h"
#include "client_rate.h"
#include "log.h"
#include "rate.h"
#include "stats.h"

/**
 * struct client_rate - a bucket of tokens
 * @timer: end of a hold
 * @client: whose
 * @full: see rate.h
 * @told: the log has a line about it
 */
struct client_rate {
	struct timer timer;
	struct client *client;
	uint64_t full;
	bool told;
};

static void release(struct timer *timer)
{
	client_release(container_of(timer, struct client_rate, timer)->client, HOLD_RATE);
}

static void hold(struct client *client, struct client_rate *rate, uint64_t ms)
{
	struct worker *worker = client->worker;

	if (timer_set(&worker->timers, &rate->timer, worker->now + ms)) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	stats_add(&worker->stats, STAT_RATE_HOLDS, 1);
	if (!rate->told)
		log_limited(LOG_TYPE_NOTICE,
			    "Client %s publishes faster than message_rate: it has to wait.",
			    client_name(client));
	rate->told = true;
	client_hold(client, HOLD_RATE);
}

void client_rate_charge(struct client *client)
{
	uint64_t limit = client->worker->broker->conf->message_rate, ms;
	struct client_rate *rate = client->rate;

	if (!rate) {
		rate = calloc(1, sizeof(*rate));
		if (!rate) {
			client_close(client, CLOSE_NO_MEMORY, NULL);
			return;
		}
		rate->timer.fire = release;
		rate->client = client;
		client->rate = rate;
	}
	ms = rate_charge(&rate->full, client->worker->now * 1000, limit) / 1000;
	if (ms && !client->closing)
		hold(client, rate, ms);
}

void client_rate_free(struct client *client)
{
	if (!client->rate)
		return;
	timer_cancel(&client->worker->timers, &client->rate->timer);
	free(client->rate);
	client->rate = NULL;
}
