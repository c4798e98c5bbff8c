// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of packets on their way.
 *
 * The headers, and all of a short packet, stand in one piece behind struct
 * mqtt_msg, where they can be parsed; a long payload stands in single pages,
 * because larger pieces are not to be had reliably in softirq.
 */
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <mqtt/wire.h>

#include "msg.h"

static DEFINE_PER_CPU(u32, mqtt_msg_ids);

/**
 * mqtt_msg_alloc_with() - room for the header of a packet
 * @payload: what stands behind it, of which the message takes a reference of its
 *	own; or NULL
 * @payload_len: bytes of that, 0 if there is none
 * @head_len: bytes in front of it
 * @protocol: enum mqtt_protocol that it is framed by
 * @gfp: MQTT_MSG_GFP in softirq
 *
 * Return: a message with one reference, the bytes of its head unset, or NULL.
 */
struct mqtt_msg *mqtt_msg_alloc_with(struct mqtt_payload *payload, u32 payload_len, u32 head_len,
				     u8 protocol, gfp_t gfp)
{
	struct mqtt_msg *msg;

	msg = kmalloc(struct_size(msg, head, head_len), gfp | __GFP_NOWARN);
	if (!msg)
		return NULL;
	refcount_set(&msg->refs, 1);
	msg->len = head_len + payload_len;
	msg->head_len = head_len;
	msg->longest = msg->len;
	msg->packets = 1;
	msg->protocol = protocol;
	msg->retain = false;
	msg->source = 0;
	msg->id = 0;
	msg->born = 0;
	msg->payload = payload ? mqtt_payload_hold(payload) : NULL;
	msg->truesize = ksize(msg) + (payload ? payload->truesize : 0);
	return msg;
}

/**
 * mqtt_msg_alloc() - room for a packet
 * @len: bytes of the packet
 * @head_len: bytes of its fixed and variable header; all of a packet of at
 *	most MQTT_MSG_INLINE_MAX bytes is put there whatever this says
 * @protocol: enum mqtt_protocol that it is framed by
 * @gfp: MQTT_MSG_GFP in softirq
 *
 * Return: a message with one reference, its bytes unset, or NULL.
 */
struct mqtt_msg *mqtt_msg_alloc(u32 len, u32 head_len, u8 protocol, gfp_t gfp)
{
	struct mqtt_payload *payload;
	struct mqtt_msg *msg;

	if (len <= MQTT_MSG_INLINE_MAX || head_len == len)
		return mqtt_msg_alloc_with(NULL, 0, len, protocol, gfp);
	payload = mqtt_payload_alloc(len - head_len, gfp);
	if (!payload)
		return NULL;
	msg = mqtt_msg_alloc_with(payload, len - head_len, head_len, protocol, gfp);
	mqtt_payload_put(payload);
	return msg;
}

/**
 * mqtt_msg_alloc_sharing() - room for another header of a packet
 * @msg: packet; immutable from now on
 * @head_len: bytes that stand before what @msg has in pages
 * @protocol: enum mqtt_protocol that it is framed by
 * @gfp: MQTT_MSG_GFP in softirq
 *
 * What is in @msg's pages is not copied; it stays as long as the new message.
 *
 * Return: a message with one reference, the bytes of its head unset, or NULL.
 */
struct mqtt_msg *mqtt_msg_alloc_sharing(struct mqtt_msg *msg, u32 head_len, u8 protocol,
					gfp_t gfp)
{
	struct mqtt_msg *twin = mqtt_msg_alloc_with(msg->payload, msg->len - msg->head_len,
						    head_len, protocol, gfp);

	if (!twin)
		return NULL;
	twin->retain = msg->retain;
	mqtt_msg_descends(twin, msg);
	return twin;
}

/**
 * mqtt_msg_is_born() - a message is about to be routed
 * @msg: message, not queued
 *
 * Numbers are used again after 2^32 messages, which none of them lives to see
 * unless a queue stands still.
 *
 * Context: bottom halves off.
 */
void mqtt_msg_is_born(struct mqtt_msg *msg)
{
	msg->id = this_cpu_inc_return(mqtt_msg_ids) * nr_cpu_ids + smp_processor_id();
	msg->born = local_clock();
}

/**
 * mqtt_msg_free() - free a message whose last reference is gone
 * @msg: message
 */
void mqtt_msg_free(struct mqtt_msg *msg)
{
	if (msg->payload)
		mqtt_payload_put(msg->payload);
	kfree(msg);
}

/**
 * mqtt_msg_packet_len() - length of one packet of a message
 * @msg: message
 * @off: where the packet begins
 */
u32 mqtt_msg_packet_len(const struct mqtt_msg *msg, u32 off)
{
	struct mqtt_fixed_header fh;

	if (msg->packets == 1 ||
	    WARN_ON_ONCE(mqtt_fixed_header_parse(msg->head + off, msg->len - off, &fh)))
		return msg->len - off;
	return fh.size + fh.remaining;
}

/* The same of the payload, from its byte @off on. */
static unsigned int mqtt_payload_bvec(const struct mqtt_payload *payload, u32 off,
				      struct bio_vec *bv, unsigned int room, u32 *bytes)
{
	const struct bio_vec *from = payload->bv, *end = payload->bv + payload->nr;
	unsigned int n = 0;

	for (; from < end && off >= from->bv_len; from++)
		off -= from->bv_len;
	for (; from < end && n < room; from++) {
		bvec_set_page(&bv[n++], from->bv_page, from->bv_len - off, from->bv_offset + off);
		*bytes += from->bv_len - off;
		off = 0;
	}
	return n;
}

/**
 * mqtt_msg_bvec() - describe a message from some byte on
 * @msg: message
 * @off: first byte wanted, less than its length
 * @bv: where to describe
 * @room: entries at @bv, at least one
 * @bytes: incremented by the bytes described
 *
 * What is in the message's head is described, or what is in its payload, not both
 * at once.
 *
 * Return: entries used. The message may be longer than they reach.
 */
unsigned int mqtt_msg_bvec(const struct mqtt_msg *msg, u32 off, struct bio_vec *bv,
			   unsigned int room, u32 *bytes)
{
	u32 len = msg->head_len - off;

	if (off >= msg->head_len)
		return mqtt_payload_bvec(msg->payload, off - msg->head_len, bv, room, bytes);
	bvec_set_page(&bv[0], virt_to_page(&msg->head[off]), len, offset_in_page(&msg->head[off]));
	*bytes += len;
	return 1;
}
