/* SPDX-License-Identifier: MIT */
/*
 * Tokens: JSON Web Tokens (RFC 7519) in the compact form of signatures (RFC 7515), as
 * RFC 8725 wants them read. Nothing that a token says of itself is believed before its
 * signature is known to be somebody's, and then not how it was to be verified.
 */
#ifndef MQTTD_AUTH_JWT_H
#define MQTTD_AUTH_JWT_H

#include "auth/jwks.h"

struct auth_grant;

/**
 * struct jwt - a token, taken apart
 * @header: JSON
 * @kid: the key's name, or NULL
 * @alg: enum jwt_alg
 * @text: of which everything up to the second dot is signed; the caller's
 * @signed_len: bytes up to there
 * @claims: its middle part, likewise
 * @claims_len: bytes there
 * @signature: its end
 * @signature_len: bytes there
 */
struct jwt {
	json_t *header;
	const char *kid;
	unsigned int alg;
	const char *text;
	size_t signed_len;
	const char *claims;
	size_t claims_len;
	u8 *signature;
	size_t signature_len;
};

/* Whether it might be one, good or bad: three parts, of which the first says "alg". */
bool jwt_looks_like(const u8 *text, size_t len, size_t max);

/**
 * jwt_parse() - take a token apart
 * @jwt: to be cleared in any case
 * @text: any bytes, which stay
 * @len: how many
 * @why: what is wrong with it, constant text
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int jwt_parse(struct jwt *jwt, const u8 *text, size_t len, const char **why);
void jwt_clear(struct jwt *jwt);

/**
 * jwt_verify() - has one of these keys signed it?
 * @jwt: parsed
 * @keys: to be tried: those with the token's name, or without one
 * @allowed: bits of enum jwt_alg
 * @why: as for jwt_parse()
 *
 * Return: 0; -EACCES: not with this algorithm; -ENOKEY: there is no key for it;
 * -EKEYREJECTED: it is not signed with it.
 */
int jwt_verify(const struct jwt *jwt, const struct jwks *keys, unsigned int allowed,
	       const char **why);

/* What a token that was verified says; to be released. NULL, and why: not JSON. */
json_t *jwt_claims(const struct jwt *jwt, const char **why);

/**
 * jwt_claims_check() - is it for us, and now?
 * @claims: of a token that was verified
 * @conf: complete
 * @now: seconds since 1970
 * @expires: likewise, when it ends; 0: never
 * @why: as for jwt_parse()
 *
 * Return: whether it is.
 */
bool jwt_claims_check(const json_t *claims, const struct jwt_config *conf, int64_t now,
		      int64_t *expires, const char **why);

/**
 * jwt_claims_grant() - who is it?
 * @claims: that were checked
 * @conf: complete
 * @grant: its names, roles and claims; to be cleared in any case
 * @why: as for jwt_parse()
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int jwt_claims_grant(const json_t *claims, const struct jwt_config *conf,
		     struct auth_grant *grant, const char **why);

#endif /* MQTTD_AUTH_JWT_H */
