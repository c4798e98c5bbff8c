/* SPDX-License-Identifier: MIT */
/*
 * Memory for bytes from and to the network.
 *
 *   blob    a block of bytes that several owners hold by reference; who holds
 *           the only reference may write, otherwise nobody may
 *   buffer  bytes that arrive at the end and leave at the front; its storage
 *           is a blob, so a large packet can be passed on without a copy
 */
#ifndef MQTT_LIB_BUFFER_H
#define MQTT_LIB_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob {
	uint32_t refs;
	uint8_t data[] __attribute__((aligned(8)));
};

/* A blob with one reference, the caller's, and @size bytes; NULL without memory. */
struct blob *blob_new(size_t size);
struct blob *blob_get(struct blob *blob);
void blob_put(struct blob *blob);		/* NULL is fine */

/**
 * struct buffer - growable bytes; all zero is an empty one
 * @blob: storage, one reference, NULL while nothing was ever put in
 * @size: bytes that @blob has room for
 * @start: offset of the first byte
 * @len: bytes in the buffer
 */
struct buffer {
	struct blob *blob;
	size_t size;
	size_t start;
	size_t len;
};

static inline uint8_t *buffer_head(const struct buffer *buf)
{
	return buf->blob->data + buf->start;
}

static inline uint8_t *buffer_tail(const struct buffer *buf)
{
	return buffer_head(buf) + buf->len;
}

/*
 * Room for at least @extra more bytes at the tail. Grows geometrically, but
 * not beyond @limit bytes in all unless @extra needs it. Returns 0 or -ENOMEM
 * and then changed nothing.
 */
int buffer_reserve(struct buffer *buf, size_t extra, size_t limit);
size_t buffer_room(const struct buffer *buf);
int buffer_append(struct buffer *buf, const void *data, size_t len);
void buffer_consume(struct buffer *buf, size_t len);

/* The storage; the reference is the caller's now, the buffer empty. */
struct blob *buffer_steal(struct buffer *buf);
void buffer_free(struct buffer *buf);

#endif /* MQTT_LIB_BUFFER_H */
