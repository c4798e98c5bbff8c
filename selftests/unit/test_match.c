// SPDX-License-Identifier: MIT
/* Matching from memory finds what matching anew finds, whatever the table went through. */
#include "trie_fixture.h"

#include <mqtt/match.h>

#define SUBS	24
#define USERS	3
#define ROUNDS	200000

struct lists {
	unsigned int nr;
	const struct hlist_head *list[16];
};

static void note(void *ctx, const struct hlist_head *subs)
{
	struct lists *lists = ctx;

	assert_true(lists->nr < 16);
	lists->list[lists->nr++] = subs;
}

static void check(struct mqtt_trie *trie, struct mqtt_match *last, const char *topic,
		  unsigned int *hits)
{
	struct lists want = { 0 }, got = { 0 };
	unsigned long generation = last->generation;
	size_t len = strlen(topic);

	rcu_read_lock();
	*hits += last->topic_len == len && !memcmp(last->topic, topic, len) &&
		 generation == mqtt_trie_generation(trie);
	assert_int_equal(mqtt_trie_match(trie, (const u8 *)topic, len, PLENTY, note, &want), 0);
	assert_int_equal(mqtt_match(trie, last, (const u8 *)topic, len, PLENTY, note, &got), 0);
	rcu_read_unlock();
	assert_int_equal(got.nr, want.nr);
	assert_memory_equal(got.list, want.list, got.nr * sizeof(got.list[0]));
}

/* Few levels and words, so that most topics match something and nodes come and go */
static void random_path(char *path, const char *const *words, unsigned int nr_words)
{
	unsigned int levels = 1 + rand() % 3;

	for (*path = '\0'; levels; levels--)
		strcat(strcat(path, words[rand() % nr_words]), levels > 1 ? "/" : "");
}

static void test_against_table(void **state)
{
	static const char *const words[] = { "a", "bb", "sensors", "a-long-level-of-a-topic", "+" };
	struct mqtt_sub *subs[SUBS] = { 0 };
	struct mqtt_match last[USERS] = { 0 };
	char path[USERS][128] = { "a", "a", "a" }, filter[128];
	unsigned int hits = 0, i;
	struct mqtt_trie trie;

	(void)state;
	srand(7);
	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (i = 0; i < ROUNDS; i++) {
		unsigned int slot = rand() % SUBS, user = rand() % USERS;

		if (rand() % 8 == 0 && subs[slot]) {
			mqtt_trie_del(&trie, subs[slot]);
			kfree(subs[slot]);
			subs[slot] = NULL;
		} else if (rand() % 8 == 0 && !subs[slot]) {
			subs[slot] = kzalloc(sizeof(*subs[slot]), GFP_KERNEL);
			random_path(filter, words, 5);
			assert_int_equal(mqtt_trie_add(&trie, (const u8 *)filter, strlen(filter),
						       subs[slot]), 0);
		}
		if (rand() % 4 == 0)
			random_path(path[user], words, 4);
		check(&trie, &last[user], path[user], &hits);
	}
	assert_true(hits > ROUNDS / 8);
	assert_true(hits < ROUNDS);
	for (i = 0; i < SUBS; i++) {
		if (subs[i])
			mqtt_trie_del(&trie, subs[i]);
		kfree(subs[i]);
	}
	mqtt_trie_destroy(&trie);
}

/* Topics that are equal but for one byte, of every length around a word's */
static void test_topics_differ(void **state)
{
	char topic[MQTT_MATCH_TOPIC_MAX + 8];
	struct mqtt_match last = { 0 };
	struct mqtt_sub sub = { 0 };
	unsigned int hits = 0;
	struct mqtt_trie trie;
	size_t len, i;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (len = 1; len < sizeof(topic); len++) {
		memset(topic, 'x', len);
		topic[len] = '\0';
		assert_int_equal(mqtt_trie_add(&trie, (const u8 *)topic, len, &sub), 0);
		for (i = 0; i < len; i++) {
			check(&trie, &last, topic, &hits);
			check(&trie, &last, topic, &hits);
			topic[i] = 'y';
			check(&trie, &last, topic, &hits);
			topic[i] = 'x';
		}
		/* the beginning of the one before */
		check(&trie, &last, topic, &hits);
		topic[len - 1] = '\0';
		if (len > 1)
			check(&trie, &last, topic, &hits);
		mqtt_trie_del(&trie, &sub);
	}
	assert_int_equal(hits, MQTT_MATCH_TOPIC_MAX * (MQTT_MATCH_TOPIC_MAX + 1) / 2);
	mqtt_trie_destroy(&trie);
}

/* What matches more filters than are kept is matched each time, and nothing is lost */
static void test_many_filters(void **state)
{
	static const char *const filters[] = { "a/b", "+/b", "a/+", "#", "a/#" };
	struct mqtt_sub subs[5] = { 0 };
	struct mqtt_match last = { 0 };
	unsigned int hits = 0, i;
	struct mqtt_trie trie;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (i = 0; i < 5; i++) {
		check(&trie, &last, "a/b", &hits);
		check(&trie, &last, "a/b", &hits);
		assert_int_equal(hits, min_t(unsigned int, i + 1, MQTT_MATCH_LISTS_MAX + 1));
		assert_int_equal(mqtt_trie_add(&trie, (const u8 *)filters[i], strlen(filters[i]),
					       &subs[i]), 0);
	}
	for (i = 0; i < 5; i++)
		mqtt_trie_del(&trie, &subs[i]);
	mqtt_trie_destroy(&trie);
}

/* A list that turned empty, and one that is not yet */
static void test_churn(void **state)
{
	struct mqtt_sub first = { 0 }, second = { 0 };
	struct mqtt_match last = { 0 };
	unsigned int hits = 0;
	struct mqtt_trie trie;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	check(&trie, &last, "a/b", &hits);
	assert_int_equal(mqtt_trie_add(&trie, (const u8 *)"a/b", 3, &first), 0);
	check(&trie, &last, "a/b", &hits);
	assert_int_equal(mqtt_trie_add(&trie, (const u8 *)"a/b", 3, &second), 0);
	check(&trie, &last, "a/b", &hits);
	mqtt_trie_del(&trie, &first);
	check(&trie, &last, "a/b", &hits);
	mqtt_trie_del(&trie, &second);
	check(&trie, &last, "a/b", &hits);
	assert_int_equal(hits, 0);
	check(&trie, &last, "a/b", &hits);
	assert_int_equal(hits, 1);
	mqtt_trie_destroy(&trie);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_table),
		cmocka_unit_test(test_topics_differ),
		cmocka_unit_test(test_many_filters),
		cmocka_unit_test(test_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
