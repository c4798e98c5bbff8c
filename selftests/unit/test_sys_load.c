// SPDX-License-Identifier: MIT
/* The averages below $SYS/broker/load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sys_topics.h"

static void assert_averages(const struct sys_load *load, const char *want)
{
	char got[64];

	snprintf(got, sizeof(got), "%.2f %.2f %.2f", load->averages[0], load->averages[1],
		 load->averages[2]);
	assert_string_equal(got, want);
}

/* 100 in ten seconds is 600 per minute, of which each average takes its part */
static void test_once(void **state)
{
	struct sys_load load = {};

	(void)state;
	sys_load_update(&load, 100, 10);
	assert_averages(&load, "92.11 19.67 6.63");
	/* then nothing */
	sys_load_update(&load, 100, 10);
	assert_averages(&load, "77.97 19.03 6.56");
	/* a minute later a factor of e less */
	sys_load_update(&load, 100, 60);
	assert_averages(&load, "28.68 15.58 6.13");
	/* what shrinks does not count */
	sys_load_update(&load, 10, 60);
	assert_averages(&load, "10.55 12.75 5.74");
}

/* However often one looks, what is steady is seen as it is in the end */
static void test_steady(void **state)
{
	static const double intervals[] = { 0.1, 1, 10, 61, 3600 };
	struct sys_load load;
	double seconds;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(intervals) / sizeof(*intervals); i++) {
		load = (struct sys_load){ .total = 1ull << 40 };
		for (seconds = 0; seconds < 6 * 3600; seconds += intervals[i])
			sys_load_update(&load, load.total + 10 * intervals[i], intervals[i]);
		assert_in_range(load.averages[0] * 100, 59900, 60010);
		assert_in_range(load.averages[2] * 100, 59900, 60010);
		/* and so is the end of it */
		for (seconds = 0; seconds < 6 * 3600; seconds += intervals[i])
			sys_load_update(&load, load.total, intervals[i]);
		assert_averages(&load, "0.00 0.00 0.00");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_steady),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
