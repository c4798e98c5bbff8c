// SPDX-License-Identifier: MIT
/* What the tests of the store share. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "store_fixture.h"

char store_path[STORE_PATH_MAX];
char store_why[STORE_WHY_MAX];
int store_error;

static char directory[128];

int store_directory(void **state)
{
	/* Thousands of commits: not on a disk, if that can be had */
	const char *tmp = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";

	(void)state;
	snprintf(directory, sizeof(directory), "%s/store.XXXXXX", tmp);
	if (!mkdtemp(directory))
		return -errno;
	snprintf(store_path, sizeof(store_path), "%s/db", directory);
	return 0;
}

int store_directory_remove(void **state)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	(void)state;
	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	return rmdir(directory);
}

struct stored text_message(const char *topic, const char *payload)
{
	return (struct stored){
		.refs = 1,
		.topic = (const u8 *)topic,
		.topic_len = strlen(topic),
		.payload = (const u8 *)payload,
		.payload_len = strlen(payload),
		.client_id = "",
		.qos = 1,
	};
}

/* --- changes -------------------------------------------------------------- */

void put_session(struct store *store, u64 key, const char *client_id)
{
	struct store_session session = { .client_id = client_id, .expiry = 60, .protocol = 5 };

	assert_int_not_equal(store_session_put(store, key, &session), 0);
}

u64 put_message(struct store *store, const char *topic, const char *payload)
{
	struct stored msg = text_message(topic, payload);

	assert_int_not_equal(store_message_put(store, &msg), 0);
	assert_ptr_equal(msg.store, store);
	assert_int_not_equal(msg.id, 0);
	return msg.id;
}

u64 put_entry(struct store *store, u64 key, u64 seq, u64 message)
{
	struct store_entry entry = { .seq = seq, .message = message, .qos = 1 };
	u64 number = store_entry_put(store, key, &entry);

	assert_int_not_equal(number, 0);
	return number;
}

/* --- a store as text ------------------------------------------------------ */

static void print_bytes(FILE *out, const char *name, const u8 *bytes, size_t len)
{
	u32 sum = 2166136261u;
	size_t i;

	fprintf(out, " %s=", name);
	if (len <= 64) {
		for (i = 0; i < len; i++)
			fprintf(out, bytes[i] > ' ' && bytes[i] < 127 ? "%c" : "\\%02x", bytes[i]);
		return;
	}
	for (i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 16777619u;
	fprintf(out, "%zu bytes %08x", len, sum);
}

static void print_stored(FILE *out, const struct stored *msg)
{
	fprintf(out, "qos %d", msg->qos);
	if (msg->expires)
		fprintf(out, " expires %llu", msg->expires);
	print_bytes(out, "topic", msg->topic, msg->topic_len);
	print_bytes(out, "properties", msg->properties, msg->properties_len);
	print_bytes(out, "payload", msg->payload, msg->payload_len);
	if (msg->client_id)
		fprintf(out, " by=%s", msg->client_id);
	if (msg->username)
		fprintf(out, " user=%s", msg->username);
	fputc('\n', out);
}

static int load_message(void *ctx, u64 id, const struct stored *msg)
{
	FILE *out = ctx;

	assert_int_equal(id, msg->id);
	if (msg->blob)
		assert_ptr_equal(msg->payload, msg->blob->data);
	fprintf(out, "message %llu ", id);
	print_stored(out, msg);
	return 0;
}

static int load_session(void *ctx, u64 key, const struct store_session *session)
{
	FILE *out = ctx;

	fprintf(out, "session %llu %s user %s%s expiry %u expires %llu protocol %d\n", key,
		session->client_id, session->username ? session->username : "-",
		session->owned ? " owned" : "", session->expiry, session->expires,
		session->protocol);
	if (session->will) {
		fprintf(out, "will %llu at %llu retain %d ", key, session->will_at,
			session->will_retain);
		print_stored(out, session->will);
	}
	return 0;
}

static int load_sub(void *ctx, u64 key, const struct store_sub *sub)
{
	FILE *out = ctx;

	fprintf(out, "sub %llu", key);
	print_bytes(out, "filter", sub->filter, sub->len);
	fprintf(out, " options %02x id %u\n", sub->options, sub->id);
	return 0;
}

static int load_entry(void *ctx, u64 key, const struct store_entry *entry)
{
	FILE *out = ctx;
	u32 i;

	fprintf(out, "entry %llu/%llu message %llu packet %d qos %d state %d retain %d share %s",
		key, entry->seq, entry->message, entry->packet_id, entry->qos, entry->state,
		entry->retain, entry->share ? entry->share : "-");
	for (i = 0; i < entry->n_ids; i++)
		fprintf(out, " %u", entry->ids[i]);
	fputc('\n', out);
	return 0;
}

static int load_incoming(void *ctx, u64 key, u16 packet_id)
{
	fprintf(ctx, "incoming %llu %d\n", key, packet_id);
	return 0;
}

static int load_retained(void *ctx, u64 id)
{
	fprintf(ctx, "retained %llu\n", id);
	return 0;
}

static int load_ban(void *ctx, const struct store_ban *ban)
{
	fprintf(ctx, "ban %s since %llu until %llu: %s\n", ban->network, ban->since, ban->until,
		ban->why);
	return 0;
}

static int load_access(void *ctx, const struct store_access *row)
{
	fprintf(ctx, "access %d %s/%s/%d %d %u\n", row->kind, row->name, row->other, row->access,
		row->action, row->priority);
	return 0;
}

char *store_loaded_text(struct store *store)
{
	static const struct store_loader loader = {
		load_message, load_session, load_sub, load_entry, load_incoming, load_retained,
		load_ban, load_access,
	};
	char *text = NULL;
	size_t len;
	FILE *out;

	out = open_memstream(&text, &len);
	store_error = store_load(store, &loader, out, store_why);
	fclose(out);
	if (!store_error)
		return text;
	free(text);
	return NULL;
}

char *store_text(void)
{
	struct store_config config = { .path = store_path };
	struct store *store;
	char *text;

	store_error = store_open(&store, &config, store_why);
	if (store_error)
		return NULL;
	text = store_loaded_text(store);
	store_close(store);
	return text;
}

struct store *store_must_open(void)
{
	struct store_config config = { .path = store_path, .pending_max = 1 << 20 };
	struct store *store;
	char *text;

	if (store_open(&store, &config, store_why))
		fail_msg("%s", store_why);
	text = store_loaded_text(store);
	if (!text)
		fail_msg("%s", store_why);
	free(text);
	return store;
}

/* --- other ---------------------------------------------------------------- */

void store_wait(struct store *store, u64 number)
{
	if (!number)
		number = store_incoming_del(store, UINT32_MAX, 1);
	store_sync(store);
	while (store_committed(store) < number)
		usleep(100);
}

u8 *file_bytes(const char *path, size_t *len)
{
	FILE *file = fopen(path, "r");
	u8 *bytes;

	if (!file)
		return NULL;
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	*len = ftell(file);
	rewind(file);
	bytes = malloc(*len + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *len, file), *len);
	fclose(file);
	return bytes;
}

void file_write(const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	if (len)
		assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}
