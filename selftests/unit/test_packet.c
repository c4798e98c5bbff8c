// SPDX-License-Identifier: MIT
/* Control packets of the daemon: decoding tables with bytes written by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../userspace/mqttd/packet.c"

#define BYTES(literal) literal, sizeof(literal) - 1
#define NAME "\0\4MQTT\4"

/* A copy that ends where its memory ends: ASan sees who reads too far. */
static u8 *exact(const char *bytes, size_t len)
{
	u8 *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	return memcpy(copy, bytes, len);
}

/* Bodies of CONNECT */
static const struct {
	const char *bytes;
	size_t len;
	int result;
} connects[] = {
	{ BYTES(NAME "\2\0\0\0\0"), 0 },
	{ BYTES(NAME "\2\0\74\0\3abc"), 0 },
	{ BYTES(NAME "\0\0\0\0\1a"), 0 },
	{ BYTES(NAME "\6\0\0\0\1a\0\1t\0\0"), 0 },
	{ BYTES(NAME "\66\0\0\0\1a\0\3t/u\0\2\0\377"), 0 },
	{ BYTES(NAME "\202\0\0\0\1a\0\1u"), 0 },
	{ BYTES(NAME "\302\0\0\0\1a\0\1u\0\2\0\377"), 0 },
	/* other versions of the protocol; what follows is not looked at */
	{ BYTES("\0\4MQTT\3"), -EPROTONOSUPPORT },
	{ BYTES("\0\4MQTT\5\2\0\0\0\0\1a"), -EPROTONOSUPPORT },
	{ BYTES("\0\4MQTT\204\2\0\0\0\1a"), -EPROTONOSUPPORT },
	{ BYTES("\0\6MQIsdp\3\2\0\0\0\1a"), -EPROTONOSUPPORT },
	{ BYTES("\0\6MQIsdp\4\2\0\0\0\1a"), -EPROTONOSUPPORT },
	/* protocol name */
	{ BYTES(""), -EBADMSG },
	{ BYTES("\0"), -EBADMSG },
	{ BYTES("\0\4MQT"), -EBADMSG },
	{ BYTES("\0\4MQTT"), -EBADMSG },
	{ BYTES("\0\4mqtt\4\2\0\0\0\1a"), -EBADMSG },
	{ BYTES("\0\5MQTT\0\4\2\0\0\0\1a"), -EBADMSG },
	{ BYTES("\0\0\4\2\0\0\0\1a"), -EBADMSG },
	/* flags */
	{ BYTES(NAME "\3\0\0\0\1a"), -EBADMSG },
	{ BYTES(NAME "\12\0\0\0\1a"), -EBADMSG },
	{ BYTES(NAME "\42\0\0\0\1a"), -EBADMSG },
	{ BYTES(NAME "\36\0\0\0\1a\0\1t\0\0"), -EBADMSG },
	{ BYTES(NAME "\102\0\0\0\1a\0\1p"), -EBADMSG },
	/* lengths */
	{ BYTES(NAME), -EBADMSG },
	{ BYTES(NAME "\2"), -EBADMSG },
	{ BYTES(NAME "\2\0"), -EBADMSG },
	{ BYTES(NAME "\2\0\0"), -EBADMSG },
	{ BYTES(NAME "\2\0\0\0"), -EBADMSG },
	{ BYTES(NAME "\2\0\0\0\1"), -EBADMSG },
	{ BYTES(NAME "\2\0\0\0\1ab"), -EBADMSG },
	{ BYTES(NAME "\2\0\0\377\377abc"), -EBADMSG },
	{ BYTES(NAME "\6\0\0\0\1a\0\1t"), -EBADMSG },
	{ BYTES(NAME "\6\0\0\0\1a\0\1t\0\1"), -EBADMSG },
	{ BYTES(NAME "\302\0\0\0\1a\0\1u"), -EBADMSG },
	{ BYTES(NAME "\202\0\0\0\1a\0\1u\0\1p"), -EBADMSG },
	/* strings */
	{ BYTES(NAME "\2\0\0\0\1\377"), -EBADMSG },
	{ BYTES(NAME "\2\0\0\0\2a\0"), -EBADMSG },
	{ BYTES(NAME "\2\0\0\0\3\355\240\200"), -EBADMSG },
	{ BYTES(NAME "\6\0\0\0\1a\0\0\0\0"), -EBADMSG },
	{ BYTES(NAME "\6\0\0\0\1a\0\1#\0\0"), -EBADMSG },
	{ BYTES(NAME "\6\0\0\0\1a\0\1\377\0\0"), -EBADMSG },
	{ BYTES(NAME "\202\0\0\0\1a\0\1\377"), -EBADMSG },
};

