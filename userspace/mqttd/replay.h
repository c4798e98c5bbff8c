/* SPDX-License-Identifier: MIT */
/*
 * Retained messages for new subscriptions, MQTT 5.0 3.3.1.3.
 *
 * A filter can match any number of them. They are sent a few at a time, at the end
 * of rounds of events, while the client takes them: at QoS 0 while its connection
 * does, at QoS 1 and 2 while its session has room. By the client's worker.
 */
#ifndef MQTTD_REPLAY_H
#define MQTTD_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct client;
struct session_filter;
struct worker;

/* Begins, anew if the filter's were still being sent. Closes the client without memory. */
void replay_begin(struct client *client, const struct session_filter *filter);

/*
 * All filters of a SUBSCRIBE have begun: sends the first messages at once, so that what
 * the client publishes right behind it is not among them.
 */
void replay_start(struct client *client);

/* What is left of a filter's, or of all, is not sent. */
void replay_cancel(struct client *client, const struct session_filter *filter);
void replay_end(struct client *client);

/* The client may have room: its queue is empty, or something was acknowledged. */
void replay_resume(struct client *client);

/* Sends some to each client that has room. */
void replay_run(struct worker *worker);

/* Is there more to do at once? */
bool replay_waiting(const struct worker *worker);

#endif /* MQTTD_REPLAY_H */
