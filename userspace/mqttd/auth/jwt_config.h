/* SPDX-License-Identifier: MIT */
/*
 * Tokens as they are configured.
 */
#ifndef MQTTD_AUTH_JWT_CONFIG_H
#define MQTTD_AUTH_JWT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct listener_config;

/* How a token may be signed: RFC 7518 3.1 and RFC 8037. */
enum jwt_alg {
	JWT_RS256,
	JWT_RS384,
	JWT_RS512,
	JWT_PS256,
	JWT_PS384,
	JWT_PS512,
	JWT_ES256,
	JWT_ES384,
	JWT_ES512,
	JWT_EDDSA,
	JWT_HS256,
	JWT_ALGS
};

#define JWT_ALG(alg)	(1u << (alg))
#define JWT_ALGS_ALL	(JWT_ALG(JWT_ALGS) - 1)

/* enum jwt_alg by its name, JWT_ALGS if there is none. */
unsigned int jwt_alg_find(const char *name);

/**
 * struct jwt_config - which tokens let whom in; fields are named as the options
 * @key_file: public keys, PEM
 * @secret_file: for HS256
 * @jwks_file: keys as JSON has them
 * @jwks_url: likewise
 * @jwks_cafile: who may vouch for the URL's server, NULL: whom the system trusts
 * @issuer: names, with blanks between them; NULL: any
 * @audience: likewise; NULL: only tokens that are for nobody in particular
 * @username_claim: set after loading
 * @client_id_claim: or NULL
 * @roles_claim: likewise
 * @claims: names, with blanks between them, or NULL
 * @algorithms: bits of enum jwt_alg; 0: what keys there are for
 * @leeway: seconds
 * @max_size: bytes of a token
 * @require_expiry: it has to say when it ends
 * @ignore_username: whatever else the client says to be
 * @jwks_refresh: seconds
 * @jwks_retry: likewise
 * @jwks_max_age: likewise
 * @jwks_timeout: likewise
 * @jwks_allow_http: not only on this machine
 *
 * Numbers are CONFIG_UNSET until the configuration is complete.
 */
struct jwt_config {
	char *key_file;
	char *secret_file;
	char *jwks_file;
	char *jwks_url;
	char *jwks_cafile;
	char *issuer;
	char *audience;
	char *username_claim;
	char *client_id_claim;
	char *roles_claim;
	char *claims;
	int64_t algorithms;
	int64_t leeway;
	int64_t max_size;
	int64_t require_expiry;
	int64_t ignore_username;
	int64_t jwks_refresh;
	int64_t jwks_retry;
	int64_t jwks_max_age;
	int64_t jwks_timeout;
	int64_t jwks_allow_http;
};

/* Are there keys? Without any there are no tokens. */
static inline bool jwt_config_on(const struct jwt_config *jwt)
{
	return jwt->key_file || jwt->secret_file || jwt->jwks_file || jwt->jwks_url;
}

#define JWT_CONFIG_UNSET							\
	{									\
		.algorithms = -1, .leeway = -1, .max_size = -1,			\
		.require_expiry = -1, .ignore_username = -1,			\
		.jwks_refresh = -1, .jwks_retry = -1, .jwks_max_age = -1,	\
		.jwks_timeout = -1, .jwks_allow_http = -1,			\
	}

void jwt_config_free(struct jwt_config *jwt);

/* Sets in @jwt what it has no value for, from @from: 0 or -ENOMEM. */
int jwt_config_fill(struct jwt_config *jwt, const struct jwt_config *from);

bool jwt_config_same(const struct jwt_config *a, const struct jwt_config *b);

/*
 * What a listener has no value for it has from all listeners' settings, or the default. Do
 * they make sense together? 0, -EINVAL or -ENOMEM.
 */
int config_finish_jwt(struct config *conf, struct listener_config *listener);

/**
 * jwt_url_allowed() - may keys come from there?
 * @url: any text
 * @allow_http: without TLS, from elsewhere than from this machine
 *
 * Return: NULL, or constant text that says why not.
 */
const char *jwt_url_allowed(const char *url, bool allow_http);

#endif /* MQTTD_AUTH_JWT_CONFIG_H */
