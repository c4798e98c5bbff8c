// SPDX-License-Identifier: MIT
/*
 * Topic aliases of MQTT 5.0: the receivers get the topic name, the daemon sees
 * every packet that changes what an alias means, and what the kernel does not
 * know is the daemon's.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/pump.h"
#include "lib/wire5.h"

#define V311	MQTT_PROTOCOL_V311
#define V5	MQTT_PROTOCOL_V5
#define ALIASES	10

static struct rig_peer pub, sub;

static void start(unsigned int sub_protocol)
{
	rig_start();
	rig_open_as(&sub, sub_protocol, 0);
	rig_sub(&sub, "t/#");
	rig_open_as(&pub, V5, ALIASES);
}

/* What was appended to @s->all is to arrive like this. */
static void stream_fast_as(struct stream *s, unsigned int protocol, const char *topic,
			   const char *text)
{
	if (protocol == V5)
		wire5_message(&s->fast, topic, text);
	else
		wire_message(&s->fast, topic, text);
	s->fast_packets++;
	s->done = s->all.len;
}

static void use(struct stream *s, unsigned int alias, const char *topic, const char *text)
{
	wire5_alias(&s->all, 0x30, "", alias, text);
	stream_fast_as(s, V5, topic, text);
}

static void set(struct stream *s, unsigned int byte1, unsigned int alias, const char *topic)
{
	wire5_alias(&s->all, byte1, topic, alias, "set");
	stream_end(s, byte1 & 0x06 ? STREAM_SLOW : STREAM_BARRIER);
}

/* The same again changes nothing, so the kernel forwards it. */
static void repeat(struct stream *s, unsigned int alias, const char *topic, const char *text)
{
	wire5_alias(&s->all, 0x30, topic, alias, text);
	stream_fast_as(s, V5, topic, text);
}

static void unknown(struct stream *s, unsigned int alias)
{
	wire5_alias(&s->all, 0x30, "", alias, "unknown");
	stream_end(s, STREAM_BARRIER);
}

static void no_alias(struct stream *s, const char *text)
{
	wire5_message(&s->all, "t/plain", text);
	stream_end(s, STREAM_FAST);
}

/* Each way to tell, use and change an alias. */
static struct stream *story(void)
{
	struct stream *s = stream_new();

	no_alias(s, "first");
	unknown(s, 1);
	set(s, 0x30, 1, "t/a");
	use(s, 1, "t/a", "used");
	use(s, 1, "t/a", "");
	repeat(s, 1, "t/a", "told again");
	unknown(s, 2);
	set(s, 0x32, 2, "t/b");
	use(s, 2, "t/b", "QoS 1 has told");
	use(s, 1, "t/a", "not changed");
	set(s, 0x34, 1, "t/c");
	use(s, 1, "t/c", "QoS 2 has changed");
	set(s, 0x30, 1, "t/d");
	use(s, 1, "t/d", "QoS 0 has changed");
	set(s, 0x31, 1, "t/e");
	use(s, 1, "t/e", "retained, has changed");
	set(s, 0x32, 1, "t/e");
	repeat(s, 1, "t/e", "told at QoS 1 again");
	wire5_alias(&s->all, 0x32, "", 2, "used at QoS 1");
	stream_end(s, STREAM_SLOW);
	use(s, 2, "t/b", "not changed by that");
	set(s, 0x30, ALIASES, "t/the/last/one");
	use(s, ALIASES, "t/the/last/one", "largest alias");
	set(s, 0x32, 3, "$t/reserved");
	wire5_alias(&s->all, 0x30, "", 3, "used, but the server's");
	stream_end(s, STREAM_BARRIER);
	no_alias(s, "last");
	return s;
}

static void whole(void)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = story();

	start(V5);
	pump_run(&p, s);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_BARRIERS), s->barriers);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PACKETS), s->fast_packets);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TRANSLATED), 0);
	rig_fence(&sub);
}

