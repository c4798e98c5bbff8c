// SPDX-License-Identifier: MIT
/*
 * Log lines: formatting, destinations, and the limit per call site that
 * keeps clients from filling a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <systemd/sd-journal.h>

#include "log.h"

#define LINE_MAX_BYTES	1024
#define STAMP_MAX_BYTES	128

/**
 * struct sinks - where lines go
 * @lock: protects the rest: writers of lines read it
 * @dests: enum log_dest bits
 * @timestamp: see struct log_config
 * @format: likewise, ours
 * @file: path of the log file, ours, or NULL
 * @file_fd: the log file, or -1
 * @facility: of syslog(3)
 * @stderr_journal: stderr is the journal's
 * @stdout_journal: stdout is
 * @take: whom lines for LOG_DEST_TOPIC are given to, or NULL
 * @take_arg: for it
 */
static struct sinks {
	pthread_rwlock_t lock;
	unsigned int dests;
	bool timestamp;
	char *format;
	char *file;
	int file_fd;
	int facility;
	bool stderr_journal;
	bool stdout_journal;
	void (*take)(void *arg, enum log_type type, const char *line, size_t len);
	void *take_arg;
} sinks = {
	.lock = PTHREAD_RWLOCK_INITIALIZER,
	.dests = LOG_DEST_STDERR,
	.timestamp = true,
	.file_fd = -1,
	.facility = LOG_DAEMON,
};

/* What is written at all, 0 without a destination; any thread. */
static unsigned int enabled = LOG_TYPE_DEFAULT;

/* Errors go to stderr as well; any thread. */
static bool echo;

/* Limits that were exceeded; only grows. */
static struct log_limit *exceeded;

/* Configuration */

/* The service manager says which device and inode the journal's stream has. */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && !fstat(fd, &st) &&
	       st.st_dev == dev && st.st_ino == ino;
}

static int file_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	return fd < 0 ? -errno : fd;
}

/* Takes @fd, @file and @format over. */
static void apply(const struct log_config *config, int fd, char *file, char *format)
{
	pthread_rwlock_wrlock(&sinks.lock);
	if (sinks.file_fd >= 0)
		close(sinks.file_fd);
	free(sinks.format);
	free(sinks.file);
	sinks.dests = config->dests;
	sinks.timestamp = config->timestamp;
	sinks.format = format;
	sinks.file = file;
	sinks.file_fd = fd;
	sinks.facility = config->facility ? config->facility : LOG_DAEMON;
	sinks.stderr_journal = is_journal(STDERR_FILENO);
	sinks.stdout_journal = is_journal(STDOUT_FILENO);
	if (config->dests & LOG_DEST_SYSLOG)
		openlog("mqttd", LOG_PID, sinks.facility);
	__atomic_store_n(&enabled, config->dests ? config->types : 0, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&sinks.lock);
}

/* A copy of what may be NULL. Returns false without memory. */
static bool copy_string(char **copy, const char *string)
{
	*copy = string ? strdup(string) : NULL;
	return *copy || !string;
}

int log_configure(const struct log_config *config)
{
	bool to_file = config->dests & LOG_DEST_FILE;
	char *format = NULL, *file = NULL;
	int fd = -1;

	if (!copy_string(&format, config->timestamp_format) ||
	    !copy_string(&file, to_file ? config->file : NULL))
		fd = -ENOMEM;
	else if (to_file)
		fd = file_open(file);
	if (fd < 0 && (fd == -ENOMEM || to_file)) {
		free(format);
		free(file);
		return fd;
	}
	apply(config, fd, file, format);
	return 0;
}

int log_reopen(void)
{
	int fd = 0;

	pthread_rwlock_wrlock(&sinks.lock);
	if (sinks.file) {
		fd = file_open(sinks.file);
		if (fd >= 0) {
			close(sinks.file_fd);
			sinks.file_fd = fd;
		}
	}
	pthread_rwlock_unlock(&sinks.lock);
	return fd < 0 ? fd : 0;
}

int log_give(uid_t uid, gid_t gid)
{
	int err = 0;

	pthread_rwlock_rdlock(&sinks.lock);
	if (sinks.file_fd >= 0 && fchown(sinks.file_fd, uid, gid))
		err = -errno;
	pthread_rwlock_unlock(&sinks.lock);
	return err;
}

void log_set_taker(void (*take)(void *arg, enum log_type type, const char *line, size_t len),
		   void *arg)
{
	pthread_rwlock_wrlock(&sinks.lock);
	sinks.take = take;
	sinks.take_arg = arg;
	pthread_rwlock_unlock(&sinks.lock);
}

void log_echo_errors(bool on)
{
	__atomic_store_n(&echo, on, __ATOMIC_RELAXED);
}

bool log_enabled(enum log_type type)
{
	return __atomic_load_n(&enabled, __ATOMIC_RELAXED) & type;
}

/* Lines */

static int priority(enum log_type type)
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

/**
 * struct line - a line with room for what is in front of it
 * @bytes: stamp, text, newline
 * @text: first byte of the text
 * @end: of the text; the newline is there
 */
struct line {
	char bytes[STAMP_MAX_BYTES + LINE_MAX_BYTES];
	char *text;
	char *end;
};

