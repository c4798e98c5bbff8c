// SPDX-License-Identifier: MIT
/* Records of a port: bytes put together by hand, whole and broken ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "port_record.h"

/* 32 bytes: two peers, a packet of 6, 2 of padding */
static const uint8_t sound[] __attribute__((aligned(8))) = {
	32, 0, 0, 0,	6, 0, 0, 0,	2, 0, 0, 0,	4, 0, 0, 0,
	7, 0, 0, 0,	1, 2, 0, 0,	0x30, 4, 0, 1, 'a', 'x', 0, 0,
};

static const uint8_t offloaded[] __attribute__((aligned(8))) = {
	24, 0, 0, 0,	0, 0, 0, 0,	1, 0, 0, 0,	0, 1, 0, 0,
	9, 0, 0, 0,	0, 0, 0, 0,
};

/* A copy of its own memory, so that the sanitizer sees a read behind its end. */
static ssize_t next(const uint8_t *bytes, size_t len, struct port_record *record)
{
	uint8_t *copy = aligned_alloc(8, (len + 7) & ~7ul);
	ssize_t size;

	memcpy(copy, bytes, len);
	size = port_record_next(copy, len, record);
	free(copy);
	return size;
}

static void test_sound(void **state)
{
	struct port_record record;

	(void)state;
	assert_int_equal(port_record_next(sound, sizeof(sound), &record), 32);
	assert_int_equal(record.nr_peers, 2);
	assert_int_equal(record.peers[0], 7);
	assert_int_equal(record.peers[1], 0x201);
	assert_int_equal(record.packet_len, 6);
	assert_memory_equal(record.packet, "\x30\x04\x00\x01" "ax", 6);
	assert_int_equal(record.protocol, 4);
	assert_int_equal(record.flags, 0);
	assert_int_equal(port_record_next(offloaded, sizeof(offloaded), &record), 24);
	assert_int_equal(record.flags, MQTT_PORT_RECORD_OFFLOADED);
	assert_int_equal(record.nr_peers, 1);
	assert_int_equal(record.peers[0], 9);
	assert_int_equal(record.packet_len, 0);
}

/* The publisher is no receiver. */
static void test_source(void **state)
{
	struct port_record record;
	uint8_t bytes[sizeof(sound)];

	(void)state;
	memcpy(bytes, sound, sizeof(sound));
	bytes[13] = MQTT_PORT_RECORD_SOURCE | MQTT_PORT_RECORD_RETAIN;
	assert_int_equal(port_record_next(bytes, sizeof(bytes), &record), 32);
	assert_int_equal(record.source, 7);
	assert_int_equal(record.nr_peers, 1);
	assert_int_equal(record.peers[0], 0x201);
	assert_memory_equal(record.packet, "\x30\x04\x00\x01" "ax", 6);
	assert_int_equal(record.flags & MQTT_PORT_RECORD_RETAIN, MQTT_PORT_RECORD_RETAIN);
	assert_int_equal(port_record_next(sound, sizeof(sound), &record), 32);
	assert_int_equal(record.source, 0);
	/* there is none */
	bytes[8] = 0;
	assert_int_equal(port_record_next(bytes, sizeof(bytes), &record), -EBADMSG);
}

static void test_truncated(void **state)
{
	struct port_record record;
	size_t len;

	(void)state;
	for (len = 1; len < sizeof(sound); len++)
		assert_int_equal(next(sound, len, &record), -EBADMSG);
	assert_int_equal(port_record_next(sound, 0, &record), -EBADMSG);
}

/* Each with one number that cannot be. */
static void test_broken(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} cases[] = {
		{ 0, 0 }, { 0, 8 }, { 0, 24 }, { 0, 31 }, { 0, 33 }, { 0, 40 }, { 0, UINT32_MAX },
		{ 4, 0 }, { 4, 9 }, { 4, UINT32_MAX },
		{ 8, 4 }, { 8, 0x40000002 }, { 8, UINT32_MAX },
		{ 12, 4 | 1 << 8 },	/* a flag that stands alone, with a packet */
	};
	struct port_record record;
	uint8_t bytes[64] = {};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(bytes, sound, sizeof(sound));
		memcpy(bytes + cases[i].at, &cases[i].value, sizeof(cases[i].value));
		if (next(bytes, sizeof(sound), &record) != -EBADMSG)
			fail_msg("%u at %zu was taken", cases[i].value, cases[i].at);
	}
}

static void test_append(void **state)
{
	static const uint8_t packet[] = { 0x30, 4, 0, 1, 'a', 'x' };
	struct buffer buf = {};
	uint8_t *large = malloc(100000);

	(void)state;
	memset(large, 'y', 100000);
	assert_int_equal(port_record_append(&buf, 5, 0x201, packet, sizeof(packet)), 0);
	assert_int_equal(buf.len, 32);
	assert_memory_equal(buffer_head(&buf), "\x20\0\0\0\x06\0\0\0\x01\0\0\0\x05\0\0\0"
			    "\x01\x02\0\0\x30\x04\0\x01" "ax\0\0\0\0\0\0", 32);
	buf.len = 0;
	/* Of nobody; and MQTT 3.1 frames as 3.1.1 does. */
	assert_int_equal(port_record_append(&buf, 3, 0, packet, sizeof(packet)), 0);
	assert_int_equal(buf.len, 24);
	assert_memory_equal(buffer_head(&buf), "\x18\0\0\0\x06\0\0\0\0\0\0\0\x04\0\0\0"
			    "\x30\x04\0\x01" "ax\0\0", 24);
	assert_int_equal(port_record_append(&buf, 4, 1, large, 100000), 0);
	assert_int_equal(buf.len, 24 + 16 + 4 + 100000 + 4);
	assert_int_equal(buf.len % 8, 0);
	buffer_free(&buf);
	free(large);
}

/* What is written is what would be read, whatever the length. */
static void test_round_trip(void **state)
{
	struct port_record record;
	struct buffer buf = {};
	uint8_t packet[64];
	size_t len;

	(void)state;
	memset(packet, 'z', sizeof(packet));
	for (len = 1; len <= sizeof(packet); len++) {
		buf.len = 0;
		assert_int_equal(port_record_append(&buf, 4, len & 1 ? 77 : 0, packet, len), 0);
		assert_int_equal(port_record_next(buffer_head(&buf), buf.len, &record), buf.len);
		assert_int_equal(record.nr_peers, len & 1);
		assert_int_equal(record.packet_len, len);
		assert_memory_equal(record.packet, packet, len);
	}
	buffer_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
