// SPDX-License-Identifier: MIT
/* Reading a histogram; writing is in the header, because it happens per message. */
#include "histogram.h"

/* The largest value that falls into @bucket */
static uint64_t bucket_top(unsigned int bucket)
{
	unsigned int shift;
	uint64_t bottom;

	if (bucket < 2 * HISTOGRAM_HALF)
		return bucket;
	shift = bucket / HISTOGRAM_HALF - 1;
	bottom = (uint64_t)(bucket - shift * HISTOGRAM_HALF) << shift;
	return bottom + ((uint64_t)1 << shift) - 1;
}

uint64_t histogram_quantile(const struct histogram *histogram, unsigned int per_mille)
{
	uint64_t rank = histogram->count / 1000 * per_mille +
			(histogram->count % 1000 * per_mille + 999) / 1000;
	unsigned int bucket = 0;
	uint64_t below = 0;
	uint64_t top;

	if (!histogram->count)
		return 0;
	if (!rank)
		rank = 1;
	while ((below += histogram->buckets[bucket]) < rank)
		bucket++;
	top = bucket_top(bucket);
	return top < histogram->max ? top : histogram->max;
}
