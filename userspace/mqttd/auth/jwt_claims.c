// SPDX-License-Identifier: MIT
/*
 * What tokens say of somebody, RFC 7519 4. Pure code.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <mqtt/utf8.h>

#include "auth/jwt.h"
#include "auth/method.h"

#define TIME_MAX	INT64_C(253402300799)	/* the last second of the year 9999 */
#define BLANKS		" \t"
#define NAME_MAX_BYTES	256			/* of a claim, in the configuration */

static bool no(const char **why, const char *text)
{
	*why = text;
	return false;
}

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

static int no_memory(const char **why)
{
	*why = strerror(ENOMEM);
	return -ENOMEM;
}

/* The next word of a list with blanks between them: how long it is, 0 at the end. */
static size_t word_next(const char **list)
{
	*list += strspn(*list, BLANKS);
	return strcspn(*list, BLANKS);
}

static bool list_has(const char *list, const char *text)
{
	size_t len, wanted = strlen(text);

	while ((len = word_next(&list))) {
		if (len == wanted && !memcmp(list, text, len))
			return true;
		list += len;
	}
	return false;
}

/* By its name, or else by its path: "realm.roles" are the roles of the realm. */
static const json_t *claim_find(const json_t *claims, const char *name, size_t len)
{
	char path[NAME_MAX_BYTES + 1], *at = path, *dot;
	const json_t *claim;

	if (len > NAME_MAX_BYTES)
		return NULL;
	memcpy(path, name, len);
	path[len] = '\0';
	claim = json_object_get(claims, path);
	if (claim)
		return claim;
	while (claims && (dot = strchr(at, '.'))) {
		*dot = '\0';
		claims = json_object_get(claims, at);
		at = dot + 1;
	}
	return json_object_get(claims, at);
}

/* --- for whom and when -------------------------------------------------------------- */

/**
 * struct moment - a time that a token tells
 * @there: it does
 * @early: seconds since 1970, parts of them left out
 * @late: or counted as a whole
 */
struct moment {
	bool there;
	int64_t early;
	int64_t late;
};

/* Anything else than a number of our times is no time. */
static bool moment_of(const json_t *claims, const char *name, struct moment *moment)
{
	const json_t *claim = json_object_get(claims, name);
	double seconds;

	*moment = (struct moment){ .there = claim };
	if (!claim)
		return true;
	if (json_is_integer(claim)) {
		moment->early = json_integer_value(claim);
		moment->late = moment->early;
		return moment->early >= 0 && moment->early <= TIME_MAX;
	}
	if (!json_is_real(claim))
		return false;
	seconds = json_real_value(claim);
	if (!(seconds >= 0 && seconds <= TIME_MAX))
		return false;
	moment->early = floor(seconds);
	moment->late = ceil(seconds);
	return true;
}

static bool check_times(const json_t *claims, const struct jwt_config *conf, int64_t now,
			int64_t *expires, const char **why)
{
	struct moment exp, nbf, iat;

	if (!moment_of(claims, "exp", &exp) || !moment_of(claims, "nbf", &nbf) ||
	    !moment_of(claims, "iat", &iat))
		return no(why, "the token's \"exp\", \"nbf\" or \"iat\" is no time");
	if (!exp.there && conf->require_expiry)
		return no(why, "the token does not say when it ends");
	if (exp.there && now >= exp.early + conf->leeway)
		return no(why, "the token has expired");
	if (nbf.there && now + conf->leeway < nbf.late)
		return no(why, "the token is not valid yet");
	if (iat.there && now + conf->leeway < iat.early)
		return no(why, "the token comes from the future");
	*expires = exp.there ? exp.early + conf->leeway : 0;
	return true;
}

static bool check_issuer(const json_t *claims, const struct jwt_config *conf, const char **why)
{
	const char *issuer = json_string_value(json_object_get(claims, "iss"));

	if (!conf->issuer)
		return true;
	return (issuer && list_has(conf->issuer, issuer)) ||
	       no(why, "the token is of another issuer");
}

/* RFC 7519 4.1.3: a token that is for somebody is not for us, unless we are one of them. */
static bool check_audience(const json_t *claims, const struct jwt_config *conf, const char **why)
{
	const json_t *audience = json_object_get(claims, "aud");
	size_t i, n = json_is_array(audience) ? json_array_size(audience) : 1;
	bool found = false;

	if (!audience)
		return !conf->audience || no(why, "the token does not say whom it is for");
	if (!conf->audience)
		return no(why, "the token says whom it is for, and there is no jwt_audience");
	for (i = 0; i < n; i++) {
		const json_t *one = audience;

		if (json_is_array(audience))
			one = json_array_get(audience, i);
		if (!json_is_string(one))
			return no(why, "the token's \"aud\" is no text");
		found |= list_has(conf->audience, json_string_value(one));
	}
	return found || no(why, "the token is for somebody else");
}

