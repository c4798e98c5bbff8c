// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: queues, and what they do at their limits. After each step the sums are made
 * anew from what the queue holds.
 */
#include <kunit/test.h>

#include "../conflate.h"
#include "../msg.h"
#include "../policy.h"
#include "../tx.h"
#include "queue_rig.h"

static u32 below(struct mqtt_rig *rig, u32 n)
{
	return prandom_u32_state(&rig->rnd) % n;
}

/* --- what a queue has to be ------------------------------------------------------- */

static u32 tree_size(const struct rb_root *root)
{
	struct rb_node *rb;
	u32 n = 0;

	for (rb = rb_first(root); rb; rb = rb_next(rb))
		n++;
	return n;
}

/* Each topic in order; what its node has is the newest, and all nodes are in the tree. */
static void check_topics(struct mqtt_rig *rig)
{
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	const struct mqtt_msg *last[TOPICS] = {};
	bool indexed[TOPICS] = {};
	struct mqtt_queue_pos pos = mqtt_queue_begin(queue);
	u32 i, in_tree = 0, wrong = 0;

	for (; mqtt_queue_at(&pos); pos.i++) {
		const struct mqtt_msg *entry = pos.chunk->msg[pos.i];
		const struct mqtt_msg *msg = mqtt_queue_msg(&pos);
		u32 topic;

		if (msg == mqtt_tx_pingresp)
			continue;
		topic = mqtt_rig_topic_of(msg);
		wrong += last[topic] &&
			 mqtt_rig_number_of(last[topic], 0) >= mqtt_rig_number_of(msg, 0);
		wrong += indexed[topic];
		last[topic] = msg;
		indexed[topic] = queue->index.active && mqtt_queue_is_node(entry) &&
				 mqtt_queue_node(entry)->gen == queue->index.gen;
		in_tree += indexed[topic];
	}
	for (i = 0; i < TOPICS; i++)
		wrong += last[i] && rig->newest[i] &&
			 mqtt_rig_number_of(last[i], last[i]->packets - 1) != rig->newest[i];
	KUNIT_EXPECT_EQ(rig->test, tree_size(&queue->index.root), in_tree);
	KUNIT_EXPECT_EQ(rig->test, wrong, 0);
}

static void check(struct mqtt_rig *rig)
{
	const struct mqtt_tx *tx = &rig->peer.tx;

	mqtt_rig_check_sums(rig, &tx->queue);
	check_topics(rig);
	KUNIT_EXPECT_EQ(rig->test, atomic64_read(&rig->router.memory.used),
			tx->queue.allowed - MQTT_MEMORY_QUANTUM);
	KUNIT_EXPECT_EQ(rig->test, rig->enqueued, rig->popped + tx->queue.packets - tx->pings +
			tx->drop_old + tx->drop_conflated);
}

/* The packets in the queue are those of the model. */
static void check_model(struct mqtt_rig *rig)
{
	struct mqtt_queue_pos pos = mqtt_queue_begin(&rig->peer.tx.queue);
	u32 i, n = 0, wrong = 0;

	for (; mqtt_queue_at(&pos); pos.i++) {
		const struct mqtt_msg *msg = mqtt_queue_msg(&pos);

		if (msg == mqtt_tx_pingresp)
			continue;
		for (i = 0; i < msg->packets && n < rig->nr_model; i++)
			wrong += mqtt_rig_number_of(msg, i) != rig->model[n++];
	}
	KUNIT_EXPECT_EQ(rig->test, wrong, 0);
	KUNIT_EXPECT_EQ(rig->test, n, rig->nr_model);
	KUNIT_EXPECT_EQ(rig->test, n, rig->peer.tx.queue.packets - rig->peer.tx.pings);
}

/* --- steps ------------------------------------------------------------------------- */

static int enqueue(struct mqtt_rig *rig, u32 topic, u32 packets)
{
	struct mqtt_verdict verdict = { .packets = packets };
	struct mqtt_tx *tx = &rig->peer.tx;
	u32 full = tx->drop_queue_full;
	int err;

	err = mqtt_rig_enqueue(rig, topic, &verdict);
	if (!err) {
		rig->enqueued += verdict.packets;
		rig->newest[topic] = rig->next - 1 - (packets - verdict.packets);
	}
	KUNIT_EXPECT_EQ(rig->test, verdict.packets + tx->drop_queue_full - full, packets);
	return err;
}

