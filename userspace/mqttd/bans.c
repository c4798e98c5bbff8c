// SPDX-License-Identifier: MIT
/*
 * Bans: a table of networks, which is asked once for each length that there is. Hashes
 * are keyed, as addresses are chosen by others.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>
#include <linux/random.h>
#include <linux/siphash.h>

#include "bans.h"
#include "hash.h"
#include "log.h"
#include "security.h"
#include "store.h"
#include "stored.h"

#define LENGTHS 129
/* So many end at a time. */
#define ENDING_MAX 64

/**
 * struct ban - one of them
 * @node: in the table, by @info.prefix
 * @info: what there is to say; @refused is counted by any thread
 * @automatic: nobody has asked for it
 */
struct ban {
	struct hash_node node;
	struct ban_info info;
	bool automatic;
};

/**
 * struct bans - all of them
 * @lock: protects the rest but for constants and @count
 * @count: how many; any thread
 * @generation: see bans_generation(); any thread
 * @table: struct ban
 * @automatic: how many of them
 * @lengths: how many have this length
 * @key: of the table; constant
 * @store: where changes go, or NULL
 * @security: whom to tell; constant
 * @exempt: networks that are not banned; constant
 * @n_exempt: how many
 */
struct bans {
	pthread_rwlock_t lock;
	size_t count;
	unsigned int generation;
	struct hash_table table;
	size_t automatic;
	uint32_t lengths[LENGTHS];
	siphash_key_t key;
	struct store *store;
	struct security *security;
	struct prefix *exempt;
	size_t n_exempt;
};

/* --- exempt networks ------------------------------------------------------------- */

