// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: who comes too late, or at a moment that is a few instructions long: made by hand.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "../keepalive.h"
#include "../port.h"
#include "../socket.h"
#include "peer_rig.h"

/* Operations that have TCP's functions in them, and are not TCP's */
static void attach_lookalike(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;
	struct proto *prot = kunit_kzalloc(test, sizeof(*prot), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, prot);
	mqtt_peers_start(test, f);
	KUNIT_ASSERT_EQ(test, mqtt_pair_detach(f, &f->sub), 0);
	mqtt_peer_forget_flush(f->sub.here);
	*prot = tcp_prot;
	WRITE_ONCE(f->sub.here->sk->sk_prot, prot);
	KUNIT_EXPECT_EQ(test, mqtt_pair_attach(f, &f->sub, MQTT_PROTOCOL_V5), -EBUSY);
	WRITE_ONCE(f->sub.here->sk->sk_prot, &tcp_prot);
	KUNIT_EXPECT_EQ(test, mqtt_pair_attach(f, &f->sub, MQTT_PROTOCOL_V5), 0);
}

/* Who was on the way there when the socket was attached */
static void disconnect_refused(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;
	struct sock *sk = f->sub.here->sk;

	mqtt_peers_start(test, f);
	lock_sock(sk);
	KUNIT_EXPECT_EQ(test, sk->sk_prot->disconnect(sk, 0), -EBUSY);
	release_sock(sk);
	mqtt_peers_forward(test, f);
}

static struct mqtt_peer *peer_of(struct kunit *test, struct mqtt_peers *f,
				 const struct mqtt_pair *pair)
{
	struct netlink_ext_ack extack = {};
	struct mqtt_peer *peer;

	mutex_lock(&f->router->lock);
	peer = mqtt_peer_find(f->router, pair->id, &extack);
	mutex_unlock(&f->router->lock);
	KUNIT_ASSERT_FALSE(test, IS_ERR(peer));
	return peer;
}

/* References that are given away with it are counted afterwards. */
static void timer_set(struct mqtt_peer *peer, unsigned long when)
{
	mqtt_peer_hold(peer);
	if (mod_timer(&peer->keepalive.timer, when))
		mqtt_peer_put(peer);
}

/* The timer finds the socket in use, and looks again. */
static void keepalive_of_a_busy_socket(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;
	unsigned long when = jiffies + 1;
	struct mqtt_peer *peer;
	struct sock *sk;

	mqtt_peers_start(test, f);
	peer = peer_of(test, f, &f->sub);
	sk = peer->sk;
	peer->keepalive.seconds = 1000;
	lock_sock(sk);
	timer_set(peer, when);
	while (READ_ONCE(peer->keepalive.timer.expires) == when)
		usleep_range(1000, 2000);
	release_sock(sk);
	/* One that has waited for the socket's lock while the timer was set anew. */
	mqtt_keepalive_set(peer, 1000);
	KUNIT_EXPECT_EQ(test, refcount_read(&peer->refs), 3);
	mqtt_peer_hold(peer);
	local_bh_disable();
	peer->keepalive.timer.function(&peer->keepalive.timer);
	local_bh_enable();
	KUNIT_EXPECT_TRUE(test, timer_pending(&peer->keepalive.timer));
	KUNIT_EXPECT_EQ(test, refcount_read(&peer->refs), 3);
	mqtt_peers_forward(test, f);
}

static int offload(struct mqtt_peers *f, const struct mqtt_pair *pair, struct socket *sock)
{
	struct mqtt_peer_params params = {};
	struct netlink_ext_ack extack = {};

	return mqtt_peer_offload(f->router, pair->id, sock, &params, &extack);
}

static int host(struct mqtt_peers *f, struct mqtt_peer *peer, u32 port)
{
	struct netlink_ext_ack extack = {};

	return mqtt_peer_host(f->router, peer->id, port, &extack);
}

static struct file *port_open(struct kunit *test, struct mqtt_peers *f, u32 *id)
{
	struct mqtt_port *port;
	struct file *file;

	mutex_lock(&f->router->lock);
	port = mqtt_port_new(f->router, 1 << 20);
	*id = IS_ERR(port) ? 0 : port->id;
	file = IS_ERR(port) ? ERR_CAST(port) : mqtt_port_file(port);
	mutex_unlock(&f->router->lock);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

/* Nothing of a former connection is left when the next one comes, or it has to wait. */
static void offload_again(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;
	struct mqtt_peer *peer;
	struct file *file;
	u32 port;

	mqtt_peers_start(test, f);
	peer = peer_of(test, f, &f->sub);
	file = port_open(test, f, &port);
	KUNIT_EXPECT_EQ(test, offload(f, &f->sub, f->pub.client), -EBUSY);
	KUNIT_EXPECT_EQ(test, host(f, peer, port), 0);

	mqtt_peer_hold(peer);
	KUNIT_EXPECT_EQ(test, offload(f, &f->sub, f->sub.here), -EBUSY);
	KUNIT_EXPECT_TRUE(test, mqtt_peer_is_hosted(peer));
	mqtt_peer_put(peer);

	/* What a tasklet or a timer that was late may have left */
	mqtt_peer_hold(peer);
	KUNIT_EXPECT_TRUE(test, queue_delayed_work(mqtt_wq, &peer->tx.work, 1000 * HZ));
	mqtt_peer_hold(peer);
	KUNIT_EXPECT_TRUE(test, queue_delayed_work(mqtt_wq, &peer->rx.work, 1000 * HZ));
	timer_set(peer, jiffies + 1000 * HZ);
	KUNIT_EXPECT_EQ(test, offload(f, &f->sub, f->sub.here), 0);
	/* the list's and the socket's */
	KUNIT_EXPECT_EQ(test, refcount_read(&peer->refs), 2);
	mqtt_peers_forward(test, f);
	fput(file);
	flush_delayed_fput();
}

/* --- operations ---------------------------------------------------------------- */

static int send_by(const struct proto *prot, struct socket *sock, void *bytes, size_t len,
		   int flags)
{
	struct kvec vec = { .iov_base = bytes, .iov_len = len };
	struct msghdr msg = { .msg_flags = flags };

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, len);
	return prot->sendmsg(sock->sk, &msg, len);
}

