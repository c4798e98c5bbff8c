/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MQTT_RX_PUBLISH_H
#define _MQTT_RX_PUBLISH_H

#include "framing.h"

struct mqtt_peer;

int mqtt_rx_publish(struct mqtt_peer *peer, const struct mqtt_frame *frame,
		    struct mqtt_cursor cur);
int mqtt_rx_publish_seen(struct mqtt_peer *peer, const struct mqtt_frame *frame,
			 struct mqtt_cursor cur);

#endif /* _MQTT_RX_PUBLISH_H */
