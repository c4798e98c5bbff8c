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

struct retained_topic;
struct store;
struct stored;

/**
 * struct retained - the retained messages
 * @lock: protects the rest
 * @store: where they are kept as well
 * @count: messages
 * @bytes: stored_size() of all
 */
struct retained {
	pthread_rwlock_t lock;
	struct store *store;
	size_t count;
	size_t bytes;
	struct retained_tree *tree;
};

int retained_init(struct retained *retained, struct store *store);	/* 0 or -ENOMEM */
void retained_destroy(struct retained *retained);

/*
 * Sets the message of its topic, taking a reference, in the store too, or with
 * no payload deletes it. Any thread, within store_begin() and store_end().
 * Returns 0 or -ENOMEM, and nothing has changed.
 */
int retained_set(struct retained *retained, struct stored *msg);

/* At the start: as retained_set(), but the store has it already. */
int retained_load(struct retained *retained, struct stored *msg);

/* Deletes those that have expired, a few in each call. Any thread. */
void retained_expire(struct retained *retained);

/**
 * struct retained_cursor - a place among the topics that match a filter
 * @filter: a copy, with the mount point; owned
 * @len: bytes at @filter
 * @topic: the last topic that was returned, a copy; owned
 * @topic_len: bytes at @topic
 * @begun: there was one
 */
struct retained_cursor {
	u8 *filter;
	size_t len;
	u8 *topic;
	size_t topic_len;
	bool begun;
};

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
 * Return: how many; -ENOMEM.
 */
int retained_next(struct retained *retained, struct retained_cursor *cursor,
		  struct stored **msgs, int max, bool *done);

#endif /* MQTTD_RETAINED_H */
