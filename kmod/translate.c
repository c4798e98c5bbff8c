// SPDX-License-Identifier: GPL-2.0-only
/*
 * A message with another header: for receivers of another protocol version, or
 * with the topic name in place of a topic alias.
 */
#include <mqtt/wire.h>

#include "msg.h"
#include "translate.h"

/**
 * mqtt_translate() - build a message anew
 * @msg: PUBLISH, its header whole in @msg->head; the caller keeps its reference
 * @pub: what it says, with a topic name. Its payload are the last bytes of @msg
 * @protocol: enum mqtt_protocol to write
 * @gfp: GFP_ATOMIC in softirq
 *
 * To 5.0: with the properties of @pub, but for a topic alias. To 3.x: without.
 * A payload in pages is not copied: the new message holds @msg for them, and
 * counts its memory as its own.
 *
 * Return: a message with one reference; NULL without memory, or if it would be
 * longer than a packet can be.
 */
struct mqtt_msg *mqtt_translate(struct mqtt_msg *msg, const struct mqtt_publish *pub,
				u8 protocol, gfp_t gfp)
{
	/* of the payload, in front of the pages */
	u32 copied = pub->payload_len - (msg->len - msg->head_len);
	s32 size = mqtt_publish_header_size(pub, protocol);
	struct mqtt_msg *twin;

	if (size < 0)
		return NULL;
	twin = mqtt_msg_alloc_sharing(msg, size + copied, protocol, gfp);
	if (!twin)
		return NULL;
	mqtt_publish_header_write(twin->head, pub, protocol);
	memcpy(twin->head + size, msg->head + msg->head_len - copied, copied);
	return twin;
}