bool jwt_claims_check(const json_t *claims, const struct jwt_config *conf, int64_t now,
		      int64_t *expires, const char **why)
{
	return check_times(claims, conf, now, expires, why) && check_issuer(claims, conf, why) &&
	       check_audience(claims, conf, why);
}

/* --- who ---------------------------------------------------------------------------- */

/* A copy of a text that can be a name, and where else the log would not say it all. */
static int keep(char **copy, const char *text, size_t len, const char **why)
{
	if (!len || len > AUTH_TEXT_MAX || !mqtt_utf8_valid((const u8 *)text, len))
		return refuse(why, "a name in the token is empty or too long");
	*copy = strndup(text, len);
	return *copy ? 0 : no_memory(why);
}

static int keep_name(char **name, const json_t *claims, const char *claim, const char *missing,
		     const char **why)
{
	const json_t *value = claim_find(claims, claim, strlen(claim));

	if (!json_is_string(value))
		return refuse(why, missing);
	return keep(name, json_string_value(value), json_string_length(value), why);
}

/* Whoever has more is refused: what is left out could be what restricts. */
static int add_role(struct auth_grant *grant, const char *role, size_t len, const char **why)
{
	int err;

	if (grant->n_roles == AUTH_ROLES_MAX)
		return refuse(why, "the token has more than 32 roles");
	err = keep(&grant->roles[grant->n_roles], role, len, why);
	if (!err)
		grant->n_roles++;
	return err;
}

static int add_roles(struct auth_grant *grant, const json_t *roles, const char **why)
{
	const char *list = json_string_value(roles);
	size_t i, len;
	int err = 0;

	while (list && !err && (len = word_next(&list))) {
		err = add_role(grant, list, len, why);
		list += len;
	}
	for (i = 0; i < json_array_size(roles) && !err; i++) {
		const json_t *role = json_array_get(roles, i);

		err = json_is_string(role) ?
			add_role(grant, json_string_value(role), json_string_length(role), why) :
			refuse(why, "a role in the token is no text");
	}
	return err;
}

static int keep_roles(struct auth_grant *grant, const json_t *claims,
		      const struct jwt_config *conf, const char **why)
{
	const json_t *roles = NULL;

	if (conf->roles_claim)
		roles = claim_find(claims, conf->roles_claim, strlen(conf->roles_claim));
	if (!roles)
		return 0;
	if (!json_is_string(roles) && !json_is_array(roles))
		return refuse(why, "the token's roles are neither a text nor an array");
	return add_roles(grant, roles, why);
}

/* What is neither a text, a whole number nor yes or no has no text: as if it were not there. */
static int keep_value(char **copy, const json_t *value, const char **why)
{
	char number[24];

	if (json_is_string(value))
		return keep(copy, json_string_value(value), json_string_length(value), why);
	if (json_is_integer(value))
		snprintf(number, sizeof(number), "%" PRId64, (int64_t)json_integer_value(value));
	else
		strcpy(number, json_is_true(value) ? "true" : "false");
	return keep(copy, number, strlen(number), why);
}

static int add_claim(struct auth_grant *grant, const json_t *value, const char *name, size_t len,
		     const char **why)
{
	struct auth_claim *claim = &grant->claims[grant->n_claims];
	int err;

	if (!json_is_string(value) && !json_is_integer(value) && !json_is_boolean(value))
		return 0;
	if (grant->n_claims == AUTH_CLAIMS_MAX)
		return refuse(why, "there are more than 16 claims in jwt_claims");
	claim->name = strndup(name, len);
	if (!claim->name)
		return no_memory(why);
	grant->n_claims++;
	err = keep_value(&claim->value, value, why);
	return err;
}

static int keep_claims(struct auth_grant *grant, const json_t *claims,
		       const struct jwt_config *conf, const char **why)
{
	const char *list = conf->claims ? conf->claims : "";
	size_t len;
	int err = 0;

	while (!err && (len = word_next(&list))) {
		err = add_claim(grant, claim_find(claims, list, len), list, len, why);
		list += len;
	}
	return err;
}

int jwt_claims_grant(const json_t *claims, const struct jwt_config *conf,
		     struct auth_grant *grant, const char **why)
{
	int err;

	err = keep_name(&grant->username, claims, conf->username_claim,
			"the token has no user name", why);
	if (!err && conf->client_id_claim)
		err = keep_name(&grant->client_id, claims, conf->client_id_claim,
				"the token has no client identifier", why);
	if (!err)
		err = keep_roles(grant, claims, conf, why);
	return err ? err : keep_claims(grant, claims, conf, why);
}