static int receive_by(const struct proto *prot, struct socket *sock, void *bytes, size_t len,
		      int flags)
{
	struct kvec vec = { .iov_base = bytes, .iov_len = len };
	struct msghdr msg = {};

	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &vec, 1, len);
	return prot->recvmsg(sock->sk, &msg, len, flags, NULL);
}

/* Who has read them before the socket was given back ends up in TCP's. */
static void operations_of_before(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;
	struct socket *sock = f->sub.here;
	const struct proto_ops *ops;
	const struct proto *prot;
	u8 bytes[8];

	mqtt_peers_start(test, f);
	prot = sock->sk->sk_prot;
	ops = sock->ops;
	KUNIT_EXPECT_EQ(test, mqtt_pair_detach(f, &f->sub), 0);
	KUNIT_EXPECT_PTR_NE(test, prot, (const struct proto *)sock->sk->sk_prot);

	PUT(f->sub.client, "ab");
	KUNIT_EXPECT_EQ(test, (__force int)ops->poll(NULL, sock, NULL) & (EPOLLIN | EPOLLOUT),
			EPOLLIN | EPOLLOUT);
	KUNIT_EXPECT_EQ(test, receive_by(prot, sock, bytes, sizeof(bytes), MSG_DONTWAIT), 2);
	KUNIT_EXPECT_MEMEQ(test, bytes, "ab", 2);
	KUNIT_EXPECT_EQ(test, receive_by(prot, sock, bytes, sizeof(bytes), MSG_DONTWAIT), -EAGAIN);
	KUNIT_EXPECT_EQ(test, send_by(prot, sock, "cd", 2, MSG_DONTWAIT), 2);
	EXPECT(f->sub.client, "cd");
}

struct late {
	struct socket *sock;
	const struct proto *prot;
	bool send;
	int ret;
	struct completion done;
};

/* A signal is there already, so nothing is waited for. */
static int late_main(void *arg)
{
	struct late *late = arg;
	u8 bytes[2] = {};

	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
	late->ret = late->send ? send_by(late->prot, late->sock, bytes, sizeof(bytes), 0) :
				 receive_by(late->prot, late->sock, bytes, sizeof(bytes), 0);
	flush_signals(current);
	kthread_complete_and_exit(&late->done, 0);
}

static int interrupted(struct kunit *test, struct mqtt_peer *peer, struct socket *sock, bool send)
{
	struct late late = { .sock = sock, .prot = sock->sk->sk_prot, .send = send };
	struct mutex *lock = send ? &peer->tx.user_lock : &peer->rx.read_lock;

	init_completion(&late.done);
	mutex_lock(lock);
	if (!IS_ERR(kthread_run(late_main, &late, "mqtt_late")))
		wait_for_completion(&late.done);
	mutex_unlock(lock);
	return late.ret;
}

/* Behind another thread that reads, or writes */
static void interrupted_behind_another(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;
	struct mqtt_peer *peer;

	mqtt_peers_start(test, f);
	peer = peer_of(test, f, &f->sub);
	KUNIT_EXPECT_EQ(test, interrupted(test, peer, f->sub.here, false), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, interrupted(test, peer, f->sub.here, true), -ERESTARTSYS);
	f->sub.here->sk->sk_rcvtimeo = HZ;
	f->sub.here->sk->sk_sndtimeo = HZ;
	KUNIT_EXPECT_EQ(test, interrupted(test, peer, f->sub.here, false), -EINTR);
	KUNIT_EXPECT_EQ(test, interrupted(test, peer, f->sub.here, true), -EINTR);
	mqtt_peers_forward(test, f);
}

static struct kunit_case late_cases[] = {
	KUNIT_CASE(attach_lookalike),
	KUNIT_CASE(disconnect_refused),
	KUNIT_CASE(keepalive_of_a_busy_socket),
	KUNIT_CASE(offload_again),
	KUNIT_CASE(operations_of_before),
	KUNIT_CASE(interrupted_behind_another),
	{}
};

static struct kunit_suite late_suite = {
	.name = "mqtt_late",
	.suite_init = mqtt_peers_suite_init,
	.init = mqtt_peers_init,
	.exit = mqtt_peers_exit,
	.test_cases = late_cases,
};

kunit_test_suites(&late_suite);
