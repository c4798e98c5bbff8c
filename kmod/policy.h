/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How full a peer's queue is, and what happens when it is at a limit.
 */
#ifndef _MQTT_POLICY_H
#define _MQTT_POLICY_H

#include <linux/types.h>

struct mqtt_peer;

bool mqtt_tx_above_high_water(const struct mqtt_peer *peer);
bool mqtt_tx_below_low_water(const struct mqtt_peer *peer);

#endif /* _MQTT_POLICY_H */
