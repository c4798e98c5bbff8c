// SPDX-License-Identifier: MIT
/*
 * The topic table's memory: its hash table large and small, its nodes' sizes,
 * its allocations made to fail.
 */
#include "../../kmod/trie_node.h"
#include "trie_fixture.h"

/* --- growing and shrinking ------------------------------------------------ */

#define NR_DEVICES 50000u

static struct owner *device_new(unsigned int i)
{
	char filter[32];

	snprintf(filter, sizeof(filter), "device/%u/set", i);
	return owner_new(text(filter));
}

static void devices_check(struct mqtt_trie *trie, struct owner **owners, unsigned int step)
{
	unsigned int i;

	for (i = 0; i < NR_DEVICES; i += step) {
		owners[i]->found = 0;
		assert_int_equal(match(trie, owners[i]->filter), owners[i]->added);
		assert_int_equal(owners[i]->found, owners[i]->added);
	}
}

static void test_resize(void **state)
{
	struct owner **owners = malloc(NR_DEVICES * sizeof(*owners));
	struct mqtt_trie trie;
	size_t largest = 0;
	unsigned int i;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	alloc_watch(0, 0);
	for (i = 0; i < NR_DEVICES; i++) {
		owners[i] = device_new(i);
		assert_int_equal(owner_add(&trie, owners[i]), 0);
		/* just now the table moves, and its oldest and newest are findable */
		if (alloc.largest > largest) {
			largest = alloc.largest;
			assert_int_equal(match(&trie, owners[i]->filter), 1);
			assert_int_equal(match(&trie, owners[i / 2]->filter), 1);
			assert_int_equal(match(&trie, owners[0]->filter), 1);
		}
	}
	assert_int_equal(trie.nodes, 1 + 2 * NR_DEVICES);
	/* eight to sixteen bytes for each node in it, a power of two */
	assert_true(largest >= trie.far * 8 && largest <= trie.far * 16 + 128);
	assert_int_equal(largest & (largest - 1), 0);
	devices_check(&trie, owners, 1);

	/* down to nothing, in another order than they came */
	alloc_watch(0, 0);
	for (i = 0; i < NR_DEVICES; i++) {
		unsigned int n = (u64)i * 7919 % NR_DEVICES;

		mqtt_trie_del(&trie, &owners[n]->sub);
		owners[n]->added = false;
		if (i % 5000 == 0)
			devices_check(&trie, owners, 37);
	}
	alloc_forget();
	assert_empty(&trie);
	/* it shrank as well: what was allocated last is no more than the least */
	assert_true(alloc.count > 5);
	assert_int_equal(alloc.last, 512);

	/* and is as good as new */
	for (i = 0; i < 1000; i++)
		assert_int_equal(owner_add(&trie, owners[i]), 0);
	devices_check(&trie, owners, 1);
	for (i = 0; i < 1000; i++)
		mqtt_trie_del(&trie, &owners[i]->sub);
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);

	/* readers could still be on them */
	for (i = 0; i < NR_DEVICES; i++)
		kfree_rcu(owners[i], rcu);
	free(owners);
}

/* Resizing back and forth where the numbers say to do the one and then the other */
static void test_resize_turn(void **state)
{
	struct owner **owners = malloc(NR_DEVICES * sizeof(*owners));
	unsigned int i, round, nr = 0, target;
	struct mqtt_trie trie;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (i = 0; i < NR_DEVICES; i++)
		owners[i] = device_new(i);
	for (round = 0; round < 40; round++) {
		target = round % 2 ? 10 + round : 200 + round * 200;
		for (; nr < target; nr++)
			assert_int_equal(owner_add(&trie, owners[nr]), 0);
		while (nr > target) {
			mqtt_trie_del(&trie, &owners[--nr]->sub);
			owners[nr]->added = false;
		}
		devices_check(&trie, owners, 11);
	}
	/* what is left goes with the table */
	mqtt_trie_destroy(&trie);
	for (i = 0; i < NR_DEVICES; i++)
		kfree_rcu(owners[i], rcu);
	free(owners);
}

