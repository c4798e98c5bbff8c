// SPDX-License-Identifier: MIT
/* What a token that is signed well says: when it is good, for whom, and who has it. */
#include <errno.h>
#include <inttypes.h>

#include "auth/jwt.h"
#include "auth/method.h"
#include "jwt_fixture.h"

#define NOW	1700000000
#define MANY "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 " \
	"27 28 29 30 31 32"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct jwt_config plain = {
	.username_claim = "sub", .leeway = 10, .require_expiry = true,
};

static json_t *json(const char *text)
{
	json_t *claims = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (!claims)
		fail_msg("%s", text);
	return claims;
}

static bool good(const char *text, const struct jwt_config *conf, int64_t *expires)
{
	json_t *claims = json(text);
	const char *why = NULL;
	bool fine = jwt_claims_check(claims, conf, NOW, expires, &why);

	json_decref(claims);
	if (!fine)
		assert_non_null(why);
	return fine;
}

/* --- when ------------------------------------------------------------------------------ */

static void test_times(void **state)
{
	static const struct {
		const char *claims;
		bool good;
		int64_t expires;
	} times[] = {
		{ "{\"exp\":1700000001}", true, 1700000011 },
		{ "{\"exp\":1699999991}", true, 1700000001 },
		{ "{\"exp\":1699999990}", false, 0 },
		{ "{\"exp\":1699999990.9}", false, 0 },
		{ "{\"exp\":1.7e9}", true, 1700000010 },
		{ "{\"exp\":1700000000.5}", true, 1700000010 },
		{ "{\"exp\":253402300799}", true, INT64_C(253402300809) },
		{ "{\"exp\":253402300800}", false, 0 },
		{ "{\"exp\":9223372036854775807}", false, 0 },
		{ "{\"exp\":1e300}", false, 0 },
		{ "{\"exp\":-1}", false, 0 },
		{ "{\"exp\":-0.1}", false, 0 },
		{ "{\"exp\":\"1700000100\"}", false, 0 },
		{ "{\"exp\":true}", false, 0 },
		{ "{\"exp\":null}", false, 0 },
		{ "{\"exp\":[1700000100]}", false, 0 },
		{ "{}", false, 0 },
		{ "{\"exp\":1700000100,\"nbf\":1700000010}", true, 1700000110 },
		{ "{\"exp\":1700000100,\"nbf\":1700000011}", false, 0 },
		{ "{\"exp\":1700000100,\"nbf\":1700000010.5}", false, 0 },
		{ "{\"exp\":1700000100,\"nbf\":\"0\"}", false, 0 },
		{ "{\"exp\":1700000100,\"iat\":1700000010}", true, 1700000110 },
		{ "{\"exp\":1700000100,\"iat\":1700000011}", false, 0 },
		{ "{\"exp\":1700000100,\"iat\":{}}", false, 0 },
		{ "{\"exp\":1700000100,\"iat\":0,\"nbf\":0}", true, 1700000110 },
	};
	struct jwt_config forever = plain;
	int64_t expires;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(times); i++) {
		expires = 0;
		if (good(times[i].claims, &plain, &expires) != times[i].good)
			fail_msg("%s", times[i].claims);
		assert_int_equal(expires, times[i].expires);
	}
	forever.require_expiry = false;
	expires = 1;
	assert_true(good("{}", &forever, &expires));
	assert_int_equal(expires, 0);
	assert_false(good("{\"exp\":1699999990}", &forever, &expires));
	assert_false(good("{\"exp\":null}", &forever, &expires));
}

/* --- for whom, of whom ----------------------------------------------------------------- */

