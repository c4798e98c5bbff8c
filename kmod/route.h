/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MQTT_ROUTE_H
#define _MQTT_ROUTE_H

#include <linux/types.h>

struct mqtt_match;
struct mqtt_msg;
struct mqtt_peer;
struct mqtt_publish;
struct mqtt_router;

/* Steps of sets of rules that are as much work as a receiver. */
#define MQTT_ROUTE_STEPS	4

/**
 * struct mqtt_publication - a message to be routed
 * @msg: the packet or train, QoS 0 with clean flags and no topic alias; its
 *	header is whole in @msg->head
 * @pub: what it says, or the first packet of a train; a topic name is there,
 *	valid by the standard's rules, but need not stand in @msg
 * @source: peer that it comes from, or NULL
 * @publisher: the same if it can be held up for a receiver: its socket is locked;
 *	or NULL. rx.wait then tells whether it is
 * @port: it comes from a port
 * @last: what matched the source's last message, if nobody else uses it now; or NULL
 *
 * All is the caller's.
 */
struct mqtt_publication {
	struct mqtt_msg *msg;
	const struct mqtt_publish *pub;
	const struct mqtt_peer *source;
	struct mqtt_peer *publisher;
	struct mqtt_match *last;
	bool port;
};

unsigned int mqtt_route(struct mqtt_router *router, const struct mqtt_publication *in);

#endif /* _MQTT_ROUTE_H */
