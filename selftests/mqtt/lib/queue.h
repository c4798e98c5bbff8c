/* SPDX-License-Identifier: MIT */
/*
 * The queue of a subscriber, "sub" of "t/#", at its limits: numbered messages for it,
 * and what has become of them. A subscriber that is held (tx-hold) is as slow as can
 * be, and nothing of its queue has gone to TCP.
 */
#ifndef SELFTESTS_QUEUE_H
#define SELFTESTS_QUEUE_H

#include <stdint.h>

#include "packets.h"
#include "scene.h"

extern const struct tcp_options queue_small;	/* TCP takes next to nothing */
extern struct packets queue_got;		/* at the subscriber */
extern unsigned int queue_topics;		/* message N is of topic t/(N % queue_topics) */

void queue_start(const struct tcp_options *opt);
void queue_start_held(uint8_t policy, uint32_t packets, uint64_t bytes);

/* enum mqtt_queue_policy; @bytes 0: as it is */
void queue_limit(struct rig_peer *p, uint8_t policy, uint32_t packets, uint64_t bytes);
void queue_hold(struct rig_peer *p);

/* Appends message @number. */
void queue_put(struct bytes *b, unsigned int number, size_t payload);
/* Messages @from, @from + 1... each by itself */
void queue_publish(unsigned int from, unsigned int n, size_t payload);
/* The same in one go, which makes a train of those of one topic. */
void queue_publish_train(unsigned int from, unsigned int n, size_t payload);
void queue_expect(unsigned int from, unsigned int n);

unsigned long long queue_length(void);
/* Counters of the router and of the peer, and that @n messages are all accounted for */
void queue_check_drops(unsigned int n, unsigned int full, unsigned int old,
		       unsigned int conflated, unsigned int slow);
/* Nothing more comes, and nothing is left of the queue's memory. */
void queue_check_end(void);

#endif /* SELFTESTS_QUEUE_H */
