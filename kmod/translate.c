// SPDX-License-Identifier: GPL-2.0-only
/*
 * A message with another header: for receivers of another protocol version, with
 * the topic name in place of a topic alias, or with something of its receiver's.
 */
#include <mqtt/wire.h>

#include "msg.h"
#include "translate.h"

/* The packet at @off of a train, as it was parsed when it was received. */
static void mqtt_train_packet(const struct mqtt_msg *train, u32 off, struct mqtt_publish *pub)
{
	u32 len = mqtt_msg_packet_len(train, off);
	const u8 *packet = train->head + off;
	struct mqtt_fixed_header fh = {};

	mqtt_fixed_header_parse(packet, len, &fh);
	WARN_ON_ONCE(mqtt_publish_parse(packet + fh.size, fh.remaining, fh.byte1,
					train->protocol, pub));
}

/* Where a train is taken apart: is its packet number @i one that is wanted? */
static bool mqtt_train_wants(const struct mqtt_rewrite *how, u32 i)
{
	return how->step <= 1 || i % how->step == how->first;
}

/* What a rewritten train has come to. */
struct mqtt_train_size {
	u32 len;
	u32 longest;
	u32 packets;
};

/* Writes the packets that are wanted at @to; or only measures, if it is NULL. */
static struct mqtt_train_size mqtt_train_write(const struct mqtt_msg *train, u8 *to,
					       const struct mqtt_rewrite *how)
{
	struct mqtt_train_size done = {};
	u32 off, i;

	for (off = 0, i = 0; off < train->len; off += mqtt_msg_packet_len(train, off), i++) {
		struct mqtt_publish pub;
		u32 size, len;

		if (!mqtt_train_wants(how, i))
			continue;
		mqtt_train_packet(train, off, &pub);
		size = mqtt_publish_header_size_with(&pub, how->protocol, how->more_len);
		len = size + pub.payload_len;
		if (to) {
			mqtt_publish_header_write_with(to + done.len, &pub, how->protocol,
						       how->more, how->more_len);
			memcpy(to + done.len + size, pub.payload, pub.payload_len);
		}
		done.longest = max(done.longest, len);
		done.len += len;
		done.packets++;
	}
	return done;
}

static struct mqtt_msg *mqtt_rewrite_train(const struct mqtt_msg *train,
					   const struct mqtt_rewrite *how, gfp_t gfp)
{
	struct mqtt_train_size size = mqtt_train_write(train, NULL, how);
	struct mqtt_msg *twin;

	twin = size.len ? mqtt_msg_alloc(size.len, size.len, how->protocol, gfp) : NULL;
	if (!twin)
		return NULL;
	mqtt_train_write(train, twin->head, how);
	twin->longest = size.longest;
	twin->packets = size.packets;
	mqtt_msg_descends(twin, train);
	return twin;
}

/**
 * mqtt_train_pick() - the packets of a train that are not too long
 * @train: train
 * @max_packet: longest packet that is wanted; there is a longer one
 * @packets: result: how many there are
 * @gfp: MQTT_MSG_GFP in softirq
 *
 * Return: a message with one reference; NULL if there are none, or no memory.
 */
struct mqtt_msg *mqtt_train_pick(const struct mqtt_msg *train, u32 max_packet, u32 *packets,
				 gfp_t gfp)
{
	struct mqtt_msg *picked;
	u32 off, len, size = 0;

	*packets = 0;
	for (off = 0; off < train->len; off += len) {
		len = mqtt_msg_packet_len(train, off);
		if (len <= max_packet) {
			size += len;
			++*packets;
		}
	}
	picked = size ? mqtt_msg_alloc(size, size, train->protocol, gfp) : NULL;
	if (!picked)
		return NULL;
	picked->packets = *packets;
	mqtt_msg_descends(picked, train);
	picked->longest = max_packet;
	size = 0;
	for (off = 0; off < train->len; off += len) {
		len = mqtt_msg_packet_len(train, off);
		if (len <= max_packet) {
			memcpy(picked->head + size, train->head + off, len);
			size += len;
		}
	}
	return picked;
}

/**
 * mqtt_train_slice() - some packets of a train
 * @train: train
 * @first: number of the first one
 * @n: how many, at least one; the train has them
 * @gfp: MQTT_MSG_GFP in softirq
 *
 * Return: a message with one reference, or NULL without memory.
 */
struct mqtt_msg *mqtt_train_slice(const struct mqtt_msg *train, u32 first, u32 n, gfp_t gfp)
{
	u32 i, len, begin = 0, end = 0, longest = 0;
	struct mqtt_msg *slice;

	for (i = 0; i < first + n; i++) {
		len = mqtt_msg_packet_len(train, end);
		if (i == first)
			begin = end;
		if (i >= first)
			longest = max(longest, len);
		end += len;
	}
	slice = mqtt_msg_alloc(end - begin, end - begin, train->protocol, gfp);
	if (!slice)
		return NULL;
	memcpy(slice->head, train->head + begin, end - begin);
	slice->packets = n;
	slice->longest = longest;
	mqtt_msg_descends(slice, train);
	return slice;
}

/**
 * mqtt_rewrite() - build a message anew
 * @msg: PUBLISH, its header whole in @msg->head; the caller keeps its reference
 * @pub: what it says, with a topic name. Its payload are the last bytes of @msg.
 *	Of a train its first packet, which is not looked at
 * @how: what is to be different
 * @gfp: MQTT_MSG_GFP in softirq
 *
 * To 5.0: with the properties of @pub, but for a topic alias. To 3.x: without.
 * A payload in pages is not copied: the new message holds @msg for them, and
 * counts its memory as its own.
 *
 * Return: a message with one reference; NULL without memory, or if it would be
 * longer than a packet can be.
 */
struct mqtt_msg *mqtt_rewrite(struct mqtt_msg *msg, const struct mqtt_publish *pub,
			      const struct mqtt_rewrite *how, gfp_t gfp)
{
	/* of the payload, in front of the pages */
	u32 copied = pub->payload_len - (msg->len - msg->head_len);
	s32 size = mqtt_publish_header_size_with(pub, how->protocol, how->more_len);
	struct mqtt_msg *twin;

	if (msg->packets > 1)
		return mqtt_rewrite_train(msg, how, gfp);
	if (size < 0)
		return NULL;
	twin = mqtt_msg_alloc_sharing(msg, size + copied, how->protocol, gfp);
	if (!twin)
		return NULL;
	mqtt_publish_header_write_with(twin->head, pub, how->protocol, how->more, how->more_len);
	if (how->retain)
		twin->head[0] |= MQTT_PUBLISH_RETAIN;
	memcpy(twin->head + size, msg->head + msg->head_len - copied, copied);
	return twin;
}

/**
 * mqtt_translate() - build a message anew, with the same contents
 * @msg: see mqtt_rewrite()
 * @pub: likewise
 * @protocol: enum mqtt_protocol to write
 * @gfp: MQTT_MSG_GFP in softirq
 *
 * Return: as mqtt_rewrite().
 */
struct mqtt_msg *mqtt_translate(struct mqtt_msg *msg, const struct mqtt_publish *pub,
				u8 protocol, gfp_t gfp)
{
	const struct mqtt_rewrite how = { .protocol = protocol };

	return mqtt_rewrite(msg, pub, &how, gfp);
}
