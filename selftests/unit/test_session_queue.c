// SPDX-License-Identifier: MIT
/* Queues of sessions: windows, handshakes, retransmission, limits. */
#include "session_fixture.h"
#include "session_queue.h"

/* "s", 3.1.1, a session that stays */
#define CONNECT		"\x10\x0d\0\4MQTT\4\0\0\0\0\1s"
#define CONNACK		"\x20\2\0\0"
#define CONNACK_PRESENT	"\x20\2\1\0"
/* Receive Maximum 10000, Topic Alias Maximum 10 */
#define CONNACK5	"\x20\x09\0\0\6\x21\x27\x10\x22\0\x0a"
#define CONNACK5_PRESENT "\x20\x09\1\0\6\x21\x27\x10\x22\0\x0a"
/* Filter "#" at QoS 2 */
#define SUBSCRIBE	"\x82\6\0\1\0\1#\2"
#define SUBACK		"\x90\3\0\1\2"

static int subscriber(void)
{
	int fd = dial();

	say(fd, CONNECT);
	hear(fd, CONNACK);
	say(fd, SUBSCRIBE);
	hear(fd, SUBACK);
	return fd;
}

/* "s", 5.0, stays, with a Receive Maximum of one digit; 3.1.1's properties in SUBSCRIBE */
static int connect5(const char *receive_maximum)
{
	u8 packet[] = "\x10\x16\0\4MQTT\5\0\0\0\x08\x11\0\0\1\0\x21\0\0\0\1s";
	int fd = dial();

	packet[20] = *receive_maximum - '0';
	say_bytes(fd, packet, sizeof(packet) - 1);
	return fd;
}

/* The topic is "t", the payload one letter. */
static int publish(char payload, u8 qos)
{
	const struct stored from = {
		.topic = (const u8 *)"t", .topic_len = 1, .qos = qos,
		.payload = (const u8 *)&payload, .payload_len = 1, .client_id = "",
	};
	const struct delivery delivery = { .qos = qos };
	struct stored *msg = stored_new(&from, NULL);
	int err;

	rcu_read_lock();
	err = session_enqueue(&broker.workers[0], session_of("s"), msg, &delivery);
	rcu_read_unlock();
	stored_put(msg);
	run();
	return err;
}

static void test_qos1(void **state)
{
	int fd = subscriber();

	(void)state;
	publish('a', 1);
	hear(fd, "\x32\6\0\1t\0\1a");
	publish('b', 1);
	hear(fd, "\x32\6\0\1t\0\2b");
	say(fd, "\x40\2\0\1");
	say(fd, "\x40\2\0\1");		/* nothing of that name any more */
	say(fd, "\x40\2\0\2");
	hear(fd, "");
	assert_int_equal(broker.sessions.queued_messages, 0);
	assert_int_equal(broker.sessions.queued_bytes, 0);
	hang_up(fd);
}

static void test_qos2(void **state)
{
	int fd = subscriber();

	(void)state;
	publish('a', 2);
	hear(fd, "\x34\6\0\1t\0\1a");
	say(fd, "\x50\2\0\1");
	hear(fd, "\x62\2\0\1");
	say(fd, "\x50\2\0\1");
	hear(fd, "\x62\2\0\1");
	say(fd, "\x70\2\0\1");
	hear(fd, "");
	assert_int_equal(broker.sessions.queued_messages, 0);
	/* 3.x is not to wait for ever */
	say(fd, "\x50\2\0\7\x62\2\0\7\x70\2\0\7");
	hear(fd, "\x62\2\0\7\x70\2\0\7");
	hang_up(fd);
}

static void test_wrong_kind(void **state)
{
	static const char *const wrong[] = {
		"\x40\2\0\1", "\x70\2\0\1", "\x40\2\0\0",
	};
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < 3; i++) {
		fd = subscriber();
		publish('a', 2);
		hear(fd, "\x34\6\0\1t\0\1a");
		say_bytes(fd, wrong[i], 4);
		hear_end(fd);
		session_delete(&broker.sessions, "s");
		run();
	}
}

static void test_reasons(void **state)
{
	int fd = connect5("9");

	(void)state;
	hear(fd, CONNACK5);
	publish('a', 2);
	hear(fd, "\x34\7\0\1t\0\1\0a");
	say(fd, "\x50\3\0\1\x87");	/* the end of it */
	hear(fd, "");
	assert_int_equal(broker.sessions.queued_messages, 0);
	say(fd, "\x50\2\0\1");
	hear(fd, "\x62\3\0\1\x92");
	say(fd, "\x62\3\0\5\x92");
	hear(fd, "\x70\3\0\5\x92");
	publish('b', 1);
	hear(fd, "\x32\7\0\1t\0\2\0b");
	say(fd, "\x40\4\0\2\x87\0");
	assert_int_equal(broker.sessions.queued_messages, 0);
	say(fd, "\x40\3\0\1\x92");	/* not a reason of PUBACK's */
	hear(fd, "\xe0\x31\x82\x2f\x1f\0\x2c" "acknowledgement: not one of its reason codes");
	hear_end(fd);
}

