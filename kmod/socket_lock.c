// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locking a socket whose owner may be asleep.
 *
 * A thread inside send() or recv() owns the socket. It may sleep there for as long as it
 * likes, in a page fault that another process answers, and lock_sock() waits for it
 * whatever happens. A request must not: generic netlink holds a lock for it, which whoever
 * registers a family wants alone, and behind that one all other requests wait. And the end
 * of a router must not, which has other sockets to give back. So here waiting comes to an
 * end. Otherwise this is lock_sock(), and release_sock() is its counterpart.
 */
#include <linux/sched/signal.h>
#include <linux/wait.h>
#include <net/sock.h>

#include "socket.h"

/*
 * The socket's spinlock is held. An owner that leaves wakes one who waits; whoever is woken
 * takes the socket if it is free, however late it is: otherwise the next one would sleep on.
 */
static int mqtt_socket_wait(struct sock *sk, long *left)
{
	DEFINE_WAIT(wait);

	while (sock_owned_by_user_nocheck(sk) && *left && !fatal_signal_pending(current)) {
		prepare_to_wait_exclusive(&sk->sk_lock.wq, &wait, TASK_KILLABLE);
		spin_unlock_bh(&sk->sk_lock.slock);
		*left = schedule_timeout(*left);
		spin_lock_bh(&sk->sk_lock.slock);
	}
	finish_wait(&sk->sk_lock.wq, &wait);
	if (!sock_owned_by_user_nocheck(sk))
		return 0;
	return *left ? -EINTR : -EAGAIN;
}

/**
 * mqtt_socket_lock() - lock_sock() that does not wait for ever
 * @sk: socket
 * @left: how long to wait at most, jiffies; what is left of it when this returns
 * @extack: is told what is wrong
 *
 * Context: may sleep, also with nothing left to wait.
 * Return: 0, and release_sock() is to follow; -EAGAIN if its owner has not left it;
 * -EINTR if the caller is being killed.
 */
int mqtt_socket_lock(struct sock *sk, long *left, struct netlink_ext_ack *extack)
{
	int err;

	might_sleep();
	mutex_acquire(&sk->sk_lock.dep_map, 0, !*left, _RET_IP_);
	spin_lock_bh(&sk->sk_lock.slock);
	err = mqtt_socket_wait(sk, left);
	if (!err)
		sk->sk_lock.owned = 1;
	spin_unlock_bh(&sk->sk_lock.slock);
	if (err)
		mutex_release(&sk->sk_lock.dep_map, _RET_IP_);
	if (err == -EAGAIN)
		NL_SET_ERR_MSG(extack, "the socket's owner has not left it for a second");
	return err;
}
