// SPDX-License-Identifier: MIT
/*
 * Tokens instead of passwords.
 *
 * What does not look like a token is somebody else's; what looks like one is ours, and if
 * it is not good enough nobody else is asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/jwt_keys.h"
#include "auth/method.h"
#include "config.h"

/**
 * struct tokens - of a listener
 * @conf: its settings
 * @keys: its keys
 * @algs: bits of enum jwt_alg that are allowed
 */
struct tokens {
	const struct jwt_config *conf;
	struct jwt_keys keys;
	unsigned int algs;
};

static bool configured(const struct listener_config *listener)
{
	return jwt_config_on(&listener->jwt);
}

static bool network(const struct listener_config *listener)
{
	return listener->jwt.jwks_url;
}

/* Secrets count only if somebody has given us one. */
static unsigned int algs_allowed(const struct tokens *tokens)
{
	if (tokens->conf->algorithms)
		return tokens->conf->algorithms;
	return (JWT_ALGS_ALL & ~JWT_ALG(JWT_HS256)) |
	       (jwks_algs(tokens->keys.local) & JWT_ALG(JWT_HS256));
}

static int open_tokens(void **state, const struct config *conf,
		       const struct listener_config *listener)
{
	struct tokens *tokens = calloc(1, sizeof(*tokens));
	int err;

	(void)conf;
	if (!tokens)
		return -ENOMEM;
	tokens->conf = &listener->jwt;
	err = jwt_keys_open(&tokens->keys, tokens->conf);
	if (err) {
		free(tokens);
		return err;
	}
	tokens->algs = algs_allowed(tokens);
	*state = tokens;
	return 0;
}

static int start(void *state)
{
	struct tokens *tokens = state;

	return jwt_keys_start(&tokens->keys);
}

static void close_tokens(void *state)
{
	struct tokens *tokens = state;

	if (!tokens)
		return;
	jwt_keys_close(&tokens->keys);
	free(tokens);
}

static enum auth_verdict verdict_of(int err)
{
	return err == -ENOMEM || err == -EAGAIN ? AUTH_VERDICT_FAILED : AUTH_VERDICT_DENIED;
}

/*
 * MQTT 3.1.1 wants a user name with each password: one that is empty says nothing. What the
 * client identifier has to be the daemon sees to.
 */
static enum auth_verdict check_name(const struct jwt_config *conf,
				    const struct auth_request *request,
				    const struct auth_grant *grant, const char **why)
{
	*why = "the user name is not the one in the token";
	if (!conf->ignore_username && request->username && *request->username &&
	    strcmp(request->username, grant->username))
		return AUTH_VERDICT_DENIED;
	return AUTH_VERDICT_GRANTED;
}

static enum auth_verdict check_claims(const struct jwt_config *conf, const struct jwt *jwt,
				      const struct auth_request *request,
				      struct auth_grant *grant, const char **why)
{
	json_t *claims = jwt_claims(jwt, why);
	int err;

	if (!claims || !jwt_claims_check(claims, conf, time(NULL), &grant->expires, why)) {
		json_decref(claims);
		return AUTH_VERDICT_DENIED;
	}
	err = jwt_claims_grant(claims, conf, grant, why);
	json_decref(claims);
	return err ? verdict_of(err) : check_name(conf, request, grant, why);
}

static enum auth_verdict check(void *state, const struct auth_request *request,
			       struct auth_grant *grant, const char **why)
{
	struct tokens *tokens = state;
	const struct jwt_config *conf = tokens->conf;
	enum auth_verdict verdict;
	struct jwt jwt;
	int err;

	if (!request->password ||
	    !jwt_looks_like(request->password, request->password_len, conf->max_size))
		return AUTH_VERDICT_PASS;
	*why = "the token is longer than jwt_max_size";
	if (request->password_len > (size_t)conf->max_size)
		return AUTH_VERDICT_DENIED;
	err = jwt_parse(&jwt, request->password, request->password_len, why);
	if (!err)
		err = jwt_keys_verify(&tokens->keys, &jwt, tokens->algs, why);
	verdict = err ? verdict_of(err) : check_claims(conf, &jwt, request, grant, why);
	jwt_clear(&jwt);
	if (verdict != AUTH_VERDICT_GRANTED)
		auth_grant_clear(grant);
	return verdict;
}

const struct auth_method auth_jwt_method = {
	.name = "jwt",
	.configured = configured,
	.network = network,
	.open = open_tokens,
	.start = start,
	.check = check,
	.close = close_tokens,
};
