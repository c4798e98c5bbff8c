// SPDX-License-Identifier: MIT
/*
 * Hashed passwords.
 */
#include <argon2.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "password.h"

#define SHA512_LEN	64
#define SALT_LEN	16
#define MOSQUITTO_SALT_LEN 12	/* it takes no other */
#define ARGON2_LEN	32
#define ARGON2_MEMORY_MAX (4u << 20)	/* KiB */
/* OWASP's advice of 2023 for hashing passwords */
#define PBKDF2_PASSES	210000
#define ARGON2_PASSES	2
#define ARGON2_MEMORY	19456

/* --- text ------------------------------------------------------------------- */

static int base64_value(char c)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? at - letters : -1;
}

/*
 * Decodes up to @end, with or without padding. Returns the number of bytes, or -EINVAL
 * if it is not base64 or not 1 to @max bytes.
 */
static int base64_decode(uint8_t *to, size_t max, const char *from, const char *end)
{
	size_t digits, len, i;
	uint32_t bits = 0;
	unsigned int n;

	for (n = 0; n < 2 && end > from && end[-1] == '='; n++)
		end--;
	digits = end - from;
	len = digits * 3 / 4;
	if (digits % 4 == 1 || !len || len > max || (n && (digits + n) % 4))
		return -EINVAL;
	for (i = 0; i < digits; i++) {
		int value = base64_value(from[i]);

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | value;
		if (i % 4)
			*to++ = bits >> (6 - 2 * (i % 4));
	}
	return len;
}

/* Returns the end, where a NUL is. */
static char *base64_encode(char *to, const uint8_t *from, size_t len, bool padded)
{
	to += EVP_EncodeBlock((unsigned char *)to, from, len);
	while (!padded && to[-1] == '=')
		*--to = '\0';
	return to;
}

/* Reads @name, a number that is not 0, and a byte of @ends; returns what is behind, or NULL. */
static const char *number_parse(const char *text, const char *name, const char *ends,
				uint32_t *number)
{
	size_t len = strlen(name);
	uint64_t value = 0;

	if (strncmp(text, name, len))
		return NULL;
	for (text += len; *text >= '0' && *text <= '9'; text++) {
		value = value * 10 + (*text - '0');
		if (value > INT_MAX)
			return NULL;
	}
	*number = value;
	return value && *text == *ends ? text + 1 : NULL;
}

/* SALT$HASH */
static int digests_parse(struct password *password, const char *text)
{
	const char *dollar = strchr(text, '$');
	int len;

	if (!dollar)
		return -EINVAL;
	len = base64_decode(password->salt, PASSWORD_SALT_MAX, text, dollar);
	if (len < 0)
		return len;
	password->salt_len = len;
	text = dollar + 1;
	len = base64_decode(password->hash, PASSWORD_HASH_MAX, text, text + strlen(text));
	if (len < 0)
		return len;
	password->hash_len = len;
	return 0;
}

static int mosquitto_parse(struct password *password, const char *text)
{
	int err = digests_parse(password, text);

	return err || password->hash_len == SHA512_LEN ? err : -EINVAL;
}

static int argon2id_parse(struct password *password, const char *text)
{
	int err;

	text = number_parse(text, "m=", ",", &password->memory);
	if (text)
		text = number_parse(text, "t=", ",", &password->passes);
	if (text)
		text = number_parse(text, "p=", "$", &password->lanes);
	err = text ? digests_parse(password, text) : -EINVAL;
	if (err)
		return err;
	if (password->lanes > ARGON2_MAX_LANES || password->memory > ARGON2_MEMORY_MAX ||
	    password->memory / 8 < password->lanes ||
	    password->salt_len < ARGON2_MIN_SALT_LENGTH ||
	    password->hash_len < ARGON2_MIN_OUTLEN)
		return -EINVAL;
	return 0;
}

