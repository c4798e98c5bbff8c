/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * UTF-8 encoded strings as MQTT allows them (MQTT 1.5.3, 5.0: 1.5.4).
 * Pure code.
 */
#ifndef _MQTT_UTF8_H
#define _MQTT_UTF8_H

#include <linux/types.h>

bool mqtt_utf8_valid(const u8 *s, size_t len);

#endif /* _MQTT_UTF8_H */
