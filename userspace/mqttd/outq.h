/* SPDX-License-Identifier: MIT */
/*
 * Bytes on their way to one client, in order.
 *
 *   first ──> segment ──> segment ──> ... <── last
 *             copied       shared
 *
 * A short packet is copied behind the packets before it; a long one is held
 * by reference to a blob that all its receivers share. Packets begin where segments
 * do, or behind another one that was copied.
 */
#ifndef MQTTD_OUTQ_H
#define MQTTD_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "buffer.h"

struct outq_segment;

/* All zero is an empty queue. */
struct outq {
	struct outq_segment *first;
	struct outq_segment *last;
	size_t bytes;
};

/*
 * Queue @len bytes that the caller writes before it does anything else with the
 * queue: behind the last ones, or in a piece of their own, which takes no more memory
 * than they need. Both return where, or NULL without memory.
 */
uint8_t *outq_append(struct outq *q, size_t len);
uint8_t *outq_append_alone(struct outq *q, size_t len);

/* Both return 0, or -ENOMEM and have queued nothing. */
int outq_copy(struct outq *q, const void *data, size_t len);
/* Takes a reference of its own to @blob, which @data points into. */
int outq_share(struct outq *q, struct blob *blob, const uint8_t *data, size_t len);

/* Likewise in a piece of its own. */
int outq_copy_alone(struct outq *q, const void *data, size_t len);

/* Moves all of @more, which is one packet, to the end of @q. */
void outq_join(struct outq *q, struct outq *more);

/* Likewise, as a copy behind the last bytes. Returns 0, or -ENOMEM and has moved nothing. */
int outq_merge(struct outq *q, struct outq *more);

/* The first bytes, of which @len follow one another. Only of one that is not empty. */
const uint8_t *outq_front(const struct outq *q, size_t *len);

static inline bool outq_empty(const struct outq *q)
{
	return !q->bytes;
}

/* Bytes behind the first segment, which is the one that is being sent. */
size_t outq_waiting(const struct outq *q);

/* Describes the first bytes of the queue. Returns how many entries were used. */
int outq_iov(const struct outq *q, struct iovec *iov, int max);

/* Forgets all behind the packet of which a part was sent; if there is none, all. */
void outq_cut(struct outq *q);

/* Forgets the first @len bytes: they were sent. */
void outq_sent(struct outq *q, size_t len);
void outq_clear(struct outq *q);

#endif /* MQTTD_OUTQ_H */
