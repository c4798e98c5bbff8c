// SPDX-License-Identifier: MIT
/* Attempts that have failed: who waits, how long, and who does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "attempts.h"
#include "prefix.h"

#define MAX 8000

static struct attempts *attempts;
static struct prefix here, there;

static int begin(void **state)
{
	(void)state;
	attempts = attempts_new();
	assert_int_equal(prefix_parse(&here, "192.0.2.1", 64), 0);
	assert_int_equal(prefix_parse(&there, "192.0.2.2", 64), 0);
	return !attempts;
}

static int end(void **state)
{
	(void)state;
	attempts_free(attempts);
	return 0;
}

static uint64_t wait_of(const char *user, const struct prefix *network, uint64_t now)
{
	return attempts_begin(attempts, user, network, MAX, now);
}

static void fail_once(const char *user, const struct prefix *network, uint64_t now)
{
	attempts_failed(attempts, user, network, MAX, now);
}

/* One after the other, each as soon as it may be */
static void test_grows(void **state)
{
	static const uint64_t apart[] = { 250, 500, 1000, 2000, 4000, 8000, 8000, 8000 };
	uint64_t now = 1000000;
	size_t i;

	(void)state;
	assert_int_equal(wait_of("u", &here, now), 0);
	for (i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
		fail_once("u", &here, now);
		assert_int_equal(wait_of("u", &here, now), apart[i]);
		now += apart[i];
	}
}

/* Others are not concerned. */
static void test_apart(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 100; i++)
		fail_once("u", &here, 1000);
	assert_int_equal(wait_of("u", &there, 1000), 0);
	assert_int_equal(wait_of("v", &here, 1000), 0);
	assert_int_equal(wait_of("", &here, 1000), 0);
	assert_int_equal(wait_of(NULL, &here, 1000), 0);
	fail_once("", &here, 1000);
	assert_int_equal(wait_of(NULL, &here, 1000), 0);
	assert_int_not_equal(wait_of("u", &here, 1000), 0);
}

/* Many at once take their places; what is too far away is none. */
static void test_at_once(void **state)
{
	uint64_t wait, last = 0;
	int i, served = 0;

	(void)state;
	for (i = 0; i < 4; i++)
		fail_once("u", &here, 1000);
	for (i = 0; i < 1000; i++) {
		wait = wait_of("u", &here, 1000);
		if (wait == ATTEMPTS_REFUSED)
			continue;
		assert_true(wait >= last + 2000 && wait <= MAX);
		last = wait;
		served++;
	}
	assert_int_equal(served, 4);
	/* They are not farther away for those that were refused. */
	assert_int_equal(wait_of("u", &here, 1000 + 8000), 2000);
}

static void test_forgotten(void **state)
{
	(void)state;
	fail_once("u", &here, 1000);
	attempts_succeeded(attempts, "u", &here, 1000);
	assert_int_equal(wait_of("u", &here, 1000), 0);
	fail_once("u", &here, 1000);
	fail_once("u", &here, 1000);
	assert_int_equal(wait_of("u", &here, 1000), 500);
	assert_int_equal(wait_of("u", &here, 1000 + ATTEMPTS_FORGET + 10000), 0);
	fail_once("u", &here, 1000 + ATTEMPTS_FORGET + 10000);
	assert_int_equal(wait_of("u", &here, 1000 + ATTEMPTS_FORGET + 10000), 250);
}

/* Whoever tries many names does not make one forgotten that has failed often. */
static void test_flood(void **state)
{
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < 8; i++)
		fail_once("u", &here, 1000);
	for (i = 0; i < 200000; i++) {
		snprintf(name, sizeof(name), "name%d", i);
		fail_once(name, &here, 2000);
	}
	assert_int_not_equal(wait_of("u", &here, 2000), 0);
}

static unsigned int count(const struct prefix *network, uint64_t now)
{
	return attempts_count(attempts, network, 3, 60000, now);
}

static void test_addresses(void **state)
{
	(void)state;
	assert_int_equal(count(&here, 1000), 1);
	assert_int_equal(count(&there, 1000), 1);
	assert_int_equal(count(&here, 61000), 2);
	/* The first is too long ago */
	assert_int_equal(count(&here, 61001), 1);
	assert_int_equal(count(&here, 61002), 2);
	assert_int_equal(count(&here, 61003), 3);
	assert_int_equal(count(&here, 61004), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_grows),
		TEST(test_apart),
		TEST(test_at_once),
		TEST(test_forgotten),
		TEST(test_flood),
		TEST(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
