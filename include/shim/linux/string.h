/* SPDX-License-Identifier: MIT */
/* Userspace stand-in. */
#ifndef _SHIM_LINUX_STRING_H
#define _SHIM_LINUX_STRING_H

#include <string.h>
#include <linux/types.h>

#endif /* _SHIM_LINUX_STRING_H */
