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
#include <stdint.h>

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
	LOG_TYPE_ALL		= (1 << 7) - 1,
};

enum log_dest {
	LOG_DEST_STDERR	= 1 << 0,
	LOG_DEST_STDOUT	= 1 << 1,
	LOG_DEST_FILE	= 1 << 2,
	LOG_DEST_SYSLOG	= 1 << 3,
};

/**
 * struct log_config - where log lines go
 * @types: enum log_type bits that are written at all
 * @dests: enum log_dest bits; none is allowed
 * @file: path for LOG_DEST_FILE; must outlive the logging
 * @timestamp: seconds since 1970 in front of each line (not in syslog)
 */
struct log_config {
	unsigned int types;
	unsigned int dests;
	const char *file;
	bool timestamp;
};

/* Lines that one call site may write per second before it is silenced. */
#define LOG_LIMIT_PER_SECOND 10

struct log_limit {
	uint64_t second;
	uint32_t count;
	uint32_t suppressed;
};

/* Before the first call: default types to stderr. Returns -errno of the file. */
int log_configure(const struct log_config *config);

/* Opens the log file again, after it was moved away. Returns -errno. */
int log_reopen(void);

/* Any time: enum log_type bits instead of those configured. */
void log_set_types(unsigned int types);

bool log_enabled(enum log_type type);
void log_printf(enum log_type type, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * False: say nothing now. True after silence writes how many messages were
 * suppressed first.
 */
bool log_allowed(struct log_limit *limit, enum log_type type);

/* For everything that a client can cause. */
#define log_limited(type, ...)					\
	do {							\
		static struct log_limit log_limit_;		\
								\
		if (log_allowed(&log_limit_, type))		\
			log_printf(type, __VA_ARGS__);		\
	} while (0)

#endif /* MQTT_LIB_LOG_H */
