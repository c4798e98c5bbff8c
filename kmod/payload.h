/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The payload of a long packet: pages, whose bytes nobody writes any more.
 */
#ifndef _MQTT_PAYLOAD_H
#define _MQTT_PAYLOAD_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/bvec.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct mqtt_cursor;
struct sock;

/* A shorter payload is copied: that costs less than what is done for pages. */
#define MQTT_SHARE_MIN		2048
/* Pieces have to be so long on the average. */
#define MQTT_SHARE_PIECE	2048
/* Bytes beyond those charged to queues that one publisher may pin */
#define MQTT_PINS_MAX		((u32)BIT(20))

/**
 * struct mqtt_pins - what one publisher's shared payloads pin and nobody pays for
 * @refs: one of the publisher, one of each payload that is counted in @bytes
 * @bytes: how much
 */
struct mqtt_pins {
	refcount_t refs;
	atomic_t bytes;
};

/**
 * struct mqtt_payload - a payload in pages
 * @refs: one of each message that has it
 * @nr: entries at @bv
 * @truesize: memory to be charged for
 * @excess: counted in @pins
 * @pins: held; or NULL
 * @bv: the bytes in their order; of each page a reference is held
 */
struct mqtt_payload {
	refcount_t refs;
	u32 nr;
	u32 truesize;
	u32 excess;
	struct mqtt_pins *pins;
	struct bio_vec bv[];
};

struct mqtt_payload *mqtt_payload_alloc(u32 len, gfp_t gfp);
struct mqtt_payload *mqtt_payload_share(struct sock *sk, struct mqtt_cursor cur, u32 len,
					struct mqtt_pins **pins, gfp_t gfp);
void mqtt_payload_free(struct mqtt_payload *payload);
void mqtt_pins_put(struct mqtt_pins *pins);

static inline struct mqtt_payload *mqtt_payload_hold(struct mqtt_payload *payload)
{
	refcount_inc(&payload->refs);
	return payload;
}

static inline void mqtt_payload_put(struct mqtt_payload *payload)
{
	if (refcount_dec_and_test(&payload->refs))
		mqtt_payload_free(payload);
}

#endif /* _MQTT_PAYLOAD_H */