static void test_window(void **state)
{
	int fd = connect5("2");

	(void)state;
	hear(fd, CONNACK5);
	publish('a', 1);
	publish('b', 2);
	publish('c', 1);
	publish('d', 1);
	hear(fd, "\x32\7\0\1t\0\1\0a\x34\7\0\1t\0\2\0b");
	say(fd, "\x50\2\0\2");		/* PUBREC is not the end */
	hear(fd, "\x62\2\0\2");
	say(fd, "\x40\2\0\1");
	hear(fd, "\x32\7\0\1t\0\3\0c");
	say(fd, "\x70\2\0\2");
	hear(fd, "\x32\7\0\1t\0\4\0d");
	hang_up(fd);
}

/* In order, with DUP if it was sent; a smaller window holds for what is sent again. */
static void test_reconnect(void **state)
{
	int fd = subscriber();

	(void)state;
	publish('a', 1);
	publish('b', 2);
	publish('c', 2);
	hear(fd, "\x32\6\0\1t\0\1a\x34\6\0\1t\0\2b\x34\6\0\1t\0\3c");
	say(fd, "\x50\2\0\2");
	hear(fd, "\x62\2\0\2");
	hang_up(fd);
	publish('d', 1);
	fd = dial();
	say(fd, CONNECT);
	hear(fd, CONNACK_PRESENT "\x62\2\0\2\x3a\6\0\1t\0\1a\x3c\6\0\1t\0\3c\x32\6\0\1t\0\4d");
	hang_up(fd);
	fd = connect5("1");
	hear(fd, CONNACK5_PRESENT "\x62\2\0\2");
	say(fd, "\x70\2\0\2");
	hear(fd, "\x3a\7\0\1t\0\1\0a");
	say(fd, "\x40\2\0\1");
	hear(fd, "\x3c\7\0\1t\0\3\0c");
	say(fd, "\x50\2\0\3\x70\2\0\3");
	hear(fd, "\x62\2\0\3\x3a\7\0\1t\0\4\0d");
	say(fd, "\x40\2\0\4");
	assert_int_equal(broker.sessions.queued_messages, 0);
	hang_up(fd);
}

/* [MQTT-4.6.0-4] */
static void test_release_order(void **state)
{
	int fd = subscriber();

	(void)state;
	publish('a', 2);
	publish('b', 2);
	publish('c', 2);
	hear(fd, "\x34\6\0\1t\0\1a\x34\6\0\1t\0\2b\x34\6\0\1t\0\3c");
	say(fd, "\x50\2\0\3\x50\2\0\1");
	hear(fd, "\x62\2\0\3\x62\2\0\1");
	hang_up(fd);
	fd = dial();
	say(fd, CONNECT);
	hear(fd, CONNACK_PRESENT "\x62\2\0\3\x62\2\0\1\x3c\6\0\1t\0\2b");
	hang_up(fd);
}

static void test_qos0_offline(void **state)
{
	int fd = subscriber();

	(void)state;
	hang_up(fd);
	publish('a', 0);
	publish('b', 1);
	publish('c', 0);
	fd = dial();
	say(fd, CONNECT);
	hear(fd, CONNACK_PRESENT "\x30\4\0\1ta\x32\6\0\1t\0\1b\x30\4\0\1tc");
	assert_int_equal(broker.sessions.queued_messages, 1);
	hang_up(fd);
}

static void test_limits(void **state)
{
	struct session *session;
	int fd = subscriber();

	(void)state;
	hang_up(fd);
	session = session_of("s");
	conf.max_queued_messages = 2;
	assert_int_equal(publish('a', 1), 0);
	assert_int_equal(publish('b', 1), 0);
	assert_int_equal(publish('c', 1), -ENOBUFS);
	assert_int_equal(session->drops[DROP_MESSAGES], 1);
	conf.max_queued_messages = 0;
	conf.max_queued_bytes = 5;
	assert_int_equal(publish('c', 1), -ENOBUFS);
	assert_int_equal(session->drops[DROP_BYTES], 1);
	conf.max_queued_bytes = 6;
	assert_int_equal(publish('c', 1), 0);
	conf.max_queued_bytes = 0;
	conf.max_queued_messages_total = 3;
	assert_int_equal(publish('d', 1), -ENOBUFS);
	conf.max_queued_messages_total = 0;
	conf.max_queued_bytes_total = 7;
	assert_int_equal(publish('d', 1), -ENOBUFS);
	assert_int_equal(session->drops[DROP_TOTAL], 2);
	conf.max_queued_bytes_total = 8;
	assert_int_equal(publish('d', 1), 0);
}