static int add_exempt(struct bans *bans, const char *text)
{
	struct prefix *more;

	more = realloc(bans->exempt, (bans->n_exempt + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	bans->exempt = more;
	return prefix_parse(&more[bans->n_exempt++], text, 128);
}

static int parse_exempt(struct bans *bans, const char *list)
{
	char *copy = strdup(list ? list : ""), *rest = NULL, *word;
	int err = copy ? 0 : -ENOMEM;

	for (word = copy ? strtok_r(copy, " \t", &rest) : NULL; word && !err;
	     word = strtok_r(NULL, " \t", &rest))
		err = add_exempt(bans, word);
	free(copy);
	return err;
}

static bool is_exempt(const struct bans *bans, const struct prefix *prefix)
{
	size_t i;

	for (i = 0; i < bans->n_exempt; i++)
		if (prefix_covers(&bans->exempt[i], prefix))
			return true;
	return false;
}

bool bans_exempt(const struct bans *bans, const struct sockaddr *address)
{
	struct prefix prefix;

	return bans && prefix_of(&prefix, address) && is_exempt(bans, &prefix);
}

/* --- the table --------------------------------------------------------------------- */

static uint64_t hash_of(const struct bans *bans, const struct prefix *prefix)
{
	uint8_t bytes[sizeof(prefix->address) + 1];

	memcpy(bytes, &prefix->address, sizeof(prefix->address));
	bytes[sizeof(prefix->address)] = prefix->len;
	return siphash(bytes, sizeof(bytes), &bans->key);
}

static struct ban *find_locked(const struct bans *bans, const struct prefix *prefix)
{
	struct hash_node *node = hash_first(&bans->table, hash_of(bans, prefix));

	for (; node; node = hash_next(node)) {
		struct ban *ban = container_of(node, struct ban, node);

		if (ban->info.prefix.len == prefix->len &&
		    IN6_ARE_ADDR_EQUAL(&ban->info.prefix.address, &prefix->address))
			return ban;
	}
	return NULL;
}

static bool is_over(const struct ban *ban, uint64_t now)
{
	return ban->info.until && ban->info.until <= now;
}

/* The longest one that is in force. @prefix: an address; is cut. */
static struct ban *match_locked(const struct bans *bans, struct prefix *prefix)
{
	uint64_t now = stored_now();
	struct ban *ban;
	int len;

	for (len = LENGTHS - 1; len >= 0; len--) {
		if (!bans->lengths[len])
			continue;
		prefix_cut(prefix, len);
		ban = find_locked(bans, prefix);
		if (ban && !is_over(ban, now))
			return ban;
	}
	return NULL;
}

bool bans_refuse(struct bans *bans, const struct sockaddr *address)
{
	struct prefix prefix;
	struct ban *ban;

	if (!bans || !__atomic_load_n(&bans->count, __ATOMIC_RELAXED) ||
	    !prefix_of(&prefix, address) || is_exempt(bans, &prefix))
		return false;
	pthread_rwlock_rdlock(&bans->lock);
	ban = match_locked(bans, &prefix);
	if (ban)
		__atomic_fetch_add(&ban->info.refused, 1, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&bans->lock);
	return ban;
}

static int insert_locked(struct bans *bans, struct ban *ban)
{
	int err;

	if (bans->table.count >= BANS_MAX ||
	    (ban->automatic && bans->automatic >= BANS_AUTOMATIC_MAX))
		return -ENOSPC;
	err = hash_add(&bans->table, &ban->node, hash_of(bans, &ban->info.prefix));
	if (err)
		return err;
	bans->lengths[ban->info.prefix.len]++;
	bans->automatic += ban->automatic;
	__atomic_store_n(&bans->count, bans->table.count, __ATOMIC_RELAXED);
	return 0;
}

/* For free(). */
static struct ban *remove_locked(struct bans *bans, struct ban *ban)
{
	hash_del(&bans->table, &ban->node);
	bans->lengths[ban->info.prefix.len]--;
	bans->automatic -= ban->automatic;
	__atomic_store_n(&bans->count, bans->table.count, __ATOMIC_RELAXED);
	return ban;
}

/* --- telling ------------------------------------------------------------------------- */

/* Without memory it is as before after the next start, as the log says. */
static void store_locked(struct bans *bans, const struct ban_info *info, bool gone)
{
	struct store_ban row = {
		.why = info->why, .since = info->since, .until = info->until,
	};
	char network[PREFIX_MAX];

	if (!bans->store)
		return;
	prefix_format(network, &info->prefix);
	row.network = network;
	if (!(gone ? store_ban_del(bans->store, network) : store_ban_put(bans->store, &row)))
		log_limited(LOG_TYPE_ERROR, "Error: the ban of %s cannot be stored: out of memory.",
			    network);
}

static void tell(struct bans *bans, const struct ban_info *info, const char *what)
{
	char network[PREFIX_MAX];

	prefix_format(network, &info->prefix);
	security_event(bans->security, &(struct security_event){
		.kind = SECURITY_BAN, .why = what, .address = network, .at = info->until / 1000,
		.subject = info->why });
	log_limited(LOG_TYPE_NOTICE, "%s %s: %s.", network, what, info->why);
}

/* --- changes ------------------------------------------------------------------------- */

/* -EALREADY: there is one that nobody but the operator changes. */
static int replace_locked(struct bans *bans, struct ban *ban)
{
	struct ban *old = find_locked(bans, &ban->info.prefix);
	int err;

	if (old && ban->automatic && !is_over(old, ban->info.since))
		return -EALREADY;
	if (old)
		remove_locked(bans, old);
	err = insert_locked(bans, ban);
	if (err && old) {
		/* Its place is still there. */
		insert_locked(bans, old);
		return err;
	}
	if (!err)
		store_locked(bans, &ban->info, false);
	free(old);
	return err;
}

int bans_add(struct bans *bans, const struct prefix *prefix, uint64_t until, const char *why,
	     bool automatic)
{
	struct ban_info info = { .prefix = *prefix, .since = stored_now(), .until = until };
	struct ban *ban;
	int err;

	if (is_exempt(bans, prefix))
		return -EPERM;
	ban = calloc(1, sizeof(*ban));
	if (!ban)
		return -ENOMEM;
	snprintf(info.why, sizeof(info.why), "%s", why);
	ban->info = info;
	ban->automatic = automatic;
	pthread_rwlock_wrlock(&bans->lock);
	err = replace_locked(bans, ban);
	pthread_rwlock_unlock(&bans->lock);
	if (err) {
		free(ban);
		return err == -EALREADY ? 0 : err;
	}
	__atomic_fetch_add(&bans->generation, 1, __ATOMIC_RELEASE);
	tell(bans, &info, "was banned");
	return 0;
}

int bans_del(struct bans *bans, const struct prefix *prefix)
{
	struct ban *ban;

	pthread_rwlock_wrlock(&bans->lock);
	ban = find_locked(bans, prefix);
	if (ban) {
		remove_locked(bans, ban);
		store_locked(bans, &ban->info, true);
	}
	pthread_rwlock_unlock(&bans->lock);
	if (!ban)
		return -ENOENT;
	tell(bans, &ban->info, "is no longer banned");
	free(ban);
	return 0;
}

unsigned int bans_generation(const struct bans *bans)
{
	return bans ? __atomic_load_n(&bans->generation, __ATOMIC_ACQUIRE) : 0;
}

/**
 * struct ending - looking for those whose time has come
 * @now: milliseconds of CLOCK_REALTIME
 * @n: how many there are
 * @found: them
 */
struct ending {
	uint64_t now;
	size_t n;
	struct ban *found[ENDING_MAX];
};

static int find_over(struct hash_node *node, void *ctx)
{
	struct ban *ban = container_of(node, struct ban, node);
	struct ending *ending = ctx;

	if (is_over(ban, ending->now))
		ending->found[ending->n++] = ban;
	return ending->n == ENDING_MAX;
}

/* None of those that are over refuses anybody, but others may want their places. */
bool bans_expire(struct bans *bans)
{
	struct ending ending = { .now = stored_now() };
	size_t i;

	if (!bans || !__atomic_load_n(&bans->count, __ATOMIC_RELAXED))
		return false;
	pthread_rwlock_wrlock(&bans->lock);
	hash_visit(&bans->table, find_over, &ending);
	for (i = 0; i < ending.n; i++) {
		remove_locked(bans, ending.found[i]);
		store_locked(bans, &ending.found[i]->info, true);
	}
	pthread_rwlock_unlock(&bans->lock);
	for (i = 0; i < ending.n; i++) {
		tell(bans, &ending.found[i]->info, "is no longer banned");
		free(ending.found[i]);
	}
	return ending.n == ENDING_MAX;
}

/* --- all of them ----------------------------------------------------------------------- */

struct scan {
	void (*function)(void *ctx, const struct ban_info *ban);
	void *ctx;
};

static void scan_node(struct hash_node *node, void *ctx)
{
	struct scan *scan = ctx;

	scan->function(scan->ctx, &container_of(node, struct ban, node)->info);
}

size_t bans_scan(struct bans *bans, size_t cursor,
		 void (*visit)(void *ctx, const struct ban_info *ban), void *ctx)
{
	struct scan scan = { visit, ctx };

	pthread_rwlock_rdlock(&bans->lock);
	cursor = hash_scan(&bans->table, cursor, scan_node, &scan);
	pthread_rwlock_unlock(&bans->lock);
	return cursor;
}

int bans_load(struct bans *bans, const struct store_ban *row)
{
	struct ban *ban = calloc(1, sizeof(*ban));
	int err;

	if (!ban)
		return -ENOMEM;
	ban->info.since = row->since;
	ban->info.until = row->until;
	snprintf(ban->info.why, sizeof(ban->info.why), "%s", row->why);
	ban->automatic = strcmp(row->why, BAN_BY_OPERATOR);
	err = prefix_parse(&ban->info.prefix, row->network, BANS_LEN6);
	if (!err)
		err = insert_locked(bans, ban);
	if (err)
		free(ban);
	return err;
}

void bans_use_store(struct bans *bans, struct store *store)
{
	bans->store = store;
}

int bans_open(struct bans **result, const char *exempt, struct security *security)
{
	struct bans *bans = calloc(1, sizeof(*bans));
	int err;

	*result = NULL;
	if (!bans)
		return -ENOMEM;
	pthread_rwlock_init(&bans->lock, NULL);
	get_random_bytes(&bans->key, sizeof(bans->key));
	bans->security = security;
	err = parse_exempt(bans, exempt);
	if (err)
		bans_close(bans);
	else
		*result = bans;
	return err;
}

static void drop(struct hash_node *node, void *ctx)
{
	(void)ctx;
	free(container_of(node, struct ban, node));
}

void bans_close(struct bans *bans)
{
	if (!bans)
		return;
	hash_clear(&bans->table, drop, NULL);
	free(bans->exempt);
	pthread_rwlock_destroy(&bans->lock);
	free(bans);
}
