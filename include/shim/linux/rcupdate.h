/* SPDX-License-Identifier: MIT */
/*
 * Userspace stand-in over liburcu, its default flavour (urcu-memb, -lurcu): a
 * thread registers itself (rcu_register_thread()) before it reads, writes or
 * frees, and unregisters before it ends.
 *
 * liburcu's own macros for pointers call into the library unless the program
 * asks for its inline functions, so those few are the compiler's atomics here.
 */
#ifndef _SHIM_LINUX_RCUPDATE_H
#define _SHIM_LINUX_RCUPDATE_H

#include <stdlib.h>
#include <urcu.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/types.h>

#undef rcu_dereference
#undef rcu_assign_pointer

#define rcu_dereference(p)		__atomic_load_n(&(p), __ATOMIC_CONSUME)
#define rcu_dereference_raw(p)		rcu_dereference(p)
#define rcu_dereference_check(p, c)	rcu_dereference(p)
#define rcu_dereference_protected(p, c)	(p)
#define rcu_access_pointer(p)		READ_ONCE(p)
#define rcu_assign_pointer(p, v)	smp_store_release(&(p), (v))
#define RCU_INIT_POINTER(p, v)		WRITE_ONCE(p, v)
#define RCU_INITIALIZER(v)		(v)

#define RCU_LOCKDEP_WARN(cond, text)	do { } while (0)

/*
 * kfree_rcu() gets along with one pointer-sized word of information, the
 * callback: one function for each place that a struct rcu_head may have.
 */
#define SHIM_FREE_RCU(n)						\
static inline void shim_free_rcu_##n(struct rcu_head *head)		\
{									\
	free((char *)head - (n) * sizeof(long));			\
}

SHIM_FREE_RCU(0)
SHIM_FREE_RCU(1)
SHIM_FREE_RCU(2)
SHIM_FREE_RCU(3)
SHIM_FREE_RCU(4)
SHIM_FREE_RCU(5)
SHIM_FREE_RCU(6)
SHIM_FREE_RCU(7)
SHIM_FREE_RCU(8)
SHIM_FREE_RCU(9)
SHIM_FREE_RCU(10)
SHIM_FREE_RCU(11)
SHIM_FREE_RCU(12)
SHIM_FREE_RCU(13)
SHIM_FREE_RCU(14)
SHIM_FREE_RCU(15)
#undef SHIM_FREE_RCU

static inline void shim_kfree_rcu(struct rcu_head *head, size_t offset)
{
	static void (*const func[16])(struct rcu_head *head) = {
		shim_free_rcu_0, shim_free_rcu_1, shim_free_rcu_2,
		shim_free_rcu_3, shim_free_rcu_4, shim_free_rcu_5,
		shim_free_rcu_6, shim_free_rcu_7, shim_free_rcu_8,
		shim_free_rcu_9, shim_free_rcu_10, shim_free_rcu_11,
		shim_free_rcu_12, shim_free_rcu_13, shim_free_rcu_14,
		shim_free_rcu_15,
	};

	call_rcu(head, func[offset / sizeof(long)]);
}

#define kfree_rcu(ptr, field)							\
do {										\
	__typeof__(ptr) shim_ptr = (ptr);					\
										\
	BUILD_BUG_ON(offsetof(__typeof__(*(ptr)), field) >= 16 * sizeof(long));	\
	BUILD_BUG_ON(offsetof(__typeof__(*(ptr)), field) % sizeof(long));	\
	if (shim_ptr)								\
		shim_kfree_rcu(&shim_ptr->field,				\
			       offsetof(__typeof__(*(ptr)), field));		\
} while (0)
#define kvfree_rcu(ptr, field)		kfree_rcu(ptr, field)

#endif /* _SHIM_LINUX_RCUPDATE_H */
