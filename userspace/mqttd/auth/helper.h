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

#include <stdbool.h>

struct config;

/**
 * auth_helper_fork() - make both processes
 * @conf: finished
 * @background: nobody is going to read standard error
 * @fd: result: the daemon's end of the socket, or -1 if no listener asks anybody
 *
 * Before there are threads, and after signals were blocked that are the daemon's.
 *
 * Return: 0, or -errno and the log says what is wrong.
 */
int auth_helper_fork(const struct config *conf, bool background, int *fd);

/* Below: helper.c, mqttd-auth itself: returns when the daemon has gone, or it cannot begin. */
int auth_helper_run(const struct config *conf, int fd);

#endif /* MQTTD_AUTH_HELPER_H */
