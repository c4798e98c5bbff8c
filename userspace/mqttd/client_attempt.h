/* SPDX-License-Identifier: MIT */
/*
 * Who has to wait for the answer to CONNECT, as attempts before it have failed; and who
 * may not send a password at all. For the client's worker.
 */
#ifndef MQTTD_CLIENT_ATTEMPT_H
#define MQTTD_CLIENT_ATTEMPT_H

#include <stdbool.h>

#include "auth.h"

struct client;

/**
 * client_attempt_begin() - before somebody is asked whether a client may be let in
 * @client: with its user name
 * @has_password: it has sent one, or a token
 *
 * Return: whether to go on; otherwise the client was told why not.
 */
bool client_attempt_begin(struct client *client, bool has_password);

/**
 * client_attempt_result() - somebody has said whether it may
 * @client: which
 * @result: what was said, not AUTH_PENDING
 *
 * To be called once. Counts failures, and bans for too many.
 *
 * Return: whether the answer has to wait. handler_connect_auth() is called when its time
 * has come, and HOLD_AUTH, which has to be there, is released then.
 */
bool client_attempt_result(struct client *client, enum auth_result result);

/* The client's timer has fired. Returns whether it was for that. */
bool client_attempt_due(struct client *client);

/* It was let in: tells of it if that happens again and again, or cannot go on for long. */
void client_attempt_connected(struct client *client);

#endif /* MQTTD_CLIENT_ATTEMPT_H */