/* Without memory for a larger table it works on */
static void test_resize_denied(void **state)
{
	struct owner **owners = malloc(NR_DEVICES * sizeof(*owners));
	struct mqtt_trie trie;
	unsigned int i;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	alloc_watch(0, 4096);
	for (i = 0; i < NR_DEVICES; i++) {
		owners[i] = device_new(i);
		if (i < 5000)
			assert_int_equal(owner_add(&trie, owners[i]), 0);
	}
	/* not tried with every add */
	assert_true(alloc.count < 2 * 5000 + 100);
	devices_check(&trie, owners, 7);
	alloc_forget();
	for (; i > 0; i--) {
		if (owners[i - 1]->added)
			mqtt_trie_del(&trie, &owners[i - 1]->sub);
		kfree_rcu(owners[i - 1], rcu);
	}
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
	free(owners);
}

/* Children that come and go, but are never many, stay out of the hash table */
static void test_near(void **state)
{
	struct mqtt_trie trie;
	struct owner *stays;
	char filter[16];
	unsigned int i;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	stays = add(&trie, "a/0");
	for (i = 1; i < 10; i++) {
		snprintf(filter, sizeof(filter), "a/%u", i);
		del(&trie, add(&trie, filter));
		del(&trie, add(&trie, "a/+"));
		del(&trie, add(&trie, "a/#"));
	}
	for (i = 1; i < 10; i++) {
		struct owner *both[2] = { add(&trie, "a/+"), add(&trie, "a/#") };
		struct owner *second;

		snprintf(filter, sizeof(filter), "a/%u", i);
		second = add(&trie, filter);
		assert_int_equal(trie.far, 0);
		assert_int_equal(match(&trie, text(filter)), 3);
		del(&trie, both[0]);
		del(&trie, second);
		del(&trie, both[1]);
	}
	del(&trie, stays);
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
}

/* --- equal hashes --------------------------------------------------------- */

#define NR_HASHES 400000u

struct hashed {
	u32 hash;
	u32 number;
};

static int hashed_cmp(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* Two levels with the same hash, which takes the key; there are some 18 pairs */
static void find_twins(const struct mqtt_trie *trie, char *one, char *two, size_t size)
{
	struct hashed *all = malloc(NR_HASHES * sizeof(*all));
	u32 i;
	int len;

	for (i = 0; i < NR_HASHES; i++) {
		len = snprintf(one, size, "%u", i);
		all[i].hash = hsiphash(one, len, &trie->key);
		all[i].number = i;
	}
	qsort(all, NR_HASHES, sizeof(*all), hashed_cmp);
	for (i = 1; i < NR_HASHES && all[i].hash != all[i - 1].hash; i++)
		;
	if (i == NR_HASHES)
		fail_msg("no equal hashes");
	snprintf(one, size, "%u", all[i - 1].number);
	snprintf(two, size, "%u", all[i].number);
	free(all);
}

/* Nodes with equal hashes are told apart by their level, and by their parent */
static void test_twins(void **state)
{
	static const char *const forms[] = { "%s", "%s/1", "%s/2", "%s/3", "%s/4" };
	struct owner *owners[2 + 2 * 5];
	char one[16], two[16], buf[32];
	struct mqtt_trie trie;
	unsigned int i, nr = 0;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	find_twins(&trie, one, two, sizeof(one));
	/* these two take the near places */
	owners[nr++] = add(&trie, "x");
	owners[nr++] = add(&trie, "y");
	for (i = 0; i < 5; i++) {
		snprintf(buf, sizeof(buf), forms[i], one);
		owners[nr++] = add(&trie, buf);
		assert_int_equal(match(&trie, text(buf)), 1);
		snprintf(buf, sizeof(buf), forms[i], two);
		/* for the last three both parents have far children */
		assert_int_equal(match(&trie, text(buf)), 0);
		owners[nr++] = add(&trie, buf);
		assert_int_equal(match(&trie, text(buf)), 1);
	}
	/* or this test tells nothing */
	assert_true(trie.far >= 4);
	while (nr)
		del(&trie, owners[--nr]);
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
}

static unsigned int longest_chain(const struct mqtt_trie *trie)
{
	const struct mqtt_trie_table *table = trie->table;
	const struct mqtt_trie_node *node;
	unsigned int longest = 0, len, i;

	for (; table; table = table->newer) {
		for (i = 0; i < table->size; i++) {
			len = 0;
			for (node = table->bucket[i]; node; node = node->next)
				len++;
			longest = len > longest ? len : longest;
		}
	}
	return longest;
}

/* Levels that are made for one table to have them in one chain are spread in another. */
static void test_keys(void **state)
{
	struct owner *owners[2][1000];
	struct mqtt_trie known, other;
	unsigned int i, nr = 0;
	char buf[16];

	(void)state;
	assert_int_equal(mqtt_trie_init(&known), 0);
	assert_int_equal(mqtt_trie_init(&other), 0);
	for (i = 0; i < NR_HASHES && nr < 1000; i++) {
		if (hsiphash(buf, snprintf(buf, sizeof(buf), "%u", i), &known.key) >> 20)
			continue;
		owners[0][nr] = add(&known, buf);
		owners[1][nr++] = add(&other, buf);
	}
	print_message("# of %u: %u and %u\n", nr, longest_chain(&known), longest_chain(&other));
	assert_true(nr > 40);
	assert_int_equal(longest_chain(&known), known.far);
	assert_true(longest_chain(&other) < 16);
	while (nr--) {
		del(&known, owners[0][nr]);
		del(&other, owners[1][nr]);
	}
	mqtt_trie_destroy(&known);
	mqtt_trie_destroy(&other);
}

/* The numbers on top of trie.c */
static void test_size(void **state)
{
	static const struct {
		const char *filter;
		size_t size;
	} sizes[] = {
		{ "a", 64 }, { "+", 64 }, { "#", 64 }, { "/", 64 }, { "12345678", 64 },
		{ "123456789", 72 }, { "550e8400-e29b-41d4-a716-446655440000", 96 },
	};
	struct mqtt_trie trie;
	size_t i;

	(void)state;
	if (sizeof(void *) != 8)
		skip();
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(mqtt_trie_init(&trie), 0);
		alloc_watch(0, 0);
		del(&trie, add(&trie, sizes[i].filter));
		alloc_forget();
		assert_int_equal(alloc.largest, sizes[i].size);
		mqtt_trie_destroy(&trie);
	}
}

