// SPDX-License-Identifier: MIT
/*
 * Tokens, up to their signatures. Pure code.
 *
 *   HEADER . CLAIMS . SIGNATURE      each in base64url
 *   \_____________/
 *     is signed
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64url.h"
#include "auth/jwt.h"

static const char *const names[JWT_ALGS] = {
	[JWT_RS256] = "RS256", [JWT_RS384] = "RS384", [JWT_RS512] = "RS512",
	[JWT_PS256] = "PS256", [JWT_PS384] = "PS384", [JWT_PS512] = "PS512",
	[JWT_ES256] = "ES256", [JWT_ES384] = "ES384", [JWT_ES512] = "ES512",
	[JWT_EDDSA] = "EdDSA", [JWT_HS256] = "HS256",
};

unsigned int jwt_alg_find(const char *name)
{
	unsigned int alg;

	for (alg = 0; alg < JWT_ALGS && strcmp(names[alg], name); alg++)
		;
	return alg;
}

/* A part that is an object; @flags of jansson's. NULL if it is none. */
static json_t *load_part(const char *text, size_t len, size_t flags)
{
	json_t *root = NULL;
	u8 *bytes;

	if (!len)
		return NULL;
	bytes = base64url_bytes(text, &len);
	if (bytes)
		root = json_loadb((char *)bytes, len, flags, NULL);
	free(bytes);
	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}

/* Where the dots are; exactly two. */
static bool find_dots(const char *text, size_t len, const char **first, const char **second)
{
	*first = memchr(text, '.', len);
	*second = *first ? memchr(*first + 1, '.', text + len - *first - 1) : NULL;
	return *second && !memchr(*second + 1, '.', text + len - *second - 1);
}

bool jwt_looks_like(const u8 *text, size_t len, size_t max)
{
	const char *first, *second;
	json_t *header;
	bool has_alg;

	if (!find_dots((const char *)text, len, &first, &second) ||
	    first - (const char *)text > (ssize_t)max)
		return false;
	header = load_part((const char *)text, first - (const char *)text, 0);
	has_alg = json_object_get(header, "alg");
	json_decref(header);
	return has_alg;
}

static int no(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

static int check_header(struct jwt *jwt, const char **why)
{
	const json_t *alg = json_object_get(jwt->header, "alg");
	const json_t *kid = json_object_get(jwt->header, "kid");

	jwt->alg = json_is_string(alg) ? jwt_alg_find(json_string_value(alg)) : JWT_ALGS;
	if (jwt->alg == JWT_ALGS)
		return no(why, "the token's \"alg\" is not known, or says that it is not signed");
	/* RFC 7515 4.1.11: we understand none of what may be there */
	if (json_object_get(jwt->header, "crit"))
		return no(why, "the token has \"crit\"");
	if (kid && (!json_is_string(kid) || json_string_length(kid) > JWK_KID_MAX))
		return no(why, "the token's \"kid\" is no text of at most 512 bytes");
	jwt->kid = json_string_value(kid);
	return 0;
}

int jwt_parse(struct jwt *jwt, const u8 *text, size_t len, const char **why)
{
	const char *first, *second;

	*jwt = (struct jwt){ .text = (const char *)text };
	if (!find_dots(jwt->text, len, &first, &second))
		return no(why, "the token does not have three parts");
	jwt->signed_len = second - jwt->text;
	jwt->claims = first + 1;
	jwt->claims_len = second - first - 1;
	jwt->header = load_part(jwt->text, first - jwt->text, JSON_REJECT_DUPLICATES);
	if (!jwt->header)
		return no(why, "the token's header is no JSON, or says something twice");
	jwt->signature_len = jwt->text + len - second - 1;
	if (!jwt->signature_len)
		return no(why, "the token is not signed");
	jwt->signature = base64url_bytes(second + 1, &jwt->signature_len);
	if (jwt->signature)
		return check_header(jwt, why);
	if (errno == EINVAL)
		return no(why, "the token's signature is not base64url");
	*why = strerror(ENOMEM);
	return -ENOMEM;
}

void jwt_clear(struct jwt *jwt)
{
	/* Half of it is half a token */
	if (jwt->signature)
		explicit_bzero(jwt->signature, jwt->signature_len);
	free(jwt->signature);
	json_decref(jwt->header);
	*jwt = (struct jwt){};
}

static bool fits(const struct jwt *jwt, const struct jwk *key)
{
	return key->algs & JWT_ALG(jwt->alg) &&
	       (!jwt->kid || !key->kid || !strcmp(jwt->kid, key->kid));
}

int jwt_verify(const struct jwt *jwt, const struct jwks *keys, unsigned int allowed,
	       const char **why)
{
	bool found = false;
	unsigned int i;

	*why = "the token's \"alg\" is not allowed";
	if (!(allowed & JWT_ALG(jwt->alg)))
		return -EACCES;
	for (i = 0; keys && i < keys->n; i++) {
		if (!fits(jwt, &keys->keys[i]))
			continue;
		found = true;
		if (jwk_verify(&keys->keys[i], jwt->alg, (const u8 *)jwt->text, jwt->signed_len,
			       jwt->signature, jwt->signature_len))
			return 0;
	}
	*why = found ? "the token's signature is wrong" : "there is no key for the token";
	return found ? -EKEYREJECTED : -ENOKEY;
}

json_t *jwt_claims(const struct jwt *jwt, const char **why)
{
	json_t *claims = load_part(jwt->claims, jwt->claims_len, JSON_REJECT_DUPLICATES);

	if (!claims)
		*why = "the token's claims are no JSON, or say something twice";
	return claims;
}