/* TCP has taken the first one. */
static void pop(struct mqtt_rig *rig)
{
	struct mqtt_tx *tx = &rig->peer.tx;
	const struct mqtt_msg *msg;
	u32 n;

	if (!tx->queue.entries)
		return;
	msg = mqtt_queue_first(&tx->queue);
	if (msg == mqtt_tx_pingresp) {
		tx->pings--;
	} else {
		n = msg->packets;
		rig->popped += n;
		n = min(n, rig->nr_model);
		rig->nr_model -= n;
		rig->pinned -= min(n, rig->pinned);
		memmove(rig->model, rig->model + n, rig->nr_model * sizeof(u32));
	}
	mqtt_queue_pop(&tx->queue);
	tx->pinned -= !!tx->pinned;
}

static void pin(struct mqtt_rig *rig, u32 entries)
{
	struct mqtt_tx *tx = &rig->peer.tx;
	struct mqtt_queue_pos pos = mqtt_queue_begin(&tx->queue);

	tx->pinned = 0;
	rig->pinned = 0;
	for (; tx->pinned < entries && mqtt_queue_at(&pos); tx->pinned++, pos.i++)
		if (mqtt_queue_msg(&pos) != mqtt_tx_pingresp)
			rig->pinned += mqtt_queue_msg(&pos)->packets;
}

static void ping(struct mqtt_rig *rig)
{
	struct mqtt_tx *tx = &rig->peer.tx;

	if (tx->pings == 16)
		return;
	KUNIT_ASSERT_EQ(rig->test, mqtt_queue_push(&tx->queue, mqtt_tx_pingresp, 1, U64_MAX), 0);
	tx->pings++;
}

/* Anything but a message */
static void step_beside(struct mqtt_rig *rig)
{
	switch (below(rig, 8)) {
	case 0:
		pin(rig, below(rig, 6));
		break;
	case 1:
		ping(rig);
		break;
	case 2:
		pop(rig);
		break;
	case 3:
		pin(rig, 0);
		break;
	}
}

static void model_put(struct mqtt_rig *rig, u32 first, u32 n)
{
	while (n--)
		rig->model[rig->nr_model++] = first++;
}

/* --- drop-new and drop-old, by packets ------------------------------------------------ */

static void drop_new(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	u32 i, n, room;

	rig->peer.limits.queue_packets = 100;
	for (i = 0; i < 800; i++) {
		step_beside(rig);
		n = 1 + (below(rig, 3) ? 0 : below(rig, 64));
		room = min(n, 100 - rig->nr_model);
		model_put(rig, rig->next, room);
		KUNIT_EXPECT_EQ(test, enqueue(rig, 1, n), room ? 0 : -ENOBUFS);
		check(rig);
		check_model(rig);
	}
	KUNIT_EXPECT_GT(test, rig->peer.tx.drop_queue_full, 200);
}

static void model_drop_old(struct mqtt_rig *rig, u32 first, u32 n, u32 most)
{
	u32 excess;

	if (n > most) {
		first += n - most;
		n = most;
	}
	if (rig->pinned + n > most)
		return;
	excess = rig->nr_model + n > most ? rig->nr_model + n - most : 0;
	rig->nr_model -= excess;
	memmove(rig->model + rig->pinned, rig->model + rig->pinned + excess,
		(rig->nr_model - rig->pinned) * sizeof(u32));
	model_put(rig, first, n);
}

static void drop_old(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	u32 i, n;

	rig->peer.limits.queue_packets = 50;
	rig->peer.limits.queue_policy = MQTT_QUEUE_POLICY_DROP_OLD;
	for (i = 0; i < 800; i++) {
		step_beside(rig);
		n = 1 + (below(rig, 3) ? 0 : below(rig, 64));
		model_drop_old(rig, rig->next, n, 50);
		enqueue(rig, 1, n);
		/* one that was refused is not the newest there */
		rig->newest[1] = 0;
		check(rig);
		check_model(rig);
	}
	KUNIT_EXPECT_GT(test, rig->peer.tx.drop_old, 2000);
}

/* --- the others ----------------------------------------------------------------------- */

