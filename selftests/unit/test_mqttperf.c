// SPDX-License-Identifier: MIT
/* mqttperf: its histogram, its command line, and that it sees what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../tools/mqttperf/histogram.h"
#include "../../tools/mqttperf/options.h"
#include "../../tools/mqttperf/packet.h"
#include "../../tools/mqttperf/payload.h"

/*
 * Histogram
 */

static void test_buckets(void **state)
{
	unsigned int bucket, last = 0;

	(void)state;
	for (unsigned int bit = 0; bit < 64; bit++) {
		for (int delta = -1; delta <= 1; delta++) {
			if (!bit && delta < 0)
				continue;
			bucket = histogram_bucket(((uint64_t)1 << bit) + (uint64_t)delta);
			assert_true(bucket >= last);
			assert_true(bucket < HISTOGRAM_BUCKETS);
			last = bucket;
		}
		last = histogram_bucket((uint64_t)1 << bit);
	}
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

/* A single value comes back, whatever it is, from every quantile */
static void test_single_values(void **state)
{
	static const uint64_t values[] = { 0, 1, 63, 64, 127, 128, 1000, 123456789, UINT64_MAX };
	static struct histogram histogram;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		histogram = (struct histogram){ 0 };
		histogram_record(&histogram, values[i]);
		assert_int_equal(histogram_quantile(&histogram, 500), values[i]);
		assert_int_equal(histogram_quantile(&histogram, 1000), values[i]);
	}
}

static void assert_near(uint64_t got, uint64_t want)
{
	assert_in_range(got, want, want + want / 64 + 1);
}

static void test_quantiles(void **state)
{
	static struct histogram histogram;

	(void)state;
	assert_int_equal(histogram_quantile(&histogram, 500), 0);
	for (uint64_t value = 1; value <= 100000; value++)
		histogram_record(&histogram, value);
	assert_int_equal(histogram.count, 100000);
	assert_near(histogram_quantile(&histogram, 500), 50000);
	assert_near(histogram_quantile(&histogram, 900), 90000);
	assert_near(histogram_quantile(&histogram, 990), 99000);
	assert_near(histogram_quantile(&histogram, 999), 99900);
	assert_int_equal(histogram_quantile(&histogram, 1000), 100000);
	assert_int_equal(histogram_quantile(&histogram, 0), 1);
}

/*
 * Command line
 */

#define ARGUMENTS	12

static enum options_result parse(struct options *opt, const char *line)
{
	char *argv[ARGUMENTS + 2] = { "mqttperf" };
	char *copy = strdup(line);
	enum options_result result;
	int argc = 1;

	assert_non_null(copy);
	for (char *word = strtok(copy, " "); word && argc <= ARGUMENTS; word = strtok(NULL, " "))
		argv[argc++] = word;
	result = options_parse(opt, argc, argv);
	free(copy);
	return result;
}

static void test_defaults(void **state)
{
	struct options opt;

	(void)state;
	assert_int_equal(parse(&opt, "p2p"), OPTIONS_RUN);
	assert_int_equal(opt.scenario, P2P);
	assert_string_equal(opt.host, "127.0.0.1");
	assert_string_equal(opt.port, "1883");
	assert_int_equal(opt.clients, 10);
	assert_int_equal(opt.payload, 16);
	assert_int_equal(opt.count, 10000);
	assert_int_equal(opt.seconds, 0);
	assert_int_equal(opt.batch, 1);
	assert_int_equal(opt.window, 1);
	assert_int_equal(opt.version, 4);
	assert_false(opt.json);
	assert_false(opt.bare);
}

static void test_options(void **state)
{
	struct options opt;

	(void)state;
	assert_int_equal(parse(&opt, "fanout -n 50 -s 4096 -c 7 -b 32 -P 77 -j"), OPTIONS_RUN);
	assert_int_equal(opt.scenario, FANOUT);
	assert_int_equal(opt.payload, 4096);
	assert_int_equal(opt.count, 7);
	assert_int_equal(opt.window, 32);	/* the batch */
	assert_int_equal(opt.pid, 77);
	assert_true(opt.json);
	assert_int_equal(options_publishers(&opt), 1);
	assert_int_equal(options_subscribers(&opt), 50);
	assert_int_equal(options_copies(&opt), 50);

	assert_int_equal(parse(&opt, "--time 3 --window=64 --warm-up 0 --mqtt 5.0 fanin"),
			 OPTIONS_RUN);
	assert_int_equal(opt.seconds, 3);
	assert_int_equal(opt.count, 0);
	assert_int_equal(opt.window, 64);
	assert_int_equal(opt.warmup, 0);
	assert_int_equal(opt.version, 5);
	assert_int_equal(options_publishers(&opt), 10);
	assert_int_equal(options_subscribers(&opt), 1);
	assert_int_equal(options_copies(&opt), 1);
}