/* What is in flight does not count as waiting. */
static void test_inflight_limits(void **state)
{
	int fd;

	(void)state;
	conf.max_inflight_messages = 2;
	conf.max_queued_messages = 1;
	fd = subscriber();
	publish('a', 1);
	publish('b', 1);
	assert_int_equal(publish('c', 1), 0);
	assert_int_equal(publish('d', 1), -ENOBUFS);
	hear(fd, "\x32\6\0\1t\0\1a\x32\6\0\1t\0\2b");
	hang_up(fd);
	conf.max_inflight_messages = 0;
	conf.max_inflight_bytes = 5;
	conf.max_queued_messages = 0;
	fd = dial();
	say(fd, CONNECT);
	publish('e', 1);
	hear(fd, CONNACK_PRESENT "\x3a\6\0\1t\0\1a\x3a\6\0\1t\0\2b");
	say(fd, "\x40\2\0\1");
	hear(fd, "\x32\6\0\1t\0\3c");
	say(fd, "\x40\2\0\2");
	hear(fd, "\x32\6\0\1t\0\4e");
	hang_up(fd);
}

static void test_expired(void **state)
{
	const struct delivery delivery = { .qos = 1 };
	struct stored from = {
		.topic = (const u8 *)"t", .topic_len = 1, .qos = 1, .client_id = "", .expires = 1,
	};
	struct stored *msg = stored_new(&from, NULL);
	int fd = subscriber();

	(void)state;
	hang_up(fd);
	session_enqueue(&broker.workers[0], session_of("s"), msg, &delivery);
	stored_put(msg);
	publish('a', 1);
	fd = dial();
	say(fd, CONNECT);
	hear(fd, CONNACK_PRESENT "\x32\6\0\1t\0\1a");
	assert_int_equal(session_of("s")->drops[DROP_EXPIRED], 1);
	assert_int_equal(broker.sessions.queued_messages, 1);
	hang_up(fd);
}

/* They take no room from others. */
static void test_expired_room(void **state)
{
	const struct delivery delivery = { .qos = 1 };
	struct stored from = {
		.topic = (const u8 *)"t", .topic_len = 1, .qos = 1, .client_id = "", .expires = 1,
	};
	struct stored *msg = stored_new(&from, NULL);
	int fd = subscriber(), i;

	(void)state;
	hang_up(fd);
	conf.max_queued_messages = 3;
	publish('a', 1);
	for (i = 0; i < 2; i++)
		session_enqueue(&broker.workers[0], session_of("s"), msg, &delivery);
	stored_put(msg);
	assert_int_equal(publish('b', 1), 0);
	assert_int_equal(publish('c', 1), 0);
	assert_int_equal(publish('d', 1), -ENOBUFS);
	assert_int_equal(session_of("s")->drops[DROP_EXPIRED], 2);
	assert_int_equal(session_of("s")->drops[DROP_MESSAGES], 1);
}

/* Identifiers that are in use are left out when they come round. */
static void test_identifiers(void **state)
{
	u8 ack[] = "\x40\2\0\0", packet[8];
	int fd = subscriber(), i, id;

	(void)state;
	publish('x', 1);
	hear(fd, "\x32\6\0\1t\0\1x");
	publish('y', 2);
	hear(fd, "\x34\6\0\1t\0\2y");
	for (i = 0; i < 65536; i++) {
		publish('a', 1);
		assert_int_equal(recv(fd, packet, 8, 0), 8);
		id = packet[5] << 8 | packet[6];
		assert_int_equal(id, i < 65533 ? i + 3 : i - 65533 + 3);
		ack[2] = packet[5];
		ack[3] = packet[6];
		say_bytes(fd, ack, 4);
	}
	assert_int_equal(broker.sessions.queued_messages, 2);
	hang_up(fd);
}

/* Acknowledged from the last to the first */
static void test_many(void **state)
{
	const int n = 60000;
	u8 bytes[8], ack[] = "\x50\2\0\0";
	int fd, i;

	(void)state;
	conf.max_inflight_messages = 0;
	fd = subscriber();
	for (i = 1; i <= n; i++) {
		publish('a', 2);
		assert_int_equal(recv(fd, bytes, 8, 0), 8);
		assert_int_equal(bytes[5] << 8 | bytes[6], i);
	}
	for (i = n; i; i--) {
		ack[0] = 0x50;
		ack[2] = i >> 8;
		ack[3] = i & 0xff;
		say_bytes(fd, ack, 4);
		assert_int_equal(recv(fd, bytes, 8, 0), 4);
		ack[0] = 0x70;
		say_bytes(fd, ack, 4);
	}
	assert_int_equal(broker.sessions.queued_messages, 0);
	hang_up(fd);
}

