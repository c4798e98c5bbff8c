/* SPDX-License-Identifier: MIT */
/*
 * An application message that is kept: in queues of sessions, as a retained
 * message, in the store. It does not change once others can see it; all functions
 * are for any thread.
 */
#ifndef MQTTD_STORED_H
#define MQTTD_STORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#include "buffer.h"

struct store;

/**
 * struct stored - a message, counted
 * @refs: any thread
 * @store: where it is known by @id; NULL: nowhere. The last stored_put() deletes it there
 * @id: in @store, not 0 if it is there
 * @expires: milliseconds of CLOCK_REALTIME, 0: never (MQTT 5.0 3.3.2.3.3)
 * @topic: topic name, for all of the broker: with its mount point
 * @properties: of MQTT 5.0, without their length, the message expiry interval,
 *	subscription identifiers and the topic alias
 * @payload: application message
 * @client_id: of the publisher, terminated; "" if it is the broker itself
 * @username: likewise, NULL if it had none
 * @topic_len: bytes at @topic
 * @properties_len: bytes at @properties
 * @payload_len: bytes at @payload
 * @qos: that it was published with
 * @blob: what a long @payload is in, a reference, or NULL
 * @properties_blob: likewise for long @properties
 */
struct stored {
	u32 refs;
	u32 topic_len;
	u32 properties_len;
	u32 payload_len;
	struct store *store;
	u64 id;
	u64 expires;
	const u8 *topic;
	const u8 *properties;
	const u8 *payload;
	const char *client_id;
	const char *username;
	struct blob *blob;
	struct blob *properties_blob;
	u8 qos;
};

/* What is longer is shared by all who send the message, and not copied. */
#define STORED_SHARE_MIN 1024

/*
 * A copy of @from with one reference, the caller's: of its fields @store to
 * @username, the lengths, and @qos. If @blob is not NULL the payload is in there
 * and is shared instead of copied. NULL without memory.
 */
struct stored *stored_new(const struct stored *from, struct blob *blob);

/* A new message takes out the bytes at @at of its properties. Only while nobody else sees it. */
void stored_cut_property(struct stored *msg, u32 at, u32 len);

struct stored *stored_get(struct stored *msg);
void stored_put(struct stored *msg);		/* NULL is fine */

/*
 * Has it expired? Otherwise @left is the message expiry interval that it has
 * left, in seconds, rounded up, or 0 if it never expires.
 */
bool stored_expired(const struct stored *msg, u32 *left);

/* Bytes that it counts for in queues' limits. */
static inline size_t stored_size(const struct stored *msg)
{
	return (size_t)msg->topic_len + msg->properties_len + msg->payload_len;
}

/* How many there are, and their stored_size() together. */
void stored_count(u64 *count, u64 *bytes);

/* Milliseconds of CLOCK_REALTIME. */
u64 stored_now(void);

#endif /* MQTTD_STORED_H */
