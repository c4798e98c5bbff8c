/* SPDX-License-Identifier: MIT */
/*
 * Sets of keys. Like password files they are never changed once others see them, but
 * replaced.
 */
#ifndef MQTTD_AUTH_JWKS_H
#define MQTTD_AUTH_JWKS_H

#include "auth/jwk.h"

#define JWKS_KEYS_MAX	64		/* any of them may have to be tried */
#define JWKS_BYTES_MAX	(256 << 10)	/* of what they are read from */

/**
 * struct jwks - keys
 * @refs: any thread
 * @n: how many
 * @ignored: how many more there were, that are of no use
 * @why: what is wrong with the last of these, constant text
 * @keys: them
 */
struct jwks {
	uint32_t refs;
	unsigned int n;
	unsigned int ignored;
	const char *why;
	struct jwk keys[JWKS_KEYS_MAX];
};

struct jwks *jwks_new(void);				/* with one reference; NULL: no memory */
struct jwks *jwks_get(struct jwks *keys);		/* any thread; NULL is fine */
void jwks_put(struct jwks *keys);			/* likewise */

/* Which algorithms are there keys for? Bits of enum jwt_alg. NULL: none. */
unsigned int jwks_algs(const struct jwks *keys);

/**
 * jwks_add_json() - those of a JSON Web Key Set, RFC 7517 5
 * @keys: to be added to
 * @text: any bytes
 * @len: how many
 * @secrets: whether keys for HMAC are wanted: whoever can read them can make tokens
 * @why: if it is none, or has no key that is of use: constant text
 *
 * Keys that are of no use do not matter to the others.
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int jwks_add_json(struct jwks *keys, const char *text, size_t len, bool secrets,
		  const char **why);

/* Likewise public keys and certificates in PEM: each has to be of use. */
int jwks_add_pem(struct jwks *keys, const char *text, size_t len, const char **why);

/* Likewise a secret, the whole text but for the end of its line. */
int jwks_add_secret(struct jwks *keys, const char *text, size_t len, const char **why);

#endif /* MQTTD_AUTH_JWKS_H */
