// SPDX-License-Identifier: MIT
/*
 * Tracing by hand. See tracing.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ksft.h"
#include "tracing.h"

#define INSTANCES	TRACING "/instances/"
#define PREFIX		"mqtt-selftest-"
static char instance[256];
static char *trace;			/* as it was read */
static char **lines;			/* of it, from the event's name on, and a blank */
static size_t nr_lines;

static bool put(const char *name, const char *value)
{
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", instance, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = write(fd, value, strlen(value));
	close(fd);
	return n == (ssize_t)strlen(value);
}

/* Cases that have failed leave theirs behind. */
static void sweep(void)
{
	const struct dirent *entry;
	char path[512];
	DIR *dir;

	dir = opendir(INSTANCES);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), INSTANCES "%s", entry->d_name);
		if (!strncmp(entry->d_name, PREFIX, strlen(PREFIX)))
			rmdir(path);
	}
	if (dir)
		closedir(dir);
}

void tracing_without_tasks(void)
{
	int fd = CHECK_SYS(open(TRACING "/options/record-cmd", O_WRONLY | O_CLOEXEC));

	CHECK_EQ(write(fd, "0", 1), 1);
	close(fd);
}

void tracing_start(void)
{
	char filter[64];
	struct stat st;

	if (access(TRACING "/events/mqtt", F_OK))
		ksft_skip("no tracepoints: is tracefs mounted?");
	tracing_without_tasks();
	sweep();
	snprintf(instance, sizeof(instance), INSTANCES PREFIX "%d", getpid());
	CHECK_SYS(mkdir(instance, 0700));
	CHECK_SYS(stat("/proc/self/ns/net", &st));
	snprintf(filter, sizeof(filter), "net == %lu", (unsigned long)st.st_ino);
	CHECK(put("buffer_size_kb", "4096"));
	CHECK(put("events/mqtt/filter", filter));
	tracing_enable(true);
}

void tracing_enable(bool on)
{
	CHECK(put("events/mqtt/enable", on ? "1" : "0"));
}

void tracing_stop(void)
{
	CHECK_SYS(rmdir(instance));
}

static void read_all(void)
{
	size_t len = 0, size = 1 << 20;
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/trace", instance);
	fd = CHECK_SYS(open(path, O_RDONLY | O_CLOEXEC));
	free(trace);
	trace = malloc(size);
	CHECK(trace);
	while ((n = CHECK_SYS(read(fd, trace + len, size - len - 1)))) {
		len += n;
		if (size - len > 65536)
			continue;
		size *= 2;
		trace = realloc(trace, size);
		CHECK(trace);
	}
	trace[len] = '\0';
	close(fd);
}

void tracing_read(void)
{
	char *line, *end, *event;

	read_all();
	while (nr_lines)
		free(lines[--nr_lines]);
	free(lines);
	lines = calloc(strlen(trace) / 16 + 1, sizeof(*lines));
	CHECK(lines);
	for (line = trace; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		event = *line == '#' ? NULL : strstr(line, ": mqtt_");
		if (event)
			CHECK(asprintf(&lines[nr_lines++], "%s ", event + 2) > 0);
	}
}

/* Is it this event, with all these parts? */
static bool is(const char *line, const char *event, va_list parts)
{
	size_t len = strlen(event);
	const char *part;
	char wanted[512];

	if (strncmp(line, event, len) || line[len] != ':')
		return false;
	while ((part = va_arg(parts, const char *))) {
		snprintf(wanted, sizeof(wanted), " %s ", part);
		if (!strstr(line, wanted))
			return false;
	}
	return true;
}

unsigned int tracing_count(const char *event, ...)
{
	unsigned int n = 0;
	va_list parts;

	for (size_t i = 0; i < nr_lines; i++) {
		va_start(parts, event);
		n += is(lines[i], event, parts);
		va_end(parts);
	}
	return n;
}

const char *tracing_nth(unsigned int n, const char *event, ...)
{
	va_list parts;
	bool found;

	for (size_t i = 0; i < nr_lines; i++) {
		va_start(parts, event);
		found = is(lines[i], event, parts);
		va_end(parts);
		if (found && !n--)
			return lines[i];
	}
	for (size_t i = 0; i < nr_lines && i < 40; i++)
		ksft_note("%s", lines[i]);
	FAIL("no such %s among %zu events", event, nr_lines);
}

unsigned long long tracing_number(const char *line, const char *field)
{
	char wanted[64];
	const char *at;

	snprintf(wanted, sizeof(wanted), " %s=", field);
	at = strstr(line, wanted);
	if (!at)
		FAIL("no %s in: %s", field, line);
	return strtoull(at + strlen(wanted), NULL, 0);
}

static bool is_with(const char *line, const char *event, ...)
{
	va_list parts;
	bool found;

	va_start(parts, event);
	found = is(line, event, parts);
	va_end(parts);
	return found;
}

unsigned long long tracing_sum(const char *field, const char *event, const char *part)
{
	unsigned long long sum = 0;

	for (size_t i = 0; i < nr_lines; i++) {
		if (is_with(lines[i], event, part, NULL))
			sum += tracing_number(lines[i], field);
	}
	return sum;
}

void tracing_file(const char *name, char *text, size_t size)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), TRACING "/%s", name);
	file = fopen(path, "re");
	if (!file || !fgets(text, size, file))
		*text = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (file)
		fclose(file);
}
