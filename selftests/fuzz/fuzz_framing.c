// SPDX-License-Identifier: MIT
/*
 * How the kernel cuts a stream into packets, against what the daemon makes of the
 * same bytes. The first bytes of the input are the rules and the segmentation, the
 * rest is the stream.
 */
#include <errno.h>
#include <linux/mqtt.h>
#include <mqtt/property.h>
#include <mqtt/topic.h>
#include <mqtt/wire.h>

#include "fuzz.h"
#include "../../kmod/framing.h"

/* The receive queue: what has arrived of the stream */
struct sock {
	const u8 *stream;
	u32 arrived;
};

u32 mqtt_cursor_copy(struct mqtt_cursor *cur, struct sock *sk, u8 *to, u32 len)
{
	u32 n = cur->seq < sk->arrived ? sk->arrived - cur->seq : 0;

	if (n > len)
		n = len;
	memcpy(to, sk->stream + cur->seq, n);
	cur->seq += n;
	return n;
}

bool mqtt_cursor_skip(struct mqtt_cursor *cur, struct sock *sk, u32 len)
{
	cur->seq += len;
	return cur->seq < sk->arrived;
}

/* The daemon's view of a packet that is whole: 0, or what it would answer */
static int daemon_parse(const u8 *p, u32 len, u8 protocol)
{
	struct mqtt_fixed_header fh;
	struct mqtt_publish pub;
	int err = mqtt_fixed_header_parse(p, len, &fh);

	if (err)
		return err;
	if (fh.size + fh.remaining > len)
		return -EAGAIN;
	switch (mqtt_packet_type(fh.byte1)) {
	case 0:
		return -EBADMSG;
	case MQTT_PKT_AUTH:
		return protocol == MQTT_PROTOCOL_V5 ? 0 : -EBADMSG;
	case MQTT_PKT_PUBLISH:
		return mqtt_publish_parse(p + fh.size, fh.remaining, fh.byte1, protocol, &pub);
	case MQTT_PKT_PINGREQ:
		return fh.byte1 & 0x0f || fh.remaining ? -EBADMSG : 0;
	default:
		return 0;
	}
}

static bool is_publish_0(const struct mqtt_frame *frame)
{
	return frame->header.byte1 == MQTT_PKT_PUBLISH << 4;
}

/* MQTT 4.13: what the kernel is to take, and all the rest */
static void check_kind(const struct mqtt_frame *frame, enum mqtt_frame_kind kind,
		       const struct mqtt_frame_rules *rules, const u8 *p, u32 left)
{
	int err = daemon_parse(p, left, rules->protocol);
	u8 type = mqtt_packet_type(p[0]);
	struct mqtt_publish pub;

	switch (kind) {
	case MQTT_FRAME_MALFORMED:
		/* Nobody's mistake is found in a packet that the daemon takes. */
		must(err);
		return;
	case MQTT_FRAME_PING:
		must(type == MQTT_PKT_PINGREQ && !err && frame->len == 2);
		return;
	case MQTT_FRAME_FAST:
		must(is_publish_0(frame) && frame->len <= rules->max_packet);
		must(frame->publish_len && frame->publish_len <= frame->len);
		break;
	case MQTT_FRAME_SLOW:
		must(type != MQTT_PKT_SUBSCRIBE && type != MQTT_PKT_UNSUBSCRIBE &&
		     type != MQTT_PKT_DISCONNECT);
		break;
	case MQTT_FRAME_BARRIER:
		must(type == MQTT_PKT_SUBSCRIBE || type == MQTT_PKT_UNSUBSCRIBE ||
		     type == MQTT_PKT_DISCONNECT || type == MQTT_PKT_PUBLISH);
		break;
	default:
		must(0);
	}
	if (type != MQTT_PKT_PUBLISH || err || !frame->publish_len)
		return;
	/* where the payload begins, both say */
	must(!mqtt_publish_parse(p + frame->header.size, frame->header.remaining, p[0],
				 rules->protocol, &pub));
	must(p + frame->publish_len == pub.payload);
	must(frame->len - frame->publish_len == pub.payload_len);
}

static bool same(const struct mqtt_frame *a, const struct mqtt_frame *b)
{
	return a->len == b->len && a->publish_len == b->publish_len &&
	       a->head_len == b->head_len && !memcmp(a->head, b->head, a->head_len);
}

/*
 * One packet, as its bytes arrive: it is told what it is at some point, and it
 * stays that. Returns its length, 0 if the stream ends in it or is malformed.
 */
static u32 one_packet(struct sock *sk, u32 at, u32 size, const struct mqtt_frame_rules *rules,
		      const u8 *steps, unsigned int *step)
{
	struct mqtt_cursor cur = { .seq = at };
	enum mqtt_frame_kind kind, whole_kind;
	struct mqtt_frame frame, whole;
	struct sock all = *sk;

	for (;;) {
		kind = mqtt_frame_look(&frame, cur, sk, rules);
		if (kind != MQTT_FRAME_INCOMPLETE)
			break;
		/* Whoever waits for so many must not have them already. */
		must(frame.need > sk->arrived - at);
		must(frame.need <= MQTT_FRAME_HEAD_MAX + 2 + MQTT_TOPIC_MAX + 4);
		if (sk->arrived == size)
			return 0;
		sk->arrived += 1 + steps[(*step)++ % 8] % (size - sk->arrived);
	}
	all.arrived = size;
	whole_kind = mqtt_frame_look(&whole, cur, &all, rules);
	must(whole_kind == kind);
	check_kind(&frame, kind, rules, sk->stream + at, size - at);
	if (kind == MQTT_FRAME_MALFORMED)
		return 0;
	/* The head is as long as what had arrived of it. */
	must(whole.head_len >= frame.head_len);
	whole.head_len = frame.head_len;
	must(same(&frame, &whole));
	return frame.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mqtt_frame_rules rules;
	unsigned int step = 0;
	u32 at = 0, len = 1;
	struct sock sk;
	u8 *stream;

	if (size < 10)
		return 0;
	rules.protocol = MQTT_PROTOCOL_V31 + data[0] % 3;
	rules.aliases = rules.protocol == MQTT_PROTOCOL_V5 && data[0] & 0x80;
	rules.max_packet = 64 << data[1] % 15;
	size -= 10;
	/* exactly as long as it says */
	stream = malloc(size + !size);
	must(stream);
	memcpy(stream, data + 10, size);
	sk = (struct sock){ .stream = stream };
	while (at < size && len) {
		len = one_packet(&sk, at, size, &rules, data + 2, &step);
		if (len > size - at)
			break;
		at += len;
		if (sk.arrived < at)
			sk.arrived = at;
	}
	free(stream);
	return 0;
}
