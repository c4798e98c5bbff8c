/* SPDX-License-Identifier: MIT */
/* Userspace stand-in. */
#ifndef _SHIM_LINUX_CONTAINER_OF_H
#define _SHIM_LINUX_CONTAINER_OF_H

#include <stddef.h>

#ifndef container_of
#define container_of(ptr, type, member)	\
	((type *)((char *)(ptr) - offsetof(type, member)))
#endif

#endif /* _SHIM_LINUX_CONTAINER_OF_H */
