// SPDX-License-Identifier: MIT
/* Files that the store is given: foreign, damaged, in use, old, missing. */
#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "store_fixture.h"
#include "store_sqlite.h"

#define SESSIONS	40

static const char *name_with(const char *suffix)
{
	static char name[300];

	snprintf(name, sizeof(name), "%s%s", store_path, suffix);
	return name;
}

/* Refuses it, says so, and leaves it as it was. */
static void assert_refused(int err, const char *why)
{
	size_t before_len = 0, after_len = 0;
	u8 *before = file_bytes(store_path, &before_len), *after;
	char *text = store_text();

	if (text)
		fail_msg("it was not refused, and has:\n%s", text);
	if (!strstr(store_why, why))
		fail_msg("\"%s\" does not say \"%s\"", store_why, why);
	assert_int_equal(store_error, err);
	after = file_bytes(store_path, &after_len);
	assert_int_equal(before_len, after_len);
	assert_true(before == after || !memcmp(before, after, after_len));
	assert_int_equal(access(name_with("-new"), F_OK), -1);
	free(before);
	free(after);
}

/* Something of everything, more than fits in a page each. */
static void fill(void)
{
	struct store_sub sub = { .filter = (const u8 *)"filter/+", .len = 8 };
	struct store *store = store_must_open();
	char payload[3000] = "";
	u64 key;

	for (key = 1; key <= SESSIONS; key++) {
		struct store_session session = { .client_id = "client", .expiry = 60 };
		struct store_entry entry = { .seq = key, .qos = 1 };
		struct stored msg;
		char topic[16];

		memset(payload, 'a' + key % 26, sizeof(payload) - 1);
		snprintf(topic, sizeof(topic), "t/%llu", key);
		msg = text_message(topic, payload);
		store_session_put(store, key, &session);
		store_sub_put(store, key, &sub);
		store_message_put(store, &msg);
		entry.message = msg.id;
		store_entry_put(store, key, &entry);
		store_incoming_put(store, key, key);
		store_retained_put(store, &msg);
	}
	store_close(store);
}

static void exec_sql(const char *commands)
{
	char *error = NULL;
	sqlite3 *sql;

	assert_int_equal(sqlite3_open(store_path, &sql), SQLITE_OK);
	if (sqlite3_exec(sql, commands, NULL, NULL, &error))
		fail_msg("%s", error);
	sqlite3_close(sql);
}

static void test_foreign(void **state)
{
	static const char mosquitto[100] = "\x00\xB5\x00mosquitto db\x00\x00\x00\x00\x06";
	char text[5000];

	(void)state;
	file_write(store_path, "", 0);
	assert_refused(-EINVAL, "is empty");
	file_write(store_path, "hello\n", 6);
	assert_refused(-EINVAL, "is not a database");
	memset(text, 'x', sizeof(text));
	file_write(store_path, text, sizeof(text));
	assert_refused(-EINVAL, "is not a database");
	file_write(store_path, mosquitto, sizeof(mosquitto));
	assert_refused(-EINVAL, "mosquitto");
	file_write(store_path, "SQLite format 3", 16);
	assert_refused(-EINVAL, "is not a database");
	unlink(store_path);

	exec_sql("CREATE TABLE precious (x); INSERT INTO precious VALUES (1)");
	assert_refused(-EINVAL, "another program");
	exec_sql("PRAGMA journal_mode = WAL; INSERT INTO precious VALUES (2)");
	assert_refused(-EINVAL, "another program");
	exec_sql("PRAGMA user_version = 1");
	assert_refused(-EINVAL, "another program");
	unlink(store_path);

	mkdir(store_path, 0700);
	assert_null(store_text());
	assert_non_null(strstr(store_why, "not a regular file"));
	rmdir(store_path);
	mkfifo(store_path, 0600);
	assert_null(store_text());
	assert_non_null(strstr(store_why, "not a regular file"));
}

