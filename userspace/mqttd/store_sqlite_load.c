// SPDX-License-Identifier: MIT
/*
 * Rows to what is loaded, in one transaction: first goes what nobody will ask for
 * any more, but if anything turns out to be damaged all is left as it was.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "store_sqlite.h"

/**
 * struct load - what is going on
 * @db: where
 * @loader: whom to tell
 * @ctx: for it
 * @why: what is wrong, for who has asked
 * @key: the session whose rows are read
 */
struct load {
	struct store_db *db;
	const struct store_loader *loader;
	void *ctx;
	char *why;
	u64 key;
};

/**
 * struct row - of a statement
 * @stmt: it has one
 * @i: the next column
 * @bad: a column makes no sense
 * @nomem: there was no memory for one
 */
struct row {
	sqlite3_stmt *stmt;
	int i;
	bool bad;
	bool nomem;
};

/* --- columns -------------------------------------------------------------- */

static u64 row_number(struct row *row, u64 max)
{
	s64 number = sqlite3_column_int64(row->stmt, row->i);

	if (sqlite3_column_type(row->stmt, row->i) != SQLITE_INTEGER || number < 0 ||
	    (u64)number > max)
		row->bad = true;
	row->i++;
	return number;
}

/* A column that is not NULL has no bytes: it is empty, or there is no memory. */
static const void *no_bytes(struct row *row)
{
	if (sqlite3_errcode(sqlite3_db_handle(row->stmt)) == SQLITE_NOMEM)
		row->nomem = true;
	return "";
}

static const u8 *row_string(struct row *row, u32 *len)
{
	const u8 *text = NULL;

	if (sqlite3_column_type(row->stmt, row->i) != SQLITE_TEXT)
		row->bad = true;
	else
		text = sqlite3_column_text(row->stmt, row->i) ?: no_bytes(row);
	*len = text ? sqlite3_column_bytes(row->stmt, row->i) : 0;
	row->i++;
	return text;
}

static const u8 *row_bytes(struct row *row, u32 *len)
{
	const u8 *bytes = NULL;

	if (sqlite3_column_type(row->stmt, row->i) != SQLITE_BLOB)
		row->bad = true;
	else
		bytes = sqlite3_column_blob(row->stmt, row->i) ?: no_bytes(row);
	*len = bytes ? sqlite3_column_bytes(row->stmt, row->i) : 0;
	row->i++;
	return bytes;
}

/* Terminated, or NULL */
static const char *row_text(struct row *row)
{
	const char *text;
	u32 len;

	if (sqlite3_column_type(row->stmt, row->i) == SQLITE_NULL) {
		row->i++;
		return NULL;
	}
	text = (const char *)row_string(row, &len);
	if (text && strlen(text) != len)
		row->bad = true;
	return text;
}

/* Columns "expires" to "payload". */
static void row_message(struct row *row, struct stored *msg)
{
	msg->expires = row_number(row, INT64_MAX);
	msg->qos = row_number(row, 2);
	msg->client_id = row_text(row);
	msg->username = row_text(row);
	msg->topic = row_string(row, &msg->topic_len);
	msg->properties = row_bytes(row, &msg->properties_len);
	if (!msg->topic_len)
		row->bad = true;
}

/* The subscription identifiers of an entry, to be freed. */
static u32 *row_ids(struct row *row, u32 *n)
{
	const u8 *bytes;
	u32 len, i, *ids;

	*n = 0;
	if (sqlite3_column_type(row->stmt, row->i) == SQLITE_NULL) {
		row->i++;
		return NULL;
	}
	bytes = row_bytes(row, &len);
	if (!bytes || len % 4) {
		row->bad = true;
		return NULL;
	}
	ids = malloc(len);
	if (!ids) {
		row->nomem = true;
		return NULL;
	}
	*n = len / 4;
	for (i = 0; i < *n; i++, bytes += 4)
		ids[i] = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (u32)bytes[3] << 24;
	return ids;
}

/* --- rows ----------------------------------------------------------------- */

