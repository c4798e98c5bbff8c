// SPDX-License-Identifier: MIT
/*
 * Access control lists: what files say by mosquitto's rules, mistakes in them, and
 * random lists compared with a naive reading of the rules.
 */
#include <errno.h>

#include "acl.h"
#include "acl_name.h"
#include "file_fixture.h"

static struct acl *load(const char *text)
{
	char why[ACL_WHY_MAX];
	struct acl *acl;

	write_file(text, strlen(text));
	if (acl_load(&acl, path, why))
		fail_msg("%s", why);
	return acl;
}

static bool ask(struct acl *acl, const char *id, const char *user, enum acl_access access,
		const char *topic)
{
	struct acl_rules *rules;
	bool allowed;

	assert_int_equal(acl_compile(&rules, acl, id, user), 0);
	allowed = acl_allows(rules, access, (const u8 *)topic, strlen(topic));
	acl_rules_free(rules);
	return allowed;
}

/* Answers of mosquitto 2.0.11 to the same questions */
static void test_mosquitto(void **state)
{
	static const char text[] =
		"# anonymous\n"
		"topic readwrite anon/#\n"
		"topic write $SYS/foo\n"
		"\n"
		"user alice\r\n"
		"topic readwrite own/#\r\n"
		"topic deny own/secret\r\n"
		"topic readwrite pat/deny\n"
		"topic readwrite #\n"
		"user bob\n"
		"topic read x/#\n"
		"pattern readwrite dev/%c/#\n"
		"pattern readwrite usr/%u/#\n"
		"pattern deny pat/deny\n"
		"pattern deny dev/d2/no\n"
		"pattern readwrite free/#\n";
	static const struct {
		const char *user, *id, *topic;
		bool allowed;
	} questions[] = {
		{ NULL, "d1", "anon/x", true },
		{ NULL, "d1", "other", false },
		{ NULL, "d1", "$SYS/foo", false },
		{ NULL, "d1", "$foo/x", false },
		{ NULL, "d1", "dev/d1/x", true },
		{ NULL, "d1", "dev/d1", true },
		{ NULL, "d1", "dev/d2/x", false },
		{ NULL, "d1", "free/x", true },
		/* mosquitto allows this, and the other one with a slash */
		{ NULL, "a/b", "dev/a/b/x", false },
		{ NULL, "a/b", "free/x", true },
		{ NULL, "a+", "free/x", false },
		{ NULL, "a+", "dev/a+/x", false },
		{ NULL, "a+", "anon/x", true },
		{ NULL, "d1", "usr/%u/x", false },
		{ NULL, "d1", "usr//x", false },
		{ NULL, "d2", "dev/d2/no", false },
		{ NULL, "d2", "dev/d2/yes", true },
		{ "alice", "d1", "own/a", true },
		{ "alice", "d1", "own/secret", false },
		{ "alice", "d1", "pat/deny", true },
		{ "alice", "d1", "$foo/bar", false },
		{ "alice", "d1", "$SYS/broker/x", false },
		{ "alice", "d1", "$SYS/broker/connection/a/state", false },
		{ "alice", "d1", "$share/g/t", false },
		{ "alice", "a+", "own/a", true },
		{ "alice", "a+", "zzz", true },
		{ "bob", "d1", "x/a", false },
		{ "bob", "d1", "anon/x", false },
		{ "bob", "d1", "usr/bob/1", true },
		{ "bob", "d1", "usr/alice/1", false },
		{ "carol", "d1", "zzz", false },
		{ "carol", "d1", "anon/x", false },
		{ "carol", "d1", "free/x", true },
		{ "#", "d1", "free/x", false },
		{ "a/b", "d1", "usr/a/b/x", false },
	};
	struct acl *acl = load(text);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (ask(acl, questions[i].id, questions[i].user, ACL_WRITE, questions[i].topic) !=
		    questions[i].allowed)
			fail_msg("%s as %s to %s", questions[i].id, questions[i].user,
				 questions[i].topic);
	assert_true(ask(acl, "d1", "bob", ACL_READ, "x/a"));
	assert_true(ask(acl, "d1", "bob", ACL_READ, "x"));
	acl_put(acl);
}

