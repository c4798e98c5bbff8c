// SPDX-License-Identifier: MIT
/*
 * Log lines: formatting, destinations, and the limit per call site that
 * keeps clients from filling a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define LINE_MAX_BYTES 1024

static struct log_config conf = {
	.types = LOG_TYPE_DEFAULT,
	.dests = LOG_DEST_STDERR,
	.timestamp = true,
};

static int file_fd = -1;

static int file_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	return fd < 0 ? -errno : fd;
}

int log_configure(const struct log_config *config)
{
	int fd = -1;

	if (config->dests & LOG_DEST_FILE) {
		fd = file_open(config->file);
		if (fd < 0)
			return fd;
	}
	if (file_fd >= 0)
		close(file_fd);
	file_fd = fd;
	conf = *config;
	if (conf.dests & LOG_DEST_SYSLOG)
		openlog("mqttd", LOG_PID, LOG_DAEMON);
	return 0;
}

/* Other threads may be writing: the descriptor's number stays the same. */
int log_reopen(void)
{
	int fd, err = 0;

	if (file_fd < 0)
		return 0;
	fd = file_open(conf.file);
	if (fd < 0)
		return fd;
	if (dup3(fd, file_fd, O_CLOEXEC) < 0)
		err = -errno;
	close(fd);
	return err;
}

void log_set_types(unsigned int types)
{
	__atomic_store_n(&conf.types, types, __ATOMIC_RELAXED);
}

bool log_enabled(enum log_type type)
{
	return conf.dests && (__atomic_load_n(&conf.types, __ATOMIC_RELAXED) & type);
}

static int syslog_priority(enum log_type type)
{
	switch (type) {
	case LOG_TYPE_ERROR:
		return LOG_ERR;
	case LOG_TYPE_WARNING:
		return LOG_WARNING;
	case LOG_TYPE_NOTICE:
		return LOG_NOTICE;
	case LOG_TYPE_DEBUG:
		return LOG_DEBUG;
	default:
		return LOG_INFO;
	}
}

/* A log that cannot be written has nobody to tell: the result is ignored. */
static void line_write(int fd, const char *line, size_t len)
{
	if (write(fd, line, len) < 0)
		return;
}

void log_printf(enum log_type type, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	size_t stamp = 0, len, i;
	va_list ap;
	int n;

	if (!log_enabled(type))
		return;
	if (conf.timestamp)
		stamp = snprintf(line, sizeof(line), "%lld: ", (long long)time(NULL));
	va_start(ap, fmt);
	n = vsnprintf(line + stamp, sizeof(line) - stamp, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	len = stamp + n;
	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	for (i = stamp; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	if (conf.dests & LOG_DEST_SYSLOG)
		syslog(syslog_priority(type), "%.*s", (int)(len - stamp), line + stamp);
	line[len++] = '\n';
	if (conf.dests & LOG_DEST_STDERR)
		line_write(STDERR_FILENO, line, len);
	if (conf.dests & LOG_DEST_STDOUT)
		line_write(STDOUT_FILENO, line, len);
	if (conf.dests & LOG_DEST_FILE)
		line_write(file_fd, line, len);
}

/* Races between threads can let a few lines more through; that is harmless. */
bool log_allowed(struct log_limit *limit, enum log_type type)
{
	struct timespec now;
	uint32_t suppressed;

	if (!log_enabled(type))
		return false;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (__atomic_exchange_n(&limit->second, now.tv_sec, __ATOMIC_RELAXED) !=
	    (uint64_t)now.tv_sec) {
		__atomic_store_n(&limit->count, 0, __ATOMIC_RELAXED);
		suppressed = __atomic_exchange_n(&limit->suppressed, 0, __ATOMIC_RELAXED);
		if (suppressed)
			log_printf(type, "%u similar messages suppressed.", suppressed);
	}
	if (__atomic_fetch_add(&limit->count, 1, __ATOMIC_RELAXED) < LOG_LIMIT_PER_SECOND)
		return true;
	__atomic_fetch_add(&limit->suppressed, 1, __ATOMIC_RELAXED);
	return false;
}
