// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations of an attached socket: TCP's own, with the kernel's packets
 * taken out on the way in and put between on the way out.
 *
 * A thread may sleep in here after its socket was given back, and even after
 * the peer is gone. What may sleep is therefore counted, and the module waits
 * for it before it goes.
 */
#include <linux/delay.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "peer.h"
#include "rx.h"
#include "socket.h"
#include "tcp.h"
#include "tx.h"

/* Threads inside, as a sum over CPUs: they leave on another than they came. */
static DEFINE_PER_CPU(long, mqtt_tcp_inside);

static void mqtt_tcp_enter(void)
{
	this_cpu_inc(mqtt_tcp_inside);
}

static void mqtt_tcp_leave(void)
{
	this_cpu_dec(mqtt_tcp_inside);
}

static void mqtt_tcp_release_cb(struct sock *sk);

/* What the socket had before, or has again. */
static struct proto *mqtt_tcp_base(struct sock *sk)
{
	struct proto *prot = READ_ONCE(sk->sk_prot);

	return prot->release_cb == mqtt_tcp_release_cb ? mqtt_proto_of(sk)->base : prot;
}

static __poll_t mqtt_tcp_poll(struct file *file, struct socket *sock,
			      struct poll_table_struct *wait);

static const struct proto_ops *mqtt_tcp_base_ops(struct socket *sock)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);

	return ops->poll == mqtt_tcp_poll ? mqtt_proto_of(sock->sk)->base_ops : ops;
}

static bool mqtt_tcp_may_read(const struct mqtt_peer *peer)
{
	const struct sock *sk = peer->sk;

	return mqtt_rx_readable(peer) || !READ_ONCE(peer->hooked) || READ_ONCE(sk->sk_err) ||
	       (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN && !mqtt_rx_waits(peer)) ||
	       inet_sk_state_load(sk) == TCP_CLOSE;
}

/* Returns 0, or an errno if there is no use in waiting longer. */
static int mqtt_tcp_wait_readable(struct mqtt_peer *peer, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = peer->sk;
	int err = 0;

	add_wait_queue(sk_sleep(sk), &wait);
	for (;;) {
		if (!*timeo)
			err = -EAGAIN;
		else if (signal_pending(current))
			err = sock_intr_errno(*timeo);
		if (err || mqtt_tcp_may_read(peer))
			break;
		*timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, *timeo);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return err;
}

/*
 * Receive what may be received now. Returns bytes, 0 at the end of the
 * stream, or an errno.
 */
static int mqtt_tcp_recv_once(struct mqtt_peer *peer, struct msghdr *msg, size_t len, int flags,
			      int *addr_len)
{
	struct sock *sk = peer->sk;
	size_t bytes;
	int ret;

	if (mutex_lock_interruptible(&peer->rx.read_lock))
		return sock_intr_errno(sock_rcvtimeo(sk, 0));

	bytes = mqtt_rx_user_bytes(peer, flags);
	if (bytes) {
		/* All of it may still have to arrive, and TCP is no place to wait. */
		ret = mqtt_tcp_base(sk)->recvmsg(sk, msg, min(len, bytes), flags | MSG_DONTWAIT,
						 addr_len);
		if (ret > 0 && !(flags & MSG_PEEK))
			mqtt_rx_user_done(peer);
	} else {
		ret = sock_error(sk) ?: -EAGAIN;
	}
	mutex_unlock(&peer->rx.read_lock);
	return ret;
}

/*
 * The socket was given back while its thread was about to sleep: that is to
 * happen in TCP, without us, or the module could not go before the thread
 * wakes. Like fork(), let the system call begin anew; its caller sees nothing.
 */
static int mqtt_tcp_again(void)
{
	set_thread_flag(TIF_SIGPENDING);
	return -ERESTARTSYS;
}

/* A barrier packet has been read, and nothing may be read behind it. */
static bool mqtt_tcp_at_barrier(const struct mqtt_peer *peer)
{
	return READ_ONCE(peer->rx.state) == MQTT_PEER_STATE_BARRIER &&
	       (s32)(READ_ONCE(peer->rx.end) - READ_ONCE(tcp_sk(peer->sk)->copied_seq)) <= 0;
}

static int mqtt_tcp_recv_attached(struct mqtt_peer *peer, struct msghdr *msg, size_t len,
				  int flags, int *addr_len)
{
	long timeo = sock_rcvtimeo(peer->sk, flags & MSG_DONTWAIT);
	int done = 0;
	int ret;

	for (;;) {
		ret = mqtt_tcp_recv_once(peer, msg, len - done, flags, addr_len);
		if (ret > 0) {
			done += ret;
			/* MSG_WAITALL is short at a barrier, whose end has to be seen. */
			if (done == len || flags & MSG_PEEK || !(flags & MSG_WAITALL) ||
			    mqtt_tcp_at_barrier(peer))
				break;
			continue;
		}
		if (ret != -EAGAIN || !timeo)
			break;
		if (flags & MSG_PEEK && mqtt_tcp_at_barrier(peer))
			break;
		if (!READ_ONCE(peer->hooked)) {
			ret = mqtt_tcp_again();
			break;
		}
		ret = mqtt_tcp_wait_readable(peer, &timeo);
		if (ret)
			break;
	}
	return done ?: ret;
}

