// SPDX-License-Identifier: MIT
/*
 * Signatures of tokens, RFC 7518 3 and RFC 8037 3.1. Pure code.
 *
 * What is to be done follows from the algorithm alone, once it is known to be one of the
 * key's: a public key is never a secret.
 */
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "auth/jwk.h"

enum padding {
	PADDING_NONE,
	PADDING_PKCS1,
	PADDING_PSS,
};

static const struct alg {
	const char *digest;
	enum padding padding;
	size_t coordinate;		/* bytes of half a signature, with elliptic curves */
} algs[JWT_ALGS] = {
	[JWT_RS256] = { "SHA256", PADDING_PKCS1, 0 },
	[JWT_RS384] = { "SHA384", PADDING_PKCS1, 0 },
	[JWT_RS512] = { "SHA512", PADDING_PKCS1, 0 },
	[JWT_PS256] = { "SHA256", PADDING_PSS, 0 },
	[JWT_PS384] = { "SHA384", PADDING_PSS, 0 },
	[JWT_PS512] = { "SHA512", PADDING_PSS, 0 },
	[JWT_ES256] = { "SHA256", PADDING_NONE, 32 },
	[JWT_ES384] = { "SHA384", PADDING_NONE, 48 },
	[JWT_ES512] = { "SHA512", PADDING_NONE, 66 },
	[JWT_EDDSA] = { NULL, PADDING_NONE, 0 },
};

/**
 * struct signed_text - what is to be verified
 * @data: what was signed
 * @len: bytes there
 * @signature: in OpenSSL's form
 * @signature_len: bytes there
 */
struct signed_text {
	const u8 *data;
	size_t len;
	const u8 *signature;
	size_t signature_len;
};

static bool pad(EVP_PKEY_CTX *ctx, enum padding padding)
{
	if (padding == PADDING_NONE)
		return true;
	if (padding == PADDING_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool verify_public(EVP_PKEY *key, const struct alg *alg, const struct signed_text *text)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	bool same;

	same = md && EVP_DigestVerifyInit_ex(md, &ctx, alg->digest, NULL, NULL, key, NULL) == 1 &&
	       pad(ctx, alg->padding) &&
	       EVP_DigestVerify(md, text->signature, text->signature_len, text->data,
				text->len) == 1;
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return same;
}

/* Two numbers side by side; OpenSSL wants them in DER. Returns its length, or 0. */
static int to_der(const u8 *signature, size_t half, u8 **der)
{
	BIGNUM *r = BN_bin2bn(signature, half, NULL), *s = BN_bin2bn(signature + half, half, NULL);
	ECDSA_SIG *pair = ECDSA_SIG_new();
	int len = 0;

	*der = NULL;
	if (r && s && pair && ECDSA_SIG_set0(pair, r, s)) {
		r = NULL;
		s = NULL;
		len = i2d_ECDSA_SIG(pair, der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return len > 0 ? len : 0;
}

static bool verify_curve(EVP_PKEY *key, const struct alg *alg, struct signed_text *text)
{
	bool same = false;
	u8 *der;
	int len;

	if (text->signature_len != 2 * alg->coordinate)
		return false;
	len = to_der(text->signature, alg->coordinate, &der);
	if (len) {
		text->signature = der;
		text->signature_len = len;
		same = verify_public(key, alg, text);
	}
	OPENSSL_free(der);
	return same;
}

static bool verify_secret(const struct jwk *jwk, const struct signed_text *text)
{
	u8 mac[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	bool same;

	same = HMAC(EVP_sha256(), jwk->secret, jwk->secret_len, text->data, text->len, mac,
		    &len) &&
	       text->signature_len == len && !CRYPTO_memcmp(mac, text->signature, len);
	OPENSSL_cleanse(mac, sizeof(mac));
	return same;
}

bool jwk_verify(const struct jwk *jwk, unsigned int alg, const u8 *data, size_t len,
		const u8 *signature, size_t signature_len)
{
	struct signed_text text = { data, len, signature, signature_len };

	if (alg >= JWT_ALGS || !(jwk->algs & JWT_ALG(alg)))
		return false;
	if (alg == JWT_HS256)
		return jwk->secret && verify_secret(jwk, &text);
	if (!jwk->key)
		return false;
	return algs[alg].coordinate ? verify_curve(jwk->key, &algs[alg], &text) :
				      verify_public(jwk->key, &algs[alg], &text);
}