static int fail(struct load *load, int ret)
{
	return store_db_fail(load->db, ret, load->why);
}

static int check(struct load *load, const struct row *row, const char *table)
{
	if (row->nomem)
		return fail(load, SQLITE_NOMEM);
	if (!row->bad)
		return 0;
	snprintf(load->why, STORE_WHY_MAX, "%s is damaged: a %s makes no sense", load->db->path,
		 table);
	return -EINVAL;
}

/* Who is told may have no memory, or not like what it is told. */
static int told(struct load *load, int err, const char *what)
{
	if (err)
		snprintf(load->why, STORE_WHY_MAX, "a %s of %s cannot be loaded: %s", what,
			 load->db->path, strerror(-err));
	return err;
}

/* Calls @fn for each row, which returns 0 or -errno. @key: of the session, if it is asked for */
static int each(struct load *load, const char *query, int (*fn)(struct load *, struct row *),
		u64 key)
{
	struct row row = {};
	int ret, err = 0;

	ret = sqlite3_prepare_v2(load->db->sql, query, -1, &row.stmt, NULL);
	if (!ret && sqlite3_bind_parameter_count(row.stmt))
		ret = sqlite3_bind_int64(row.stmt, 1, key);
	while (!ret && !err) {
		ret = sqlite3_step(row.stmt);
		if (ret != SQLITE_ROW)
			break;
		ret = SQLITE_OK;
		row.i = 0;
		err = fn(load, &row);
	}
	if (ret && ret != SQLITE_DONE)
		err = fail(load, ret);
	sqlite3_finalize(row.stmt);
	return err;
}

static int read_payload(struct load *load, const char *table, u64 id, const struct stored *msg)
{
	u8 *to = msg->blob->data;
	sqlite3_blob *blob = NULL;
	u32 offset, n;
	int ret;

	ret = sqlite3_blob_open(load->db->sql, "main", table, "payload", id, 0, &blob);
	for (offset = 0; !ret && offset < msg->payload_len; offset += n) {
		n = msg->payload_len - offset;
		if (n > PAYLOAD_PIECE)
			n = PAYLOAD_PIECE;
		ret = sqlite3_blob_read(blob, to + offset, n, offset);
	}
	sqlite3_blob_close(blob);
	return ret ? fail(load, ret) : 0;
}

/* The payload's length, and itself unless it is a large one. */
#define PAYLOAD_COLUMNS	"length(payload), CASE WHEN length(payload) <= 1048576 THEN payload END"

_Static_assert(PAYLOAD_PIECE == 1048576, "as above");

/* @msg->blob is to be put, on failure too. */
static int load_message(struct load *load, struct row *row, const char *table, u64 id,
			struct stored *msg)
{
	u64 len;
	int err;

	row_message(row, msg);
	len = row_number(row, INT32_MAX);
	if (len <= PAYLOAD_PIECE)
		msg->payload = row_bytes(row, &msg->payload_len);
	err = check(load, row, table);
	if (err || len <= PAYLOAD_PIECE)
		return err;
	/* In a block of its own, which who is told may keep */
	msg->blob = blob_new(len);
	if (!msg->blob)
		return fail(load, SQLITE_NOMEM);
	msg->payload = msg->blob->data;
	msg->payload_len = len;
	return read_payload(load, table, id, msg);
}

static int each_message(struct load *load, struct row *row)
{
	struct stored msg = { .refs = 1 };
	int err;

	msg.id = row_number(row, INT64_MAX);
	err = load_message(load, row, "message", msg.id, &msg);
	if (!err)
		err = told(load, load->loader->message(load->ctx, msg.id, &msg), "message");
	blob_put(msg.blob);
	return err;
}

static int each_sub(struct load *load, struct row *row)
{
	struct store_sub sub = {};
	u32 len;
	int err;

	sub.filter = row_string(row, &len);
	sub.len = len;
	sub.options = row_number(row, UINT8_MAX);
	sub.id = row_number(row, UINT32_MAX);
	err = check(load, row, "subscription");
	if (err)
		return err;
	return told(load, load->loader->sub(load->ctx, load->key, &sub), "subscription");
}

