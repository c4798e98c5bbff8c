// SPDX-License-Identifier: MIT
/* Keys: which are of use, where they may come from, and what a listener does with them. */
#include <errno.h>
#include <time.h>

#include "auth/jwks_fetch.h"
#include "auth/jwt.h"
#include "auth/method.h"
#include "config.h"
#include "file_fixture.h"
#include "jwt_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define ON(crv, x, y) "\"kty\":\"EC\",\"crv\":\"" crv "\",\"x\":\"" x "\",\"y\":\"" y "\""
#define EDWARDS(crv, x) "\"kty\":\"OKP\",\"crv\":\"" crv "\",\"x\":\"" x "\""
#define EC ON("P-256", X, Y)
#define Z "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED EDWARDS("Ed25519", Z)
#define SECRET64 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"

static int add(struct jwks *keys, const char *text, bool secrets)
{
	const char *why = NULL;
	int err = jwks_add_json(keys, text, strlen(text), secrets, &why);

	if (err)
		assert_non_null(why);
	return err;
}

static int add_one(const char *members, bool secrets)
{
	struct jwks *keys = jwks_new();
	char *text;
	int err;

	assert_true(asprintf(&text, "{\"keys\":[{%s}]}", members) > 0);
	err = add(keys, text, secrets);
	free(text);
	assert_int_equal(keys->ignored, err ? 1 : 0);
	jwks_put(keys);
	return err;
}

static void test_members(void **state)
{
	static const char *const good[] = {
		EC, ED, EC ",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"\"",
		EC ",\"key_ops\":[\"sign\",\"verify\"]",
		"\"kty\":\"oct\",\"k\":\"" SECRET64 "\"",
		EC ",\"x5c\":[\"nonsense\"],\"else\":{}",
	};
	static const char *const bad[] = {
		"", "\"kty\":\"EC\"", "\"kty\":7",
		"\"kty\":\"ec\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"",
		EC ",\"use\":\"enc\"", EC ",\"use\":7", EC ",\"key_ops\":[\"encrypt\"]",
		EC ",\"key_ops\":[]",
		EC ",\"key_ops\":\"verify\"", EC ",\"alg\":\"ES384\"", EC ",\"alg\":\"HS256\"",
		EC ",\"alg\":\"none\"",
		EC ",\"alg\":null", EC ",\"kid\":7", EC ",\"d\":\"AA\"", EC ",\"d\":null",
		/* off the curve, of others, not as long as it has to be */
		ON("P-256", Y, X),
		ON("P-384", X, Y),
		ON("secp256k1", X, Y),
		ON("P-256", X, ""),
		ON("P-256", "AA", "AA"),
		ON("P-256", X "=", Y),
		EDWARDS("Ed448", Z),
		EDWARDS("X25519", Z),
		EDWARDS("Ed25519", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ"),
		"\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZQ\"",
		"\"kty\":\"oct\",\"k\":\"\"",
		"\"kty\":\"oct\",\"k\":7", "\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"",
		"\"kty\":\"RSA\",\"n\":\"\",\"e\":\"\"",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++)
		if (add_one(good[i], true))
			fail_msg("%s", good[i]);
	for (i = 0; i < COUNT(bad); i++)
		if (add_one(bad[i], true) != -EINVAL)
			fail_msg("%s", bad[i]);
	assert_int_equal(add_one("\"kty\":\"oct\",\"k\":\"" SECRET64 "\"", false), -EINVAL);
}

/* RSA: 2048 bits at least, and an exponent that is one */
static void test_rsa(void **state)
{
	static const struct {
		unsigned int bits;
		const char *e;
		int err;
	} keys[] = {
		{ 2048, "AQAB", 0 }, { 2048, "Aw", 0 }, { 8192, "AQAB", 0 }, { 2047, "AQAB",
		-EINVAL },
		{ 1024, "AQAB", -EINVAL }, { 8193, "AQAB", -EINVAL }, { 16384, "AQAB", -EINVAL },
		{ 2048, "AQ", -EINVAL }, { 2048, "AA", -EINVAL }, { 2048, "Ag", -EINVAL },
		{ 2048, "AQAAAAE", -EINVAL }, { 2048, "AQAAAAAAAAAB", -EINVAL },
	};
	char *text, *n;
	u8 bytes[2049];
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(keys); i++) {
		len = (keys[i].bits + 7) / 8;
		memset(bytes, 0x55, len);
		bytes[0] = 1 << (keys[i].bits - 1) % 8;
		n = text64(bytes, len);
		assert_true(asprintf(&text, "\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"", n,
				     keys[i].e) > 0);
		if (add_one(text, true) != keys[i].err)
			fail_msg("%u bits, exponent %s", keys[i].bits, keys[i].e);
		free(text);
		free(n);
	}
}

