// SPDX-License-Identifier: GPL-2.0-only
/*
 * Payloads in pages: copied, or those of TCP's receive queue.
 *
 * A payload may be shared with the receive queue only if nobody writes to its
 * pages any more. Who could?
 *
 *  - A local sender, as loopback copies nothing. What sendfile(), splice() and
 *    vmsplice() put into a socket (MSG_SPLICE_PAGES; tcp_build_frag() in 6.1) is
 *    still its page cache, or its memory, and marked with SKBFL_SHARED_FRAG, which
 *    whoever splits or merges buffers hands on. MSG_ZEROCOPY sets it too; such
 *    frags are copied before they get here (skb_orphan_frags_rx()), unless a
 *    device of another machine put them there: skb_zcopy(). Kernels that lost the
 *    mark when buffers were merged (skb_try_coalesce()) have been in use: so pages
 *    are refused as well that belong to a file, to anonymous memory, or to somebody's
 *    address space in any other way.
 *  - Those who share the page, but not these bytes: sk_page_frag() and drivers
 *    cut buffers from larger pages. They never write to a part again that they have
 *    given away, as long as anybody has a reference to the page.
 *  - A page pool, which would give the page to its device again when its own
 *    references are gone. It does not while there are others, so plain references
 *    would do (skb_splice_bits() takes them); but the ring would have to get new
 *    pages for as long as a receiver is slow. So these are copied.
 *  - The network stack, in place, as ESP does. Not in a buffer that is in the receive
 *    queue; and what is sent from here is marked with SKBFL_SHARED_FRAG in turn.
 *
 * A reference keeps the whole of a page of up to 32 KiB or more, however little of it
 * the payload is. If that is at least the half, the whole is charged for. Otherwise
 * the payload's bytes are, and the rest is counted for the publisher, up to a limit:
 * while messages come and go it is never reached, and for those that stay in queues
 * everything beyond it is copied.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "payload.h"
#include "rxq.h"

static struct mqtt_payload *mqtt_payload_new(u32 room, gfp_t gfp)
{
	struct mqtt_payload *payload;

	payload = kmalloc(struct_size(payload, bv, room), gfp | __GFP_NOWARN);
	if (!payload)
		return NULL;
	refcount_set(&payload->refs, 1);
	payload->nr = 0;
	payload->truesize = ksize(payload);
	payload->excess = 0;
	payload->pins = NULL;
	return payload;
}

/**
 * mqtt_payload_alloc() - pages for a payload
 * @len: bytes of it
 * @gfp: MQTT_MSG_GFP in softirq
 *
 * Return: a payload with one reference, its bytes unset, each piece but the last
 * a page; or NULL.
 */
struct mqtt_payload *mqtt_payload_alloc(u32 len, gfp_t gfp)
{
	struct mqtt_payload *payload = mqtt_payload_new(DIV_ROUND_UP(len, PAGE_SIZE), gfp);

	if (!payload)
		return NULL;
	while (len) {
		struct page *page = alloc_page(gfp | __GFP_NOWARN);
		u32 n = min_t(u32, len, PAGE_SIZE);

		if (!page) {
			mqtt_payload_free(payload);
			return NULL;
		}
		bvec_set_page(&payload->bv[payload->nr++], page, n, 0);
		payload->truesize += PAGE_SIZE;
		len -= n;
	}
	return payload;
}

/**
 * mqtt_payload_free() - free a payload whose last reference is gone
 * @payload: payload
 */
void mqtt_payload_free(struct mqtt_payload *payload)
{
	while (payload->nr)
		put_page(payload->bv[--payload->nr].bv_page);
	if (payload->pins) {
		atomic_sub(payload->excess, &payload->pins->bytes);
		mqtt_pins_put(payload->pins);
	}
	kfree(payload);
}

/**
 * mqtt_pins_put() - drop a reference
 * @pins: a publisher's, or NULL
 */
void mqtt_pins_put(struct mqtt_pins *pins)
{
	if (pins && refcount_dec_and_test(&pins->refs))
		kfree(pins);
}

/* See on top. @skb is in the receive queue. */
static bool mqtt_payload_may_share_skb(const struct sk_buff *skb)
{
	return !skb_has_shared_frag(skb) && !skb_has_frag_list(skb) &&
	       !skb_zcopy((struct sk_buff *)skb) && mqtt_skb_frags_readable(skb) &&
	       !skb->pp_recycle && !skb_pfmemalloc(skb);
}

