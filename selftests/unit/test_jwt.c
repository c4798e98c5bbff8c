// SPDX-License-Identifier: MIT
/*
 * Tokens: the RFCs' examples, each algorithm with each kind of key, and what has been tried
 * on others to get in without a key.
 */
#include <errno.h>

#include "auth/base64url.h"
#include "auth/jwt.h"
#include "jwt_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EXAMPLES "selftests/vectors/jwt.json"	/* of RFCs; from the top of the source */

/* In the order of enum jwt_alg, and keys that fit, or NULL: a secret. */
static const struct pairing {
	const char *alg;
	const char *kind;
} pairings[] = {
	{ "RS256", "RSA2048" }, { "RS384", "RSA2048" }, { "RS512", "RSA2048" },
	{ "PS256", "RSA2048" }, { "PS384", "RSA2048" }, { "PS512", "RSA2048" },
	{ "ES256", "P-256" }, { "ES384", "P-384" }, { "ES512", "P-521" },
	{ "EdDSA", "ED25519" }, { "HS256", NULL },
};

static const char *const kinds[] = { "RSA2048", "P-256", "P-384", "P-521", "ED25519" };
static EVP_PKEY *made[COUNT(kinds)];

static EVP_PKEY *key_of(const char *kind)
{
	size_t i;

	for (i = 0; strcmp(kinds[i], kind); i++)
		;
	return made[i];
}

static int make_keys(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++)
		made[i] = make_key(kinds[i]);
	return 0;
}

static int free_keys(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++)
		EVP_PKEY_free(made[i]);
	return 0;
}

/* --- helpers ----------------------------------------------------------------------------- */

static struct jwks *set_of_json(const char *key)
{
	struct jwks *keys = jwks_new();
	const char *why = NULL;
	char *text;

	assert_true(asprintf(&text, "{\"keys\":[%s]}", key) > 0);
	if (jwks_add_json(keys, text, strlen(text), true, &why))
		fail_msg("%s: %s", key, why);
	free(text);
	return keys;
}

/* Of a kind, or of a secret. */
static struct jwks *set_of(const char *kind)
{
	struct jwks *keys = jwks_new();
	const char *why;
	char *pem;

	if (!kind) {
		assert_int_equal(jwks_add_secret(keys, SECRET, 32, &why), 0);
		return keys;
	}
	pem = public_pem(key_of(kind));
	assert_int_equal(jwks_add_pem(keys, pem, strlen(pem), &why), 0);
	free(pem);
	return keys;
}

static int verify(const char *token, const struct jwks *keys, unsigned int allowed)
{
	const char *why = NULL;
	struct jwt jwt;
	int err;

	err = jwt_parse(&jwt, (const u8 *)token, strlen(token), &why);
	if (!err)
		err = jwt_verify(&jwt, keys, allowed, &why);
	jwt_clear(&jwt);
	if (err)
		assert_non_null(why);
	return err;
}

static char *token_with(const struct pairing *pairing, const char *header, const char *claims)
{
	if (!pairing->kind)
		return secret_token(SECRET, 32, header, claims);
	return token_of(key_of(pairing->kind), pairing->alg, header, claims);
}

static char *token_for(const struct pairing *pairing)
{
	char header[64];

	snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", pairing->alg);
	return token_with(pairing, header, "{\"sub\":\"ann\"}");
}

/* --- what is right ----------------------------------------------------------------------- */

