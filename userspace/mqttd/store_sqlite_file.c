// SPDX-License-Identifier: MIT
/*
 * The database's file, before SQLite sees it: what is not ours is not touched, and
 * a new one is complete when it gets its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_sqlite.h"

/* The header of every SQLite database, and where our numbers are in there */
#define HEADER_SIZE	100
#define USER_VERSION	60
#define APPLICATION_ID	68

static const char sqlite_magic[16] = "SQLite format 3";
static const char mosquitto_magic[] = "\x00\xB5\x00mosquitto db";

static u32 get_be32(const u8 *p)
{
	return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

int store_file_ours(const char *path, u32 application, s64 version, char *why)
{
	if (application != SCHEMA_APPLICATION_ID) {
		snprintf(why, STORE_WHY_MAX, "%s is the SQLite database of another program",
			 path);
		return -EINVAL;
	}
	if (version < 1 || version > SCHEMA_VERSION) {
		snprintf(why, STORE_WHY_MAX,
			 "%s is of version %lld, and this mqttd knows versions up to %d",
			 path, (long long)version, SCHEMA_VERSION);
		return -EINVAL;
	}
	return 0;
}

static int check_header(const char *path, const u8 *header, ssize_t len, char *why)
{
	const char *what = NULL;

	if (!len)
		what = "is empty";
	else if (len >= (ssize_t)sizeof(mosquitto_magic) - 1 &&
		 !memcmp(header, mosquitto_magic, sizeof(mosquitto_magic) - 1))
		what = "was written by mosquitto, which mqttd cannot read";
	else if (len < HEADER_SIZE || memcmp(header, sqlite_magic, sizeof(sqlite_magic)))
		what = "is not a database";
	if (!what)
		return store_file_ours(path, get_be32(header + APPLICATION_ID),
				       get_be32(header + USER_VERSION), why);
	snprintf(why, STORE_WHY_MAX, "%s %s: remove it or choose another file", path, what);
	return -EINVAL;
}

/* Of the file that is there. */
static int check_file(const char *path, int fd, char *why)
{
	u8 header[HEADER_SIZE];
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		snprintf(why, STORE_WHY_MAX, "%s is not a regular file", path);
		return -EINVAL;
	}
	len = pread(fd, header, sizeof(header), 0);
	if (len < 0)
		return -errno;
	return check_header(path, header, len, why);
}

/* The name of @path with something at its end; to be freed. */
static char *name_with(const char *path, const char *suffix)
{
	char *name;

	return asprintf(&name, "%s%s", path, suffix) < 0 ? NULL : name;
}

/*
 * A write-ahead log without its database has what somebody may want to have back,
 * and SQLite would take it for the new one's.
 */
static int check_no_log(const char *path, char *why)
{
	char *log = name_with(path, "-wal");
	int err = 0;

	if (!log)
		return -ENOMEM;
	if (!access(log, F_OK)) {
		snprintf(why, STORE_WHY_MAX,
			 "there is no %s, but %s, which is a part of it: bring it back, or remove %s",
			 path, log, log);
		err = -EINVAL;
	}
	free(log);
	return err;
}

static int sync_path(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags), err = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int sync_directory(const char *path)
{
	char *copy = strdup(path);
	int err = copy ? sync_path(dirname(copy), O_DIRECTORY) : -ENOMEM;

	free(copy);
	return err;
}

/* Tables in a file that nobody else knows of yet. */
static int fill(const char *name, char *why)
{
	sqlite3 *sql;
	int ret;

	ret = sqlite3_open_v2(name, &sql, SQLITE_OPEN_READWRITE, NULL);
	/* No log, in which something could stay: closing does not say if it fails */
	if (!ret)
		ret = sqlite3_exec(sql, "PRAGMA locking_mode = EXCLUSIVE;"
				   "PRAGMA journal_mode = MEMORY", NULL, NULL, NULL);
	if (!ret)
		ret = store_schema_make(sql);
	if (!ret)
		ret = sqlite3_exec(sql, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	if (ret)
		snprintf(why, STORE_WHY_MAX, "%s cannot be written: %s", name,
			 sql ? sqlite3_errmsg(sql) : "no memory");
	if (sqlite3_close(sql) && !ret)
		ret = SQLITE_IOERR;
	return store_db_errno(ret);
}

/* link() and not rename(): a database that has appeared in the meantime stays. */
static int make_as(const char *name, const char *path, char *why)
{
	int fd, err;

	if (unlink(name) < 0 && errno != ENOENT)
		return -errno;
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	err = fill(name, why);
	if (!err)
		err = sync_path(name, 0);
	if (!err && link(name, path) < 0)
		err = -errno;
	unlink(name);
	return err ? err : sync_directory(path);
}

static int make_file(const char *path, char *why)
{
	int err = check_no_log(path, why);
	char *name;

	if (err)
		return err;
	name = name_with(path, "-new");
	if (!name)
		return -ENOMEM;
	err = make_as(name, path, why);
	free(name);
	return err;
}

int store_file_check(const char *path, char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	why[0] = '\0';
	if (fd >= 0) {
		err = check_file(path, fd, why);
		close(fd);
	} else {
		err = -errno;
		if (err == -ENOENT)
			err = make_file(path, why);
	}
	if (err && !why[0])
		snprintf(why, STORE_WHY_MAX, "%s cannot be opened: %s", path, strerror(-err));
	return err;
}
