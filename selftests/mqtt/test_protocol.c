// SPDX-License-Identifier: MIT
/*
 * Publishers and subscribers of MQTT 3.1, 3.1.1 and 5.0: each gets what the
 * standard of its own version says, byte by byte.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/pump.h"
#include "lib/wire5.h"

#define V31	MQTT_PROTOCOL_V31
#define V311	MQTT_PROTOCOL_V311
#define V5	MQTT_PROTOCOL_V5

static struct rig_peer pub, sub;

/* A message as it is in a version: only 5.0 has the properties. */
static void put(struct bytes *b, unsigned int protocol, const char *topic,
		const struct bytes *props, const void *payload, size_t len)
{
	if (protocol == V5)
		wire5_publish(b, 0x30, topic, props, payload, len);
	else
		wire_publish(b, 0x30, topic, payload, len);
}

static void open_sub(struct rig_peer *p, unsigned int protocol, const char *filter)
{
	rig_open_as(p, protocol, 0);
	rig_sub(p, filter);
}

/* From @from to @to; the properties arrive if both know of such. */
static void pass(unsigned int from, unsigned int to, const char *topic,
		 const struct bytes *props, const void *payload, size_t len)
{
	struct bytes in = { 0 }, out = { 0 };

	put(&in, from, topic, props, payload, len);
	put(&out, to, topic, from == V5 ? props : NULL, payload, len);
	rig_send_bytes(&pub, &in);
	tcp_expect(sub.client, out.p, out.len);
	bytes_free(&in);
	bytes_free(&out);
}

/* All that a PUBLISH may have but for an alias; the order is part of it */
static void all_props(struct bytes *b)
{
	props_pair(b, "z", "first");
	props_text(b, 3, "text/plain");
	props_byte(b, 1, 1);
	props_pair(b, "a", "");
	props_u32(b, 2, 3600);
	props_text(b, 9, "correlation");
	props_pair(b, "z", "first");
	props_text(b, 8, "reply/to");
	props_pair(b, "\xc3\xa4", "last");
}

static bool is_translated(unsigned int from, unsigned int to)
{
	return from != to && (from == V5 || to == V5);
}

static void run_pair(unsigned int from, unsigned int to)
{
	static const size_t sizes[] = { 0, 1, 113, 114, 127, 128, 2030, 2048, 2049, 5000, 20000 };
	unsigned long long translated = rig_stat(MQTT_A_STATS_TRANSLATED);
	struct bytes none = { 0 }, one = { 0 }, all = { 0 };
	unsigned int messages = 0;
	char payload[20000];
	size_t i;

	ksft_note("from %u to %u", from, to);
	for (i = 0; i < sizeof(payload); i++)
		payload[i] = i * 7;
	props_byte(&one, 1, 0);
	all_props(&all);
	rig_open_as(&pub, from, 0);
	open_sub(&sub, to, "t/#");
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		pass(from, to, "t/none", &none, payload, sizes[i]);
		pass(from, to, "t/one", &one, payload, sizes[i]);
		pass(from, to, "t/all", &all, payload, sizes[i]);
		messages += 3;
	}
	if (is_translated(from, to))
		translated += messages;
	CHECK_EQ(rig_stat(MQTT_A_STATS_TRANSLATED), translated);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_SLOW_PACKETS), 0);
	rig_close(&pub);
	rig_close(&sub);
	bytes_free(&one);
	bytes_free(&all);
}

static void every_pair(void)
{
	unsigned int from, to;

	rig_start();
	for (from = V31; from <= V5; from++)
		for (to = V31; to <= V5; to++)
			run_pair(from, to);
	rig_check_balance();
}

/* Many of each version, each once, and the message is built anew once. */
static void run_mixed(unsigned int from)
{
	unsigned long long translated = rig_stat(MQTT_A_STATS_TRANSLATED);
	struct bytes in = { 0 }, out = { 0 }, props = { 0 };
	struct rig_peer subs[9];
	size_t i;

	all_props(&props);
	rig_open_as(&pub, from, 0);
	for (i = 0; i < ARRAY_LEN(subs); i++) {
		open_sub(&subs[i], V31 + i % 3, i < 5 ? "t/u" : "+/u");
		rig_sub(&subs[i], "#");
	}
	put(&in, from, "t/u", &props, "mixed", 5);
	rig_send_bytes(&pub, &in);
	for (i = 0; i < ARRAY_LEN(subs); i++) {
		put(&out, V31 + i % 3, "t/u", from == V5 ? &props : NULL, "mixed", 5);
		tcp_expect(subs[i].client, out.p, out.len);
		bytes_free(&out);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_TRANSLATED), translated + 1);
	for (i = 0; i < ARRAY_LEN(subs); i++) {
		rig_fence(&subs[i]);
		rig_close(&subs[i]);
	}
	rig_close(&pub);
	bytes_free(&in);
	bytes_free(&props);
}

