// SPDX-License-Identifier: MIT
/*
 * The store when the power goes, when the disk fails or is full, and when there is no
 * memory: what was said to be durable is there, groups are there or not, and all goes
 * on by itself when the fault is over.
 */
#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "faulty_vfs.h"
#include "log.h"
#include "store_fixture.h"

#define GROUPS	15

/**
 * struct history - of one run
 * @store: NULL: it cannot be opened
 * @numbers: of each group, 0: it was not made
 * @done: groups that were made
 */
struct history {
	struct store *store;
	u64 numbers[GROUPS];
	int done;
};

/* What there is after so many groups, 0 to GROUPS */
static char *texts[GROUPS + 1];

static bool over(void)
{
	return faulty_power_is_off();
}

/* --- what is done --------------------------------------------------------- */

static void put_sessions(struct store *store, int n)
{
	struct stored will = text_message("will", "gone");
	struct store_sub sub = { .filter = (const u8 *)"a/#", .len = 3, .options = 1 };
	struct store_session session = { .client_id = "client", .expiry = n, .will = &will };

	store_session_put(store, n % 3 + 1, &session);
	store_sub_put(store, n % 3 + 1, &sub);
}

static void put_messages(struct store *store, int n)
{
	static char payload[9000];
	struct stored msg;
	u64 key;

	memset(payload, 'a' + n, sizeof(payload) - 1);
	msg = text_message("a/b", payload);
	store_message_put(store, &msg);
	for (key = 1; key <= 3; key++) {
		struct store_entry entry = { .seq = n, .message = msg.id, .qos = 2 };

		store_entry_put(store, key, &entry);
	}
	store_incoming_put(store, 1, n + 1);
	store_retained_put(store, &msg);
}

static void delete_messages(struct store *store, int n)
{
	u64 key;

	for (key = 1; key <= 3; key++)
		store_entry_del(store, key, n - 3);
	store_incoming_del(store, 1, n - 2);
	store_entry_state(store, 2, n - 1, n, 2);
}

/* Two rows that come together, and one that goes. */
static void put_access(struct store *store, int n)
{
	char name[2] = { 'a' + n % 4 }, filter[16];
	struct store_access rows[] = {
		{ .op = n % 3 == 2 ? STORE_ACCESS_CLEAR : STORE_ACCESS_PUT, .kind = STORE_GRANT,
		  .name = name, .other = filter, .access = 1, .action = n % 2, .priority = n },
		{ .kind = STORE_ROLE, .name = name, .priority = n },
		{ .op = STORE_ACCESS_DEL, .kind = STORE_ROLE, .name = n % 2 ? "b" : "c" },
	};

	snprintf(filter, sizeof(filter), "t/%d", n);
	store_access(store, rows, 3);
}

/* A transaction; the last one ends a session. */
static u64 make_group(struct store *store, int n)
{
	store_begin(store);
	if (n < 3)
		put_sessions(store, n);
	put_messages(store, n);
	put_access(store, n);
	if (n > 5)
		delete_messages(store, n);
	if (n == GROUPS - 1)
		store_session_del(store, 2);
	return store_end(store);
}

static void open_store(struct history *h)
{
	struct store_config config = { .path = store_path, .pending_max = 1 << 20 };
	char *text;

	*h = (struct history){};
	store_error = store_open(&h->store, &config, store_why);
	if (store_error) {
		h->store = NULL;
		return;
	}
	text = store_loaded_text(h->store);
	if (!text) {
		store_close(h->store);
		h->store = NULL;
	}
	free(text);
}

/* Until it is on disk, however often that has to be tried */
static void wait_for(struct history *h, u64 number)
{
	while (store_committed(h->store) < number && !over()) {
		store_sync(h->store);
		usleep(200);
	}
}

/* Groups in ones, twos and threes to the disk */
static void make_history(struct history *h, int groups)
{
	int n;

	for (n = 0; n < groups && !over(); n++) {
		h->numbers[n] = make_group(h->store, n);
		h->done = n + 1;
		if (n % 3 != 1)
			wait_for(h, h->numbers[n]);
	}
}

/* Groups of which it was said that they are on disk */
static int promised(const struct history *h)
{
	u64 committed = store_committed(h->store);
	int n = 0;

	while (n < h->done && h->numbers[n] <= committed)
		n++;
	return n;
}