static void test_base64url(void **state)
{
	static const struct {
		const char *text;
		ssize_t n;
		const char *bytes;
	} texts[] = {
		{ "", 0, "" }, { "Zg", 1, "f" }, { "Zm8", 2, "fo" }, { "Zm9v", 3, "foo" },
		{ "Zm9vYg", 4, "foob" }, { "-_8", 2, "\xfb\xff" },
		{ "Z", -EINVAL, NULL }, { "Zm9vY", -EINVAL, NULL }, { "Zg==", -EINVAL, NULL },
		{ "Zm8=", -EINVAL, NULL }, { "+/8", -EINVAL, NULL }, { "Zm 9", -EINVAL, NULL },
		{ "Zm9v\n", -EINVAL, NULL }, { "Zh", -EINVAL, NULL }, { "Zm9", -EINVAL, NULL },
		{ "Zm\x80v", -EINVAL, NULL }, { "Zm9v.", -EINVAL, NULL },
	};
	u8 bytes[16];
	size_t i, len;
	u8 *copy;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		len = strlen(texts[i].text);
		if (base64url_decode(bytes, texts[i].text, len) != texts[i].n)
			fail_msg("'%s'", texts[i].text);
		copy = base64url_bytes(texts[i].text, &len);
		assert_int_equal(!copy, texts[i].n < 0);
		if (copy)
			assert_int_equal(len, texts[i].n);
		if (copy)
			assert_memory_equal(copy, texts[i].bytes, len + 1);
		free(copy);
	}
}

/* With another character behind the first dot, or the last. */
static void test_broken(const char *token, size_t dot, const struct jwks *keys)
{
	char *broken = strdup(token);

	broken[dot + 3] = broken[dot + 3] == 'A' ? 'B' : 'A';
	assert_int_equal(verify(broken, keys, JWT_ALGS_ALL), -EKEYREJECTED);
	free(broken);
}

static void test_example(const json_t *example)
{
	const char *token = json_string_value(json_object_get(example, "token"));
	unsigned int alg = jwt_alg_find(json_string_value(json_object_get(example, "alg")));
	char *key = json_dumps(json_object_get(example, "key"), 0);
	struct jwks *keys = set_of_json(key);

	if (verify(token, keys, JWT_ALG(alg)))
		fail_msg("%s", json_string_value(json_object_get(example, "from")));
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL & ~JWT_ALG(alg)), -EACCES);
	test_broken(token, strchr(token, '.') - token, keys);
	test_broken(token, strrchr(token, '.') - token, keys);
	jwks_put(keys);
	free(key);
}

static void test_examples(void **state)
{
	json_t *examples = json_load_file(EXAMPLES, JSON_REJECT_DUPLICATES, NULL);
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(examples), 9);
	for (i = 0; i < 9; i++)
		test_example(json_array_get(examples, i));
	json_decref(examples);
}

/* Each algorithm's tokens are good with the keys that fit, and with no others */
static void test_pairings(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT(pairings); i++) {
		char *token = token_for(&pairings[i]);

		assert_int_equal(jwt_alg_find(pairings[i].alg), i);
		for (j = 0; j < COUNT(pairings); j++) {
			struct jwks *keys = set_of(pairings[j].kind);
			bool fits = pairings[i].kind == pairings[j].kind;
			int err = verify(token, keys, JWT_ALGS_ALL);

			if (err != (fits ? 0 : -ENOKEY))
				fail_msg("%s with the key of %s: %d", pairings[i].alg,
					 pairings[j].alg, err);
			jwks_put(keys);
		}
		free(token);
	}
}

/* Which key: by its name, or all of them */
static void test_kid(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"HS256\",\"kid\":\"b\"}", "{\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256\",\"kid\":\"c\"}"
	};
	static const int expected[] = { 0, 0, -EKEYREJECTED, -ENOKEY };
	static const char other[] = "fedcba9876543210fedcba9876543210";
	char *a = text64(SECRET, 32), *b = text64(other, 32), *set, *token;
	struct jwks *keys;
	size_t i;

	(void)state;
	assert_true(asprintf(&set,
			     "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"%s\"},"
			     "{\"kty\":\"oct\",\"kid\":\"b\",\"k\":\"%s\"}",
			     a, b) > 0);
	keys = set_of_json(set);
	for (i = 0; i < COUNT(headers); i++) {
		token = secret_token(other, 32, headers[i], "{}");
		assert_int_equal(verify(token, keys, JWT_ALGS_ALL), expected[i]);
		free(token);
	}
	jwks_put(keys);
	/* a key without a name is any */
	keys = set_of(NULL);
	token = secret_token(SECRET, 32, headers[3], "{}");
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL), 0);
	free(token);
	jwks_put(keys);
	free(set);
	free(a);
	free(b);
}

