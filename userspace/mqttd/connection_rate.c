// SPDX-License-Identifier: MIT
/*
 * Buckets of tokens by address. A hash chooses a row of a few; in a full row the
 * one that is nearest to being full, and so is forgotten with the least loss, has to
 * go.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <linux/siphash.h>

#include "address.h"
#include "connection_rate.h"
#include "rate.h"

#define ROWS	2048		/* a power of two */
#define COLUMNS	4

struct bucket {
	struct network network;
	uint64_t full;		/* see rate.h; 0: nobody's */
};

struct connection_rate {
	pthread_mutex_t lock;	/* protects @rows */
	siphash_key_t key;
	struct bucket rows[ROWS][COLUMNS];
};

struct connection_rate *connection_rate_new(void)
{
	struct connection_rate *limit = calloc(1, sizeof(*limit));

	if (!limit)
		return NULL;
	pthread_mutex_init(&limit->lock, NULL);
	/* Without it they are easier to drive out, no more. */
	if (getrandom(&limit->key, sizeof(limit->key), 0) < 0)
		memset(&limit->key, 0, sizeof(limit->key));
	return limit;
}

void connection_rate_free(struct connection_rate *limit)
{
	if (!limit)
		return;
	pthread_mutex_destroy(&limit->lock);
	free(limit);
}

static struct bucket *find(struct connection_rate *limit, const struct network *network)
{
	struct bucket *row, *oldest;
	unsigned int i;

	row = limit->rows[siphash(network, sizeof(*network), &limit->key) % ROWS];
	oldest = row;
	for (i = 0; i < COLUMNS; i++) {
		if (!memcmp(&row[i].network, network, sizeof(*network)))
			return &row[i];
		if (row[i].full < oldest->full)
			oldest = &row[i];
	}
	*oldest = (struct bucket){ .network = *network };
	return oldest;
}

bool connection_rate_allows(struct connection_rate *limit, const struct sockaddr *address,
			    uint64_t rate, uint64_t now)
{
	struct network network;
	struct bucket *bucket;
	bool allowed;

	address_network(&network, address);
	pthread_mutex_lock(&limit->lock);
	bucket = find(limit, &network);
	allowed = !rate_owed(bucket->full, now * 1000, rate);
	if (allowed)
		rate_charge(&bucket->full, now * 1000, rate);
	pthread_mutex_unlock(&limit->lock);
	return allowed;
}