static int setup(void **state)
{
	struct history h;
	int n;

	(void)state;
	for (n = 0; n <= GROUPS; n++) {
		faulty_reset();
		store_directory(NULL);
		open_store(&h);
		if (!h.store)
			return -1;
		make_history(&h, n);
		store_close(h.store);
		texts[n] = store_text();
		store_directory_remove(NULL);
		if (!texts[n])
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	int n;

	(void)state;
	for (n = 0; n <= GROUPS; n++)
		free(texts[n]);
	return 0;
}

/* It has at least @least groups, and all of each; at most @most. */
static void assert_history(int least, int most, const char *when, int at)
{
	char *text = store_text();
	int n;

	if (!text)
		fail_msg("%s %d: %s", when, at, store_why);
	for (n = least; n <= most; n++)
		if (!strcmp(text, texts[n]))
			break;
	if (n > most)
		fail_msg("%s %d: not as after %d to %d groups:\n%s", when, at, least, most, text);
	free(text);
}

/* --- the power ------------------------------------------------------------ */

/* Returns whether the power was lost. */
static bool lose_power(int at, unsigned int seed)
{
	int least = 0, most = 0;
	struct history h;
	bool lost;

	faulty_reset();
	store_directory(NULL);
	faulty_power_off_at(at, seed);
	open_store(&h);
	if (h.store) {
		make_history(&h, GROUPS);
		least = promised(&h);
		most = h.done;
		store_close(h.store);
	} else {
		assert_true(over());
	}
	lost = over();
	if (!lost)
		assert_int_equal(least, GROUPS);
	faulty_power_on();
	assert_history(least, most, "power lost at", at);
	/* And once more, or what was repaired is lost */
	assert_history(least, most, "power lost and back at", at);
	store_directory_remove(NULL);
	return lost;
}

static void test_power(void **state)
{
	int at = 1;

	(void)state;
	while (lose_power(at, at) && lose_power(at, 1000 + at) && lose_power(at, 2000 + at) &&
	       lose_power(at, 3000 + at))
		at++;
	assert_true(at > GROUPS);
}

/* --- failures ------------------------------------------------------------- */

/*
 * With a fault that will be over: all is there in the end. Whoever starts a broker
 * tries again by himself.
 */
static void run_with_fault(const char *what, int at)
{
	struct history h;

	store_directory(NULL);
	open_store(&h);
	if (!h.store) {
		if (store_error == -EINVAL || store_error == -EBUSY)
			fail_msg("%s %d: %s", what, at, store_why);
		faulty_fail_never();
		faulty_memory_fail_never();
		open_store(&h);
		if (!h.store)
			fail_msg("%s %d, then: %s", what, at, store_why);
	}
	make_history(&h, GROUPS);
	assert_int_equal(promised(&h), GROUPS);
	store_close(h.store);
	faulty_fail_never();
	faulty_memory_fail_never();
	assert_history(GROUPS, GROUPS, what, at);
	store_directory_remove(NULL);
}

static void fail_each_call(const char *what, int result)
{
	int at = 0;

	/* What opens the file first, each; then what writes it, again and again, sometimes */
	do {
		at += 1 + at / 30;
		faulty_reset();
		faulty_fail_at(at, result, false);
		run_with_fault(what, at);
	} while (faulty_has_failed());
	assert_true(at > 100);
}

static void test_io_errors(void **state)
{
	(void)state;
	fail_each_call("I/O error at call", SQLITE_IOERR);
}

static void test_full_disk(void **state)
{
	(void)state;
	fail_each_call("full disk at call", SQLITE_FULL);
}

static void test_memory(void **state)
{
	int at = 0, times;

	(void)state;
	do {
		at += 1 + at / 12;
		for (times = 1; times < 10; times *= 9) {
			faulty_reset();
			faulty_memory_fail_at(at, times);
			run_with_fault("no memory at", at);
		}
	} while (faulty_memory_has_failed());
	assert_true(at > 1000);
}

/* A failure, and then the power goes. */
static void test_failure_and_power(void **state)
{
	struct history h;
	int at, least, most;

	(void)state;
	for (at = 1; at < 400; at += 5) {
		faulty_reset();
		store_directory(NULL);
		open_store(&h);
		assert_non_null(h.store);
		faulty_fail_at(at, at % 2 ? SQLITE_IOERR : SQLITE_FULL, false);
		faulty_power_off_at(at / 10 + 1, at);
		make_history(&h, GROUPS);
		least = promised(&h);
		most = h.done;
		store_close(h.store);
		faulty_fail_never();
		faulty_power_on();
		assert_history(least, most, "failure and power loss", at);
		store_directory_remove(NULL);
	}
}

/* --- for a longer time ---------------------------------------------------- */

static int count_lines(const char *path, const char *with)
{
	char line[1000];
	FILE *file = fopen(path, "r");
	int n = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		n += !!strstr(line, with);
	fclose(file);
	return n;
}

/*
 * The disk is full for a while: said once, clients are held back, nothing is promised,
 * and it goes on by itself.
 */
static void test_stays_full(void **state)
{
	struct store_config config = { .path = store_path, .pending_max = 50000 };
	struct log_config log = { .types = LOG_TYPE_ALL, .dests = LOG_DEST_FILE };
	char path[STORE_PATH_MAX + 8];
	struct history h = {};
	u64 before;
	int i, n;

	(void)state;
	faulty_reset();
	store_directory(NULL);
	snprintf(path, sizeof(path), "%s.log", store_path);
	log.file = path;
	assert_int_equal(log_configure(&log), 0);
	assert_int_equal(store_open(&h.store, &config, store_why), 0);
	free(store_loaded_text(h.store));
	make_history(&h, 4);
	before = store_committed(h.store);
	faulty_fail_at(1, SQLITE_FULL, true);
	for (n = 4; !store_full(h.store); n++) {
		assert_true(n < GROUPS);
		h.numbers[n] = make_group(h.store, n);
		for (i = 0; i < 10; i++) {
			store_sync(h.store);
			usleep(1000);
		}
	}
	/* the thread may not have come to it yet */
	while (!count_lines(path, "cannot be written: database or disk is full"))
		usleep(1000);
	assert_int_equal(store_committed(h.store), before);
	assert_true(store_full(h.store));
	assert_int_equal(count_lines(path, "cannot be written: database or disk is full"), 1);
	faulty_fail_never();
	wait_for(&h, h.numbers[n - 1]);
	while (store_full(h.store))
		usleep(100);
	/* what else had failed, the thread says behind that */
	store_close(h.store);
	assert_int_equal(count_lines(path, "can be written again"), 1);
	assert_int_equal(count_lines(path, "cannot be"), count_lines(path, "can be"));
	log = (struct log_config){ .types = LOG_TYPE_DEFAULT, .dests = LOG_DEST_STDERR };
	log_configure(&log);
	assert_history(n, n, "full disk", n);
	store_directory_remove(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_io_errors),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_failure_and_power),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_stays_full),
	};
	struct log_config log = { .types = 0 };

	if (!getenv("STORE_LOG"))
		log_configure(&log);
	faulty_memory_register();
	faulty_register();
	return cmocka_run_group_tests(tests, setup, teardown);
}