static void drop_old_by_bytes(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	u32 i;

	rig->peer.limits.queue_bytes = 20000;
	rig->peer.limits.queue_policy = MQTT_QUEUE_POLICY_DROP_OLD;
	for (i = 0; i < 800; i++) {
		step_beside(rig);
		KUNIT_EXPECT_EQ(test, enqueue(rig, below(rig, TOPICS), 1 + below(rig, 64)), 0);
		KUNIT_EXPECT_LE(test, rig->peer.tx.queue.bytes, 20000);
		memset(rig->newest, 0, sizeof(rig->newest));
		check(rig);
	}
}

/* @crowded: even the newest may go, while older ones are just being sent */
static void conflate_random(struct mqtt_rig *rig, u32 topics, bool crowded)
{
	u32 i;

	rig->peer.limits.queue_policy = MQTT_QUEUE_POLICY_CONFLATE;
	for (i = 0; i < 1500; i++) {
		step_beside(rig);
		while (!below(rig, 12))
			pop(rig);
		if (!below(rig, 300))
			while (rig->peer.tx.queue.entries)
				pop(rig);
		if (!below(rig, 300))
			mqtt_conflate_end(&rig->peer.tx.queue);
		KUNIT_EXPECT_EQ(rig->test, enqueue(rig, below(rig, topics), 1 + below(rig, 4)), 0);
		if (crowded)
			memset(rig->newest, 0, sizeof(rig->newest));
		check(rig);
	}
	KUNIT_EXPECT_GT(rig->test, rig->peer.tx.drop_conflated, 300);
}

static void conflate_by_packets(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;

	rig->peer.limits.queue_packets = 200;
	conflate_random(rig, TOPICS, false);
	KUNIT_EXPECT_EQ(test, rig->peer.tx.drop_old, 0);
}

static void conflate_by_bytes(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;

	rig->peer.limits.queue_bytes = 40000;
	conflate_random(rig, TOPICS / 2, false);
	KUNIT_EXPECT_EQ(test, rig->peer.tx.drop_old, 0);
}

/* Less room than topics: what is there is of each topic the newest all the same. */
static void conflate_too_many_topics(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;

	rig->peer.limits.queue_packets = 15;
	conflate_random(rig, TOPICS, true);
	KUNIT_EXPECT_GT(test, rig->peer.tx.drop_old, 100);
}

/* Without memory for the index messages are dropped as by drop-old, in order. */
static void conflate_without_memory(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	u32 i;

	rig->peer.limits.queue_packets = 100;
	rig->peer.limits.queue_policy = MQTT_QUEUE_POLICY_CONFLATE;
	for (i = 0; i < 800; i++) {
		bool fails = below(rig, 3);

		queue->index.nodes += fails ? MQTT_CONFLATE_NODES_MAX : 0;
		KUNIT_EXPECT_EQ(test, enqueue(rig, below(rig, TOPICS), 1), 0);
		queue->index.nodes -= fails ? MQTT_CONFLATE_NODES_MAX : 0;
		if (!below(rig, 4))
			pop(rig);
		check(rig);
	}
	KUNIT_EXPECT_GT(test, rig->peer.tx.drop_conflated, 50);
}

static void conflate_never_memory(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	u32 i;

	rig->peer.limits.queue_packets = 100;
	rig->peer.limits.queue_policy = MQTT_QUEUE_POLICY_CONFLATE;
	rig->peer.tx.queue.index.nodes = MQTT_CONFLATE_NODES_MAX;
	for (i = 0; i < 300; i++)
		KUNIT_EXPECT_EQ(test, enqueue(rig, i % 2, 1), 0);
	rig->peer.tx.queue.index.nodes = 0;
	KUNIT_EXPECT_EQ(test, rig->peer.tx.queue.packets, 100);
	KUNIT_EXPECT_EQ(test, rig->peer.tx.drop_old, 200);
	check(rig);
}

/*
 * A message that cannot be found must not be overtaken by a later one in the place
 * of an earlier one, which nobody had looked at when it came.
 */
