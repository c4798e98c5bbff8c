// SPDX-License-Identifier: MIT
/*
 * Allocations that failed. See sites.h.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ksft.h"
#include "sites.h"
#include "tracing.h"

#define SITES		TRACING "/instances/mqtt-sites/"

static int pipe_fd = -1;
static FILE *pipe_file;
static int kept_fd = -1;

static void put(const char *name, const char *value)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), SITES "%s", name);
	fd = CHECK_SYS(open(path, O_WRONLY | O_CLOEXEC));
	if (write(fd, value, strlen(value)) < 0)
		FAIL("%s: %s", path, strerror(errno));
	close(fd);
}

/* Pages have an event of their own only if they can be had. */
static void probe_pages(void)
{
	static const char probe[] = "r:mqttsites/pages should_fail_alloc_page ret=$retval:u8";
	int fd = CHECK_SYS(open(TRACING "/kprobe_events", O_WRONLY | O_APPEND | O_CLOEXEC));

	if (access(TRACING "/events/mqttsites", F_OK))
		CHECK_SYS(write(fd, probe, strlen(probe)));
	close(fd);
}

void sites_begin(const char *program)
{
	if (access("/sys/kernel/debug/failslab/require-start", W_OK) ||
	    access(TRACING "/events/kmem/kmalloc", F_OK))
		return;
	if (access(SITES, F_OK)) {
		tracing_without_tasks();
		probe_pages();
		CHECK_SYS(mkdir(SITES, 0700));
		put("options/stacktrace", "1");
		put("options/sym-offset", "1");
		put("events/kmem/kmalloc/filter", "ptr == 0");
		put("events/kmem/kmem_cache_alloc/filter", "ptr == 0");
		put("events/mqttsites/pages/filter", "ret == 1");
		put("events/kmem/kmalloc/enable", "1");
		put("events/kmem/kmem_cache_alloc/enable", "1");
		put("events/mqttsites/pages/enable", "1");
	}
	pipe_fd = CHECK_SYS(open(SITES "trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	pipe_file = fdopen(pipe_fd, "re");
	kept_fd = CHECK_SYS(open(SITES_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
	dprintf(kept_fd, "# %s\n", basename(program));
}

/* kmalloc() takes the next larger one of its caches. */
static unsigned int cache_of(unsigned int bytes)
{
	unsigned int size = 8;

	if (bytes > 64 && bytes <= 96)
		return 96;
	if (bytes > 128 && bytes <= 192)
		return 192;
	while (size < bytes)
		size *= 2;
	return size;
}

static unsigned int number_behind(const char *line, const char *field)
{
	const char *at = strstr(line, field);

	return at ? strtoul(at + strlen(field), NULL, 0) : 0;
}

/* Of one line; 0: it is no event. */
static unsigned int bytes_of(const char *line, bool *pages)
{
	if (strstr(line, ": kmalloc: "))
		return cache_of(number_behind(line, "bytes_req="));
	if (strstr(line, ": kmem_cache_alloc: "))
		return number_behind(line, "bytes_req=");
	*pages |= !!strstr(line, ": pages: ");
	return 0;
}

/* " => function+0x12/0x34 [mqtt]": the part before the slash */
static void keep(const char *line)
{
	const char *at = strstr(line, "=> ") + 3;
	char text[128];
	int len;

	len = snprintf(text, sizeof(text), "%.*s\n", (int)strcspn(at, "/"), at);
	CHECK_EQ(write(kept_fd, text, len), len);
}

unsigned int sites_failed(bool *pages)
{
	unsigned int bytes, first = 0;
	bool inside = true;		/* this event's place is known */
	char line[512];

	*pages = false;
	if (!pipe_file)
		return 0;
	clearerr(pipe_file);
	while (fgets(line, sizeof(line), pipe_file)) {
		bytes = bytes_of(line, pages);
		first = first ?: bytes;
		if (bytes || strstr(line, ": pages: ")) {
			inside = false;
		} else if (!inside && strstr(line, "=> ") && strstr(line, "[mqtt]")) {
			keep(line);
			inside = true;
		}
	}
	return first;
}
