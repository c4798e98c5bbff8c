/* SPDX-License-Identifier: MIT */
/*
 * A small harness that prints KTAP. Each case runs in a process of its own,
 * which leaves by the first failed check; what it held (sockets, and with
 * its netlink socket the router) goes with it. All cases of a program share
 * one network namespace, which is the program's own.
 */
#ifndef SELFTESTS_KSFT_H
#define SELFTESTS_KSFT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdnoreturn.h>
#include <string.h>

#define KSFT_FAIL 1
#define KSFT_SKIP 4

struct ksft_case {
	const char *name;
	void (*run)(void);
};

/* Runs the cases, or those named in argv; returns main's exit status. */
int ksft_main(int argc, char **argv, const struct ksft_case *cases, size_t n);

bool ksft_slow(void);			/* a debug kernel, or MQTT_SLOW=1 */
int ksft_scale(int fast, int slow);	/* one of the two, by ksft_slow() */

long long ksft_now_ms(void);
long long ksft_deadline(void);		/* when a wait that starts now has failed */
void ksft_pause(void);			/* between two looks at a condition */

/* Between threads: what was done before one sets it, the other sees behind it. */
bool ksft_flag(const bool *flag);
void ksft_flag_set(bool *flag);
/* The calling thread; a machine without that CPU runs the test all the same. */
void ksft_run_on(int cpu);

/* One random stream per case; the seed is printed, MQTT_SEED sets it. */
unsigned int ksft_random(unsigned int below);

noreturn void ksft_exit(int status);	/* of a case; prints what is left to print */

#define ksft_note(...)							\
	do {								\
		flockfile(stdout);					\
		printf("# ");						\
		printf(__VA_ARGS__);					\
		printf("\n");						\
		funlockfile(stdout);					\
	} while (0)

#define ksft_skip(...)							\
	do {								\
		ksft_note(__VA_ARGS__);					\
		ksft_exit(KSFT_SKIP);					\
	} while (0)

#define FAIL(...)							\
	do {								\
		printf("# %s:%d:\n", __FILE__, __LINE__);		\
		ksft_note(__VA_ARGS__);					\
		ksft_exit(KSFT_FAIL);					\
	} while (0)

#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			FAIL("not true: %s", #cond);			\
	} while (0)

#define CHECK_EQ(got, want)						\
	do {								\
		long long __got = (got), __want = (want);		\
									\
		if (__got != __want)					\
			FAIL("%s is %lld, want %lld", #got, __got, __want); \
	} while (0)

/* For calls that return -1 and set errno; evaluates to the result. */
#define CHECK_SYS(call)							\
	({								\
		long long __ret = (call);				\
									\
		if (__ret < 0)						\
			FAIL("%s: %s", #call, strerror(errno));		\
		__ret;							\
	})

/* For calls that have to be refused. */
#define CHECK_REFUSED(call)						\
	do {								\
		long long __ret = (long long)(call);			\
									\
		if (__ret != -1)					\
			FAIL("%s: %lld, not refused", #call, __ret);	\
	} while (0)

#define WAIT_UNTIL(cond)						\
	do {								\
		long long __end = ksft_deadline();			\
									\
		while (!(cond)) {					\
			if (ksft_now_ms() > __end)			\
				FAIL("never true: %s", #cond);		\
			ksft_pause();					\
		}							\
	} while (0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif /* SELFTESTS_KSFT_H */