static void test_versions(void **state)
{
	(void)state;
	fill();
	exec_sql("PRAGMA user_version = 4");
	assert_refused(-EINVAL, "version 4");
	exec_sql("PRAGMA user_version = 0");
	assert_refused(-EINVAL, "version 0");
	exec_sql("PRAGMA user_version = 3");
	free(store_text());
	assert_int_equal(store_error, 0);
	/* Ours by its numbers, but not with our tables */
	exec_sql("DROP TABLE entry");
	assert_refused(-EINVAL, "is damaged");
	exec_sql("CREATE TABLE entry (session, seq)");
	assert_refused(-EINVAL, "is damaged");
}

static void test_places(void **state)
{
	char kept[sizeof(store_path)], *slash;

	(void)state;
	strcpy(kept, store_path);
	strcat(store_path, "/none");
	file_write(kept, "file", 4);
	assert_refused(-ENOTDIR, "cannot be opened: Not a directory");
	slash = strrchr(kept, '/');
	snprintf(store_path, sizeof(store_path), "%.*s/none/db", (int)(slash - kept), kept);
	assert_refused(-ENOENT, "No such file");
	strcpy(store_path, kept);
	unlink(store_path);

	/* What is left of an attempt to make one is in nobody's way */
	file_write(name_with("-new"), "rest", 4);
	fill();
	assert_int_equal(access(name_with("-new"), F_OK), -1);
	unlink(store_path);
	file_write(name_with("-wal"), "log", 3);
	assert_refused(-EINVAL, "a part of it");
	assert_int_equal(access(store_path, F_OK), -1);
	assert_int_equal(access(name_with("-wal"), F_OK), 0);
}

/* Rows that SQLite has no objection to */
static void test_senseless(void **state)
{
	static const char *const changes[][2] = {
		{ "UPDATE entry SET qos = 3 WHERE session = 7", "queue entry" },
		{ "UPDATE entry SET packet_id = 65536 WHERE session = 7", "queue entry" },
		{ "UPDATE entry SET ids = x'010203' WHERE session = 7", "queue entry" },
		{ "UPDATE message SET topic = '' WHERE id = 5", "message" },
		{ "UPDATE message SET expires = -1 WHERE id = 5", "message" },
		{ "UPDATE session SET client_id = 'a' || char(0) || 'b' WHERE key = 5", "session" },
		{ "UPDATE session SET expiry = 4294967296 WHERE key = 5", "session" },
		{ "UPDATE sub SET options = 256 WHERE session = 40", "subscription" },
		{ "UPDATE incoming SET packet_id = 65536 WHERE session = 40", "packet identifier" },
		{ "INSERT INTO will VALUES (1, 0, 2, 0, 0, '', NULL, 't', x'', x'')", "will" },
		{ "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET"
		  " sql = replace(sql, 'STRICT', '') WHERE name = 'message'; VACUUM;", NULL },
		{ "UPDATE message SET payload = 'text' WHERE id = 6", "message" },
	};
	size_t i, len;
	u8 *whole;

	(void)state;
	fill();
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		whole = file_bytes(store_path, &len);
		exec_sql(changes[i][0]);
		if (changes[i][1]) {
			assert_refused(-EINVAL, changes[i][1]);
			assert_non_null(strstr(store_why, "makes no sense"));
			unlink(name_with("-wal"));
			file_write(store_path, whole, len);
		}
		free(whole);
	}
	free(store_text());
	assert_int_equal(store_error, 0);
}

static unsigned int random_below(unsigned int *seed, unsigned int limit)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 8) % limit;
}

/*
 * Whatever happens to a file, it is refused and stays what it is, or what is loaded
 * can be told from what was there: bytes within a payload may be others.
 */
static void assert_refused_or_loads(const char *what)
{
	size_t before_len, after_len;
	u8 *before = file_bytes(store_path, &before_len), *after;
	char *text = store_text();

	if (!text && store_error != -EINVAL)
		fail_msg("%s: %s", what, store_why);
	after = file_bytes(store_path, &after_len);
	if (!text) {
		assert_int_equal(before_len, after_len);
		assert_memory_equal(before, after, after_len);
	}
	free(text);
	free(before);
	free(after);
	unlink(name_with("-wal"));
}

