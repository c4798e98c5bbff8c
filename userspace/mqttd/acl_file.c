// SPDX-License-Identifier: MIT
/*
 * Reading access control lists.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mqtt/topic.h>

#include "acl.h"
#include "acl_list.h"
#include "acl_set.h"
#include "lines.h"

/**
 * struct reader - where we are
 * @acl: gets what is read
 * @user: whose "topic" lines come
 * @path: of the file
 * @lines: it
 * @why: room for ACL_WHY_MAX bytes
 */
struct reader {
	struct acl *acl;
	struct acl_user *user;
	const char *path;
	struct lines lines;
	char *why;
};

static int wrong(const struct reader *reader, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int wrong(const struct reader *reader, const char *fmt, ...)
{
	va_list ap;
	int len;

	len = snprintf(reader->why, ACL_WHY_MAX, "%s:%u: ", reader->path, reader->lines.number);
	if (len < 0 || len >= ACL_WHY_MAX)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(reader->why + len, ACL_WHY_MAX - len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static const struct {
	const char *word;
	u8 bits;
} accesses[] = {
	{ "read", ACL_READ },
	{ "write", ACL_WRITE },
	{ "readwrite", ACL_READ | ACL_WRITE },
	{ "deny", ACL_DENY },
};

static int bits_parse(const struct reader *reader, const char *word, u8 *bits)
{
	size_t i;

	for (i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		if (!strcmp(accesses[i].word, word)) {
			*bits = accesses[i].bits;
			return 0;
		}
	}
	return wrong(reader, "'%s' is not one of read, write, readwrite, deny", word);
}

/* [read|write|readwrite|deny] FILTER; a single word is a filter. */
static int rule_parse(struct reader *reader, char *text, bool pattern)
{
	u8 bits = ACL_READ | ACL_WRITE;
	char *filter = text_cut(text);
	int err = 0;

	if (*filter)
		err = bits_parse(reader, text, &bits);
	else
		filter = text;
	if (err)
		return err;
	if (!*filter)
		return wrong(reader, "the topic filter is missing");
	if (!mqtt_topic_filter_valid((const u8 *)filter, strlen(filter)))
		return wrong(reader, "'%s' is not a topic filter", filter);
	return pattern ? acl_add_pattern(reader->acl, filter, bits) :
			 acl_add_topic(reader->user, filter, bits);
}

static int user_parse(struct reader *reader, const char *name)
{
	if (!*name)
		return wrong(reader, "the user name is missing");
	reader->user = acl_user(reader->acl, name);
	return reader->user ? 0 : -ENOMEM;
}

static int line_parse(struct reader *reader, char *line)
{
	char *rest;

	if (!*line || *line == '#')
		return 0;
	rest = text_cut(line);
	if (!strcmp(line, "user"))
		return user_parse(reader, rest);
	if (!strcmp(line, "topic"))
		return rule_parse(reader, rest, false);
	if (!strcmp(line, "pattern"))
		return rule_parse(reader, rest, true);
	return wrong(reader, "'%s' is not one of user, topic, pattern", line);
}

static int file_parse(struct reader *reader)
{
	char *line;
	int more, err = 0;

	while (!err && (more = lines_next(&reader->lines, &line)) > 0)
		err = line_parse(reader, line);
	if (err)
		return err;
	if (more == -EINVAL)
		return wrong(reader, "the line contains a NUL byte");
	return more;
}

int acl_load(struct acl **acl, const char *path, char *why)
{
	struct reader reader = { .path = path, .why = why };
	int err;

	*why = '\0';
	reader.acl = acl_new();
	if (!reader.acl)
		err = -ENOMEM;
	else
		err = lines_open(&reader.lines, path);
	if (!err) {
		reader.user = acl_user(reader.acl, NULL);
		err = file_parse(&reader);
		lines_close(&reader.lines);
	}
	if (err && !*why)
		snprintf(why, ACL_WHY_MAX, "%s: %s", path, strerror(-err));
	if (err) {
		acl_put(reader.acl);
		reader.acl = NULL;
	}
	*acl = reader.acl;
	return err;
}