static void test_bad_options(void **state)
{
	static const char *const lines[] = {
		"", "p2p fanin", "star", "-n 0 p2p", "-n 10001 p2p", "-n -1 p2p", "-n 1x p2p",
		"-n", "-s 15 p2p", "-c 99999999999999999999 p2p", "-c 1 -t 1 p2p",
		"-b 33 -w 32 p2p", "-b 65536 -s 16777216 p2p", "-V 3 p2p", "-q 3 p2p",
		"-x p2p", "--bare fanout", "--bare -q 1 p2p", "-q 1 -w 65536 p2p", "-D p2p",
	};
	struct options opt;
	FILE *null, *old = stderr;

	(void)state;
	null = fopen("/dev/null", "w");
	assert_non_null(null);
	stderr = null;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (parse(&opt, lines[i]) != OPTIONS_BAD)
			fail_msg("\"%s\" was accepted", lines[i]);
	}
	stderr = old;
	fclose(null);
}

/*
 * Payloads and their order
 */

static void test_payload(void **state)
{
	const struct payload_head head = { .publisher = 3, .sequence = 70, .sent = 12345 };
	uint8_t *pattern = payload_pattern(100), payload[100];
	struct payload_head got;

	(void)state;
	assert_non_null(pattern);
	payload_write(payload, sizeof(payload), &head, pattern);
	assert_true(payload_read(payload, sizeof(payload), &got, pattern));
	assert_memory_equal(&got, &head, sizeof(head));
	for (size_t i = sizeof(head); i < sizeof(payload); i++) {
		payload[i] ^= 1;
		assert_false(payload_read(payload, sizeof(payload), &got, pattern));
		payload[i] ^= 1;
	}
	/* The body of another message */
	payload[offsetof(struct payload_head, sequence)]++;
	assert_false(payload_read(payload, sizeof(payload), &got, pattern));
	free(pattern);
}

static const struct {
	const char *name;
	uint32_t sequence[8];		/* ended by UINT32_MAX */
	struct tally want;
	uint32_t steps;			/* in all */
} orders[] = {
	{ "in order", { 0, 1, 2, 3, UINT32_MAX }, { .received = 4 }, 4 },
	{ "a gap", { 0, 1, 4, UINT32_MAX }, { .received = 3, .lost = 2 }, 5 },
	{ "the first is missing", { 1, UINT32_MAX }, { .received = 1, .lost = 1 }, 2 },
	{ "twice", { 0, 1, 1, 2, UINT32_MAX }, { .received = 3, .duplicates = 1 }, 3 },
	{ "an old one", { 0, 1, 2, 0, UINT32_MAX }, { .received = 3, .duplicates = 1 }, 3 },
	{ "late", { 0, 2, 1, 3, UINT32_MAX }, { .received = 4, .late = 1 }, 4 },
	{ "late, twice", { 2, 0, 0, UINT32_MAX },
	  { .received = 2, .lost = 1, .late = 1, .duplicates = 1 }, 3 },
	{ "a large gap", { 0, 64, 1, UINT32_MAX }, { .received = 3, .lost = 62, .late = 1 }, 65 },
	{ "too late", { 0, 65, 1, UINT32_MAX },
	  { .received = 2, .lost = 64, .duplicates = 1 }, 66 },
	{ "a huge gap", { 1000, 1001, 1000, UINT32_MAX },
	  { .received = 2, .lost = 1000, .duplicates = 1 }, 1002 },
};

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct stream stream = { 0 };
		struct tally tally = { 0 };
		uint32_t steps = 0;

		for (size_t j = 0; orders[i].sequence[j] != UINT32_MAX; j++)
			steps += stream_advance(&stream, orders[i].sequence[j], &tally);
		if (memcmp(&tally, &orders[i].want, sizeof(tally)) || steps != orders[i].steps)
			fail_msg("%s: received %d lost %d late %d duplicates %d steps %u",
				 orders[i].name, (int)tally.received, (int)tally.lost,
				 (int)tally.late, (int)tally.duplicates, steps);
	}
}

/*
 * Packets
 */

#define PACKET(literal) literal, sizeof(literal) - 1