/* Without a list: all but what is the broker's to write */
static void test_reserved(void **state)
{
	struct acl *acl = load("topic #\ntopic $SYS/#\n");
	struct acl_rules *rules;

	(void)state;
	assert_true(ask(NULL, "a", NULL, ACL_WRITE, "x"));
	assert_true(ask(NULL, "a", NULL, ACL_WRITE, "$x"));
	assert_true(ask(NULL, "a", NULL, ACL_WRITE, "$SY"));
	assert_true(ask(NULL, "a", NULL, ACL_READ, "$SYS/x"));
	assert_false(ask(NULL, "a", NULL, ACL_WRITE, "$SYS/x"));
	assert_false(ask(NULL, "a", NULL, ACL_WRITE, "$SYSTEM"));
	assert_false(ask(NULL, "a", NULL, ACL_WRITE, "$share/a/b"));
	assert_true(ask(NULL, "a", NULL, ACL_WRITE, "$SYS/broker/connection/a/state"));
	assert_true(ask(NULL, "a", NULL, ACL_WRITE, "$SYS/broker/connection//state"));
	assert_false(ask(NULL, "a", NULL, ACL_WRITE, "$SYS/broker/connection/a/b/state"));
	assert_false(ask(NULL, "a", NULL, ACL_WRITE, "$SYS/broker/connection/state"));
	assert_false(ask(NULL, "a", NULL, ACL_WRITE, "$SYS/broker/connection/a/status"));
	assert_true(ask(acl, "a", NULL, ACL_READ, "$SYS/x"));
	assert_false(ask(acl, "a", NULL, ACL_WRITE, "$SYS/x"));
	assert_true(ask(acl, "a", NULL, ACL_WRITE, "$SYS/broker/connection/a/state"));
	assert_int_equal(acl_compile(&rules, acl, "a", NULL), 0);
	assert_false(acl_unlimited(rules, ACL_READ));
	assert_true(acl_unlimited(NULL, ACL_READ));
	acl_rules_free(rules);
	acl_put(acl);

	/* Nothing in the file: nothing is allowed */
	acl = load("");
	assert_false(ask(acl, "a", NULL, ACL_READ, "x"));
	assert_false(ask(acl, "a", "b", ACL_WRITE, "x"));
	acl_put(acl);
}

/* Names in patterns: put in once, wherever they are, however often */
static void test_names(void **state)
{
	struct acl *acl = load("pattern %u/%c/%c%u/x%ux%%u\n");

	(void)state;
	assert_true(ask(acl, "id", "me", ACL_READ, "me/id/idme/xmex%me"));
	assert_true(ask(acl, "%u", "%c", ACL_READ, "%c/%u/%u%c/x%cx%%c"));
	assert_true(ask(acl, "", "", ACL_READ, "///xx%"));
	assert_false(ask(acl, "id", NULL, ACL_READ, "/id/id/xx%"));
	acl_put(acl);

	/* Made out it may be no filter at all */
	acl = load("pattern %u\n");
	assert_true(ask(acl, "id", "me", ACL_READ, "me"));
	assert_false(ask(acl, "id", "", ACL_READ, "me"));
	acl_put(acl);
}

/* Names that are more than one level: they allow nothing, and deny what they did. */
static void test_slashes(void **state)
{
	struct acl *acl = load("pattern c/%c/#\npattern u/%u/#\npattern all/#\n"
			       "pattern deny all/%c/no\npattern deny all/%u/no\n"
			       "user a/b\ntopic own/#\n");

	(void)state;
	assert_true(ask(acl, "x", "y", ACL_WRITE, "c/x/1"));
	assert_false(ask(acl, "x/y", "y", ACL_WRITE, "c/x/y/1"));
	assert_true(ask(acl, "x/y", "y", ACL_WRITE, "u/y/1"));
	assert_true(ask(acl, "x/y", "y", ACL_WRITE, "all/1"));
	assert_true(ask(acl, "/", "a/b", ACL_WRITE, "own/1"));
	assert_false(ask(acl, "x", "a/b", ACL_WRITE, "u/a/b/1"));
	assert_true(ask(acl, "x", "a/b", ACL_WRITE, "c/x/1"));
	assert_false(ask(acl, "x/y", "a/b", ACL_WRITE, "all/x/y/no"));
	assert_false(ask(acl, "x/y", "a/b", ACL_WRITE, "all/a/b/no"));
	acl_put(acl);

	/* Nor do they lead to topics that a wildcard would not match */
	acl = load("pattern read %c/#\npattern read %u/#\npattern read x/%c/#\n"
		   "pattern read $x/#\npattern deny %u/no\n");
	assert_false(ask(acl, "$SYS", "y", ACL_READ, "$SYS/broker/uptime"));
	assert_false(ask(acl, "x", "$SYS", ACL_READ, "$SYS/broker/uptime"));
	assert_true(ask(acl, "$SYS", "y", ACL_READ, "x/$SYS/1"));
	assert_true(ask(acl, "x", "$x", ACL_READ, "$x/yes"));
	assert_false(ask(acl, "x", "$x", ACL_READ, "$x/no"));
	acl_put(acl);
	assert_true(acl_name_is_plain("a b$%"));
	assert_false(acl_name_is_plain("a/b"));
	assert_false(acl_name_is_plain("+"));
	assert_false(acl_name_is_plain("b#"));
}

