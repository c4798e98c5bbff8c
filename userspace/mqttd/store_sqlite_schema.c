// SPDX-License-Identifier: MIT
/*
 * Tables of the database, how older ones become today's, and the statements.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_sqlite.h"

/* A database up to this size is looked through at the start, whatever is loaded of it. */
#define CHECK_MAX	(64 << 20)

/*
 * Step n leads from version n to n + 1. A step that was in a release is not changed
 * any more. Rows of other tables that name a message or a session go before it.
 */
static const char *const steps[SCHEMA_VERSION] = {
	"CREATE TABLE session ("
	"  key INTEGER PRIMARY KEY,"
	"  client_id TEXT NOT NULL,"
	"  username TEXT,"
	"  protocol INTEGER NOT NULL,"
	"  expiry INTEGER NOT NULL,"
	"  expires INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE will ("
	"  session INTEGER PRIMARY KEY,"
	"  at INTEGER NOT NULL,"
	"  retain INTEGER NOT NULL,"
	"  expires INTEGER NOT NULL,"
	"  qos INTEGER NOT NULL,"
	"  client_id TEXT,"
	"  username TEXT,"
	"  topic TEXT NOT NULL,"
	"  properties BLOB NOT NULL,"
	"  payload BLOB NOT NULL"
	") STRICT;"
	"CREATE TABLE sub ("
	"  session INTEGER NOT NULL,"
	"  filter TEXT NOT NULL,"
	"  options INTEGER NOT NULL,"
	"  id INTEGER NOT NULL,"
	"  PRIMARY KEY (session, filter)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE message ("
	"  id INTEGER PRIMARY KEY,"
	"  expires INTEGER NOT NULL,"
	"  qos INTEGER NOT NULL,"
	"  client_id TEXT,"
	"  username TEXT,"
	"  topic TEXT NOT NULL,"
	"  properties BLOB NOT NULL,"
	"  payload BLOB NOT NULL"
	") STRICT;"
	"CREATE TABLE entry ("
	"  session INTEGER NOT NULL,"
	"  seq INTEGER NOT NULL,"
	"  message INTEGER NOT NULL,"
	"  packet_id INTEGER NOT NULL,"
	"  qos INTEGER NOT NULL,"
	"  state INTEGER NOT NULL,"
	"  retain INTEGER NOT NULL,"
	"  share TEXT,"
	"  ids BLOB,"			/* 32 bit numbers, little endian */
	"  PRIMARY KEY (session, seq)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE incoming ("
	"  session INTEGER NOT NULL,"
	"  packet_id INTEGER NOT NULL,"
	"  PRIMARY KEY (session, packet_id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE retained ("
	"  topic TEXT PRIMARY KEY,"
	"  message INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;",

	/* Whoever had no user name then may have one now */
	"ALTER TABLE session ADD COLUMN owned INTEGER NOT NULL DEFAULT 0;"
	"UPDATE session SET owned = 1 WHERE username IS NOT NULL;"
	"CREATE TABLE ban ("
	"  network TEXT PRIMARY KEY,"
	"  since INTEGER NOT NULL,"
	"  until INTEGER NOT NULL,"
	"  why TEXT NOT NULL"
	") STRICT, WITHOUT ROWID;",

	/* Roles: what a kind's columns are is in store.h */
	"CREATE TABLE access ("
	"  kind INTEGER NOT NULL,"
	"  name TEXT NOT NULL,"
	"  other TEXT NOT NULL,"
	"  access INTEGER NOT NULL,"
	"  action INTEGER NOT NULL,"
	"  priority INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, name, other, access)"
	") STRICT, WITHOUT ROWID;",
};

static const char *const statements[STMTS] = {
	[STMT_BEGIN]		= "BEGIN IMMEDIATE",
	[STMT_COMMIT]		= "COMMIT",
	[STMT_ROLLBACK]		= "ROLLBACK",
	[STMT_SESSION_PUT]	= "REPLACE INTO session"
				  " (key, client_id, username, protocol, expiry, expires, owned)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?)",
	[STMT_SESSION_DEL]	= "DELETE FROM session WHERE key = ?",
	[STMT_WILL_PUT]		= "REPLACE INTO will (session, at, retain, expires, qos,"
				  " client_id, username, topic, properties, payload)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[STMT_WILL_DEL]		= "DELETE FROM will WHERE session = ?",
	[STMT_SUB_PUT]		= "REPLACE INTO sub (session, filter, options, id)"
				  " VALUES (?, ?, ?, ?)",
	[STMT_SUB_DEL]		= "DELETE FROM sub WHERE session = ? AND filter = ?",
	[STMT_SUBS_DEL]		= "DELETE FROM sub WHERE session = ?",
	[STMT_MESSAGE_PUT]	= "REPLACE INTO message (id, expires, qos,"
				  " client_id, username, topic, properties, payload)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	[STMT_MESSAGE_DEL]	= "DELETE FROM message WHERE id = ?",
	[STMT_ENTRY_PUT]	= "REPLACE INTO entry (session, seq, message, packet_id, qos,"
				  " state, retain, share, ids) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[STMT_ENTRY_STATE]	= "UPDATE entry SET packet_id = ?3, state = ?4"
				  " WHERE session = ?1 AND seq = ?2",
	[STMT_ENTRY_DEL]	= "DELETE FROM entry WHERE session = ? AND seq = ?",
	[STMT_ENTRIES_DEL]	= "DELETE FROM entry WHERE session = ?",
	[STMT_INCOMING_PUT]	= "REPLACE INTO incoming (session, packet_id) VALUES (?, ?)",
	[STMT_INCOMING_DEL]	= "DELETE FROM incoming WHERE session = ? AND packet_id = ?",
	[STMT_INCOMING_CLEAR]	= "DELETE FROM incoming WHERE session = ?",
	[STMT_RETAINED_PUT]	= "REPLACE INTO retained (topic, message) VALUES (?, ?)",
	[STMT_RETAINED_DEL]	= "DELETE FROM retained WHERE topic = ?",
	[STMT_BAN_PUT]		= "REPLACE INTO ban (network, since, until, why)"
				  " VALUES (?, ?, ?, ?)",
	[STMT_BAN_DEL]		= "DELETE FROM ban WHERE network = ?",
	[STMT_ACCESS_PUT]	= "REPLACE INTO access"
				  " (kind, name, other, access, action, priority)"
				  " VALUES (?, ?, ?, ?, ?, ?)",
	[STMT_ACCESS_DEL]	= "DELETE FROM access"
				  " WHERE kind = ? AND name = ? AND other = ? AND access = ?",
	[STMT_ACCESS_CLEAR]	= "DELETE FROM access WHERE kind = ? AND name = ?",
};

