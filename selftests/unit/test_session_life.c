// SPDX-License-Identifier: MIT
/* Sessions from their beginning to their end: take-over, expiry, wills. */
#include "session_fixture.h"

#define CLEAN		0x02
#define WILL		0x04
#define WILL_RETAIN	0x20

#define HOUR		3600

/**
 * struct hello - a CONNECT of MQTT 5.0
 * @id: client id, a letter
 * @flags: CLEAN and so on; WILL is to the topic "w", its payload "x"
 * @expiry: session expiry interval
 * @delay: of the will
 * @lifetime: its message expiry interval, 0: none
 */
struct hello {
	char id;
	u8 flags;
	u32 expiry;
	u32 delay;
	u32 lifetime;
};

static u8 *put(u8 *to, const void *bytes, size_t len)
{
	memcpy(to, bytes, len);
	return to + len;
}

static u8 *put_number(u8 *to, u8 id, u32 value)
{
	return put(to, (u8[]){ id, value >> 24, value >> 16, value >> 8, value }, 5);
}

static int hello(struct hello h)
{
	u8 packet[64], *p;
	int fd = dial();

	p = put(packet, "\x10\0\0\4MQTT\5", 9);
	p = put(p, (u8[]){ h.flags, 0, 0, 5 }, 4);
	p = put_number(p, 0x11, h.expiry);
	p = put(p, (u8[]){ 0, 1, h.id }, 3);
	if (h.flags & WILL) {
		*p++ = h.lifetime ? 10 : 5;
		p = put_number(p, 0x18, h.delay);
		if (h.lifetime)
			p = put_number(p, 0x02, h.lifetime);
		p = put(p, "\0\1w\0\1x", 6);
	}
	packet[1] = p - packet - 2;
	say_bytes(fd, packet, p - packet);
	return fd;
}

#define IN		"\x20\x09\0\0\6\x21\x27\x10\x22\0\x0a"
#define IN_PRESENT	"\x20\x09\1\0\6\x21\x27\x10\x22\0\x0a"
#define TAKEN_OVER	"\xe0\1\x8e"

/* Sees wills, in MQTT 3.1.1 and at QoS 0. */
static int watcher(void)
{
	int fd = dial();

	say(fd, "\x10\x0d\0\4MQTT\4\2\0\0\0\1@\x82\6\0\1\0\1w\0");
	hear(fd, "\x20\2\0\0\x90\3\0\1\0");
	return fd;
}

#define SEEN	"\x30\4\0\1wx"

/* What is due in so many seconds is done. */
static void pass(unsigned int seconds)
{
	struct worker *worker = &broker.workers[0];

	worker->now = timer_now() + seconds * 1000ull;
	session_run_timers(worker);
	run();
}

static void test_present(void **state)
{
	struct hello h = { .id = 's', .expiry = HOUR };
	int fd = hello(h);

	(void)state;
	hear(fd, IN);
	hang_up(fd);
	fd = hello(h);
	hear(fd, IN_PRESENT);
	say(fd, "\xe0\0");
	hear_end(fd);
	h.flags = CLEAN;
	fd = hello(h);
	hear(fd, IN);
	hang_up(fd);
	h = (struct hello){ .id = 's' };
	fd = hello(h);
	hear(fd, IN_PRESENT);
	hang_up(fd);
	assert_null(session_of("s"));
}

static void test_older(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "\x10\x0d\0\4MQTT\4\0\0\0\0\1s");
	hear(fd, "\x20\2\0\0");
	assert_int_equal(session_of("s")->expiry, SESSION_NEVER);
	hang_up(fd);
	pass(10 * 365 * 24 * HOUR);
	/* 3.1 has no flag for it */
	fd = dial();
	say(fd, "\x10\x0f\0\6MQIsdp\3\0\0\0\0\1s");
	hear(fd, "\x20\2\0\0");
	hang_up(fd);
	conf.persistent_client_expiration = 60;
	fd = dial();
	say(fd, "\x10\x0d\0\4MQTT\4\0\0\0\0\1s");
	hear(fd, "\x20\2\1\0");
	hang_up(fd);
	pass(59);
	assert_non_null(session_of("s"));
	pass(61);
	assert_null(session_of("s"));
}