static int mqtt_tcp_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
			    int *addr_len)
{
	struct mqtt_peer *peer;
	int ret;

	mqtt_tcp_enter();
	peer = mqtt_socket_peer(sk);
	if (!peer || !len || flags & MSG_ERRQUEUE)
		ret = mqtt_tcp_base(sk)->recvmsg(sk, msg, len, flags, addr_len);
	else if (flags & MSG_OOB)
		ret = -EOPNOTSUPP;
	else
		ret = mqtt_tcp_recv_attached(peer, msg, len, flags, addr_len);
	if (peer)
		mqtt_peer_put(peer);
	mqtt_tcp_leave();
	return ret;
}

static int mqtt_tcp_send_attached(struct mqtt_peer *peer, struct msghdr *msg, size_t len)
{
	struct sock *sk = peer->sk;
	struct iov_iter from;
	int ret;

	ret = mqtt_tx_user_begin(peer, msg->msg_flags);
	if (ret)
		return ret;
	from = msg->msg_iter;
	if (READ_ONCE(peer->hooked) || msg->msg_flags & MSG_DONTWAIT)
		ret = mqtt_tcp_base(sk)->sendmsg(sk, msg, len);
	else
		ret = mqtt_tcp_again();
	mqtt_tx_user_end(peer, &from, max(ret, 0));
	return ret;
}

static int mqtt_tcp_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct mqtt_peer *peer;
	int ret;

	mqtt_tcp_enter();
	peer = mqtt_socket_peer(sk);
	if (!peer)
		ret = mqtt_tcp_base(sk)->sendmsg(sk, msg, len);
	else if (msg->msg_flags & (MSG_OOB | MSG_ZEROCOPY | MSG_FASTOPEN))
		ret = -EOPNOTSUPP;
	else
		ret = mqtt_tcp_send_attached(peer, msg, len);
	if (peer)
		mqtt_peer_put(peer);
	mqtt_tcp_leave();
	return ret;
}

static void mqtt_tcp_close(struct sock *sk, long timeout)
{
	struct mqtt_peer *peer;

	mqtt_tcp_enter();
	peer = mqtt_socket_peer(sk);
	if (peer) {
		mqtt_peer_close(peer);
		mqtt_peer_put(peer);
	}
	mqtt_tcp_base(sk)->close(sk, timeout);
	mqtt_tcp_leave();
}

static int mqtt_tcp_disconnect(struct sock *sk, int flags)
{
	return -EBUSY;
}

/* Options that would change under us whose the bytes of the stream are. */
static int mqtt_tcp_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
			       unsigned int optlen)
{
	int ret;

	if (level == SOL_TCP && (optname == TCP_ULP || optname == TCP_REPAIR))
		return -EBUSY;
	mqtt_tcp_enter();
	ret = mqtt_tcp_base(sk)->setsockopt(sk, level, optname, optval, optlen);
	mqtt_tcp_leave();
	return ret;
}

static int mqtt_tcp_getsockopt(struct sock *sk, int level, int optname, char __user *optval,
			       int __user *optlen)
{
	int ret;

	if (level == SOL_TCP && optname == TCP_ZEROCOPY_RECEIVE)
		return -EOPNOTSUPP;
	mqtt_tcp_enter();
	/* TCP reads it without a lock, more than once. */
	if (level == SOL_TCP && optname == TCP_ULP)
		ret = put_user(0, optlen);
	else
		ret = mqtt_tcp_base(sk)->getsockopt(sk, level, optname, optval, optlen);
	mqtt_tcp_leave();
	return ret;
}

/* The socket's spinlock is held. */
static void mqtt_tcp_release_cb(struct sock *sk)
{
	struct mqtt_peer *peer;

	mqtt_tcp_base(sk)->release_cb(sk);
	rcu_read_lock();
	peer = rcu_dereference_sk_user_data(sk);
	if (peer) {
		mqtt_rx_release_cb(peer);
		mqtt_tx_release_cb(peer);
	}
	rcu_read_unlock();
}

/**
 * mqtt_tcp_data_ready() - sk_data_ready of an attached socket
 * @sk: socket
 *
 * Context: the socket is locked, in softirq or by the thread that works off
 * its backlog.
 */
void mqtt_tcp_data_ready(struct sock *sk)
{
	struct mqtt_peer *peer;

	rcu_read_lock();
	peer = rcu_dereference_sk_user_data(sk);
	if (peer)
		mqtt_rx_data_ready(peer);
	rcu_read_unlock();
}

