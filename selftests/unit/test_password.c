// SPDX-License-Identifier: MIT
/*
 * Passwords: hashes of mosquitto_passwd and of libargon2's own encoder, and files.
 */
#include <argon2.h>
#include <errno.h>

#include "file_fixture.h"
#include "log.h"
#include "password_file.h"

/* Written by mosquitto_passwd of mosquitto 2.0.11: "secret", "p\xc3\xa4sswort", and "secret" */
#define ALICE \
	"$7$101$hx5n8vpPz8/hq9zI$ZaebFrr9gyXu83UxBV6cHGa0s/o3hfw96uVI3TYN4h3Pl3V9a9RfkoT/a81+NrW" \
	"mul2SvgZTwhnPPOgbVZPI+A=="
#define BOB \
	"$7$101$muj7U3JOZV7yZnhS$MZny0GLDFN9sAmsCB9A8BpZ8AEsmB6DURryv0eMIKTXasHWr2J+7/W8OogEDYFk" \
	"qWstdh2Un+gUb78jrBLiU1w=="
#define CAROL \
	"$6$lToxWbwyS8dCJvka$kf3l2X/Dcg2pY8CRK00XnQZz3Ei6/+KwKKdHFvCC2d+PUman0hJ53gXXfw33Uk3iMpI" \
	"5XhHlAkywamfINHwFxQ=="

static void write_text(const char *text)
{
	write_file(text, strlen(text));
}

static bool is(const char *text, const char *secret)
{
	struct password password;

	assert_int_equal(password_parse(&password, text), 0);
	return password_is(&password, secret, strlen(secret));
}

static void test_vectors(void **state)
{
	char text[PASSWORD_TEXT_MAX];

	(void)state;
	assert_true(is(ALICE, "secret"));
	assert_false(is(ALICE, "Secret"));
	assert_false(is(ALICE, ""));
	assert_false(is(ALICE, "secret "));
	assert_true(is(BOB, "p\xc3\xa4sswort"));
	assert_false(is(BOB, "secret"));
	assert_true(is(CAROL, "secret"));
	assert_false(is(CAROL, "secre"));
	assert_false(is(CAROL, ""));

	/* more lanes than we use threads */
	assert_int_equal(argon2id_hash_encoded(2, 64, 3, "secret", 6, "saltsalt", 8, 32, text,
					       sizeof(text)), ARGON2_OK);
	assert_true(is(text, "secret"));
	assert_false(is(text, "secret1"));
}

/* What we make is what others understand */
static void test_make(void **state)
{
	static const enum password_kind kinds[] = {
		PASSWORD_SHA512, PASSWORD_PBKDF2, PASSWORD_ARGON2ID
	};
	static const char *const begins[] = {
		"$6$", "$7$210000$", "$argon2id$v=19$m=19456,t=2,p=1$"
	};
	char text[PASSWORD_TEXT_MAX], again[PASSWORD_TEXT_MAX];
	struct password password;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		assert_int_equal(password_make(&password, kinds[i], "geheim", 6), 0);
		password_format(&password, text);
		assert_memory_equal(text, begins[i], strlen(begins[i]));
		assert_true(is(text, "geheim"));
		assert_false(is(text, "geheim!"));
		assert_int_equal(password_make(&password, kinds[i], "geheim", 6), 0);
		password_format(&password, again);
		assert_string_not_equal(text, again);
	}
	assert_int_equal(argon2id_verify(again, "geheim", 6), ARGON2_OK);
	/* nothing is a password too */
	assert_int_equal(password_make(&password, PASSWORD_PBKDF2, NULL, 0), 0);
	assert_true(password_is(&password, "", 0));
	assert_false(password_is(&password, "x", 1));
}

