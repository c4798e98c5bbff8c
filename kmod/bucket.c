// SPDX-License-Identifier: GPL-2.0-only
/*
 * Token buckets. Pure code: whoever calls it has the time and the lock.
 *
 *   level      rate billionths per nanosecond
 *   rate * 10^9 ....................________   full: one second's worth
 *                              ____/
 *   0 ......................../.............
 *                         ___/
 *   what is longer than   |  in debt
 *   a second's worth -----+
 *
 * What asks for more than a full bucket has is let through by a full one, which is
 * then in debt. So everything comes to pass, and at the rate.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/time64.h>

#include "bucket.h"

static s64 mqtt_bucket_full(u32 rate)
{
	return (s64)rate * NSEC_PER_SEC;
}

/* What @n things need that they may pass. */
static s64 mqtt_bucket_need(u32 rate, u32 n)
{
	return (s64)min(n, rate) * NSEC_PER_SEC;
}

/**
 * mqtt_bucket_init() - a bucket that is full, whatever its rate
 * @bucket: bucket
 */
void mqtt_bucket_init(struct mqtt_bucket *bucket)
{
	bucket->level = S64_MAX;
	bucket->at = 0;
}

/**
 * mqtt_bucket_fill() - the time has come to
 * @bucket: bucket
 * @rate: things per second, not 0
 * @now: time in nanoseconds; not less than at the last call
 */
void mqtt_bucket_fill(struct mqtt_bucket *bucket, u32 rate, u64 now)
{
	s64 full = mqtt_bucket_full(rate);
	u64 more;

	if (bucket->level >= full || check_mul_overflow(now - bucket->at, (u64)rate, &more) ||
	    more >= (u64)(full - bucket->level))
		bucket->level = full;
	else
		bucket->level += more;
	bucket->at = now;
}

/**
 * mqtt_bucket_has() - how many things are there, whole ones
 * @bucket: bucket, filled
 */
u32 mqtt_bucket_has(const struct mqtt_bucket *bucket)
{
	return bucket->level > 0 ? div_u64(bucket->level, NSEC_PER_SEC) : 0;
}

/**
 * mqtt_bucket_lets() - may so much pass now?
 * @bucket: bucket, filled
 * @rate: its rate
 * @n: how many things, together
 */
bool mqtt_bucket_lets(const struct mqtt_bucket *bucket, u32 rate, u32 n)
{
	return bucket->level >= mqtt_bucket_need(rate, n);
}

/**
 * mqtt_bucket_charge() - so much has passed
 * @bucket: bucket, filled
 * @n: how many things, at most MQTT_BUCKET_CHARGE_MAX
 */
void mqtt_bucket_charge(struct mqtt_bucket *bucket, u32 n)
{
	bucket->level -= (s64)n * NSEC_PER_SEC;
}

/**
 * mqtt_bucket_wait() - when may so much pass?
 * @bucket: bucket, filled
 * @rate: its rate, not 0
 * @n: how many things, together
 *
 * Return: nanoseconds from the time it was filled for, rounded up; 0: now.
 */
u64 mqtt_bucket_wait(const struct mqtt_bucket *bucket, u32 rate, u32 n)
{
	s64 need = mqtt_bucket_need(rate, n);

	if (bucket->level >= need)
		return 0;
	return div_u64((u64)(need - bucket->level) + rate - 1, rate);
}
