// SPDX-License-Identifier: MIT
/*
 * Retained messages: a tree of topics in the order of topic_scan.h, and one of
 * those among them that expire, by time.
 *
 * Lock order: store_begin(), the gate, the lock of the messages, what the store has.
 */
#include <bsd/sys/tree.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/compiler.h>

#include "retained.h"
#include "store.h"
#include "stored.h"
#include "topic_scan.h"

/*
 * What one call of retained_next() may cost, in bytes looked at: a few tenths of
 * a millisecond. A topic costs something even if it is short, and a search looks
 * at as many topics as the tree is deep.
 */
#define WORK_MAX	(256 * 1024)
#define WORK_TOPIC	128
#define WORK_DEPTH	16

struct retained_topic {
	RB_ENTRY(retained_topic) by_topic;
	RB_ENTRY(retained_topic) by_expiry;
	struct stored *msg;
	u64 seq;
};

RB_HEAD(topics, retained_topic);
RB_HEAD(expiries, retained_topic);

struct retained_tree {
	struct topics topics;
	struct expiries expiries;
};

static int compare_topics(const struct retained_topic *a, const struct retained_topic *b)
{
	return topic_compare(a->msg->topic, a->msg->topic_len, b->msg->topic, b->msg->topic_len);
}

static int compare_expiries(const struct retained_topic *a, const struct retained_topic *b)
{
	if (a->msg->expires != b->msg->expires)
		return a->msg->expires < b->msg->expires ? -1 : 1;
	return a < b ? -1 : a > b;
}

RB_GENERATE_INTERNAL(topics, retained_topic, by_topic, compare_topics, static inline)
RB_GENERATE_INTERNAL(expiries, retained_topic, by_expiry, compare_expiries, static inline)

/* First topic at or behind a place */
static struct retained_topic *seek(struct retained_tree *tree, const struct topic_place *place)
{
	struct retained_topic *topic = RB_ROOT(&tree->topics), *first = NULL;

	while (topic) {
		if (topic_place_after(place, topic->msg->topic, topic->msg->topic_len)) {
			topic = RB_RIGHT(topic, by_topic);
		} else {
			first = topic;
			topic = RB_LEFT(topic, by_topic);
		}
	}
	return first;
}

static struct retained_topic *find(struct retained_tree *tree, struct stored *msg)
{
	struct retained_topic key = { .msg = msg };

	return RB_FIND(topics, &tree->topics, &key);
}

int retained_init(struct retained *retained, struct store *store)
{
	pthread_rwlockattr_t attr;

	*retained = (struct retained){ .store = store };
	retained->tree = calloc(1, sizeof(*retained->tree));
	if (!retained->tree)
		return -ENOMEM;
	RB_INIT(&retained->tree->topics);
	RB_INIT(&retained->tree->expiries);
	/* many replays at once must not keep publishers waiting */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&retained->lock, &attr);
	pthread_rwlock_init(&retained->gate, &attr);
	pthread_rwlockattr_destroy(&attr);
	return 0;
}

void retained_destroy(struct retained *retained)
{
	struct retained_topic *topic, *next;

	if (!retained->tree)
		return;
	RB_FOREACH_SAFE(topic, topics, &retained->tree->topics, next) {
		RB_REMOVE(topics, &retained->tree->topics, topic);
		/* not deleted: the next process finds it in the store */
		topic->msg->store = NULL;
		stored_put(topic->msg);
		free(topic);
	}
	free(retained->tree);
	retained->tree = NULL;
	pthread_rwlock_destroy(&retained->lock);
	pthread_rwlock_destroy(&retained->gate);
}

void retained_publish_begin(struct retained *retained)
{
	pthread_rwlock_rdlock(&retained->gate);
}

void retained_publish_end(struct retained *retained)
{
	pthread_rwlock_unlock(&retained->gate);
}

u64 retained_subscribe_begin(struct retained *retained)
{
	pthread_rwlock_wrlock(&retained->gate);
	return retained->seq;
}

void retained_subscribe_end(struct retained *retained)
{
	pthread_rwlock_unlock(&retained->gate);
}

static void count(struct retained *retained, const struct stored *msg, int n)
{
	WRITE_ONCE(retained->count, retained->count + n);
	WRITE_ONCE(retained->bytes, retained->bytes + n * stored_size(msg));
}

/* Takes @topic's message away. Its reference is the caller's. */
static struct stored *take(struct retained *retained, struct retained_topic *topic)
{
	struct stored *msg = topic->msg;

	if (msg->expires)
		RB_REMOVE(expiries, &retained->tree->expiries, topic);
	count(retained, msg, -1);
	return msg;
}

static void give(struct retained *retained, struct retained_topic *topic, struct stored *msg)
{
	topic->msg = stored_get(msg);
	topic->seq = ++retained->seq;
	if (msg->expires)
		RB_INSERT(expiries, &retained->tree->expiries, topic);
	count(retained, msg, 1);
}

/* What the broker says of itself begins anew with each process. */
static bool is_kept(const struct stored *msg)
{
	return msg->topic_len < 5 || memcmp(msg->topic, "$SYS/", 5);
}

