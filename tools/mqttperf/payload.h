/* SPDX-License-Identifier: MIT */
/*
 * An application message that says whose it is, which it is and when it was
 * sent, and that shows if a byte of it was changed: behind the head come bytes of
 * a fixed pattern, from a place in it that follows from the sequence number.
 */
#ifndef MQTTPERF_PAYLOAD_H
#define MQTTPERF_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "options.h"

#define PATTERN_SHIFTS	64u		/* places where it may begin */

struct payload_head {
	uint32_t publisher;
	uint32_t sequence;
	uint64_t sent;			/* CLOCK_MONOTONIC, ns */
};

_Static_assert(sizeof(struct payload_head) == PAYLOAD_MIN, "the head is the smallest payload");

/* For payloads of up to @size bytes; NULL without memory. The caller's to free(). */
uint8_t *payload_pattern(uint32_t size);

static inline const uint8_t *payload_body(const uint8_t *pattern, uint32_t sequence)
{
	return pattern + sequence % PATTERN_SHIFTS;
}

static inline void payload_write(uint8_t *payload, uint32_t size, const struct payload_head *head,
				 const uint8_t *pattern)
{
	memcpy(payload, head, sizeof(*head));
	if (size > sizeof(*head))
		memcpy(payload + sizeof(*head), payload_body(pattern, head->sequence),
		       size - sizeof(*head));
}

/* @payload has @size bytes, at least PAYLOAD_MIN. False if it was damaged. */
static inline bool payload_read(const uint8_t *payload, uint32_t size, struct payload_head *head,
				const uint8_t *pattern)
{
	memcpy(head, payload, sizeof(*head));
	return size == sizeof(*head) ||
	       !memcmp(payload + sizeof(*head), payload_body(pattern, head->sequence),
		       size - sizeof(*head));
}

/**
 * struct stream - what a subscriber has got from one publisher
 * @next: the sequence number that comes next
 * @seen: bit i: @next - 1 - i has come, so that a late message is told from a
 *	  second copy
 */
struct stream {
	uint32_t next;
	uint64_t seen;
};

/**
 * struct tally - what all subscribers have got
 * @received: messages, without duplicates
 * @lost: messages that later ones have overtaken and that did not come
 * @late: messages that came after later ones
 * @duplicates: messages that came again, or more than 64 messages too late
 * @corrupt: messages that are not what was sent
 */
struct tally {
	uint64_t received;
	uint64_t lost;
	uint64_t late;
	uint64_t duplicates;
	uint64_t corrupt;
};

/* Returns by how many messages the stream went on: 1 if nothing is wrong. */
uint32_t stream_irregular(struct stream *stream, uint32_t sequence, struct tally *tally);

static inline uint32_t stream_advance(struct stream *stream, uint32_t sequence,
				      struct tally *tally)
{
	if (sequence != stream->next)
		return stream_irregular(stream, sequence, tally);
	stream->next++;
	stream->seen = stream->seen << 1 | 1;
	tally->received++;
	return 1;
}

#endif /* MQTTPERF_PAYLOAD_H */
