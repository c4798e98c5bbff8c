// SPDX-License-Identifier: MIT
/*
 * The topic table as a function: what matches what, by tables from the
 * standards and by comparison with the naive matcher, and its limits.
 */
#include "trie_fixture.h"
#include "../vectors/topic.h"

/* Each filter alone, and then all of them at once */
static void test_table(void **state)
{
	struct owner *owners[ARRAY_SIZE(matches)];
	struct mqtt_trie trie;
	size_t i;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (i = 0; i < ARRAY_SIZE(matches); i++) {
		const struct match_case *c = &matches[i];

		if (naive(text(c->filter), text(c->topic)) != c->match)
			fail_msg("the oracle is wrong about %s and %s", c->filter, c->topic);
		owners[i] = add(&trie, c->filter);
		if (match(&trie, text(c->topic)) != c->match)
			fail_msg("%s and %s", c->filter, c->topic);
		del(&trie, owners[i]);
		assert_empty(&trie);
		assert_int_equal(match(&trie, text(c->topic)), 0);
	}

	for (i = 0; i < ARRAY_SIZE(matches); i++)
		owners[i] = add(&trie, matches[i].filter);
	for (i = 0; i < ARRAY_SIZE(matches); i++) {
		owners[i]->found = 0;
		match(&trie, text(matches[i].topic));
		if (owners[i]->found != matches[i].match)
			fail_msg("%s and %s among others", matches[i].filter, matches[i].topic);
	}
	for (i = 0; i < ARRAY_SIZE(matches); i++)
		del(&trie, owners[i]);
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
}

/* One call of found() for a list, however many are in it */
static void test_lists(void **state)
{
	struct owner *owners[5];
	struct mqtt_trie_node *node;
	struct result result;
	struct mqtt_trie trie;
	struct mqtt_sub *sub;
	unsigned int n;
	bool hash;
	size_t i;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	owners[0] = add(&trie, "a/b");
	owners[1] = add(&trie, "a/b");
	owners[2] = add(&trie, "a/+");
	owners[3] = add(&trie, "a/b/#");
	owners[4] = add(&trie, "a/b");
	assert_int_equal(trie.subs, 5);
	assert_int_equal(trie.nodes, 4);

	assert_int_equal(match_budget(&trie, text("a/b"), PLENTY, &result), 0);
	assert_int_equal(result.calls, 3);
	assert_int_equal(result.subs, 5);
	assert_int_equal(match_budget(&trie, text("a"), PLENTY, &result), 0);
	assert_int_equal(result.calls, 0);

	node = mqtt_trie_lookup(&trie, (const u8 *)"a/b", 3, &hash);
	assert_non_null(node);
	assert_false(hash);
	assert_int_equal(mqtt_trie_node_subs(node), 3);
	n = 0;
	hlist_for_each_entry(sub, mqtt_trie_node_list(node), link) {
		assert_ptr_equal(sub->node, node);
		assert_false(sub->hash);
		n++;
	}
	assert_int_equal(n, 3);

	node = mqtt_trie_lookup(&trie, (const u8 *)"a/b/#", 5, &hash);
	assert_ptr_equal(node, owners[3]->sub.node);
	assert_true(hash);
	assert_true(owners[3]->sub.hash);
	assert_int_equal(mqtt_trie_node_subs(node), 1);
	node = mqtt_trie_lookup(&trie, (const u8 *)"a/+", 3, &hash);
	assert_ptr_equal(node, owners[2]->sub.node);
	/* on the way, without subscriptions of its own */
	node = mqtt_trie_lookup(&trie, (const u8 *)"a", 1, &hash);
	assert_non_null(node);
	assert_int_equal(mqtt_trie_node_subs(node), 0);
	assert_true(hlist_empty(mqtt_trie_node_list(node)));
	assert_null(mqtt_trie_lookup(&trie, (const u8 *)"a/c", 3, &hash));
	assert_null(mqtt_trie_lookup(&trie, (const u8 *)"a/b/c/d", 7, &hash));
	assert_null(mqtt_trie_lookup(&trie, (const u8 *)"#", 1, &hash));
	assert_true(hash);

	for (i = 0; i < 5; i++)
		del(&trie, owners[i]);
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
}

