/* SPDX-License-Identifier: MIT */
/* Userspace stand-in. */
#ifndef _SHIM_LINUX_OVERFLOW_H
#define _SHIM_LINUX_OVERFLOW_H

#include <stdint.h>

/* Bytes of *@p with @n elements in its flexible array; SIZE_MAX if too many */
#define struct_size(p, member, n)						\
({										\
	size_t shim_bytes;							\
										\
	if (__builtin_mul_overflow(sizeof((p)->member[0]), (size_t)(n), &shim_bytes) ||	\
	    __builtin_add_overflow(shim_bytes, sizeof(*(p)), &shim_bytes))	\
		shim_bytes = SIZE_MAX;						\
	shim_bytes;								\
})

#endif /* _SHIM_LINUX_OVERFLOW_H */