static bool mqtt_payload_may_share_page(struct page *page)
{
	struct page *head = compound_head(page);

	return sendpage_ok(page) && !PageHighMem(head) && !READ_ONCE(head->mapping) &&
	       !page_mapped(head);
}

/* Describe @len bytes from offset @off of a buffer's frags on; false: not to be shared. */
static bool mqtt_payload_add(struct mqtt_payload *payload, const struct sk_buff *skb, u32 off,
			     u32 len, u32 room)
{
	const struct skb_shared_info *info = skb_shinfo(skb);
	unsigned int i;

	for (i = 0; len && i < info->nr_frags; i++) {
		const skb_frag_t *frag = &info->frags[i];
		u32 size = skb_frag_size(frag), n;
		struct page *page;

		if (off >= size) {
			off -= size;
			continue;
		}
		page = skb_frag_page(frag);
		if (payload->nr == room || !mqtt_payload_may_share_page(page))
			return false;
		n = min(len, size - off);
		get_page(page);
		bvec_set_page(&payload->bv[payload->nr++], page, n, skb_frag_off(frag) + off);
		off = 0;
		len -= n;
	}
	return !len;
}

static bool mqtt_payload_add_all(struct mqtt_payload *payload, struct sock *sk,
				 struct mqtt_cursor *cur, u32 len, u32 room)
{
	while (len) {
		const struct sk_buff *skb = cur->skb;
		u32 head = skb_headlen(skb);
		u32 n = min(len, skb->len - cur->off);

		if (cur->off < head || !mqtt_payload_may_share_skb(skb) ||
		    !mqtt_payload_add(payload, skb, cur->off - head, n, room))
			return false;
		len -= n;
		if (!mqtt_cursor_skip(cur, sk, n) && len)
			return false;
	}
	return true;
}

/* Bytes of the pages that are kept. A page is mostly met in one go. */
static u32 mqtt_payload_pinned(const struct mqtt_payload *payload)
{
	const struct page *last = NULL;
	u32 pinned = 0;
	u32 i;

	for (i = 0; i < payload->nr; i++) {
		struct page *head = compound_head(payload->bv[i].bv_page);

		if (head != last)
			pinned += page_size(head);
		last = head;
	}
	return pinned;
}

/* Have the publisher pay for more than its payload's bytes. */
static bool mqtt_payload_pin(struct mqtt_payload *payload, struct mqtt_pins **pins, u32 excess,
			     gfp_t gfp)
{
	if (!*pins) {
		*pins = kmalloc(sizeof(**pins), gfp | __GFP_NOWARN);
		if (!*pins)
			return false;
		refcount_set(&(*pins)->refs, 1);
		atomic_set(&(*pins)->bytes, 0);
	}
	if (excess > MQTT_PINS_MAX - atomic_read(&(*pins)->bytes))
		return false;
	atomic_add(excess, &(*pins)->bytes);
	refcount_inc(&(*pins)->refs);
	payload->pins = *pins;
	payload->excess = excess;
	return true;
}

/**
 * mqtt_payload_share() - a payload in the pages that it has been received in
 * @sk: publisher's socket
 * @cur: where the payload begins in its receive queue
 * @len: bytes of it, all of which have arrived
 * @pins: the publisher's, NULL if it has none yet; under the socket's lock
 * @gfp: MQTT_MSG_GFP in softirq
 *
 * Context: the socket is locked.
 * Return: a payload with one reference; NULL if it has to be copied.
 */
struct mqtt_payload *mqtt_payload_share(struct sock *sk, struct mqtt_cursor cur, u32 len,
					struct mqtt_pins **pins, gfp_t gfp)
{
	u32 room = len / MQTT_SHARE_PIECE + 1, pinned;
	struct mqtt_payload *payload;

	/* before anything is allocated for it */
	if (!cur.skb || cur.off < skb_headlen(cur.skb) || !mqtt_payload_may_share_skb(cur.skb))
		return NULL;
	payload = mqtt_payload_new(room, gfp);
	if (!payload)
		return NULL;
	if (!mqtt_payload_add_all(payload, sk, &cur, len, room))
		goto refuse;
	pinned = mqtt_payload_pinned(payload);
	if (pinned / 2 <= len) {
		payload->truesize += pinned;
		return payload;
	}
	if (!mqtt_payload_pin(payload, pins, pinned - len, gfp))
		goto refuse;
	payload->truesize += len;
	return payload;

refuse:
	mqtt_payload_free(payload);
	return NULL;
}