/* A filter written down, cut off at each length */
static void test_filter(void **state)
{
	static const char *const filters[] = { "abc/+/defghijkl//mn/#", "/", "a", "//", "#" };
	struct mqtt_trie trie;
	u8 buf[32];
	size_t i, len, n;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (i = 0; i < ARRAY_SIZE(filters); i++) {
		struct owner *owner = add(&trie, filters[i]);

		len = strlen(filters[i]);
		assert_int_equal(mqtt_trie_filter(&owner->sub, NULL, 0), len);
		for (n = 0; n < sizeof(buf); n++) {
			size_t part = n < len ? n : len;

			memset(buf, '!', sizeof(buf));
			assert_int_equal(mqtt_trie_filter(&owner->sub, buf, n), len);
			assert_memory_equal(buf, filters[i], part);
			for (; part < sizeof(buf); part++)
				assert_int_equal(buf[part], '!');
		}
		del(&trie, owner);
	}
	mqtt_trie_destroy(&trie);
}

static void test_generation(void **state)
{
	struct mqtt_trie trie;
	struct owner *owner;
	unsigned long before;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	before = mqtt_trie_generation(&trie);
	match(&trie, text("a"));
	assert_int_equal(mqtt_trie_generation(&trie), before);
	owner = add(&trie, "a");
	assert_int_not_equal(mqtt_trie_generation(&trie), before);
	before = mqtt_trie_generation(&trie);
	del(&trie, owner);
	assert_int_not_equal(mqtt_trie_generation(&trie), before);
	mqtt_trie_destroy(&trie);
}

/* --- random filters, topics and order ------------------------------------- */

#define TEXT_MAX 512

struct kind {
	const char *what;
	const char *const *words;
	unsigned int nr_words;
	unsigned int most_levels;
	unsigned int wild;		/* one level of how many */
};

static const char *const few[] = { "a", "b", "", "$" };
static const char *const many[] = {
	"a", "b", "c", "d", "e", "f", "g", "h", "0", "1", "2", "3", "4", "5", "6", "7",
	"", "$SYS", "aa", "ab", "1234567", "12345678", "123456789", "12345678a",
	"1234567812345678", "123456781234567a", "1234567812345678a", "temperature",
	"\xc3\xa9", "\xe6\xb8\xa9\xe5\xba\xa6", "A", ".", "0\x01",
};

static const struct kind kinds[] = {
	{ "few words, much wild", few, 4, 5, 3 },
	{ "few words, deep", few, 2, 40, 8 },
	{ "many words", many, ARRAY_SIZE(many), 4, 8 },
	{ "many words, deep", many, ARRAY_SIZE(many), 24, 4 },
};

static struct text random_text(const struct kind *kind, bool filter, u8 *buf)
{
	unsigned int i, levels = roll(kind->most_levels) + 1;
	struct text t = { buf, 0 };
	const char *word;

	/* deep ones have long beginnings in common, or nothing would match */
	if (kind->most_levels > 8 && roll(4))
		levels = kind->most_levels - roll(4);
	for (i = 0; i < levels; i++) {
		word = kind->words[roll(kind->most_levels > 8 && roll(8) ? 1 : kind->nr_words)];
		if (filter && !roll(kind->wild))
			word = !roll(3) ? "#" : "+";
		if (i)
			buf[t.len++] = '/';
		memcpy(buf + t.len, word, strlen(word));
		t.len += strlen(word);
		if (text_is(text(word), "#"))
			break;
	}
	if (!t.len)
		buf[t.len++] = '/';
	return t;
}

static void random_check(struct mqtt_trie *trie, const struct kind *kind,
			 struct owner **owners, unsigned int nr)
{
	u8 buf[TEXT_MAX];
	struct text topic = random_text(kind, false, buf);
	unsigned int i;

