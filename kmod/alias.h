/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Topic aliases that a client has told (MQTT 5.0 3.3.2.3.4).
 *
 * A cache of what the daemon knows: what is in it is right, and what is not in
 * it makes a packet the daemon's. So it may forget at any time.
 */
#ifndef _MQTT_ALIAS_H
#define _MQTT_ALIAS_H

#include <linux/types.h>

struct mqtt_publish;
struct mqtt_topic_alias;

/**
 * struct mqtt_aliases - topic aliases of one connection
 * @topics: topic of alias i at i - 1, NULL if it is not known; the whole is
 *	NULL until there is a first one
 * @max: largest alias that the client may use, 0 if none
 *
 * Under the socket's lock.
 */
struct mqtt_aliases {
	struct mqtt_topic_alias **topics;
	u16 max;
};

int mqtt_alias_apply(struct mqtt_aliases *aliases, struct mqtt_publish *pub);
void mqtt_alias_forget(struct mqtt_aliases *aliases);

#endif /* _MQTT_ALIAS_H */
