/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the supported kernels, 6.1 and 6.12. The only place
 * with kernel version tests.
 */
#ifndef _MQTT_COMPAT_H
#define _MQTT_COMPAT_H

#include <linux/fs.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <net/genetlink.h>
#include <net/tcp.h>

/* Attributes of a dump request. 6.7 moved them. */
static inline struct nlattr **mqtt_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

/* Receive buffer that gives a window of @win bytes. 6.1 only has the inverse. */
static inline int mqtt_space_from_win(const struct sock *sk, int win)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return tcp_space_from_win(sk, win);
#else
	int scale = READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_adv_win_scale);

	if (scale <= 0)
		return win << -scale;
	return (int)div_u64((u64)win << scale, (1 << scale) - 1) + 1;
#endif
}

/* A proto's own way of sending pages, gone with MSG_SPLICE_PAGES in 6.5. */
static inline void mqtt_proto_no_sendpage(struct proto *prot)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	prot->sendpage = NULL;
#endif
}

/* The memory cgroup that a socket's memory is charged to, or NULL */
static inline struct mem_cgroup *mqtt_sk_memcg(const struct sock *sk)
{
#ifdef CONFIG_MEMCG
	return sk->sk_memcg;
#else
	return NULL;
#endif
}

/* splice() out of a socket by way of recvmsg; what 6.12 does without splice_read */
static inline ssize_t mqtt_splice_read(struct socket *sock, loff_t *ppos,
				       struct pipe_inode_info *pipe, size_t len,
				       unsigned int flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return copy_splice_read(sock->file, ppos, pipe, len, flags);
#else
	return generic_file_splice_read(sock->file, ppos, pipe, len, flags);
#endif
}

/* SO_PEEK_OFF on TCP came with 6.9; 6.1 has neither caller nor user. */
static inline bool mqtt_peek_off_set(const struct sock *sk)
{
	return READ_ONCE(sk->sk_peek_off) >= 0;
}

#endif /* _MQTT_COMPAT_H */
