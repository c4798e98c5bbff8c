// SPDX-License-Identifier: MIT
/*
 * A ring of what has happened.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "incidents.h"
#include "stored.h"

struct incidents *incidents_new(void)
{
	struct incidents *incidents = calloc(1, sizeof(*incidents));

	if (incidents)
		pthread_mutex_init(&incidents->lock, NULL);
	return incidents;
}

void incidents_free(struct incidents *incidents)
{
	if (!incidents)
		return;
	pthread_mutex_destroy(&incidents->lock);
	free(incidents);
}

/* Cut where a character of UTF-8 ends. */
static void copy(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size);

	if (len == size)
		for (len--; len && (from[len] & 0xc0) == 0x80;)
			len--;
	memcpy(to, from, len);
	to[len] = '\0';
}

static void fill(struct incident *incident, const char *client_id, const char *address,
		 const char *what, const char *detail)
{
	incident->at = stored_now();
	incident->count = 1;
	incident->what = what;
	copy(incident->client_id, sizeof(incident->client_id), client_id ? client_id : "");
	copy(incident->address, sizeof(incident->address), address);
	copy(incident->detail, sizeof(incident->detail), detail ? detail : "");
}

/* Somebody's port is another one each time. */
static bool same_host(const char *a, const char *b)
{
	const char *end = strrchr(a, ':');
	size_t len = end ? (size_t)(end - a) + 1 : strlen(a) + 1;

	return !strncmp(a, b, len);
}

static bool same(const struct incident *a, const struct incident *b)
{
	return a->what == b->what && !strcmp(a->client_id, b->client_id) &&
	       !strcmp(a->detail, b->detail) && same_host(a->address, b->address);
}

void incidents_note(struct incidents *incidents, const char *client_id, const char *address,
		    const char *what, const char *detail)
{
	struct incident incident, *last;

	fill(&incident, client_id, address, what, detail);
	pthread_mutex_lock(&incidents->lock);
	last = &incidents->ring[(incidents->n - 1) % INCIDENTS_MAX];
	if (incidents->n && same(last, &incident)) {
		last->count++;
		last->at = incident.at;
	} else {
		incidents->ring[incidents->n++ % INCIDENTS_MAX] = incident;
	}
	pthread_mutex_unlock(&incidents->lock);
}

void incidents_visit(struct incidents *incidents, const char *client_id,
		     void (*visit)(void *ctx, const struct incident *incident), void *ctx)
{
	const struct incident *incident;
	char wanted[INCIDENT_ID_MAX];
	uint64_t i, n;

	copy(wanted, sizeof(wanted), client_id ? client_id : "");
	pthread_mutex_lock(&incidents->lock);
	n = incidents->n < INCIDENTS_MAX ? incidents->n : INCIDENTS_MAX;
	for (i = 1; i <= n; i++) {
		incident = &incidents->ring[(incidents->n - i) % INCIDENTS_MAX];
		if (!client_id || !strcmp(incident->client_id, wanted))
			visit(ctx, incident);
	}
	pthread_mutex_unlock(&incidents->lock);
}