	for (i = 0; i < nr; i++)
		owners[i]->found = 0;
	match(trie, topic);
	for (i = 0; i < nr; i++) {
		bool expected = owners[i]->added && naive(owners[i]->filter, topic);

		if (owners[i]->found != expected)
			fail_msg("%s: %.*s and %.*s: found %u times", kind->what,
				 (int)owners[i]->filter.len, owners[i]->bytes,
				 (int)topic.len, topic.bytes, owners[i]->found);
	}
}

static void random_run(const struct kind *kind)
{
	struct owner *owners[300];
	const unsigned int nr = ARRAY_SIZE(owners);
	unsigned int i, round, added = 0;
	u8 buf[TEXT_MAX];
	struct mqtt_trie trie;
	size_t len;

	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (i = 0; i < nr; i++) {
		owners[i] = owner_new(random_text(kind, true, buf));
		assert_true(mqtt_topic_filter_valid(owners[i]->bytes, owners[i]->filter.len));
	}
	for (round = 0; round < 3000; round++) {
		struct owner **owner = &owners[roll(nr)];
		struct owner *fresh;

		if ((*owner)->added) {
			/* filled in the first half, emptied in the second */
			if (round < 1500 && roll(4))
				continue;
			len = mqtt_trie_filter(&(*owner)->sub, buf, sizeof(buf));
			assert_int_equal(len, (*owner)->filter.len);
			assert_memory_equal(buf, (*owner)->bytes, len);
			fresh = owner_new(roll(2) ? (*owner)->filter :
						    random_text(kind, true, buf));
			del(&trie, *owner);
			*owner = fresh;
			added--;
		} else {
			assert_int_equal(owner_add(&trie, *owner), 0);
			added++;
		}
		assert_int_equal(trie.subs, added);
		if (roll(2))
			random_check(&trie, kind, owners, nr);
	}
	for (i = 0; i < nr; i++) {
		if (owners[i]->added)
			del(&trie, owners[i]);
		else
			free(owners[i]);
	}
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
}

static void test_random(void **state)
{
	size_t i, again;

	(void)state;
	seed_set();
	for (again = 0; again < 4; again++)
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			random_run(&kinds[i]);
}

/* --- limits --------------------------------------------------------------- */

/* All filters of @levels levels that are each "a" or "+" */
static void test_budget(void **state)
{
	const unsigned int levels = 10;
	struct owner *owners[1 << 10];
	unsigned int i, j, budget, calls;
	struct result result;
	struct mqtt_trie trie;
	char filter[32], topic[32];

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (i = 0; i < 1u << levels; i++) {
		for (j = 0; j < levels; j++) {
			filter[2 * j] = i >> j & 1 ? '+' : 'a';
			topic[2 * j] = 'a';
			filter[2 * j + 1] = '/';
			topic[2 * j + 1] = '/';
		}
		filter[2 * levels - 1] = 0;
		topic[2 * levels - 1] = 0;
		owners[i] = add(&trie, filter);
	}
	assert_int_equal(trie.nodes, (2 << levels) - 2);

	/* every node is visited, and the root */
	assert_int_equal(match_budget(&trie, text(topic), (2 << levels) - 1, &result), 0);
	assert_int_equal(result.subs, 1 << levels);
	assert_int_equal(match_budget(&trie, text(topic), (2 << levels) - 2, &result), -E2BIG);
	assert_int_equal(result.subs, (1 << levels) - 1);
	calls = 0;
	for (budget = 0; budget < (2 << levels) - 1; budget++) {
		assert_int_equal(match_budget(&trie, text(topic), budget, &result), -E2BIG);
		assert_true(result.calls <= budget);
		assert_true(result.calls == calls || result.calls == calls + 1);
		calls = result.calls;
	}

	for (i = 0; i < 1u << levels; i++)
		del(&trie, owners[i]);
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
}

