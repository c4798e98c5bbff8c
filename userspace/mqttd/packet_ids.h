/* SPDX-License-Identifier: MIT */
/*
 * A set of packet identifiers, MQTT 2.2.1. Small if there are few, or if they
 * are close to each other. No locks.
 */
#ifndef MQTTD_PACKET_IDS_H
#define MQTTD_PACKET_IDS_H

#include <stdbool.h>
#include <linux/types.h>

struct packet_ids;

struct packet_ids *packet_ids_new(void);		/* NULL without memory */
void packet_ids_free(struct packet_ids *ids);		/* NULL is fine */

/* Returns 1 if it is new, 0 if it was there, or -ENOMEM. */
int packet_ids_add(struct packet_ids *ids, u16 id);
bool packet_ids_has(const struct packet_ids *ids, u16 id);	/* NULL: none */
bool packet_ids_del(struct packet_ids *ids, u16 id);	/* was it there? */
unsigned int packet_ids_count(const struct packet_ids *ids);	/* NULL: none */

#endif /* MQTTD_PACKET_IDS_H */
