/* SPDX-License-Identifier: MIT */
/*
 * Changes on their way to the disk: records, one behind the other in chunks that
 * never move, so that what is in a record can be pointed to.
 *
 *   pending   what workers append to, under the store's lock
 *   batch     what the store's thread has taken: one transaction
 *
 * A message that is put, delivered and deleted within one batch costs nothing on
 * disk: when the thread takes records it marks those that cancel each other, or
 * that a later one replaces, see batch_absorb().
 */
#ifndef MQTTD_STORE_BATCH_H
#define MQTTD_STORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "hash.h"
#include "store.h"
#include "stored.h"

enum store_op {
	STORE_SESSION_PUT,
	STORE_SESSION_DEL,
	STORE_SUB_PUT,
	STORE_SUB_DEL,
	STORE_MESSAGE_PUT,
	STORE_MESSAGE_DEL,
	STORE_ENTRY_PUT,
	STORE_ENTRY_STATE,
	STORE_ENTRY_DEL,
	STORE_INCOMING_PUT,
	STORE_INCOMING_DEL,
	STORE_INCOMING_CLEAR,
	STORE_RETAINED_PUT,
	STORE_RETAINED_DEL,
	STORE_BAN_PUT,
	STORE_BAN_DEL,
	STORE_ACCESS,
	STORE_OPS,
};

/**
 * struct store_record - a change; this alone, or one of the structures below
 * @node: in the batch's table, while later records may cancel it
 * @size: bytes, with all that follows
 * @op: enum store_op
 * @dead: nothing has to be done for it any more
 * @state: STORE_ENTRY_STATE
 * @packet_id: STORE_ENTRY_STATE, STORE_INCOMING_*
 * @key: the session's, or the message's id
 * @seq: STORE_ENTRY_*
 */
struct store_record {
	struct hash_node node;
	u32 size;
	u8 op;
	bool dead;
	u8 state;
	u16 packet_id;
	u64 key;
	u64 seq;
};

/* Pointers in these lead to bytes behind them, or into blobs. */

struct store_record_session {
	struct store_record head;
	struct store_session session;
	struct stored will;		/* what @session.will points to, if anything */
};

struct store_record_sub {		/* STORE_SUB_DEL too: @filter and @len only */
	struct store_record head;
	struct store_sub sub;
};

struct store_record_message {
	struct store_record head;
	struct stored msg;		/* its blobs: references, if bytes were not copied */
};

struct store_record_entry {
	struct store_record head;
	struct store_entry entry;
};

struct store_record_retained {		/* STORE_RETAINED_DEL too: without @message */
	struct store_record head;
	const u8 *topic;
	size_t len;
	u64 message;
};

struct store_record_ban {		/* STORE_BAN_DEL too: @network only */
	struct store_record head;
	struct store_ban ban;
};

struct store_record_access {
	struct store_record head;
	size_t n;
	const struct store_access *rows;
};

struct store_chunk {
	struct store_chunk *next;
	size_t size;
	size_t used;
	u8 data[] __attribute__((aligned(8)));
};

/**
 * struct store_batch - records; all zero is an empty one
 * @first: the chunks
 * @last: where records are appended
 * @bytes: of memory that the records keep, with the blobs that they refer to
 * @number: of the last record, 0: there is none
 * @live: records that are not dead; of an absorbed batch
 * @table: likewise: what later records may cancel
 */
struct store_batch {
	struct store_chunk *first;
	struct store_chunk *last;
	size_t bytes;
	u64 number;
	size_t live;
	struct hash_table table;
};

/*
 * Room for a record of @size bytes, set to zero but for @size and @op, which is
 * in the batch from now on. @spare: chunks to take before new ones are made.
 * NULL without memory.
 */
struct store_record *batch_append(struct store_batch *batch, struct store_chunk **spare,
				  enum store_op op, size_t size);

/* Bytes of @msg, in a record, that are in blobs. */
size_t batch_referred(const struct stored *msg);

/*
 * Moves the records of @more behind those of @batch, and finds out what this
 * makes superfluous: the blobs of that are let go of. The key is for topics, which
 * clients choose.
 */
void batch_absorb(struct store_batch *batch, struct store_batch *more, const siphash_key_t *key);

/* The next record that is not dead, after @prev or from the start; NULL at the end. */
struct store_record *batch_next(const struct store_batch *batch, struct store_chunk **chunk,
				struct store_record *prev);

/* Lets go of all records. Returns the chunks that can be used again. */
struct store_chunk *batch_empty(struct store_batch *batch);
void batch_free_chunks(struct store_chunk *chunks);

#endif /* MQTTD_STORE_BATCH_H */
