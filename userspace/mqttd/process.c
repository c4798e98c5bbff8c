// SPDX-License-Identifier: MIT
/*
 * Memory, descriptors, the background, the pid file.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"
#include "process.h"

/* Free memory that is not given back to the kernel, bytes, per arena. */
#define KEEP_MEMORY (8 << 20)

/*
 * Queues grow and shrink with every burst. What they needed stays with us, or the
 * next burst would fetch the same pages from the kernel one by one.
 */
void process_keep_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, KEEP_MEMORY);
	mallopt(M_MMAP_THRESHOLD, KEEP_MEMORY / 8);
}

void process_raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_printf(LOG_TYPE_WARNING, "Warning: cannot raise the limit of open files: %s.",
			   strerror(errno));
}

/* Bytes of memory of our own that can be written to, as the kernel counts for RLIMIT_DATA. */
static int64_t count_data(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long long pages = -1;

	if (!file)
		return -errno;
	if (fscanf(file, "%*s %*s %*s %*s %*s %lld", &pages) != 1)
		pages = -1;
	fclose(file);
	return pages < 0 ? -EIO : pages * sysconf(_SC_PAGESIZE);
}

/* Allocations that would go beyond it fail, and all of them may. */
void process_limit_memory(int64_t bytes)
{
	struct mallinfo2 heap = mallinfo2();
	int64_t data = bytes ? count_data() : 0;
	struct rlimit limit;
	int err = 0;

	if (data < 0 || getrlimit(RLIMIT_DATA, &limit)) {
		err = data < 0 ? data : -errno;
	} else {
		limit.rlim_cur = limit.rlim_max;
		if (bytes)
			limit.rlim_cur = data - heap.uordblks - heap.hblkhd + bytes;
		if (setrlimit(RLIMIT_DATA, &limit))
			err = -errno;
	}
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot set memory_limit: %s.", strerror(-err));
}

/* The child writes a byte, or ends without having done so. */
static void __attribute__((noreturn)) wait_for_child(int fd)
{
	ssize_t n;
	char byte;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	_exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int process_to_background(void)
{
	int fds[2], err;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0) {
		err = -errno;
		close(fds[0]);
		close(fds[1]);
		return err;
	}
	if (pid) {
		close(fds[1]);
		wait_for_child(fds[0]);
	}
	close(fds[0]);
	setsid();
	/* Until it is left, the terminal has somebody who waits for how this ends. */
	log_echo_errors(true);
	return fds[1];
}

int process_ready(int background)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), err = 0;

	if (null < 0)
		return -errno;
	log_echo_errors(false);
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || write(background, "", 1) != 1)
		err = -errno;
	if (null > STDERR_FILENO)
		close(null);
	close(background);
	return err;
}

static struct {
	char *start;
	size_t size;
} arguments;

/* They follow each other, as the kernel has put them there. */
void process_keep_arguments(int argc, char **argv)
{
	int i;

	arguments.start = argv[0];
	for (i = 0; i < argc && argv[i] == arguments.start + arguments.size; i++)
		arguments.size += strlen(argv[i]) + 1;
}

void process_name(const char *name)
{
	prctl(PR_SET_NAME, name);
	if (!arguments.size)
		return;
	memset(arguments.start, 0, arguments.size);
	strncpy(arguments.start, name, arguments.size - 1);
}

/* LeakSanitizer looks into the memory from another process. */
void process_hide(void)
{
#ifndef __SANITIZE_ADDRESS__
	const struct rlimit none = {};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

int process_forget_files(int fd, bool background)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), err;

	/* Above the three, and out of the way of what is closed */
	fd = null < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    (background && dup2(null, STDERR_FILENO) < 0)) {
		err = -errno;
		close(null);
		return err;
	}
	if ((fd > STDERR_FILENO + 1 && close_range(STDERR_FILENO + 1, fd - 1, 0)) ||
	    close_range(fd + 1, ~0u, 0))
		return -errno;
	return fd;
}

int process_write_pid(const char *path)
{
	FILE *file = fopen(path, "we");
	int err = 0;

	if (!file) {
		err = -errno;
	} else {
		if (fprintf(file, "%d\n", getpid()) < 0)
			err = -EIO;
		if (fclose(file))
			err = -EIO;
	}
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot write pid_file %s: %s.", path,
			   strerror(-err));
	return err;
}
