/* SPDX-License-Identifier: MIT */
/* Userspace stand-in. */
#ifndef _SHIM_LINUX_BITOPS_H
#define _SHIM_LINUX_BITOPS_H

#define hweight64(w)	((unsigned int)__builtin_popcountll(w))

#endif /* _SHIM_LINUX_BITOPS_H */
