/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packet to be delivered, held once whatever the number of its receivers.
 */
#ifndef _MQTT_MSG_H
#define _MQTT_MSG_H

#include <linux/gfp.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "payload.h"

/*
 * Memory of messages and queues in softirq. Not GFP_ATOMIC: memory cgroups let that
 * have what is above their limits, and whoever has no memory loses a message only.
 */
#define MQTT_MSG_GFP		(GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT)

/* A packet up to this long is kept in one piece with the structure. */
#define MQTT_MSG_INLINE_MAX	2048

/**
 * struct mqtt_msg - a whole PUBLISH packet in kernel-only memory, or a train of
 *	them: short ones from one publisher to one topic
 * @refs: one per queue it stands in, one of whoever builds it
 * @len: bytes of the packet or the train
 * @longest: bytes of the longest packet
 * @packets: how many there are. All of a train is in @head
 * @head_len: bytes of it in @head; the rest is in @payload
 * @truesize: memory that it takes, which queues are charged with
 * @protocol: enum mqtt_protocol that it is framed by
 * @retain: the daemon has injected it with RETAIN, and is told so if it comes out of
 *	a port. It is no train. In @head the flag is only set for receivers that want it
 * @source: id of the peer that has published it, 0: none
 * @id: number that it, its twins and its parts are known by in traces; some time
 *	later another message may have it
 * @born: when it was routed, local_clock(); 0: never
 * @payload: held, perhaps by others too; NULL for a packet that fits into @head
 * @head: fixed and variable header, perhaps payload
 *
 * Immutable once it is queued.
 */
struct mqtt_msg {
	refcount_t refs;
	u32 len;
	u32 head_len;
	u32 truesize;
	u32 longest;
	u16 packets;
	u8 protocol;
	bool retain;
	u32 source;
	u32 id;
	u64 born;
	struct mqtt_payload *payload;
	u8 head[];
};

/* A train is at most so long, with its structure in 2 KiB, and has so many packets. */
#define MQTT_TRAIN_MAX		(2048 - sizeof(struct mqtt_msg))
#define MQTT_TRAIN_PACKETS_MAX	64

struct mqtt_msg *mqtt_msg_alloc(u32 len, u32 head_len, u8 protocol, gfp_t gfp);
struct mqtt_msg *mqtt_msg_alloc_with(struct mqtt_payload *payload, u32 payload_len, u32 head_len,
				     u8 protocol, gfp_t gfp);
struct mqtt_msg *mqtt_msg_alloc_sharing(struct mqtt_msg *msg, u32 head_len, u8 protocol,
					gfp_t gfp);
void mqtt_msg_free(struct mqtt_msg *msg);
void mqtt_msg_is_born(struct mqtt_msg *msg);
unsigned int mqtt_msg_bvec(const struct mqtt_msg *msg, u32 off, struct bio_vec *bv,
			   unsigned int room, u32 *bytes);

u32 mqtt_msg_packet_len(const struct mqtt_msg *msg, u32 off);

/* @msg is what @of is, in other words: a twin or a part of it. */
static inline void mqtt_msg_descends(struct mqtt_msg *msg, const struct mqtt_msg *of)
{
	msg->source = of->source;
	msg->id = of->id;
	msg->born = of->born;
}

/* Nanoseconds since @msg was routed; clocks of two CPUs may differ by a little. */
static inline u64 mqtt_msg_age(const struct mqtt_msg *msg, u64 now)
{
	return now > msg->born ? now - msg->born : 0;
}

static inline void mqtt_msg_hold(struct mqtt_msg *msg)
{
	refcount_inc(&msg->refs);
}

static inline void mqtt_msg_put(struct mqtt_msg *msg)
{
	if (refcount_dec_and_test(&msg->refs))
		mqtt_msg_free(msg);
}

#endif /* _MQTT_MSG_H */
