// SPDX-License-Identifier: MIT
/* mqttctl trace: which events are wanted, what belongs together, and the lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/mqtt.h>

#include "../../tools/mqttctl/trace.h"

static struct trace_filter *filter;
static const struct trace_message *from;

static int teardown(void **state)
{
	(void)state;
	trace_filter_free(filter);
	filter = NULL;
	return 0;
}

static void want(const char *topic, const char *client)
{
	trace_filter_free(filter);
	filter = trace_filter_new(topic, client, true);
	assert_non_null(filter);
}

static struct trace_text text(const char *s)
{
	struct trace_text t = { .len = (uint8_t)strlen(s) };

	memcpy(t.bytes, s, t.len);
	return t;
}

static struct trace_event event(enum trace_type type, uint32_t id, uint32_t peer,
				const char *client, const char *topic)
{
	return (struct trace_event){
		.type = type, .id = id, .peer = peer, .client = text(client),
		.topic = text(topic), .topic_len = (uint32_t)strlen(topic),
	};
}

static bool wanted(enum trace_type type, uint32_t id, uint32_t peer, const char *client,
		   const char *topic)
{
	struct trace_event e = event(type, id, peer, client, topic);

	return trace_filter_event(filter, &e, &from);
}

static bool from_is(const char *client)
{
	return from && from->client.len == strlen(client) &&
	       !memcmp(from->client.bytes, client, from->client.len);
}

/* --- topics ------------------------------------------------------------------ */