static void conflate_one_without_memory(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	u32 i;

	rig->peer.limits.queue_packets = 10 * MQTT_QUEUE_CHUNK_MSGS;
	rig->peer.limits.queue_policy = MQTT_QUEUE_POLICY_CONFLATE;
	/* of topic 2 one in the third last chunk; the last is half full */
	for (i = 0; i < 15 * MQTT_QUEUE_CHUNK_MSGS / 2; i++)
		KUNIT_EXPECT_EQ(test, enqueue(rig, i == 210 ? 2 : 1, 1), 0);
	KUNIT_EXPECT_EQ(test, enqueue(rig, 1, 1), 0);
	KUNIT_EXPECT_TRUE(test, queue->index.active);
	queue->index.nodes += MQTT_CONFLATE_NODES_MAX;
	KUNIT_EXPECT_EQ(test, enqueue(rig, 2, 1), 0);
	queue->index.nodes -= MQTT_CONFLATE_NODES_MAX;
	check(rig);
	KUNIT_EXPECT_EQ(test, enqueue(rig, 2, 1), 0);
	KUNIT_EXPECT_TRUE(test, queue->index.active);
	check(rig);
	KUNIT_EXPECT_EQ(test, enqueue(rig, 2, 1), 0);
	check(rig);
}

/* What only a collision of 64 bits would bring about: names decide then. */
static void conflate_same_hash(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	struct mqtt_topic topics[6];
	struct mqtt_msg *msgs[6];
	u32 i;

	mqtt_conflate_begin(queue);
	for (i = 0; i < ARRAY_SIZE(msgs); i++) {
		msgs[i] = mqtt_rig_message(rig, i, 1);
		msgs[i]->head[3] = i % 4;	/* bytes of the name */
		KUNIT_EXPECT_TRUE(test, mqtt_conflate_topic(msgs[i], &topics[i]));
		topics[i].hash = 5;
		KUNIT_EXPECT_NULL(test, i < 4 ? mqtt_conflate_find(queue, &topics[i], 0) : NULL);
		KUNIT_EXPECT_EQ(test, mqtt_conflate_push(queue, msgs[i], &topics[i], 1, U32_MAX),
				0);
		mqtt_msg_put(msgs[i]);
	}
	/* "" and "t" have come again; what begins alike is not the same. */
	for (i = 2; i < ARRAY_SIZE(msgs); i++)
		KUNIT_EXPECT_PTR_EQ(test, mqtt_conflate_find(queue, &topics[i], 0)->msg, msgs[i]);
	KUNIT_EXPECT_EQ(test, tree_size(&queue->index.root), 4);
	mqtt_rig_check_sums(rig, queue);
}

/* Where there is no room a message has no place in the index either. */
static void conflate_full(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	struct mqtt_msg *msg = mqtt_rig_message(rig, 1, 1);
	struct mqtt_topic topic;

	mqtt_conflate_begin(queue);
	KUNIT_EXPECT_TRUE(test, mqtt_conflate_topic(msg, &topic));
	KUNIT_EXPECT_EQ(test, mqtt_conflate_push(queue, msg, &topic, 1, 10), -ENOBUFS);
	KUNIT_EXPECT_NULL(test, mqtt_conflate_find(queue, &topic, 0));
	mqtt_rig_check_sums(rig, queue);
	KUNIT_EXPECT_EQ(test, queue->bytes, 0);
	mqtt_msg_put(msg);
}

/* A train that could not be reduced to its last packet, and is cut by another policy */
static void conflate_cut_later(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_queue *queue = &rig->peer.tx.queue;
	struct mqtt_msg *train = mqtt_rig_message(rig, 1, 10);
	struct mqtt_topic topic;

	mqtt_conflate_begin(queue);
	KUNIT_EXPECT_TRUE(test, mqtt_conflate_topic(train, &topic));
	KUNIT_EXPECT_EQ(test, mqtt_conflate_push(queue, train, &topic, 1, U32_MAX), 0);
	mqtt_conflate_end(queue);
	mqtt_msg_put(train);
	rig->peer.limits.queue_policy = MQTT_QUEUE_POLICY_DROP_OLD;
	rig->peer.limits.queue_packets = 10;
	KUNIT_EXPECT_EQ(test, enqueue(rig, 2, 3), 0);
	KUNIT_EXPECT_EQ(test, queue->packets, 10);
	KUNIT_EXPECT_EQ(test, rig->peer.tx.drop_old, 3);
	KUNIT_EXPECT_EQ(test, mqtt_rig_number_of(mqtt_queue_first(queue), 0), 4);
	mqtt_rig_check_sums(rig, queue);
}

