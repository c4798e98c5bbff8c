/* SPDX-License-Identifier: MIT */
/*
 * Keys and tokens, made by OpenSSL alone: nothing of this is the daemon's, but the names
 * of algorithms.
 */
#ifndef JWT_FIXTURE_H
#define JWT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define SECRET "0123456789abcdef0123456789abcdef"

/* In base64url; to be freed. */
static inline char *text64(const void *bytes, size_t len)
{
	char *text = malloc(4 * len / 3 + 8), *at;
	int n = EVP_EncodeBlock((unsigned char *)text, bytes, len);

	while (n && text[n - 1] == '=')
		text[--n] = '\0';
	for (at = text; *at; at++)
		*at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
	return text;
}

static inline EVP_PKEY *make_key(const char *kind)
{
	EVP_PKEY *key = !strncmp(kind, "RSA", 3) ? EVP_RSA_gen(atoi(kind + 3)) :
			!strcmp(kind, "ED25519") ? EVP_PKEY_Q_keygen(NULL, NULL, kind) :
						   EVP_EC_gen(kind);

	assert_non_null(key);
	return key;
}

/* What is in DER as two numbers side by side. */
static inline size_t from_der(uint8_t *signature, size_t len, size_t half)
{
	const uint8_t *at = signature;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, len);

	assert_non_null(pair);
	BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, half);
	BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + half, half);
	ECDSA_SIG_free(pair);
	return 2 * half;
}

/* With the algorithm of this name. */
static inline size_t sign(EVP_PKEY *key, const char *alg, const char *text,
			  uint8_t signature[1024])
{
	const char *digest = strstr(alg, "256") ? "SHA256" : strstr(alg, "384") ? "SHA384" :
			     strstr(alg, "512") ? "SHA512" : NULL;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	size_t len = 1024;

	assert_int_equal(EVP_DigestSignInit_ex(md, &ctx, digest, NULL, NULL, key, NULL), 1);
	if (*alg == 'P') {
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST);
	}
	assert_int_equal(EVP_DigestSign(md, signature, &len, (const uint8_t *)text, strlen(text)),
			 1);
	EVP_MD_CTX_free(md);
	if (EVP_PKEY_is_a(key, "EC"))
		len = from_der(signature, len, (EVP_PKEY_get_bits(key) + 7) / 8);
	return len;
}

/* What is signed, of JSON. */
static inline char *unsigned_token(const char *header, const char *claims)
{
	char *a = text64(header, strlen(header)), *b = text64(claims, strlen(claims)), *text;

	assert_true(asprintf(&text, "%s.%s", a, b) > 0);
	free(a);
	free(b);
	return text;
}

/* To be freed, as the others. */
static inline char *append_signature(char *text, const uint8_t *signature, size_t len)
{
	char *end = text64(signature, len), *token;

	assert_true(asprintf(&token, "%s.%s", text, end) > 0);
	free(end);
	free(text);
	return token;
}

/* Signed with @alg, whatever the header says. */
static inline char *token_of(EVP_PKEY *key, const char *alg, const char *header,
			     const char *claims)
{
	char *text = unsigned_token(header, claims);
	uint8_t signature[1024];

	return append_signature(text, signature, sign(key, alg, text, signature));
}

static inline char *secret_token(const void *secret, size_t len, const char *header,
				 const char *claims)
{
	char *text = unsigned_token(header, claims);
	unsigned int n;
	uint8_t mac[64];

	HMAC(EVP_sha256(), secret, len, (uint8_t *)text, strlen(text), mac, &n);
	return append_signature(text, mac, n);
}

/* The public key in PEM. */
static inline char *public_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long len;

	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	len = BIO_get_mem_data(bio, &data);
	text = strndup(data, len);
	BIO_free(bio);
	return text;
}

#endif /* JWT_FIXTURE_H */
