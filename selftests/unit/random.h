/* SPDX-License-Identifier: MIT */
/*
 * Random numbers, xorshift64*: the same in each run. SEED=n in the environment repeats
 * or varies the tests.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <linux/types.h>

static u64 seed;

static inline unsigned int roll(unsigned int sides)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (seed * 0x2545f4914f6cdd1dull >> 33) % sides;
}

static inline void seed_set(void)
{
	const char *value = getenv("SEED");

	seed = value ? strtoull(value, NULL, 0) : 0x6d717474;
	if (!seed)
		seed = 1;
	print_message("# SEED=%llu\n", seed);
}

#endif /* RANDOM_H */