/**
 * mqtt_tcp_write_space() - sk_write_space of an attached socket
 * @sk: socket
 *
 * Context: as mqtt_tcp_data_ready(), and inside tcp_sendmsg_locked().
 */
void mqtt_tcp_write_space(struct sock *sk)
{
	struct mqtt_peer *peer;

	rcu_read_lock();
	peer = rcu_dereference_sk_user_data(sk);
	if (peer) {
		peer->saved_write_space(sk);
		mqtt_tx_write_space(peer);
	}
	rcu_read_unlock();
}

/*
 * The kernel is in the middle of a packet, so the daemon cannot write. Who
 * waits for that is woken by mqtt_tx_yield().
 */
static bool mqtt_tcp_out_masked(struct mqtt_peer *peer)
{
	if (!READ_ONCE(peer->tx.off))
		return false;
	set_bit(MQTT_TX_USER_WANTS, &peer->tx.flags);
	/* Pairs with the barrier in mqtt_tx_yield(). */
	smp_mb__after_atomic();
	return READ_ONCE(peer->tx.off);
}

static __poll_t mqtt_tcp_poll(struct file *file, struct socket *sock,
			      struct poll_table_struct *wait)
{
	const __poll_t out = EPOLLOUT | EPOLLWRNORM;
	const __poll_t in = EPOLLIN | EPOLLRDNORM;
	struct sock *sk = sock->sk;
	struct mqtt_peer *peer;
	__poll_t mask;

	/* To wait is to allocate, which may sleep. */
	mqtt_tcp_enter();
	mask = mqtt_tcp_base_ops(sock)->poll(file, sock, wait);
	peer = mqtt_socket_peer(sk);
	if (!peer)
		goto out;

	if (mqtt_rx_readable(peer))
		mask |= in;
	else if (mqtt_rx_waits(peer))
		mask &= ~(in | EPOLLRDHUP);
	else if (!(READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN))
		mask &= ~in;
	if (poll_requested_events(wait) & out && mqtt_tcp_out_masked(peer))
		mask &= ~out;
	mqtt_peer_put(peer);
out:
	mqtt_tcp_leave();
	return mask;
}

static int mqtt_tcp_connect(struct socket *sock, struct sockaddr *addr, int addr_len, int flags)
{
	return addr_len >= sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC ?
	       -EBUSY : -EISCONN;
}

static ssize_t mqtt_tcp_splice_read(struct socket *sock, loff_t *ppos,
				    struct pipe_inode_info *pipe, size_t len,
				    unsigned int flags)
{
	ssize_t ret;

	mqtt_tcp_enter();
	ret = mqtt_splice_read(sock, ppos, pipe, len, flags);
	mqtt_tcp_leave();
	return ret;
}

static int mqtt_tcp_set_rcvlowat(struct sock *sk, int val)
{
	return val > 1 ? -EBUSY : 0;
}

/**
 * mqtt_tcp_override() - put our operations into a copy of TCP's
 * @proto: whose @prot and @ops are copies
 *
 * splice() out of the socket goes through recvmsg, sendfile() and splice()
 * into it through sendmsg; TCP's own ways know no packets.
 */
void mqtt_tcp_override(struct mqtt_proto *proto)
{
	struct proto_ops *ops = &proto->ops;
	struct proto *prot = &proto->prot;

	prot->recvmsg = mqtt_tcp_recvmsg;
	prot->sendmsg = mqtt_tcp_sendmsg;
	prot->close = mqtt_tcp_close;
	prot->disconnect = mqtt_tcp_disconnect;
	prot->setsockopt = mqtt_tcp_setsockopt;
	prot->getsockopt = mqtt_tcp_getsockopt;
	prot->release_cb = mqtt_tcp_release_cb;
	mqtt_proto_no_sendpage(prot);

	ops->poll = mqtt_tcp_poll;
	ops->connect = mqtt_tcp_connect;
	ops->mmap = sock_no_mmap;
	ops->splice_read = mqtt_tcp_splice_read;
	ops->set_peek_off = NULL;
	ops->set_rcvlowat = mqtt_tcp_set_rcvlowat;
}

static long mqtt_tcp_sum_inside(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(mqtt_tcp_inside, cpu));
	return sum;
}

/**
 * mqtt_tcp_module_exit() - wait until no thread is inside an operation
 *
 * No socket has our operations any more. After the first wait everybody who
 * had read a pointer to one has either entered, and is counted, or left; from
 * then on the sum only falls. After the last, those who were counted out have
 * executed the few instructions behind.
 *
 * Context: may sleep.
 */
void mqtt_tcp_module_exit(void)
{
	synchronize_rcu_tasks();
	while (mqtt_tcp_sum_inside())
		msleep(20);
	synchronize_rcu_tasks();
}