static void mixed_fan_out(void)
{
	rig_start();
	run_mixed(V31);
	run_mixed(V311);
	run_mixed(V5);
	rig_check_balance();
}

/* Payloads in pages are shared with the original, and both are paid for. */
static void large_payload(void)
{
	const size_t size = 200 << 10;
	char *payload = malloc(size);
	struct bytes props = { 0 };
	unsigned int from, to;
	size_t i;

	for (i = 0; i < size; i++)
		payload[i] = i * 2654435761u >> 13;
	all_props(&props);
	rig_start();
	for (from = V311; from <= V5; from++) {
		for (to = V311; to <= V5; to++) {
			rig_open_as(&pub, from, 0);
			open_sub(&sub, to, "t");
			pass(from, to, "t", &props, payload, size);
			pass(from, to, "t", &props, payload, size - 1);
			rig_close(&pub);
			rig_close(&sub);
		}
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_SLOW_PACKETS), 0);
	rig_check_balance();
	free(payload);
}

/* A subscriber that does not read: its queue pays for what it keeps in memory. */
static void queue_of_twins(void)
{
	struct tcp_options small = { .family = AF_INET, .client_rcvbuf = 4096,
				     .server_sndbuf = 4096 };
	const size_t size = 100 << 10, limit = 1 << 20;
	char *payload = calloc(1, size);
	struct bytes in = { 0 }, out = { 0 };
	unsigned int i, queued;

	rig_start_with(limit, 0);
	rig_connect(&sub, &small);
	rig_attach_as(&sub, V5, 0);
	rig_sub(&sub, "t");
	rig_open_as(&pub, V31, 0);
	put(&in, V31, "t", NULL, payload, size);
	put(&out, V5, "t", NULL, payload, size);
	for (i = 0; i < 20; i++)
		rig_send_bytes(&pub, &in);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_RX_PACKETS) == 20);
	queued = rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS);
	CHECK(queued >= 5);
	CHECK(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES) >= queued * size);
	CHECK(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES) <= limit);
	CHECK(rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_QUEUE_FULL) > 0);
	rig_close(&pub);
	/* the pages outlive their publisher */
	for (i = 0; i < queued; i++)
		tcp_expect(sub.client, out.p, out.len);
	rig_check_balance();
	free(payload);
}

/* --- what the kernel looks at ------------------------------------------------ */

static size_t one_byte(void)
{
	return 1;
}

static size_t some_bytes(void)
{
	return 1 + ksft_random(40);
}

static void stream_message(struct stream *s, const struct bytes *props, const char *text)
{
	wire5_publish(&s->all, 0x30, "t/u", props, text, strlen(text));
	stream_end(s, STREAM_FAST);
}

/* Property Lengths of one and two bytes; slow packets in between. */
static struct stream *mixed_stream(void)
{
	static const size_t lens[] = { 0, 5, 126, 127, 128, 129, 300 };
	struct stream *s = stream_new();
	struct bytes props = { 0 };
	size_t i;

	for (i = 0; i < ARRAY_LEN(lens); i++) {
		props_fill(&props, lens[i]);
		stream_message(s, &props, "one");
		stream_message(s, &props, "");
		wire5_publish(&s->all, 0x32, "t/u", &props, "QoS 1", 5);
		stream_end(s, STREAM_SLOW);
		bytes_put(&s->all, "\xf0\x02\x19\x00", 4);	/* AUTH */
		stream_end(s, STREAM_SLOW);
		stream_message(s, NULL, "no properties");
		wire5_publish(&s->all, 0x31, "t/u", &props, "retained", 8);
		stream_end(s, STREAM_BARRIER);
		bytes_free(&props);
	}
	bytes_put(&s->all, "\xe0\x02\x00\x00", 4);		/* DISCONNECT */
	stream_end(s, STREAM_BARRIER);
	return s;
}