static void test_damaged(void **state)
{
	unsigned int seed = 1, i, j;
	size_t len, offset;
	u8 *whole, *bytes;
	char what[64];

	(void)state;
	fill();
	whole = file_bytes(store_path, &len);
	bytes = malloc(len);
	/* Cut at any page, and within */
	for (offset = 4096; offset < len; offset += 4096) {
		file_write(store_path, whole, offset);
		assert_refused(-EINVAL, "is damaged");
		unlink(name_with("-wal"));
		file_write(store_path, whole, offset - 1000);
		assert_refused_or_loads("cut");
	}
	/* Pages of zeros and noise: SQLite's own structure does not survive it */
	for (offset = 4096; offset < len; offset += 4096) {
		memcpy(bytes, whole, len);
		memset(bytes + offset, 0, 4096);
		file_write(store_path, bytes, len);
		assert_refused(-EINVAL, "is damaged");
		unlink(name_with("-wal"));
		for (i = 0; i < 4096; i++)
			bytes[offset + i] = random_below(&seed, 256);
		file_write(store_path, bytes, len);
		assert_refused(-EINVAL, "is damaged");
		unlink(name_with("-wal"));
	}
	for (i = 0; i < 300; i++) {
		memcpy(bytes, whole, len);
		for (j = 0; j <= i % 5; j++)
			bytes[random_below(&seed, len)] ^= 1 << random_below(&seed, 8);
		file_write(store_path, bytes, len);
		snprintf(what, sizeof(what), "damage %u", i);
		assert_refused_or_loads(what);
	}
	file_write(store_path, whole, len);
	free(store_text());
	assert_int_equal(store_error, 0);
	free(bytes);
	free(whole);
}

/* What refers to a message that is not there, and messages that nothing refers to */
static void test_loose(void **state)
{
	char *text;

	(void)state;
	fill();
	exec_sql("DELETE FROM message WHERE id = 3;"
		 "DELETE FROM entry WHERE session > 4; DELETE FROM retained WHERE message > 5;"
		 "DELETE FROM session WHERE key > 3; DELETE FROM sub; DELETE FROM incoming");
	text = store_text();
	assert_non_null(text);
	assert_null(strstr(text, "message 3 "));
	assert_null(strstr(text, "entry 3/"));
	assert_null(strstr(text, "retained 3\n"));
	assert_non_null(strstr(text, "message 5 "));
	assert_null(strstr(text, "message 6 "));
	free(text);
	/* It was not only not loaded */
	exec_sql("INSERT INTO message VALUES (3, 0, 0, '', NULL, 't', x'', x'')");
	text = store_text();
	assert_non_null(text);
	assert_null(strstr(text, "message 3 "));
	free(text);
}

