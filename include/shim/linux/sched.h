/* SPDX-License-Identifier: MIT */
/* Userspace stand-in. System headers include <linux/sched.h> as well. */
#ifndef _SHIM_LINUX_SCHED_H
#define _SHIM_LINUX_SCHED_H

#include_next <linux/sched.h>

static inline void cond_resched(void)
{
}

#endif /* _SHIM_LINUX_SCHED_H */
