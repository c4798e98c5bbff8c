// SPDX-License-Identifier: MIT
/*
 * Records to rows.
 */
#include <stdlib.h>
#include <string.h>

#include "store_sqlite.h"

/*
 * Parameters of one statement, bound one after the other; the first that cannot
 * be bound is the result.
 */
struct binding {
	sqlite3_stmt *stmt;
	int i;
	int ret;
};

static struct binding bind(struct store_db *db, enum store_statement which)
{
	return (struct binding){ .stmt = db->stmts[which] };
}

static void bind_number(struct binding *b, u64 number)
{
	if (!b->ret)
		b->ret = sqlite3_bind_int64(b->stmt, ++b->i, number);
}

static void bind_string(struct binding *b, const void *text, size_t len)
{
	if (!b->ret)
		b->ret = sqlite3_bind_text(b->stmt, ++b->i, len ? text : "", len, SQLITE_STATIC);
}

/* Terminated, or NULL */
static void bind_text(struct binding *b, const char *text)
{
	if (!b->ret)
		b->ret = sqlite3_bind_text(b->stmt, ++b->i, text, -1, SQLITE_STATIC);
}

static void bind_bytes(struct binding *b, const void *bytes, size_t len)
{
	if (!b->ret)
		b->ret = sqlite3_bind_blob(b->stmt, ++b->i, len ? bytes : "", len, SQLITE_STATIC);
}

static int step(struct store_db *db, enum store_statement which, const struct binding *b)
{
	return b->ret ? b->ret : store_db_step(db, which);
}

/* For statements whose parameters are the session, or it and something else. */
static int apply_key(struct store_db *db, enum store_statement which, u64 key)
{
	struct binding b = bind(db, which);

	bind_number(&b, key);
	return step(db, which, &b);
}

static int apply_pair(struct store_db *db, enum store_statement which, u64 key, u64 other)
{
	struct binding b = bind(db, which);

	bind_number(&b, key);
	bind_number(&b, other);
	return step(db, which, &b);
}

/* Columns "expires" to "payload"; a large payload is only room for it. */
static void bind_message(struct binding *b, const struct stored *msg)
{
	bind_number(b, msg->expires);
	bind_number(b, msg->qos);
	bind_text(b, msg->client_id);
	bind_text(b, msg->username);
	bind_string(b, msg->topic, msg->topic_len);
	bind_bytes(b, msg->properties, msg->properties_len);
	if (msg->payload_len <= PAYLOAD_PIECE)
		bind_bytes(b, msg->payload, msg->payload_len);
	else if (!b->ret)
		b->ret = sqlite3_bind_zeroblob64(b->stmt, ++b->i, msg->payload_len);
}

/* In pieces: SQLite would make a copy of a row. */
static int write_payload(struct store_db *db, const char *table, u64 row, const struct stored *msg)
{
	sqlite3_blob *blob = NULL;
	u32 offset, n;
	int ret, err;

	if (msg->payload_len <= PAYLOAD_PIECE)
		return SQLITE_OK;
	ret = sqlite3_blob_open(db->sql, "main", table, "payload", row, 1, &blob);
	for (offset = 0; !ret && offset < msg->payload_len; offset += n) {
		n = msg->payload_len - offset;
		if (n > PAYLOAD_PIECE)
			n = PAYLOAD_PIECE;
		ret = sqlite3_blob_write(blob, msg->payload + offset, n, offset);
	}
	err = sqlite3_blob_close(blob);
	return ret ? ret : err;
}

static int apply_message(struct store_db *db, const struct store_record *rec)
{
	const struct stored *msg = &((const struct store_record_message *)rec)->msg;
	struct binding b = bind(db, STMT_MESSAGE_PUT);
	int ret;

	bind_number(&b, rec->key);
	bind_message(&b, msg);
	ret = step(db, STMT_MESSAGE_PUT, &b);
	return ret ? ret : write_payload(db, "message", rec->key, msg);
}

