// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the chunks that a queue is made of, and queues that are taken apart. After each
 * step the sums are made anew from what the queue holds.
 */
#include <kunit/test.h>

#include "../conflate.h"
#include "../discard.h"
#include "../msg.h"
#include "../policy.h"
#include "queue_rig.h"

/* As its policy has it */
static void enqueue(struct mqtt_rig *rig, u32 topic, u32 packets)
{
	mqtt_rig_enqueue(rig, topic, &(struct mqtt_verdict){ .packets = packets });
}

static void fill(struct mqtt_rig *rig, u32 n)
{
	struct mqtt_msg *msg;

	while (n--) {
		msg = mqtt_rig_message(rig, n % TOPICS, 1);
		KUNIT_EXPECT_EQ(rig->test, 0,
				mqtt_queue_push(&rig->peer.tx.queue, msg, 1, U32_MAX));
		mqtt_msg_put(msg);
	}
}

/* The chunk that the index would have come to next is sent. */
static void chunk_of_the_cursor(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	u32 i;

	fill(rig, 3 * MQTT_QUEUE_CHUNK_MSGS);
	mqtt_conflate_begin(queue);
	while (queue->index.cursor != queue->first)
		KUNIT_EXPECT_GT(test, mqtt_conflate_step(&rig->peer), 0);
	for (i = 0; i < MQTT_QUEUE_CHUNK_MSGS; i++)
		mqtt_queue_pop(queue);
	KUNIT_EXPECT_NULL(test, queue->index.cursor);
	KUNIT_EXPECT_EQ(test, mqtt_conflate_step(&rig->peer), 0);
	KUNIT_EXPECT_EQ(test, queue->entries, TOPICS);
	mqtt_rig_check_sums(rig, queue);
}

/* Wherever a chunk stands, the others go on without it. */
static void chunks_unlinked(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	struct mqtt_queue_chunk *chunk;
	u32 n;

	for (n = 4; n > 1; n--) {
		fill(rig, n * MQTT_QUEUE_CHUNK_MSGS - queue->entries);
		chunk = n == 4 ? queue->first->next : n == 3 ? queue->last : queue->first;
		for (; chunk->tail > chunk->head; queue->entries--)
			mqtt_queue_release(queue, chunk->msg[--chunk->tail], true);
		mqtt_queue_unlink(queue, chunk);
		mqtt_rig_check_sums(rig, queue);
		KUNIT_EXPECT_EQ(test, queue->entries, (n - 1) * MQTT_QUEUE_CHUNK_MSGS);
	}
	KUNIT_EXPECT_PTR_EQ(test, queue->first, queue->last);
	fill(rig, 1);
	mqtt_rig_check_sums(rig, queue);
}

static u32 in_first_chunk(const struct mqtt_queue *queue)
{
	return queue->first ? queue->first->tail - queue->first->head : 0;
}

/* Those that stay, and those that do not, have what is theirs; with nodes of an index, too. */
static void cut(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue, rest;
	u32 i, n, most, keep;

	rig->peer.limits.queue_policy = MQTT_QUEUE_POLICY_CONFLATE;
	for (n = 0; n < 4 * MQTT_QUEUE_CHUNK_MSGS; n += 53)
		for (most = 0; most <= 3; most++) {
			rig->peer.limits.queue_packets = n;
			for (i = 0; i < n + n / 4; i++)
				enqueue(rig, i, 1);
			keep = min(most, in_first_chunk(queue));
			mqtt_queue_cut(&rest, queue, keep);
			mqtt_rig_check_sums(rig, queue);
			mqtt_rig_check_sums(rig, &rest);
			KUNIT_EXPECT_EQ(test, queue->entries, keep);
			KUNIT_EXPECT_FALSE(test, queue->index.active);
			mqtt_queue_purge(&rest);
			mqtt_queue_purge(queue);
			KUNIT_EXPECT_EQ(test, atomic64_read(&rig->router.memory.used), 0);
		}
}

/* At once goes one chunk, and the others later, of short queues and of long ones. */
static void discard(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	struct mqtt_queue_chunk *chunk;
	u32 i, n;

	refcount_set(&rig->router.refs, 1);
	for (n = 0; n <= 1000; n = 2 * n + 1) {
		for (i = 0; i < n; i++)
			enqueue(rig, i, 1 + i % 64);
		i = queue->packets;
		KUNIT_EXPECT_EQ(test, mqtt_discard(&rig->router, queue), i);
		mqtt_rig_check_sums(rig, queue);
		KUNIT_EXPECT_EQ(test, queue->entries, 0);
	}
	flush_workqueue(mqtt_free_wq);
	KUNIT_EXPECT_EQ(test, atomic64_read(&rig->router.memory.used), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&rig->router.refs), 1);

	for (i = 0; i < 100; i++)
		enqueue(rig, i, 1);
	chunk = mqtt_queue_behead(queue);
	KUNIT_ASSERT_NOT_NULL(test, chunk);
	KUNIT_EXPECT_EQ(test, queue->packets, 100 - MQTT_QUEUE_CHUNK_MSGS);
	KUNIT_EXPECT_EQ(test, queue->entries, queue->packets);
	kfree(chunk);
}

static struct kunit_case chunk_cases[] = {
	KUNIT_CASE(chunk_of_the_cursor),
	KUNIT_CASE(chunks_unlinked),
	KUNIT_CASE(cut),
	KUNIT_CASE(discard),
	{}
};

static struct kunit_suite chunk_suite = {
	.name = "mqtt_chunk",
	.init = mqtt_rig_init,
	.exit = mqtt_rig_exit,
	.test_cases = chunk_cases,
};

kunit_test_suites(&chunk_suite);
