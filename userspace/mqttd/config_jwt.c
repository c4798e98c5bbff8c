// SPDX-License-Identifier: MIT
/*
 * Options of tokens: their values, and whether they make sense together.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/method.h"
#include "config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BLANKS " \t,"

/**
 * struct jwt_option - a field of struct jwt_config
 * @name: of the option
 * @offset: of the field
 */
struct jwt_option {
	const char *name;
	size_t offset;
};

#define FIELD(member) { "jwt_" #member, offsetof(struct jwt_config, member) }

static const struct jwt_option numbers[] = {
	FIELD(algorithms), FIELD(leeway), FIELD(max_size), FIELD(require_expiry),
	FIELD(ignore_username), FIELD(jwks_refresh), FIELD(jwks_retry), FIELD(jwks_max_age),
	FIELD(jwks_timeout), FIELD(jwks_allow_http),
};

static const struct jwt_option strings[] = {
	FIELD(key_file), FIELD(secret_file), FIELD(jwks_file), FIELD(jwks_url),
	FIELD(jwks_cafile), FIELD(issuer), FIELD(audience), FIELD(username_claim),
	FIELD(client_id_claim), FIELD(roles_claim), FIELD(claims),
};

static const struct jwt_config defaults = {
	.username_claim = "sub",
	.leeway = 30,
	.max_size = 8192,
	.require_expiry = true,
	.jwks_refresh = 3600,
	.jwks_retry = 30,
	.jwks_max_age = 86400,
	.jwks_timeout = 10,
};

static int64_t *number_of(const struct jwt_config *jwt, size_t i)
{
	return (int64_t *)((char *)jwt + numbers[i].offset);
}

static char **string_of(const struct jwt_config *jwt, size_t i)
{
	return (char **)((char *)jwt + strings[i].offset);
}

void jwt_config_free(struct jwt_config *jwt)
{
	size_t i;

	for (i = 0; i < COUNT(strings); i++)
		free(*string_of(jwt, i));
	*jwt = (struct jwt_config){};
}

int jwt_config_fill(struct jwt_config *jwt, const struct jwt_config *from)
{
	size_t i;

	for (i = 0; i < COUNT(numbers); i++)
		if (*number_of(jwt, i) == CONFIG_UNSET)
			*number_of(jwt, i) = *number_of(from, i);
	for (i = 0; i < COUNT(strings); i++) {
		if (*string_of(jwt, i) || !*string_of(from, i))
			continue;
		*string_of(jwt, i) = strdup(*string_of(from, i));
		if (!*string_of(jwt, i))
			return -ENOMEM;
	}
	return 0;
}

bool jwt_config_same(const struct jwt_config *a, const struct jwt_config *b)
{
	size_t i;

	for (i = 0; i < COUNT(numbers); i++)
		if (*number_of(a, i) != *number_of(b, i))
			return false;
	for (i = 0; i < COUNT(strings); i++) {
		const char *x = *string_of(a, i), *y = *string_of(b, i);

		if (x && y ? strcmp(x, y) : x != y)
			return false;
	}
	return true;
}

/* --- values ------------------------------------------------------------------------ */

/* Where keys of anybody may come from: as far as the host, which ends as URLs have it. */
static bool is_local(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
	size_t i, len;

	for (i = 0; i < COUNT(names); i++) {
		len = strlen(names[i]);
		if (!strncasecmp(host, names[i], len) && strchr(":/?#", host[len]))
			return true;
	}
	return false;
}

const char *jwt_url_allowed(const char *url, bool allow_http)
{
	bool tls = !strncasecmp(url, "https://", 8);
	const char *host = url + (tls ? 8 : 7);

	if (!tls && strncasecmp(url, "http://", 7))
		return "is not an URL with https";
	if (!host[0] || strchr("/?#:", *host))
		return "has no host";
	if (strpbrk(host, " \t\\"))
		return "is not an URL";
	/* What is in front of it would be a password, or is to look like another host */
	if (memchr(host, '@', strcspn(host, "/?#")))
		return "has a user in it";
	if (!tls && !allow_http && !is_local(host))
		return "is not https, and its host is neither localhost, 127.0.0.1 nor [::1]";
	return NULL;
}