static void run_split(size_t (*chunk)(void))
{
	struct pump p = { .pub = &pub, .sub = &sub, .chunk = chunk, .separate = chunk };
	struct stream *s = mixed_stream();
	unsigned int alias_max;

	rig_start();
	open_sub(&sub, V5, "t/#");
	for (alias_max = 0; alias_max <= 64; alias_max += 64) {
		rig_open_as(&pub, V5, alias_max);
		pump_run(&p, s);
		rig_close(&pub);
	}
	rig_fence(&sub);
	stream_free(s);
}

static void whole(void)
{
	run_split(NULL);
}

static void split(void)
{
	run_split(some_bytes);
}

static void byte_by_byte(void)
{
	if (ksft_slow())
		ksft_skip("each byte by itself takes too long here");
	run_split(one_byte);
}

/* The longest topic name and properties that are the kernel's, and one more. */
static void limits(void)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();
	struct bytes props = { 0 };
	char topic[4098];

	memset(topic, 'x', sizeof(topic));
	topic[4096] = '\0';
	props_fill(&props, 4096);
	wire5_publish(&s->all, 0x30, topic, &props, "both", 4);
	stream_end(s, STREAM_FAST);
	wire5_publish(&s->all, 0x30, "t", &props, "one", 3);
	stream_end(s, STREAM_FAST);
	bytes_free(&props);
	props_fill(&props, 4097);
	wire5_publish(&s->all, 0x30, "t", &props, "the daemon's", 12);
	stream_end(s, STREAM_BARRIER);
	topic[4096] = 'x';
	topic[4097] = '\0';
	wire5_publish(&s->all, 0x30, topic, NULL, "the daemon's", 12);
	stream_end(s, STREAM_BARRIER);
	wire5_message(&s->all, "t", "go on");
	stream_end(s, STREAM_FAST);

	rig_start();
	open_sub(&sub, V5, "#");
	rig_open_as(&pub, V5, 0);
	pump_run(&p, s);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_BARRIERS), 2);
	stream_free(s);
	bytes_free(&props);
}

#define MALFORMED(name, bytes) { (name), (bytes), sizeof(bytes) - 1 }

static const struct malformed {
	const char *name;
	const char *bytes;
	size_t len;
} malformed[] = {
	MALFORMED("no Property Length", "\x30\x05\x00\x03t/u"),
	MALFORMED("half a Property Length", "\x30\x06\x00\x03t/u\x80"),
	MALFORMED("Property Length padded", "\x30\x07\x00\x03t/u\x80\x00"),
	MALFORMED("Property Length of five bytes", "\x30\x0a\x00\x03t/u\x80\x80\x80\x80\x01"),
	MALFORMED("properties beyond the packet", "\x30\x08\x00\x03t/u\x03\x01\x01"),
	MALFORMED("properties far beyond", "\x30\x08\x00\x03t/u\xff\x7f\x01"),
	MALFORMED("unknown property", "\x30\x08\x00\x03t/u\x02\x04\x00"),
	MALFORMED("property of CONNECT", "\x30\x09\x00\x03t/u\x03\x21\x00\x01"),
	MALFORMED("property twice", "\x30\x0a\x00\x03t/u\x04\x01\x01\x01\x01"),
	MALFORMED("payload format 2", "\x30\x08\x00\x03t/u\x02\x01\x02"),
	MALFORMED("value cut off", "\x30\x0a\x00\x03t/u\x03\x03\x00\x05z"),
	MALFORMED("content type not UTF-8", "\x30\x0a\x00\x03t/u\x04\x03\x00\x01\xff"),
	MALFORMED("user property cut off", "\x30\x0b\x00\x03t/u\x04\x26\x00\x01nz"),
	MALFORMED("response topic with a wildcard", "\x30\x0a\x00\x03t/u\x04\x08\x00\x01#"),
	MALFORMED("subscription identifier", "\x30\x08\x00\x03t/u\x02\x0b\x01"),
	MALFORMED("no topic, no alias", "\x30\x05\x00\x00\x00xy"),
	MALFORMED("+ in topic", "\x30\x06\x00\x03t/+\x00"),
	MALFORMED("QoS 3", "\x36\x09\x00\x03t/u\x00\x01\x00z"),
	MALFORMED("alias 0", "\x30\x09\x00\x03t/u\x03\x23\x00\x00"),
	MALFORMED("alias above the maximum", "\x30\x09\x00\x03t/u\x03\x23\x00\x0b"),
	MALFORMED("alias far above it", "\x30\x09\x00\x03t/u\x03\x23\xff\xff"),
	MALFORMED("only an alias above it", "\x30\x06\x00\x00\x03\x23\x00\x0b"),
	MALFORMED("alias above it at QoS 1", "\x32\x0b\x00\x03t/u\x00\x01\x03\x23\x00\x0b"),
	MALFORMED("bad properties at QoS 1", "\x32\x0a\x00\x03t/u\x00\x01\x02\x04\x00"),
	MALFORMED("packet identifier 0", "\x32\x08\x00\x03t/u\x00\x00\x00"),
	MALFORMED("bad properties, retained", "\x31\x08\x00\x03t/u\x02\x04\x00"),
	MALFORMED("topic beyond the packet at QoS 1", "\x32\x07\x00\x04t/u\x00\x01"),
};