/* With a store */

/* QoS 1 at once, QoS 2 and PUBREL when the choice of an identifier is on the disk. */
static void test_commit(void **state)
{
	int fd = subscriber();

	(void)state;
	disk.slow = true;
	publish('a', 1);
	hear(fd, "\x32\6\0\1t\0\1a");
	publish('b', 2);
	hear(fd, "");
	commit();
	hear(fd, "\x34\6\0\1t\0\2b");
	say(fd, "\x50\2\0\2");
	hear(fd, "");
	commit();
	hear(fd, "\x62\2\0\2");
	say(fd, "\x70\2\0\2\x40\2\0\1");
	assert_int_equal(disk.entries, 0);
	assert_int_equal(disk.messages, 0);
	hang_up(fd);
}

/* From the client: what is answered is there, and in the order of the packets. */
static void test_answers(void **state)
{
	int fd = subscriber();

	(void)state;
	say(fd, "\xa2\5\0\2\0\1#");
	hear(fd, "\xb0\2\0\2");
	disk.slow = true;
	say(fd, "\x34\6\0\1t\0\1a");
	say(fd, "\x32\6\0\1t\0\2b");
	hear(fd, "");
	assert_int_equal(disk.incoming, 1);
	commit();
	hear(fd, "\x50\2\0\1\x40\2\0\2");
	say(fd, "\x3c\6\0\1t\0\1a");	/* known already */
	hear(fd, "\x50\2\0\1");
	say(fd, "\x62\2\0\1");
	hear(fd, "");
	assert_int_equal(disk.incoming, 0);
	commit();
	hear(fd, "\x70\2\0\1");
	hang_up(fd);
}

/* CONNACK too; and a store that is full is not added to. */
static void test_full(void **state)
{
	int fd = dial();

	(void)state;
	disk.slow = true;
	say(fd, CONNECT);
	hear(fd, "");
	commit();
	hear(fd, CONNACK);
	disk.full = true;
	say(fd, SUBSCRIBE);
	say(fd, "\xc0\0");
	hear(fd, "");
	disk.full = false;
	commit();
	hear(fd, SUBACK "\xd0\0");
	hang_up(fd);
}

/* Connections of sessions that stay add to it too; of others not. */
static void test_full_connect(void **state)
{
	int fd, short_lived;

	(void)state;
	disk.full = true;
	fd = dial();
	say(fd, CONNECT "\xc0\0");
	hear(fd, "");
	assert_null(session_of("s"));
	short_lived = dial();
	say(short_lived, "\x10\x0d\0\4MQTT\4\2\0\0\0\1t");
	hear(short_lived, CONNACK);
	disk.full = false;
	broker_committed(&broker);
	run();
	hear(fd, CONNACK "\xd0\0");
	hang_up(fd);
	hang_up(short_lived);
}

static void test_no_memory(void **state)
{
	int fd = subscriber();

	(void)state;
	disk.fails = true;
	assert_int_equal(publish('a', 1), -ENOMEM);
	assert_int_equal(session_of("s")->drops[DROP_MEMORY], 1);
	hear(fd, "");
	disk.fails = false;
	assert_int_equal(publish('b', 1), 0);
	assert_int_equal(disk.entries, 1);
	hang_up(fd);
	publish('c', 2);
	fd = dial();
	say(fd, CONNECT);
	hear(fd, CONNACK_PRESENT "\x3a\6\0\1t\0\2b\x34\6\0\1t\0\3c");
	hang_up(fd);
}

/* An identifier that cannot be chosen: nothing would come back to it. */
static void test_no_identifier(void **state)
{
	int fd = connect5("1");

	(void)state;
	hear(fd, CONNACK5);
	publish('a', 1);
	publish('b', 1);
	hear(fd, "\x32\7\0\1t\0\1\0a");
	disk.fails = true;
	say(fd, "\x40\2\0\1");
	hear(fd, "\xe0\1\x83");
	hear_end(fd);
	disk.fails = false;
	fd = connect5("1");
	hear(fd, CONNACK5_PRESENT "\x32\7\0\1t\0\3\0b");
	hang_up(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_qos1, setup, teardown),
		cmocka_unit_test_setup_teardown(test_qos2, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reasons, setup, teardown),
		cmocka_unit_test_setup_teardown(test_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reconnect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_release_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_qos0_offline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inflight_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expired, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expired_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identifiers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commit, setup_durable, teardown),
		cmocka_unit_test_setup_teardown(test_answers, setup_durable, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup_durable, teardown),
		cmocka_unit_test_setup_teardown(test_full_connect, setup_durable, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup_durable, teardown),
		cmocka_unit_test_setup_teardown(test_no_identifier, setup_durable, teardown),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
