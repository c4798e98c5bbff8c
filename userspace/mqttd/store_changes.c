// SPDX-License-Identifier: MIT
/*
 * The store's front: changes from any thread, copied into records.
 */
#include <pthread.h>
#include <string.h>

#include "store_impl.h"

/* Parts of messages up to this size are copied, of longer ones the blob is kept. */
#define COPY_MAX	4096

/* The group that a thread is in. */
static __thread struct {
	unsigned int depth;
	u64 last;
} group;

void store_begin(struct store *store)
{
	if (!store->db || group.depth++)
		return;
	group.last = 0;
	pthread_rwlock_rdlock(&store->groups);
}

u64 store_end(struct store *store)
{
	if (!store->db)
		return 0;
	if (!--group.depth)
		pthread_rwlock_unlock(&store->groups);
	return group.last;
}

/*
 * With the lock held, a record of @size bytes in what is pending; without
 * memory, NULL and the lock is no longer held.
 */
static void *change_locked(struct store *store, enum store_op op, size_t size)
{
	struct store_chunk *spare = store->spare;
	struct store_record *rec;

	rec = batch_append(&store->pending, &store->spare, op, size);
	if (!rec)
		pthread_mutex_unlock(&store->lock);
	else if (store->spare != spare)
		store->n_spare--;
	return rec;
}

/* To be ended by change_end(). */
static void *change_begin(struct store *store, enum store_op op, size_t size)
{
	pthread_mutex_lock(&store->lock);
	return change_locked(store, op, size);
}

static u64 change_end(struct store *store)
{
	u64 number = ++store->last;

	store->pending.number = number;
	store_set_full(store);
	if (store->waiting) {
		store->waiting = false;
		pthread_cond_signal(&store->work);
	}
	pthread_mutex_unlock(&store->lock);
	if (group.depth)
		group.last = number;
	return number;
}

/* A change that is told by the record alone. */
static u64 change(struct store *store, enum store_op op, u64 key, u64 seq, u16 packet_id,
		  u8 state)
{
	struct store_record *rec;

	if (!store->db)
		return 1;
	rec = change_begin(store, op, sizeof(*rec));
	if (!rec)
		return 0;
	rec->key = key;
	rec->seq = seq;
	rec->packet_id = packet_id;
	rec->state = state;
	return change_end(store);
}

/* A copy of bytes at the tail, which moves behind them. */
static const void *copy(u8 **tail, const void *bytes, size_t len)
{
	void *to = *tail;

	if (!bytes)
		return NULL;
	memcpy(to, bytes, len);
	*tail += len;
	return to;
}

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static bool by_reference(const struct blob *blob, size_t len)
{
	return blob && len > COPY_MAX;
}

/* Bytes that copy_message() needs behind the record. */
static size_t message_size(const struct stored *msg)
{
	size_t size = text_size(msg->client_id) + text_size(msg->username) + msg->topic_len;

	if (!by_reference(msg->properties_blob, msg->properties_len))
		size += msg->properties_len;
	if (!by_reference(msg->blob, msg->payload_len))
		size += msg->payload_len;
	return size;
}

/* Returns a reference, or copies the bytes if it would not be worth one. */
static struct blob *copy_part(const u8 **part, size_t len, struct blob *blob, u8 **tail)
{
	if (by_reference(blob, len))
		return blob_get(blob);
	*part = copy(tail, *part, len);
	return NULL;
}

static void copy_message(struct stored *to, const struct stored *msg, u8 **tail)
{
	*to = *msg;
	to->client_id = copy(tail, msg->client_id, text_size(msg->client_id));
	to->username = copy(tail, msg->username, text_size(msg->username));
	to->topic = copy(tail, msg->topic, msg->topic_len);
	to->properties_blob = copy_part(&to->properties, msg->properties_len,
					msg->properties_blob, tail);
	to->blob = copy_part(&to->payload, msg->payload_len, msg->blob, tail);
}

u64 store_session_put(struct store *store, u64 key, const struct store_session *session)
{
	const struct stored *will = session->will;
	struct store_record_session *rec;
	size_t size = sizeof(*rec);
	u8 *tail;

	if (!store->db)
		return 1;
	size += text_size(session->client_id) + text_size(session->username);
	if (will)
		size += message_size(will);
	rec = change_begin(store, STORE_SESSION_PUT, size);
	if (!rec)
		return 0;
	tail = (u8 *)(rec + 1);
	rec->head.key = key;
	rec->session = *session;
	rec->session.client_id = copy(&tail, session->client_id, text_size(session->client_id));
	rec->session.username = copy(&tail, session->username, text_size(session->username));
	rec->will = (struct stored){};
	if (will) {
		copy_message(&rec->will, will, &tail);
		rec->session.will = &rec->will;
		store->pending.bytes += batch_referred(&rec->will);
	}
	return change_end(store);
}

u64 store_session_del(struct store *store, u64 key)
{
	return change(store, STORE_SESSION_DEL, key, 0, 0, 0);
}

static u64 change_sub(struct store *store, enum store_op op, u64 key, const struct store_sub *sub)
{
	struct store_record_sub *rec;
	u8 *tail;

	if (!store->db)
		return 1;
	rec = change_begin(store, op, sizeof(*rec) + sub->len);
	if (!rec)
		return 0;
	tail = (u8 *)(rec + 1);
	rec->head.key = key;
	rec->sub = *sub;
	rec->sub.filter = copy(&tail, sub->filter, sub->len);
	return change_end(store);
}

u64 store_sub_put(struct store *store, u64 key, const struct store_sub *sub)
{
	return change_sub(store, STORE_SUB_PUT, key, sub);
}