static void test_in_use(void **state)
{
	struct store *store = store_must_open(), *other;
	struct store_config config = { .path = store_path };
	int status, err;
	pid_t pid;

	(void)state;
	assert_int_equal(store_open(&other, &config, store_why), -EBUSY);
	assert_non_null(strstr(store_why, "in use by another process"));
	store_close(store);
	/* A process of its own has it, for as long as the pipe is open */
	{
		int ready[2], go[2];
		char byte;

		assert_int_equal(pipe(ready) | pipe(go), 0);
		pid = fork();
		if (!pid) {
			close(go[1]);
			store = store_must_open();
			err = write(ready[1], "", 1) != 1 || read(go[0], &byte, 1);
			store_close(store);
			_exit(err);
		}
		assert_int_equal(read(ready[0], &byte, 1), 1);
		assert_int_equal(store_open(&other, &config, store_why), -EBUSY);
		assert_non_null(strstr(store_why, "in use by another process"));
		close(go[1]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		close(go[0]);
		close(ready[0]);
		close(ready[1]);
	}
	store_close(store_must_open());
}

/* An old database becomes a new one, or stays the old one. */
static void test_migration(void **state)
{
	static const char *const list[] = {
		"CREATE TABLE old (x)",
		"ALTER TABLE old ADD COLUMN y; UPDATE old SET y = x + 1",
		"CREATE TABLE new AS SELECT x, y FROM old; DROP TABLE old",
		"CREATE TABLE late (z); SELECT nonsense FROM nowhere",
	};
	struct store_db db = {};
	u64 number = 0;

	(void)state;
	assert_int_equal(sqlite3_open(store_path, &db.sql), SQLITE_OK);
	assert_int_equal(store_schema_migrate(db.sql, list, 0, 1), SQLITE_OK);
	assert_int_equal(store_db_number(&db, "PRAGMA user_version", &number), SQLITE_OK);
	assert_int_equal(number, 1);
	assert_int_equal(sqlite3_exec(db.sql, "INSERT INTO old VALUES (41)", NULL, NULL, NULL), 0);
	/* Two steps and one that fails */
	assert_int_equal(store_schema_migrate(db.sql, list, 1, 4), SQLITE_ERROR);
	assert_int_equal(store_db_number(&db, "PRAGMA user_version", &number), SQLITE_OK);
	assert_int_equal(number, 1);
	assert_int_equal(store_db_number(&db, "SELECT x FROM old", &number), SQLITE_OK);
	assert_int_equal(number, 41);
	assert_int_equal(store_schema_migrate(db.sql, list, 1, 3), SQLITE_OK);
	assert_int_equal(store_db_number(&db, "PRAGMA user_version", &number), SQLITE_OK);
	assert_int_equal(number, 3);
	assert_int_equal(store_db_number(&db, "PRAGMA application_id", &number), SQLITE_OK);
	assert_int_equal(number, SCHEMA_APPLICATION_ID);
	assert_int_equal(store_db_number(&db, "SELECT y FROM new", &number), SQLITE_OK);
	assert_int_equal(number, 42);
	sqlite3_close(db.sql);
}

/* Sessions of the first version: whose they are is known of those with a user name. */
static void test_from_first(void **state)
{
	struct store_session session = { .client_id = "named", .username = "u", .owned = true };
	struct store *store = store_must_open();
	char *text;

	(void)state;
	store_session_put(store, 1, &session);
	session = (struct store_session){ .client_id = "anonymous", .owned = true };
	store_session_put(store, 2, &session);
	store_close(store);
	exec_sql("ALTER TABLE session DROP COLUMN owned; DROP TABLE ban; DROP TABLE access;"
		 "PRAGMA user_version = 1");
	text = store_text();
	assert_non_null(text);
	assert_string_equal(text, "session 1 named user u owned expiry 0 expires 0 protocol 0\n"
			    "session 2 anonymous user - expiry 0 expires 0 protocol 0\n");
	free(text);
}

/* What was there before permissions were stays, and they can be kept. */
static void test_from_second(void **state)
{
	const struct store_access row = { .kind = STORE_GRANT, .name = "r", .other = "a/#",
					  .access = 4, .action = 1, .priority = 7 };
	struct store *store;
	char *text;

	(void)state;
	fill();
	exec_sql("DROP TABLE access; PRAGMA user_version = 2");
	store = store_must_open();
	assert_int_not_equal(store_access(store, &row, 1), 0);
	store_close(store);
	text = store_text();
	assert_non_null(text);
	assert_non_null(strstr(text, "session 40 client"));
	assert_non_null(strstr(text, "\naccess 4 r/a/#/4 1 7\n"));
	free(text);
	exec_sql("UPDATE access SET kind = 9");
	assert_null(store_text());
	assert_non_null(strstr(store_why, "a permission makes no sense"));
	exec_sql("UPDATE access SET kind = 4, priority = -1");
	assert_null(store_text());
	assert_non_null(strstr(store_why, "a permission makes no sense"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_directory, store_directory_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_foreign),
		TEST(test_versions),
		TEST(test_places),
		TEST(test_senseless),
		TEST(test_damaged),
		TEST(test_loose),
		TEST(test_in_use),
		TEST(test_migration),
		TEST(test_from_first),
		TEST(test_from_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
