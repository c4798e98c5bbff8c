/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the store share: a directory of their own, messages, and all
 * that a store has as text.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "store.h"
#include "stored.h"

/* A new directory, with a path for a database in there; and the end of it. */
int store_directory(void **state);
int store_directory_remove(void **state);
#define STORE_PATH_MAX 256
extern char store_path[STORE_PATH_MAX];

/* Fails the test if it cannot be opened, or loaded. */
struct store *store_must_open(void);

/* All that is in it, to be freed; NULL if it cannot be opened or loaded, see store_why. */
char *store_text(void);
extern char store_why[STORE_WHY_MAX];
extern int store_error;

/* Of an open one that was not yet loaded. */
char *store_loaded_text(struct store *store);

/* Waits until the change, or all before now if it is 0, is on disk. */
void store_wait(struct store *store, u64 number);

/* A message with a topic and a payload of text, by nobody. */
struct stored text_message(const char *topic, const char *payload);

/* Changes that succeed. The message's id, the entry's number. */
void put_session(struct store *store, u64 key, const char *client_id);
u64 put_message(struct store *store, const char *topic, const char *payload);
u64 put_entry(struct store *store, u64 key, u64 seq, u64 message);

/* Bytes of a file, to be freed; NULL if there is none. */
u8 *file_bytes(const char *path, size_t *len);
void file_write(const char *path, const void *bytes, size_t len);

#endif /* STORE_FIXTURE_H */
