/* SPDX-License-Identifier: MIT */
/*
 * Token buckets as one number: when the bucket will be full again.
 */
#ifndef MQTT_LIB_RATE_H
#define MQTT_LIB_RATE_H

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

/* What the next rate_charge() will return. */
static inline uint64_t rate_owed(uint64_t full, uint64_t now, uint64_t rate)
{
	return rate_charge(&full, now, rate);
}

#endif /* MQTT_LIB_RATE_H */