int store_db_number(struct store_db *db, const char *query, u64 *number)
{
	sqlite3_stmt *stmt;
	int ret = sqlite3_prepare_v2(db->sql, query, -1, &stmt, NULL);

	if (ret)
		return ret;
	ret = sqlite3_step(stmt);
	if (ret == SQLITE_ROW)
		*number = sqlite3_column_int64(stmt, 0);
	return sqlite3_finalize(stmt);
}

static int set_number(sqlite3 *sql, const char *pragma, int number)
{
	char text[64];

	snprintf(text, sizeof(text), "PRAGMA %s = %d", pragma, number);
	return sqlite3_exec(sql, text, NULL, NULL, NULL);
}

int store_schema_migrate(sqlite3 *sql, const char *const *list, int from, int to)
{
	int ret = sqlite3_exec(sql, "BEGIN IMMEDIATE", NULL, NULL, NULL), i;

	for (i = from; !ret && i < to; i++)
		ret = sqlite3_exec(sql, list[i], NULL, NULL, NULL);
	if (!ret)
		ret = set_number(sql, "application_id", SCHEMA_APPLICATION_ID);
	if (!ret)
		ret = set_number(sql, "user_version", to);
	if (!ret)
		ret = sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL);
	if (ret && !sqlite3_get_autocommit(sql))
		sqlite3_exec(sql, "ROLLBACK", NULL, NULL, NULL);
	return ret;
}

int store_schema_make(sqlite3 *sql)
{
	return store_schema_migrate(sql, steps, 0, SCHEMA_VERSION);
}

/* A page that could not be read is not a damaged one. */
static int found_result(const char *found)
{
	const char *code = strstr(found, "error code=");
	int ret = code ? atoi(strchr(code, '=') + 1) : SQLITE_CORRUPT;

	return strcmp(found, "ok") ? ret : SQLITE_OK;
}

/* Damage that SQLite finds without reading the contents of rows. */
static int check_pages(struct store_db *db, char *why)
{
	u64 pages = 0, page_size = 0;
	sqlite3_stmt *stmt = NULL;
	const char *found;
	int ret;

	ret = store_db_number(db, "PRAGMA page_count", &pages);
	if (!ret)
		ret = store_db_number(db, "PRAGMA page_size", &page_size);
	if (!ret && pages * page_size > CHECK_MAX)
		return 0;
	if (!ret)
		ret = sqlite3_prepare_v2(db->sql, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	if (ret)
		return store_db_fail(db, ret, why);
	ret = sqlite3_step(stmt);
	if (ret == SQLITE_ROW) {
		found = (const char *)sqlite3_column_text(stmt, 0);
		ret = found ? found_result(found) : SQLITE_NOMEM;
	}
	sqlite3_finalize(stmt);
	return ret ? store_db_fail(db, ret, why) : 0;
}

/* What the file's header says may be older than what is in the log. */
static int check_version(struct store_db *db, u64 *version, char *why)
{
	u64 application = 0;
	int ret;

	ret = store_db_number(db, "PRAGMA application_id", &application);
	if (!ret)
		ret = store_db_number(db, "PRAGMA user_version", version);
	if (ret)
		return store_db_fail(db, ret, why);
	return store_file_ours(db->path, application, *version, why);
}

static int prepare(struct store_db *db, char *why)
{
	int ret, i;

	for (i = 0; i < STMTS; i++) {
		ret = sqlite3_prepare_v3(db->sql, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
					 &db->stmts[i], NULL);
		/* A table or column that is not there */
		if (ret == SQLITE_ERROR)
			ret = SQLITE_CORRUPT;
		if (ret)
			return store_db_fail(db, ret, why);
	}
	return 0;
}

int store_schema_open(struct store_db *db, char *why)
{
	u64 version = 0;
	int ret, err;

	err = check_version(db, &version, why);
	if (!err)
		err = check_pages(db, why);
	if (err)
		return err;
	if (version < SCHEMA_VERSION) {
		ret = store_schema_migrate(db->sql, steps, version, SCHEMA_VERSION);
		if (ret)
			return store_db_fail(db, ret, why);
	}
	return prepare(db, why);
}
