// SPDX-License-Identifier: GPL-2.0-only
#include <kunit/test.h>

#include <mqtt/wire.h>

#include "../discard.h"
#include "../msg.h"
#include "../policy.h"
#include "../tx.h"
#include "queue_rig.h"

#define PACKET_LEN	(2 + 2 + 2 + 4)

int mqtt_rig_init(struct kunit *test)
{
	struct mqtt_rig *rig = kunit_kzalloc(test, sizeof(*rig), GFP_KERNEL);

	if (!rig)
		return -ENOMEM;
	rig->test = test;
	rig->router.stats = mqtt_stats_alloc();
	if (!rig->router.stats)
		return -ENOMEM;
	mqtt_memory_init(&rig->router.memory);
	mqtt_discard_init(&rig->router);
	rig->peer.router = &rig->router;
	rig->peer.id = 1;
	rig->peer.limits.queue_bytes = U32_MAX;
	spin_lock_init(&rig->peer.tx.lock);
	mqtt_queue_init(&rig->peer.tx.queue, &rig->router.memory);
	prandom_seed_state(&rig->rnd, 5);
	rig->next = 1;
	test->priv = rig;
	return 0;
}

void mqtt_rig_exit(struct kunit *test)
{
	struct mqtt_rig *rig = test->priv;

	if (!rig)
		return;
	mqtt_queue_purge(&rig->peer.tx.queue);
	KUNIT_EXPECT_EQ(test, atomic64_read(&rig->router.memory.used), 0);
	free_percpu(rig->router.stats);
}

struct mqtt_msg *mqtt_rig_message(struct mqtt_rig *rig, u32 topic, u32 packets)
{
	struct mqtt_msg *msg = mqtt_msg_alloc(packets * PACKET_LEN, packets * PACKET_LEN,
					      MQTT_PROTOCOL_V311, GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(rig->test, msg);
	for (i = 0; i < packets; i++) {
		u8 *p = msg->head + i * PACKET_LEN;

		p[0] = MQTT_PKT_PUBLISH << 4;
		p[1] = PACKET_LEN - 2;
		p[2] = 0;
		p[3] = 2;
		p[4] = 't';
		p[5] = topic;
		p[6] = 0;
		p[7] = rig->next >> 16;
		p[8] = rig->next >> 8;
		p[9] = rig->next++;
	}
	msg->packets = packets;
	msg->longest = PACKET_LEN;
	return msg;
}

int mqtt_rig_enqueue(struct mqtt_rig *rig, u32 topic, struct mqtt_verdict *verdict)
{
	struct mqtt_msg *msg = mqtt_rig_message(rig, topic, verdict->packets);
	struct mqtt_tx *tx = &rig->peer.tx;
	int err;

	spin_lock_bh(&tx->lock);
	err = mqtt_policy_enqueue(&rig->peer, msg, verdict);
	spin_unlock_bh(&tx->lock);
	mqtt_msg_put(msg);
	return err;
}

u32 mqtt_rig_topic_of(const struct mqtt_msg *msg)
{
	return msg->head[5];
}

u32 mqtt_rig_number_of(const struct mqtt_msg *msg, u32 packet)
{
	const u8 *p = msg->head + packet * PACKET_LEN + 7;

	return p[0] << 16 | p[1] << 8 | p[2];
}

void mqtt_rig_check_sums(struct mqtt_rig *rig, const struct mqtt_queue *queue)
{
	u32 entries = 0, packets = 0, nodes = 0, wrong = 0;
	const struct mqtt_queue_chunk *chunk;
	u64 bytes = 0;
	u32 i;

	for (chunk = queue->first; chunk; chunk = chunk->next) {
		if (chunk != queue->first)
			bytes += sizeof(*chunk);
		wrong += chunk != (chunk->next ? chunk->next->prev : queue->last);
		wrong += chunk->head >= chunk->tail && queue->entries;
		for (i = chunk->head; i < chunk->tail; i++) {
			const struct mqtt_msg *msg = mqtt_queue_untag(chunk->msg[i]);

			entries++;
			packets += msg->packets;
			if (!(chunk->peer[i] & MQTT_QUEUE_UNCHARGED))
				bytes += msg->truesize;
			nodes += mqtt_queue_is_node(chunk->msg[i]);
		}
	}
	bytes += nodes * sizeof(struct mqtt_queue_node);
	KUNIT_EXPECT_EQ(rig->test, wrong, 0);
	KUNIT_EXPECT_EQ(rig->test, queue->entries, entries);
	KUNIT_EXPECT_EQ(rig->test, queue->packets, packets);
	KUNIT_EXPECT_EQ(rig->test, queue->bytes, bytes);
	KUNIT_EXPECT_EQ(rig->test, queue->index.nodes, nodes);
	KUNIT_EXPECT_LE(rig->test, queue->bytes, queue->allowed);
}