static void test_expiry(void **state)
{
	int fd = hello((struct hello){ .id = 's', .expiry = 100 });

	(void)state;
	hear(fd, IN);
	pass(1000);
	assert_non_null(session_of("s"));
	hang_up(fd);
	pass(99);
	assert_non_null(session_of("s"));
	fd = hello((struct hello){ .id = 's', .expiry = 100 });
	hear(fd, IN_PRESENT);
	pass(101);
	assert_non_null(session_of("s"));
	hang_up(fd);
	pass(101);
	assert_null(session_of("s"));
	conf.persistent_client_expiration = 50;
	fd = hello((struct hello){ .id = 's', .expiry = 100 });
	hear(fd, "\x20\x0e\0\0\x0b\x21\x27\x10\x22\0\x0a\x11\0\0\0\x32");
	hang_up(fd);
	pass(51);
	assert_null(session_of("s"));
}

static void test_last_expiry(void **state)
{
	int fd = hello((struct hello){ .id = 's', .expiry = HOUR });

	(void)state;
	hear(fd, IN);
	say(fd, "\xe0\7\0\5\x11\0\0\0\1");
	hear_end(fd);
	pass(2);
	assert_null(session_of("s"));
	fd = hello((struct hello){ .id = 's', .expiry = HOUR });
	hear(fd, IN);
	say(fd, "\xe0\7\0\5\x11\0\0\0\0");
	hear_end(fd);
	assert_null(session_of("s"));
	fd = hello((struct hello){ .id = 's' });
	hear(fd, IN);
	say(fd, "\xe0\7\0\5\x11\0\0\0\1");
	run();
	assert_null(session_of("s"));
	close(fd);
}

static void test_take_over(void **state)
{
	struct hello h = { .id = 's', .expiry = HOUR };
	int first = hello(h), second, third;

	(void)state;
	hear(first, IN);
	second = hello(h);
	hear(first, TAKEN_OVER);
	hear_end(first);
	hear(second, IN_PRESENT);
	h.flags = CLEAN;
	third = hello(h);
	hear(second, TAKEN_OVER);
	hear_end(second);
	hear(third, IN);
	hang_up(third);
}

/* Without a session that stays it ends with the first connection. */
static void test_take_over_all(void **state)
{
	struct hello h = { .id = 's' };
	int first = hello(h), second;

	(void)state;
	hear(first, IN);
	second = hello(h);
	hear(first, TAKEN_OVER);
	hear_end(first);
	hear(second, IN);
	hang_up(second);
}

/* All at once: the last one gets it. */
static void test_heirs(void **state)
{
	int fds[8], i;

	(void)state;
	for (i = 0; i < 8; i++)
		fds[i] = dial();
	for (i = 0; i < 8; i++) {
		assert_int_equal(send(fds[i], "\x10\x0e\0\4MQTT\5\0\0\0\0\0\1s", 16, 0), 16);
		worker_round(&broker.workers[0], 0);
	}
	run();
	assert_ptr_equal(session_of("s")->owner, session_of("s")->client);
	hear(fds[7], IN);
	hang_up(fds[7]);
	for (i = 0; i < 7; i++)
		close(fds[i]);
	run();
	assert_null(session_of("s"));
}

/* One whose CONNECT was first and that asks last: not kicked out by it. */
static void test_late(void **state)
{
	struct hello h = { .id = 's' };
	int fd = hello(h), late;

	(void)state;
	hear(fd, IN);
	session_of("s")->owner->serial += 2;
	late = hello(h);
	hear_end(late);
	hear(fd, "");
	late = hello(h);
	hear(fd, TAKEN_OVER);
	hear_end(fd);
	hear(late, IN);
	hang_up(late);
}

static void test_will(void **state)
{
	struct hello h = { .id = 's', .flags = WILL };
	int w = watcher(), fd;

	(void)state;
	fd = hello(h);
	hear(fd, IN);
	hang_up(fd);
	hear(w, SEEN);
	fd = hello(h);
	hear(fd, IN);
	say(fd, "\xe0\0");
	hear_end(fd);
	hear(w, "");
	fd = hello(h);
	hear(fd, IN);
	say(fd, "\xe0\1\4");
	hear_end(fd);
	hear(w, SEEN);
	fd = hello(h);
	hear(fd, IN);
	say(fd, "\0\0");
	hear(w, SEEN);
	close(fd);
	hang_up(w);
}

