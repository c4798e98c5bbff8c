// SPDX-License-Identifier: MIT
/* The pattern, and sequence numbers that are not the expected ones. */
#include <stdlib.h>

#include "payload.h"

uint8_t *payload_pattern(uint32_t size)
{
	uint8_t *pattern = malloc(size + PATTERN_SHIFTS);
	uint32_t x = 1;

	for (uint32_t i = 0; pattern && i < size + PATTERN_SHIFTS; i++) {
		x = x * 1664525 + 1013904223;
		pattern[i] = x >> 24;
	}
	return pattern;
}

static uint32_t stream_gap(struct stream *stream, uint32_t gap, struct tally *tally)
{
	stream->next += gap + 1;
	stream->seen = (gap < 63 ? stream->seen << (gap + 1) : 0) | 1;
	tally->lost += gap;
	tally->received++;
	return gap + 1;
}

uint32_t stream_irregular(struct stream *stream, uint32_t sequence, struct tally *tally)
{
	uint32_t age;

	if (sequence > stream->next)
		return stream_gap(stream, sequence - stream->next, tally);
	age = stream->next - 1 - sequence;
	if (age < 64 && !(stream->seen >> age & 1)) {
		stream->seen |= (uint64_t)1 << age;
		tally->lost--;
		tally->late++;
		tally->received++;
	} else {
		tally->duplicates++;
	}
	return 0;
}
