/* SPDX-License-Identifier: MIT */
/*
 * mqttd-auth: the process that holds what is secret.
 *
 *   mqttd ──┬── mqttd-keeper ──── mqttd-auth
 *           │     waits, and makes      │
 *           │     another if it ends    │
 *           └───────── a socket ────────┘
 *
 * The keeper was forked before there were threads and connections, and never reads what
 * anybody sends: so what it forks later begins as the first one did. The end of the daemon
 * ends both.
 */
#ifndef MQTTD_AUTH_HELPER_H
#define MQTTD_AUTH_HELPER_H

struct config;

/* The keeper, for helpers.c: returns when the daemon has gone. */
int auth_keep(const struct config *conf, int fd);

/* mqttd-auth itself: likewise, or it cannot begin, which it has told the daemon. */
int auth_helper_run(const struct config *conf, int fd);

#endif /* MQTTD_AUTH_HELPER_H */