static void test_will_delay(void **state)
{
	struct hello h = { .id = 's', .flags = WILL, .expiry = HOUR, .delay = 10 };
	int w = watcher(), fd;

	(void)state;
	fd = hello(h);
	hear(fd, IN);
	hang_up(fd);
	pass(9);
	hear(w, "");
	/* It is back: the will is gone [MQTT-3.1.3-9] */
	fd = hello(h);
	hear(fd, IN_PRESENT);
	pass(20);
	hear(w, "");
	hang_up(fd);
	pass(11);
	hear(w, SEEN);
	pass(20);
	hear(w, "");
	assert_non_null(session_of("s"));
	/* The session's end is earlier */
	h.expiry = 5;
	fd = hello(h);
	hear(fd, IN_PRESENT);
	hang_up(fd);
	pass(6);
	hear(w, SEEN);
	assert_null(session_of("s"));
	h.expiry = 0;
	fd = hello(h);
	hear(fd, IN);
	hang_up(fd);
	hear(w, SEEN);
	hang_up(w);
}

static void test_will_taken_over(void **state)
{
	struct hello h = { .id = 's', .flags = WILL, .expiry = HOUR };
	int w = watcher(), fd, next;

	(void)state;
	fd = hello(h);
	hear(fd, IN);
	h.delay = 10;
	next = hello(h);
	hear(w, SEEN);
	close(fd);
	/* With a delay: not if the session goes on, but if it does not */
	fd = hello(h);
	hear(w, "");
	close(next);
	h.flags |= CLEAN;
	next = hello(h);
	hear(w, SEEN);
	close(fd);
	close(next);
	run();
	hang_up(w);
}

/* Its properties; and to be retained */
static void test_will_message(void **state)
{
	struct hello h = { .id = 's', .flags = WILL | WILL_RETAIN, .lifetime = 60 };
	int fd = hello(h), w;

	(void)state;
	hear(fd, IN);
	hang_up(fd);
	w = hello((struct hello){ .id = 'w' });
	say(w, "\x82\7\0\1\0\0\1w\0");
	hear(w, IN "\x90\4\0\1\0\0\x31\x0a\0\1w\5\2\0\0\0\x3c" "x");
	hang_up(w);
	assert_int_equal(broker.retained.count, 1);
}

/* The row says what has to be known after a crash. */
static void test_row(void **state)
{
	struct hello h = { .id = 's', .flags = WILL, .expiry = 100, .delay = 10 };
	int fd = hello(h);

	(void)state;
	hear(fd, IN);
	assert_int_equal(disk.row.expiry, 100);
	assert_int_equal(disk.row.expires, 0);
	assert_non_null(disk.row.will);
	assert_int_equal(disk.row.will_at, 1ull << 62 | 10000);
	hang_up(fd);
	assert_in_range(disk.row.expires, stored_now() + 99000, stored_now() + 100001);
	assert_in_range(disk.row.will_at, stored_now() + 9000, stored_now() + 10001);
	pass(11);
	assert_null(disk.row.will);
	assert_int_not_equal(disk.row.expires, 0);
}

static void test_operator(void **state)
{
	struct hello h = { .id = 's', .expiry = HOUR };
	int fd = hello(h);

	(void)state;
	hear(fd, IN);
	assert_int_equal(session_kick(&broker.sessions, "s"), 0);
	assert_int_equal(session_kick(&broker.sessions, "t"), -ENOENT);
	run();
	hear(fd, "\xe0\1\x98");
	hear_end(fd);
	assert_non_null(session_of("s"));
	/* Also if somebody comes for it before it is gone */
	assert_true(session_delete(&broker.sessions, "s"));
	fd = dial();
	assert_int_equal(send(fd, "\x10\x0d\0\4MQTT\4\0\0\0\0\1s", 15, 0), 15);
	session_run_timers(&broker.workers[0]);
	run();
	hear(fd, "\x20\2\0\0");
	hang_up(fd);
	assert_true(session_delete(&broker.sessions, "s"));
	run();
	assert_null(session_of("s"));
	fd = hello(h);
	hear(fd, IN);
	assert_true(session_delete(&broker.sessions, "s"));
	run();
	hear(fd, "\xe0\1\x98");
	hear_end(fd);
	assert_null(session_of("s"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_present, setup, teardown),
		cmocka_unit_test_setup_teardown(test_older, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expiry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_expiry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take_over_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_heirs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_will, setup, teardown),
		cmocka_unit_test_setup_teardown(test_will_delay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_will_taken_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_will_message, setup, teardown),
		cmocka_unit_test_setup_teardown(test_row, setup_durable, teardown),
		cmocka_unit_test_setup_teardown(test_operator, setup, teardown),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
