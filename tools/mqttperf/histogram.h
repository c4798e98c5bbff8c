/* SPDX-License-Identifier: MIT */
/*
 * How often each latency occurred, in the manner of HdrHistogram: buckets of
 * equal width within a power of two, so that every value is known to within
 * 1.6 %, from a nanosecond to centuries, in a fixed amount of memory.
 */
#ifndef MQTTPERF_HISTOGRAM_H
#define MQTTPERF_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS		6	/* 64 buckets per power of two */
#define HISTOGRAM_HALF		(1u << HISTOGRAM_BITS)
#define HISTOGRAM_BUCKETS	((64 - HISTOGRAM_BITS + 1) * HISTOGRAM_HALF)

/**
 * struct histogram - all zero is an empty one
 * @count: values recorded
 * @max: the largest of them, exactly
 * @buckets: values in each
 */
struct histogram {
	uint64_t count;
	uint64_t max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Values below 2 * HISTOGRAM_HALF have buckets of their own. */
static inline unsigned int histogram_bucket(uint64_t value)
{
	unsigned int shift;

	if (value < HISTOGRAM_HALF)
		return (unsigned int)value;
	shift = 63 - HISTOGRAM_BITS - (unsigned int)__builtin_clzll(value);
	return shift * HISTOGRAM_HALF + (unsigned int)(value >> shift);
}

static inline void histogram_record(struct histogram *histogram, uint64_t value)
{
	histogram->count++;
	histogram->buckets[histogram_bucket(value)]++;
	if (value > histogram->max)
		histogram->max = value;
}

/*
 * The value that @per_mille of the values do not exceed: the largest that its
 * bucket may hold, or @max. 0 if there are no values.
 */
uint64_t histogram_quantile(const struct histogram *histogram, unsigned int per_mille);

#endif /* MQTTPERF_HISTOGRAM_H */
