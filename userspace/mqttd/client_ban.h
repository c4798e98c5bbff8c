/* SPDX-License-Identifier: MIT */
/*
 * Clients whose address was banned after they had come. For their worker's thread.
 */
#ifndef MQTTD_CLIENT_BAN_H
#define MQTTD_CLIENT_BAN_H

#include <stdbool.h>

struct client;
struct worker;

/* Closes it if its address is banned: to be asked when that has become known. */
bool client_ban_ends(struct client *client);

/* At the beginning of each round of events: if there are new bans, closes whom they are for. */
void client_ban_review(struct worker *worker);

#endif /* MQTTD_CLIENT_BAN_H */
