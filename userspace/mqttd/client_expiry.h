/* SPDX-License-Identifier: MIT */
/*
 * The end of what a client was let in with: a token lasts for some time, and so does its
 * connection, on either data plane.
 */
#ifndef MQTTD_CLIENT_EXPIRY_H
#define MQTTD_CLIENT_EXPIRY_H

struct client;

/* From CONNACK on, if its grant says so. By its worker, as the next. */
void client_expiry_start(struct client *client);
void client_expiry_free(struct client *client);

#endif /* MQTTD_CLIENT_EXPIRY_H */