/* --- no memory ------------------------------------------------------------ */

static void test_no_memory_init(void **state)
{
	struct mqtt_trie trie;
	unsigned int n;

	(void)state;
	for (n = 1; ; n++) {
		alloc_watch(n, 0);
		if (!mqtt_trie_init(&trie))
			break;
	}
	alloc_forget();
	assert_int_equal(n, 3);
	mqtt_trie_destroy(&trie);
}

/* Each allocation of each add fails once, and leaves no trace */
static void test_no_memory_add(void **state)
{
	static const char *const filters[] = {
		"a/b/c/d/e", "a/b/x", "a/b/x", "a/b/y/1", "a/b/z/2/3", "a/+/#", "a/#", "+/+/+/+",
		"#", "a/b/+/d/#", "////", "a/b/c/d/e/f",
	};
	struct owner *owners[ARRAY_SIZE(filters)];
	unsigned int n, nodes, subs, far, seen;
	struct text topic = text("a/b/c/d/e");
	struct mqtt_trie trie;
	size_t i;
	int err;

	(void)state;
	assert_int_equal(mqtt_trie_init(&trie), 0);
	for (i = 0; i < ARRAY_SIZE(filters); i++) {
		owners[i] = owner_new(text(filters[i]));
		nodes = trie.nodes;
		subs = trie.subs;
		far = trie.far;
		seen = match(&trie, topic);
		for (n = 1; ; n++) {
			alloc_watch(n, 0);
			err = owner_add(&trie, owners[i]);
			alloc_forget();
			if (!err)
				break;
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(trie.nodes, nodes);
			assert_int_equal(trie.subs, subs);
			assert_int_equal(trie.far, far);
			assert_int_equal(match(&trie, topic), seen);
		}
		/* one failure for each node that was missing */
		assert_int_equal(n, trie.nodes - nodes + 1);
		assert_int_equal(match(&trie, topic),
				 seen + naive(owners[i]->filter, topic));
	}
	for (i = 0; i < ARRAY_SIZE(filters); i++)
		del(&trie, owners[i]);
	assert_empty(&trie);
	mqtt_trie_destroy(&trie);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_resize_turn),
		cmocka_unit_test(test_resize_denied),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_no_memory_init),
		cmocka_unit_test(test_no_memory_add),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
