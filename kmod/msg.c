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

static int mqtt_msg_alloc_pages(struct mqtt_msg *msg, gfp_t gfp)
{
	u32 nr = DIV_ROUND_UP(msg->len - msg->head_len, PAGE_SIZE);

	if (!nr)
		return 0;
	msg->pages = kmalloc_array(nr, sizeof(*msg->pages), gfp);
	if (!msg->pages)
		return -ENOMEM;
	msg->truesize += nr * (PAGE_SIZE + sizeof(*msg->pages));

	while (msg->nr_pages < nr) {
		struct page *page = alloc_page(gfp);

		if (!page)
			return -ENOMEM;
		msg->pages[msg->nr_pages++] = page;
	}
	return 0;
}

/**
 * mqtt_msg_alloc() - room for a packet
 * @len: bytes of the packet
 * @head_len: bytes of its fixed and variable header; all of a packet of at
 *	most MQTT_MSG_INLINE_MAX bytes is put there whatever this says
 * @protocol: enum mqtt_protocol that it is framed by
 * @gfp: GFP_ATOMIC in softirq
 *
 * Return: a message with one reference, its bytes unset, or NULL.
 */
struct mqtt_msg *mqtt_msg_alloc(u32 len, u32 head_len, u8 protocol, gfp_t gfp)
{
	struct mqtt_msg *msg;

	if (len <= MQTT_MSG_INLINE_MAX)
		head_len = len;
	gfp |= __GFP_NOWARN;
	msg = kmalloc(struct_size(msg, head, head_len), gfp);
	if (!msg)
		return NULL;

	refcount_set(&msg->refs, 1);
	msg->len = len;
	msg->head_len = head_len;
	msg->longest = len;
	msg->packets = 1;
	msg->protocol = protocol;
	msg->retain = false;
	msg->source = 0;
	msg->id = 0;
	msg->born = 0;
	msg->nr_pages = 0;
	msg->owner = NULL;
	msg->pages = NULL;
	msg->truesize = ksize(msg);

	if (mqtt_msg_alloc_pages(msg, gfp)) {
		mqtt_msg_free(msg);
		return NULL;
	}
	return msg;
}

/**
 * mqtt_msg_alloc_sharing() - room for another header of a packet
 * @msg: packet; immutable from now on
 * @head_len: bytes that stand before what @msg has in pages
 * @protocol: enum mqtt_protocol that it is framed by
 * @gfp: GFP_ATOMIC in softirq
 *
 * What is in @msg's pages is not copied; it stays as long as the new message.
 *
 * Return: a message with one reference, the bytes of its head unset, or NULL.
 */
struct mqtt_msg *mqtt_msg_alloc_sharing(struct mqtt_msg *msg, u32 head_len, u8 protocol,
					gfp_t gfp)
{
	struct mqtt_msg *owner = msg->owner ?: msg;
	struct mqtt_msg *twin = mqtt_msg_alloc(head_len, head_len, protocol, gfp);

	if (!twin)
		return NULL;
	twin->retain = msg->retain;
	mqtt_msg_descends(twin, msg);
	if (!msg->nr_pages)
		return twin;
	mqtt_msg_hold(owner);
	twin->owner = owner;
	twin->pages = owner->pages;
	twin->nr_pages = owner->nr_pages;
	twin->len += msg->len - msg->head_len;
	twin->longest = twin->len;
	twin->truesize += owner->truesize;
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
	if (msg->owner) {
		/* An owner owns its pages itself, so this goes no deeper. */
		mqtt_msg_put(msg->owner);
	} else {
		while (msg->nr_pages)
			__free_page(msg->pages[--msg->nr_pages]);
		kfree(msg->pages);
	}
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

/**
 * mqtt_msg_bvec() - describe a message from some byte on
 * @msg: message
 * @off: first byte wanted, less than its length
 * @bv: where to describe
 * @room: entries at @bv, at least one
 * @bytes: incremented by the bytes described
 *
 * Return: entries used. The message may be longer than they reach.
 */
unsigned int mqtt_msg_bvec(const struct mqtt_msg *msg, u32 off, struct bio_vec *bv,
			   unsigned int room, u32 *bytes)
{
	unsigned int n = 0;

	while (n < room && off < msg->len) {
		u32 len;

		if (off < msg->head_len) {
			len = msg->head_len - off;
			bvec_set_page(&bv[n], virt_to_page(&msg->head[off]), len,
				      offset_in_page(&msg->head[off]));
		} else {
			u32 pos = off - msg->head_len;

			len = min_t(u32, PAGE_SIZE - offset_in_page(pos), msg->len - off);
			bvec_set_page(&bv[n], msg->pages[pos >> PAGE_SHIFT], len,
				      offset_in_page(pos));
		}
		off += len;
		*bytes += len;
		n++;
	}
	return n;
}
