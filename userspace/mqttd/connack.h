/* SPDX-License-Identifier: MIT */
/*
 * The answer to CONNECT. The client's protocol and terms are known; 3.x gets
 * the return code that is nearest to a reason code.
 */
#ifndef MQTTD_CONNACK_H
#define MQTTD_CONNACK_H

#include <stdbool.h>
#include <linux/types.h>

struct client;

/* Returns whether the client is in; otherwise it is closed. */
bool connack_accept(struct client *client);

/* Closes the client. @why, a constant text, is for the log and the client. */
void connack_refuse(struct client *client, u8 code, const char *why);

/* Likewise, with more for the log, @detail, which may end with the call. */
void connack_refuse_detail(struct client *client, u8 code, const char *why, const char *detail);

#endif /* MQTTD_CONNACK_H */