u64 store_sub_del(struct store *store, u64 key, const u8 *filter, size_t len)
{
	struct store_sub sub = { .filter = filter, .len = len };

	return change_sub(store, STORE_SUB_DEL, key, &sub);
}

/* Somebody may have put it: what is told waits for that as well. */
static u64 already_there(struct store *store)
{
	u64 number = store->last;

	pthread_mutex_unlock(&store->lock);
	return number ? number : 1;
}

u64 store_message_put(struct store *store, struct stored *msg)
{
	struct store_record_message *rec;
	size_t size;
	u8 *tail;

	if (!store->db)
		return 1;
	size = message_size(msg);
	pthread_mutex_lock(&store->lock);
	if (msg->id)
		return already_there(store);
	rec = change_locked(store, STORE_MESSAGE_PUT, sizeof(*rec) + size);
	if (!rec)
		return 0;
	msg->store = store;
	msg->id = store->next_id++;
	tail = (u8 *)(rec + 1);
	rec->head.key = msg->id;
	copy_message(&rec->msg, msg, &tail);
	store->pending.bytes += batch_referred(&rec->msg);
	return change_end(store);
}

u64 store_message_del(struct store *store, u64 id)
{
	return change(store, STORE_MESSAGE_DEL, id, 0, 0, 0);
}

u64 store_entry_put(struct store *store, u64 key, const struct store_entry *entry)
{
	struct store_record_entry *rec;
	size_t ids = entry->n_ids * sizeof(*entry->ids);
	u8 *tail;

	if (!store->db)
		return 1;
	rec = change_begin(store, STORE_ENTRY_PUT, sizeof(*rec) + ids + text_size(entry->share));
	if (!rec)
		return 0;
	tail = (u8 *)(rec + 1);
	rec->head.key = key;
	rec->head.seq = entry->seq;
	rec->entry = *entry;
	rec->entry.ids = copy(&tail, entry->ids, ids);
	rec->entry.share = copy(&tail, entry->share, text_size(entry->share));
	return change_end(store);
}

u64 store_entry_state(struct store *store, u64 key, u64 seq, u16 packet_id, u8 state)
{
	return change(store, STORE_ENTRY_STATE, key, seq, packet_id, state);
}

u64 store_entry_del(struct store *store, u64 key, u64 seq)
{
	return change(store, STORE_ENTRY_DEL, key, seq, 0, 0);
}

u64 store_incoming_put(struct store *store, u64 key, u16 packet_id)
{
	return change(store, STORE_INCOMING_PUT, key, 0, packet_id, 0);
}

u64 store_incoming_del(struct store *store, u64 key, u16 packet_id)
{
	return change(store, STORE_INCOMING_DEL, key, 0, packet_id, 0);
}

u64 store_incoming_clear(struct store *store, u64 key)
{
	return change(store, STORE_INCOMING_CLEAR, key, 0, 0, 0);
}

static u64 change_retained(struct store *store, enum store_op op, const u8 *topic, size_t len,
			   u64 message)
{
	struct store_record_retained *rec;
	u8 *tail;

	if (!store->db)
		return 1;
	rec = change_begin(store, op, sizeof(*rec) + len);
	if (!rec)
		return 0;
	tail = (u8 *)(rec + 1);
	rec->topic = copy(&tail, topic, len);
	rec->len = len;
	rec->message = message;
	return change_end(store);
}

u64 store_retained_put(struct store *store, const struct stored *msg)
{
	return change_retained(store, STORE_RETAINED_PUT, msg->topic, msg->topic_len, msg->id);
}

u64 store_retained_del(struct store *store, const u8 *topic, size_t len)
{
	return change_retained(store, STORE_RETAINED_DEL, topic, len, 0);
}

static u64 change_ban(struct store *store, enum store_op op, const struct store_ban *ban)
{
	struct store_record_ban *rec;
	u8 *tail;

	if (!store->db)
		return 1;
	rec = change_begin(store, op,
			   sizeof(*rec) + text_size(ban->network) + text_size(ban->why));
	if (!rec)
		return 0;
	tail = (u8 *)(rec + 1);
	rec->ban = *ban;
	rec->ban.network = copy(&tail, ban->network, text_size(ban->network));
	rec->ban.why = copy(&tail, ban->why, text_size(ban->why));
	return change_end(store);
}

u64 store_ban_put(struct store *store, const struct store_ban *ban)
{
	return change_ban(store, STORE_BAN_PUT, ban);
}

u64 store_ban_del(struct store *store, const char *network)
{
	const struct store_ban ban = { .network = network };

	return change_ban(store, STORE_BAN_DEL, &ban);
}

u64 store_access(struct store *store, const struct store_access *rows, size_t n)
{
	struct store_record_access *rec;
	size_t size = n * sizeof(*rows), i;
	struct store_access *to;
	u8 *tail;

	if (!store->db)
		return 1;
	for (i = 0; i < n; i++)
		size += text_size(rows[i].name) + text_size(rows[i].other);
	rec = change_begin(store, STORE_ACCESS, sizeof(*rec) + size);
	if (!rec)
		return 0;
	to = (struct store_access *)(rec + 1);
	tail = (u8 *)(to + n);
	rec->n = n;
	rec->rows = to;
	for (i = 0; i < n; i++, to++) {
		*to = rows[i];
		to->name = copy(&tail, rows[i].name, text_size(rows[i].name));
		to->other = copy(&tail, rows[i].other, text_size(rows[i].other));
	}
	return change_end(store);
}
