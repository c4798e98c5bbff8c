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

/* Memory of a device came into buffers with 6.12. */
static inline bool mqtt_skb_frags_readable(const struct sk_buff *skb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return skb_frags_readable(skb);
#else
	return true;
#endif
}

/**
 * mqtt_tcp_send_pages_locked() - send pages that are never written again
 * @sk: locked socket, whose sk_allocation is fit for where we are
 * @msg: a bvec iterator over them, none of them slab memory; not advanced by 6.1
 *
 * TCP takes references. It marks them as shared (SKBFL_SHARED_FRAG), so nobody changes
 * them in place.
 *
 * Return: bytes taken, or an errno.
 */
static inline int mqtt_tcp_send_pages_locked(struct sock *sk, struct msghdr *msg)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	msg->msg_flags |= MSG_SPLICE_PAGES;
	return tcp_sendmsg_locked(sk, msg, msg_data_left(msg));
#else
	const struct bio_vec *bv = msg->msg_iter.bvec, *last = bv + msg->msg_iter.nr_segs - 1;
	int done = 0;

	/* It would call ops->sendmsg_locked of a socket that may be gone. */
	if (!(sk->sk_route_caps & NETIF_F_SG))
		return tcp_sendmsg_locked(sk, msg, msg_data_left(msg));
	for (;; bv++) {
		int flags = msg->msg_flags | (bv < last ? MSG_SENDPAGE_NOTLAST | MSG_MORE : 0);
		int sent = tcp_sendpage_locked(sk, bv->bv_page, bv->bv_offset, bv->bv_len, flags);

		if (sent < 0)
			return done ?: sent;
		done += sent;
		if (sent < bv->bv_len || bv == last)
			return done;
	}
#endif
}

/* Tell the sender of the window as it is now. 6.12 got flags with a stable release. */
static inline void mqtt_tcp_send_ack(struct sock *sk)
{
	void (*ack_flags)(struct sock *sk, u32 rcv_nxt, u16 flags) = (void *)__tcp_send_ack;
	void (*ack)(struct sock *sk, u32 rcv_nxt) = (void *)__tcp_send_ack;

	if (__builtin_types_compatible_p(typeof(__tcp_send_ack), typeof(*ack)))
		ack(sk, tcp_sk(sk)->rcv_nxt);
	else
		ack_flags(sk, tcp_sk(sk)->rcv_nxt, 0);
}

#endif /* _MQTT_COMPAT_H */
