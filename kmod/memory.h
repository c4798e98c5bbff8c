/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all queues of a router may hold together.
 */
#ifndef _MQTT_MEMORY_H
#define _MQTT_MEMORY_H

#include <linux/atomic.h>
#include <linux/types.h>

/* Queues reserve memory in pieces of so many bytes, and have the first for nothing. */
#define MQTT_MEMORY_QUANTUM	(64ULL << 10)
#define MQTT_MEMORY_LIMIT_MIN	MQTT_MEMORY_QUANTUM

/**
 * struct mqtt_memory - memory of a router's queues
 * @used: bytes that are reserved
 * @limit: how many may be
 * @told: when it was told last that there are no more, jiffies; 0: never
 */
struct mqtt_memory {
	atomic64_t used;
	u64 limit;
	unsigned long told;
};

void mqtt_memory_init(struct mqtt_memory *memory);
bool mqtt_memory_reserve(struct mqtt_memory *memory, u64 bytes);
void mqtt_memory_force(struct mqtt_memory *memory, u64 bytes);
void mqtt_memory_give(struct mqtt_memory *memory, u64 bytes);
bool mqtt_memory_tell(struct mqtt_memory *memory);

#endif /* _MQTT_MEMORY_H */
