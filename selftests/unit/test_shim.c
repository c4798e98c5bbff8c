// SPDX-License-Identifier: MIT
/* The stand-ins for kernel headers, where they are more than a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <mqtt/word.h>

/* Keys and inputs 00 01 02 ..., as in the authors' vectors */
static void test_siphash(void **state)
{
	static const struct {
		size_t len;
		u64 hash;
	} vectors[] = {
		{ 0, 0x726fdb47dd0e0e31 },
		{ 1, 0x74f839c593dc67fd },
		{ 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 },
	};
	const siphash_key_t key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
	const hsiphash_key_t hkey = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
	u8 *in;
	size_t i, n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		in = malloc(vectors[i].len ? vectors[i].len : 1);
		for (n = 0; n < vectors[i].len; n++)
			in[n] = n;
		assert_true(siphash(in, vectors[i].len, &key) == vectors[i].hash);
		free(in);
	}
	assert_int_equal(hsiphash("", 0, &hkey), 0x050fc4dc);
}

static void test_words(void **state)
{
	static const u8 bytes[] = { 0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8 };
	u64 expected = 0;
	u8 *copy;
	size_t n, i;

	(void)state;
	for (n = 0; n < 8; n++) {
		copy = calloc(1, n ? n : 1);
		memcpy(copy, bytes, n);
		assert_true(mqtt_word_load_part(copy, n) == expected);
		expected |= (u64)bytes[n] << (8 * n);
		free(copy);
	}
	assert_true(mqtt_word_load(bytes) == expected);

	assert_true(mqtt_word_zeros(MQTT_WORD_REPEAT(0x01)) == 0);
	assert_true(mqtt_word_zeros(MQTT_WORD_REPEAT(0x80)) == 0);
	assert_true(mqtt_word_zeros(MQTT_WORD_REPEAT(0xff)) == 0);
	for (n = 0; n < 8; n++) {
		for (i = n; i < 8; i++) {
			u64 w = ~(0xffull << (8 * n)) & ~(0xffull << (8 * i));
			u64 zeros = mqtt_word_zeros(w);

			assert_true((zeros & -zeros) == 0x80ull << (8 * n));
		}
	}
}

struct item {
	struct hlist_node link;
	unsigned int number;
};

static void expect_list(struct hlist_head *head, unsigned int digits)
{
	unsigned int forwards = 0, readers = 0;
	struct item *item;

	hlist_for_each_entry(item, head, link)
		forwards = forwards * 10 + item->number;
	rcu_read_lock();
	hlist_for_each_entry_rcu(item, head, link)
		readers = readers * 10 + item->number;
	rcu_read_unlock();
	assert_int_equal(forwards, digits);
	assert_int_equal(readers, digits);
	assert_int_equal(hlist_empty(head), !digits);
}

static void test_hlist(void **state)
{
	struct item items[5], *item;
	struct hlist_node *next;
	HLIST_HEAD(head);
	unsigned int i;

	(void)state;
	expect_list(&head, 0);
	for (i = 0; i < 5; i++) {
		items[i].number = i + 1;
		INIT_HLIST_NODE(&items[i].link);
		assert_true(hlist_unhashed(&items[i].link));
		if (i % 2)
			hlist_add_head(&items[i].link, &head);
		else
			hlist_add_head_rcu(&items[i].link, &head);
		assert_false(hlist_unhashed(&items[i].link));
	}
	expect_list(&head, 54321);
	hlist_del_rcu(&items[2].link);
	expect_list(&head, 5421);
	/* a reader that is on it goes on */
	assert_ptr_equal(items[2].link.next, &items[1].link);
	hlist_del(&items[4].link);
	expect_list(&head, 421);
	hlist_del_init_rcu(&items[0].link);
	hlist_del_init_rcu(&items[0].link);
	expect_list(&head, 42);
	hlist_for_each_entry_safe(item, next, &head, link) {
		hlist_del_init(&item->link);
		memset(item, 0xa5, sizeof(*item));
	}
	expect_list(&head, 0);
}

/* What ASan and the leak checker say of it is the test */
static void test_kfree_rcu(void **state)
{
	struct first {
		struct rcu_head rcu;
	} *first = kmalloc(sizeof(*first), GFP_KERNEL);
	struct middle {
		long before[7];
		struct rcu_head rcu;
	} *middle = kzalloc(sizeof(*middle), GFP_KERNEL);
	struct last {
		long before[15];
		struct rcu_head rcu;
	} *last = kvzalloc(sizeof(*last), GFP_KERNEL), *none = NULL;

	(void)state;
	assert_int_equal(middle->before[6], 0);
	kfree_rcu(first, rcu);
	kfree_rcu(middle, rcu);
	kvfree_rcu(last, rcu);
	kfree_rcu(none, rcu);
	rcu_barrier();
}

static void test_random(void **state)
{
	u64 a[2] = { 0 }, b[2] = { 0 };

	(void)state;
	get_random_bytes(a, sizeof(a));
	get_random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void test_minmax(void **state)
{
	int i = 1;

	(void)state;
	assert_int_equal(min(i++, 2), 1);
	assert_int_equal(max(i++, 1), 2);
	assert_int_equal(i, 3);
	assert_true(min_t(size_t, -1, 5) == 5);
	assert_true(struct_size((struct { int n; u64 a[]; } *)NULL, a, 3) == 32);
}

static int setup(void **state)
{
	(void)state;
	rcu_register_thread();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rcu_unregister_thread();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_hlist),
		cmocka_unit_test(test_kfree_rcu),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_minmax),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