static const struct {
	const char *text;
	const char *says;
} mistakes[] = {
	{ "topic\n", ":1: the topic filter is missing" },
	{ "\npattern\t\n", ":2: the topic filter is missing" },
	{ "topic foo bar\n", ":1: 'foo' is not one of read, write, readwrite, deny" },
	{ "topic READ bar\n", "'READ' is not one of" },
	{ "topic a/#/b\n", ":1: 'a/#/b' is not a topic filter" },
	{ "topic read a+\n", "'a+' is not a topic filter" },
	{ "pattern read %c+\n", "'%c+' is not a topic filter" },
	{ "topic \xc3\x28\n", "is not a topic filter" },
	{ "user\n", ":1: the user name is missing" },
	{ "user\t\n", "the user name is missing" },
	{ "bogus x\n", ":1: 'bogus' is not one of user, topic, pattern" },
	{ "Topic x\n", "'Topic' is not one of" },
};

static void test_mistakes(void **state)
{
	static const char nul[] = "topic a\ntopic b\0c\n";
	char why[ACL_WHY_MAX];
	struct acl *acl;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		write_file(mistakes[i].text, strlen(mistakes[i].text));
		assert_int_equal(acl_load(&acl, path, why), -EINVAL);
		assert_null(acl);
		if (strncmp(why, path, strlen(path)) || !strstr(why, mistakes[i].says))
			fail_msg("'%s' does not say '%s'", why, mistakes[i].says);
	}
	write_file(nul, sizeof(nul) - 1);
	assert_int_equal(acl_load(&acl, path, why), -EINVAL);
	assert_non_null(strstr(why, ":2: the line contains a NUL byte"));
	assert_int_equal(acl_load(&acl, "/nonexistent/acl", why), -ENOENT);
	assert_string_equal(why, "/nonexistent/acl: No such file or directory");
	assert_int_equal(acl_load(&acl, "/tmp", why), -EISDIR);
}

/* What is odd, but not wrong */
static void test_grammar(void **state)
{
	struct acl *acl = load("  # indented\n\ttopic\tread\ta b\t\n topic read\nuser  a b\t\n"
			       "topic readwrite  c d\nuser x\ntopic 1\nuser a b\ntopic 2\n");

	(void)state;
	assert_true(ask(acl, "i", NULL, ACL_READ, "a b"));
	assert_true(ask(acl, "i", NULL, ACL_WRITE, "read"));
	assert_true(ask(acl, "i", "a b", ACL_WRITE, "c d"));
	assert_true(ask(acl, "i", "a b", ACL_WRITE, "2"));
	assert_false(ask(acl, "i", "a b", ACL_WRITE, "1"));
	acl_put(acl);
}

/* --- random lists ---------------------------------------------------------- */

#define RULES_MAX 60

enum naive_access { DENY, READ, WRITE, BOTH };

struct rule {
	bool pattern;
	int user;		/* 0: anonymous; of "topic" lines */
	enum naive_access access;
	char filter[40];
};

static const char *const naive_words[] = { "deny", "read", "write", "readwrite" };
static const char *const naive_users[] = { NULL, "ann", "bob", "c+" };

static unsigned int below(unsigned int n)
{
	return (unsigned int)random() % n;
}

static void random_levels(char *text, const char *const *words, unsigned int n_words)
{
	unsigned int n = 1 + below(3), i;

	*text = '\0';
	for (i = 0; i < n; i++) {
		strcat(text, i ? "/" : "");
		strcat(text, words[below(n_words)]);
	}
}

static void random_rule(struct rule *rule)
{
	static const char *const words[] = {
		"a", "b", "ann", "id", "+", "", "$a", "%u", "%c", "x%c"
	};

	rule->pattern = !below(3);
	rule->user = below(4);
	rule->access = below(4);
	/* %u and %c are nothing special in "topic" lines */
	random_levels(rule->filter, words, sizeof(words) / sizeof(words[0]));
	if (!below(4) || !*rule->filter)
		strcat(rule->filter, *rule->filter ? "/#" : "#");
}