static void test_connects(void **state)
{
	struct packet_connect connect;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(connects) / sizeof(connects[0]); i++) {
		u8 *body = exact(connects[i].bytes, connects[i].len);
		const char *why = NULL;
		int ret = packet_connect_parse(body, connects[i].len, &connect, &why);

		if (ret != connects[i].result)
			fail_msg("line %zu: %d, not %d", i, ret, connects[i].result);
		assert_int_equal(!!why, ret == -EBADMSG);
		free(body);
	}
}

static void assert_string(struct packet_string s, const char *want, size_t len)
{
	assert_int_equal(s.len, len);
	if (len)
		assert_memory_equal(s.data, want, len);
}

static void test_connect_members(void **state)
{
	static const char bytes[] = NAME "\364\1\2\0\2id\0\3w/t\0\2\0\1\0\4user\0\3p\0s";
	u8 *body = exact(bytes, sizeof(bytes) - 1);
	struct packet_connect connect;
	const char *why;

	(void)state;
	assert_int_equal(packet_connect_parse(body, sizeof(bytes) - 1, &connect, &why), 0);
	assert_int_equal(connect.level, 4);
	assert_int_equal(connect.keepalive, 0x102);
	assert_false(connect.clean_session);
	assert_true(connect.will && connect.will_retain);
	assert_int_equal(connect.will_qos, 2);
	assert_true(connect.has_username && connect.has_password);
	assert_string(connect.client_id, "id", 2);
	assert_string(connect.will_topic, "w/t", 3);
	assert_string(connect.will_message, "\0\1", 2);
	assert_string(connect.username, "user", 4);
	assert_string(connect.password, "p\0s", 3);
	free(body);
}

/* Bodies of SUBSCRIBE (options) and UNSUBSCRIBE, and how many filters they have */
static const struct {
	const char *bytes;
	size_t len;
	bool options;
	long result;
} filter_lists[] = {
	{ BYTES("\0\1\0\1a\0"), true, 1 },
	{ BYTES("\377\377\0\1a\2\0\3+/#\1"), true, 2 },
	{ BYTES("\0\1\0\1a"), false, 1 },
	{ BYTES("\0\1\0\1a\0\1a\0\1#"), false, 3 },
	{ BYTES(""), true, -EBADMSG },
	{ BYTES("\0"), true, -EBADMSG },
	{ BYTES("\0\1"), true, -EBADMSG },
	{ BYTES("\0\1"), false, -EBADMSG },
	{ BYTES("\0\0\0\1a\0"), true, -EBADMSG },
	{ BYTES("\0\1\0"), true, -EBADMSG },
	{ BYTES("\0\1\0\1"), true, -EBADMSG },
	{ BYTES("\0\1\0\1a"), true, -EBADMSG },
	{ BYTES("\0\1\0\1a\3"), true, -EBADMSG },
	{ BYTES("\0\1\0\1a\4"), true, -EBADMSG },
	{ BYTES("\0\1\0\1a\200"), true, -EBADMSG },
	{ BYTES("\0\1\0\1a\0\0\1"), true, -EBADMSG },
	{ BYTES("\0\1\0\0\0"), true, -EBADMSG },
	{ BYTES("\0\1\0\2a+\0"), true, -EBADMSG },
	{ BYTES("\0\1\0\3#/a"), false, -EBADMSG },
	{ BYTES("\0\1\0\1\377"), false, -EBADMSG },
	{ BYTES("\0\1\0\2a\0"), false, -EBADMSG },
	{ BYTES("\0\1\377\377a"), false, -EBADMSG },
};