static void run_malformed(size_t (*chunk)(void))
{
	struct pump p = { .pub = &pub, .sub = &sub, .chunk = chunk, .separate = chunk };
	size_t i;

	rig_start();
	open_sub(&sub, V5, "t/#");
	for (i = 0; i < ARRAY_LEN(malformed); i++) {
		struct stream *s = stream_new();

		ksft_note("%s", malformed[i].name);
		stream_message(s, NULL, "before");
		bytes_put(&s->all, malformed[i].bytes, malformed[i].len);
		wire5_message(&s->all, "t/u", "behind");
		stream_end(s, STREAM_SLOW);
		rig_open_as(&pub, V5, 10);
		pump_run(&p, s);
		CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_RAW);
		CHECK_EQ(rig_stat(MQTT_A_STATS_RX_MALFORMED), i + 1);
		rig_fence(&sub);
		rig_close(&pub);
		stream_free(s);
	}
}

static void malformed_in_one_segment(void)
{
	run_malformed(NULL);
}

static void malformed_split(void)
{
	run_malformed(some_bytes);
}

/* What 5.0 has and the others do not. */
static void auth_is_of_5_only(void)
{
	unsigned int protocol;

	rig_start();
	for (protocol = V31; protocol <= V5; protocol++) {
		bool known = protocol == V5;

		rig_open_as(&pub, protocol, 0);
		rig_send(&pub, "\xf0\x00", 2);
		tcp_expect(pub.fd, "\xf0\x00", 2);
		CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE),
			 known ? MQTT_PEER_STATE_FAST : MQTT_PEER_STATE_RAW);
		rig_close(&pub);
	}
}

/* --- netlink ------------------------------------------------------------------ */

static int try_attach(struct rig_peer *p, unsigned int protocol, unsigned int alias_max)
{
	struct mqtt_nl_attach attach = {
		.fd = p->fd, .protocol = protocol, .client_id = "x", .topic_alias_max = alias_max,
	};
	int err = mqtt_nl_peer_attach(rig_nl, &attach, &p->id);

	ksft_note("protocol %u, alias maximum %u: %s", protocol, alias_max,
		  err ? mqtt_nl_error(rig_nl) : "attached");
	return err;
}

static void attach_attributes(void)
{
	unsigned int protocol;

	rig_start();
	for (protocol = V31; protocol <= V5; protocol++) {
		rig_open_as(&pub, protocol, 0);
		CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_PROTOCOL), protocol);
		rig_close(&pub);
	}
	rig_connect(&pub, NULL);
	CHECK_EQ(try_attach(&pub, V31, 1), -EINVAL);
	CHECK_EQ(try_attach(&pub, V311, 64), -EINVAL);
	CHECK_EQ(try_attach(&pub, V5, 65), -ERANGE);
	CHECK_EQ(try_attach(&pub, V5 + 1, 0), -ERANGE);
	CHECK_EQ(try_attach(&pub, V5, 64), 0);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_TOPIC_ALIAS_MAX), 64);
}

int main(int argc, char **argv)
{
	static const struct ksft_case cases[] = {
		{ "every_pair", every_pair },
		{ "mixed_fan_out", mixed_fan_out },
		{ "large_payload", large_payload },
		{ "queue_of_twins", queue_of_twins },
		{ "whole", whole },
		{ "split", split },
		{ "byte_by_byte", byte_by_byte },
		{ "limits", limits },
		{ "malformed_in_one_segment", malformed_in_one_segment },
		{ "malformed_split", malformed_split },
		{ "auth_is_of_5_only", auth_is_of_5_only },
		{ "attach_attributes", attach_attributes },
	};

	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
