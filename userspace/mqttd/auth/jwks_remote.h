/* SPDX-License-Identifier: MIT */
/*
 * Keys that a web server publishes: fetched by a thread, kept, and changed when they do.
 */
#ifndef MQTTD_AUTH_JWKS_REMOTE_H
#define MQTTD_AUTH_JWKS_REMOTE_H

#include "auth/jwks.h"

struct jwks_remote;

/**
 * jwks_remote_get() - the keys of an URL
 * @conf: complete, with an URL
 *
 * All who want those of the same URL share them. Nothing is fetched yet.
 *
 * Return: a reference; NULL without memory.
 */
struct jwks_remote *jwks_remote_get(const struct jwt_config *conf);

/* When it was the last one, nothing is fetched any more, and the thread has ended. */
void jwks_remote_put(struct jwks_remote *remote);	/* NULL is fine */

/* The thread, unless there is one: 0 or -errno. */
int jwks_remote_start(struct jwks_remote *remote);

/**
 * jwks_remote_keys() - what is known
 * @remote: started
 * @generation: a number that is another one when there are others
 *
 * Return: a reference; NULL if there are none, or they are too old. Any thread.
 */
struct jwks *jwks_remote_keys(struct jwks_remote *remote, unsigned int *generation);

/**
 * jwks_remote_renew() - others are needed
 * @remote: started
 * @generation: what is not enough
 *
 * Fetches them, unless that has been tried lately. One thread at a time waits for them, for
 * two seconds at most; others do not: no matter how many ask, most threads are free.
 *
 * Return: whether there are others now. Any thread.
 */
bool jwks_remote_renew(struct jwks_remote *remote, unsigned int generation);

#endif /* MQTTD_AUTH_JWKS_REMOTE_H */