static void test_parties(void **state)
{
	static const struct {
		const char *claims;
		const char *issuer;
		const char *audience;
		bool good;
	} parties[] = {
		{ "", NULL, NULL, true },
		{ ",\"iss\":\"x\"", NULL, NULL, true },
		{ ",\"iss\":\"x\"", "x", NULL, true },
		{ ",\"iss\":\"x\"", "y  x z", NULL, true },
		{ ",\"iss\":\"x\"", "X", NULL, false },
		{ ",\"iss\":\"x\"", "xx", NULL, false },
		{ ",\"iss\":\"xx\"", "x", NULL, false },
		{ ",\"iss\":\"x y\"", "x y", NULL, false },
		{ ",\"iss\":\"\"", "x", NULL, false },
		{ ",\"iss\":[\"x\"]", "x", NULL, false },
		{ "", "x", NULL, false },
		{ ",\"aud\":\"a\"", NULL, "a", true },
		{ ",\"aud\":\"a\"", NULL, "b a", true },
		{ ",\"aud\":[\"c\",\"a\"]", NULL, "b a", true },
		{ ",\"aud\":[]", NULL, "a", false },
		{ ",\"aud\":[\"c\"]", NULL, "a", false },
		{ ",\"aud\":[\"a\",7]", NULL, "a", false },
		{ ",\"aud\":7", NULL, "a", false },
		{ ",\"aud\":{\"a\":\"a\"}", NULL, "a", false },
		{ ",\"aud\":null", NULL, "a", false },
		{ "", NULL, "a", false },
		{ ",\"aud\":\"a\"", NULL, NULL, false },
		{ ",\"aud\":[]", NULL, NULL, false },
	};
	struct jwt_config conf = plain;
	char text[128];
	int64_t expires;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(parties); i++) {
		snprintf(text, sizeof(text), "{\"exp\":1700000100%s}", parties[i].claims);
		conf.issuer = (char *)parties[i].issuer;
		conf.audience = (char *)parties[i].audience;
		if (good(text, &conf, &expires) != parties[i].good)
			fail_msg("%s for %s of %s", text, parties[i].audience, parties[i].issuer);
	}
}

/* --- who ------------------------------------------------------------------------------- */

static int grant(struct auth_grant *grant, const char *text, const struct jwt_config *conf)
{
	json_t *claims = json(text);
	const char *why = NULL;
	int err;

	*grant = (struct auth_grant){};
	err = jwt_claims_grant(claims, conf, grant, &why);
	json_decref(claims);
	if (err)
		assert_non_null(why);
	return err;
}

static void test_names(void **state)
{
	static const struct {
		const char *claims;
		const char *username;
		const char *client_id;
	} names[] = {
		{ "{\"sub\":\"ann\",\"dev\":{\"id\":\"c1\"}}", "ann", "c1" },
		{ "{\"sub\":\"\\u00e4nn+/#\",\"dev\":{\"id\":\"c\"}}", "\xc3\xa4nn+/#", "c" },
		/* a name with a dot goes before a path */
		{ "{\"sub\":\"ann\",\"dev.id\":\"c2\",\"dev\":{\"id\":\"c1\"}}", "ann", "c2" },
		{ "{\"sub\":\"ann\",\"dev\":{\"id.x\":\"c1\"}}", NULL, NULL },
		{ "{\"sub\":\"ann\"}", NULL, NULL },
		{ "{\"sub\":\"ann\",\"dev\":\"id\"}", NULL, NULL },
		{ "{\"sub\":\"ann\",\"dev\":{\"id\":\"\"}}", NULL, NULL },
		{ "{\"sub\":\"ann\",\"dev\":{\"id\":1}}", NULL, NULL },
		{ "{\"sub\":\"\",\"dev\":{\"id\":\"c1\"}}", NULL, NULL },
		{ "{\"sub\":[\"ann\"],\"dev\":{\"id\":\"c1\"}}", NULL, NULL },
		{ "{\"dev\":{\"id\":\"c1\"}}", NULL, NULL },
	};
	struct jwt_config conf = plain;
	struct auth_grant got;
	size_t i;

	(void)state;
	conf.client_id_claim = "dev.id";
	for (i = 0; i < COUNT(names); i++) {
		int err = grant(&got, names[i].claims, &conf);

		if (err != (names[i].username ? 0 : -EINVAL))
			fail_msg("%s", names[i].claims);
		if (!err) {
			assert_string_equal(got.username, names[i].username);
			assert_string_equal(got.client_id, names[i].client_id);
		}
		auth_grant_clear(&got);
	}
	/* without that option anybody may be any client */
	assert_int_equal(grant(&got, "{\"sub\":\"ann\"}", &plain), 0);
	assert_null(got.client_id);
	auth_grant_clear(&got);
}

