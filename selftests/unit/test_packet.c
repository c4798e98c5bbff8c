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

#include "packet.h"

#define BYTES(literal) literal, sizeof(literal) - 1
#define NAME "\0\4MQTT\4"
#define NAME5 "\0\4MQTT\5"
#define OLD "\0\6MQIsdp\3"

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
	/* MQTT 3.1: what the flags promise may be missing */
	{ BYTES(OLD "\2\0\74\0\1a"), 0 },
	{ BYTES(OLD "\302\0\0\0\1a\0\1u\0\1p"), 0 },
	{ BYTES(OLD "\302\0\0\0\1a\0\1u"), 0 },
	{ BYTES(OLD "\302\0\0\0\1a"), 0 },
	{ BYTES(OLD "\302\0\0\0\1a\0"), -EBADMSG },
	{ BYTES(OLD "\102\0\0\0\1a\0\1p"), -EBADMSG },
	/* MQTT 5.0 */
	{ BYTES(NAME5 "\2\0\0\0\0\0"), 0 },
	{ BYTES(NAME5 "\2\0\0\5\21\0\0\0\1\0\1a"), 0 },
	{ BYTES(NAME5 "\102\0\0\0\0\1a\0\1p"), 0 },
	{ BYTES(NAME5 "\6\0\0\0\0\1a\0\0\1t\0\0"), 0 },
	{ BYTES(NAME5 "\6\0\0\0\0\1a\5\30\0\0\0\1\0\1t\0\1x"), 0 },
	{ BYTES(NAME5 "\2\0\0"), -EBADMSG },
	{ BYTES(NAME5 "\2\0\0\0"), -EBADMSG },
	{ BYTES(NAME5 "\2\0\0\5\21\0\0\0"), -EBADMSG },
	{ BYTES(NAME5 "\2\0\0\200\0\0\0"), -EBADMSG },
	{ BYTES(NAME5 "\2\0\0\2\1\0\0\0"), -EBADMSG },
	{ BYTES(NAME5 "\2\0\0\5\30\0\0\0\1\0\0"), -EBADMSG },
	{ BYTES(NAME5 "\2\0\0\3\41\0\0\0\0"), -EPROTO },
	{ BYTES(NAME5 "\2\0\0\6\41\0\1\41\0\1\0\0"), -EPROTO },
	{ BYTES(NAME5 "\2\0\0\2\27\2\0\0"), -EPROTO },
	{ BYTES(NAME5 "\2\0\0\3\26\0\0\0\0"), -EPROTO },
	{ BYTES(NAME5 "\6\0\0\0\0\1a\0\1t\0\0"), -EBADMSG },
	{ BYTES(NAME5 "\6\0\0\0\0\1a\5\21\0\0\0\1\0\1t\0\1x"), -EBADMSG },
	/* other versions of the protocol; what follows is not looked at */
	{ BYTES("\0\4MQTT\3"), -EPROTONOSUPPORT },
	{ BYTES("\0\4MQTT\204\2\0\0\0\1a"), -EPROTONOSUPPORT },
	{ BYTES("\0\4MQTT\6"), -EPROTONOSUPPORT },
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
		assert_int_equal(!!why, !!ret);
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
	assert_int_equal(connect.protocol, 4);
	assert_int_equal(connect.keepalive, 0x102);
	assert_false(connect.clean);
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

/* How to answer a version that is not known */
static void test_versions(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		u8 protocol;
	} versions[] = {
		{ BYTES("\0\4MQTT\3"), 0 }, { BYTES("\0\4MQTT\6"), 5 },
		{ BYTES("\0\4MQTT\177"), 5 }, { BYTES("\0\4MQTT\204"), 0 },
		{ BYTES("\0\6MQIsdp\2"), 0 }, { BYTES("\0\6MQIsdp\5"), 0 },
	};
	struct packet_connect connect;
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		assert_int_equal(packet_connect_parse((const u8 *)versions[i].bytes,
						      versions[i].len, &connect, &why),
				 -EPROTONOSUPPORT);
		assert_int_equal(connect.protocol, versions[i].protocol);
	}
}

#define SUBSCRIBE 0x82
#define UNSUBSCRIBE 0xa2

