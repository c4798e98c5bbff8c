// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: topics, and the topic table over the kernel's own RCU.
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include <mqtt/topic.h>
#include <mqtt/trie.h>

#include <vectors/topic.h>

#define PLENTY	100000

struct owner {
	struct mqtt_sub sub;
	struct rcu_head rcu;
	unsigned int found;
};

static void topic_rules(struct kunit *test)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(topics); i++) {
		const struct topic_case *c = &topics[i];
		size_t len = strlen(c->text);
		u8 *p = kunit_kmalloc(test, len, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, p);
		memcpy(p, c->text, len);
		KUNIT_EXPECT_EQ_MSG(test, mqtt_topic_name_valid(p, len), c->name, "%s", c->text);
		KUNIT_EXPECT_EQ_MSG(test, mqtt_topic_filter_valid(p, len), c->filter, "%s",
				    c->text);
		KUNIT_EXPECT_EQ_MSG(test, mqtt_topic_levels(p, len), c->levels, "%s", c->text);
	}
}

static void count_found(void *ctx, const struct hlist_head *subs)
{
	unsigned int *n = ctx;
	struct owner *owner;

	hlist_for_each_entry_rcu(owner, subs, sub.link) {
		WRITE_ONCE(owner->found, READ_ONCE(owner->found) + 1);
		(*n)++;
	}
}

static unsigned int match(const struct mqtt_trie *trie, const char *topic)
{
	unsigned int n = 0;

	rcu_read_lock();
	mqtt_trie_match(trie, topic, strlen(topic), PLENTY, count_found, &n);
	rcu_read_unlock();
	return n;
}

/* Returns NULL if there was no memory. */
static struct owner *add(struct mqtt_trie *trie, const char *filter)
{
	struct owner *owner = kzalloc(sizeof(*owner), GFP_KERNEL);

	if (owner && mqtt_trie_add(trie, filter, strlen(filter), &owner->sub)) {
		kfree(owner);
		owner = NULL;
	}
	return owner;
}

static void del(struct mqtt_trie *trie, struct owner *owner)
{
	mqtt_trie_del(trie, &owner->sub);
	kfree_rcu(owner, rcu);
}

static void trie_each_alone(struct kunit *test)
{
	struct mqtt_trie trie;
	size_t i;

	KUNIT_ASSERT_EQ(test, mqtt_trie_init(&trie), 0);
	for (i = 0; i < ARRAY_SIZE(matches); i++) {
		const struct match_case *c = &matches[i];
		struct owner *owner = add(&trie, c->filter);

		KUNIT_EXPECT_NOT_NULL(test, owner);
		if (!owner)
			break;
		KUNIT_EXPECT_EQ_MSG(test, match(&trie, c->topic), c->match, "%s and %s",
				    c->filter, c->topic);
		del(&trie, owner);
		KUNIT_EXPECT_EQ(test, trie.nodes, 0);
	}
	mqtt_trie_destroy(&trie);
}

static void trie_all_at_once(struct kunit *test)
{
	struct owner *owners[ARRAY_SIZE(matches)] = {};
	struct mqtt_trie trie;
	size_t i;

	KUNIT_ASSERT_EQ(test, mqtt_trie_init(&trie), 0);
	for (i = 0; i < ARRAY_SIZE(matches); i++) {
		owners[i] = add(&trie, matches[i].filter);
		KUNIT_EXPECT_NOT_NULL(test, owners[i]);
	}
	for (i = 0; i < ARRAY_SIZE(matches) && owners[i]; i++) {
		owners[i]->found = 0;
		match(&trie, matches[i].topic);
		KUNIT_EXPECT_EQ_MSG(test, owners[i]->found, matches[i].match, "%s and %s",
				    matches[i].filter, matches[i].topic);
	}
	KUNIT_EXPECT_EQ(test, trie.subs, ARRAY_SIZE(matches));
	for (i = 0; i < ARRAY_SIZE(matches); i++)
		if (owners[i])
			del(&trie, owners[i]);
	KUNIT_EXPECT_EQ(test, trie.nodes, 0);
	mqtt_trie_destroy(&trie);
}

/* --- readers and a writer ---------------------------------------------------- */

#define READERS	2
#define ROUNDS	20
#define CHURN	20

struct race {
	struct mqtt_trie trie;
	bool stop;
	struct completion started[READERS];
	struct completion ended[READERS];
	unsigned int missed[READERS];
};

struct reader {
	struct race *race;
	unsigned int number;
};

/* What stands is found, whatever comes and goes around it. */
static int reader_main(void *arg)
{
	const struct reader *reader = arg;
	struct race *race = reader->race;
	bool first = true;

	do {
		race->missed[reader->number] += !match(&race->trie, "standing/5/x");
		if (first)
			complete(&race->started[reader->number]);
		first = false;
		cond_resched();
	} while (!READ_ONCE(race->stop));
	/* Nothing of ours runs when the test goes on. */
	kthread_complete_and_exit(&race->ended[reader->number], 0);
}

static bool churn(struct mqtt_trie *trie)
{
	struct owner *owners[CHURN];
	unsigned int i, n;
	char filter[32];

	for (n = 0; n < CHURN; n++) {
		snprintf(filter, sizeof(filter), n & 1 ? "standing/%u/+" : "%u/#", n);
		owners[n] = add(trie, filter);
		if (!owners[n])
			break;
	}
	for (i = 0; i < n; i++)
		del(trie, owners[i]);
	return n == CHURN;
}

static void trie_readers_and_writer(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	struct reader readers[READERS];
	struct owner *standing;
	unsigned int i, n;

	KUNIT_ASSERT_NOT_NULL(test, race);
	KUNIT_ASSERT_EQ(test, mqtt_trie_init(&race->trie), 0);
	standing = add(&race->trie, "standing/+/x");
	KUNIT_EXPECT_NOT_NULL(test, standing);
	for (n = 0; n < READERS && standing; n++) {
		readers[n] = (struct reader){ race, n };
		init_completion(&race->started[n]);
		init_completion(&race->ended[n]);
		if (IS_ERR(kthread_run(reader_main, &readers[n], "mqtt_test/%u", n)))
			break;
		wait_for_completion(&race->started[n]);
	}
	KUNIT_EXPECT_EQ(test, n, READERS);
	for (i = 0; i < ROUNDS && standing; i++)
		KUNIT_EXPECT_TRUE(test, churn(&race->trie));
	WRITE_ONCE(race->stop, true);
	for (i = 0; i < n; i++) {
		wait_for_completion(&race->ended[i]);
		KUNIT_EXPECT_EQ(test, race->missed[i], 0);
	}
	if (standing)
		del(&race->trie, standing);
	KUNIT_EXPECT_EQ(test, race->trie.subs, 0);
	mqtt_trie_destroy(&race->trie);
}

static struct kunit_case trie_cases[] = {
	KUNIT_CASE(topic_rules),
	KUNIT_CASE(trie_each_alone),
	KUNIT_CASE(trie_all_at_once),
	KUNIT_CASE(trie_readers_and_writer),
	{}
};

static struct kunit_suite trie_suite = {
	.name = "mqtt_trie",
	.test_cases = trie_cases,
};

kunit_test_suites(&trie_suite);
