/* SPDX-License-Identifier: MIT */
/* Userspace stand-in: the flags mean nothing here. */
#ifndef _SHIM_LINUX_GFP_H
#define _SHIM_LINUX_GFP_H

#include <linux/types.h>

#define GFP_KERNEL		((gfp_t)0)
#define GFP_KERNEL_ACCOUNT	((gfp_t)0)
#define GFP_ATOMIC		((gfp_t)0)
#define __GFP_NOWARN		((gfp_t)0)
#define __GFP_NORETRY		((gfp_t)0)

#endif /* _SHIM_LINUX_GFP_H */