static void test_sets(void **state)
{
	static const char *const bad[] = {
		"", "{}", "[]", "{\"keys\":[]}", "{\"keys\":{}}", "{\"keys\":[{}]}",
		"{\"keys\":[7]}", "{" EC "}",
		"{\"keys\":[{" EC "}],\"keys\":[{" EC "}]}",
		"{\"keys\":[{" EC ",\"kty\":\"EC\"}]}",
		"{\"keys\":[{" EC "}]} x", "{\"keys\":[{" EC "}]", "{\"keys\":[{" EC "},]}",
	};
	struct jwks *keys;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		keys = jwks_new();
		if (add(keys, bad[i], true) != -EINVAL)
			fail_msg("%s", bad[i]);
		jwks_put(keys);
	}
	/* the others are not worse for one that is of no use */
	keys = jwks_new();
	assert_int_equal(add(keys, "{\"keys\":[{\"kty\":\"x\"},{" EC "},7,{" ED "}]}", false), 0);
	assert_int_equal(keys->n, 2);
	assert_int_equal(keys->ignored, 2);
	assert_int_equal(jwks_algs(keys), JWT_ALG(JWT_ES256) | JWT_ALG(JWT_EDDSA));
	jwks_put(keys);
	/* nor for many */
	text = strdup("{\"keys\":[{" ED "}");
	for (i = 1; i < 100; i++) {
		text = realloc(text, strlen(text) + 200);
		strcat(text, ",{" ED "}");
	}
	strcat(text, "]}");
	keys = jwks_new();
	assert_int_equal(add(keys, text, false), 0);
	assert_int_equal(keys->n, JWKS_KEYS_MAX);
	assert_int_equal(keys->ignored, 100 - JWKS_KEYS_MAX);
	jwks_put(keys);
	free(text);
}

static int add_pem(const char *text)
{
	struct jwks *keys = jwks_new();
	const char *why = NULL;
	int err = jwks_add_pem(keys, text, strlen(text), &why);

	if (err)
		assert_non_null(why);
	jwks_put(keys);
	return err;
}

static int add_pem_of(const char *kind)
{
	EVP_PKEY *key = make_key(kind);
	char *pem = public_pem(key);
	int err = add_pem(pem);

	free(pem);
	EVP_PKEY_free(key);
	return err;
}

static char *private_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long len;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &data);
	text = strndup(data, len);
	BIO_free(bio);
	return text;
}

