/* SPDX-License-Identifier: MIT */
/*
 * Keys that tokens are signed with (JSON Web Keys, RFC 7517), and what is signed with them.
 *
 * A key says itself which algorithms it is for: by its kind, its curve, its size, and by
 * what whoever has published it says of it. No token is asked.
 */
#ifndef MQTTD_AUTH_JWK_H
#define MQTTD_AUTH_JWK_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include <openssl/types.h>
#include <linux/types.h>

#include "auth/jwt_config.h"

#define JWK_RSA_BITS_MIN	2048
#define JWK_RSA_BITS_MAX	8192
#define JWK_SECRET_MIN		32	/* RFC 7518 3.2: as long as the hash */
#define JWK_SECRET_MAX		1024
#define JWK_KID_MAX		512

/**
 * struct jwk - one of them; all zero is none
 * @key: a public one, or NULL
 * @secret: for HMAC, or NULL
 * @secret_len: bytes there
 * @kid: what it is called, or NULL
 * @algs: bits of enum jwt_alg that it is for
 */
struct jwk {
	EVP_PKEY *key;
	u8 *secret;
	size_t secret_len;
	char *kid;
	unsigned int algs;
};

/**
 * jwk_parse() - a key as JSON has it
 * @jwk: to be cleared if it is one
 * @object: anything
 * @why: constant text, if it is of no use
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int jwk_parse(struct jwk *jwk, const json_t *object, const char **why);

/* Likewise for OpenSSL's, which is taken over in any case. */
int jwk_from_key(struct jwk *jwk, EVP_PKEY *key, const char **why);

/* Likewise for a secret, which is copied. */
int jwk_from_secret(struct jwk *jwk, const u8 *secret, size_t len, const char **why);
void jwk_clear(struct jwk *jwk);

/**
 * jwk_verify() - was it signed with this key?
 * @jwk: any
 * @alg: enum jwt_alg; if the key is not for it the answer is no
 * @data: what was signed
 * @len: bytes there
 * @signature: as a token has it
 * @signature_len: bytes there
 */
bool jwk_verify(const struct jwk *jwk, unsigned int alg, const u8 *data, size_t len,
		const u8 *signature, size_t signature_len);

#endif /* MQTTD_AUTH_JWK_H */