static void test_long_names(void **state)
{
	char name[AUTH_TEXT_MAX + 2], text[AUTH_TEXT_MAX + 32];
	struct auth_grant got;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[AUTH_TEXT_MAX + 1] = '\0';
	snprintf(text, sizeof(text), "{\"sub\":\"%s\"}", name);
	assert_int_equal(grant(&got, text, &plain), -EINVAL);
	auth_grant_clear(&got);
	snprintf(text, sizeof(text), "{\"sub\":\"%s\"}", name + 1);
	assert_int_equal(grant(&got, text, &plain), 0);
	auth_grant_clear(&got);
}

/* As many roles as there may be, and one more: none of them is left out */
static void test_roles(void **state)
{
	static const struct {
		const char *roles;
		unsigned int n;
		const char *last;
	} roles[] = {
		{ "[\"a\",\"b\"]", 2, "b" },
		{ "\"a b  c\"", 3, "c" },
		{ "\"\"", 0, NULL },
		{ "[]", 0, NULL },
		{ "[\"with blank\"]", 1, "with blank" },
		{ "\"" MANY "\"", AUTH_ROLES_MAX, "32" },
		{ "\"" MANY " 33\"", -1, NULL },
		{ "[\"a\",7]", -1, NULL }, { "[[\"a\"]]", -1, NULL }, { "[\"\"]", -1, NULL },
		{ "7", -1, NULL }, { "{}", -1, NULL }, { "null", -1, NULL },
	};
	struct jwt_config conf = plain;
	struct auth_grant got;
	char text[256];
	size_t i;

	(void)state;
	conf.roles_claim = "realm_access.roles";
	for (i = 0; i < COUNT(roles); i++) {
		snprintf(text, sizeof(text), "{\"sub\":\"ann\",\"realm_access\":{\"roles\":%s}}",
			 roles[i].roles);
		if (grant(&got, text, &conf) != (roles[i].n == -1u ? -EINVAL : 0))
			fail_msg("%s", text);
		if (roles[i].n != -1u)
			assert_int_equal(got.n_roles, roles[i].n);
		if (roles[i].last)
			assert_string_equal(got.roles[got.n_roles - 1], roles[i].last);
		auth_grant_clear(&got);
	}
	assert_int_equal(grant(&got, "{\"sub\":\"ann\"}", &conf), 0);
	assert_int_equal(got.n_roles, 0);
	auth_grant_clear(&got);
	/* nobody asks for them */
	assert_int_equal(grant(&got, "{\"sub\":\"ann\",\"roles\":[\"a\"]}", &plain), 0);
	assert_int_equal(got.n_roles, 0);
	auth_grant_clear(&got);
}

static void test_claims(void **state)
{
	struct jwt_config conf = plain;
	struct auth_grant got;

	(void)state;
	conf.claims = " site  age ok at.room none list half";
	assert_int_equal(grant(&got,
			       "{\"sub\":\"ann\",\"site\":\"+\",\"age\":-7,\"ok\":false,"
			       "\"at\":{\"room\":\"r\"},\"list\":[\"a\"],\"half\":0.5,"
			       "\"other\":\"x\"}",
			       &conf), 0);
	assert_int_equal(got.n_claims, 4);
	assert_string_equal(got.claims[0].name, "site");
	assert_string_equal(got.claims[0].value, "+");
	assert_string_equal(got.claims[1].value, "-7");
	assert_string_equal(got.claims[2].value, "false");
	assert_string_equal(got.claims[3].name, "at.room");
	assert_string_equal(got.claims[3].value, "r");
	auth_grant_clear(&got);
	assert_int_equal(grant(&got, "{\"sub\":\"ann\",\"site\":\"\"}", &conf), -EINVAL);
	auth_grant_clear(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_parties),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
