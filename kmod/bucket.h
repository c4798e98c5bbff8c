/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Token buckets: how much may pass per second.
 */
#ifndef _MQTT_BUCKET_H
#define _MQTT_BUCKET_H

#include <linux/types.h>

/* Most that may be charged in one go: it times NSEC_PER_SEC is far from S64_MIN. */
#define MQTT_BUCKET_CHARGE_MAX	(1U << 30)

/**
 * struct mqtt_bucket - what may pass just now
 * @level: billionths of a thing; negative if more has passed than there was
 * @at: time of @level, nanoseconds
 *
 * With a rate of r per second there come r billionths per nanosecond, until there
 * are r things. So nothing is ever rounded, and the rate may change at any time.
 */
struct mqtt_bucket {
	s64 level;
	u64 at;
};

void mqtt_bucket_init(struct mqtt_bucket *bucket);
void mqtt_bucket_fill(struct mqtt_bucket *bucket, u32 rate, u64 now);
u32 mqtt_bucket_has(const struct mqtt_bucket *bucket);
bool mqtt_bucket_lets(const struct mqtt_bucket *bucket, u32 rate, u32 n);
void mqtt_bucket_charge(struct mqtt_bucket *bucket, u32 n);
u64 mqtt_bucket_wait(const struct mqtt_bucket *bucket, u32 rate, u32 n);

#endif /* _MQTT_BUCKET_H */
