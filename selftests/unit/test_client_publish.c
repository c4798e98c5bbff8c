// SPDX-License-Identifier: MIT
/* Packets for one client: what is put into its queue. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/mqtt.h>
#include <cmocka.h>

#include "broker.h"
#include "client.h"
#include "delivery.h"
#include "listener.h"
#include "message.h"
#include "session.h"
#include "worker.h"

#define LONG 3000
#define PACKET(literal) literal, sizeof(literal) - 1

static struct config conf;
static struct listener_config listener;
static struct endpoint endpoint;
static struct broker broker;
static struct worker worker;
static struct client client;
static struct session session;

static int setup(void **state)
{
	(void)state;
	conf = (struct config){ .output_bytes = 100000 };
	listener = (struct listener_config){ .max_qos = 2 };
	endpoint = (struct endpoint){ .conf = &listener };
	broker = (struct broker){ .conf = &conf, .workers = &worker, .n_workers = 1 };
	worker = (struct worker){ .broker = &broker };
	client = (struct client){
		.worker = &worker,
		.endpoint = &endpoint,
		.id = "id",
		.protocol = MQTT_PROTOCOL_V5,
		.state = CLIENT_CONNECTED,
		.session = &session,
		.blocked = true,
	};
	session = (struct session){ .broker = &broker };
	pthread_mutex_init(&session.lock, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	outq_clear(&client.out);
	alias_out_clear(&client.aliases_out);
	return 0;
}

static struct stored *message(const char *topic, const char *payload, size_t len)
{
	struct stored from = {
		.topic = (const u8 *)topic,
		.topic_len = strlen(topic),
		.payload = (const u8 *)payload,
		.payload_len = len,
		.client_id = "",
		.qos = 2,
	};
	struct stored *msg = stored_new(&from, NULL);

	assert_non_null(msg);
	return msg;
}

/* Takes all that is in the queue. */
static size_t take(u8 *buf, size_t size)
{
	struct iovec iov[16];
	int n = outq_iov(&client.out, iov, 16), i;
	size_t len = 0;

	for (i = 0; i < n; i++) {
		assert_true(len + iov[i].iov_len <= size);
		memcpy(buf + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	outq_clear(&client.out);
	return len;
}

static void assert_queued(const char *want, size_t len)
{
	u8 buf[8192];

	assert_int_equal(take(buf, sizeof(buf)), len);
	assert_memory_equal(buf, want, len);
}

static void publish(const char *topic, const struct delivery *delivery, u16 packet_id, bool dup)
{
	struct stored *msg = message(topic, "x", 1);

	assert_int_equal(client_publish(&client, msg, delivery, packet_id, dup), 0);
	stored_put(msg);
}

static void test_flags(void **state)
{
	static const u32 ids[] = { 1, 200 };

	(void)state;
	publish("t", &(struct delivery){ .qos = 1 }, 0x102, false);
	assert_queued(PACKET("\x32\7\0\1t\1\2\0x"));
	publish("t", &(struct delivery){ .qos = 2, .retain = true }, 1, true);
	assert_queued(PACKET("\x3d\7\0\1t\0\1\0x"));
	publish("t", &(struct delivery){ .ids = ids, .n_ids = 2 }, 0, false);
	assert_queued(PACKET("\x30\x0a\0\1t\5\x0b\1\x0b\xc8\1x"));
	client.protocol = MQTT_PROTOCOL_V311;
	publish("t", &(struct delivery){ .qos = 1, .ids = ids, .n_ids = 2 }, 7, false);
	assert_queued(PACKET("\x32\6\0\1t\0\7x"));
}

static void test_mount_point(void **state)
{
	struct stored *msg = message("other/t", "x", 1);

	(void)state;
	listener.mount_point = "mp/";
	publish("mp/t", &(struct delivery){}, 0, false);
	assert_queued(PACKET("\x30\5\0\1t\0x"));
	assert_int_equal(client_publish(&client, msg, &(struct delivery){}, 0, false), -EACCES);
	stored_put(msg);
	msg = message("mp/", "x", 1);
	assert_int_equal(client_publish(&client, msg, &(struct delivery){}, 0, false), -EACCES);
	stored_put(msg);
	assert_true(outq_empty(&client.out));
}

/* The first time in full, then with an alias, then by it */
static void test_alias(void **state)
{
	(void)state;
	client.aliases_out.max = 1;
	publish("topic", &(struct delivery){}, 0, false);
	assert_queued(PACKET("\x30\x9\0\5topic\0x"));
	publish("topic", &(struct delivery){}, 0, false);
	assert_queued(PACKET("\x30\x0c\0\5topic\3\x23\0\1x"));
	publish("topic", &(struct delivery){ .qos = 1 }, 3, false);
	assert_queued(PACKET("\x32\x9\0\0\0\3\3\x23\0\1x"));
	/* another one in its place */
	publish("TOPIC", &(struct delivery){}, 0, false);
	assert_queued(PACKET("\x30\x9\0\5TOPIC\0x"));
	publish("topic", &(struct delivery){}, 0, false);
	assert_queued(PACKET("\x30\7\0\0\3\x23\0\1x"));
	publish("TOPIC", &(struct delivery){}, 0, false);
	assert_queued(PACKET("\x30\x9\0\5TOPIC\0x"));
	publish("TOPIC", &(struct delivery){}, 0, false);
	assert_queued(PACKET("\x30\x0c\0\5TOPIC\3\x23\0\1x"));
	publish("TOPIC", &(struct delivery){}, 0, false);
	assert_queued(PACKET("\x30\7\0\0\3\x23\0\1x"));
	/* not worth it */
	publish("abcd", &(struct delivery){}, 0, false);
	publish("abcd", &(struct delivery){}, 0, false);
	assert_queued(PACKET("\x30\x8\0\4abcd\0x\x30\x8\0\4abcd\0x"));
}

static void test_refused(void **state)
{
	struct stored *msg = message("t", "0123456789", 10);

	(void)state;
	client.terms.max_packet = 15;
	assert_int_equal(client_publish(&client, msg, &(struct delivery){}, 0, false), -EMSGSIZE);
	assert_int_equal(worker.stats.value[STAT_PUBLISH_TOO_LONG], 1);
	client.terms.max_packet = 16;
	assert_int_equal(client_publish(&client, msg, &(struct delivery){}, 0, false), 0);
	msg->expires = stored_now() - 1;
	assert_int_equal(client_publish(&client, msg, &(struct delivery){}, 0, false), -ETIME);
	msg->expires = stored_now() + 3500;
	assert_queued(PACKET("\x30\x0e\0\1t\0" "0123456789"));
	client.terms.max_packet = 0;
	assert_int_equal(client_publish(&client, msg, &(struct delivery){}, 0, false), 0);
	assert_queued(PACKET("\x30\x13\0\1t\5\2\0\0\0\4" "0123456789"));
	stored_put(msg);
}

/* Long payloads and properties are shared, whatever the packet. */
static void test_shared(void **state)
{
	static u8 bytes[LONG];
	struct stored from = {
		.topic = (const u8 *)"t",
		.topic_len = 1,
		.payload = bytes,
		.payload_len = LONG,
		.client_id = "",
	};
	struct stored *msg;
	u8 buf[8192];

	(void)state;
	memset(bytes, 'p', sizeof(bytes));
	msg = stored_new(&from, NULL);
	assert_int_equal(client_publish(&client, msg, &(struct delivery){ .qos = 1 }, 1, false), 0);
	assert_int_equal(msg->blob->refs, 2);
	assert_int_equal(take(buf, sizeof(buf)), 3 + 3 + 2 + 1 + LONG);
	assert_memory_equal(buf, "\x32\xbe\x17\0\1t\0\1\0ppp", 12);
	assert_int_equal(msg->blob->refs, 1);
	stored_put(msg);

	/* a user property, and a short payload behind it */
	memcpy(bytes, "\x26\0\1k\x0b\xb2", 6);
	from.properties = bytes;
	from.properties_len = LONG;
	from.payload = (const u8 *)"short";
	from.payload_len = 5;
	msg = stored_new(&from, NULL);
	assert_int_equal(client_publish(&client, msg, &(struct delivery){}, 0, false), 0);
	assert_int_equal(msg->properties_blob->refs, 2);
	assert_int_equal(take(buf, sizeof(buf)), 3 + 3 + 2 + LONG + 5);
	assert_memory_equal(buf, "\x30\xc2\x17\0\1t\xb8\x17\x26\0\1k\x0b\xb2pp", 16);
	assert_memory_equal(buf + 8 + LONG, "short", 5);
	client.protocol = MQTT_PROTOCOL_V31;
	assert_int_equal(client_publish(&client, msg, &(struct delivery){}, 0, false), 0);
	assert_queued(PACKET("\x30\x8\0\1tshort"));
	stored_put(msg);
}

/* At QoS 0, in either framing, by either way */
static void test_deliver(void **state)
{
	static const char v3[] = "\x30\4\0\1tx", v5[] = "\x30\5\0\1t\0x";
	struct delivery rap = { .retain = true }, plain = {};
	struct message msg;

	(void)state;
	message_init(&msg, MQTT_PROTOCOL_V5, (const u8 *)v5, sizeof(v5) - 1, NULL);
	client_deliver(&client, &msg, &plain);
	assert_queued(PACKET("\x30\5\0\1t\0x"));
	client_deliver(&client, &msg, &rap);
	assert_queued(PACKET("\x31\5\0\1t\0x"));
	client.protocol = MQTT_PROTOCOL_V311;
	client_deliver(&client, &msg, &plain);
	client_deliver(&client, &msg, &rap);
	assert_queued(PACKET("\x30\4\0\1tx\x31\4\0\1tx"));
	message_done(&msg);

	message_init(&msg, MQTT_PROTOCOL_V311, (const u8 *)v3, sizeof(v3) - 1, NULL);
	client_deliver(&client, &msg, &plain);
	client.protocol = MQTT_PROTOCOL_V5;
	client_deliver(&client, &msg, &plain);
	client_deliver(&client, &msg, &rap);
	assert_queued(PACKET("\x30\4\0\1tx\x30\5\0\1t\0x\x31\5\0\1t\0x"));
	message_done(&msg);
	assert_int_equal(worker.stats.value[STAT_PUBLISH_SENT], 7);
}

/* What waits is bounded, whatever the packets are. */
static void test_full(void **state)
{
	static const char packet[] = "\x30\4\0\1tx";
	struct delivery rap = { .retain = true }, plain = {};
	struct message msg;
	int i;

	(void)state;
	conf.output_bytes = 5000;
	client.protocol = MQTT_PROTOCOL_V311;
	message_init(&msg, MQTT_PROTOCOL_V311, (const u8 *)packet, sizeof(packet) - 1, NULL);
	for (i = 0; i < 2000; i++) {
		client_deliver(&client, &msg, &plain);
		client_deliver(&client, &msg, &rap);
	}
	message_done(&msg);
	assert_true(client.out.bytes >= 5000 && client.out.bytes < 7000);
	assert_int_equal(worker.stats.value[STAT_PUBLISH_SENT] * 6, client.out.bytes);
	assert_int_equal(worker.stats.value[STAT_PUBLISH_DROPPED] +
			 worker.stats.value[STAT_PUBLISH_SENT], 4000);
	assert_int_equal(session.history.not_reading, worker.stats.value[STAT_PUBLISH_DROPPED]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flags, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mount_point, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alias, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deliver, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
