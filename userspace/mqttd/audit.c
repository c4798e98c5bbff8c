// SPDX-License-Identifier: MIT
/*
 * The file of who has changed what.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "log.h"

static struct {
	char *path;
	int fd;
	unsigned long number;
} audit = { .fd = -1 };

static int open_file(void)
{
	int fd = open(audit.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	return fd < 0 ? -errno : fd;
}

int audit_open(const char *path, char *why)
{
	int fd;

	if (!path)
		return 0;
	audit.path = strdup(path);
	fd = audit.path ? open_file() : -ENOMEM;
	if (fd < 0) {
		snprintf(why, AUDIT_WHY_MAX, "audit_log %.256s cannot be opened: %s", path,
			 strerror(-fd));
		audit_close();
		return fd;
	}
	audit.fd = fd;
	return 0;
}

void audit_close(void)
{
	if (audit.fd >= 0)
		close(audit.fd);
	audit.fd = -1;
	free(audit.path);
	audit.path = NULL;
}

void audit_reopen(void)
{
	int fd;

	if (!audit.path)
		return;
	fd = open_file();
	if (fd < 0) {
		log_printf(LOG_TYPE_ERROR, "Error: audit_log %s cannot be opened again: %s.",
			   audit.path, strerror(-fd));
		return;
	}
	close(audit.fd);
	audit.fd = fd;
}

/* A file that is too long becomes FILE.1, unless somebody else has moved it away. */
static int turn(const char **what)
{
	char *old;
	int fd, err = 0;

	*what = "be renamed, and is too long";
	if (asprintf(&old, "%s.1", audit.path) < 0)
		return -ENOMEM;
	if (rename(audit.path, old) < 0 && errno != ENOENT)
		err = -errno;
	free(old);
	if (err)
		return err;
	*what = "be opened";
	fd = open_file();
	if (fd < 0)
		return fd;
	close(audit.fd);
	audit.fd = fd;
	return 0;
}

/* A line that is not whole is cut off again. */
static int put_line(const char *text, size_t len, const char **what)
{
	struct stat st;
	ssize_t n;
	int err = 0;

	*what = "be written";
	if (fstat(audit.fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode) && st.st_size + len > AUDIT_BYTES_MAX) {
		err = turn(what);
		st.st_size = 0;
	}
	if (err)
		return err;
	*what = "be written";
	n = write(audit.fd, text, len);
	if (n == (ssize_t)len && (!fdatasync(audit.fd) || errno == EINVAL))
		return 0;
	err = n < 0 || n == (ssize_t)len ? -errno : -ENOSPC;
	if (S_ISREG(st.st_mode) && ftruncate(audit.fd, st.st_size) < 0)
		log_limited(LOG_TYPE_ERROR, "Error: audit_log %s has a line that is not whole.",
			    audit.path);
	return err;
}

/* Takes @line over. */
static int write_line(json_t *line, const char **what)
{
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL, *ended = NULL;
	int len, err = -ENOMEM;

	*what = "be written";
	if (text) {
		len = asprintf(&ended, "%s\n", text);
		if (len >= 0)
			err = put_line(ended, len, what);
		if (len >= 0)
			free(ended);
	}
	free(text);
	json_decref(line);
	return err;
}

/* As RFC 3339 has it, in UTC. */
static json_t *now(void)
{
	struct timeval tv;
	struct tm tm;
	char text[64];
	size_t len;

	gettimeofday(&tv, NULL);
	gmtime_r(&tv.tv_sec, &tm);
	len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, sizeof(text) - len, ".%03ldZ", (long)tv.tv_usec / 1000);
	return json_string(text);
}

int audit_begin(const struct ucred *who, const json_t *what, unsigned long *number, char *why)
{
	const struct passwd *user;
	const char *cannot;
	json_t *line;
	int err;

	*number = ++audit.number;
	if (audit.fd < 0)
		return 0;
	user = getpwuid(who->uid);
	line = json_pack("{s:o, s:I, s:I, s:I, s:I, s:s*, s:O}", "time", now(),
			 "number", (json_int_t)*number, "uid", (json_int_t)who->uid,
			 "gid", (json_int_t)who->gid, "pid", (json_int_t)who->pid,
			 "user", user ? user->pw_name : NULL, "change", what);
	err = write_line(line, &cannot);
	if (err)
		snprintf(why, AUDIT_WHY_MAX, "nothing was changed: audit_log %.256s cannot %s: %s",
			 audit.path, cannot, strerror(-err));
	return err;
}

void audit_failed(unsigned long number, const char *sentence)
{
	const char *cannot;

	if (audit.fd < 0)
		return;
	if (write_line(json_pack("{s:o, s:I, s:s}", "time", now(), "number", (json_int_t)number,
				 "failed", sentence), &cannot))
		log_limited(LOG_TYPE_ERROR,
			    "Error: audit_log %s: that change %lu failed cannot %s.",
			    audit.path, number, cannot);
}