static void check_packet(const uint8_t *got, size_t len, const char *want, size_t want_len)
{
	assert_int_equal(len, want_len);
	assert_memory_equal(got, want, want_len);
}

static void test_packets(void **state)
{
	uint8_t buf[PACKET_MAX];

	(void)state;
	check_packet(buf, pkt_connect(buf, 4, "id", 0),
		     PACKET("\x10\x0e\0\4MQTT\4\2\0\0\0\2id"));
	check_packet(buf, pkt_connect(buf, 5, "id", 0),
		     PACKET("\x10\x0f\0\4MQTT\5\2\0\0\0\0\2id"));
	check_packet(buf, pkt_subscribe(buf, 4, "a/b", 0), PACKET("\x82\x08\0\1\0\3a/b\0"));
	check_packet(buf, pkt_subscribe(buf, 5, "a/b", 0), PACKET("\x82\x09\0\1\0\0\3a/b\0"));
	check_packet(buf, pkt_connect(buf, 5, "id", 0x01020304),
		     PACKET("\x10\x14\0\4MQTT\5\2\0\0\5\x11\1\2\3\4\0\2id"));
	check_packet(buf, pkt_end_session(buf), PACKET("\xe0\7\0\5\x11\0\0\0\0"));
	check_packet(buf, pkt_publish(buf, 4, "a/b", 0, 16), PACKET("\x30\x15\0\3a/b"));
	check_packet(buf, pkt_publish(buf, 5, "a/b", 0, 200), PACKET("\x30\xce\1\0\3a/b\0"));
	check_packet(buf, pkt_publish(buf, 4, "a/b", 1, 16), PACKET("\x32\x17\0\3a/b\0\0"));
	check_packet(buf, pkt_publish(buf, 5, "a/b", 2, 200),
		     PACKET("\x34\xd0\1\0\3a/b\0\0\0"));
	assert_int_equal(pkt_publish_id("a/b", 16, 4), 7);
	assert_int_equal(pkt_publish_id("a/b", 200, 5), 8);
}

static void test_acks(void **state)
{
	uint8_t buf[PKT_ACK_SIZE];

	(void)state;
	pkt_ack(buf, MQTT_PKT_PUBACK, 0x102);
	assert_memory_equal(buf, "\x40\2\1\2", 4);
	pkt_ack(buf, MQTT_PKT_PUBREL, 0x102);
	assert_memory_equal(buf, "\x62\2\1\2", 4);
	assert_int_equal(pkt_ack_id((const uint8_t *)"\1\2", 2), 0x102);
	assert_int_equal(pkt_ack_id((const uint8_t *)"\1\2\x10\0", 4), 0x102);
	assert_int_equal(pkt_ack_id((const uint8_t *)"\1\2\x87\0", 4), 0);
	assert_int_equal(pkt_ack_id((const uint8_t *)"\1", 1), 0);
}

static void test_payload_offset(void **state)
{
	uint16_t id;

	(void)state;
	assert_int_equal(pkt_payload((const uint8_t *)"\0\3a/bX", 6, 4, 0, &id), 5);
	assert_int_equal(pkt_payload((const uint8_t *)"\0\3a/b", 5, 4, 0, &id), 5);
	assert_int_equal(pkt_payload((const uint8_t *)"\0\3a/", 4, 4, 0, &id), 0);
	assert_int_equal(pkt_payload((const uint8_t *)"\0", 1, 4, 0, &id), 0);
	assert_int_equal(pkt_payload((const uint8_t *)"\0\3a/b\0X", 7, 5, 0, &id), 6);
	assert_int_equal(pkt_payload((const uint8_t *)"\0\3a/b\2\1\1X", 9, 5, 0, &id), 8);
	assert_int_equal(pkt_payload((const uint8_t *)"\0\3a/b\3\1\1", 8, 5, 0, &id), 0);
	assert_int_equal(pkt_payload((const uint8_t *)"\0\3a/b", 5, 5, 0, &id), 0);
	assert_int_equal(pkt_payload((const uint8_t *)"\0\3a/b\1\2X", 8, 4, 1, &id), 7);
	assert_int_equal(id, 0x102);
	assert_int_equal(pkt_payload((const uint8_t *)"\0\3a/b\1\2\0X", 9, 5, 2, &id), 8);
	assert_int_equal(pkt_payload((const uint8_t *)"\0\3a/b\1", 6, 4, 1, &id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_single_values),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_acks),
		cmocka_unit_test(test_payload_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
