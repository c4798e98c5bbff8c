// SPDX-License-Identifier: MIT
/*
 * Application messages that are kept.
 *
 *   struct stored | topic | client id | user name | properties | payload
 *
 * Properties and payload are there if they are short; long ones are in blobs
 * that packets to any number of receivers refer to.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/compiler.h>

#include "store.h"
#include "stored.h"

/*
 * Messages, counted where few threads meet. One is counted in another place when it
 * ends than when it began: only the sum means something.
 */
#define COUNTERS 16

static struct counter {
	u64 count;
	u64 bytes;
} __attribute__((aligned(64))) counters[COUNTERS];

static void count(const struct stored *msg, int n)
{
	static __thread struct counter *mine;
	static unsigned int threads;

	if (unlikely(!mine))
		mine = &counters[__atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED) % COUNTERS];
	__atomic_fetch_add(&mine->count, n, __ATOMIC_RELAXED);
	__atomic_fetch_add(&mine->bytes, n * stored_size(msg), __ATOMIC_RELAXED);
}

void stored_count(u64 *n, u64 *bytes)
{
	int i;

	*n = 0;
	*bytes = 0;
	for (i = 0; i < COUNTERS; i++) {
		*n += __atomic_load_n(&counters[i].count, __ATOMIC_RELAXED);
		*bytes += __atomic_load_n(&counters[i].bytes, __ATOMIC_RELAXED);
	}
}

/* Copies @len bytes to *@pos, which moves on. Returns where they are now. */
static u8 *place(u8 **pos, const void *data, size_t len)
{
	u8 *to = *pos;

	if (len)
		memcpy(to, data, len);
	*pos += len;
	return to;
}

/* A blob with a copy of the bytes; NULL without memory. */
static struct blob *copied(const u8 *data, size_t len)
{
	struct blob *blob = blob_new(len);

	if (blob)
		memcpy(blob->data, data, len);
	return blob;
}

/* Those that are long, if they are not in a blob. Returns false without memory. */
static bool share_long(struct stored *msg, const struct stored *from, struct blob *blob)
{
	msg->blob = NULL;
	msg->properties_blob = NULL;
	if (from->properties_len > STORED_SHARE_MIN) {
		msg->properties_blob = copied(from->properties, from->properties_len);
		if (!msg->properties_blob)
			return false;
		msg->properties = msg->properties_blob->data;
	}
	if (blob) {
		msg->blob = blob_get(blob);
	} else if (from->payload_len > STORED_SHARE_MIN) {
		msg->blob = copied(from->payload, from->payload_len);
		if (!msg->blob) {
			blob_put(msg->properties_blob);
			return false;
		}
		msg->payload = msg->blob->data;
	}
	return true;
}

struct stored *stored_new(const struct stored *from, struct blob *blob)
{
	size_t id_len = strlen(from->client_id) + 1;
	size_t name_len = from->username ? strlen(from->username) + 1 : 0;
	bool payload = !blob && from->payload_len <= STORED_SHARE_MIN;
	bool properties = from->properties_len <= STORED_SHARE_MIN;
	struct stored *msg;
	u8 *pos;

	msg = malloc(sizeof(*msg) + from->topic_len + id_len + name_len +
		     (properties ? from->properties_len : 0) + (payload ? from->payload_len : 0));
	if (!msg)
		return NULL;
	*msg = *from;
	msg->refs = 1;
	if (!share_long(msg, from, blob)) {
		free(msg);
		return NULL;
	}
	pos = (u8 *)(msg + 1);
	msg->topic = place(&pos, from->topic, from->topic_len);
	msg->client_id = (char *)place(&pos, from->client_id, id_len);
	if (from->username)
		msg->username = (char *)place(&pos, from->username, name_len);
	if (properties)
		msg->properties = place(&pos, from->properties, from->properties_len);
	if (payload)
		msg->payload = place(&pos, from->payload, from->payload_len);
	count(msg, 1);
	return msg;
}

void stored_cut_property(struct stored *msg, u32 at, u32 len)
{
	u8 *property = (u8 *)msg->properties + at;

	count(msg, -1);
	msg->properties_len -= len;
	count(msg, 1);
	memmove(property, property + len, msg->properties_len - at);
}

struct stored *stored_get(struct stored *msg)
{
	__atomic_fetch_add(&msg->refs, 1, __ATOMIC_RELAXED);
	return msg;
}

void stored_put(struct stored *msg)
{
	if (!msg || __atomic_sub_fetch(&msg->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (msg->store)
		store_message_del(msg->store, msg->id);
	count(msg, -1);
	blob_put(msg->properties_blob);
	blob_put(msg->blob);
	free(msg);
}

bool stored_expired(const struct stored *msg, u32 *left)
{
	u64 now, ms;

	*left = 0;
	if (!msg->expires)
		return false;
	now = stored_now();
	if (now >= msg->expires)
		return true;
	ms = msg->expires - now;
	*left = ms / 1000 + !!(ms % 1000);
	return false;
}

u64 stored_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}
