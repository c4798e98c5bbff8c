// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all queues of a router may hold together.
 *
 * The sum is one counter, which must not be written for every message. So a
 * queue reserves more than it needs, and only above what each may hold anyway,
 * 64 KiB: who reads as fast as others publish comes here for messages only that
 * are longer than that.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "memory.h"

/**
 * mqtt_memory_init() - prepare the memory of a new router
 * @memory: zeroed
 */
void mqtt_memory_init(struct mqtt_memory *memory)
{
	memory->limit = max_t(u64, ((u64)totalram_pages() << PAGE_SHIFT) / 4,
			      MQTT_MEMORY_LIMIT_MIN);
}

/**
 * mqtt_memory_reserve() - a queue wants to hold more
 * @memory: its router's
 * @bytes: how much more
 *
 * Context: any.
 * Return: false if the limit would be exceeded.
 */
bool mqtt_memory_reserve(struct mqtt_memory *memory, u64 bytes)
{
	u64 limit = READ_ONCE(memory->limit);

	/* Whoever is refused all the time shall not hold up the others by writing. */
	if ((u64)atomic64_read(&memory->used) + bytes > limit)
		return false;
	if ((u64)atomic64_add_return(bytes, &memory->used) <= limit)
		return true;
	atomic64_sub(bytes, &memory->used);
	return false;
}

/**
 * mqtt_memory_force() - a queue holds more, whatever the limit
 * @memory: its router's
 * @bytes: how much more
 *
 * Context: any.
 */
void mqtt_memory_force(struct mqtt_memory *memory, u64 bytes)
{
	atomic64_add(bytes, &memory->used);
}

/**
 * mqtt_memory_give() - a queue holds less
 * @memory: its router's
 * @bytes: how much less
 *
 * Context: any.
 */
void mqtt_memory_give(struct mqtt_memory *memory, u64 bytes)
{
	atomic64_sub(bytes, &memory->used);
}

/**
 * mqtt_memory_tell() - is it time to tell that there is no more memory?
 * @memory: a router's
 *
 * Context: any.
 * Return: true at most once a second.
 */
bool mqtt_memory_tell(struct mqtt_memory *memory)
{
	unsigned long told = READ_ONCE(memory->told), now = jiffies | 1;

	if (told && time_before(now, told + HZ))
		return false;
	return cmpxchg(&memory->told, told, now) == told;
}
