// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the memory that queues share. After each step the sums are made anew from what
 * the queue holds.
 */
#include <kunit/test.h>

#include "../msg.h"
#include "../tx.h"
#include "queue_rig.h"

static int push(struct mqtt_rig *rig, struct mqtt_queue *queue, u32 packets)
{
	struct mqtt_msg *msg = mqtt_rig_message(rig, 0, packets);
	int err = mqtt_queue_push(queue, msg, 1, U32_MAX);

	mqtt_msg_put(msg);
	return err;
}

static s64 used(const struct mqtt_rig *rig)
{
	return atomic64_read(&rig->router.memory.used);
}

static void limited(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue a, b, c;
	u64 most = 0;

	rig->router.memory.limit = 4 * MQTT_MEMORY_QUANTUM;
	mqtt_queue_init(&a, &rig->router.memory);
	mqtt_queue_init(&b, &rig->router.memory);
	while (a.bytes + 4096 < MQTT_MEMORY_QUANTUM)
		KUNIT_EXPECT_EQ(test, push(rig, &a, 64), 0);
	KUNIT_EXPECT_EQ(test, used(rig), 0);
	while (!push(rig, &a, 64))
		mqtt_rig_check_sums(rig, &a);
	KUNIT_EXPECT_EQ(test, used(rig), rig->router.memory.limit);
	KUNIT_EXPECT_EQ(test, push(rig, &a, 64), -EDQUOT);
	/* Others have what each may hold, and no more. */
	while (!push(rig, &b, 64))
		most = b.bytes;
	KUNIT_EXPECT_LE(test, most, MQTT_MEMORY_QUANTUM);
	KUNIT_EXPECT_GT(test, most, MQTT_MEMORY_QUANTUM - 4096);
	KUNIT_EXPECT_EQ(test, mqtt_queue_push(&a, NULL, 1, U64_MAX), 0);

	mqtt_queue_take(&c, &a);
	KUNIT_EXPECT_EQ(test, a.bytes, 0);
	KUNIT_EXPECT_EQ(test, a.allowed, MQTT_MEMORY_QUANTUM);
	mqtt_queue_splice(&b, &c);
	KUNIT_EXPECT_GE(test, b.allowed, b.bytes);
	KUNIT_EXPECT_EQ(test, used(rig), b.allowed - MQTT_MEMORY_QUANTUM);
	while (b.entries) {
		mqtt_queue_pop(&b);
		KUNIT_EXPECT_GE(test, b.allowed, b.bytes);
		KUNIT_EXPECT_EQ(test, used(rig), b.allowed - MQTT_MEMORY_QUANTUM);
		KUNIT_EXPECT_LE(test, b.allowed, b.bytes + 3 * MQTT_MEMORY_QUANTUM);
	}
	KUNIT_EXPECT_EQ(test, used(rig), 0);
	KUNIT_EXPECT_EQ(test, b.bytes, 0);
	mqtt_queue_purge(&a);
	mqtt_queue_purge(&b);
}

/* About its mark a queue does not go to the counter for each message. */
static void hysteresis(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	u32 i, changes = 0;
	s64 before;

	while (!used(rig))
		KUNIT_EXPECT_EQ(test, push(rig, queue, 64), 0);
	before = used(rig);
	for (i = 0; i < 200; i++) {
		mqtt_queue_pop(queue);
		changes += used(rig) != before;
		before = used(rig);
		KUNIT_EXPECT_EQ(test, push(rig, queue, 64), 0);
		changes += used(rig) != before;
		before = used(rig);
	}
	KUNIT_EXPECT_EQ(test, changes, 0);
}

/* A message for several receivers in a row is charged once, whoever is served first. */
static void shared(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	u32 i, j;

	for (i = 0; i < 30; i++) {
		struct mqtt_msg *msg = mqtt_rig_message(rig, 0, 1);
		u64 before = queue->bytes;

		for (j = 0; j < 3; j++)
			KUNIT_EXPECT_EQ(test, 0,
					mqtt_queue_push_shared(queue, msg, j + 1, U32_MAX));
		KUNIT_EXPECT_LT(test, queue->bytes, before + 2 * msg->truesize +
				sizeof(struct mqtt_queue_chunk));
		mqtt_msg_put(msg);
		mqtt_rig_check_sums(rig, queue);
	}
	while (queue->entries) {
		mqtt_queue_pop(queue);
		mqtt_rig_check_sums(rig, queue);
	}
	KUNIT_EXPECT_EQ(test, queue->bytes, 0);
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE(limited),
	KUNIT_CASE(hysteresis),
	KUNIT_CASE(shared),
	{}
};

static struct kunit_suite memory_suite = {
	.name = "mqtt_memory",
	.init = mqtt_rig_init,
	.exit = mqtt_rig_exit,
	.test_cases = memory_cases,
};

kunit_test_suites(&memory_suite);
