/* SPDX-License-Identifier: MIT */
/*
 * What somebody was let in as.
 */
#ifndef MQTTD_CLIENT_GRANT_H
#define MQTTD_CLIENT_GRANT_H

#include <stdbool.h>

struct client;

/*
 * The client is who its grant says from now on: user name, client identifier, and the
 * author of its will. Before its session is looked for. Returns false if it was refused
 * or closed.
 */
bool client_grant_apply(struct client *client);

#endif /* MQTTD_CLIENT_GRANT_H */