static void topics(void **state)
{
	static const struct {
		const char *filter, *topic;
		bool whole, cut;	/* matches; may match if more follows */
	} cases[] = {
		{ "#", "a/b", true, true },
		{ "#", "$SYS/x", false, false },
		{ "+/x", "$SYS/x", false, false },
		{ "$SYS/#", "$SYS/x", true, true },
		{ "$SYS/+", "$SYS/x", true, true },
		{ "a/b", "a/b", true, true },
		{ "a/b", "a/bc", false, false },
		{ "a/bc", "a/b", false, true },
		{ "a/b/c", "a/b", false, true },
		{ "a/b", "a/b/c", false, false },
		{ "a/#", "a", true, true },
		{ "a/#", "a/", true, true },
		{ "a/#", "ab", false, false },
		{ "ab/#", "a", false, true },
		{ "a/+/c", "a//c", true, true },
		{ "a/+/c", "a/b/d", false, false },
		{ "a/+", "a", false, true },
		{ "a/+", "a/b", true, true },
		{ "+", "a", true, true },
		{ "+", "a/b", false, false },
		{ "+/+", "/", true, true },
		{ "/+", "/a", true, true },
		{ "/", "/", true, true },
		{ "/", "//", false, false },
		{ "a/b/#", "a/b", true, true },
		{ "a/b/#", "a/c", false, false },
		{ "+/b", "x/b", true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *topic = (const uint8_t *)cases[i].topic;
		size_t len = strlen(cases[i].topic);

		if (trace_topic_matches(cases[i].filter, topic, len, false) != cases[i].whole ||
		    trace_topic_matches(cases[i].filter, topic, len, true) != cases[i].cut)
			fail_msg("%s, %s", cases[i].filter, cases[i].topic);
	}
}

static void by_topic(void **state)
{
	struct trace_event e;

	(void)state;
	want("a/+", NULL);
	assert_true(wanted(TRACE_RX, 1, 1, "pub", "a/b"));
	assert_false(wanted(TRACE_RX, 2, 1, "pub", "b"));
	assert_true(wanted(TRACE_MATCH, 1, 0, "", "a/b"));
	assert_true(wanted(TRACE_TX, 1, 2, "sub", "a/b"));
	assert_false(wanted(TRACE_DROP, 2, 2, "sub", "b"));
	/* Lost without having been looked at */
	assert_true(wanted(TRACE_DROP, 0, 1, "pub", ""));
	/* No messages */
	assert_false(wanted(TRACE_ATTACH, 0, 1, "pub", ""));
	assert_false(wanted(TRACE_SLOW, 0, 1, "pub", ""));
	/* Cut: the level that was seen is of one, the rest may be */
	e = event(TRACE_TX, 3, 2, "sub", "a/b");
	e.topic_len = 200;
	assert_true(trace_filter_event(filter, &e, &from));
	e = event(TRACE_TX, 3, 2, "sub", "b/b");
	e.topic_len = 200;
	assert_false(trace_filter_event(filter, &e, &from));
}

/* --- clients ----------------------------------------------------------------- */

static void by_client(void **state)
{
	(void)state;
	want(NULL, "pub");
	assert_true(wanted(TRACE_ATTACH, 0, 1, "pub", ""));
	assert_false(wanted(TRACE_ATTACH, 0, 2, "sub", ""));
	assert_true(wanted(TRACE_RX, 1, 1, "pub", "t"));
	assert_false(wanted(TRACE_RX, 2, 3, "other", "t"));
	/* What it has published, on its way to others */
	assert_true(wanted(TRACE_MATCH, 1, 0, "", "t"));
	assert_false(wanted(TRACE_MATCH, 2, 0, "", "t"));
	assert_true(wanted(TRACE_TX, 1, 2, "sub", "t"));
	assert_true(from_is("pub"));
	assert_false(wanted(TRACE_TX, 2, 2, "sub", "t"));
	assert_true(wanted(TRACE_DROP, 1, 4, "slow", "t"));
	/* What it gets */
	assert_true(wanted(TRACE_TX, 2, 1, "pub", "t"));
	assert_true(from_is("other"));
	assert_true(wanted(TRACE_TX, 77, 1, "pub", "t"));
	assert_null(from);
	/* It is no beginning of a name, and no end. */
	assert_false(wanted(TRACE_TX, 2, 5, "pub2", "t"));
	assert_false(wanted(TRACE_TX, 2, 5, "pu", "t"));
}

static void by_both(void **state)
{
	(void)state;
	want("t", "pub");
	assert_true(wanted(TRACE_RX, 1, 1, "pub", "t"));
	assert_false(wanted(TRACE_RX, 2, 1, "pub", "u"));
	assert_false(wanted(TRACE_RX, 3, 2, "other", "t"));
}

/* Of those that the kernel names by their number only */
static void peers(void **state)
{
	struct trace_event e = event(TRACE_TX, 9, 7, "", "t");

	(void)state;
	want(NULL, "hosted");
	assert_false(trace_filter_event(filter, &e, &from));
	assert_true(wanted(TRACE_ENQUEUE, 9, 7, "hosted", "t"));
	e = event(TRACE_TX, 9, 7, "", "t");
	assert_true(trace_filter_event(filter, &e, &from));
	assert_int_equal(e.client.len, strlen("hosted"));
	/* Another one has its place now. */
	assert_false(wanted(TRACE_ATTACH, 0, 7 + TRACE_PEERS, "new", ""));
	e = event(TRACE_TX, 9, 7, "", "t");
	assert_false(trace_filter_event(filter, &e, &from));
}

static void long_client(void **state)
{
	struct trace_event e = event(TRACE_ATTACH, 0, 1, "", "");
	char name[TRACE_TEXT_MAX + 20];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	want(NULL, name);
	e.client.len = TRACE_TEXT_MAX;
	memset(e.client.bytes, 'x', TRACE_TEXT_MAX);
	assert_true(trace_filter_event(filter, &e, &from));
	e.client.len--;
	assert_false(trace_filter_event(filter, &e, &from));
}

static void bounded(void **state)
{
	(void)state;
	want(NULL, NULL);
	for (uint32_t id = 1; id <= 3 * TRACE_MESSAGES; id++)
		assert_true(wanted(TRACE_RX, id, 1, "pub", "t"));
	wanted(TRACE_TX, 3 * TRACE_MESSAGES, 2, "sub", "t");
	assert_true(from_is("pub"));
	wanted(TRACE_TX, 2 * TRACE_MESSAGES + 1, 2, "sub", "t");
	assert_true(from_is("pub"));
	wanted(TRACE_TX, TRACE_MESSAGES, 2, "sub", "t");
	assert_null(from);
}

static void less(void **state)
{
	struct trace_event e = event(TRACE_ENQUEUE, 1, 2, "sub", "t");

	(void)state;
	want(NULL, NULL);
	assert_true(trace_filter_event(filter, &e, &from));
	filter->statistics = false;
	assert_false(trace_filter_event(filter, &e, &from));
}

/* --- lines ------------------------------------------------------------------- */

static void expect_line(const struct trace_event *e, const struct trace_message *message,
			unsigned int flags, const char *wanted_line)
{
	char *line = NULL, *rest;
	size_t size = 0;
	struct out out;
	FILE *file;

	file = open_memstream(&line, &size);
	out_init(&out, file, flags);
	trace_show(&out, e, message, 1000);
	assert_int_equal(out_finish(&out), 0);
	fclose(file);
	rest = line;
	if (!(flags & OUT_JSON)) {
		assert_memory_equal(rest, "time ", 5);
		rest = strchr(rest + 5, ' ') + 1;
	}
	assert_string_equal(rest, wanted_line);
	free(line);
}

static void lines(void **state)
{
	struct trace_message pub = { .id = 5, .peer = 1, .client = text("pub") };
	struct trace_event e = event(TRACE_RX, 5, 1, "pub", "a/b");

	(void)state;
	e.time = 3999999;
	e.packets = 2;
	e.bytes = 30;
	expect_line(&e, &pub, 0,
		    "event rx message-id 5 topic \"a/b\" from \"pub\" packets 2 bytes 30\n");
	expect_line(&e, &pub, OUT_JSON,
		    "{\"time\":\"1970-01-01T00:00:00.004000Z\",\"event\":\"rx\",\"message-id\":5,"
		    "\"topic\":\"a/b\",\"from\":\"pub\",\"packets\":2,\"bytes\":30}\n");
	e.type = TRACE_TX;
	e.peer = 2;
	e.client = text("s\n");
	e.delay = 12034;
	expect_line(&e, &pub, 0,
		    "event tx message-id 5 topic \"a/b\" from \"pub\" peer-id 2 client-id \"s\\u000a\" "
		    "packets 2 bytes 30 delay 12.034us\n");
	e.topic_len = 200;
	e.port = 3;
	expect_line(&e, NULL, 0,
		    "event tx message-id 5 topic \"a/b\" topic-bytes 200 peer-id 2 "
		    "client-id \"s\\u000a\" port-id 3 packets 2 bytes 30 delay 12.034us\n");
	e = event(TRACE_MATCH, 5, 0, "", "a/b");
	e.receivers = 7;
	e.cached = true;
	expect_line(&e, NULL, 0, "event match message-id 5 topic \"a/b\" receivers 7 cached 1\n");
	e = event(TRACE_DROP, 0, 1, "pub", "");
	e.packets = 3;
	e.publisher = true;
	e.reason = MQTT_A_STATS_DROP_RATE;
	expect_line(&e, NULL, 0, "event drop from \"pub\" packets 3 reason rate\n");
	e.reason = 9999;
	expect_line(&e, NULL, 0, "event drop from \"pub\" packets 3 reason unknown\n");
	e = event(TRACE_SLOW, 0, 1, "pub", "");
	e.packet_type = 3;
	e.flags = 5;
	e.bytes = 20;
	e.barrier = true;
	expect_line(&e, NULL, 0,
		    "event slow peer-id 1 client-id \"pub\" packet PUBLISH qos 2 retain 1 bytes 20 "
		    "barrier 1\n");
	e = event(TRACE_DETACH, 0, 1, "pub", "");
	e.reason = MQTT_EVENT_TYPE_PEER_CLOSE;
	expect_line(&e, NULL, 0, "event detach peer-id 1 client-id \"pub\" reason close\n");
}

/* Each counter of drops has its name. */
static void reasons(void **state)
{
	static const unsigned int all[] = {
		MQTT_A_STATS_DROP_QUEUE_FULL, MQTT_A_STATS_DROP_NO_MEMORY,
		MQTT_A_STATS_DROP_PEER_GONE, MQTT_A_STATS_DROP_BUDGET,
		MQTT_A_STATS_DROP_TOO_LARGE, MQTT_A_STATS_DROP_PORT_FULL,
		MQTT_A_STATS_DROP_OLD, MQTT_A_STATS_DROP_CONFLATED, MQTT_A_STATS_DROP_SLOW,
		MQTT_A_STATS_DROP_ROUTER_FULL, MQTT_A_STATS_DROP_RATE,
		MQTT_A_STATS_DROP_DENIED_PUBLISH, MQTT_A_STATS_DROP_DENIED_RECEIVE,
	};
	struct trace_event e = event(TRACE_DROP, 1, 2, "sub", "t");
	struct out out;
	FILE *file;
	size_t size;
	char *line;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		file = open_memstream(&line, &size);
		e.reason = all[i];
		out_init(&out, file, 0);
		trace_show(&out, &e, NULL, 0);
		fclose(file);
		assert_null(strstr(line, "unknown"));
		free(line);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(topics),
		cmocka_unit_test_teardown(by_topic, teardown),
		cmocka_unit_test_teardown(by_client, teardown),
		cmocka_unit_test_teardown(by_both, teardown),
		cmocka_unit_test_teardown(peers, teardown),
		cmocka_unit_test_teardown(long_client, teardown),
		cmocka_unit_test_teardown(bounded, teardown),
		cmocka_unit_test_teardown(less, teardown),
		cmocka_unit_test(lines),
		cmocka_unit_test(reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
