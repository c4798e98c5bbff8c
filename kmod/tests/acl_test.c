// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: sets of rules over the kernel's own RCU. What random ones say is compared
 * with a naive evaluator in userspace as well (selftests/unit/test_acl_sets.c).
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/random.h>
#include <linux/slab.h>

#include <mqtt/acl.h>
#include <mqtt/topic.h>

#include <vectors/topic.h>

#define DENY	MQTT_ACL_ACTION_DENY
#define ALLOW	MQTT_ACL_ACTION_ALLOW
#define PASS	MQTT_ACL_ACTION_PASS
#define PUB	MQTT_ACL_ACCESS_PUBLISH
#define RECV	MQTT_ACL_ACCESS_RECEIVE

static void topic_matches(struct kunit *test)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(matches); i++) {
		const struct match_case *c = &matches[i];

		KUNIT_EXPECT_EQ_MSG(test, mqtt_topic_matches(c->filter, strlen(c->filter),
							     c->topic, strlen(c->topic)),
				    c->match, "%s %s", c->filter, c->topic);
	}
}

static int add(struct mqtt_acl_rules *rules, const char *filter, u8 action, u8 access)
{
	return mqtt_acl_rules_add(rules, filter, strlen(filter), action, access);
}

static u8 ask(const struct mqtt_acl_rules *rules, u8 access, const char *topic)
{
	u32 steps = 0;
	u8 says;

	rcu_read_lock();
	says = mqtt_acl_rules_ask(rules, access, topic, strlen(topic), &steps);
	rcu_read_unlock();
	return says;
}

static const struct {
	const char *filter;
	u8 action;
	u8 access;
} table[] = {
	{ "a/secret", DENY, PUB | RECV },
	{ "a/+", ALLOW, PUB },
	{ "a/#", ALLOW, RECV },
	{ "b", ALLOW, PUB },
	{ "b", DENY, PUB },
	{ "b", DENY, RECV },
	{ "#", DENY, PUB },
	{ "$x/#", ALLOW, RECV },
};

static const struct {
	const char *topic;
	u8 access;
	u8 says;
} questions[] = {
	{ "a/secret", PUB, DENY }, { "a/secret", RECV, DENY }, { "a/b", PUB, ALLOW },
	{ "a/b", RECV, ALLOW }, { "a", PUB, DENY }, { "a", RECV, ALLOW },
	{ "a/b/c", PUB, DENY }, { "a/b/c", RECV, ALLOW }, { "b", PUB, ALLOW },
	{ "b", RECV, DENY }, { "c", PUB, DENY }, { "c", RECV, PASS },
	{ "$x", RECV, ALLOW }, { "$x/y", RECV, ALLOW }, { "$x", PUB, PASS },
};

/* The first rule decides, few or many: @more rules about other topics stand behind. */
static void first_rule(struct kunit *test)
{
	unsigned int more, i;
	char filter[16];

	for (more = 0; more < 100; more += 33) {
		struct mqtt_acl_rules rules = { .fallback = PASS };

		for (i = 0; i < ARRAY_SIZE(table); i++)
			KUNIT_EXPECT_EQ(test, 0, add(&rules, table[i].filter, table[i].action,
						     table[i].access));
		for (i = 0; i < more; i++) {
			snprintf(filter, sizeof(filter), "more/%u", i);
			KUNIT_EXPECT_EQ(test, 0, add(&rules, filter, ALLOW, PUB | RECV));
		}
		KUNIT_ASSERT_EQ(test, 0, mqtt_acl_rules_finish(&rules));
		KUNIT_EXPECT_EQ(test, rules.indexed, more > 0);
		for (i = 0; i < ARRAY_SIZE(questions); i++)
			KUNIT_EXPECT_EQ_MSG(test, ask(&rules, questions[i].access,
						      questions[i].topic), questions[i].says,
					    "%s %u, %u more", questions[i].topic,
					    questions[i].access, more);
		mqtt_acl_rules_clear(&rules);
		KUNIT_EXPECT_EQ(test, ask(&rules, PUB, "a/b"), DENY);
	}
}

static void random_filter(char *text)
{
	unsigned int i, levels = 1 + get_random_u32_below(3);

	for (i = 0; i < levels; i++) {
		*text++ = "ab+#"[get_random_u32_below(i + 1 == levels ? 4 : 3)];
		*text++ = i + 1 == levels ? '\0' : '/';
	}
}

