// SPDX-License-Identifier: GPL-2.0-only
/*
 * What packets are and who handles them, from their first bytes. Takes
 * nothing off the receive queue and keeps no state; what it knows of sockets are
 * the cursor's functions, so that it is tested outside of the kernel as well.
 */
#include <linux/errno.h>
#include <linux/minmax.h>

#include "framing.h"

/*
 * A PUBLISH at QoS 0 is the kernel's, unless it is to be retained or too long:
 * then the daemon takes it, and because messages of a publisher stay in order,
 * later ones wait. MQTT 3.3.1.
 */
static enum mqtt_frame_kind mqtt_frame_publish_flags(const struct mqtt_frame *frame,
						     u32 max_packet)
{
	u8 flags = frame->header.byte1 & 0x0f;

	if ((flags & MQTT_PUBLISH_QOS) == MQTT_PUBLISH_QOS)
		return MQTT_FRAME_MALFORMED;		/* [MQTT-3.3.1-4] */
	if (flags & MQTT_PUBLISH_QOS)
		return MQTT_FRAME_SLOW;
	if (flags & MQTT_PUBLISH_DUP)
		return MQTT_FRAME_MALFORMED;		/* [MQTT-3.3.1-2] */
	if (frame->header.remaining < 2)
		return MQTT_FRAME_MALFORMED;
	if (flags & MQTT_PUBLISH_RETAIN || frame->len > max_packet ||
	    mqtt_fixed_header_padded(frame->head, &frame->header))
		return MQTT_FRAME_BARRIER;
	return MQTT_FRAME_FAST;
}

/*
 * Find the end of the properties, which begin at byte @off. FAST says that it
 * was found, or that it is too far away.
 */
static enum mqtt_frame_kind mqtt_frame_props(struct mqtt_frame *frame, u32 off,
					     struct mqtt_cursor cur, struct sock *sk)
{
	u32 most = min_t(u32, frame->len - off, MQTT_VARINT_BYTES_MAX);
	u8 buf[MQTT_VARINT_BYTES_MAX];
	u32 props, have = 0;
	int size;

	if (mqtt_cursor_skip(&cur, sk, off))
		have = mqtt_cursor_copy(&cur, sk, buf, most);
	size = mqtt_varint_parse(buf, have, &props);
	if (size == -EAGAIN && have < most) {
		frame->need = off + most;
		return MQTT_FRAME_INCOMPLETE;
	}
	if (size < 0 || props > frame->len - off - size)
		return MQTT_FRAME_MALFORMED;
	if (props <= MQTT_FAST_PROPS_MAX)
		frame->publish_len = off + size + props;
	return MQTT_FRAME_FAST;
}

/* Find the payload; returns as mqtt_frame_props(). */
static enum mqtt_frame_kind mqtt_frame_publish_len(struct mqtt_frame *frame,
						   struct mqtt_cursor cur, struct sock *sk,
						   u8 protocol)
{
	u32 size = frame->header.size;
	u32 topic_len, off;

	if (frame->len < size + 2)
		return MQTT_FRAME_MALFORMED;
	if (frame->head_len < size + 2)
		return MQTT_FRAME_INCOMPLETE;
	topic_len = frame->head[size] << 8 | frame->head[size + 1];
	off = size + 2 + topic_len;
	if (frame->header.byte1 & MQTT_PUBLISH_QOS)
		off += 2;
	if (off > frame->len)
		return MQTT_FRAME_MALFORMED;
	if (topic_len > MQTT_TOPIC_MAX)
		return MQTT_FRAME_FAST;
	if (protocol == MQTT_PROTOCOL_V5)
		return mqtt_frame_props(frame, off, cur, sk);
	frame->publish_len = off;
	return MQTT_FRAME_FAST;
}

static enum mqtt_frame_kind mqtt_frame_publish(struct mqtt_frame *frame, struct mqtt_cursor cur,
					       struct sock *sk,
					       const struct mqtt_frame_rules *rules)
{
	enum mqtt_frame_kind kind = mqtt_frame_publish_flags(frame, rules->max_packet);
	enum mqtt_frame_kind found;

	if (kind == MQTT_FRAME_MALFORMED || (kind != MQTT_FRAME_FAST && !rules->aliases))
		return kind;
	found = mqtt_frame_publish_len(frame, cur, sk, rules->protocol);
	if (found != MQTT_FRAME_FAST)
		return found;
	return kind == MQTT_FRAME_FAST && !frame->publish_len ? MQTT_FRAME_BARRIER : kind;
}

/* A PINGREQ that says its length in a strange way is the daemon's. MQTT 3.12 */
static enum mqtt_frame_kind mqtt_frame_pingreq(const struct mqtt_frame *frame)
{
	if (frame->header.byte1 & 0x0f || frame->header.remaining)
		return MQTT_FRAME_MALFORMED;
	return mqtt_fixed_header_padded(frame->head, &frame->header) ? MQTT_FRAME_SLOW :
								       MQTT_FRAME_PING;
}

/**
 * mqtt_frame_look() - tell what a packet is from its first bytes
 * @frame: result
 * @cur: where it begins
 * @sk: locked socket
 * @rules: of the connection
 *
 * Return: its kind. @frame is valid unless that is MALFORMED; of one that is
 * INCOMPLETE only @frame->len, if it is known, and @frame->need.
 */
enum mqtt_frame_kind mqtt_frame_look(struct mqtt_frame *frame, struct mqtt_cursor cur,
				     struct sock *sk, const struct mqtt_frame_rules *rules)
{
	struct mqtt_cursor head = cur;

	frame->len = 0;
	frame->publish_len = 0;
	frame->need = MQTT_FRAME_HEAD_MAX;
	frame->head_len = mqtt_cursor_copy(&head, sk, frame->head, MQTT_FRAME_HEAD_MAX);
	if (!frame->head_len)
		return MQTT_FRAME_INCOMPLETE;

	/* Type 0 is forbidden, 15 is of 5.0 only. MQTT 2.2.1 */
	switch (mqtt_packet_type(frame->head[0])) {
	case 0:
		return MQTT_FRAME_MALFORMED;
	case MQTT_PKT_AUTH:
		if (rules->protocol != MQTT_PROTOCOL_V5)
			return MQTT_FRAME_MALFORMED;
	}
	switch (mqtt_fixed_header_parse(frame->head, frame->head_len, &frame->header)) {
	case 0:
		break;
	case -EAGAIN:
		return MQTT_FRAME_INCOMPLETE;
	default:
		return MQTT_FRAME_MALFORMED;
	}
	frame->len = frame->header.size + frame->header.remaining;
	frame->head_len = min_t(u32, frame->head_len, frame->len);

	switch (mqtt_packet_type(frame->header.byte1)) {
	case MQTT_PKT_PUBLISH:
		return mqtt_frame_publish(frame, cur, sk, rules);
	case MQTT_PKT_PINGREQ:
		return mqtt_frame_pingreq(frame);
	case MQTT_PKT_SUBSCRIBE:
	case MQTT_PKT_UNSUBSCRIBE:
	case MQTT_PKT_DISCONNECT:
		return MQTT_FRAME_BARRIER;
	default:
		return MQTT_FRAME_SLOW;
	}
}