/* Puts the text where it stays, with room for a stamp in front of it. */
static bool line_format(struct line *line, const char *fmt, va_list ap)
{
	int len;
	char *c;

	line->text = line->bytes + STAMP_MAX_BYTES;
	len = vsnprintf(line->text, LINE_MAX_BYTES - 1, fmt, ap);
	if (len < 0)
		return false;
	line->end = line->text + (len < LINE_MAX_BYTES - 1 ? len : LINE_MAX_BYTES - 2);
	for (c = line->text; c < line->end; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	*line->end = '\n';
	return true;
}

/* A log that cannot be written has nobody to tell: the result is ignored. */
static void line_write(int fd, struct line *line, const char *stamp, size_t len)
{
	char *start = line->text - len;

	memcpy(start, stamp, len);
	if (write(fd, start, line->end + 1 - start) < 0)
		return;
}

static size_t stamp_write(char *stamp)
{
	time_t now = time(NULL);
	struct tm tm;
	size_t len;

	if (!sinks.timestamp)
		return 0;
	if (!sinks.format)
		return snprintf(stamp, STAMP_MAX_BYTES, "%lld: ", (long long)now);
	localtime_r(&now, &tm);
	len = strftime(stamp, STAMP_MAX_BYTES - 3, sinks.format, &tm);
	memcpy(stamp + len, ": ", 3);
	return len + 2;
}

static void write_everywhere(enum log_type type, struct line *line)
{
	int len = line->end - line->text;
	char stamp[STAMP_MAX_BYTES], level[8];
	size_t stamp_len = stamp_write(stamp);
	size_t level_len = snprintf(level, sizeof(level), "<%d>", priority(type));

	if (sinks.dests & LOG_DEST_SYSLOG)
		syslog(sinks.facility | priority(type), "%.*s", len, line->text);
	if (sinks.dests & LOG_DEST_JOURNAL)
		sd_journal_send("MESSAGE=%.*s", len, line->text, "PRIORITY=%d", priority(type),
				"SYSLOG_IDENTIFIER=mqttd", NULL);
	if (sinks.dests & LOG_DEST_STDERR)
		line_write(STDERR_FILENO, line, sinks.stderr_journal ? level : stamp,
			   sinks.stderr_journal ? level_len : stamp_len);
	if (sinks.dests & LOG_DEST_STDOUT)
		line_write(STDOUT_FILENO, line, sinks.stdout_journal ? level : stamp,
			   sinks.stdout_journal ? level_len : stamp_len);
	if (sinks.dests & LOG_DEST_FILE)
		line_write(sinks.file_fd, line, stamp, stamp_len);
	if (sinks.dests & LOG_DEST_TOPIC && sinks.take) {
		memcpy(line->text - stamp_len, stamp, stamp_len);
		sinks.take(sinks.take_arg, type, line->text - stamp_len, stamp_len + len);
	}
}

void log_printf(enum log_type type, const char *fmt, ...)
{
	bool echoed = type == LOG_TYPE_ERROR && __atomic_load_n(&echo, __ATOMIC_RELAXED);
	struct line line;
	va_list ap;
	bool good;

	if (!log_enabled(type) && !echoed)
		return;
	va_start(ap, fmt);
	good = line_format(&line, fmt, ap);
	va_end(ap);
	if (!good)
		return;
	pthread_rwlock_rdlock(&sinks.lock);
	if (echoed && !(log_enabled(type) && sinks.dests & LOG_DEST_STDERR))
		line_write(STDERR_FILENO, &line, "", 0);
	if (log_enabled(type))
		write_everywhere(type, &line);
	pthread_rwlock_unlock(&sinks.lock);
}

/* Limits */

/* A format as somebody would read it: "..." stands for what differs from line to line. */
static void format_read(char *text, size_t size, const char *format)
{
	size_t len = 0;

	while (*format && len + sizeof("...") < size) {
		if (*format != '%') {
			text[len++] = *format++;
			continue;
		}
		format++;
		format += strspn(format, "-+ #0123456789.*hljzt");
		if (*format && *format != '%') {
			memcpy(text + len, "...", 3);
			len += 3;
		}
		if (*format == '%')
			text[len++] = '%';
		format += !!*format;
	}
	text[len] = '\0';
}

static void tell(struct log_limit *limit)
{
	uint32_t suppressed = __atomic_exchange_n(&limit->suppressed, 0, __ATOMIC_RELAXED);
	char text[LINE_MAX_BYTES / 2];

	if (suppressed && limit->what) {
		format_read(text, sizeof(text), limit->what);
		log_printf(limit->type, "%u similar messages suppressed: \"%s\".", suppressed,
			   text);
	} else if (suppressed) {
		log_printf(limit->type, "%u similar messages suppressed.", suppressed);
	}
}

static void list(struct log_limit *limit)
{
	if (__atomic_exchange_n(&limit->listed, true, __ATOMIC_ACQ_REL))
		return;
	limit->next = __atomic_load_n(&exceeded, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&exceeded, &limit->next, limit, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static uint64_t this_second(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

/* Races between threads can let a few lines more through; that is harmless. */
bool log_allowed(struct log_limit *limit, enum log_type type)
{
	uint32_t max = type & LOG_TYPE_PACKETS ? LOG_PACKETS_PER_SECOND : LOG_LIMIT_PER_SECOND;
	uint64_t now;

	if (!log_enabled(type))
		return false;
	now = this_second();
	if (__atomic_exchange_n(&limit->second, now, __ATOMIC_RELAXED) != now) {
		__atomic_store_n(&limit->count, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&limit->type, type, __ATOMIC_RELAXED);
		tell(limit);
	}
	if (__atomic_fetch_add(&limit->count, 1, __ATOMIC_RELAXED) < max)
		return true;
	__atomic_fetch_add(&limit->suppressed, 1, __ATOMIC_RELAXED);
	list(limit);
	return false;
}

void log_tell_suppressed(void)
{
	struct log_limit *limit = __atomic_load_n(&exceeded, __ATOMIC_ACQUIRE);
	uint64_t now = this_second();

	for (; limit; limit = limit->next)
		if (__atomic_load_n(&limit->second, __ATOMIC_RELAXED) != now)
			tell(limit);
}
