/* SPDX-License-Identifier: MIT */
/*
 * Retained messages by topic, MQTT 5.0 3.3.1.3.
 */
#ifndef MQTTD_RETAINED_H
#define MQTTD_RETAINED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct retained_tree;
struct store;
struct stored;

#define RETAINED_EXPIRE_MAX 256

/**
 * struct retained - the retained messages
 * @gate: a message is stored and handed to subscribers as one, with regard to who
 *	subscribes: see retained_subscribe_begin(). Within store_begin(), outside of @lock
 * @lock: protects the rest; it is held while changes are given to @store, so that
 *	they are the same there
 * @store: where they are kept as well
 * @count: messages; anybody may read it
 * @bytes: stored_size() of all; likewise
 * @tree: them
 * @seq: number of the latest one
 */
struct retained {
	pthread_rwlock_t gate;
	pthread_rwlock_t lock;
	struct store *store;
	size_t count;
	size_t bytes;
	struct retained_tree *tree;
	u64 seq;
};

/* What all have a number below that is not this. */
#define RETAINED_ALL UINT64_MAX

int retained_init(struct retained *retained, struct store *store);	/* 0 or -ENOMEM */

/* At the end, when nobody else has messages: leaves them in the store. */
void retained_destroy(struct retained *retained);

/*
 * Sets the message of its topic, taking a reference, in the store too unless that is
 * below "$SYS/", or with no payload deletes it. Any thread, within store_begin() and store_end().
 * Returns 0 or -ENOMEM, and nothing has changed.
 */
int retained_set(struct retained *retained, struct stored *msg);

/*
 * Around retained_set() and the delivery to all who have subscribed. Any thread, not in
 * itself.
 */
void retained_publish_begin(struct retained *retained);
void retained_publish_end(struct retained *retained);

/*
 * Around all that makes a subscription: to a message it comes before or after. Returns the
 * number of the latest one that comes before: these are for retained_next(), and later
 * ones find the subscription. Any thread, within store_begin() and store_end().
 */
u64 retained_subscribe_begin(struct retained *retained);
void retained_subscribe_end(struct retained *retained);

/* At the start: as retained_set(), but the store has it already. */
int retained_load(struct retained *retained, struct stored *msg);

/*
 * Deletes those that have expired, up to RETAINED_EXPIRE_MAX of them. Returns whether
 * there may be more. Any thread.
 */
bool retained_expire(struct retained *retained);

/**
 * struct retained_cursor - a place among the topics that match a filter
 * @filter: a copy, with the mount point; owned
 * @len: bytes at @filter
 * @place: where to go on: what the next topic is not less than; owned
 * @place_len: bytes at @place
 * @place_size: bytes it has room for
 * @upto: later messages are passed over
 */
struct retained_cursor {
	u8 *filter;
	size_t len;
	u8 *place;
	size_t place_len;
	size_t place_size;
	u64 upto;
};

/* At the first topic, with RETAINED_ALL. 0 or -ENOMEM. */
int retained_cursor_init(struct retained_cursor *cursor, const u8 *filter, size_t len);
void retained_cursor_free(struct retained_cursor *cursor);

/**
 * retained_next() - the next messages that match
 * @retained: which
 * @cursor: where the last call has ended
 * @msgs: result: references that are the caller's
 * @max: room in @msgs, at least 1
 * @done: result: there are no more
 *
 * Topics come in an order of their own; what is set or deleted behind the cursor
 * in the meantime is seen or not. A call looks at a bounded number of topics
 * and takes time accordingly, whatever the number of messages, so it may return
 * 0 without being @done. A "#" or "+" in front does not match "$" topics.
 *
 * Return: how many; -ENOMEM, and the cursor is where it was.
 */
int retained_next(struct retained *retained, struct retained_cursor *cursor,
		  struct stored **msgs, int max, bool *done);

#endif /* MQTTD_RETAINED_H */
