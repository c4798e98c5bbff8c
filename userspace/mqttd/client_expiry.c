// SPDX-License-Identifier: MIT
/*
 * The end of what a client was let in with.
 */
#include <stdlib.h>
#include <time.h>
#include <linux/container_of.h>
#include <linux/minmax.h>

#include "auth/method.h"
#include "client.h"
#include "client_expiry.h"
#include "security.h"

/* The time of day may be set anew: it is looked at so often, in seconds. */
#define LOOK_AGAIN	600

/**
 * struct client_expiry - when it is over
 * @timer: then, or earlier
 * @client: whose
 * @when: seconds since 1970
 */
struct client_expiry {
	struct timer timer;
	struct client *client;
	int64_t when;
};

/* Returns 0 or -ENOMEM. */
static int wait(struct client_expiry *expiry, int64_t now)
{
	struct worker *worker = expiry->client->worker;
	int64_t left = min_t(int64_t, expiry->when - now, LOOK_AGAIN);

	if (left < 0)
		left = 0;
	return timer_set(&worker->timers, &expiry->timer, worker->now + left * 1000);
}

static void look(struct timer *timer)
{
	struct client_expiry *expiry = container_of(timer, struct client_expiry, timer);
	int64_t now = time(NULL);

	if (now >= expiry->when) {
		security_client_event(expiry->client, (struct security_event){
			.kind = SECURITY_EXPIRED, .why = "its token has expired",
			.at = expiry->when });
		client_close(expiry->client, CLOSE_EXPIRED, NULL);
	} else if (wait(expiry, now)) {
		client_close(expiry->client, CLOSE_NO_MEMORY, NULL);
	}
}

void client_expiry_start(struct client *client)
{
	struct client_expiry *expiry;

	if (!client->grant || !client->grant->expires)
		return;
	expiry = calloc(1, sizeof(*expiry));
	if (!expiry) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	expiry->timer.fire = look;
	expiry->client = client;
	expiry->when = client->grant->expires;
	client->expiry = expiry;
	if (wait(expiry, time(NULL)))
		client_close(client, CLOSE_NO_MEMORY, NULL);
}

void client_expiry_free(struct client *client)
{
	if (!client->expiry)
		return;
	timer_cancel(&client->worker->timers, &client->expiry->timer);
	free(client->expiry);
	client->expiry = NULL;
}
