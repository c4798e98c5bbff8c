/* SPDX-License-Identifier: MIT */
/*
 * Messages at QoS 0 for a client that does not read as fast as they come: limits, and
 * what happens at them. By the client's worker.
 *
 * Up to output_calm there is nothing to this. Beyond it, with policies that drop
 * messages which are in the queue already, the queue has two parts: @out, whose packets
 * leave as they are, and behind it struct slowq. What is no message at QoS 0 goes into
 * the first part always, and so overtakes the second.
 */
#ifndef MQTTD_CLIENT_SLOW_H
#define MQTTD_CLIENT_SLOW_H

#include <stdbool.h>
#include <stddef.h>

struct client;
struct outq;

enum slow_place {
	PLACE_OUT,		/* at the end of @out */
	PLACE_APART,		/* client_slow_add() */
};

/**
 * client_slow_place() - where does a message go?
 * @client: whose queue is longer than output_calm, or would be, or @client->slow is there
 * @len: bytes of the message
 *
 * Writes the queue to the socket before it gives up.
 *
 * Return: enum slow_place; -ENOBUFS: nowhere, counted but for the message itself.
 */
int client_slow_place(struct client *client, size_t len);

/* Takes @packet, or returns -ENOBUFS as above or -ENOMEM, and leaves it. */
int client_slow_add(struct client *client, struct outq *packet);

/*
 * A message was queued whose publisher is @publisher, on the same worker, or NULL: if
 * there are too many it has to wait a while. Only with slow_consumer_pause.
 */
void client_slow_pause(struct client *client, struct client *publisher);

/* @client->out is empty: fills it. Returns whether there was anything. */
bool client_slow_send(struct client *client);

/* Something was sent. Only if there is @client->slow. */
void client_slow_sent(struct client *client);

/* Bytes that wait besides @client->out. */
size_t client_slow_bytes(const struct client *client);

/* The client is about to go. */
void client_slow_free(struct client *client);

#endif /* MQTTD_CLIENT_SLOW_H */
