// SPDX-License-Identifier: MIT
/*
 * Queues of bytes to be sent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/compiler.h>
#include <mqtt/wire.h>

#include "outq.h"

/* Sizes of segments for copies: a first packet, some more, a busy client. */
#define SEGMENT_SMALL	960
#define SEGMENT_MEDIUM	8000
#define SEGMENT_LARGE	32000

/**
 * struct outq_segment - a piece of the queue
 * @next: the piece behind it
 * @blob: reference, or NULL if the bytes are in @copy
 * @goes_on: it is the middle or the end of a packet, with the piece before it
 * @data: first byte that was not sent
 * @len: bytes from there on
 * @room: bytes that still fit into @copy
 * @copy: memory for copied packets
 */
struct outq_segment {
	struct outq_segment *next;
	struct blob *blob;
	const uint8_t *data;
	size_t len;
	size_t room;
	bool goes_on;
	uint8_t copy[];
};

static struct outq_segment *segment_add(struct outq *q, size_t room)
{
	struct outq_segment *seg = malloc(sizeof(*seg) + room);

	if (!seg)
		return NULL;
	seg->next = NULL;
	seg->blob = NULL;
	seg->data = seg->copy;
	seg->len = 0;
	seg->room = room;
	seg->goes_on = false;
	if (q->last)
		q->last->next = seg;
	else
		q->first = seg;
	q->last = seg;
	return seg;
}

static size_t segment_size(const struct outq *q, size_t len)
{
	size_t size = q->bytes < SEGMENT_SMALL / 2 ? SEGMENT_SMALL :
		      q->bytes < SEGMENT_LARGE ? SEGMENT_MEDIUM : SEGMENT_LARGE;

	return len > size ? len : size;
}

static inline uint8_t *append(struct outq *q, size_t len)
{
	struct outq_segment *seg = q->last;
	uint8_t *room;

	if (unlikely(!seg || seg->room < len)) {
		seg = segment_add(q, segment_size(q, len));
		if (!seg)
			return NULL;
	}
	room = (uint8_t *)seg->data + seg->len;
	seg->len += len;
	seg->room -= len;
	q->bytes += len;
	return room;
}

uint8_t *outq_append(struct outq *q, size_t len)
{
	return append(q, len);
}

uint8_t *outq_append_alone(struct outq *q, size_t len)
{
	struct outq_segment *seg = segment_add(q, len);

	if (!seg)
		return NULL;
	seg->len = len;
	seg->room = 0;
	q->bytes += len;
	return seg->copy;
}

void outq_join(struct outq *q, struct outq *more)
{
	struct outq_segment *seg;

	if (!more->first)
		return;
	for (seg = more->first->next; seg; seg = seg->next)
		seg->goes_on = true;
	if (q->last)
		q->last->next = more->first;
	else
		q->first = more->first;
	q->last = more->last;
	q->bytes += more->bytes;
	*more = (struct outq){};
}

int outq_copy(struct outq *q, const void *data, size_t len)
{
	uint8_t *room = append(q, len);

	if (!room)
		return -ENOMEM;
	memcpy(room, data, len);
	return 0;
}

int outq_copy_alone(struct outq *q, const void *data, size_t len)
{
	uint8_t *room = outq_append_alone(q, len);

	if (!room)
		return -ENOMEM;
	memcpy(room, data, len);
	return 0;
}

int outq_merge(struct outq *q, struct outq *more)
{
	const struct outq_segment *seg;
	uint8_t *room;

	if (!more->first)
		return 0;
	room = append(q, more->bytes);
	if (!room)
		return -ENOMEM;
	for (seg = more->first; seg; room += seg->len, seg = seg->next)
		memcpy(room, seg->data, seg->len);
	outq_clear(more);
	return 0;
}

const uint8_t *outq_front(const struct outq *q, size_t *len)
{
	*len = q->first->len;
	return q->first->data;
}

int outq_share(struct outq *q, struct blob *blob, const uint8_t *data, size_t len)
{
	struct outq_segment *seg = segment_add(q, 0);

	if (!seg)
		return -ENOMEM;
	seg->blob = blob_get(blob);
	seg->data = data;
	seg->len = len;
	q->bytes += len;
	return 0;
}

size_t outq_waiting(const struct outq *q)
{
	return q->first ? q->bytes - q->first->len : 0;
}

int outq_iov(const struct outq *q, struct iovec *iov, int max)
{
	const struct outq_segment *seg;
	int n = 0;

	for (seg = q->first; seg && n < max; seg = seg->next, n++) {
		iov[n].iov_base = (void *)seg->data;
		iov[n].iov_len = seg->len;
	}
	return n;
}

static void segment_drop_first(struct outq *q)
{
	struct outq_segment *seg = q->first;

	q->first = seg->next;
	if (!q->first)
		q->last = NULL;
	q->bytes -= seg->len;
	blob_put(seg->blob);
	free(seg);
}

void outq_sent(struct outq *q, size_t len)
{
	while (q->first && len >= q->first->len) {
		len -= q->first->len;
		segment_drop_first(q);
	}
	if (len) {
		q->first->data += len;
		q->first->len -= len;
		q->bytes -= len;
	}
}

/* Bytes of the first segment to the border behind the last one that was sent. */
static size_t to_border(const struct outq_segment *seg)
{
	const uint8_t *pos = seg->copy, *end = seg->data + seg->len;
	struct mqtt_fixed_header fh;

	/* Of what is shared nobody knows how much was sent. */
	if (seg->blob || seg->goes_on)
		return seg->len;
	while (pos < seg->data && !mqtt_fixed_header_parse(pos, end - pos, &fh)) {
		if (fh.size + fh.remaining >= (size_t)(end - pos))
			return seg->len;
		pos += fh.size + fh.remaining;
	}
	return pos - seg->data;
}

void outq_cut(struct outq *q)
{
	struct outq_segment *seg = q->first, *rest;
	size_t keep;

	if (!seg)
		return;
	keep = to_border(seg);
	q->bytes -= seg->len - keep;
	if (keep == seg->len)
		while (seg->next && seg->next->goes_on)
			seg = seg->next;
	else
		seg->len = keep;
	seg->room = 0;
	while ((rest = seg->next)) {
		seg->next = rest->next;
		q->bytes -= rest->len;
		blob_put(rest->blob);
		free(rest);
	}
	q->last = seg;
	if (!q->bytes)
		outq_clear(q);
}

void outq_clear(struct outq *q)
{
	while (q->first)
		segment_drop_first(q);
}
