/* SPDX-License-Identifier: MIT */
/* Userspace stand-in. */
#ifndef _SHIM_LINUX_BUG_H
#define _SHIM_LINUX_BUG_H

#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), "!(" #cond ")")

#endif /* _SHIM_LINUX_BUG_H */