/* Bodies of SUBSCRIBE and UNSUBSCRIBE, and how many filters they have */
static const struct {
	const char *bytes;
	size_t len;
	u8 byte1;
	u8 protocol;
	long result;
} filter_lists[] = {
	{ BYTES("\0\1\0\1a\0"), SUBSCRIBE, 4, 1 },
	{ BYTES("\377\377\0\1a\2\0\3+/#\1"), SUBSCRIBE, 3, 2 },
	{ BYTES("\0\1\0\1a"), UNSUBSCRIBE, 4, 1 },
	{ BYTES("\0\1\0\1a\0\1a\0\1#"), UNSUBSCRIBE, 3, 3 },
	{ BYTES(""), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0"), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1"), SUBSCRIBE, 4, -EPROTO },
	{ BYTES("\0\1"), UNSUBSCRIBE, 4, -EPROTO },
	{ BYTES("\0\0\0\1a\0"), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0"), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0\1"), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0\1a"), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0\1a\3"), SUBSCRIBE, 4, -EPROTO },
	{ BYTES("\0\1\0\1a\4"), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0\1a\4"), SUBSCRIBE, 3, -EBADMSG },
	{ BYTES("\0\1\0\1a\200"), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0\1a\0\0\1"), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0\0\0"), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0\2a+\0"), SUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0\3#/a"), UNSUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0\1\377"), UNSUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\0\2a\0"), UNSUBSCRIBE, 4, -EBADMSG },
	{ BYTES("\0\1\377\377a"), UNSUBSCRIBE, 4, -EBADMSG },
	/* MQTT 5.0 */
	{ BYTES("\0\1\0\0\1a\0"), SUBSCRIBE, 5, 1 },
	{ BYTES("\0\1\2\13\5\0\1a\56\0\1b\4"), SUBSCRIBE, 5, 2 },
	{ BYTES("\0\1\7\46\0\1k\0\1v\0\1a"), UNSUBSCRIBE, 5, 1 },
	{ BYTES("\0\1\0"), SUBSCRIBE, 5, -EPROTO },
	{ BYTES("\0\1"), SUBSCRIBE, 5, -EBADMSG },
	{ BYTES("\0\1\0\0\1a"), SUBSCRIBE, 5, -EBADMSG },
	{ BYTES("\0\1\0\0\1a\3"), SUBSCRIBE, 5, -EPROTO },
	{ BYTES("\0\1\0\0\1a\60"), SUBSCRIBE, 5, -EPROTO },
	{ BYTES("\0\1\0\0\1a\100"), SUBSCRIBE, 5, -EBADMSG },
	{ BYTES("\0\1\0\0\1a\200"), SUBSCRIBE, 5, -EBADMSG },
	{ BYTES("\0\1\0\0\12$share/g/a\4"), SUBSCRIBE, 5, -EPROTO },
	{ BYTES("\0\1\0\0\12$share/g/a\0"), SUBSCRIBE, 5, 1 },
	{ BYTES("\0\1\2\13\0\0\1a\0"), SUBSCRIBE, 5, -EPROTO },
	{ BYTES("\0\1\4\13\1\13\1\0\1a\0"), SUBSCRIBE, 5, -EPROTO },
	{ BYTES("\0\1\2\13\1\0\1a"), UNSUBSCRIBE, 5, -EBADMSG },
	{ BYTES("\0\1\5\21\0\0\0\0\0\1a\0"), SUBSCRIBE, 5, -EBADMSG },
};

static void test_filter_lists(void **state)
{
	struct packet_filters list;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(filter_lists) / sizeof(filter_lists[0]); i++) {
		u8 *body = exact(filter_lists[i].bytes, filter_lists[i].len);
		struct packet packet = {
			.body = body, .remaining = filter_lists[i].len,
			.byte1 = filter_lists[i].byte1,
		};
		const char *why = NULL;
		long n;

		n = packet_filters_parse(&packet, filter_lists[i].protocol, &list, &why);
		assert_int_equal(!!why, n < 0);
		if (!n)
			n = list.n;
		if (n != filter_lists[i].result)
			fail_msg("line %zu: %ld, not %ld", i, n, filter_lists[i].result);
		free(body);
	}
}

static void next_filter(struct packet_filters *list, const char *name, u8 options)
{
	struct packet_filter filter;

	assert_true(packet_filter_next(list, &filter));
	assert_string(filter.name, name, strlen(name));
	assert_int_equal(filter.options, options);
}

static void test_filter_walk(void **state)
{
	u8 subscribe[] = { 0x12, 0x34, 0, 3, 'a', '/', 'b', 1, 0, 1, '#', 0 };
	u8 unsubscribe[] = { 0, 1, 0, 0, 1, 'x', 0, 2, 'y', 'z' };
	struct packet packet = {
		.body = subscribe, .remaining = sizeof(subscribe), .byte1 = SUBSCRIBE,
	};
	struct packet_filter filter;
	struct packet_filters list;
	const char *why;

	(void)state;
	assert_int_equal(packet_filters_parse(&packet, 4, &list, &why), 0);
	assert_int_equal(list.packet_id, 0x1234);
	next_filter(&list, "a/b", 1);
	next_filter(&list, "#", 0);
	assert_false(packet_filter_next(&list, &filter));

	packet = (struct packet){
		.body = unsubscribe, .remaining = sizeof(unsubscribe), .byte1 = UNSUBSCRIBE,
	};
	assert_int_equal(packet_filters_parse(&packet, 5, &list, &why), 0);
	next_filter(&list, "x", 0);
	next_filter(&list, "yz", 0);
	assert_false(packet_filter_next(&list, &filter));
}

