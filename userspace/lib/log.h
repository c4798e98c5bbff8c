/* SPDX-License-Identifier: MIT */
/*
 * Log lines, in mosquitto's form ("1700000000: text").
 *
 * Any thread may log. A line is one write, so lines never mix. Control
 * characters are replaced: clients choose parts of the text.
 */
#ifndef MQTT_LIB_LOG_H
#define MQTT_LIB_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum log_type {
	LOG_TYPE_ERROR		= 1 << 0,
	LOG_TYPE_WARNING	= 1 << 1,
	LOG_TYPE_NOTICE		= 1 << 2,
	LOG_TYPE_INFORMATION	= 1 << 3,
	LOG_TYPE_SUBSCRIBE	= 1 << 4,
	LOG_TYPE_UNSUBSCRIBE	= 1 << 5,
	LOG_TYPE_DEBUG		= 1 << 6,
	LOG_TYPE_DEFAULT	= LOG_TYPE_ERROR | LOG_TYPE_WARNING | LOG_TYPE_NOTICE |
				  LOG_TYPE_INFORMATION,
	/* A line for each packet: who wants these wants many */
	LOG_TYPE_PACKETS	= LOG_TYPE_SUBSCRIBE | LOG_TYPE_UNSUBSCRIBE | LOG_TYPE_DEBUG,
	LOG_TYPE_ALL		= (1 << 7) - 1,
};

enum log_dest {
	LOG_DEST_STDERR	= 1 << 0,
	LOG_DEST_STDOUT	= 1 << 1,
	LOG_DEST_FILE	= 1 << 2,
	LOG_DEST_SYSLOG	= 1 << 3,
	LOG_DEST_JOURNAL = 1 << 4,
	LOG_DEST_TOPIC	= 1 << 5,	/* log_set_taker() */
};

/**
 * struct log_config - where log lines go
 * @types: enum log_type bits that are written at all
 * @dests: enum log_dest bits; none is allowed
 * @file: path for LOG_DEST_FILE, copied
 * @timestamp: something in front of each line: seconds since 1970, or
 * @timestamp_format: local time as in strftime(3), copied; NULL: seconds
 * @facility: of syslog(3), 0 for LOG_DAEMON
 *
 * The system's logs have time stamps of their own. Lines for stderr and stdout have
 * a priority instead ("<4>") if the service manager says that they go to the journal.
 */
struct log_config {
	unsigned int types;
	unsigned int dests;
	const char *file;
	bool timestamp;
	const char *timestamp_format;
	int facility;
};

/* Lines that one call site may write per second before it is silenced. */
#define LOG_LIMIT_PER_SECOND	10
#define LOG_PACKETS_PER_SECOND	1000	/* of LOG_TYPE_PACKETS */

/**
 * struct log_limit - of one kind of line
 * @what: what these lines look like: their format
 * @next: another one that was exceeded some time
 * @second: when @count began
 * @count: lines since
 * @suppressed: lines that were not written and not told of yet
 * @type: enum log_type
 * @listed: it was exceeded some time, is in the list of these, and has to stay
 */
struct log_limit {
	const char *what;
	struct log_limit *next;
	uint64_t second;
	uint32_t count;
	uint32_t suppressed;
	int type;
	bool listed;
};

/*
 * Any time; before the first call: default types to stderr. With -errno, of
 * the file, all stays as it was. The file is opened anew if it is the same.
 */
int log_configure(const struct log_config *config);

/* Makes the log file anew if it was moved away: 0 or -errno, and all stays as it was. */
int log_reopen(void);

/* Whom the log file belongs to, before the process becomes this user: 0 or -errno. */
int log_give(uid_t uid, gid_t gid);

/*
 * Lines for LOG_DEST_TOPIC, with their time stamp and not terminated, are for @take. Any
 * thread calls it, with any lock held; it may not log. When this returns, the former one
 * is not called any more.
 */
void log_set_taker(void (*take)(void *arg, enum log_type type, const char *line, size_t len),
		   void *arg);

/* Whether errors go to stderr, too, wherever else lines go. */
void log_echo_errors(bool on);

bool log_enabled(enum log_type type);
void log_printf(enum log_type type, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * False: say nothing now. True after silence writes how many messages were
 * suppressed first. @limit lives as long as the process.
 */
bool log_allowed(struct log_limit *limit, enum log_type type);

/* Says how many lines were suppressed of kinds that have become silent. */
void log_tell_suppressed(void);

/* For everything that a client can cause; the format is a literal. */
#define LOG_FIRST_(first, ...) first
#define log_limited(type, ...)							\
	do {									\
		static struct log_limit log_limit_ = {				\
			.what = LOG_FIRST_(__VA_ARGS__, 0)			\
		};								\
										\
		if (log_allowed(&log_limit_, type))				\
			log_printf(type, __VA_ARGS__);				\
	} while (0)

#endif /* MQTT_LIB_LOG_H */
