// SPDX-License-Identifier: MIT
/*
 * Tokens and keys. The first line is a token; what follows are keys, in JSON or in PEM, or
 * a secret.
 */
#include "auth/jwt.h"
#include "auth/method.h"
#include "fuzz.h"

#define NOW	1700000000
#define SIZE	8192

static const struct jwt_config conf = {
	.issuer = "joe x",
	.audience = "mqtt",
	.username_claim = "sub",
	.client_id_claim = "a.b",
	.roles_claim = "realm_access.roles",
	.claims = "x y z",
	.leeway = 30,
	.max_size = SIZE,
};

static struct jwks *keys_of(const uint8_t *data, size_t size)
{
	struct jwks *keys = jwks_new();
	const char *why = NULL;
	unsigned int i;

	must(keys);
	if (jwks_add_json(keys, (const char *)data, size, false, &why))
		must(why);
	for (i = 0; i < keys->n; i++)
		must(!keys->keys[i].secret);
	if (jwks_add_json(keys, (const char *)data, size, true, &why))
		must(why);
	if (jwks_add_pem(keys, (const char *)data, size, &why))
		must(why);
	if (jwks_add_secret(keys, (const char *)data, size, &why))
		must(why);
	for (i = 0; i < keys->n; i++)
		must(keys->keys[i].algs && !keys->keys[i].key == !!keys->keys[i].secret);
	return keys;
}

/* As if it had been signed, so that what comes then is tried, too. */
static void check_claims(const struct jwt *jwt)
{
	const char *why = NULL;
	struct auth_grant grant = {};
	json_t *claims = jwt_claims(jwt, &why);
	int64_t expires = 0;

	if (!claims) {
		must(why);
		return;
	}
	if (jwt_claims_check(claims, &conf, NOW, &expires, &why))
		must(!expires || expires > NOW);
	else
		must(why);
	if (!jwt_claims_grant(claims, &conf, &grant, &why))
		must(*grant.username && *grant.client_id && grant.n_roles <= AUTH_ROLES_MAX);
	auth_grant_clear(&grant);
	json_decref(claims);
}

static void check_token(const uint8_t *text, size_t len, const struct jwks *keys)
{
	const char *why = NULL;
	struct jwt jwt;

	if (jwt_parse(&jwt, text, len, &why)) {
		must(why);
	} else {
		must(len > SIZE || jwt_looks_like(text, len, SIZE));
		must(jwt.signature_len && jwt.alg < JWT_ALGS);
		if (!jwt_verify(&jwt, keys, JWT_ALGS_ALL, &why))
			must(jwks_algs(keys) & JWT_ALG(jwt.alg));
		must(jwt_verify(&jwt, keys, JWT_ALGS_ALL & ~JWT_ALG(jwt.alg), &why));
		check_claims(&jwt);
	}
	jwt_clear(&jwt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	size_t len = end ? (size_t)(end - data) : size;
	struct jwks *keys;

	keys = end ? keys_of(end + 1, size - len - 1) : keys_of(data, 0);
	check_token(data, len, keys);
	jwks_put(keys);
	return 0;
}