static void test_malformed(void **state)
{
	static const char *const texts[] = {
		"", "secret", "$", "$6", "$6$", "$6$$", "$6$c2FsdA==", "$6$c2FsdA==$",
		"$6$c2FsdA==$c2hvcnQ=", "$5$c2FsdA==$c2hvcnQ=", "$1$x$y",
		"$7$hx5n8vpPz8/hq9zI$ZaebFrr9gyXu83UxBV6cHGa0s/o3hfw96uVI3TYN4h3Pl3V9a9RfkoT/a81+NrWmul2SvgZTwhnPPOgbVZPI+A==",
		"$7$0$hx5n8vpPz8/hq9zI$ZaebFrr9gyXu83UxBV6cHGa0s/o3hfw96uVI3TYN4h3Pl3V9a9RfkoT/a81+NrWmul2SvgZTwhnPPOgbVZPI+A==",
		"$7$-1$hx5n8vpPz8/hq9zI$ZaebFrr9gyXu83UxBV6cHGa0s/o3hfw96uVI3TYN4h3Pl3V9a9RfkoT/a81+NrWmul2SvgZTwhnPPOgbVZPI+A==",
		"$7$99999999999$hx5n8vpPz8/hq9zI$ZaebFrr9gyXu83UxBV6cHGa0s/o3hfw96uVI3TYN4h3Pl3V9a9RfkoT/a81+NrWmul2SvgZTwhnPPOgbVZPI+A==",
		ALICE "=", ALICE "$", "$7$101$hx5n8vpP!8/hq9zI$AAAA",
		"$argon2id$v=16$m=64,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=4,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=9$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$AA",
		"$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
	};
	struct password password;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (password_parse(&password, texts[i]) != -EINVAL)
			fail_msg("'%s' was taken", texts[i]);
}

static bool lets_in(const struct password_file *file, const char *user, const char *secret)
{
	bool known;
	const struct password *password = password_file_find(file, user, &known);

	return password && password_is(password, secret, strlen(secret)) && known;
}

/* The good lines of a bad file count; of a user's lines the first one */
static void test_file(void **state)
{
	static const char text[] =
		"# users\r\n\r\nalice:" ALICE "\r\n"
		"  carol : " CAROL "\t\n"
		"no colon\n:" ALICE "\nempty:\nplain:secret\nnul\0:" CAROL "\n"
		"alice:" CAROL "\nbob:" BOB;
	struct log_config quiet = {};
	struct password_file *file;
	unsigned int i, same = 0;
	bool known;

	(void)state;
	assert_int_equal(log_configure(&quiet), 0);
	write_file(text, sizeof(text) - 1);
	assert_int_equal(password_file_load(&file, path), 0);
	assert_true(lets_in(file, "alice", "secret"));
	assert_true(lets_in(file, "carol", "secret"));
	assert_true(lets_in(file, "bob", "p\xc3\xa4sswort"));
	assert_false(lets_in(file, "bob", "secret"));
	assert_false(lets_in(file, "plain", "secret"));
	assert_false(lets_in(file, "empty", ""));
	assert_false(lets_in(file, "", "secret"));
	assert_false(lets_in(file, "nul", "secret"));
	assert_false(lets_in(file, "Alice", "secret"));
	/* an unknown user has somebody's password, always the same one's */
	for (i = 0; i < 60; i++) {
		char name[16];

		snprintf(name, sizeof(name), "nobody%u", i);
		assert_non_null(password_file_find(file, name, &known));
		assert_false(known);
		assert_ptr_equal(password_file_find(file, name, &known),
				 password_file_find(file, name, &known));
		same += password_file_find(file, name, &known) ==
			password_file_find(file, "alice", &known);
	}
	assert_in_range(same, 3, 57);
	password_file_put(file);

	write_text("");
	assert_int_equal(password_file_load(&file, path), 0);
	assert_null(password_file_find(file, "alice", &known));
	assert_false(known);
	password_file_put(file);

	assert_int_equal(password_file_load(&file, "/nonexistent/passwords"), -ENOENT);
	assert_null(file);
	assert_int_equal(password_file_load(&file, "/tmp"), -EISDIR);
}

static void test_many_users(void **state)
{
	FILE *out = fopen(path, "w");
	struct password_file *file;
	char name[32];
	unsigned int i;
	bool known;

	(void)state;
	assert_non_null(out);
	for (i = 0; i < 5000; i++)
		fprintf(out, "user%u:%s\n", i, CAROL);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(password_file_load(&file, path), 0);
	for (i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		assert_non_null(password_file_find(file, name, &known));
		assert_true(known);
	}
	password_file_put(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_many_users),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
