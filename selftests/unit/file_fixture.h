/* SPDX-License-Identifier: MIT */
/*
 * A file for what is read from one, for a group of tests. Each test program includes
 * it once.
 */
#ifndef FILE_FIXTURE_H
#define FILE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/rcupdate.h>

static char path[32];

static inline void write_file(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static inline int set_up(void **state)
{
	int fd;

	(void)state;
	rcu_register_thread();
	strcpy(path, "/tmp/mqttd-test-XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static inline int tear_down(void **state)
{
	(void)state;
	rcu_barrier();
	rcu_unregister_thread();
	return unlink(path);
}

#endif /* FILE_FIXTURE_H */
