/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers have in common. Each is a program of libFuzzer: it is given bytes,
 * and ends badly if a sanitizer or must() has something to say.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition)								\
	do {									\
		if (!(condition)) {						\
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort();						\
		}								\
	} while (0)

/* A file with a name, for what reads files. */
struct memory_file {
	int fd;
	char path[32];
};

static inline void memory_file_open(struct memory_file *file)
{
	file->fd = memfd_create("fuzz", MFD_CLOEXEC);
	must(file->fd >= 0);
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

static inline void memory_file_write(struct memory_file *file, const void *data, size_t size)
{
	must(write(file->fd, data, size) == (ssize_t)size);
}

static inline void memory_file_close(struct memory_file *file)
{
	close(file->fd);
}

/*
 * Cuts a line off the input: a terminated copy, to be freed; NULL if it has a NUL byte
 * or there is no line.
 */
static inline char *cut_line(const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, '\n', *size);
	size_t len = end ? (size_t)(end - *data) : 0;
	char *line = NULL;

	if (end && !memchr(*data, 0, len))
		line = strndup((const char *)*data, len);
	if (end) {
		*data += len + 1;
		*size -= len + 1;
	}
	return line;
}

#endif /* FUZZ_H */