int config_set_jwt_algorithms(struct config *conf, const struct config_option *opt, char *value)
{
	struct config_option number = *opt;
	char *word, *rest = NULL, text[24];
	unsigned int algs = 0, alg;

	for (word = strtok_r(value, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest)) {
		alg = jwt_alg_find(word);
		if (alg == JWT_ALGS)
			return config_error(conf, "'%s' is not one of RS256, RS384, RS512, PS256, "
					    "PS384, PS512, ES256, ES384, ES512, EdDSA, HS256",
					    word);
		algs |= JWT_ALG(alg);
	}
	if (!algs)
		return config_error(conf, "option '%s' needs a value", conf->name);
	number.max = JWT_ALGS_ALL;
	snprintf(text, sizeof(text), "%u", algs);
	return config_set_number(conf, &number, text);
}

/* --- together ------------------------------------------------------------------------ */

static int complain(struct config *conf, const struct listener_config *listener,
		    const char *option, const char *what)
{
	char name[CONFIG_LISTENER_NAME_MAX];

	return config_error(conf, "%s%soption '%s' of %s %s",
			    listener->where ? listener->where : "", listener->where ? ": " : "",
			    option, config_listener_name(listener, name), what);
}

/* How many words, of which none may be longer than a claim's name may be. */
static size_t count_words(const char *list)
{
	size_t n = 0;

	while (*(list += strspn(list, " \t"))) {
		list += strcspn(list, " \t");
		n++;
	}
	return n;
}

static int check_url(struct config *conf, const struct listener_config *listener)
{
	const struct jwt_config *jwt = &listener->jwt;
	const char *why;

	if (!jwt->jwks_url)
		return jwt->jwks_cafile ?
			complain(conf, listener, "jwt_jwks_cafile", "needs 'jwt_jwks_url'") : 0;
	why = jwt_url_allowed(jwt->jwks_url, jwt->jwks_allow_http);
	if (why)
		return complain(conf, listener, "jwt_jwks_url", why);
	if (jwt->jwks_retry > jwt->jwks_refresh)
		return complain(conf, listener, "jwt_jwks_retry",
				"is more than 'jwt_jwks_refresh'");
	if (jwt->jwks_max_age < jwt->jwks_refresh)
		return complain(conf, listener, "jwt_jwks_max_age",
				"is less than 'jwt_jwks_refresh'");
	return 0;
}

static int check_on(struct config *conf, const struct listener_config *listener)
{
	const struct jwt_config *jwt = &listener->jwt;

	if (jwt->algorithms & JWT_ALG(JWT_HS256) && !jwt->secret_file && !jwt->jwks_file)
		return complain(conf, listener, "jwt_algorithms",
				"has HS256, which needs 'jwt_secret_file' or 'jwt_jwks_file'");
	if (jwt->claims && count_words(jwt->claims) > AUTH_CLAIMS_MAX)
		return complain(conf, listener, "jwt_claims", "has more than 16 names");
	return check_url(conf, listener);
}

/* The first option that is of no use alone, or NULL. */
static const char *find_part(const struct jwt_config *jwt)
{
	size_t i;

	for (i = 0; i < COUNT(strings); i++)
		if (*string_of(jwt, i))
			return strings[i].name;
	for (i = 0; i < COUNT(numbers); i++)
		if (*number_of(jwt, i) != CONFIG_UNSET)
			return numbers[i].name;
	return NULL;
}

int config_finish_jwt(struct config *conf, struct listener_config *listener)
{
	struct jwt_config *jwt = &listener->jwt;
	int err = jwt_config_fill(jwt, &conf->jwt);
	const char *part;

	if (err)
		return err;
	if (!jwt_config_on(jwt)) {
		part = find_part(jwt);
		return !part ? 0 :
			complain(conf, listener, part,
				 "needs 'jwt_key_file', 'jwt_secret_file', 'jwt_jwks_file' or 'jwt_jwks_url'");
	}
	err = jwt_config_fill(jwt, &defaults);
	return err ? err : check_on(conf, listener);
}