/* For 3.1.1 the properties go, and with them the alias. */
static void to_older(void)
{
	struct stream *s = stream_new();
	struct pump p = { .pub = &pub, .sub = &sub };

	set(s, 0x32, 3, "t/older");
	wire5_alias(&s->all, 0x30, "", 3, "used");
	stream_fast_as(s, V311, "t/older", "used");
	wire5_alias(&s->all, 0x30, "t/older", 3, "again");
	stream_fast_as(s, V311, "t/older", "again");
	start(V311);
	pump_run(&p, s);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TRANSLATED), 2);
}

/* Other properties stay, wherever the alias stands among them. */
static void among_properties(void)
{
	struct stream *s = stream_new();
	struct pump p = { .pub = &pub, .sub = &sub };
	unsigned int place, i;

	set(s, 0x32, 3, "t/p");
	for (place = 0; place <= 3; place++) {
		struct bytes in = { 0 }, out = { 0 };

		for (i = 0; i <= 3; i++) {
			if (i == place)
				props_u16(&in, 35, 3);
			if (i == 3)
				break;
			props_pair(&in, "n", i ? "value" : "");
			props_pair(&out, "n", i ? "value" : "");
		}
		wire5_publish(&s->all, 0x30, "", &in, "x", 1);
		s->done = s->all.len;
		wire5_publish(&s->fast, 0x30, "t/p", &out, "x", 1);
		bytes_free(&in);
		bytes_free(&out);
	}
	start(V5);
	pump_run(&p, s);
}

/* In two pieces, the first ending at every byte */
static void cut_everywhere(void)
{
	struct stream *s = story();
	struct pump p = { .pub = &pub, .sub = &sub, .already = 0 };
	size_t step = ksft_scale(1, 23);

	start(V5);
	for (p.already = 1; p.already < s->all.len; p.already += step) {
		rig_close(&pub);
		rig_open_as(&pub, V5, ALIASES);
		rig_send(&pub, s->all.p, p.already);
		pump_run(&p, s);
	}
	rig_fence(&sub);
}

static size_t one_byte(void)
{
	return 1;
}

static void byte_by_byte(void)
{
	struct pump p = { .pub = &pub, .sub = &sub, .chunk = one_byte, .separate = true };

	if (ksft_slow())
		ksft_skip("each byte by itself takes too long here");
	start(V5);
	pump_run(&p, story());
	rig_fence(&sub);
}

/* --- many ---------------------------------------------------------------------- */

/* What the daemon knows, and therefore the kernel unless it forgot */
static char model[ALIASES + 1][64];

static void random_step(struct stream *s, unsigned int number)
{
	static const unsigned int ways[] = { 0x30, 0x31, 0x32, 0x34 };
	unsigned int alias = 1 + ksft_random(ALIASES), way = ways[ksft_random(4)];
	char text[16], topic[64];

	sprintf(text, "%u", number);
	if (ksft_random(4)) {
		if (model[alias][0])
			use(s, alias, model[alias], text);
		else
			unknown(s, alias);
		return;
	}
	sprintf(topic, "t/%0*u", 1 + (int)ksft_random(50), ksft_random(3));
	if (way == 0x30 && !strcmp(model[alias], topic)) {
		repeat(s, alias, topic, text);
		return;
	}
	set(s, way, alias, topic);
	strcpy(model[alias], topic);
}

static void interleaved(void)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();
	unsigned int i;

	for (i = 0; i < (unsigned int)ksft_scale(3000, 300); i++)
		random_step(s, i);
	start(V5);
	pump_run(&p, s);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PACKETS), s->fast_packets);
	rig_fence(&sub);
}

/* One number means something else for each connection. */
static void of_each_connection(void)
{
	struct rig_peer other;
	struct stream *s = stream_new();
	struct pump p = { .pub = &pub, .sub = &sub };

	start(V5);
	rig_open_as(&other, V5, ALIASES);
	set(s, 0x32, 1, "t/one");
	use(s, 1, "t/one", "x");
	pump_run(&p, s);
	stream_free(s);
	s = stream_new();
	unknown(s, 1);
	set(s, 0x32, 1, "t/other");
	use(s, 1, "t/other", "x");
	p.pub = &other;
	pump_run(&p, s);
	stream_free(s);
	s = stream_new();
	use(s, 1, "t/one", "still");
	p.pub = &pub;
	pump_run(&p, s);
}

