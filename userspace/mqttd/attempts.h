/* SPDX-License-Identifier: MIT */
/*
 * Attempts to authenticate that have failed: who has to wait after them, by user name and
 * address together, so that nobody can keep a user out who is elsewhere; and how many
 * there were from an address.
 *
 * After each failure answers for the pair are farther apart, whatever the number of
 * connections that ask: each takes a place in time, and what would be too far away is
 * refused unasked. Memory is constant; what has failed least and longest ago goes first.
 * Any thread.
 */
#ifndef MQTTD_ATTEMPTS_H
#define MQTTD_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

struct attempts;
struct prefix;

#define ATTEMPTS_REFUSED UINT64_MAX

/* What is long ago is forgotten, milliseconds. */
#define ATTEMPTS_FORGET	(600 * 1000)

struct attempts *attempts_new(void);		/* NULL without memory */
void attempts_free(struct attempts *attempts);	/* NULL is fine */

/**
 * attempts_begin() - when may somebody have an answer?
 * @attempts: which
 * @user: as it says it is, or NULL
 * @network: from where; IPv6 without what one party has for itself
 * @max: the longest wait, milliseconds
 * @now: milliseconds
 *
 * Return: milliseconds from now on; ATTEMPTS_REFUSED if that is more than @max.
 */
uint64_t attempts_begin(struct attempts *attempts, const char *user,
			const struct prefix *network, uint64_t max, uint64_t now);

/* What became of it. @max: as above, that answers can be apart. */
void attempts_failed(struct attempts *attempts, const char *user, const struct prefix *network,
		     uint64_t max, uint64_t now);
void attempts_succeeded(struct attempts *attempts, const char *user,
			const struct prefix *network, uint64_t now);

/*
 * One more from this address, whoever it was to be. How many there are within @within
 * milliseconds of the first; when there are @enough counting begins anew.
 */
unsigned int attempts_count(struct attempts *attempts, const struct prefix *network,
			    unsigned int enough, uint64_t within, uint64_t now);

/*
 * One more connection of this client id. How many there are within @within milliseconds of
 * the first; when there are @enough counting begins anew.
 */
unsigned int attempts_connects(struct attempts *attempts, const char *client_id,
			       unsigned int enough, uint64_t within, uint64_t now);

#endif /* MQTTD_ATTEMPTS_H */