static int apply_will(struct store_db *db, u64 key, const struct store_session *session)
{
	struct binding b = bind(db, STMT_WILL_PUT);
	int ret;

	if (!session->will)
		return apply_key(db, STMT_WILL_DEL, key);
	bind_number(&b, key);
	bind_number(&b, session->will_at);
	bind_number(&b, session->will_retain);
	bind_message(&b, session->will);
	ret = step(db, STMT_WILL_PUT, &b);
	return ret ? ret : write_payload(db, "will", key, session->will);
}

static int apply_session(struct store_db *db, const struct store_record *rec)
{
	const struct store_session *session = &((const struct store_record_session *)rec)->session;
	struct binding b = bind(db, STMT_SESSION_PUT);
	int ret;

	bind_number(&b, rec->key);
	bind_text(&b, session->client_id);
	bind_text(&b, session->username);
	bind_number(&b, session->protocol);
	bind_number(&b, session->expiry);
	bind_number(&b, session->expires);
	bind_number(&b, session->owned);
	ret = step(db, STMT_SESSION_PUT, &b);
	return ret ? ret : apply_will(db, rec->key, session);
}

static int apply_session_del(struct store_db *db, const struct store_record *rec)
{
	static const enum store_statement all[] = {
		STMT_SESSION_DEL, STMT_WILL_DEL, STMT_SUBS_DEL, STMT_ENTRIES_DEL,
		STMT_INCOMING_CLEAR,
	};
	int ret = SQLITE_OK;
	size_t i;

	for (i = 0; !ret && i < sizeof(all) / sizeof(all[0]); i++)
		ret = apply_key(db, all[i], rec->key);
	return ret;
}

static int apply_sub(struct store_db *db, const struct store_record *rec)
{
	const struct store_sub *sub = &((const struct store_record_sub *)rec)->sub;
	struct binding b = bind(db, STMT_SUB_PUT);

	bind_number(&b, rec->key);
	bind_string(&b, sub->filter, sub->len);
	bind_number(&b, sub->options);
	bind_number(&b, sub->id);
	return step(db, STMT_SUB_PUT, &b);
}

static int apply_sub_del(struct store_db *db, const struct store_record *rec)
{
	const struct store_sub *sub = &((const struct store_record_sub *)rec)->sub;
	struct binding b = bind(db, STMT_SUB_DEL);

	bind_number(&b, rec->key);
	bind_string(&b, sub->filter, sub->len);
	return step(db, STMT_SUB_DEL, &b);
}

static u8 *encode_ids(const struct store_entry *entry)
{
	u8 *bytes = malloc(4 * (size_t)entry->n_ids), *p = bytes;
	u32 i;

	for (i = 0; bytes && i < entry->n_ids; i++) {
		*p++ = entry->ids[i];
		*p++ = entry->ids[i] >> 8;
		*p++ = entry->ids[i] >> 16;
		*p++ = entry->ids[i] >> 24;
	}
	return bytes;
}

static int apply_entry(struct store_db *db, const struct store_record *rec)
{
	const struct store_entry *entry = &((const struct store_record_entry *)rec)->entry;
	struct binding b = bind(db, STMT_ENTRY_PUT);
	u8 *ids = NULL;

	if (entry->n_ids) {
		ids = encode_ids(entry);
		if (!ids)
			return SQLITE_NOMEM;
	}
	bind_number(&b, rec->key);
	bind_number(&b, entry->seq);
	bind_number(&b, entry->message);
	bind_number(&b, entry->packet_id);
	bind_number(&b, entry->qos);
	bind_number(&b, entry->state);
	bind_number(&b, entry->retain);
	bind_text(&b, entry->share);
	/* Bound until the next entry, so SQLite gets what it can free */
	if (!b.ret)
		b.ret = sqlite3_bind_blob(b.stmt, ++b.i, ids, 4 * entry->n_ids, free);
	else
		free(ids);
	return step(db, STMT_ENTRY_PUT, &b);
}

static int apply_entry_state(struct store_db *db, const struct store_record *rec)
{
	struct binding b = bind(db, STMT_ENTRY_STATE);

	bind_number(&b, rec->key);
	bind_number(&b, rec->seq);
	bind_number(&b, rec->packet_id);
	bind_number(&b, rec->state);
	return step(db, STMT_ENTRY_STATE, &b);
}

