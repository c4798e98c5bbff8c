// SPDX-License-Identifier: MIT
/*
 * Tables of rows of a few places, which a keyed hash chooses; the whole of the hash stands
 * for who it is.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <linux/siphash.h>

#include "attempts.h"
#include "prefix.h"

#define ROWS		4096		/* a power of two */
#define COLUMNS		4
/* How far apart answers are after the first failure, milliseconds; doubled by each one. */
#define FIRST_MS	250
/* Names that begin alike are one. */
#define NAME_MAX_BYTES	256

/**
 * struct place - one who has failed
 * @hash: who, 0: nobody
 * @last: when, milliseconds
 * @next: when the next answer may be given; of an address: when counting began
 * @failures: in a row
 */
struct place {
	uint64_t hash;
	uint64_t last;
	uint64_t next;
	uint32_t failures;
};

/**
 * struct attempts - all of them
 * @lock: protects the tables
 * @key: names and addresses are chosen by others
 * @pairs: by user name and address
 * @addresses: by address
 * @clients: by client id: connections, whether they have failed or not
 */
struct attempts {
	pthread_mutex_t lock;
	siphash_key_t key;
	struct place pairs[ROWS][COLUMNS];
	struct place addresses[ROWS][COLUMNS];
	struct place clients[ROWS][COLUMNS];
};

struct attempts *attempts_new(void)
{
	struct attempts *attempts = calloc(1, sizeof(*attempts));

	if (!attempts)
		return NULL;
	pthread_mutex_init(&attempts->lock, NULL);
	get_random_bytes(&attempts->key, sizeof(attempts->key));
	return attempts;
}

void attempts_free(struct attempts *attempts)
{
	if (!attempts)
		return;
	pthread_mutex_destroy(&attempts->lock);
	free(attempts);
}

/* No name is another one than the empty one. */
static uint64_t hash_of(const struct attempts *attempts, const char *user,
			const struct prefix *network)
{
	uint8_t bytes[sizeof(network->address) + 1 + NAME_MAX_BYTES];
	size_t len = user ? strnlen(user, NAME_MAX_BYTES) : 0;

	memcpy(bytes, &network->address, sizeof(network->address));
	bytes[sizeof(network->address)] = !!user;
	memcpy(bytes + sizeof(network->address) + 1, user ? user : "", len);
	return siphash(bytes, sizeof(network->address) + 1 + len, &attempts->key) | 1;
}

static bool is_forgotten(const struct place *place, uint64_t now)
{
	return now > place->last + ATTEMPTS_FORGET && now > place->next;
}

/* NULL if there is nothing about it. */
static struct place *find(struct place *row, uint64_t hash, uint64_t now)
{
	int i;

	for (i = 0; i < COLUMNS; i++)
		if (row[i].hash == hash && !is_forgotten(&row[i], now))
			return &row[i];
	return NULL;
}

static bool goes_before(const struct place *a, const struct place *b, uint64_t now)
{
	bool a_over = !a->hash || is_forgotten(a, now), b_over = !b->hash || is_forgotten(b, now);

	if (a_over || b_over)
		return a_over && !b_over;
	return a->failures < b->failures || (a->failures == b->failures && a->last < b->last);
}

/* A place with nothing in it but whose it is. */
static struct place *take(struct place *row, uint64_t hash, uint64_t now)
{
	struct place *least = row;
	int i;

	for (i = 1; i < COLUMNS; i++)
		if (goes_before(&row[i], least, now))
			least = &row[i];
	*least = (struct place){ .hash = hash, .next = now };
	return least;
}

static struct place *row_of(struct place (*table)[COLUMNS], uint64_t hash)
{
	return table[hash / 2 % ROWS];
}

static uint64_t apart(const struct place *place, uint64_t max)
{
	unsigned int doublings = min_t(unsigned int, place->failures - 1, 20);

	return min_t(uint64_t, (uint64_t)FIRST_MS << doublings, max);
}

uint64_t attempts_begin(struct attempts *attempts, const char *user,
			const struct prefix *network, uint64_t max, uint64_t now)
{
	uint64_t hash = hash_of(attempts, user, network), wait = 0;
	struct place *place;

	pthread_mutex_lock(&attempts->lock);
	place = find(row_of(attempts->pairs, hash), hash, now);
	if (place) {
		wait = place->next > now ? place->next - now : 0;
		if (wait > max)
			wait = ATTEMPTS_REFUSED;
		else
			place->next = now + wait + apart(place, max);
	}
	pthread_mutex_unlock(&attempts->lock);
	return wait;
}

void attempts_failed(struct attempts *attempts, const char *user, const struct prefix *network,
		     uint64_t max, uint64_t now)
{
	uint64_t hash = hash_of(attempts, user, network);
	struct place *row, *place;

	pthread_mutex_lock(&attempts->lock);
	row = row_of(attempts->pairs, hash);
	place = find(row, hash, now);
	if (!place)
		place = take(row, hash, now);
	place->failures++;
	place->last = now;
	place->next = max_t(uint64_t, place->next, now + apart(place, max));
	pthread_mutex_unlock(&attempts->lock);
}

void attempts_succeeded(struct attempts *attempts, const char *user,
			const struct prefix *network, uint64_t now)
{
	uint64_t hash = hash_of(attempts, user, network);
	struct place *place;

	pthread_mutex_lock(&attempts->lock);
	place = find(row_of(attempts->pairs, hash), hash, now);
	if (place)
		*place = (struct place){};
	pthread_mutex_unlock(&attempts->lock);
}

static unsigned int count_in(struct attempts *attempts, struct place (*table)[COLUMNS],
			     uint64_t hash, unsigned int enough, uint64_t within, uint64_t now)
{
	struct place *row = row_of(table, hash), *place;
	unsigned int count;

	pthread_mutex_lock(&attempts->lock);
	place = find(row, hash, now);
	if (!place || now > place->next + within) {
		if (place)
			*place = (struct place){};
		place = take(row, hash, now);
	}
	place->last = now;
	count = ++place->failures;
	if (count >= enough)
		*place = (struct place){};
	pthread_mutex_unlock(&attempts->lock);
	return count;
}

unsigned int attempts_count(struct attempts *attempts, const struct prefix *network,
			    unsigned int enough, uint64_t within, uint64_t now)
{
	return count_in(attempts, attempts->addresses, hash_of(attempts, NULL, network), enough,
			within, now);
}

unsigned int attempts_connects(struct attempts *attempts, const char *client_id,
			       unsigned int enough, uint64_t within, uint64_t now)
{
	uint64_t hash = siphash(client_id, strlen(client_id), &attempts->key) | 1;

	return count_in(attempts, attempts->clients, hash, enough, within, now);
}
