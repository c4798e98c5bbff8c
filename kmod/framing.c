// SPDX-License-Identifier: GPL-2.0-only
/*
 * What packets are and who handles them, from their first bytes. Takes
 * nothing off the receive queue and keeps no state.
 */
#include <net/sock.h>

#include "framing.h"

/* Remaining Length in more bytes than needed: not to be passed on as it is. */
static bool mqtt_frame_length_padded(const struct mqtt_frame *frame)
{
	return frame->header.size > 2 && !frame->head[frame->header.size - 1];
}

/*
 * A PUBLISH at QoS 0 is the kernel's, unless it is to be retained, too long,
 * or has a long topic name: then the daemon takes it, and because messages of
 * a publisher stay in order, later ones wait. MQTT 3.3.1.
 */
static enum mqtt_frame_kind mqtt_frame_publish(struct mqtt_frame *frame, u32 max_packet)
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
	    mqtt_frame_length_padded(frame))
		return MQTT_FRAME_BARRIER;
	if (frame->head_len < frame->header.size + 2)
		return MQTT_FRAME_INCOMPLETE;

	frame->topic_len = frame->head[frame->header.size] << 8 |
			   frame->head[frame->header.size + 1];
	if (frame->topic_len > frame->header.remaining - 2)
		return MQTT_FRAME_MALFORMED;
	if (frame->topic_len > MQTT_FAST_TOPIC_MAX)
		return MQTT_FRAME_BARRIER;
	return MQTT_FRAME_FAST;
}

/* A PINGREQ that says its length in a strange way is the daemon's. MQTT 3.12 */
static enum mqtt_frame_kind mqtt_frame_pingreq(const struct mqtt_frame *frame)
{
	if (frame->header.byte1 & 0x0f || frame->header.remaining)
		return MQTT_FRAME_MALFORMED;
	return mqtt_frame_length_padded(frame) ? MQTT_FRAME_SLOW : MQTT_FRAME_PING;
}

/**
 * mqtt_frame_look() - tell what a packet is from its first bytes
 * @frame: result
 * @cur: where it begins
 * @sk: locked socket
 * @max_packet: longest packet that the kernel forwards, bytes
 *
 * Return: its kind; @frame is valid unless that is INCOMPLETE or MALFORMED.
 */
enum mqtt_frame_kind mqtt_frame_look(struct mqtt_frame *frame, struct mqtt_cursor cur,
				     struct sock *sk, u32 max_packet)
{
	frame->head_len = mqtt_cursor_copy(&cur, sk, frame->head, MQTT_FRAME_HEAD_MAX);
	if (!frame->head_len)
		return MQTT_FRAME_INCOMPLETE;

	/* Type 0 is forbidden, 15 is of 5.0 only. MQTT 2.2.1 */
	switch (mqtt_packet_type(frame->head[0])) {
	case 0:
	case MQTT_PKT_AUTH:
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
		return mqtt_frame_publish(frame, max_packet);
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
