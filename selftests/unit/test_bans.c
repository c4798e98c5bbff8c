// SPDX-License-Identifier: MIT
/* Bans: what is covered, what counts, what ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "bans.h"
#include "store.h"
#include "stored.h"

static struct bans *bans;

static int open_bans(void **state)
{
	(void)state;
	return bans_open(&bans, "192.0.2.128/25 2001:db8:1::1", NULL);
}

static int close_bans(void **state)
{
	(void)state;
	bans_close(bans);
	return 0;
}

static int ban(const char *network, uint64_t until, bool automatic)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(&prefix, network, BANS_LEN6), 0);
	return bans_add(bans, &prefix, until, automatic ? "machine" : BAN_BY_OPERATOR, automatic);
}

static int unban(const char *network)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(&prefix, network, BANS_LEN6), 0);
	return bans_del(bans, &prefix);
}

static bool is_banned(const char *address)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
		return bans_refuse(bans, (struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
	return bans_refuse(bans, (struct sockaddr *)&in6);
}

static void test_covered(void **state)
{
	struct sockaddr local = { .sa_family = AF_UNIX };

	(void)state;
	assert_false(is_banned("192.0.2.1"));
	assert_int_equal(ban("192.0.2.1", 0, false), 0);
	assert_int_equal(ban("198.51.100.0/24", 0, false), 0);
	assert_int_equal(ban("2001:db8:2::1", 0, false), 0);
	assert_true(is_banned("192.0.2.1"));
	assert_true(is_banned("::ffff:192.0.2.1"));
	assert_false(is_banned("192.0.2.2"));
	assert_true(is_banned("198.51.100.255"));
	assert_true(is_banned("2001:db8:2::ffff"));
	assert_false(is_banned("2001:db8:2:1::1"));
	assert_false(bans_refuse(bans, &local));
	assert_false(bans_refuse(NULL, &local));
	assert_int_equal(unban("192.0.2.1"), 0);
	assert_int_equal(unban("192.0.2.1"), -ENOENT);
	assert_false(is_banned("192.0.2.1"));
	/* All of IPv4, which is not all */
	assert_int_equal(ban("0.0.0.0/0", 0, false), 0);
	assert_true(is_banned("203.0.113.1"));
	assert_false(is_banned("2001:db8:9::1"));
	assert_false(is_banned("192.0.2.200"));
	assert_false(is_banned("2001:db8:1::1"));
	assert_int_equal(ban("192.0.2.200", 0, false), -EPERM);
	assert_int_equal(ban("192.0.2.128/26", 0, true), -EPERM);
}

static void test_ends(void **state)
{
	uint64_t now = stored_now();

	(void)state;
	assert_int_equal(ban("192.0.2.1", now - 1, false), 0);
	assert_int_equal(ban("192.0.2.0/25", now + 3600000, true), 0);
	assert_true(is_banned("192.0.2.1"));
	assert_int_equal(ban("198.51.100.1", now - 1, true), 0);
	assert_false(is_banned("198.51.100.1"));
	bans_expire(bans);
	assert_int_equal(unban("198.51.100.1"), -ENOENT);
	assert_int_equal(unban("192.0.2.1"), -ENOENT);
	assert_int_equal(unban("192.0.2.0/25"), 0);
}

static void test_replaced(void **state)
{
	unsigned int generation = bans_generation(bans);

	(void)state;
	assert_int_equal(ban("192.0.2.1", 0, false), 0);
	assert_int_equal(bans_generation(bans), generation + 1);
	/* What the operator has said stays */
	assert_int_equal(ban("192.0.2.1", 1, true), 0);
	assert_true(is_banned("192.0.2.1"));
	/* And he may say something else */
	assert_int_equal(ban("192.0.2.1", 1, false), 0);
	assert_false(is_banned("192.0.2.1"));
	assert_int_equal(ban("192.0.2.1", 0, true), 0);
	assert_true(is_banned("192.0.2.1"));
}

static void test_many(void **state)
{
	char network[64];
	int i;

	(void)state;
	for (i = 0; i < BANS_AUTOMATIC_MAX; i++) {
		snprintf(network, sizeof(network), "10.%d.%d.0/24", i >> 8, i & 255);
		assert_int_equal(ban(network, 0, true), 0);
	}
	assert_int_equal(ban("198.51.100.1", 0, true), -ENOSPC);
	assert_int_equal(ban("198.51.100.1", 0, false), 0);
	assert_true(is_banned("198.51.100.1"));
	assert_true(is_banned("10.63.255.9"));
	assert_false(is_banned("10.64.0.1"));
}

/* Those that are over give their places back, some at a time. */
static void test_many_end(void **state)
{
	uint64_t now = stored_now();
	char network[64];
	int i;

	(void)state;
	assert_int_equal(ban("192.0.2.1", 0, true), 0);
	for (i = 0; i < 1000; i++) {
		snprintf(network, sizeof(network), "10.%d.%d.0/24", i >> 8, i & 255);
		assert_int_equal(ban(network, now - 1, true), 0);
	}
	for (i = 0; bans_expire(bans); i++)
		assert_true(i < 1000);
	assert_true(i > 1);
	assert_int_equal(unban("10.0.0.0/24"), -ENOENT);
	assert_int_equal(unban("10.3.231.0/24"), -ENOENT);
	assert_true(is_banned("192.0.2.1"));
}

static void test_loaded(void **state)
{
	struct store_ban row = { .network = "192.0.2.0/24", .why = BAN_BY_OPERATOR };

	(void)state;
	assert_int_equal(bans_load(bans, &row), 0);
	assert_true(is_banned("192.0.2.77"));
	row.network = "nonsense";
	assert_int_equal(bans_load(bans, &row), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bans, close_bans)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_covered),
		TEST(test_ends),
		TEST(test_replaced),
		TEST(test_many),
		TEST(test_many_end),
		TEST(test_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
