/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has happened, told to who listens.
 */
#ifndef _MQTT_EVENT_H
#define _MQTT_EVENT_H

#include <net/genetlink.h>
#include <linux/mqtt.h>

struct mqtt_peer;
struct net;

/* The family's multicast groups */
extern const struct genl_multicast_group mqtt_event_groups[1];

void mqtt_event_router(struct net *net, enum mqtt_event_type type);
void mqtt_event_peer(const struct mqtt_peer *peer, enum mqtt_event_type type);

#endif /* _MQTT_EVENT_H */
