/* SPDX-License-Identifier: MIT */
/* Userspace stand-in: hlists that readers walk under the RCU read lock. */
#ifndef _SHIM_LINUX_RCULIST_H
#define _SHIM_LINUX_RCULIST_H

#include <linux/list.h>
#include <linux/rcupdate.h>

static inline void hlist_add_head_rcu(struct hlist_node *node, struct hlist_head *head)
{
	struct hlist_node *first = head->first;

	node->next = first;
	node->pprev = &head->first;
	rcu_assign_pointer(head->first, node);
	if (first)
		first->pprev = &node->next;
}

/* The node's own next stays, for the readers that are on it */
static inline void hlist_del_rcu(struct hlist_node *node)
{
	WRITE_ONCE(*node->pprev, node->next);
	if (node->next)
		node->next->pprev = node->pprev;
	node->pprev = NULL;
}

static inline void hlist_del_init_rcu(struct hlist_node *node)
{
	if (!hlist_unhashed(node))
		hlist_del_rcu(node);
}

#define hlist_for_each_entry_rcu(pos, head, member, ...)				\
	for (pos = hlist_entry_safe(rcu_dereference((head)->first),			\
				    __typeof__(*(pos)), member);			\
	     pos;									\
	     pos = hlist_entry_safe(rcu_dereference((pos)->member.next),		\
				    __typeof__(*(pos)), member))

#endif /* _SHIM_LINUX_RCULIST_H */