/* All 39 topics of up to three levels of "a", "b" and "c", asked of random rules. */
static void random_rules(struct kunit *test)
{
	enum { MOST = 60 };
	char (*filters)[8] = kunit_kcalloc(test, MOST, sizeof(*filters), GFP_KERNEL);
	u8 *actions = kunit_kcalloc(test, MOST, 1, GFP_KERNEL);
	unsigned int round, i, n, topic;

	KUNIT_ASSERT_NOT_NULL(test, filters);
	KUNIT_ASSERT_NOT_NULL(test, actions);
	for (round = 0; round < 15; round++) {
		struct mqtt_acl_rules rules = { .fallback = get_random_u32_below(3) };

		n = get_random_u32_below(round % 2 ? MOST : 2 * MQTT_ACL_FEW);
		for (i = 0; i < n; i++) {
			random_filter(filters[i]);
			actions[i] = get_random_u32_below(2);
			KUNIT_EXPECT_EQ(test, 0, add(&rules, filters[i], actions[i], RECV));
		}
		KUNIT_ASSERT_EQ(test, 0, mqtt_acl_rules_finish(&rules));
		for (topic = 0; topic < 27; topic++) {
			char text[] = { "abc"[topic / 9], '/', "abc"[topic / 3 % 3], '/',
					"abc"[topic % 3], '\0' };
			u8 want = rules.fallback;

			for (i = n; i-- > 0;)
				if (mqtt_topic_matches(filters[i], strlen(filters[i]), text, 5))
					want = actions[i];
			KUNIT_EXPECT_EQ_MSG(test, ask(&rules, RECV, text), want, "%s, %u rules",
					    text, n);
		}
		mqtt_acl_rules_clear(&rules);
	}
}

/* A set that is replaced under readers, who see the one or the other. */
struct replaced {
	struct mqtt_acl_rules __rcu *rules;
	unsigned long asked;
	unsigned long wrong;
};

static int reader(void *arg)
{
	struct replaced *replaced = arg;
	u32 steps = 0;
	u8 a, b;

	while (!kthread_should_stop()) {
		rcu_read_lock();
		a = mqtt_acl_rules_ask(rcu_dereference(replaced->rules), PUB, "a/1", 3, &steps);
		b = mqtt_acl_rules_ask(rcu_dereference(replaced->rules), PUB, "none", 4, &steps);
		rcu_read_unlock();
		/* every set allows these two, by a rule or by its fallback */
		WRITE_ONCE(replaced->wrong, replaced->wrong + (a != ALLOW) + (b != ALLOW));
		WRITE_ONCE(replaced->asked, replaced->asked + 1);
		cond_resched();
	}
	return 0;
}

static struct mqtt_acl_rules *make(struct kunit *test, unsigned int n)
{
	struct mqtt_acl_rules *rules = kzalloc(sizeof(*rules), GFP_KERNEL);
	char filter[16];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, rules);
	rules->fallback = ALLOW;
	KUNIT_EXPECT_EQ(test, 0, add(rules, "a/1", ALLOW, PUB));
	for (i = 0; i < n; i++) {
		snprintf(filter, sizeof(filter), "a/%u", i);
		KUNIT_EXPECT_EQ(test, 0, add(rules, filter, DENY, PUB));
	}
	KUNIT_ASSERT_EQ(test, 0, mqtt_acl_rules_finish(rules));
	return rules;
}

static void replaced_under_readers(struct kunit *test)
{
	struct replaced replaced = {};
	struct mqtt_acl_rules *old;
	struct task_struct *task;
	unsigned int round;

	RCU_INIT_POINTER(replaced.rules, make(test, 3));
	task = kthread_run(reader, &replaced, "acl_reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	for (round = 0; round < 8; round++) {
		old = rcu_replace_pointer(replaced.rules, make(test, round % 2 ? 3 : 100), true);
		synchronize_rcu();
		mqtt_acl_rules_clear(old);
		kfree(old);
	}
	while (!READ_ONCE(replaced.asked))
		cond_resched();
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, replaced.wrong, 0UL);
	old = rcu_dereference_protected(replaced.rules, true);
	mqtt_acl_rules_clear(old);
	kfree(old);
}

static struct kunit_case acl_cases[] = {
	KUNIT_CASE(topic_matches),
	KUNIT_CASE(first_rule),
	KUNIT_CASE(random_rules),
	KUNIT_CASE(replaced_under_readers),
	{}
};

static struct kunit_suite acl_suite = {
	.name = "mqtt_acl",
	.test_cases = acl_cases,
};

kunit_test_suite(acl_suite);
