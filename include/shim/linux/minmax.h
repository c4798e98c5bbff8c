/* SPDX-License-Identifier: MIT */
/* Userspace stand-in. */
#ifndef _SHIM_LINUX_MINMAX_H
#define _SHIM_LINUX_MINMAX_H

#ifndef min
#define min(a, b)						\
({								\
	__typeof__(a) shim_a = (a);				\
	__typeof__(b) shim_b = (b);				\
								\
	shim_a < shim_b ? shim_a : shim_b;			\
})
#endif

#ifndef max
#define max(a, b)						\
({								\
	__typeof__(a) shim_a = (a);				\
	__typeof__(b) shim_b = (b);				\
								\
	shim_a > shim_b ? shim_a : shim_b;			\
})
#endif

#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))

#endif /* _SHIM_LINUX_MINMAX_H */
