/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queues of which nothing is wanted any more.
 */
#ifndef _MQTT_DISCARD_H
#define _MQTT_DISCARD_H

#include <linux/types.h>

struct mqtt_queue;
struct mqtt_router;

void mqtt_discard_init(struct mqtt_router *router);
u32 mqtt_discard(struct mqtt_router *router, struct mqtt_queue *queue);

#endif /* _MQTT_DISCARD_H */