static void disconnect(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	struct mqtt_tx *tx = &rig->peer.tx;
	struct mqtt_queue rest;
	u32 i;

	rig->peer.limits.queue_packets = 200;
	rig->peer.limits.queue_policy = MQTT_QUEUE_POLICY_DISCONNECT;
	for (i = 0; i < 200; i++) {
		KUNIT_EXPECT_EQ(test, enqueue(rig, 0, 1), 0);
		if (i % 50 == 7)
			ping(rig);
	}
	KUNIT_EXPECT_EQ(test, tx->slow, MQTT_TX_SLOW_NOT);
	KUNIT_EXPECT_EQ(test, enqueue(rig, 0, 1), -ECONNABORTED);
	KUNIT_EXPECT_EQ(test, tx->slow, MQTT_TX_SLOW_FOUND);
	KUNIT_EXPECT_EQ(test, tx->queue.packets, 204);
	tx->pinned = 1;
	mqtt_queue_cut(&rest, &tx->queue, 1);
	mqtt_rig_check_sums(rig, &tx->queue);
	KUNIT_EXPECT_EQ(test, tx->queue.packets, 1);
	KUNIT_EXPECT_EQ(test, mqtt_rig_number_of(mqtt_queue_first(&tx->queue), 0), 1);
	KUNIT_EXPECT_LE(test, rest.packets, 203);
	KUNIT_EXPECT_GE(test, rest.packets, 204 - MQTT_QUEUE_CHUNK_MSGS);
	mqtt_rig_check_sums(rig, &rest);
	mqtt_queue_purge(&rest);
	KUNIT_EXPECT_EQ(test, atomic64_read(&rig->router.memory.used),
			tx->queue.allowed - MQTT_MEMORY_QUANTUM);
}

/* --- marks ------------------------------------------------------------------------------- */

static void water(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;
	u32 i;

	rig->peer.limits.queue_packets = 12;
	for (i = 0; i <= 12; i++) {
		KUNIT_EXPECT_EQ(test, mqtt_tx_above_high_water(&rig->peer), i >= 9);
		KUNIT_EXPECT_EQ(test, mqtt_tx_below_low_water(&rig->peer), i < 6);
		enqueue(rig, 0, 1);
	}
	ping(rig);
	rig->peer.limits.queue_packets = 24;
	KUNIT_EXPECT_FALSE(test, mqtt_tx_below_low_water(&rig->peer));
	rig->peer.limits.queue_packets = 25;
	KUNIT_EXPECT_TRUE(test, mqtt_tx_below_low_water(&rig->peer));
	rig->peer.limits.queue_bytes = rig->peer.tx.queue.bytes * 4 / 3;
	KUNIT_EXPECT_TRUE(test, mqtt_tx_above_high_water(&rig->peer));
	KUNIT_EXPECT_FALSE(test, mqtt_tx_below_low_water(&rig->peer));
	rig->peer.limits.queue_bytes = rig->peer.tx.queue.bytes * 4 / 3 + 2;
	KUNIT_EXPECT_FALSE(test, mqtt_tx_above_high_water(&rig->peer));
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(drop_new),
	KUNIT_CASE(drop_old),
	KUNIT_CASE(drop_old_by_bytes),
	KUNIT_CASE(conflate_by_packets),
	KUNIT_CASE(conflate_by_bytes),
	KUNIT_CASE(conflate_too_many_topics),
	KUNIT_CASE(conflate_without_memory),
	KUNIT_CASE(conflate_never_memory),
	KUNIT_CASE(conflate_one_without_memory),
	KUNIT_CASE(conflate_same_hash),
	KUNIT_CASE(conflate_full),
	KUNIT_CASE(conflate_cut_later),
	KUNIT_CASE(disconnect),
	KUNIT_CASE(water),
	{}
};

static struct kunit_suite queue_suite = {
	.name = "mqtt_queue",
	.init = mqtt_rig_init,
	.exit = mqtt_rig_exit,
	.test_cases = queue_cases,
};

kunit_test_suites(&queue_suite);
