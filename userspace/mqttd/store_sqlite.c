// SPDX-License-Identifier: MIT
/*
 * The connection to the database: opening, transactions, checkpoints.
 *
 * The lock on the file is held from the first access to the end. The write-ahead
 * log is brought into the database by the one who writes, between transactions,
 * whenever it has grown enough: nobody else waits for that.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_sqlite.h"

/* Pages in the log that make a checkpoint due */
#define CHECKPOINT_PAGES	4096

/*
 * locking_mode first: it keeps SQLite from making a -shm file. A log that was long
 * once is cut.
 */
static const char settings[] =
	"PRAGMA locking_mode = EXCLUSIVE;"
	"PRAGMA synchronous = FULL;"
	"PRAGMA wal_autocheckpoint = 0;"
	"PRAGMA journal_size_limit = 67108864;"
	"PRAGMA cache_size = -16384;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA cell_size_check = ON;";

int store_db_errno(int result)
{
	switch (result & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EINVAL;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return -EACCES;
	default:
		return -EIO;
	}
}

/* SQLite's text, and the system's if it has to do with that. */
static void describe(struct store_db *db, int result, char *text)
{
	int number = 0;

	if ((result & 0xff) == SQLITE_IOERR || (result & 0xff) == SQLITE_CANTOPEN)
		number = sqlite3_system_errno(db->sql);
	/* What SQLite remembers comes from its way out: the file knows better. */
	if (number == EBADF)
		number = access(db->path, W_OK) ? errno : 0;
	if (number)
		snprintf(text, STORE_WHY_MAX, "%s (%s)", sqlite3_errmsg(db->sql), strerror(number));
	else
		snprintf(text, STORE_WHY_MAX, "%s", sqlite3_errcode(db->sql) == result ?
			 sqlite3_errmsg(db->sql) : sqlite3_errstr(result));
}

int store_db_fail(struct store_db *db, int result, char *why)
{
	char text[STORE_WHY_MAX];

	describe(db, result, text);
	switch (store_db_errno(result)) {
	case -EBUSY:
		snprintf(why, STORE_WHY_MAX, "%s is in use by another process", db->path);
		break;
	case -EINVAL:
		snprintf(why, STORE_WHY_MAX, "%s is damaged: %.200s", db->path, text);
		break;
	default:
		snprintf(why, STORE_WHY_MAX, "%s cannot be used: %.200s", db->path, text);
	}
	return store_db_errno(result);
}

/* After each commit: how long the log is. */
static int count_frames(void *arg, sqlite3 *sql, const char *name, int frames)
{
	struct store_db *db = arg;

	(void)sql;
	(void)name;
	db->frames = frames;
	return SQLITE_OK;
}

static int open_sql(struct store_db *db, char *why)
{
	int ret;

	ret = sqlite3_open_v2(db->path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			      SQLITE_OPEN_EXRESCODE, NULL);
	/* It is not changed, not even by closing it, before all of it was read */
	if (!ret)
		ret = sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (!ret)
		ret = sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (!ret)
		ret = sqlite3_exec(db->sql, settings, NULL, NULL, NULL);
	if (ret)
		return store_db_fail(db, ret, why);
	return store_schema_open(db, why);
}

/* Others may have changed the file's mode. */
static int use_log(struct store_db *db, char *why)
{
	int ret = sqlite3_exec(db->sql, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);

	if (ret)
		return store_db_fail(db, ret, why);
	sqlite3_wal_hook(db->sql, count_frames, db);
	return 0;
}

int store_db_open(struct store_db **result, const char *path, char *why)
{
	struct store_db *db;
	int err;

	err = store_file_check(path, why);
	if (err)
		return err;
	db = calloc(1, sizeof(*db));
	if (db)
		db->path = strdup(path);
	if (!db || !db->path) {
		free(db);
		snprintf(why, STORE_WHY_MAX, "no memory");
		return -ENOMEM;
	}
	err = open_sql(db, why);
	if (!err)
		err = use_log(db, why);
	if (err)
		store_db_close(db);
	else
		*result = db;
	return err;
}

int store_db_step(struct store_db *db, enum store_statement which)
{
	sqlite3_stmt *stmt = db->stmts[which];
	int ret;

	do {
		ret = sqlite3_step(stmt);
	} while (ret == SQLITE_ROW);
	/* It returns what has failed once more */
	sqlite3_reset(stmt);
	return ret == SQLITE_DONE ? SQLITE_OK : ret;
}

static int write_records(struct store_db *db, const struct store_batch *batch)
{
	struct store_record *rec = NULL;
	struct store_chunk *chunk;
	int ret;

	while ((rec = batch_next(batch, &chunk, rec))) {
		ret = store_db_apply(db, rec);
		if (ret)
			return ret;
	}
	return SQLITE_OK;
}

int store_db_write(struct store_db *db, const struct store_batch *batch)
{
	int ret;

	ret = store_db_step(db, STMT_BEGIN);
	if (!ret)
		ret = write_records(db, batch);
	if (!ret)
		ret = store_db_step(db, STMT_COMMIT);
	if (!ret)
		return 0;
	describe(db, ret, db->error);
	/* Some failures end the transaction by themselves */
	if (!sqlite3_get_autocommit(db->sql))
		store_db_step(db, STMT_ROLLBACK);
	return store_db_errno(ret);
}

int store_db_checkpoint(struct store_db *db, bool now)
{
	int ret;

	if (!db->frames || (!now && db->frames < CHECKPOINT_PAGES))
		return 0;
	ret = sqlite3_wal_checkpoint_v2(db->sql, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (ret) {
		describe(db, ret, db->error);
		return store_db_errno(ret);
	}
	/* The next transaction begins the log anew */
	db->frames = 0;
	return 0;
}

void store_db_close(struct store_db *db)
{
	int i;

	if (!db)
		return;
	for (i = 0; i < STMTS; i++)
		sqlite3_finalize(db->stmts[i]);
	sqlite3_close(db->sql);
	free(db->path);
	free(db);
}
