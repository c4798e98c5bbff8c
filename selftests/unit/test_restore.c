// SPDX-License-Identifier: MIT
/* What is there again when the daemon starts, and what has happened meanwhile. */
#include "session_fixture.h"

#define WHILE_CONNECTED	(1ull << 62)

static const struct stored *message(const char *topic, const char *payload)
{
	static struct stored msg;

	msg = (struct stored){
		.refs = 1, .client_id = "c",
		.topic = (const u8 *)topic, .topic_len = strlen(topic),
		.payload = (const u8 *)payload, .payload_len = strlen(payload),
	};
	return &msg;
}

/* Of session 2. */
static const struct store_entry entries[] = {
	{ .seq = 4, .message = 1, .qos = 2, .packet_id = 5, .state = 1 },
	{ .seq = 5, .message = 2, .qos = 2, .packet_id = 2, .state = 2 },
	{ .seq = 6, .message = 1, .qos = 1, .packet_id = 1, .state = 1 },
	{ .seq = 7, .message = 2, .qos = 1 },
};

static void begin(const struct store_loader *loader, void *ctx, u64 key,
		  struct store_session session)
{
	session.protocol = 4;
	assert_int_equal(loader->session(ctx, key, &session), 0);
}

static void fill(const struct store_loader *loader, void *ctx)
{
	const struct store_sub sub = { .filter = (const u8 *)"#", .len = 1, .options = 2 };
	const struct store_session gone = {
		.client_id = "gone", .expiry = 100, .expires = stored_now() - 1000,
		.will = message("w", "gone"), .will_at = stored_now() + 100000,
	};

	disk.messages = 3;
	loader->message(ctx, 1, message("t", "a"));
	loader->message(ctx, 2, message("t", "b"));
	loader->message(ctx, 3, message("r", "c"));
	begin(loader, ctx, 1, gone);

	begin(loader, ctx, 2, (struct store_session){ .client_id = "s", .expiry = UINT32_MAX });
	assert_int_equal(loader->sub(ctx, 2, &sub), 0);
	for (; disk.entries < 4; disk.entries++)
		assert_int_equal(loader->entry(ctx, 2, &entries[disk.entries]), 0);
	assert_int_equal(loader->incoming(ctx, 2, 9), 0);
	disk.incoming++;

	begin(loader, ctx, 3, (struct store_session){
		.client_id = "cut", .expiry = 100, .will = message("w", "cut"),
		.will_at = WHILE_CONNECTED | 5000,
	});
	begin(loader, ctx, 4, (struct store_session){ .client_id = "short", .expiry = 0 });
	/* The end of the first one could not be stored. */
	begin(loader, ctx, 5, (struct store_session){ .client_id = "twice", .expiry = 100 });
	assert_int_equal(loader->sub(ctx, 5, &sub), 0);
	assert_int_equal(loader->entry(ctx, 5, &entries[0]), 0);
	begin(loader, ctx, 6, (struct store_session){ .client_id = "twice", .expiry = 100 });
	assert_int_equal(loader->retained(ctx, 3), 0);
}

static int setup_filled(void **state)
{
	(void)state;
	return start(&(struct store){ .committed = 1, .last = 1, .durable = true, .keys = 6,
				      .ids = 3, .fill = fill });
}

static void test_queue(void **state)
{
	int fd = dial();

	(void)state;
	/* Times have passed: a will has been published, at QoS 0, and nobody was there */
	run();
	assert_null(session_of("gone"));
	assert_null(session_of("short"));
	assert_int_equal(session_of("twice")->key, 6);
	assert_null(session_of("twice")->queue);
	assert_int_equal(broker.sessions.queued_messages, 4);
	say(fd, "\x10\x0d\0\4MQTT\4\0\0\0\0\1s");
	hear(fd, "\x20\2\1\0"
		 "\x62\2\0\2" "\x3c\6\0\1t\0\5a" "\x3a\6\0\1t\0\1a" "\x32\6\0\1t\0\3b");
	say(fd, "\x50\2\0\5\x70\2\0\5\x70\2\0\2\x40\2\0\1\x40\2\0\3");
	hear(fd, "\x62\2\0\5");
	assert_int_equal(disk.entries, 0);
	assert_int_equal(disk.messages, 1);
	/* Known already: answered, and not routed to itself */
	say(fd, "\x3c\6\0\1t\0\x09" "a");
	hear(fd, "\x50\2\0\x09");
	say(fd, "\x62\2\0\x09");
	hear(fd, "\x70\2\0\x09");
	assert_int_equal(disk.incoming, 0);
	assert_int_equal(broker.retained.count, 1);
	hang_up(fd);
}

/* A connection that was there has ended with the daemon: its times begin now. */
static void test_cut(void **state)
{
	struct worker *worker = &broker.workers[0];
	struct session *session = session_of("cut");
	int fd;

	(void)state;
	assert_non_null(session);
	assert_in_range(session->ends, timer_now() + 90000, timer_now() + 100000);
	assert_in_range(session->will->at, timer_now() + 1000, timer_now() + 5000);
	run();
	fd = dial();
	say(fd, "\x10\x0d\0\4MQTT\4\2\0\0\0\1@\x82\6\0\1\0\1w\0");
	hear(fd, "\x20\2\0\0\x90\3\0\1\0");
	worker->now = timer_now() + 5001;
	session_run_timers(worker);
	run();
	hear(fd, "\x30\6\0\1wcut");
	assert_non_null(session_of("cut"));
	worker->now = timer_now() + 100001;
	session_run_timers(worker);
	assert_null(session_of("cut"));
	assert_non_null(session_of("s"));
	hang_up(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_queue, setup_filled, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup_filled, teardown),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