static void random_list(struct rule *rules, unsigned int n)
{
	FILE *file = fopen(path, "w");
	unsigned int i;

	assert_non_null(file);
	for (i = 0; i < n; i++)
		random_rule(&rules[i]);
	/* those of nobody have to be in front */
	for (i = 0; i < n; i++)
		if (!rules[i].user && !rules[i].pattern)
			fprintf(file, "topic %s %s\n", naive_words[rules[i].access],
				rules[i].filter);
	for (i = 0; i < n; i++) {
		if (rules[i].pattern)
			fprintf(file, "pattern %s %s\n", naive_words[rules[i].access],
				rules[i].filter);
		else if (rules[i].user)
			fprintf(file, "user %s\ntopic %s %s\n", naive_users[rules[i].user],
				naive_words[rules[i].access], rules[i].filter);
	}
	assert_int_equal(fclose(file), 0);
}

/* Level by level, each cut off as a string of its own */
static bool naive_match(const char *filter, const char *topic)
{
	char f[64], t[64], *f_rest = f, *t_rest = t;

	if (*topic == '$' && (*filter == '+' || *filter == '#'))
		return false;
	strcpy(f, filter);
	strcpy(t, topic);
	while (f_rest) {
		char *level = strsep(&f_rest, "/"), *word;

		if (!strcmp(level, "#"))
			return true;
		if (!t_rest)
			return false;
		word = strsep(&t_rest, "/");
		if (strcmp(level, "+") && strcmp(level, word))
			return false;
	}
	return !t_rest;
}

static void naive_make_out(const char *filter, const char *id, const char *user, char *out)
{
	*out = '\0';
	while (*filter) {
		if (!strncmp(filter, "%c", 2) || !strncmp(filter, "%u", 2)) {
			strcat(out, filter[1] == 'c' ? id : user);
			filter += 2;
		} else {
			strncat(out, filter++, 1);
		}
	}
}

/* As mosquitto: deny, then allow, first of the user's, then of the patterns */
static bool naive_allows(const struct rule *rules, unsigned int n, const char *id, int user,
			 bool write, const char *topic)
{
	enum naive_access wanted = write ? WRITE : READ;
	int step;

	for (step = 0; step < 4; step++) {
		bool patterns = step >= 2, denies = !(step & 1);
		unsigned int i;

		if (patterns && user == 3)
			return false;
		for (i = 0; i < n; i++) {
			const struct rule *rule = &rules[i];
			char filter[64];

			if (rule->pattern != patterns || (!patterns && rule->user != user))
				continue;
			if (denies ? rule->access != DENY : !(rule->access & wanted))
				continue;
			if (patterns && !user && strstr(rule->filter, "%u"))
				continue;
			if (patterns)
				naive_make_out(rule->filter, id, naive_users[user], filter);
			else
				strcpy(filter, rule->filter);
			if (naive_match(filter, topic))
				return !denies;
		}
	}
	return false;
}

static void test_random(void **state)
{
	static const char *const words[] = {
		"a", "b", "ann", "bob", "id", "", "$a", "xid", "%u", "%c"
	};
	struct rule rules[RULES_MAX];
	char topic[40], why[ACL_WHY_MAX];
	unsigned int round, n, i, allowed = 0;
	struct acl *acl;

	(void)state;
	srandom(1);
	for (round = 0; round < 300; round++) {
		n = 1 + below(round % 3 ? RULES_MAX : 12);
		random_list(rules, n);
		assert_int_equal(acl_load(&acl, path, why), 0);
		for (i = 0; i < 200; i++) {
			bool write = below(2), naive;
			int user = below(4);

			random_levels(topic, words, sizeof(words) / sizeof(words[0]));
			if (!*topic)
				continue;
			naive = naive_allows(rules, n, "id", user, write, topic);
			allowed += naive;
			if (ask(acl, "id", naive_users[user], write ? ACL_WRITE : ACL_READ,
				topic) != naive)
				fail_msg("round %u: %s %s %s: expected %d", round,
					 naive_users[user], write ? "write" : "read", topic, naive);
		}
		acl_put(acl);
	}
	assert_in_range(allowed, 5000, 55000);
}

/* Many rules, so that the topic table is grown, and a rule in the middle is found */
static void test_many(void **state)
{
	FILE *file = fopen(path, "w");
	char why[ACL_WHY_MAX], topic[32];
	unsigned int i;
	struct acl *acl;

	(void)state;
	assert_non_null(file);
	for (i = 0; i < 20000; i++)
		fprintf(file, "topic read room/%u/+\n", i);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(acl_load(&acl, path, why), 0);
	for (i = 0; i < 20000; i += 777) {
		snprintf(topic, sizeof(topic), "room/%u/x", i);
		assert_true(ask(acl, "i", NULL, ACL_READ, topic));
		assert_false(ask(acl, "i", NULL, ACL_WRITE, topic));
	}
	assert_false(ask(acl, "i", NULL, ACL_READ, "room/20000/x"));
	acl_put(acl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mosquitto),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_slashes),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
