/* SPDX-License-Identifier: MIT */
/*
 * Token buckets as one number: when the bucket will be full again.
 */
#ifndef MQTT_LIB_RATE_H
#define MQTT_LIB_RATE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * rate_charge() - one more
 * @full: when the bucket is full, microseconds; 0 at first
 * @now: likewise
 * @rate: tokens that come per second, and that fit in: not 0
 *
 * The token is taken even if there is none: then there are less than none.
 *
 * Return: microseconds until there is nothing owed; 0: there was a token.
 */
static inline uint64_t rate_charge(uint64_t *full, uint64_t now, uint64_t rate)
{
	const uint64_t second = 1000000;
	uint64_t interval = rate < second ? second / rate : 1;

	if (*full < now)
		*full = now;
	*full += interval;
	return *full > now + interval * rate ? *full - now - interval * rate : 0;
}

/**
 * rate_charge_n() - likewise for @n tokens, with nanoseconds instead of microseconds
 * @full: see above; U64_MAX nanoseconds are 584 years
 * @now: likewise
 * @rate: likewise
 * @n: at most 2^34
 */
static inline uint64_t rate_charge_n(uint64_t *full, uint64_t now, uint64_t rate, uint64_t n)
{
	const uint64_t second = 1000000000;

	if (*full < now)
		*full = now;
	*full += n * second / rate;
	return *full > now + second ? *full - now - second : 0;
}

/* Are there @n tokens, or as many as fit in? Else rate_charge_n() makes it less than none. */
static inline bool rate_lets_n(uint64_t full, uint64_t now, uint64_t rate, uint64_t n)
{
	const uint64_t second = 1000000000;

	return (full < now ? now : full) + (n < rate ? n : rate) * second / rate <= now + second;
}

/* What the next rate_charge() will return. */
static inline uint64_t rate_owed(uint64_t full, uint64_t now, uint64_t rate)
{
	return rate_charge(&full, now, rate);
}

#endif /* MQTT_LIB_RATE_H */
