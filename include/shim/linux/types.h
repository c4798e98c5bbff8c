/* SPDX-License-Identifier: MIT */
/*
 * Userspace stand-in. System headers include <linux/types.h> as well, so the
 * C library's comes first.
 */
#ifndef _SHIM_LINUX_TYPES_H
#define _SHIM_LINUX_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

typedef unsigned int gfp_t;

#define __rcu

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev;	/* what points here: a head or a next */
};

struct hlist_head {
	struct hlist_node *first;
};

#endif /* _SHIM_LINUX_TYPES_H */