static int each_entry(struct load *load, struct row *row)
{
	struct store_entry entry = {};
	u32 *ids;
	int err;

	entry.seq = row_number(row, INT64_MAX);
	entry.message = row_number(row, INT64_MAX);
	entry.packet_id = row_number(row, UINT16_MAX);
	entry.qos = row_number(row, 2);
	entry.state = row_number(row, UINT8_MAX);
	entry.retain = row_number(row, 1);
	entry.share = row_text(row);
	ids = row_ids(row, &entry.n_ids);
	entry.ids = ids;
	err = check(load, row, "queue entry");
	if (!err)
		err = told(load, load->loader->entry(load->ctx, load->key, &entry), "queue entry");
	free(ids);
	return err;
}

static int each_incoming(struct load *load, struct row *row)
{
	u16 packet_id = row_number(row, UINT16_MAX);
	int err = check(load, row, "packet identifier");

	if (err)
		return err;
	return told(load, load->loader->incoming(load->ctx, load->key, packet_id),
		    "packet identifier");
}

/* After the session's columns those of its will, or NULL. */
static int session_will(struct load *load, struct row *row, struct store_session *session,
			struct stored *will)
{
	if (sqlite3_column_type(row->stmt, row->i) == SQLITE_NULL)
		return check(load, row, "session");
	session->will_at = row_number(row, INT64_MAX);
	session->will_retain = row_number(row, 1);
	session->will = will;
	return load_message(load, row, "will", load->key, will);
}

static int each_session(struct load *load, struct row *row)
{
	struct store_session session = {};
	struct stored will = { .refs = 1 };
	u64 key = row_number(row, INT64_MAX);
	int err;

	load->key = key;
	session.client_id = row_text(row);
	session.username = row_text(row);
	session.protocol = row_number(row, UINT8_MAX);
	session.expiry = row_number(row, UINT32_MAX);
	session.expires = row_number(row, INT64_MAX);
	session.owned = row_number(row, 1);
	if (!session.client_id)
		row->bad = true;
	err = session_will(load, row, &session, &will);
	if (!err)
		err = told(load, load->loader->session(load->ctx, key, &session), "session");
	blob_put(will.blob);
	if (!err)
		err = each(load, "SELECT filter, options, id FROM sub WHERE session = ?", each_sub,
			   key);
	if (!err)
		err = each(load, "SELECT seq, message, packet_id, qos, state, retain, share, ids"
			   " FROM entry WHERE session = ? ORDER BY seq", each_entry, key);
	if (!err)
		err = each(load, "SELECT packet_id FROM incoming WHERE session = ?",
			   each_incoming, key);
	return err;
}

static int each_retained(struct load *load, struct row *row)
{
	u64 id = row_number(row, INT64_MAX);
	int err = check(load, row, "retained message");

	return err ? err : told(load, load->loader->retained(load->ctx, id), "retained message");
}

static int each_ban(struct load *load, struct row *row)
{
	struct store_ban ban = {};
	int err;

	ban.network = row_text(row);
	ban.since = row_number(row, INT64_MAX);
	ban.until = row_number(row, INT64_MAX);
	ban.why = row_text(row);
	if (!ban.network || !ban.why)
		row->bad = true;
	err = check(load, row, "ban");
	return err ? err : told(load, load->loader->ban(load->ctx, &ban), "ban");
}

static int each_access(struct load *load, struct row *row)
{
	struct store_access access = {};
	int err;

	access.kind = row_number(row, STORE_DEFAULT);
	access.name = row_text(row);
	access.other = row_text(row);
	access.access = row_number(row, UINT8_MAX);
	access.action = row_number(row, UINT8_MAX);
	access.priority = row_number(row, UINT32_MAX);
	if (!access.name || !access.other)
		row->bad = true;
	err = check(load, row, "permission");
	return err ? err : told(load, load->loader->access(load->ctx, &access), "permission");
}

