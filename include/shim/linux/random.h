/* SPDX-License-Identifier: MIT */
/* Userspace stand-in. System headers include <linux/random.h> as well. */
#ifndef _SHIM_LINUX_RANDOM_H
#define _SHIM_LINUX_RANDOM_H

#include_next <linux/random.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <linux/types.h>

static inline void get_random_bytes(void *buf, size_t len)
{
	u8 *p = buf;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR)
			abort();
		if (n > 0) {
			p += n;
			len -= n;
		}
	}
}

#endif /* _SHIM_LINUX_RANDOM_H */
