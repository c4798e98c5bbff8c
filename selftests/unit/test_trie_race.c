// SPDX-License-Identifier: MIT
/*
 * The topic table's readers under its writer.
 *
 * Subscriptions that stay must be found at every time, those that come and go
 * only where they match, and their memory must be theirs while a reader is on
 * them, which ASan watches.
 */
#include <pthread.h>
#include <sched.h>

#include "trie_fixture.h"

#define NR_READERS 2
#define NR_FORMS 6
#define NR_STAYING 600u		/* in 100 places */
#define NR_PASSING 3000u
#define NR_PLACES 500u		/* of those that pass, among them the 100 */

struct race {
	struct mqtt_trie trie;
	struct owner *staying[NR_STAYING];
	struct owner *passing[NR_PASSING];
	unsigned int started;
	bool stop;
};

struct reading {
	struct text topic;
	unsigned int staying;
	bool wrong;
};

static void race_found(void *ctx, const struct hlist_head *subs)
{
	struct reading *reading = ctx;
	const struct owner *owner;

	hlist_for_each_entry_rcu(owner, subs, sub.link) {
		if (!naive(owner->filter, reading->topic))
			reading->wrong = true;
		if (owner->added)
			reading->staying++;
	}
}

static struct owner *race_owner(unsigned int place, unsigned int form)
{
	static const char *const forms[NR_FORMS] = {
		"s/%u/temp", "s/%u/+", "s/%u/#", "+/%u/temp", "s/%u/temp/x/y/z", "s/%u",
	};
	char buf[32];

	snprintf(buf, sizeof(buf), forms[form], place);
	return owner_new(text(buf));
}

static void *race_reader(void *arg)
{
	struct race *race = arg;
	uintptr_t failures = 0;
	unsigned int i, place;
	char topic[32];

	rcu_register_thread();
	__atomic_add_fetch(&race->started, 1, __ATOMIC_RELAXED);
	for (i = 0; !__atomic_load_n(&race->stop, __ATOMIC_RELAXED); i++) {
		struct reading reading = { 0 };

		place = i * 7 % NR_PLACES;
		snprintf(topic, sizeof(topic), i % 4 ? "s/%u/temp" : "s/%u/temp/x/y/z", place);
		reading.topic = text(topic);
		rcu_read_lock();
		if (mqtt_trie_match(&race->trie, reading.topic.bytes, reading.topic.len, PLENTY,
				    race_found, &reading))
			failures++;
		rcu_read_unlock();
		/* the first four forms match the one topic, two the other */
		if (reading.wrong ||
		    reading.staying != (place >= NR_STAYING / NR_FORMS ? 0 : i % 4 ? 4 : 2))
			failures++;
	}
	rcu_unregister_thread();
	return (void *)failures;
}

static void race_write(struct race *race, unsigned int rounds)
{
	unsigned int i, target, nr = 0;
	struct owner *owner;

	while (rounds--) {
		/* past a few resizes up and down, or some in place */
		target = roll(2) ? roll(NR_PASSING / 16) : roll(NR_PASSING);
		while (nr < target) {
			owner = race_owner(roll(NR_PLACES), roll(NR_FORMS));
			assert_int_equal(mqtt_trie_add(&race->trie, owner->bytes,
						       owner->filter.len, &owner->sub), 0);
			race->passing[nr++] = owner;
		}
		while (nr > target) {
			i = roll(nr);
			del(&race->trie, race->passing[i]);
			race->passing[i] = race->passing[--nr];
		}
	}
	while (nr)
		del(&race->trie, race->passing[--nr]);
}

static void test_race(void **state)
{
	pthread_t threads[NR_READERS];
	static struct race race;
	unsigned int i;
	void *failures;

	(void)state;
	seed_set();
	assert_int_equal(mqtt_trie_init(&race.trie), 0);
	for (i = 0; i < NR_STAYING; i++) {
		race.staying[i] = race_owner(i / NR_FORMS, i % NR_FORMS);
		assert_int_equal(owner_add(&race.trie, race.staying[i]), 0);
	}
	for (i = 0; i < NR_READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race_reader, &race), 0);
	while (__atomic_load_n(&race.started, __ATOMIC_RELAXED) < NR_READERS)
		sched_yield();
	race_write(&race, 200);
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < NR_READERS; i++) {
		assert_int_equal(pthread_join(threads[i], &failures), 0);
		assert_null(failures);
	}
	for (i = 0; i < NR_STAYING; i++)
		del(&race.trie, race.staying[i]);
	assert_empty(&race.trie);
	mqtt_trie_destroy(&race.trie);
}

/*
 * The same with nothing but resizes: up to a few times the least table and down
 * again, while readers look for the few that stay and thus move each time.
 */
#define NR_MOVING 12u

static void *resize_reader(void *arg)
{
	struct race *race = arg;
	uintptr_t failures = 0;
	unsigned int i, n;
	char topic[16];

	rcu_register_thread();
	__atomic_add_fetch(&race->started, 1, __ATOMIC_RELAXED);
	for (i = 0; !__atomic_load_n(&race->stop, __ATOMIC_RELAXED); i++) {
		struct reading reading = { 0 };

		n = snprintf(topic, sizeof(topic), "s%u", i % NR_MOVING);
		reading.topic = text(topic);
		rcu_read_lock();
		if (mqtt_trie_match(&race->trie, (const u8 *)topic, n, PLENTY,
				    race_found, &reading))
			failures++;
		rcu_read_unlock();
		if (reading.wrong || reading.staying != 1)
			failures++;
	}
	rcu_unregister_thread();
	return (void *)failures;
}

static void test_race_resize(void **state)
{
	pthread_t threads[NR_READERS];
	static struct race race;
	struct owner *near[2];
	unsigned int i, round;
	char filter[16];
	void *failures;

	(void)state;
	assert_int_equal(mqtt_trie_init(&race.trie), 0);
	near[0] = add(&race.trie, "x");
	near[1] = add(&race.trie, "y");
	for (i = 0; i < NR_MOVING; i++) {
		snprintf(filter, sizeof(filter), "s%u", i);
		race.staying[i] = add(&race.trie, filter);
	}
	for (i = 0; i < 500; i++) {
		snprintf(filter, sizeof(filter), "p%u", i);
		race.passing[i] = owner_new(text(filter));
	}
	for (i = 0; i < NR_READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, resize_reader, &race), 0);
	while (__atomic_load_n(&race.started, __ATOMIC_RELAXED) < NR_READERS)
		sched_yield();
	for (round = 0; round < 400; round++) {
		for (i = 0; i < 500; i++)
			assert_int_equal(mqtt_trie_add(&race.trie, race.passing[i]->bytes,
						       race.passing[i]->filter.len,
						       &race.passing[i]->sub), 0);
		while (i--)
			mqtt_trie_del(&race.trie, &race.passing[i]->sub);
		/* these get linked again, which must not lead a reader astray */
		synchronize_rcu();
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < NR_READERS; i++) {
		assert_int_equal(pthread_join(threads[i], &failures), 0);
		assert_null(failures);
	}
	for (i = 0; i < 500; i++)
		free(race.passing[i]);
	for (i = 0; i < NR_MOVING; i++)
		del(&race.trie, race.staying[i]);
	del(&race.trie, near[0]);
	del(&race.trie, near[1]);
	assert_empty(&race.trie);
	mqtt_trie_destroy(&race.trie);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_race_resize),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
