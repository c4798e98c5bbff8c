/* SPDX-License-Identifier: MIT */
/*
 * Events of the kernel's router as they happen. They are hints: what the
 * kernel has no memory for, and what a slow listener has no room for, is lost,
 * and that is told.
 */
#ifndef MQTT_LIB_EVENTS_H
#define MQTT_LIB_EVENTS_H

#include "netlink.h"

struct mqtt_events;

/*
 * Begins to listen, in this network namespace, which needs CAP_NET_ADMIN there.
 *
 * Return: 0; -ENOENT, the module is not loaded; -EPERM; other errnos are the
 * socket's. If it fails, *events is NULL.
 */
int mqtt_events_open(struct mqtt_events **events);
void mqtt_events_close(struct mqtt_events *events);	/* NULL is fine */

/* For poll(): readable when mqtt_events_receive() has something to tell. */
int mqtt_events_fd(const struct mqtt_events *events);

/**
 * mqtt_events_receive - take what has arrived; does not wait
 * @events: from mqtt_events_open()
 * @show: called for each event with its attributes, indexed by
 *	enum mqtt_event_attr; they are gone when it returns
 * @arg: for @show
 *
 * Return: 0, nothing is left; -ENOBUFS, events have been lost here, call again;
 * the first non-zero value of @show, call again; other errnos are the socket's.
 */
int mqtt_events_receive(struct mqtt_events *events, mqtt_nl_show show, void *arg);

#endif /* MQTT_LIB_EVENTS_H */