int password_parse(struct password *password, const char *text)
{
	static const char argon2id[] = "$argon2id$v=19$";

	*password = (struct password){ .passes = 1 };
	if (!strncmp(text, "$6$", 3)) {
		password->kind = PASSWORD_SHA512;
		return mosquitto_parse(password, text + 3);
	}
	if (!strncmp(text, "$7$", 3)) {
		password->kind = PASSWORD_PBKDF2;
		text = number_parse(text + 3, "", "$", &password->passes);
		return text ? mosquitto_parse(password, text) : -EINVAL;
	}
	if (!strncmp(text, argon2id, strlen(argon2id))) {
		password->kind = PASSWORD_ARGON2ID;
		return argon2id_parse(password, text + strlen(argon2id));
	}
	return -EINVAL;
}

void password_format(const struct password *password, char *text)
{
	bool padded = password->kind != PASSWORD_ARGON2ID;

	switch (password->kind) {
	case PASSWORD_SHA512:
		text = stpcpy(text, "$6$");
		break;
	case PASSWORD_PBKDF2:
		text += sprintf(text, "$7$%" PRIu32 "$", password->passes);
		break;
	case PASSWORD_ARGON2ID:
		text += sprintf(text, "$argon2id$v=19$m=%" PRIu32 ",t=%" PRIu32 ",p=%" PRIu32 "$",
				password->memory, password->passes, password->lanes);
		break;
	}
	text = base64_encode(text, password->salt, password->salt_len, padded);
	*text++ = '$';
	base64_encode(text, password->hash, password->hash_len, padded);
}

/* --- hashes ------------------------------------------------------------------- */

static int sha512(const struct password *password, const void *secret, size_t len, uint8_t *hash)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool fine = ctx && EVP_DigestInit_ex(ctx, EVP_sha512(), NULL) &&
		    EVP_DigestUpdate(ctx, secret, len) &&
		    EVP_DigestUpdate(ctx, password->salt, password->salt_len) &&
		    EVP_DigestFinal_ex(ctx, hash, NULL);

	EVP_MD_CTX_free(ctx);
	return fine ? 0 : -ENOMEM;
}

static int pbkdf2(const struct password *password, const void *secret, size_t len, uint8_t *hash)
{
	return PKCS5_PBKDF2_HMAC(len ? secret : "", len, password->salt, password->salt_len,
				 password->passes, EVP_sha512(), password->hash_len, hash) ?
	       0 : -ENOMEM;
}

/* In this thread alone, however many lanes there are. */
static int argon2id(const struct password *password, const void *secret, size_t len, uint8_t *hash)
{
	argon2_context ctx = {
		.out = hash,
		.outlen = password->hash_len,
		.pwd = (uint8_t *)secret,
		.pwdlen = len,
		.salt = (uint8_t *)password->salt,
		.saltlen = password->salt_len,
		.t_cost = password->passes,
		.m_cost = password->memory,
		.lanes = password->lanes,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.flags = ARGON2_DEFAULT_FLAGS,
	};

	return argon2id_ctx(&ctx) == ARGON2_OK ? 0 : -ENOMEM;
}

static int hash_secret(const struct password *password, const void *secret, size_t len,
		       uint8_t *hash)
{
	if (len > INT_MAX)
		return -EINVAL;
	switch (password->kind) {
	case PASSWORD_SHA512:
		return sha512(password, secret, len, hash);
	case PASSWORD_PBKDF2:
		return pbkdf2(password, secret, len, hash);
	default:
		return argon2id(password, secret, len, hash);
	}
}

int password_make(struct password *password, enum password_kind kind, const void *secret,
		  size_t len)
{
	bool argon2 = kind == PASSWORD_ARGON2ID;

	*password = (struct password){
		.kind = kind,
		.passes = argon2 ? ARGON2_PASSES : PBKDF2_PASSES,
		.memory = ARGON2_MEMORY,
		.lanes = 1,
		.salt_len = argon2 ? SALT_LEN : MOSQUITTO_SALT_LEN,
		.hash_len = argon2 ? ARGON2_LEN : SHA512_LEN,
	};
	if (getrandom(password->salt, password->salt_len, 0) != password->salt_len)
		return -EIO;
	return hash_secret(password, secret, len, password->hash);
}

bool password_is(const struct password *password, const void *secret, size_t len)
{
	uint8_t hash[PASSWORD_HASH_MAX];
	bool same = !hash_secret(password, secret, len, hash) &&
		    !CRYPTO_memcmp(hash, password->hash, password->hash_len);

	explicit_bzero(hash, sizeof(hash));
	return same;
}