/* --- what the kernel forgets, or never knew ---------------------------------------- */

/* A header that is too long to be looked at may have changed any alias. */
static void too_long_to_look_at(unsigned int byte1)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();
	struct bytes props = { 0 };

	props_fill(&props, 4097);
	set(s, 0x32, 1, "t/a");
	set(s, 0x32, 2, "t/b");
	use(s, 1, "t/a", "known");
	wire5_publish(&s->all, byte1, "t/long", &props, "x", 1);
	stream_end(s, byte1 & 0x06 ? STREAM_SLOW : STREAM_BARRIER);
	unknown(s, 1);
	unknown(s, 2);
	set(s, 0x32, 1, "t/c");
	use(s, 1, "t/c", "known again");
	pump_run(&p, s);
	stream_free(s);
	bytes_free(&props);
}

static void long_header(void)
{
	start(V5);
	too_long_to_look_at(0x32);
	too_long_to_look_at(0x30);
	too_long_to_look_at(0x31);
}

/* The longest topic that an alias can have here */
static void longest_topic(void)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();
	char topic[4098];
	unsigned int i;

	memset(topic, 'x', sizeof(topic));
	memcpy(topic, "t/", 2);
	topic[4096] = '\0';
	for (i = 1; i <= ALIASES; i++) {
		set(s, i & 1 ? 0x30 : 0x32, i, topic);
		use(s, i, topic, "used");
	}
	topic[4096] = 'x';
	topic[4097] = '\0';
	set(s, 0x32, 1, topic);
	unknown(s, 1);
	start(V5);
	pump_run(&p, s);
}

/* Too large for the kernel: it learns the alias all the same. */
static void too_large_to_forward(void)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();
	struct bytes props = { 0 };
	char *payload = calloc(1, 300 << 10);

	props_u16(&props, 35, 4);
	wire5_publish(&s->all, 0x30, "t/large", &props, payload, 300 << 10);
	stream_end(s, STREAM_BARRIER);
	use(s, 4, "t/large", "small");
	wire5_publish(&s->all, 0x30, "", &props, payload, 100 << 10);
	s->done = s->all.len;
	wire5_publish(&s->fast, 0x30, "t/large", NULL, payload, 100 << 10);
	start(V5);
	pump_run(&p, s);
	free(payload);
}

/* A client that has not been allowed any */
static void none_allowed(void)
{
	struct bytes b = { 0 };

	rig_start();
	rig_open_as(&pub, V5, 0);
	wire5_alias(&b, 0x30, "t/u", 1, "x");
	rig_send_bytes(&pub, &b);
	rig_daemon_expect(&pub, &b);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_RAW);
}

/* Behind a detach the kernel knows nothing, and the daemon everything. */
static void attached_again(void)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();

	start(V5);
	set(s, 0x30, 1, "t/a");
	use(s, 1, "t/a", "x");
	pump_run(&p, s);
	stream_free(s);
	rig_detach(&pub);
	rig_attach_as(&pub, V5, ALIASES);
	s = stream_new();
	unknown(s, 1);
	set(s, 0x30, 1, "t/a");
	use(s, 1, "t/a", "x");
	pump_run(&p, s);
}

int main(int argc, char **argv)
{
	static const struct ksft_case cases[] = {
		{ "whole", whole },
		{ "to_older", to_older },
		{ "among_properties", among_properties },
		{ "cut_everywhere", cut_everywhere },
		{ "byte_by_byte", byte_by_byte },
		{ "interleaved", interleaved },
		{ "of_each_connection", of_each_connection },
		{ "long_header", long_header },
		{ "longest_topic", longest_topic },
		{ "too_large_to_forward", too_large_to_forward },
		{ "none_allowed", none_allowed },
		{ "attached_again", attached_again },
	};

	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
