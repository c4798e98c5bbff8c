// SPDX-License-Identifier: MIT
/* /proc/schedstat and /proc/PID/task/TID/schedstat, in nanoseconds. */
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cpu.h"

/* A task's time is added up when it stops to run: stop for a moment */
static void step_aside(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* "cpuN" and nine numbers, of which the seventh is the time that tasks have run */
static bool cpu_line(const char *line, uint64_t *ns)
{
	return !strncmp(line, "cpu", 3) &&
	       sscanf(line, "cpu%*u %*u %*u %*u %*u %*u %*u %" SCNu64, ns) == 1;
}

uint64_t cpu_machine(void)
{
	uint64_t sum = 0, ns;
	bool found = false;
	char line[4096];
	FILE *file;

	step_aside();
	file = fopen("/proc/schedstat", "re");
	if (!file)
		return CPU_UNKNOWN;
	while (fgets(line, sizeof(line), file)) {
		if (!cpu_line(line, &ns))
			continue;
		sum += ns;
		found = true;
	}
	fclose(file);
	return found ? sum : CPU_UNKNOWN;
}

/* 0 for a thread that has ended meanwhile */
static uint64_t cpu_thread(pid_t pid, const char *tid)
{
	uint64_t ns = 0;
	char path[320];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%" SCNu64, &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

uint64_t cpu_process(pid_t pid)
{
	struct dirent *entry;
	uint64_t sum = 0;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return CPU_UNKNOWN;
	while ((entry = readdir(tasks)))
		if (entry->d_name[0] != '.')
			sum += cpu_thread(pid, entry->d_name);
	closedir(tasks);
	return sum;
}