static void test_pem(void **state)
{
	EVP_PKEY *key = make_key("P-256");
	char *public = public_pem(key), *private = private_pem(key), *both, *cut;

	(void)state;
	assert_int_equal(add_pem(public), 0);
	assert_int_equal(add_pem(private), -EINVAL);
	assert_true(asprintf(&both, "# two\n%s\nand\n%s", public, public) > 0);
	assert_int_equal(add_pem(both), 0);
	free(both);
	assert_true(asprintf(&both, "%s%s", public, private) > 0);
	assert_int_equal(add_pem(both), -EINVAL);
	free(both);
	/* cut at any place: nothing, or an error */
	for (cut = public; *cut; cut++) {
		both = strndup(public, cut - public);
		if (!strstr(both, "-----END PUBLIC KEY-----"))
			assert_int_equal(add_pem(both), -EINVAL);
		free(both);
	}
	assert_int_equal(add_pem_of("secp256k1"), -EINVAL);
	assert_int_equal(add_pem_of("RSA1024"), -EINVAL);
	assert_int_equal(add_pem_of("P-224"), -EINVAL);
	free(public);
	free(private);
	EVP_PKEY_free(key);
}

static void test_cache_control(void **state)
{
	static const struct {
		const char *header;
		int64_t seconds;
	} headers[] = {
		{ "", -1 }, { "public", -1 }, { "max-age=60", 60 }, { "public, Max-Age=7, x", 7 },
		{ "max-age=", -1 }, { "max-age=-5", -1 }, { "max-age= 5", -1 }, { "max-age=\"5\"",
		-1 },
		{ "max-age=99999999999999999999", INT32_MAX }, { "max-age=4294967296",
		INT32_MAX },
		{ "no-store", 0 }, { "no-cache, max-age=60", 0 }, { "max-age=0", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(headers); i++)
		if (jwks_max_age(headers[i].header) != headers[i].seconds)
			fail_msg("%s", headers[i].header);
}

static void test_urls(void **state)
{
	static const char *const secure[] = {
		"https://x", "https://x/", "HTTPS://x/y?z", "https://x:8443/", "https://[::1]/",
		"https://x/@", "https://x/?@", "http://localhost", "http://localhost:80/",
		"http://127.0.0.1/x",
		"http://[::1]:1/", "http://LOCALHOST?x",
	};
	static const char *const open[] = {
		"http://x/", "http://localhost.x/", "http://localhostx/", "http://127.0.0.11/",
		"http://127.0.0.1.x/", "http://[::11]/", "http://localhost\\x/",
	};
	static const char *const never[] = {
		"", "x", "//x", "ftp://x/", "file:///etc/passwd", "https:/x", "https://",
		"https:///x",
		"https://:80/", "https://?x", "https://a@x/", "https://a:b@x/",
		"http://localhost@x/",
		"http://localhost:80@x/", "https://x /", "https://x\t/", "javascript:x",
		"https:// x/",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(secure); i++)
		if (jwt_url_allowed(secure[i], false))
			fail_msg("%s", secure[i]);
	for (i = 0; i < COUNT(open); i++)
		if (!jwt_url_allowed(open[i], false))
			fail_msg("%s", open[i]);
	assert_null(jwt_url_allowed(open[0], true));
	for (i = 0; i < COUNT(never); i++)
		if (!jwt_url_allowed(never[i], true))
			fail_msg("%s", never[i]);
}

/* --- the method ------------------------------------------------------------------------- */

static enum auth_verdict ask(void *tokens, const char *username, const char *password,
			     struct auth_grant *grant)
{
	const struct auth_request request = {
		.client_id = "", .username = username, .password = (const u8 *)password,
		.password_len = password ? strlen(password) : 0, .address = "",
	};
	const char *why = NULL;
	enum auth_verdict verdict;

	*grant = (struct auth_grant){};
	verdict = auth_jwt_method.check(tokens, &request, grant, &why);
	if (verdict == AUTH_VERDICT_DENIED)
		assert_non_null(why);
	if (verdict != AUTH_VERDICT_GRANTED)
		assert_null(grant->username);
	return verdict;
}

static enum auth_verdict verdict_on(void *tokens, const char *username, const char *password)
{
	struct auth_grant grant;
	enum auth_verdict verdict = ask(tokens, username, password, &grant);

	auth_grant_clear(&grant);
	return verdict;
}

/* A listener with secrets has HS256 unless it says something else; without one it has not */
static void test_method(void **state)
{
	struct listener_config listener = { .jwt = { .secret_file = path, .username_claim = "sub",
						     .max_size = 8192, .require_expiry = true } };
	char claims[64], *token;
	struct auth_grant grant;
	void *tokens;

	(void)state;
	write_file(SECRET "\r\n", 34);
	snprintf(claims, sizeof(claims), "{\"sub\":\"ann\",\"exp\":%ld}", time(NULL) + 1000);
	token = secret_token(SECRET, 32, "{\"alg\":\"HS256\"}", claims);
	assert_true(auth_jwt_method.configured(&listener));
	assert_int_equal(auth_jwt_method.open(&tokens, NULL, &listener), 0);
	assert_int_equal(ask(tokens, NULL, token, &grant), AUTH_VERDICT_GRANTED);
	assert_string_equal(grant.username, "ann");
	assert_true(grant.expires > time(NULL));
	auth_grant_clear(&grant);
	assert_int_equal(verdict_on(tokens, "", token), AUTH_VERDICT_GRANTED);
	assert_int_equal(verdict_on(tokens, "ann", token), AUTH_VERDICT_GRANTED);
	assert_int_equal(verdict_on(tokens, "bob", token), AUTH_VERDICT_DENIED);
	assert_int_equal(verdict_on(tokens, "ann", "word"), AUTH_VERDICT_PASS);
	assert_int_equal(verdict_on(tokens, "ann", NULL), AUTH_VERDICT_PASS);
	listener.jwt.ignore_username = true;
	assert_int_equal(verdict_on(tokens, "bob", token), AUTH_VERDICT_GRANTED);
	listener.jwt.max_size = strlen(token);
	assert_int_equal(verdict_on(tokens, "ann", token), AUTH_VERDICT_GRANTED);
	listener.jwt.max_size--;
	assert_int_equal(verdict_on(tokens, "ann", token), AUTH_VERDICT_DENIED);
	auth_jwt_method.close(tokens);

	listener.jwt.max_size = 8192;
	listener.jwt.algorithms = JWT_ALG(JWT_ES256);
	assert_int_equal(auth_jwt_method.open(&tokens, NULL, &listener), 0);
	assert_int_equal(verdict_on(tokens, "ann", token), AUTH_VERDICT_DENIED);
	auth_jwt_method.close(tokens);
	free(token);
}

/* Nothing is fetched before there is a process for it; nobody comes in meanwhile */
static void test_method_without_keys(void **state)
{
	struct listener_config listener = { .jwt = { .jwks_url = "http://127.0.0.1:1/",
						     .username_claim = "sub", .max_size = 8192,
						     .jwks_retry = 1, .jwks_refresh = 10,
						     .jwks_max_age = 10, .jwks_timeout = 1 } };
	struct log_config quiet = {};
	EVP_PKEY *key = make_key("P-256");
	char *token = token_of(key, "ES256", "{\"alg\":\"ES256\"}", "{\"sub\":\"ann\"}");
	void *tokens, *again;

	(void)state;
	assert_int_equal(log_configure(&quiet), 0);
	assert_true(auth_jwt_method.network(&listener));
	assert_int_equal(auth_jwt_method.open(&tokens, NULL, &listener), 0);
	auth_jwt_method.close(tokens);
	assert_int_equal(auth_jwt_method.open(&tokens, NULL, &listener), 0);
	assert_int_equal(auth_jwt_method.start(tokens), 0);
	assert_int_equal(auth_jwt_method.open(&again, NULL, &listener), 0);
	assert_int_equal(auth_jwt_method.start(again), 0);
	auth_jwt_method.close(tokens);
	assert_int_equal(verdict_on(again, NULL, token), AUTH_VERDICT_FAILED);
	auth_jwt_method.close(again);
	free(token);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_pem),
		cmocka_unit_test(test_cache_control),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_method),
		cmocka_unit_test(test_method_without_keys),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
