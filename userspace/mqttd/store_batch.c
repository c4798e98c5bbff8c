// SPDX-License-Identifier: MIT
/*
 * Records of changes, and which of them cancel each other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store_batch.h"

/* Below malloc()'s limit for memory of its own, which would be faulted in each time */
#define CHUNK_SIZE	(64u << 10)

/* --- appending ------------------------------------------------------------ */

static struct store_chunk *chunk_get(struct store_chunk **spare, size_t size)
{
	struct store_chunk *chunk = *spare;

	if (size <= CHUNK_SIZE && chunk) {
		*spare = chunk->next;
	} else {
		if (size < CHUNK_SIZE)
			size = CHUNK_SIZE;
		chunk = malloc(sizeof(*chunk) + size);
		if (!chunk)
			return NULL;
		chunk->size = size;
	}
	chunk->next = NULL;
	chunk->used = 0;
	return chunk;
}

struct store_record *batch_append(struct store_batch *batch, struct store_chunk **spare,
				  enum store_op op, size_t size)
{
	struct store_chunk *chunk = batch->last;
	struct store_record *rec;

	size = (size + 7) & ~(size_t)7;
	if (size > UINT32_MAX)
		return NULL;
	if (!chunk || chunk->size - chunk->used < size) {
		chunk = chunk_get(spare, size);
		if (!chunk)
			return NULL;
		if (batch->last)
			batch->last->next = chunk;
		else
			batch->first = chunk;
		batch->last = chunk;
	}
	rec = (struct store_record *)(chunk->data + chunk->used);
	memset(rec, 0, sizeof(*rec));
	rec->size = size;
	rec->op = op;
	chunk->used += size;
	batch->bytes += size;
	return rec;
}

/* --- walking -------------------------------------------------------------- */

static struct store_record *chunk_record(struct store_chunk *chunk, size_t offset)
{
	return (struct store_record *)(chunk->data + offset);
}

/* Dead ones too */
static struct store_record *step(const struct store_batch *batch, struct store_chunk **chunk,
				 struct store_record *prev)
{
	size_t offset;

	if (!prev) {
		*chunk = batch->first;
		return *chunk ? chunk_record(*chunk, 0) : NULL;
	}
	offset = (u8 *)prev - (*chunk)->data + prev->size;
	if (offset < (*chunk)->used)
		return chunk_record(*chunk, offset);
	*chunk = (*chunk)->next;
	return *chunk ? chunk_record(*chunk, 0) : NULL;
}

struct store_record *batch_next(const struct store_batch *batch, struct store_chunk **chunk,
				struct store_record *prev)
{
	do {
		prev = step(batch, chunk, prev);
	} while (prev && prev->dead);
	return prev;
}

/* --- what cancels what ---------------------------------------------------- */

/* What a record is about: those of one kind and key replace or cancel each other. */
static enum store_op kind(enum store_op op)
{
	static const u8 kinds[STORE_OPS] = {
		[STORE_SESSION_PUT]	= STORE_SESSION_PUT,
		[STORE_SESSION_DEL]	= STORE_SESSION_PUT,
		[STORE_SUB_PUT]		= STORE_SUB_PUT,
		[STORE_SUB_DEL]		= STORE_SUB_DEL,
		[STORE_MESSAGE_PUT]	= STORE_MESSAGE_PUT,
		[STORE_MESSAGE_DEL]	= STORE_MESSAGE_PUT,
		[STORE_ENTRY_PUT]	= STORE_ENTRY_PUT,
		[STORE_ENTRY_STATE]	= STORE_ENTRY_PUT,
		[STORE_ENTRY_DEL]	= STORE_ENTRY_PUT,
		[STORE_INCOMING_PUT]	= STORE_INCOMING_PUT,
		[STORE_INCOMING_DEL]	= STORE_INCOMING_PUT,
		[STORE_INCOMING_CLEAR]	= STORE_INCOMING_CLEAR,
		[STORE_RETAINED_PUT]	= STORE_RETAINED_PUT,
		[STORE_RETAINED_DEL]	= STORE_RETAINED_PUT,
		[STORE_BAN_PUT]		= STORE_BAN_PUT,
		[STORE_BAN_DEL]		= STORE_BAN_PUT,
		[STORE_ACCESS]		= STORE_ACCESS,
	};

	return kinds[op];
}

static const struct store_record_retained *retained(const struct store_record *rec)
{
	return (const struct store_record_retained *)rec;
}

static u64 record_hash(const struct store_record *rec, const siphash_key_t *key)
{
	u64 words[] = { rec->key, rec->seq, (u64)rec->packet_id << 8 | kind(rec->op) };

	if (kind(rec->op) == STORE_RETAINED_PUT)
		return siphash(retained(rec)->topic, retained(rec)->len, key);
	/* An entry's packet identifier is part of its state, not of its key */
	if (kind(rec->op) == STORE_ENTRY_PUT)
		words[2] = STORE_ENTRY_PUT;
	return siphash(words, sizeof(words), key);
}