/* --- all of it ------------------------------------------------------------ */

static int run(struct load *load, const char *query)
{
	int ret = sqlite3_exec(load->db->sql, query, NULL, NULL, NULL);

	return ret ? fail(load, ret) : 0;
}

/* What a process that was killed has not come to, and what should not happen. */
static int tidy(struct load *load)
{
	int before, err;

	before = sqlite3_total_changes(load->db->sql);
	err = run(load, "DELETE FROM entry WHERE message NOT IN (SELECT id FROM message);"
		  "DELETE FROM retained WHERE message NOT IN (SELECT id FROM message)");
	if (err)
		return err;
	before = sqlite3_total_changes(load->db->sql) - before;
	if (before)
		log_printf(LOG_TYPE_WARNING,
			   "Warning: in %s, %d queue entries or retained messages had no message",
			   load->db->path, before);
	return run(load, "DELETE FROM message WHERE id NOT IN"
		   " (SELECT message FROM entry UNION ALL SELECT message FROM retained)");
}

static int load_all(struct load *load)
{
	int err;

	err = each(load, "SELECT id, expires, qos, client_id, username, topic, properties, "
		   PAYLOAD_COLUMNS " FROM message ORDER BY id", each_message, 0);
	if (!err)
		err = each(load, "SELECT key, s.client_id, s.username, protocol, expiry, s.expires,"
			   " owned, at, retain, w.expires, qos, w.client_id, w.username, topic,"
			   " properties, " PAYLOAD_COLUMNS " FROM session AS s"
			   " LEFT JOIN will AS w ON w.session = s.key ORDER BY key",
			   each_session, 0);
	if (!err)
		err = each(load, "SELECT message FROM retained", each_retained, 0);
	if (!err)
		err = each(load, "SELECT network, since, until, why FROM ban", each_ban, 0);
	if (!err)
		err = each(load, "SELECT kind, name, other, access, action, priority"
			   " FROM access ORDER BY kind, name", each_access, 0);
	return err;
}

/* Keys of sessions that have left anything behind are not used again. */
static int last_numbers(struct load *load, u64 *last_key, u64 *last_id)
{
	int ret;

	*last_key = 0;
	*last_id = 0;
	ret = store_db_number(load->db, "SELECT max(id) FROM message", last_id);
	if (!ret)
		ret = store_db_number(load->db, "SELECT max(key) FROM ("
				      "SELECT max(key) AS key FROM session"
				      " UNION ALL SELECT max(session) FROM will"
				      " UNION ALL SELECT max(session) FROM sub"
				      " UNION ALL SELECT max(session) FROM entry"
				      " UNION ALL SELECT max(session) FROM incoming)", last_key);
	return ret ? fail(load, ret) : 0;
}

/* A full disk is not a reason to do without what was loaded. */
static void commit(struct store_db *db)
{
	int ret = store_db_step(db, STMT_COMMIT);

	if (!ret)
		return;
	log_printf(LOG_TYPE_WARNING, "Warning: %s cannot be tidied up: %s", db->path,
		   sqlite3_errmsg(db->sql));
	if (!sqlite3_get_autocommit(db->sql))
		store_db_step(db, STMT_ROLLBACK);
}

int store_db_load(struct store_db *db, const struct store_loader *loader, void *ctx,
		  u64 *last_key, u64 *last_id, char *why)
{
	struct load load = { .db = db, .loader = loader, .ctx = ctx, .why = why };
	int ret, err;

	ret = store_db_step(db, STMT_BEGIN);
	if (ret)
		return fail(&load, ret);
	err = last_numbers(&load, last_key, last_id);
	if (!err)
		err = tidy(&load);
	if (!err)
		err = load_all(&load);
	if (err) {
		if (!sqlite3_get_autocommit(db->sql))
			store_db_step(db, STMT_ROLLBACK);
		return err;
	}
	commit(db);
	/* From now on it is known to be whole: closing may bring it up to date */
	ret = sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return ret ? fail(&load, ret) : 0;
}