/* --- what is not ------------------------------------------------------------------------- */

/* The public key as the secret of HMAC: as PEM, and as it is in JSON */
static void test_confusion(void **state)
{
	struct jwks *keys = set_of("RSA2048");
	char *pem = public_pem(key_of("RSA2048")), *token;
	const char *why;
	struct jwks *secret = jwks_new();

	(void)state;
	token = secret_token(pem, strlen(pem), "{\"alg\":\"HS256\"}", "{\"sub\":\"ann\"}");
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL), -ENOKEY);
	free(token);
	token = secret_token(pem, strlen(pem) - 1, "{\"alg\":\"HS256\"}", "{\"sub\":\"ann\"}");
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL), -ENOKEY);
	free(token);
	token = secret_token("", 0, "{\"alg\":\"HS256\"}", "{\"sub\":\"ann\"}");
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL), -ENOKEY);
	free(token);
	/* nor has an operator ever meant this */
	assert_int_equal(jwks_add_secret(secret, pem, strlen(pem), &why), -EINVAL);
	free(pem);
	/* the header says how it is signed, and it is signed otherwise */
	token = token_of(key_of("RSA2048"), "RS256", "{\"alg\":\"PS256\"}", "{}");
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL), -EKEYREJECTED);
	free(token);
	token = token_of(key_of("RSA2048"), "RS512", "{\"alg\":\"RS256\"}", "{}");
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL), -EKEYREJECTED);
	free(token);
	jwks_put(secret);
	jwks_put(keys);
}

/* "alg": "none" in all that it has been written, with and without something behind it */
static void test_unsigned(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\"}", "{\"alg\":\"None\"}", "{\"alg\":\"NONE\"}",
		"{\"alg\":\"nOnE\"}",
		"{\"alg\":\"\"}", "{\"alg\":null}", "{\"alg\":[\"none\"]}", "{\"alg\":0}",
		"{\"alg\":\"hs256\"}", "{\"alg\":\"HS256 \"}", "{\"alg\":\"HS384\"}",
		"{\"alg\":\"HS512\"}",
		"{\"alg\":\"ES256K\"}", "{\"alg\":{\"alg\":\"HS256\"}}",
	};
	struct jwks *keys = set_of(NULL);
	char *text, *token;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(headers); i++) {
		text = unsigned_token(headers[i], "{\"sub\":\"ann\"}");
		assert_true(asprintf(&token, "%s.", text) > 0);
		free(text);
		assert_int_equal(verify(token, keys, JWT_ALGS_ALL), -EINVAL);
		/* it is a token all the same, so nobody else is asked */
		assert_true(jwt_looks_like((const u8 *)token, strlen(token), 8192));
		free(token);
		token = secret_token(SECRET, 32, headers[i], "{\"sub\":\"ann\"}");
		assert_int_equal(verify(token, keys, JWT_ALGS_ALL), -EINVAL);
		free(token);
	}
	text = unsigned_token("{\"alg\":\"HS256\"}", "{\"sub\":\"ann\"}");
	assert_true(asprintf(&token, "%s.", text) > 0);
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL), -EINVAL);
	free(token);
	free(text);
	jwks_put(keys);
}

