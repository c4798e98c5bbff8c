// SPDX-License-Identifier: MIT
/*
 * Fault injection. See fault.h.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fault.h"
#include "ksft.h"
#include "sites.h"

static void fault_write(const char *fault, const char *file, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", fault, file);
	fd = CHECK_SYS(open(path, O_WRONLY));
	CHECK_SYS(write(fd, value, strlen(value)));
	close(fd);
}

/* Where the module's text begins, and a bound of where it ends. */
static void module_text(char *start, char *end, size_t size)
{
	unsigned long long at, len;
	FILE *f;

	f = fopen("/sys/module/mqtt/sections/.text", "r");
	CHECK(f);
	CHECK_EQ(fscanf(f, "%llx", &at), 1);
	fclose(f);
	f = popen("sed -n 's/^mqtt \\([0-9]*\\) .*/\\1/p' /proc/modules", "r");
	CHECK(f);
	CHECK_EQ(fscanf(f, "%llu", &len), 1);
	pclose(f);
	snprintf(start, size, "%#llx", at);
	snprintf(end, size, "%#llx", at + len);
}

/* The same of a function of the kernel. */
static void kernel_text(const char *function, char *start, char *end, size_t size)
{
	unsigned long long at, begin = 0, next = -1ull;
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], name[256];

	CHECK(f);
	while (fgets(line, sizeof(line), f) && !begin) {
		if (sscanf(line, "%llx %*c %255s", &at, name) == 2 && !strcmp(name, function))
			begin = at;
	}
	CHECK(begin);
	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx", &at) == 1 && at > begin && at < next)
			next = at;
	}
	fclose(f);
	snprintf(start, size, "%#llx", begin);
	snprintf(end, size, "%#llx", next);
}

static const char *const faults[] = { "failslab", "fail_page_alloc" };
static bool prepared;

static void faults_where(const char *start, const char *end)
{
	size_t i;

	prepared = true;
	for (i = 0; i < ARRAY_LEN(faults); i++) {
		fault_write(faults[i], "probability", "0");
		fault_write(faults[i], "verbose", "0");
		fault_write(faults[i], "ignore-gfp-wait", "0");
		fault_write(faults[i], "stacktrace-depth", "32");
		fault_write(faults[i], "require-start", start);
		fault_write(faults[i], "require-end", end);
	}
	if (!access("/sys/kernel/debug/fail_page_alloc/min-order", W_OK))
		fault_write("fail_page_alloc", "min-order", "0");
	if (!access("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", W_OK))
		fault_write("fail_page_alloc", "ignore-gfp-highmem", "0");
}

static void faults_prepare(void)
{
	char start[32], end[32];

	if (prepared)
		return;
	module_text(start, end, sizeof(start));
	faults_where(start, end);
}

void faults_within(const char *function)
{
	char start[32], end[32];

	kernel_text(function, start, end, sizeof(start));
	faults_where(start, end);
}

static void faults_write(int percent, const char *times, const char *const spaces[2])
{
	char value[16];
	size_t i;

	faults_prepare();
	snprintf(value, sizeof(value), "%d", percent);
	for (i = 0; i < ARRAY_LEN(faults); i++) {
		fault_write(faults[i], "probability", "0");
		fault_write(faults[i], "times", times);
		fault_write(faults[i], "space", spaces[i]);
		fault_write(faults[i], "probability", value);
	}
}

void faults_set(int percent)
{
	static const char *const none[] = { "0", "0" };

	faults_write(percent, "-1", none);
}

void faults_after(unsigned int slab, unsigned int pages, bool once)
{
	char bytes[16], number[16];
	const char *const spaces[] = { bytes, number };

	snprintf(bytes, sizeof(bytes), "%u", slab);
	snprintf(number, sizeof(number), "%u", pages);
	faults_write(100, once ? "1" : "-1", spaces);
}

void faults_need(void)
{
	if (access("/sys/kernel/debug/failslab/require-start", W_OK))
		ksft_skip("no fault injection in this kernel");
	faults_set(0);
}

static unsigned long fault_read(const char *fault, const char *file)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", fault, file);
	fd = CHECK_SYS(open(path, O_RDONLY | O_CLOEXEC));
	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strtoul(text, NULL, 0);
}

unsigned int faults_space(void)
{
	return fault_read("failslab", "space");
}

bool faults_came(void)
{
	bool came = false;
	size_t i;

	for (i = 0; i < ARRAY_LEN(faults); i++)
		came |= !fault_read(faults[i], "times");
	faults_set(0);
	return came;
}

#define PLENTY (1u << 30)

/* One try. Returns how much further the next one is to go; 0: none failed. */
static unsigned int walk_step(const struct faults_try *what, unsigned int at, bool pages,
			      bool once)
{
	unsigned int bytes;
	bool of_pages;

	if (what->prepare)
		what->prepare(what->arg);
	sites_failed(&of_pages);
	faults_after(pages ? PLENTY : at, pages ? at : PLENTY, once);
	what->run(what->arg);
	faults_set(0);
	bytes = sites_failed(&of_pages);
	if (what->check)
		what->check(what->arg, once);
	return pages ? of_pages : bytes;
}

static unsigned int walk(const struct faults_try *what, bool pages, bool once)
{
	unsigned int at = 1, n = 0, step;

	/* To fit is to leave something over. */
	while ((step = walk_step(what, at, pages, once))) {
		at += step;
		if (++n > 5000)
			FAIL("it never has enough");
	}
	return n;
}

unsigned int faults_walk(const struct faults_try *what)
{
	alarm(ksft_scale(120, 1200));	/* it takes long */
	return walk(what, false, false) + walk(what, false, true) +
	       walk(what, true, false) + walk(what, true, true);
}
