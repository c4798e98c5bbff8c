/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Rules for topic names and topic filters (MQTT 4.7, both standards).
 * Pure code.
 */
#ifndef _MQTT_TOPIC_H
#define _MQTT_TOPIC_H

#include <linux/types.h>

bool mqtt_topic_name_valid(const u8 *name, size_t len);
bool mqtt_topic_filter_valid(const u8 *filter, size_t len);
unsigned int mqtt_topic_levels(const u8 *topic, size_t len);
bool mqtt_topic_matches(const u8 *filter, size_t filter_len, const u8 *topic, size_t topic_len);

#endif /* _MQTT_TOPIC_H */
