/* SPDX-License-Identifier: MIT */
/*
 * How many messages a client may publish per second: one with more is not read
 * from until its time has come, so its socket fills and it has to wait.
 */
#ifndef MQTTD_CLIENT_RATE_H
#define MQTTD_CLIENT_RATE_H

struct client;

/* One more message; holds the client if it owes some. By its worker, only with message_rate. */
void client_rate_charge(struct client *client);
void client_rate_free(struct client *client);

#endif /* MQTTD_CLIENT_RATE_H */