/* Returns the former message, its reference the caller's, or NULL */
static int set(struct retained *retained, struct stored *msg, bool store, struct stored **was)
{
	struct retained_topic *topic = find(retained->tree, msg), *made = NULL;

	if (!topic) {
		made = malloc(sizeof(*made));
		if (!made)
			return -ENOMEM;
		topic = made;
	}
	if (store && (!store_message_put(retained->store, msg) ||
		      !store_retained_put(retained->store, msg))) {
		free(made);
		return -ENOMEM;
	}
	*was = made ? NULL : take(retained, topic);
	give(retained, topic, msg);
	if (made)
		RB_INSERT(topics, &retained->tree->topics, topic);
	return 0;
}

static int del(struct retained *retained, struct retained_topic *topic, struct stored **was)
{
	const struct stored *msg = topic->msg;

	if (is_kept(msg) && !store_retained_del(retained->store, msg->topic, msg->topic_len))
		return -ENOMEM;
	RB_REMOVE(topics, &retained->tree->topics, topic);
	*was = take(retained, topic);
	free(topic);
	return 0;
}

int retained_set(struct retained *retained, struct stored *msg)
{
	struct retained_topic *topic;
	struct stored *was = NULL;
	int err = 0;

	pthread_rwlock_wrlock(&retained->lock);
	if (msg->payload_len) {
		err = set(retained, msg, is_kept(msg), &was);
	} else {
		topic = find(retained->tree, msg);
		if (topic)
			err = del(retained, topic, &was);
	}
	pthread_rwlock_unlock(&retained->lock);
	stored_put(was);
	return err;
}

int retained_load(struct retained *retained, struct stored *msg)
{
	struct stored *was = NULL;
	int err;

	pthread_rwlock_wrlock(&retained->lock);
	err = set(retained, msg, false, &was);
	pthread_rwlock_unlock(&retained->lock);
	stored_put(was);
	return err;
}

bool retained_expire(struct retained *retained)
{
	struct stored *gone[RETAINED_EXPIRE_MAX];
	struct retained_topic *topic;
	int n = 0, i;
	u32 left;

	store_begin(retained->store);
	pthread_rwlock_wrlock(&retained->lock);
	while (n < RETAINED_EXPIRE_MAX) {
		topic = RB_MIN(expiries, &retained->tree->expiries);
		if (!topic || !stored_expired(topic->msg, &left) ||
		    del(retained, topic, &gone[n]))
			break;
		n++;
	}
	pthread_rwlock_unlock(&retained->lock);
	for (i = 0; i < n; i++)
		stored_put(gone[i]);
	store_end(retained->store);
	return n == RETAINED_EXPIRE_MAX;
}

int retained_cursor_init(struct retained_cursor *cursor, const u8 *filter, size_t len)
{
	*cursor = (struct retained_cursor){
		.filter = malloc(len), .len = len, .upto = RETAINED_ALL,
	};
	if (!cursor->filter)
		return -ENOMEM;
	memcpy(cursor->filter, filter, len);
	return 0;
}

void retained_cursor_free(struct retained_cursor *cursor)
{
	free(cursor->filter);
	free(cursor->place);
	*cursor = (struct retained_cursor){};
}

static int cursor_save(struct retained_cursor *cursor, const struct topic_place *place)
{
	size_t len = place->head_len + place->tail_len;
	u8 *bytes;

	if (cursor->place_size < len) {
		bytes = realloc(cursor->place, len);
		if (!bytes)
			return -ENOMEM;
		cursor->place = bytes;
		cursor->place_size = len;
	}
	if (place->head_len)
		memcpy(cursor->place, place->head, place->head_len);
	memcpy(cursor->place + place->head_len, place->tail, place->tail_len);
	cursor->place_len = len;
	return 0;
}

/*
 * The first topic at or behind @place, which is behind @topic. Mostly that is
 * the next one, and a search would cost more.
 */
static struct retained_topic *advance(struct retained_tree *tree, struct retained_topic *topic,
				      const struct topic_place *place, long *work)
{
	if (place->end)
		return NULL;
	topic = RB_NEXT(topics, &tree->topics, topic);
	if (!topic || !topic_place_after(place, topic->msg->topic, topic->msg->topic_len))
		return topic;
	*work += WORK_DEPTH * (WORK_TOPIC + place->head_len + place->tail_len);
	return seek(tree, place);
}

int retained_next(struct retained *retained, struct retained_cursor *cursor,
		  struct stored **msgs, int max, bool *done)
{
	struct topic_place place = { .head = cursor->place, .head_len = cursor->place_len };
	struct retained_topic *topic;
	int n = 0, err = 0;
	long work = 0;
	u32 left;

	pthread_rwlock_rdlock(&retained->lock);
	topic = seek(retained->tree, &place);
	while (topic && n < max && work < WORK_MAX) {
		work += WORK_TOPIC + cursor->len + topic->msg->topic_len;
		if (topic_scan(cursor->filter, cursor->len, topic->msg->topic,
			       topic->msg->topic_len, &place) &&
		    topic->seq <= cursor->upto && !stored_expired(topic->msg, &left))
			msgs[n++] = stored_get(topic->msg);
		topic = advance(retained->tree, topic, &place, &work);
	}
	*done = !topic;
	if (topic)
		err = cursor_save(cursor, &place);
	pthread_rwlock_unlock(&retained->lock);

	while (err && n)
		stored_put(msgs[--n]);
	return err ? err : n;
}
