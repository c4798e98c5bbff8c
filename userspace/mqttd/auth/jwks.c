// SPDX-License-Identifier: MIT
/*
 * Sets of keys. Pure code.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "auth/jwks.h"

struct jwks *jwks_new(void)
{
	struct jwks *keys = calloc(1, sizeof(*keys));

	if (keys)
		keys->refs = 1;
	return keys;
}

struct jwks *jwks_get(struct jwks *keys)
{
	if (keys)
		__atomic_add_fetch(&keys->refs, 1, __ATOMIC_RELAXED);
	return keys;
}

void jwks_put(struct jwks *keys)
{
	if (!keys || __atomic_sub_fetch(&keys->refs, 1, __ATOMIC_ACQ_REL))
		return;
	while (keys->n)
		jwk_clear(&keys->keys[--keys->n]);
	free(keys);
}

unsigned int jwks_algs(const struct jwks *keys)
{
	unsigned int algs = 0, i;

	for (i = 0; keys && i < keys->n; i++)
		algs |= keys->keys[i].algs;
	return algs;
}

/* Takes what is in @jwk over, in any case. */
static int add(struct jwks *keys, struct jwk *jwk, const char **why)
{
	if (keys->n < JWKS_KEYS_MAX) {
		keys->keys[keys->n++] = *jwk;
		return 0;
	}
	jwk_clear(jwk);
	*why = "there are more than 64 keys";
	return -EINVAL;
}

/* --- JSON ------------------------------------------------------------------------ */

static int add_object(struct jwks *keys, const json_t *object, bool secrets)
{
	const char *why = "it is a secret, which is not for everybody to read";
	struct jwk jwk;
	int err;

	err = jwk_parse(&jwk, object, &why);
	if (!err && jwk.secret && !secrets) {
		jwk_clear(&jwk);
		err = -EINVAL;
	}
	if (!err)
		err = add(keys, &jwk, &why);
	if (err != -EINVAL)
		return err;
	keys->ignored++;
	keys->why = why;
	return 0;
}

/* Nobody else has the object, so what it says need not be left behind in memory. */
static void wipe(json_t *object)
{
	json_t *secret = json_object_get(object, "k");

	if (json_is_string(secret))
		explicit_bzero((char *)json_string_value(secret), json_string_length(secret));
}

static int add_list(struct jwks *keys, const json_t *list, bool secrets, const char **why)
{
	unsigned int before = keys->n;
	int err = 0;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		json_t *object = json_array_get(list, i);

		if (!err)
			err = add_object(keys, object, secrets);
		wipe(object);
	}
	*why = err ? strerror(-err) : keys->ignored ? keys->why : "it has no keys";
	return err ? err : keys->n > before ? 0 : -EINVAL;
}

int jwks_add_json(struct jwks *keys, const char *text, size_t len, bool secrets,
		  const char **why)
{
	json_t *root, *list;
	int err;

	*why = "it is longer than 256 KiB";
	if (len > JWKS_BYTES_MAX)
		return -EINVAL;
	*why = "it is not JSON, or says something twice";
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!root)
		return -EINVAL;
	list = json_object_get(root, "keys");
	*why = "it has no array \"keys\"";
	err = json_is_array(list) ? add_list(keys, list, secrets, why) : -EINVAL;
	json_decref(root);
	return err;
}

/* --- PEM ------------------------------------------------------------------------- */

static EVP_PKEY *certificate_key(const u8 *data, long len)
{
	X509 *certificate = d2i_X509(NULL, &data, len);
	EVP_PKEY *key = certificate ? X509_get_pubkey(certificate) : NULL;

	X509_free(certificate);
	return key;
}

static EVP_PKEY *block_key(const char *name, const u8 *data, long len, const char **why)
{
	*why = "it is damaged, or its kind is not supported";
	if (!strcmp(name, PEM_STRING_PUBLIC))
		return d2i_PUBKEY(NULL, &data, len);
	if (!strcmp(name, PEM_STRING_RSA_PUBLIC))
		return d2i_PublicKey(EVP_PKEY_RSA, NULL, &data, len);
	if (!strcmp(name, PEM_STRING_X509) || !strcmp(name, PEM_STRING_X509_OLD))
		return certificate_key(data, len);
	*why = "something else than public keys is there";
	if (strstr(name, "PRIVATE KEY"))
		*why = "a private key is there: only the public one belongs there";
	return NULL;
}

static int add_block(struct jwks *keys, const char *name, const u8 *data, long len,
		     const char **why)
{
	EVP_PKEY *key = block_key(name, data, len, why);
	struct jwk jwk;
	int err;

	ERR_clear_error();
	if (!key)
		return -EINVAL;
	err = jwk_from_key(&jwk, key, why);
	return err ? err : add(keys, &jwk, why);
}

/* One after the other, until there is no other. */
static int add_blocks(struct jwks *keys, BIO *bio, const char **why)
{
	char *name, *header;
	int err = 0;
	long len;
	u8 *data;

	while (!err && PEM_read_bio(bio, &name, &header, &data, &len)) {
		err = add_block(keys, name, data, len, why);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(data, len);
	}
	if (err || ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
		return err;
	*why = "it is damaged";
	return -EINVAL;
}

int jwks_add_pem(struct jwks *keys, const char *text, size_t len, const char **why)
{
	unsigned int before = keys->n;
	BIO *bio;
	int err;

	*why = "it is longer than 256 KiB";
	if (len > JWKS_BYTES_MAX)
		return -EINVAL;
	*why = strerror(ENOMEM);
	bio = BIO_new_mem_buf(text, len);
	if (!bio)
		return -ENOMEM;
	*why = "it has no public key in PEM";
	err = add_blocks(keys, bio, why);
	BIO_free(bio);
	ERR_clear_error();
	return err ? err : keys->n > before ? 0 : -EINVAL;
}

int jwks_add_secret(struct jwks *keys, const char *text, size_t len, const char **why)
{
	struct jwk jwk;
	int err;

	if (len && text[len - 1] == '\n')
		len--;
	if (len && text[len - 1] == '\r')
		len--;
	err = jwk_from_secret(&jwk, (const u8 *)text, len, why);
	return err ? err : add(keys, &jwk, why);
}