/* Where no filter has a "+", a topic costs its levels and no more */
static void test_budget_plain(void **state)
{
	struct result result;
	struct mqtt_trie trie;
	struct owner *owners[4];

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	owners[0] = add(&trie, "a/b/c");
	owners[1] = add(&trie, "a/b/#");
	owners[2] = add(&trie, "a/b");
	owners[3] = add(&trie, "#");
	assert_int_equal(match_budget(&trie, text("a/b/c"), 4, &result), 0);
	assert_int_equal(result.subs, 3);
	assert_int_equal(match_budget(&trie, text("a/b/c"), 3, &result), -E2BIG);
	assert_int_equal(result.subs, 2);
	/* leaves the known way at once */
	assert_int_equal(match_budget(&trie, text("x/y/z/a/b/c"), 1, &result), 0);
	assert_int_equal(result.subs, 1);
	assert_int_equal(match_budget(&trie, text("x"), 0, &result), -E2BIG);
	del(&trie, owners[0]);
	del(&trie, owners[1]);
	del(&trie, owners[2]);
	del(&trie, owners[3]);
	mqtt_trie_destroy(&trie);
}

/* Long levels cost what it takes to look at them, each time */
static void test_budget_long_levels(void **state)
{
	static u8 bytes[65535];
	struct text topic = { bytes, sizeof(bytes) };
	struct result result;
	struct mqtt_trie trie;
	struct owner *owner;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	memset(bytes, 'x', sizeof(bytes));
	owner = owner_new(topic);
	assert_int_equal(owner_add(&trie, owner), 0);
	assert_int_equal(match_budget(&trie, topic, 2 + 65535 / 256, &result), 0);
	assert_int_equal(result.subs, 1);
	assert_int_equal(match_budget(&trie, topic, 1 + 65535 / 256, &result), -E2BIG);
	assert_int_equal(match_budget(&trie, topic, 65535 / 256, &result), -E2BIG);
	assert_int_equal(result.subs, 0);
	bytes[sizeof(bytes) - 1] = 'y';
	assert_int_equal(match(&trie, topic), 0);
	del(&trie, owner);
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
}

/* 65,536 levels: neither stack nor time runs away, up or down */
static void test_deepest(void **state)
{
	static u8 bytes[65535];
	struct text topic = { bytes, sizeof(bytes) };
	struct owner *owners[3];
	struct mqtt_trie trie;
	size_t i;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	memset(bytes, '/', sizeof(bytes));
	owners[0] = owner_new(topic);
	owners[1] = owner_new(topic);
	owners[1]->bytes[65534] = '#';
	owners[2] = add(&trie, "+/#");
	assert_int_equal(owner_add(&trie, owners[0]), 0);
	assert_int_equal(owner_add(&trie, owners[1]), 0);
	/* "+", "+/#", 65,536 empty levels and a "#" behind all but one of them */
	assert_int_equal(trie.nodes, 65536 + 1 + 2);
	assert_int_equal(match(&trie, topic), 3);
	bytes[65534] = 'x';
	assert_int_equal(match(&trie, topic), 2);
	assert_int_equal(mqtt_trie_filter(&owners[1]->sub, bytes, sizeof(bytes)), 65535);
	assert_memory_equal(bytes, owners[1]->bytes, 65535);
	for (i = 0; i < 3; i++)
		del(&trie, owners[i]);
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
}

struct counter {
	unsigned int n;
	const struct hlist_node *last;
};

static void count_found(void *ctx, const struct hlist_head *subs)
{
	struct counter *count = ctx;

	count->n++;
	count->last = subs->first;
}

