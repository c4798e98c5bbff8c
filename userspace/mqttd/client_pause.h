/* SPDX-License-Identifier: MIT */
/*
 * Publishers that are not read from for a while, for a subscriber's sake that does
 * not keep up: slow_consumer_pause.
 */
#ifndef MQTTD_CLIENT_PAUSE_H
#define MQTTD_CLIENT_PAUSE_H

#include <stdint.h>

struct broker;
struct client;
struct worker;

/* @publisher is held until then, milliseconds, or client_pause_end_all(). By its worker. */
void client_pause(struct client *publisher, uint64_t until);

/*
 * A queue that some wait for is short again. All go on, soon; those who wait for another
 * one have to do so again with their next message to it. Any thread.
 */
void client_pause_end_all(struct broker *broker);

/* That, by each worker in each round. */
void client_pause_run(struct worker *worker);

/* The client is about to go. */
void client_pause_free(struct client *client);

#endif /* MQTTD_CLIENT_PAUSE_H */
