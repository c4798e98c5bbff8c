/* SPDX-License-Identifier: MIT */
/*
 * Addresses that are not let in: banned by the operator, or because of what has come from
 * there; and those that nobody bans. Looked at before anything is allocated for a
 * connection.
 *
 * With persistence they are in the database, too. All functions but open, load and close
 * are for any thread.
 */
#ifndef MQTTD_BANS_H
#define MQTTD_BANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "prefix.h"

struct bans;
struct security;
struct store;
struct store_ban;

/* Bans at the same time, those that are made by themselves, and all. */
#define BANS_AUTOMATIC_MAX	16384
#define BANS_MAX		65536
/* The network of an IPv6 address that is banned: it is one party's. */
#define BANS_LEN6		64

#define BAN_WHY_MAX		64
#define BAN_BY_OPERATOR		"by the operator"

/**
 * struct ban_info - one of them, as it is shown
 * @prefix: which network
 * @why: "by the operator", ...
 * @since: milliseconds of CLOCK_REALTIME
 * @until: likewise, 0: for ever
 * @refused: connections
 */
struct ban_info {
	struct prefix prefix;
	char why[BAN_WHY_MAX];
	uint64_t since;
	uint64_t until;
	uint64_t refused;
};

/*
 * @exempt: networks that are never banned, as ban_exempt has them: sound, with blanks in
 * between, or NULL. Returns 0 or -ENOMEM.
 */
int bans_open(struct bans **bans, const char *exempt, struct security *security);
void bans_close(struct bans *bans);			/* NULL is fine */

/* From here on changes go there. */
void bans_use_store(struct bans *bans, struct store *store);

/* As it was. Without threads. 0 or -errno: -EINVAL: that is no network. */
int bans_load(struct bans *bans, const struct store_ban *ban);

/**
 * bans_refuse() - is this address banned?
 * @bans: NULL: nobody is
 * @address: of any family
 *
 * Counts it if so. Takes no lock as long as there is no ban at all.
 */
bool bans_refuse(struct bans *bans, const struct sockaddr *address);

/* Is it never to be banned, nor made to wait? A Unix socket's client is not. */
bool bans_exempt(const struct bans *bans, const struct sockaddr *address);

/**
 * bans_add() - ban a network
 * @bans: which
 * @prefix: the network, in place of an equal one
 * @until: milliseconds of CLOCK_REALTIME, 0: for ever
 * @why: for the operator
 * @automatic: nobody has asked for it
 *
 * Who is connected from there is to be looked for: bans_generation() has changed.
 *
 * Return: 0, -ENOMEM, -ENOSPC: there are too many, -EPERM: all of it is exempt.
 */
int bans_add(struct bans *bans, const struct prefix *prefix, uint64_t until, const char *why,
	     bool automatic);
int bans_del(struct bans *bans, const struct prefix *prefix);	/* 0 or -ENOENT */

/* Grows with each one that is added. */
unsigned int bans_generation(const struct bans *bans);

/* Ends some of those whose time has come. Returns whether there may be more. */
bool bans_expire(struct bans *bans);

/* As session_scan(). */
size_t bans_scan(struct bans *bans, size_t cursor,
		 void (*visit)(void *ctx, const struct ban_info *ban), void *ctx);

#endif /* MQTTD_BANS_H */
