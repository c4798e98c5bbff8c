/* SPDX-License-Identifier: MIT */
/* Userspace stand-in. <errno.h> itself ends up here. */
#ifndef _SHIM_LINUX_ERRNO_H
#define _SHIM_LINUX_ERRNO_H

#include_next <linux/errno.h>

#endif /* _SHIM_LINUX_ERRNO_H */
