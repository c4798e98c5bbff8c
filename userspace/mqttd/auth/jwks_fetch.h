/* SPDX-License-Identifier: MIT */
/*
 * Getting something from a web server that may be slow, broken or hostile.
 */
#ifndef MQTTD_AUTH_JWKS_FETCH_H
#define MQTTD_AUTH_JWKS_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JWKS_REDIRECTS_MAX	3
#define JWKS_WHY_MAX		256

/**
 * struct jwks_server - where from, and what it is allowed
 * @url: of it
 * @cafile: see struct jwt_config
 * @allow_http: likewise
 * @timeout: seconds, for all of it
 */
struct jwks_server {
	const char *url;
	const char *cafile;
	bool allow_http;
	int64_t timeout;
};

/**
 * struct jwks_reply - what it has sent; to be cleared in any case
 * @text: bytes, or NULL
 * @len: how many, at most JWKS_BYTES_MAX
 * @max_age: seconds until it may be different; -1: it did not say so
 */
struct jwks_reply {
	char *text;
	size_t len;
	int64_t max_age;
};

struct jwks_fetcher;

/* For one thread; NULL without memory. */
struct jwks_fetcher *jwks_fetcher_new(void);
void jwks_fetcher_free(struct jwks_fetcher *fetcher);	/* NULL is fine */

/* Ends what is under way, and all that would come; any thread. */
void jwks_fetcher_stop(struct jwks_fetcher *fetcher);

/**
 * jwks_fetch() - get it
 * @fetcher: the thread's
 * @server: where from
 * @reply: all of it, or nothing
 * @why: what went wrong, as a clause
 *
 * Return: 0, -ECANCELED after jwks_fetcher_stop(), or -EIO.
 */
int jwks_fetch(struct jwks_fetcher *fetcher, const struct jwks_server *server,
	       struct jwks_reply *reply, char why[JWKS_WHY_MAX]);
void jwks_reply_clear(struct jwks_reply *reply);

/* What Cache-Control says: seconds, 0 if it is not to be kept; -1: nothing. */
int64_t jwks_max_age(const char *header);

#endif /* MQTTD_AUTH_JWKS_FETCH_H */
