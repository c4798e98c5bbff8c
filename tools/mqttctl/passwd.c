// SPDX-License-Identifier: MIT
/*
 * mqttctl passwd: password files of mqttd and mosquitto.
 *
 * A file is read as a whole, and replaced by one with the line added, changed or
 * left out: who reads it meanwhile sees the old one or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mqttctl.h"
#include "password.h"

#define SECRET_MAX	65535
#define USERNAME_MAX	65535
#define USAGE_TEXT	"[ -c | -D ] [ -H ALGORITHM ] [ -b ] FILE USER [ PASSWORD ]"

struct job {
	bool create;
	bool delete;
	bool batch;
	enum password_kind kind;
	const char *path;
	const char *user;
	char *secret;			/* NULL: to be asked for */
};

static const struct {
	const char *name;
	enum password_kind kind;
} kinds[] = {
	{ "sha512", PASSWORD_SHA512 },
	{ "sha512-pbkdf2", PASSWORD_PBKDF2 },
	{ "argon2id", PASSWORD_ARGON2ID },
};

/*
 * Arguments
 */

static int kind_parse(const char *word, enum password_kind *kind)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(word, kinds[i].name)) {
			*kind = kinds[i].kind;
			return 0;
		}
	}
	return ctl_usage("'%s' is not one of sha512, sha512-pbkdf2, argon2id", word);
}

/* What a line of the file can say. */
static int user_check(const char *user)
{
	size_t len = strlen(user), i;

	if (!len || len > USERNAME_MAX)
		return ctl_usage("a user name has 1 to %d bytes", USERNAME_MAX);
	for (i = 0; i < len; i++)
		if ((unsigned char)user[i] < ' ' || user[i] == ':')
			return ctl_usage("a user name has no ':' and no control characters");
	if (user[0] == ' ' || user[len - 1] == ' ' || user[0] == '#')
		return ctl_usage("a user name does not begin with '#' or a blank, or end in one");
	return 0;
}

static int words_parse(struct job *job, int argc, char **argv)
{
	int wanted = 2 + (job->batch && !job->delete);

	if (argc != wanted)
		return ctl_usage("'passwd' wants FILE and USER, and with -b PASSWORD");
	job->path = argv[0];
	job->user = argv[1];
	job->secret = argv[2];
	if (job->create && job->delete)
		return ctl_usage("-c and -D do not go together");
	return user_check(job->user);
}

/* argv[0] is whatever is in front. */
static int arguments_parse(struct job *job, int argc, char **argv)
{
	int option, status;

	*job = (struct job){ .kind = PASSWORD_ARGON2ID };
	opterr = 0;
	optind = 0;
	while ((option = getopt(argc, argv, ":bcDH:")) != -1) {
		switch (option) {
		case 'b':
			job->batch = true;
			break;
		case 'c':
			job->create = true;
			break;
		case 'D':
			job->delete = true;
			break;
		case 'H':
			status = kind_parse(optarg, &job->kind);
			if (status)
				return status;
			break;
		case ':':
			return ctl_usage("option '-%c' needs a value", optopt);
		default:
			return ctl_usage("unknown option '-%c'", optopt);
		}
	}
	return words_parse(job, argc - optind, argv + optind);
}

/*
 * The secret, to be freed
 */

static char *secret_ask(void)
{
	char *typed, *secret;

	typed = getpass("Password: ");
	secret = typed ? strdup(typed) : NULL;
	if (!secret)
		return NULL;
	explicit_bzero(typed, strlen(typed));
	typed = getpass("Reenter password: ");
	if (!typed || strcmp(typed, secret)) {
		ctl_fail("these are not the same");
		explicit_bzero(secret, strlen(secret));
		free(secret);
		secret = NULL;
	}
	if (typed)
		explicit_bzero(typed, strlen(typed));
	return secret;
}

static char *secret_read(void)
{
	char *secret = NULL;
	size_t size = 0;
	ssize_t len = getline(&secret, &size, stdin);

	if (len < 0) {
		ctl_fail("there is no password on the standard input");
		free(secret);
		return NULL;
	}
	secret[strcspn(secret, "\r\n")] = '\0';
	return secret;
}

/* Makes the user's line, to be freed; NULL after a sentence on stderr. */
static char *line_make(const struct job *job)
{
	char *secret = job->secret, text[PASSWORD_TEXT_MAX], *line = NULL;
	struct password password;

	if (!secret)
		secret = isatty(STDIN_FILENO) ? secret_ask() : secret_read();
	if (!secret)
		return NULL;
	if (!*secret || strlen(secret) > SECRET_MAX) {
		fprintf(stderr, "mqttctl: a password has 1 to %d bytes\n", SECRET_MAX);
	} else if (password_make(&password, job->kind, secret, strlen(secret))) {
		ctl_fail("cannot hash the password: out of memory");
	} else {
		password_format(&password, text);
		if (asprintf(&line, "%s:%s\n", job->user, text) < 0)
			line = NULL;
	}
	explicit_bzero(secret, strlen(secret));
	if (!job->secret)
		free(secret);
	return line;
}

