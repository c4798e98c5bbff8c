// SPDX-License-Identifier: MIT
/*
 * Keys that tokens are signed with: reading them. Pure code.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "auth/base64url.h"
#include "auth/jwk.h"

#define RSA_BYTES_MAX	(JWK_RSA_BITS_MAX / 8)
#define EXPONENT_BITS	32	/* as much as anybody uses; the work grows with it */
#define POINT_MAX	(1 + 2 * 66)

#define ALGS_RS	(JWT_ALG(JWT_RS256) | JWT_ALG(JWT_RS384) | JWT_ALG(JWT_RS512))
#define ALGS_PS	(JWT_ALG(JWT_PS256) | JWT_ALG(JWT_PS384) | JWT_ALG(JWT_PS512))

/* RFC 7518 3.4: each curve has its algorithm. */
static const struct curve {
	const char *name;		/* as JSON has it */
	const char *group;		/* as OpenSSL has it */
	size_t bytes;			/* of a coordinate */
	enum jwt_alg alg;
} curves[] = {
	{ "P-256", "prime256v1", 32, JWT_ES256 },
	{ "P-384", "secp384r1", 48, JWT_ES384 },
	{ "P-521", "secp521r1", 66, JWT_ES512 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int no(const char **why, const char *text)
{
	ERR_clear_error();
	*why = text;
	return -EINVAL;
}

/* --- OpenSSL's ------------------------------------------------------------------- */

static int check_rsa(const EVP_PKEY *key, const char **why)
{
	BIGNUM *e = NULL;
	bool fine;

	if (EVP_PKEY_get_bits(key) < JWK_RSA_BITS_MIN)
		return no(why, "RSA keys need 2048 bits");
	if (EVP_PKEY_get_bits(key) > JWK_RSA_BITS_MAX)
		return no(why, "RSA keys have at most 8192 bits");
	fine = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) && BN_is_odd(e) &&
	       !BN_is_one(e) && BN_num_bits(e) <= EXPONENT_BITS;
	BN_free(e);
	return fine ? 0 : no(why, "the exponent of the RSA key is none");
}

static int check_ec(EVP_PKEY *key, unsigned int *algs, const char **why)
{
	EVP_PKEY_CTX *ctx;
	char group[64];
	bool fine;
	size_t i;

	if (!EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group,
					    sizeof(group), NULL))
		return no(why, "the curve has no name");
	for (i = 0; i < COUNT(curves) && strcmp(curves[i].group, group); i++)
		;
	if (i == COUNT(curves))
		return no(why, "the curve is not P-256, P-384 or P-521");
	*algs = JWT_ALG(curves[i].alg);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	fine = ctx && EVP_PKEY_public_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	return fine ? 0 : no(why, "the point is not on the curve");
}

static int check_key(EVP_PKEY *key, unsigned int *algs, const char **why)
{
	if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) {
		*algs = EVP_PKEY_is_a(key, "RSA") ? ALGS_RS | ALGS_PS : ALGS_PS;
		return check_rsa(key, why);
	}
	if (EVP_PKEY_is_a(key, "EC"))
		return check_ec(key, algs, why);
	*algs = JWT_ALG(JWT_EDDSA);
	return EVP_PKEY_is_a(key, "ED25519") ? 0 : no(why, "keys of its kind are not supported");
}

int jwk_from_key(struct jwk *jwk, EVP_PKEY *key, const char **why)
{
	int err;

	*jwk = (struct jwk){ .key = key };
	err = check_key(key, &jwk->algs, why);
	if (err)
		jwk_clear(jwk);
	return err;
}

int jwk_from_secret(struct jwk *jwk, const u8 *secret, size_t len, const char **why)
{
	*jwk = (struct jwk){ .secret_len = len, .algs = JWT_ALG(JWT_HS256) };
	if (len < JWK_SECRET_MIN)
		return no(why, "a secret needs 32 bytes");
	if (len > JWK_SECRET_MAX)
		return no(why, "a secret has at most 1024 bytes");
	/* Who has configured a public key as a secret has told everybody */
	if (memmem(secret, len, "-----BEGIN ", 11))
		return no(why, "it is a key or a certificate, and no secret");
	jwk->secret = malloc(len);
	if (!jwk->secret) {
		*why = strerror(ENOMEM);
		return -ENOMEM;
	}
	memcpy(jwk->secret, secret, len);
	return 0;
}

void jwk_clear(struct jwk *jwk)
{
	EVP_PKEY_free(jwk->key);
	if (jwk->secret)
		explicit_bzero(jwk->secret, jwk->secret_len);
	free(jwk->secret);
	free(jwk->kid);
	*jwk = (struct jwk){};
}

/* --- JSON ------------------------------------------------------------------------ */

/* Text of a member, NULL if there is none. */
static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static bool text_is(const json_t *object, const char *name, const char *wanted)
{
	const char *text = text_of(object, name);

	return text && !strcmp(text, wanted);
}

/* Bytes of a member, at most @max: how many, or -EINVAL. */
static ssize_t bytes_of(const json_t *object, const char *name, u8 *bytes, size_t max)
{
	const json_t *member = json_object_get(object, name);
	size_t len = json_string_length(member);

	if (!len || BASE64URL_BYTES(len) > max)
		return -EINVAL;
	return base64url_decode(bytes, json_string_value(member), len);
}

