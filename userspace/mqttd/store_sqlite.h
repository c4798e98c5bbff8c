/* SPDX-License-Identifier: MIT */
/*
 * The store's database. One thread at a time: store_open() and store_load()
 * by whoever starts the broker, then the store's thread.
 *
 *   store_sqlite.c        opening, transactions, checkpoints
 *   store_sqlite_file.c   is this a file of ours? A new one
 *   store_sqlite_schema.c tables, statements, migration
 *   store_sqlite_apply.c  records to rows
 *   store_sqlite_load.c   rows to what is loaded
 */
#ifndef MQTTD_STORE_SQLITE_H
#define MQTTD_STORE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <linux/types.h>

#include "store.h"
#include "store_batch.h"

/* "mqtd", at byte 68 of the file */
#define SCHEMA_APPLICATION_ID	0x6d717464
#define SCHEMA_VERSION		3

/* Payloads above are written and read piece by piece. */
#define PAYLOAD_PIECE	(1 << 20)

enum store_statement {
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_ROLLBACK,
	STMT_SESSION_PUT,
	STMT_SESSION_DEL,
	STMT_WILL_PUT,
	STMT_WILL_DEL,
	STMT_SUB_PUT,
	STMT_SUB_DEL,
	STMT_SUBS_DEL,
	STMT_MESSAGE_PUT,
	STMT_MESSAGE_DEL,
	STMT_ENTRY_PUT,
	STMT_ENTRY_STATE,
	STMT_ENTRY_DEL,
	STMT_ENTRIES_DEL,
	STMT_INCOMING_PUT,
	STMT_INCOMING_DEL,
	STMT_INCOMING_CLEAR,
	STMT_RETAINED_PUT,
	STMT_RETAINED_DEL,
	STMT_BAN_PUT,
	STMT_BAN_DEL,
	STMT_ACCESS_PUT,
	STMT_ACCESS_DEL,
	STMT_ACCESS_CLEAR,
	STMTS,
};

/**
 * struct store_db - an open database
 * @sql: the connection, the only one
 * @path: its name
 * @frames: pages in the write-ahead log
 * @error: of the last store_db_write() or store_db_checkpoint() that has failed
 * @stmts: enum store_statement
 */
struct store_db {
	sqlite3 *sql;
	char *path;
	int frames;
	char error[STORE_WHY_MAX];
	struct sqlite3_stmt *stmts[STMTS];
};

/* As store_open(). */
int store_db_open(struct store_db **db, const char *path, char *why);

/**
 * store_db_load() - as store_load()
 * @db: which
 * @loader: what to call
 * @ctx: for it
 * @last_key: result: the highest key of a session that was ever in use
 * @last_id: result: likewise, of a message
 * @why: result
 */
int store_db_load(struct store_db *db, const struct store_loader *loader, void *ctx,
		  u64 *last_key, u64 *last_id, char *why);

/* All of the batch and on disk, or nothing of it: -errno, and db->error says why. */
int store_db_write(struct store_db *db, const struct store_batch *batch);

/*
 * Brings what is in the write-ahead log into the database's file, @now or if there
 * is enough. Returns 0 or -errno, with db->error.
 */
int store_db_checkpoint(struct store_db *db, bool now);

/* NULL is fine. */
void store_db_close(struct store_db *db);

/* --- between the files -------------------------------------------------------- */

/*
 * Makes sure that there is a file of ours at @path: makes one if there is nothing.
 * Does not change what it does not know. Return and @why as store_open().
 */
int store_file_check(const char *path, char *why);

/* Are these the numbers of a database that we can use? 0 or -EINVAL. */
int store_file_ours(const char *path, u32 application, s64 version, char *why);

/* Makes all tables in an empty database. Returns SQLite's result. */
int store_schema_make(sqlite3 *sql);

/*
 * Takes steps @from to @to - 1 of @list, in a transaction; the database is of version
 * @to then. Returns SQLite's result.
 */
int store_schema_migrate(sqlite3 *sql, const char *const *list, int from, int to);

/* Checks, migrates, and prepares the statements. Return and @why as store_open(). */
int store_schema_open(struct store_db *db, char *why);

/* One change, in a transaction. Returns SQLite's result. */
int store_db_apply(struct store_db *db, const struct store_record *rec);

/* Runs a statement whose parameters are bound. Returns SQLite's result. */
int store_db_step(struct store_db *db, enum store_statement which);

/* The first column of the first row; unchanged if there is none. Returns SQLite's result. */
int store_db_number(struct store_db *db, const char *query, u64 *number);

/* A sentence about SQLite's @result, and its -errno. */
int store_db_fail(struct store_db *db, int result, char *why);
int store_db_errno(int result);

#endif /* MQTTD_STORE_SQLITE_H */