/* Headers that would change what is verified, and with what */
static void test_headers(void **state)
{
	static const struct {
		const char *header;
		int err;
	} headers[] = {
		{ "{\"alg\":\"HS256\"}", 0 },
		{ "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"other\":[{}]}", 0 },
		{ "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", -EINVAL },
		{ "{\"alg\":\"HS256\",\"crit\":[]}", -EINVAL },
		{ "{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}", -EINVAL },
		{ "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", -EINVAL },
		{ "{\"alg\":\"none\",\"alg\":\"HS256\"}", -EINVAL },
		{ "{\"alg\":\"HS256\",\"kid\":\"a\",\"kid\":\"b\"}", -EINVAL },
		{ "{\"alg\":\"HS256\",\"kid\":7}", -EINVAL },
		{ "{\"alg\":\"HS256\",\"kid\":null}", -EINVAL },
		{ "{\"alg\":\"HS256\"}x", -EINVAL },
		{ "{\"alg\":\"HS256\"}{}", -EINVAL },
		{ "{\"alg\":\"HS256\",}", -EINVAL },
		{ "{\"alg\":\"HS256\",\"x\":\"\\u0000\"}", -EINVAL },
		{ "{\"alg\":\"HS256\",\"x\":\"\xff\"}", -EINVAL },
		{ "{\"alg\":\"HS256\",\"x\":1e999}", -EINVAL },
		{ "{\"alg\":\"HS256\",\"x\":99999999999999999999}", -EINVAL },
		{ "[\"HS256\"]", -EINVAL }, { "\"HS256\"", -EINVAL }, { "{}", -EINVAL }, { "",
		-EINVAL },
	};
	struct jwks *keys = set_of(NULL);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(headers); i++) {
		char *token = secret_token(SECRET, 32, headers[i].header, "{}");

		if (verify(token, keys, JWT_ALGS_ALL) != headers[i].err)
			fail_msg("%s", headers[i].header);
		free(token);
	}
	jwks_put(keys);
}

/* A key that comes with the token is nobody's */
static void test_own_key(void **state)
{
	EVP_PKEY *own = make_key("P-256");
	struct jwks *keys = set_of("P-256");
	u8 point[65];
	char *x, *y, *header, *token;
	size_t len;

	(void)state;
	assert_int_equal(EVP_PKEY_get_octet_string_param(own, "encoded-pub-key", point, 65, &len),
			 1);
	x = text64(point + 1, 32);
	y = text64(point + 33, 32);
	assert_true(asprintf(&header,
			     "{\"alg\":\"ES256\",\"jwk\":"
			     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"},"
			     "\"jku\":\"http://[::1]:1/\",\"x5u\":\"http://[::1]:1/\",\"x5c\":[]}",
			     x, y) > 0);
	token = token_of(own, "ES256", header, "{}");
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL), -EKEYREJECTED);
	free(token);
	token = token_of(key_of("P-256"), "ES256", header, "{}");
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL), 0);
	free(token);
	free(header);
	free(x);
	free(y);
	EVP_PKEY_free(own);
	jwks_put(keys);
}

static char *token_signed(const char *header, const u8 *signature, size_t len)
{
	return append_signature(unsigned_token(header, "{\"sub\":\"ann\"}"), signature, len);
}

/* Signatures of other lengths, of zeros, in DER, with something behind them */
static void test_signatures(void **state)
{
	struct jwks *keys = set_of("P-256"), *edwards = set_of("ED25519"),
	*rsa = set_of("RSA2048");
	static const char es[] = "{\"alg\":\"ES256\"}", ed[] = "{\"alg\":\"EdDSA\"}";
	char *text = unsigned_token(es, "{\"sub\":\"ann\"}"), *token;
	u8 zeros[1024] = {}, signature[1024], der[128] = {};
	size_t len, n;

	(void)state;
	for (n = 0; n <= 132; n++) {
		token = token_signed(es, zeros, n);
		assert_int_not_equal(verify(token, keys, JWT_ALGS_ALL), 0);
		free(token);
		token = token_signed(ed, zeros, n);
		assert_int_not_equal(verify(token, edwards, JWT_ALGS_ALL), 0);
		free(token);
	}
	for (n = 255; n <= 257; n++) {
		token = token_signed("{\"alg\":\"RS256\"}", zeros, n);
		assert_int_equal(verify(token, rsa, JWT_ALGS_ALL), -EKEYREJECTED);
		free(token);
	}
	len = sign(key_of("P-256"), "ES256", text, signature);
	assert_int_equal(len, 64);
	for (n = 63; n <= 66; n++) {
		memset(signature + 64, 0, 2);
		token = token_signed(es, signature, n);
		assert_int_equal(verify(token, keys, JWT_ALGS_ALL), n == 64 ? 0 : -EKEYREJECTED);
		free(token);
	}
	/* 0x30 LEN 0x02 0x21 0 R 0x02 0x21 0 S */
	memcpy(der, "\x30\x46\x02\x21", 4);
	memcpy(der + 5, signature, 32);
	memcpy(der + 37, "\x02\x21", 2);
	memcpy(der + 40, signature + 32, 32);
	token = token_signed(es, der, 72);
	assert_int_equal(verify(token, keys, JWT_ALGS_ALL), -EKEYREJECTED);
	free(token);
	free(text);
	jwks_put(keys);
	jwks_put(edwards);
	jwks_put(rsa);
}