static void test_filter_lists(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(filter_lists) / sizeof(filter_lists[0]); i++) {
		u8 *body = exact(filter_lists[i].bytes, filter_lists[i].len);
		const char *why = NULL;
		u16 id;
		long n;

		n = packet_filters_check(body, filter_lists[i].len, filter_lists[i].options, &id,
					 &why);
		if (n != filter_lists[i].result)
			fail_msg("line %zu: %ld, not %ld", i, n, filter_lists[i].result);
		assert_int_equal(!!why, n < 0);
		free(body);
	}
}

static void test_filter_walk(void **state)
{
	static const u8 subscribe[] = { 0x12, 0x34, 0, 3, 'a', '/', 'b', 1, 0, 1, '#', 0 };
	static const u8 unsubscribe[] = { 0, 1, 0, 1, 'x', 0, 2, 'y', 'z' };
	const char *why;
	u32 pos = 0;
	u16 id;

	(void)state;
	assert_int_equal(packet_filters_check(subscribe, sizeof(subscribe), true, &id, &why), 2);
	assert_int_equal(id, 0x1234);
	assert_string(packet_filter_next(subscribe, true, &pos), "a/b", 3);
	assert_string(packet_filter_next(subscribe, true, &pos), "#", 1);
	assert_int_equal(pos, sizeof(subscribe));
	pos = 0;
	assert_string(packet_filter_next(unsubscribe, false, &pos), "x", 1);
	assert_string(packet_filter_next(unsubscribe, false, &pos), "yz", 2);
	assert_int_equal(pos, sizeof(unsubscribe));
}

static void test_writing(void **state)
{
	struct packet_string topic = { (const u8 *)"t/u", 3 };
	struct packet_string payload = { (const u8 *)"hi", 2 };
	static u8 large[65535];
	struct packet_string most = { large, sizeof(large) };
	u8 buf[32];
	u8 *big;

	(void)state;
	assert_int_equal(packet_connack_write(buf, false, CONNACK_NOT_AUTHORIZED), 4);
	assert_memory_equal(buf, "\x20\2\0\5", 4);
	assert_int_equal(packet_ack_write(buf, MQTT_PKT_SUBACK, 0x102, 3), 4);
	assert_memory_equal(buf, "\x90\5\1\2", 4);
	assert_int_equal(packet_ack_write(buf, MQTT_PKT_SUBACK, 1, 126), 5);
	assert_memory_equal(buf, "\x90\x80\1\0\1", 5);
	assert_int_equal(packet_ack_write(buf, MQTT_PKT_UNSUBACK, 7, 0), 4);
	assert_memory_equal(buf, "\xb0\2\0\7", 4);

	assert_int_equal(packet_publish_write(NULL, topic, payload), 9);
	assert_int_equal(packet_publish_write(buf, topic, payload), 9);
	assert_memory_equal(buf, "\x30\7\0\3t/uhi", 9);

	assert_int_equal(packet_publish_write(NULL, most, most), 4 + 2 + 2 * 65535);
	big = malloc(4 + 2 + 2 * 65535);
	assert_non_null(big);
	packet_publish_write(big, most, most);
	assert_memory_equal(big, "\x30\x80\x80\x08\xff\xff", 6);
	free(big);
}

/* Longer than needed, retained, and DUP: all of that goes */
static void test_reheader(void **state)
{
	u8 packet[] = "\x3d\x85\x80\x80\x00\0\1tab";
	u8 *start = packet_reheader(packet + 5, 5, 0x30);

	(void)state;
	assert_ptr_equal(start, packet + 3);
	assert_memory_equal(start, "\x30\5\0\1tab", 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connects),
		cmocka_unit_test(test_connect_members),
		cmocka_unit_test(test_filter_lists),
		cmocka_unit_test(test_filter_walk),
		cmocka_unit_test(test_writing),
		cmocka_unit_test(test_reheader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