static int apply_retained(struct store_db *db, const struct store_record *rec)
{
	const struct store_record_retained *r = (const struct store_record_retained *)rec;
	enum store_statement which = rec->op == STORE_RETAINED_PUT ? STMT_RETAINED_PUT :
								     STMT_RETAINED_DEL;
	struct binding b = bind(db, which);

	bind_string(&b, r->topic, r->len);
	if (which == STMT_RETAINED_PUT)
		bind_number(&b, r->message);
	return step(db, which, &b);
}

static int apply_ban(struct store_db *db, const struct store_record *rec)
{
	const struct store_ban *ban = &((const struct store_record_ban *)rec)->ban;
	enum store_statement which = rec->op == STORE_BAN_PUT ? STMT_BAN_PUT : STMT_BAN_DEL;
	struct binding b = bind(db, which);

	bind_text(&b, ban->network);
	if (which == STMT_BAN_PUT) {
		bind_number(&b, ban->since);
		bind_number(&b, ban->until);
		bind_text(&b, ban->why);
	}
	return step(db, which, &b);
}

static int apply_access_row(struct store_db *db, const struct store_access *row)
{
	static const enum store_statement statements[] = {
		[STORE_ACCESS_PUT]	= STMT_ACCESS_PUT,
		[STORE_ACCESS_DEL]	= STMT_ACCESS_DEL,
		[STORE_ACCESS_CLEAR]	= STMT_ACCESS_CLEAR,
	};
	enum store_statement which = statements[row->op];
	struct binding b = bind(db, which);

	bind_number(&b, row->kind);
	bind_text(&b, row->name);
	if (which != STMT_ACCESS_CLEAR) {
		bind_text(&b, row->other ? row->other : "");
		bind_number(&b, row->access);
	}
	if (which == STMT_ACCESS_PUT) {
		bind_number(&b, row->action);
		bind_number(&b, row->priority);
	}
	return step(db, which, &b);
}

static int apply_access(struct store_db *db, const struct store_record *rec)
{
	const struct store_record_access *r = (const struct store_record_access *)rec;
	int ret = SQLITE_OK;
	size_t i;

	for (i = 0; i < r->n && !ret; i++)
		ret = apply_access_row(db, &r->rows[i]);
	return ret;
}

int store_db_apply(struct store_db *db, const struct store_record *rec)
{
	switch ((enum store_op)rec->op) {
	case STORE_SESSION_PUT:
		return apply_session(db, rec);
	case STORE_SESSION_DEL:
		return apply_session_del(db, rec);
	case STORE_SUB_PUT:
		return apply_sub(db, rec);
	case STORE_SUB_DEL:
		return apply_sub_del(db, rec);
	case STORE_MESSAGE_PUT:
		return apply_message(db, rec);
	case STORE_MESSAGE_DEL:
		return apply_key(db, STMT_MESSAGE_DEL, rec->key);
	case STORE_ENTRY_PUT:
		return apply_entry(db, rec);
	case STORE_ENTRY_STATE:
		return apply_entry_state(db, rec);
	case STORE_ENTRY_DEL:
		return apply_pair(db, STMT_ENTRY_DEL, rec->key, rec->seq);
	case STORE_INCOMING_PUT:
		return apply_pair(db, STMT_INCOMING_PUT, rec->key, rec->packet_id);
	case STORE_INCOMING_DEL:
		return apply_pair(db, STMT_INCOMING_DEL, rec->key, rec->packet_id);
	case STORE_INCOMING_CLEAR:
		return apply_key(db, STMT_INCOMING_CLEAR, rec->key);
	case STORE_RETAINED_PUT:
	case STORE_RETAINED_DEL:
		return apply_retained(db, rec);
	case STORE_BAN_PUT:
	case STORE_BAN_DEL:
		return apply_ban(db, rec);
	case STORE_ACCESS:
		return apply_access(db, rec);
	case STORE_OPS:
		break;
	}
	return SQLITE_MISUSE;
}