/* Bodies of DISCONNECT, and the reason code in them */
static const struct {
	const char *bytes;
	size_t len;
	u8 protocol;
	int result;
	u8 reason;
} disconnects[] = {
	{ BYTES(""), 3, 0, 0 },
	{ BYTES(""), 4, 0, 0 },
	{ BYTES("\0"), 4, -EBADMSG, 0 },
	{ BYTES(""), 5, 0, 0 },
	{ BYTES("\0"), 5, 0, 0 },
	{ BYTES("\4"), 5, 0, 4 },
	{ BYTES("\4\0"), 5, 0, 4 },
	{ BYTES("\0\5\21\0\0\0\1"), 5, 0, 0 },
	{ BYTES("\231\5\37\0\2hm"), 5, 0, 0x99 },
	{ BYTES("\216"), 5, -EPROTO, 0 },
	{ BYTES("\1"), 5, -EPROTO, 0 },
	{ BYTES("\0\0\0"), 5, -EBADMSG, 0 },
	{ BYTES("\0\1"), 5, -EBADMSG, 0 },
	{ BYTES("\0\5\30\0\0\0\1"), 5, -EBADMSG, 0 },
	{ BYTES("\0\12\37\0\2hm\37\0\2hm"), 5, -EPROTO, 0 },
};

static void test_disconnects(void **state)
{
	struct packet_disconnect disconnect;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(disconnects) / sizeof(disconnects[0]); i++) {
		u8 *body = exact(disconnects[i].bytes, disconnects[i].len);
		struct packet packet = {
			.body = body, .remaining = disconnects[i].len, .byte1 = 0xe0,
		};
		const char *why = NULL;
		int ret;

		ret = packet_disconnect_parse(&packet, disconnects[i].protocol, &disconnect, &why);
		if (ret != disconnects[i].result)
			fail_msg("line %zu: %d, not %d", i, ret, disconnects[i].result);
		assert_int_equal(!!why, !!ret);
		if (!ret)
			assert_int_equal(disconnect.reason, disconnects[i].reason);
		free(body);
	}
}

static void test_writing(void **state)
{
	struct mqtt_property_writer props = { .buf = (u8 *)"\44\0", .len = 2 };
	char text[200] = "";
	u8 buf[256];

	(void)state;
	assert_int_equal(packet_connack_write(buf, false, 5, NULL), 4);
	assert_memory_equal(buf, "\x20\2\0\5", 4);
	assert_int_equal(packet_connack_write(buf, true, 0, &props), 7);
	assert_memory_equal(buf, "\x20\5\1\0\2\44\0", 7);
	assert_int_equal(packet_ack_write(buf, 4, MQTT_PKT_SUBACK, 0x102, 3), 4);
	assert_memory_equal(buf, "\x90\5\1\2", 4);
	assert_int_equal(packet_ack_write(buf, 3, MQTT_PKT_SUBACK, 1, 126), 5);
	assert_memory_equal(buf, "\x90\x80\1\0\1", 5);
	assert_int_equal(packet_ack_write(buf, 5, MQTT_PKT_SUBACK, 1, 2), 5);
	assert_memory_equal(buf, "\x90\5\0\1\0", 5);
	assert_int_equal(packet_ack_write(buf, 4, MQTT_PKT_UNSUBACK, 7, 0), 4);
	assert_memory_equal(buf, "\xb0\2\0\7", 4);

	assert_int_equal(packet_disconnect_write(buf, 0x8e, NULL), 3);
	assert_memory_equal(buf, "\xe0\1\x8e", 3);
	assert_int_equal(packet_disconnect_write(buf, 0x82, "no"), 9);
	assert_memory_equal(buf, "\xe0\7\x82\5\37\0\2no", 9);
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(packet_disconnect_write(buf, 0x82, text), PACKET_DISCONNECT_MAX);
	assert_memory_equal(buf, "\xe0\177\x82\175\37\0\172xx", 9);
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
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_filter_lists),
		cmocka_unit_test(test_filter_walk),
		cmocka_unit_test(test_disconnects),
		cmocka_unit_test(test_writing),
		cmocka_unit_test(test_reheader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
