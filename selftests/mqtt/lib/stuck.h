/* SPDX-License-Identifier: MIT */
/*
 * A call that stands still in the middle, with the socket locked: at its buffer, a page
 * that does not come before the test says so (userfaultfd).
 */
#ifndef SELFTESTS_STUCK_H
#define SELFTESTS_STUCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct stuck {
	int fd;			/* the socket */
	size_t len;		/* bytes of the call, at most a page */
	bool sends;		/* send(), otherwise recv() of what is there */
	pthread_t thread;
	int uffd;
	unsigned char *page;	/* behind a recv(): what was received */
	bool done;
};

/* The first three members are filled in. Skips the case if the kernel cannot. */
void stuck_start(struct stuck *s);

/* The page comes, for a send() with @bytes. It has stood still until now. */
void stuck_end(struct stuck *s, const void *bytes, size_t len);

#endif /* SELFTESTS_STUCK_H */
