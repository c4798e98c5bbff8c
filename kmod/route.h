/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MQTT_ROUTE_H
#define _MQTT_ROUTE_H

#include <linux/types.h>

struct mqtt_msg;
struct mqtt_router;

unsigned int mqtt_route(struct mqtt_router *router, struct mqtt_msg *msg, const u8 *topic,
			u16 topic_len);

#endif /* _MQTT_ROUTE_H */
