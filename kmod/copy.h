/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies of a message that are not as others': with Subscription Identifiers, or
 * with RETAIN.
 */
#ifndef _MQTT_COPY_H
#define _MQTT_COPY_H

#include <linux/types.h>

struct mqtt_msg;
struct mqtt_peer;
struct mqtt_route;

/* Different copies that are kept in mind, and bytes of their identifiers. */
#define MQTT_COPIES_KEPT	4
#define MQTT_COPY_IDS_KEPT	40

/**
 * struct mqtt_copy - a copy that others may want, too
 * @msg: it
 * @ids_len: bytes at @ids
 * @retain: it has RETAIN
 * @v5: it is framed as MQTT 5.0 is
 * @ids: its identifiers, as properties
 */
struct mqtt_copy {
	struct mqtt_msg *msg;
	u32 ids_len;
	bool retain;
	bool v5;
	u8 ids[MQTT_COPY_IDS_KEPT];
};

/**
 * struct mqtt_copies - special receivers of a message
 * @n: entries that were written down, on this CPU
 * @nr_kept: copies in @kept
 * @next: which one is to be replaced
 * @kept: the latest
 */
struct mqtt_copies {
	u32 n;
	u8 nr_kept;
	u8 next;
	struct mqtt_copy kept[MQTT_COPIES_KEPT];
};

bool mqtt_copy_give(struct mqtt_route *route, struct mqtt_peer *peer, u32 how);
bool mqtt_copy_give_part(struct mqtt_route *route, struct mqtt_peer *peer, u32 how,
			 u32 part, u32 parts);
void mqtt_copy_note(struct mqtt_route *route, struct mqtt_peer *peer, u32 how);
void mqtt_copies_deliver(struct mqtt_route *route);

#endif /* _MQTT_COPY_H */