/*
 * The file
 */

/* As mqttd reads them: blanks around the name do not matter. */
static bool is_line_of(const char *line, const char *user)
{
	size_t len = strlen(user);

	line += strspn(line, " \t");
	if (strncmp(line, user, len))
		return false;
	line += len;
	return line[strspn(line, " \t")] == ':';
}

/*
 * Copies with @line in place of the user's, or behind all others; without @line that
 * is left out. Returns whether there was one, or -errno.
 */
static int copy(FILE *from, FILE *to, const char *user, const char *line)
{
	bool found = false, whole = true;
	char *text = NULL;
	size_t size = 0;

	while (from && getline(&text, &size, from) >= 0) {
		bool mine = is_line_of(text, user);

		whole = mine || strchr(text, '\n');
		if (!mine)
			fputs(text, to);
		else if (line && !found)
			fputs(line, to);
		found |= mine;
	}
	free(text);
	if (from && !feof(from))
		return -errno;
	if (line && !found)
		fprintf(to, "%s%s", whole ? "" : "\n", line);
	return found;
}

/* For nobody but the owner, and the group if that could read the old one. */
static int inherit(int fd, FILE *old)
{
	struct stat st;

	if (old && (fstat(fileno(old), &st) || fchown(fd, st.st_uid, st.st_gid) ||
		    fchmod(fd, st.st_mode & 0640)))
		return -errno;
	return 0;
}

/* Closes @to in any case. Returns 0 or -errno. */
static int finish(FILE *to, FILE *old, const char *temporary, const char *path)
{
	int err = 0;

	errno = 0;
	if (ferror(to) || fflush(to) || inherit(fileno(to), old) || fsync(fileno(to)))
		err = errno ? -errno : -EIO;
	if (fclose(to) && !err)
		err = -errno;
	if (!err && rename(temporary, path))
		err = -errno;
	return err;
}

/* Returns 0, -errno, or -ESRCH if there is nothing to leave out. */
static int write_file(const struct job *job, FILE *old, const char *path, const char *temporary,
		      const char *line)
{
	int fd = open(temporary, O_WRONLY | O_TRUNC | O_CLOEXEC), found;
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");

	if (!to)
		return -errno;
	found = copy(job->create ? NULL : old, to, job->user, line);
	if (found >= 0 && (line || found))
		return finish(to, old, temporary, path);
	fclose(to);
	return found < 0 ? found : -ESRCH;
}

static int replace(const struct job *job, FILE *old, const char *path, const char *line)
{
	char *temporary;
	int fd, err;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkstemp(temporary);
	err = fd < 0 ? -errno : 0;
	if (fd >= 0) {
		close(fd);
		err = write_file(job, old, path, temporary, line);
		if (err)
			unlink(temporary);
	}
	free(temporary);
	return err;
}

static int edit(const struct job *job, FILE *old, const char *path)
{
	char *line = NULL;
	int err;

	if (!job->delete) {
		line = line_make(job);
		if (!line)
			return FAILED;
	}
	err = replace(job, old, path, line);
	free(line);
	if (err == -ESRCH)
		fprintf(stderr, "mqttctl: there is no user '%s' in %s\n", job->user, path);
	else if (err)
		fprintf(stderr, "mqttctl: cannot write %s: %s\n", path, strerror(-err));
	return err ? FAILED : DONE;
}

int passwd_main(struct ctl *ctl, int argc, char **argv)
{
	struct job job;
	char *path;
	FILE *old;
	int status;

	(void)ctl;
	if (argc == 1 && ctl_is(argv[0], "help")) {
		printf("Usage: mqttctl passwd " USAGE_TEXT "\n");
		return DONE;
	}
	status = arguments_parse(&job, argc + 1, argv - 1);
	if (status)
		return status;
	/* A link stays one: what is replaced is the file that it leads to. */
	path = realpath(job.path, NULL);
	old = path ? fopen(path, "re") : NULL;
	if (old || (!path && errno == ENOENT && job.create)) {
		status = edit(&job, old, path ? path : job.path);
	} else {
		fprintf(stderr, "mqttctl: cannot read %s: %s%s\n", job.path, strerror(errno),
			errno == ENOENT && !job.delete ? "; with -c it is made" : "");
		status = FAILED;
	}
	if (old)
		fclose(old);
	free(path);
	return status;
}