static bool same(const struct store_record *a, const struct store_record *b)
{
	if (kind(a->op) != kind(b->op))
		return false;
	switch (kind(a->op)) {
	case STORE_RETAINED_PUT:
		return retained(a)->len == retained(b)->len &&
		       !memcmp(retained(a)->topic, retained(b)->topic, retained(a)->len);
	case STORE_INCOMING_PUT:
		return a->key == b->key && a->packet_id == b->packet_id;
	default:
		return a->key == b->key && a->seq == b->seq;
	}
}

static struct store_record *find(const struct store_batch *batch, const struct store_record *rec,
				 u64 hash)
{
	struct hash_node *node;

	for (node = hash_first(&batch->table, hash); node; node = hash_next(node)) {
		if (same((struct store_record *)node, rec))
			return (struct store_record *)node;
	}
	return NULL;
}

/* The message in the record, or NULL. */
static struct stored *message_of(struct store_record *rec)
{
	switch (rec->op) {
	case STORE_MESSAGE_PUT:
		return &((struct store_record_message *)rec)->msg;
	case STORE_SESSION_PUT:
		return &((struct store_record_session *)rec)->will;
	default:
		return NULL;
	}
}

size_t batch_referred(const struct stored *msg)
{
	return (msg->blob ? msg->payload_len : 0) +
	       (msg->properties_blob ? msg->properties_len : 0);
}

static void put_blobs(struct store_batch *batch, struct store_record *rec)
{
	struct stored *msg = message_of(rec);

	if (!msg)
		return;
	batch->bytes -= batch_referred(msg);
	blob_put(msg->properties_blob);
	blob_put(msg->blob);
	msg->properties_blob = NULL;
	msg->blob = NULL;
}

static void kill_record(struct store_batch *batch, struct store_record *rec)
{
	put_blobs(batch, rec);
	rec->dead = true;
	batch->live--;
}

static void kill_found(struct store_batch *batch, struct store_record *rec)
{
	hash_del(&batch->table, &rec->node);
	kill_record(batch, rec);
}

/* The state goes into the entry that is not yet on disk. */
static void fold_state(struct store_batch *batch, struct store_record *put,
		       struct store_record *state)
{
	struct store_entry *entry = &((struct store_record_entry *)put)->entry;

	entry->packet_id = state->packet_id;
	entry->state = state->state;
	kill_record(batch, state);
}

/*
 * What is new with its put (messages, entries) leaves no trace if it is deleted in
 * the same batch. Of what may be there already (sessions, incoming packet identifiers,
 * retained messages) the last change counts.
 */
static void settle(struct store_batch *batch, struct store_record *rec, const siphash_key_t *key)
{
	struct store_record *put;
	u64 hash;

	if (kind(rec->op) == STORE_SUB_PUT || kind(rec->op) == STORE_SUB_DEL ||
	    kind(rec->op) == STORE_INCOMING_CLEAR || kind(rec->op) == STORE_BAN_PUT ||
	    kind(rec->op) == STORE_ACCESS)
		return;
	hash = record_hash(rec, key);
	put = find(batch, rec, hash);
	switch (rec->op) {
	case STORE_MESSAGE_DEL:
	case STORE_ENTRY_DEL:
		if (put) {
			kill_found(batch, put);
			kill_record(batch, rec);
		}
		return;
	case STORE_ENTRY_STATE:
		if (put)
			fold_state(batch, put, rec);
		return;
	default:
		if (put)
			kill_found(batch, put);
	}
	/* It is more than the opposite of a put: it takes with it all that the session has */
	if (rec->op == STORE_SESSION_DEL)
		return;
	/* Without memory for the table it is only written although it need not be */
	hash_add(&batch->table, &rec->node, hash);
}

void batch_absorb(struct store_batch *batch, struct store_batch *more, const siphash_key_t *key)
{
	struct store_record *rec = NULL;
	struct store_chunk *chunk;

	batch->bytes += more->bytes;
	while ((rec = step(more, &chunk, rec))) {
		batch->live++;
		settle(batch, rec, key);
	}
	if (batch->last)
		batch->last->next = more->first;
	else
		batch->first = more->first;
	if (more->last)
		batch->last = more->last;
	if (more->number)
		batch->number = more->number;
	*more = (struct store_batch){};
}

/* --- the end -------------------------------------------------------------- */

static void no_drop(struct hash_node *node, void *ctx)
{
	(void)node;
	(void)ctx;
}

static void drop_blobs(struct store_batch *batch)
{
	struct store_record *rec = NULL;
	struct store_chunk *chunk;

	while ((rec = step(batch, &chunk, rec)))
		put_blobs(batch, rec);
}

struct store_chunk *batch_empty(struct store_batch *batch)
{
	struct store_chunk **link = &batch->first, *chunk, *chunks;

	drop_blobs(batch);
	hash_clear(&batch->table, no_drop, NULL);
	while ((chunk = *link)) {
		if (chunk->size > CHUNK_SIZE) {
			*link = chunk->next;
			free(chunk);
		} else {
			link = &chunk->next;
		}
	}
	chunks = batch->first;
	*batch = (struct store_batch){};
	return chunks;
}

void batch_free_chunks(struct store_chunk *chunks)
{
	struct store_chunk *next;

	for (; chunks; chunks = next) {
		next = chunks->next;
		free(chunks);
	}
}