/* What is no token at all is left to others; what is nearly one is not */
static void test_shapes(void **state)
{
	static const char *const others[] = {
		"", ".", "..", "...", "secret", "a.b", "a.b.c", "eyes.are.blue", "e30.e30.e30",
		"eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9.e30",
		"eyJhbGciOiJIUzI1NiJ9.e30.AA.AA",
		"eyJhbGciOiJIUzI1NiJ9.a.b.c.d", "eyJhbGciOiJIUzI1NiJ9=.e30.AA",
		" eyJhbGciOiJIUzI1NiJ9.e30.AA",
		"W10.e30.AA", "{\"alg\":\"HS256\"}.{}.x",
	};
	static const char *const bad[] = {
		"eyJhbGciOiJIUzI1NiJ9..", "eyJhbGciOiJIUzI1NiJ9.e30.",
		"eyJhbGciOiJIUzI1NiJ9.e30.A",
		"eyJhbGciOiJIUzI1NiJ9.e30.AA==", "eyJhbGciOiJIUzI1NiJ9.e30.A\n",
		"eyJhbGciOiJIUzI1NiJ9.e30.AB",
		"eyJhbGciOiJIUzI1NiJ9.e30.+/",
	};
	struct jwks *keys = set_of(NULL);
	struct jwt jwt;
	const char *why;
	char *token;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(others); i++) {
		if (jwt_looks_like((const u8 *)others[i], strlen(others[i]), 8192))
			fail_msg("'%s' is a token", others[i]);
		assert_int_not_equal(verify(others[i], keys, JWT_ALGS_ALL), 0);
	}
	for (i = 0; i < COUNT(bad); i++) {
		if (!jwt_looks_like((const u8 *)bad[i], strlen(bad[i]), 8192))
			fail_msg("'%s' is no token", bad[i]);
		assert_int_equal(verify(bad[i], keys, JWT_ALGS_ALL), -EINVAL);
	}
	/* NUL bytes end nothing: the terminating one is taken for a part of it */
	token = secret_token(SECRET, 32, "{\"alg\":\"HS256\"}", "{}");
	assert_int_equal(jwt_parse(&jwt, (u8 *)token, strlen(token) + 1, &why), -EINVAL);
	jwt_clear(&jwt);
	free(token);
	jwks_put(keys);
}

/* As deep and as long as it may come in CONNECT */
static void test_bombs(void **state)
{
	static const char begin[] = "{\"alg\":\"HS256\",\"x\":";
	char *header = calloc(1, 48000), *token;

	(void)state;
	strcpy(header, begin);
	memset(header + strlen(begin), '[', 20000);
	memset(header + strlen(begin) + 20000, ']', 20000);
	strcat(header, "}");
	token = secret_token(SECRET, 32, header, "{}");
	assert_false(jwt_looks_like((u8 *)token, strlen(token), 65535));
	assert_int_equal(verify(token, NULL, JWT_ALGS_ALL), -EINVAL);
	free(token);
	/* too long a header is not even looked at */
	memset(header, ' ', 40000);
	strcpy(header + 40000, "{\"alg\":\"HS256\"}");
	token = secret_token(SECRET, 32, header, "{}");
	assert_true(jwt_looks_like((u8 *)token, strlen(token), 65535));
	assert_false(jwt_looks_like((u8 *)token, strlen(token), 8192));
	free(token);
	free(header);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64url),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_pairings),
		cmocka_unit_test(test_kid),
		cmocka_unit_test(test_confusion),
		cmocka_unit_test(test_unsigned),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_own_key),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_bombs),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
