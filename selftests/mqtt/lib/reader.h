/* SPDX-License-Identifier: MIT */
/*
 * One recv() in a thread of its own.
 */
#ifndef SELFTESTS_READER_H
#define SELFTESTS_READER_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

struct reader {
	pthread_t thread;
	int fd;
	int flags;
	size_t len;		/* at most sizeof(buf) */
	pid_t tid;
	bool done;
	ssize_t ret;
	int error;
	unsigned char buf[4096];
};

/* Returns when the thread sleeps in recv(), or has finished. */
void reader_start(struct reader *r, int fd, size_t len, int flags);
bool reader_is_done(struct reader *r);
void reader_join(struct reader *r);
void reader_expect(struct reader *r, const void *want, size_t len);

/* Thread @tid of this process sleeps in the kernel. */
bool thread_is_asleep(pid_t tid);

#endif /* SELFTESTS_READER_H */
