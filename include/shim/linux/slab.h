/* SPDX-License-Identifier: MIT */
/*
 * Userspace stand-in: malloc() behind the kernel's names.
 *
 * A program that defines shim_alloc_fails() is asked before every allocation
 * and makes it fail by returning true.
 */
#ifndef _SHIM_LINUX_SLAB_H
#define _SHIM_LINUX_SLAB_H

#include <stdlib.h>
#include <linux/gfp.h>
#include <linux/overflow.h>
#include <linux/types.h>

bool shim_alloc_fails(size_t size) __attribute__((weak));

static inline void *kmalloc(size_t size, gfp_t gfp)
{
	(void)gfp;
	if (shim_alloc_fails && shim_alloc_fails(size))
		return NULL;
	return malloc(size);
}

static inline void *kzalloc(size_t size, gfp_t gfp)
{
	(void)gfp;
	if (shim_alloc_fails && shim_alloc_fails(size))
		return NULL;
	return calloc(1, size);
}

static inline void *kvmalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp);
}

static inline void *kvzalloc(size_t size, gfp_t gfp)
{
	return kzalloc(size, gfp);
}

static inline void kfree(const void *p)
{
	free((void *)p);
}

static inline void kvfree(const void *p)
{
	free((void *)p);
}

#endif /* _SHIM_LINUX_SLAB_H */
