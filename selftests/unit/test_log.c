// SPDX-License-Identifier: MIT
/* Log lines: where they go, what is in front of them, and how many there are. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "log.h"

#define TEMPLATE "/tmp/log-XXXXXX"

static char path[sizeof(TEMPLATE)] = TEMPLATE;
static char text[65536];

/* What was written since the last call. */
static const char *written(void)
{
	FILE *file = fopen(path, "r+");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	fclose(file);
	return text;
}

static void configure(struct log_config conf)
{
	conf.dests |= LOG_DEST_FILE;
	conf.file = path;
	assert_int_equal(log_configure(&conf), 0);
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void test_form(void **state)
{
	struct log_config conf = { .types = LOG_TYPE_ERROR, .timestamp = true };
	char wanted[64], long_text[4096];

	(void)state;
	configure((struct log_config){ .types = LOG_TYPE_ALL });
	log_printf(LOG_TYPE_NOTICE, "client '%s'", "a\nb\x1b[2J\x7f");
	assert_string_equal(written(), "client 'a?b?[2J?'\n");
	memset(long_text, 'x', sizeof(long_text));
	log_printf(LOG_TYPE_NOTICE, "%.*s", (int)sizeof(long_text), long_text);
	assert_int_equal(strlen(written()), 1023);
	assert_int_equal(text[1022], '\n');

	configure(conf);
	log_printf(LOG_TYPE_NOTICE, "not wanted");
	log_printf(LOG_TYPE_ERROR, "wanted");
	assert_true(strtoll(written(), NULL, 10) > 1700000000);
	assert_string_equal(strchr(text, ':'), ": wanted\n");

	conf.timestamp_format = "[%%]";
	configure(conf);
	log_printf(LOG_TYPE_ERROR, "wanted");
	assert_string_equal(written(), "[%]: wanted\n");
	/* Longer than there is room for: no stamp */
	memset(wanted, 'A', sizeof(wanted));
	strcpy(wanted + 40, "%A%A%A%A%A%A%A");
	conf.timestamp_format = wanted;
	configure(conf);
	log_printf(LOG_TYPE_ERROR, "wanted");
	assert_non_null(strstr(written(), ": wanted\n"));
}

static void test_reconfigure(void **state)
{
	struct log_config conf = { .types = LOG_TYPE_ALL, .dests = LOG_DEST_FILE,
				   .file = "/nonexistent/file" };

	(void)state;
	configure((struct log_config){ .types = LOG_TYPE_ERROR });
	assert_int_equal(log_configure(&conf), -ENOENT);
	log_printf(LOG_TYPE_ERROR, "as before");
	log_printf(LOG_TYPE_DEBUG, "as before");
	assert_string_equal(written(), "as before\n");
	conf.dests = 0;
	assert_int_equal(log_configure(&conf), 0);
	assert_false(log_enabled(LOG_TYPE_ERROR));
}

static void say(int n, enum log_type type)
{
	while (n--)
		log_limited(type, "line of %s", "mine");
}

static unsigned int lines(void)
{
	const char *c = written();
	unsigned int n = 0;

	for (; *c; c++)
		n += *c == '\n';
	return n;
}

/* By the clock that the limits go by, which is a bit behind. */
static void next_second(void)
{
	static const struct timespec while_away = { .tv_nsec = 1000000 };
	struct timespec then, now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &then);
	do {
		nanosleep(&while_away, NULL);
		clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	} while (now.tv_sec == then.tv_sec);
}

static void test_limit(void **state)
{
	(void)state;
	configure((struct log_config){ .types = LOG_TYPE_ALL });
	next_second();
	say(100, LOG_TYPE_NOTICE);
	assert_int_equal(lines(), LOG_LIMIT_PER_SECOND);
	log_tell_suppressed();
	assert_string_equal(written(), "");
	next_second();
	log_tell_suppressed();
	assert_string_equal(written(), "90 similar messages suppressed: \"line of ...\".\n");
	log_tell_suppressed();
	assert_string_equal(written(), "");
	/* Or with the next one */
	say(11, LOG_TYPE_NOTICE);
	assert_int_equal(lines(), LOG_LIMIT_PER_SECOND);
	next_second();
	say(1, LOG_TYPE_NOTICE);
	assert_string_equal(written(), "1 similar messages suppressed: \"line of ...\".\n"
			    "line of mine\n");
	/* Lines for packets are many, but not without end */
	next_second();
	say(LOG_PACKETS_PER_SECOND + 5, LOG_TYPE_DEBUG);
	assert_true(lines() <= LOG_PACKETS_PER_SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_reconfigure),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
