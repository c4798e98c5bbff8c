/* SPDX-License-Identifier: MIT */
/*
 * How many messages and bytes a client may publish per second: one with more is not
 * read from until its time has come, so its socket fills and it has to wait; or its
 * messages at QoS 0 are dropped.
 */
#ifndef MQTTD_CLIENT_RATE_H
#define MQTTD_CLIENT_RATE_H

#include <stdbool.h>

struct client;
struct packet;

/*
 * A PUBLISH has come; holds the client if it owes some. Returns false if the message is
 * to be dropped, which is counted. By its worker, only with message_rate or byte_rate.
 */
bool client_rate_admit(struct client *client, const struct packet *packet);
void client_rate_free(struct client *client);

#endif /* MQTTD_CLIENT_RATE_H */
