/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For KUnit: a receiver that is nothing but a queue, and messages for it.
 */
#ifndef _MQTT_TESTS_QUEUE_RIG_H
#define _MQTT_TESTS_QUEUE_RIG_H

#include <linux/prandom.h>

#include "../peer.h"
#include "../router.h"

struct kunit;
struct mqtt_verdict;

#define TOPICS		20
#define MODEL_MAX	4096

/* The receiver, and packets as they should be in its queue */
struct mqtt_rig {
	struct kunit *test;
	struct mqtt_router router;
	struct mqtt_peer peer;
	struct rnd_state rnd;
	u32 next;			/* number of the next packet */
	u32 enqueued;
	u32 popped;
	u32 newest[TOPICS];		/* 0: none */
	u32 model[MODEL_MAX];
	u32 nr_model;
	u32 pinned;			/* of them */
};

/* Of a suite: the rig is test->priv. */
int mqtt_rig_init(struct kunit *test);
void mqtt_rig_exit(struct kunit *test);

/* @packets of one topic, with the numbers that come next */
struct mqtt_msg *mqtt_rig_message(struct mqtt_rig *rig, u32 topic, u32 packets);
/* Such a message, as many packets as @verdict says, is for the receiver; 0 or -errno. */
int mqtt_rig_enqueue(struct mqtt_rig *rig, u32 topic, struct mqtt_verdict *verdict);
u32 mqtt_rig_topic_of(const struct mqtt_msg *msg);
u32 mqtt_rig_number_of(const struct mqtt_msg *msg, u32 packet);

/* The sums of a queue are what one gets by adding up. */
void mqtt_rig_check_sums(struct mqtt_rig *rig, const struct mqtt_queue *queue);

#endif /* _MQTT_TESTS_QUEUE_RIG_H */
