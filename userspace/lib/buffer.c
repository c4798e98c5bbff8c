// SPDX-License-Identifier: MIT
/*
 * Shared blocks of bytes and growable buffers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#define BUFFER_SIZE_MIN 256

struct blob *blob_new(size_t size)
{
	struct blob *blob;

	if (size > SIZE_MAX - sizeof(*blob))
		return NULL;
	blob = malloc(sizeof(*blob) + size);
	if (blob)
		blob->refs = 1;
	return blob;
}

struct blob *blob_get(struct blob *blob)
{
	__atomic_fetch_add(&blob->refs, 1, __ATOMIC_RELAXED);
	return blob;
}

void blob_put(struct blob *blob)
{
	if (blob && __atomic_sub_fetch(&blob->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(blob);
}

size_t buffer_room(const struct buffer *buf)
{
	return buf->size - buf->start - buf->len;
}

int buffer_reserve(struct buffer *buf, size_t extra, size_t limit)
{
	struct blob *blob;
	size_t need, size;

	if (buffer_room(buf) >= extra)
		return 0;
	if (buf->start) {
		memmove(buf->blob->data, buffer_head(buf), buf->len);
		buf->start = 0;
		if (buffer_room(buf) >= extra)
			return 0;
	}
	if (extra > SIZE_MAX / 2 - buf->len - sizeof(*blob))
		return -ENOMEM;
	need = buf->len + extra;
	size = buf->size < BUFFER_SIZE_MIN / 2 ? BUFFER_SIZE_MIN : 2 * buf->size;
	if (size > limit)
		size = limit;
	if (size < need)
		size = need;
	blob = realloc(buf->blob, sizeof(*blob) + size);
	if (!blob)
		return -ENOMEM;
	blob->refs = 1;
	buf->blob = blob;
	buf->size = size;
	return 0;
}

int buffer_append(struct buffer *buf, const void *data, size_t len)
{
	int err = buffer_reserve(buf, len, SIZE_MAX);

	if (err || !len)
		return err;
	memcpy(buffer_tail(buf), data, len);
	buf->len += len;
	return 0;
}

void buffer_consume(struct buffer *buf, size_t len)
{
	buf->len -= len;
	buf->start = buf->len ? buf->start + len : 0;
}

struct blob *buffer_steal(struct buffer *buf)
{
	struct blob *blob = buf->blob;

	*buf = (struct buffer){};
	return blob;
}

void buffer_free(struct buffer *buf)
{
	blob_put(buffer_steal(buf));
}
