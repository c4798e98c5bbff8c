/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Of each topic the newest message.
 */
#ifndef _MQTT_CONFLATE_H
#define _MQTT_CONFLATE_H

#include <linux/types.h>

struct mqtt_msg;
struct mqtt_queue;
struct mqtt_queue_node;

/* More topics of one queue are not told apart from each other. */
#define MQTT_CONFLATE_NODES_MAX	65536

/**
 * struct mqtt_topic - what a message is found by
 * @name: topic name, in the message
 * @len: bytes of it
 * @hash: of it
 */
struct mqtt_topic {
	const u8 *name;
	u32 len;
	u64 hash;
};

void mqtt_conflate_begin(struct mqtt_queue *queue);
void mqtt_conflate_end(struct mqtt_queue *queue);
u32 mqtt_conflate_step(struct mqtt_queue *queue, u32 pinned);
struct mqtt_queue_node *mqtt_conflate_find(const struct mqtt_queue *queue,
					   const struct mqtt_topic *topic, u32 pinned);
int mqtt_conflate_replace(struct mqtt_queue *queue, struct mqtt_queue_node *node,
			  struct mqtt_msg *msg, u64 limit);
int mqtt_conflate_push(struct mqtt_queue *queue, struct mqtt_msg *msg,
		       const struct mqtt_topic *topic, u32 peer, u64 limit);
bool mqtt_conflate_topic(const struct mqtt_msg *msg, struct mqtt_topic *topic);
void mqtt_conflate_free(struct mqtt_queue *queue, struct mqtt_queue_node *node);

int mqtt_conflate_module_init(void);
void mqtt_conflate_module_exit(void);

#endif /* _MQTT_CONFLATE_H */
