/* SPDX-License-Identifier: MIT */
/*
 * mqttd-router: the process that may make the kernel's router. Whoever has the socket that
 * has made it may do all else with it, so that is what the daemon gets; and it gets
 * nothing else, whatever it asks.
 */
#ifndef MQTTD_ROUTER_HELPER_H
#define MQTTD_ROUTER_HELPER_H

#include <stddef.h>

struct config;
struct mqtt_nl;

/* The process: returns when the daemon has gone. */
int router_helper_run(const struct config *conf, int fd);

/**
 * router_helper_ask() - have a router made, with the kernel's limits
 * @fd: socket to mqttd-router
 * @nl: result: owns it
 * @why: what the kernel says if it does not, of @size bytes
 *
 * Main thread, which waits for the kernel.
 *
 * Return: 0 or -errno; -ECONNRESET: the process is gone.
 */
int router_helper_ask(int fd, struct mqtt_nl **nl, char *why, size_t size);

#endif /* MQTTD_ROUTER_HELPER_H */