static EVP_PKEY *key_make(const char *type, OSSL_PARAM_BLD *build)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *key = NULL;

	if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *rsa_make(const u8 *n, size_t n_len, const u8 *e, size_t e_len)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *modulus = BN_bin2bn(n, n_len, NULL);
	BIGNUM *exponent = BN_bin2bn(e, e_len, NULL);
	EVP_PKEY *key = NULL;

	if (build && modulus && exponent &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
		key = key_make("RSA", build);
	BN_free(exponent);
	BN_free(modulus);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static int parse_rsa(struct jwk *jwk, const json_t *object, const char **why)
{
	u8 n[RSA_BYTES_MAX + 1], e[EXPONENT_BITS / 8];
	ssize_t n_len, e_len;
	EVP_PKEY *key;

	n_len = bytes_of(object, "n", n, sizeof(n));
	e_len = bytes_of(object, "e", e, sizeof(e));
	if (n_len < 0 || e_len < 0)
		return no(why, "\"n\" and \"e\" are no RSA key of at most 8192 bits");
	key = rsa_make(n, n_len, e, e_len);
	return key ? jwk_from_key(jwk, key, why) : no(why, "OpenSSL refuses the RSA key");
}

static EVP_PKEY *ec_make(const char *group, const u8 *point, size_t len)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (build &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len))
		key = key_make("EC", build);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static int parse_ec(struct jwk *jwk, const json_t *object, const char **why)
{
	u8 point[POINT_MAX] = { POINT_CONVERSION_UNCOMPRESSED };
	const struct curve *curve;
	EVP_PKEY *key;
	ssize_t len;

	for (curve = curves; curve < curves + COUNT(curves); curve++)
		if (text_is(object, "crv", curve->name))
			break;
	if (curve == curves + COUNT(curves))
		return no(why, "the curve is not P-256, P-384 or P-521");
	len = curve->bytes;
	if (bytes_of(object, "x", point + 1, len) != len ||
	    bytes_of(object, "y", point + 1 + len, len) != len)
		return no(why, "\"x\" and \"y\" are not as long as the curve has it");
	key = ec_make(curve->group, point, 1 + 2 * len);
	return key ? jwk_from_key(jwk, key, why) : no(why, "the point is not on the curve");
}

static int parse_okp(struct jwk *jwk, const json_t *object, const char **why)
{
	EVP_PKEY *key;
	u8 x[32];

	if (!text_is(object, "crv", "Ed25519"))
		return no(why, "the curve is not Ed25519");
	if (bytes_of(object, "x", x, sizeof(x)) != sizeof(x))
		return no(why, "\"x\" is not as long as the curve has it");
	key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, sizeof(x));
	return key ? jwk_from_key(jwk, key, why) : no(why, "OpenSSL refuses the Ed25519 key");
}

static int parse_oct(struct jwk *jwk, const json_t *object, const char **why)
{
	u8 secret[JWK_SECRET_MAX];
	ssize_t len = bytes_of(object, "k", secret, sizeof(secret));
	int err;

	if (len < 0)
		return no(why, "\"k\" is no secret of at most 1024 bytes");
	err = jwk_from_secret(jwk, secret, len, why);
	explicit_bzero(secret, sizeof(secret));
	return err;
}

/* What else it says: what it is for. */
static bool may_verify(const json_t *object)
{
	const json_t *ops = json_object_get(object, "key_ops");
	const json_t *use = json_object_get(object, "use");
	size_t i;

	if (use && !text_is(object, "use", "sig"))
		return false;
	if (!ops)
		return true;
	for (i = 0; i < json_array_size(ops); i++) {
		const char *op = json_string_value(json_array_get(ops, i));

		if (op && !strcmp(op, "verify"))
			return true;
	}
	return false;
}

static int restrict_alg(struct jwk *jwk, const json_t *alg, const char **why)
{
	unsigned int one = JWT_ALGS;

	if (!alg)
		return 0;
	if (json_is_string(alg))
		one = jwt_alg_find(json_string_value(alg));
	if (one < JWT_ALGS)
		jwk->algs &= JWT_ALG(one);
	return one < JWT_ALGS && jwk->algs ? 0 : no(why, "\"alg\" does not fit the key");
}

static int keep_kid(struct jwk *jwk, const json_t *kid, const char **why)
{
	if (!kid)
		return 0;
	if (!json_is_string(kid) || json_string_length(kid) > JWK_KID_MAX)
		return no(why, "\"kid\" is no text of at most 512 bytes");
	jwk->kid = strdup(json_string_value(kid));
	if (jwk->kid)
		return 0;
	*why = strerror(ENOMEM);
	return -ENOMEM;
}

static int parse_kind(struct jwk *jwk, const json_t *object, const char **why)
{
	static const struct {
		const char *name;
		int (*parse)(struct jwk *jwk, const json_t *object, const char **why);
	} kinds[] = {
		{ "RSA", parse_rsa }, { "EC", parse_ec }, { "OKP", parse_okp },
		{ "oct", parse_oct },
	};
	size_t i;

	for (i = 0; i < COUNT(kinds); i++)
		if (text_is(object, "kty", kinds[i].name))
			return kinds[i].parse(jwk, object, why);
	return no(why, "keys of its kind are not supported");
}

int jwk_parse(struct jwk *jwk, const json_t *object, const char **why)
{
	int err;

	*jwk = (struct jwk){};
	if (!json_is_object(object))
		return no(why, "it is not a key");
	if (!may_verify(object))
		return no(why, "it is not for signatures");
	/* What everybody can read can sign for nobody */
	if (json_object_get(object, "d"))
		return no(why, "it has its private part with it");
	err = parse_kind(jwk, object, why);
	if (!err)
		err = restrict_alg(jwk, json_object_get(object, "alg"), why);
	if (!err)
		err = keep_kid(jwk, json_object_get(object, "kid"), why);
	if (err)
		jwk_clear(jwk);
	return err;
}