/* The levels that a match remembers, and those behind, may end in an empty one. */
static void test_empty_last_level(void **state)
{
	u8 topic[2 * 40];
	size_t levels;

	(void)state;
	for (levels = 1; levels < 40; levels++) {
		struct mqtt_sub with = { 0 }, without = { 0 };
		struct mqtt_trie trie;
		struct counter count = { 0 };

		memset(topic, '/', sizeof(topic));
		for (size_t i = 0; i < levels; i++)
			topic[2 * i] = 'a';
		assert_int_equal(mqtt_trie_init(&trie), 0);
		assert_int_equal(mqtt_trie_add(&trie, topic, 2 * levels, &with), 0);
		assert_int_equal(mqtt_trie_add(&trie, topic, 2 * levels - 1, &without), 0);
		rcu_read_lock();
		assert_int_equal(mqtt_trie_match(&trie, topic, 2 * levels, PLENTY, count_found,
						 &count), 0);
		rcu_read_unlock();
		assert_int_equal(count.n, 1);
		assert_ptr_equal(count.last, &with.link);
		mqtt_trie_del(&trie, &with);
		mqtt_trie_del(&trie, &without);
		rcu_barrier();
		mqtt_trie_destroy(&trie);
	}
}

/*
 * 10,000 levels with "+" left for later in the depth, where levels are read
 * anew on the way back.
 */
static void test_deep_forks(void **state)
{
	static const unsigned int forks[] = { 0, 14, 15, 16, 17, 18, 40, 5000, 9998, 9999 };
	const unsigned int levels = 10000, nr = ARRAY_SIZE(forks);
	struct owner *owners[ARRAY_SIZE(forks)], *all, *none;
	u8 *bytes = malloc(6 * levels), *filter = malloc(6 * levels);
	struct text topic = { bytes, 0 };
	size_t start[10000];
	struct mqtt_trie trie;
	unsigned int i;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (i = 0; i < levels; i++) {
		start[i] = topic.len;
		memcpy(bytes + topic.len, "abcd", i % 5);
		topic.len += i % 5;
		bytes[topic.len++] = '/';
	}
	topic.len--;
	for (i = 0; i < nr; i++) {
		size_t at = start[forks[i]], end = at + forks[i] % 5;

		/* that level is a "+" instead */
		memcpy(filter, bytes, at);
		filter[at] = '+';
		memcpy(filter + at + 1, bytes + end, topic.len - end);
		owners[i] = owner_new((struct text){ filter, at + 1 + topic.len - end });
		assert_int_equal(owner_add(&trie, owners[i]), 0);
	}
	all = owner_new(topic);
	assert_int_equal(owner_add(&trie, all), 0);
	none = owner_new(topic);
	none->bytes[topic.len - 1] ^= 1;
	assert_int_equal(owner_add(&trie, none), 0);

	assert_int_equal(match(&trie, topic), nr + 1);
	assert_int_equal(none->found, 0);
	del(&trie, all);
	del(&trie, none);
	for (i = 0; i < nr; i++)
		del(&trie, owners[i]);
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
	free(filter);
	free(bytes);
}

/* --- destroy -------------------------------------------------------------- */

/* With subscriptions of every kind still in it; the leak checker watches */
static void test_destroy_full(void **state)
{
	static const char *const filters[] = {
		"#", "+", "+/+/+/#", "+/a/+/b", "+/a/#", "a/+/b/+/#", "a/+/c", "a/+/d", "a/+/e",
		"b/1", "b/2", "b/3/+/+", "b/4/+/x/#", "b/5/#", "c", "d", "e/f/g/h", "/", "//#",
	};
	struct owner *owners[ARRAY_SIZE(filters)];
	struct mqtt_trie trie;
	size_t i;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (i = 0; i < ARRAY_SIZE(filters); i++)
		owners[i] = add(&trie, filters[i]);
	mqtt_trie_destroy(&trie);
	for (i = 0; i < ARRAY_SIZE(filters); i++)
		free(owners[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_generation),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_plain),
		cmocka_unit_test(test_budget_long_levels),
		cmocka_unit_test(test_deepest),
		cmocka_unit_test(test_empty_last_level),
		cmocka_unit_test(test_deep_forks),
		cmocka_unit_test(test_destroy_full),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
