// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: peers on sockets that the kernel has made itself, over loopback; their
 * states, and every way that they end.
 */
#include <kunit/test.h>
#include <linux/in.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "../peer.h"
#include "../router.h"
#include "../socket.h"

#define PORTID	4711	/* of a netlink socket that nobody has */

/* A connection; @here is the daemon's end */
struct pair {
	struct socket *client;
	struct socket *here;
	u32 id;
};

struct fixture {
	struct mqtt_router *router;
	struct pair pub;
	struct pair sub;
};

static void pair_connect(struct kunit *test, struct pair *pair)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct socket *listener;
	struct sockaddr *sa = (struct sockaddr *)&addr;
	int err;

	err = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &listener);
	KUNIT_ASSERT_EQ(test, err, 0);
	err = kernel_bind(listener, sa, sizeof(addr)) ?: kernel_listen(listener, 1);
	if (!err)
		err = min(kernel_getsockname(listener, sa), 0);
	if (!err)
		err = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &pair->client);
	if (!err)
		err = kernel_connect(pair->client, sa, sizeof(addr), 0);
	if (!err)
		err = kernel_accept(listener, &pair->here, 0);
	sock_release(listener);
	KUNIT_ASSERT_EQ(test, err, 0);
	tcp_sock_set_nodelay(pair->client->sk);
}

static int pair_attach(struct fixture *f, struct pair *pair, u8 protocol)
{
	struct mqtt_peer_params params = { .client_id = "kunit", .protocol = protocol };
	struct netlink_ext_ack extack = {};
	int err;

	err = mqtt_socket_check(pair->here, &init_net, &extack) ?:
	      mqtt_peer_attach(f->router, pair->here, &params, &pair->id, &extack);
	return err;
}

static int pair_detach(struct fixture *f, const struct pair *pair)
{
	struct netlink_ext_ack extack = {};

	return mqtt_peer_detach(f->router, pair->id, &extack);
}

static void end_close(struct socket **sock)
{
	if (*sock)
		sock_release(*sock);
	*sock = NULL;
}

static void pair_close(struct pair *pair)
{
	end_close(&pair->here);
	end_close(&pair->client);
}

static int subscribe(struct fixture *f, const struct pair *pair, const char *filter)
{
	const struct mqtt_sub_desc desc = { .filter = filter, .len = strlen(filter) };
	struct netlink_ext_ack extack = {};
	struct mqtt_peer *peer;
	int ret;

	mutex_lock(&f->router->lock);
	peer = mqtt_peer_find(f->router, pair->id, &extack);
	ret = IS_ERR(peer) ? PTR_ERR(peer) : mqtt_peer_sub_add(peer, &desc);
	mutex_unlock(&f->router->lock);
	return ret;
}

/* -1 if there is no such peer */
static int state_of(struct fixture *f, const struct pair *pair)
{
	struct netlink_ext_ack extack = {};
	struct mqtt_peer *peer;
	int state = -1;

	mutex_lock(&f->router->lock);
	peer = mqtt_peer_find(f->router, pair->id, &extack);
	if (!IS_ERR(peer))
		state = READ_ONCE(peer->rx.state);
	mutex_unlock(&f->router->lock);
	return state;
}

static void put(struct kunit *test, struct socket *sock, const void *bytes, size_t len)
{
	struct kvec vec = { .iov_base = (void *)bytes, .iov_len = len };
	struct msghdr msg = {};

	KUNIT_EXPECT_EQ(test, kernel_sendmsg(sock, &msg, &vec, 1, len), len);
}

/* Waits for as many bytes as are wanted. */
static void expect(struct kunit *test, struct socket *sock, const void *bytes, size_t len)
{
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = {};

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, kernel_recvmsg(sock, &msg, &vec, 1, len, MSG_WAITALL), len);
	KUNIT_EXPECT_MEMEQ(test, buf, bytes, len);
}

static void expect_nothing(struct kunit *test, struct socket *sock)
{
	struct msghdr msg = {};
	struct kvec vec;
	u8 byte;

	vec.iov_base = &byte;
	vec.iov_len = 1;
	KUNIT_EXPECT_EQ(test, kernel_recvmsg(sock, &msg, &vec, 1, 1, MSG_DONTWAIT), -EAGAIN);
}

#define PUT(sock, s)	put(test, sock, s, sizeof(s) - 1)
#define EXPECT(sock, s)	expect(test, sock, s, sizeof(s) - 1)

#define MESSAGE_3	"\x30\x06\x00\x01t" "msg"
#define MESSAGE_5	"\x30\x07\x00\x01t\x00" "msg"

static int fixture_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	test->priv = f;
	f->router = mqtt_router_new(&init_net, NULL, PORTID);
	if (IS_ERR(f->router))
		return PTR_ERR(f->router);
	pair_connect(test, &f->pub);
	pair_connect(test, &f->sub);
	return 0;
}

static void fixture_exit(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (!f || IS_ERR_OR_NULL(f->router))
		return;
	mqtt_router_end(&init_net, PORTID);
	mqtt_router_put(f->router);
	pair_close(&f->pub);
	pair_close(&f->sub);
}

static void start(struct kunit *test, struct fixture *f)
{
	KUNIT_ASSERT_EQ(test, pair_attach(f, &f->pub, MQTT_PROTOCOL_V311), 0);
	KUNIT_ASSERT_EQ(test, pair_attach(f, &f->sub, MQTT_PROTOCOL_V5), 0);
	KUNIT_ASSERT_EQ(test, subscribe(f, &f->sub, "t"), 1);
}

static void forward(struct kunit *test, struct fixture *f)
{
	PUT(f->pub.client, MESSAGE_3);
	EXPECT(f->sub.client, MESSAGE_5);
}

static void attach_and_forward(struct kunit *test)
{
	struct fixture *f = test->priv;

	start(test, f);
	KUNIT_EXPECT_EQ(test, f->router->nr_peers, 2);
	KUNIT_EXPECT_EQ(test, state_of(f, &f->pub), MQTT_PEER_STATE_FAST);
	forward(test, f);
	forward(test, f);
	expect_nothing(test, f->pub.here);
}

static void attach_twice(struct kunit *test)
{
	struct fixture *f = test->priv;

	start(test, f);
	KUNIT_EXPECT_EQ(test, pair_attach(f, &f->pub, MQTT_PROTOCOL_V311), -EBUSY);
	KUNIT_EXPECT_EQ(test, f->router->nr_peers, 2);
	forward(test, f);
}

static void attach_unconnected(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct pair pair = {};

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &pair.here), 0);
	KUNIT_EXPECT_EQ(test, pair_attach(f, &pair, MQTT_PROTOCOL_V5), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, f->router->nr_peers, 0);
	end_close(&pair.here);
}

/* Behind a barrier the stream waits for the daemon's next recv(). */
static void state_barrier(struct kunit *test)
{
	struct fixture *f = test->priv;

	start(test, f);
	PUT(f->pub.client, "\xe0\x00" MESSAGE_3);
	EXPECT(f->pub.here, "\xe0\x00");
	KUNIT_EXPECT_EQ(test, state_of(f, &f->pub), MQTT_PEER_STATE_BARRIER);
	expect_nothing(test, f->sub.client);
	expect_nothing(test, f->pub.here);
	KUNIT_EXPECT_EQ(test, state_of(f, &f->pub), MQTT_PEER_STATE_FAST);
	EXPECT(f->sub.client, MESSAGE_5);
}

static void state_raw(struct kunit *test)
{
	struct fixture *f = test->priv;

	start(test, f);
	PUT(f->pub.client, MESSAGE_3 "\x00\x00" MESSAGE_3);
	EXPECT(f->sub.client, MESSAGE_5);
	EXPECT(f->pub.here, "\x00\x00" MESSAGE_3);
	KUNIT_EXPECT_EQ(test, state_of(f, &f->pub), MQTT_PEER_STATE_RAW);
	expect_nothing(test, f->sub.client);
}

/* What was not forwarded is the daemon's again, and the socket is TCP's. */
static int subs_in_order(struct fixture *f, const struct pair *pair)
{
	struct mqtt_peer_sub *sub;
	struct mqtt_peer *peer;
	u32 last = 0;
	int n = 0;

	mutex_lock(&f->router->lock);
	peer = mqtt_peer_find(f->router, pair->id, NULL);
	list_for_each_entry(sub, &peer->subs, list) {
		n += sub->seq > last;
		last = sub->seq;
	}
	mutex_unlock(&f->router->lock);
	return n;
}

/* A client has subscribed and unsubscribed very often: its next ones are the youngest still. */
static void renumber(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct mqtt_peer *peer;
	u32 before;

	start(test, f);
	KUNIT_EXPECT_EQ(test, subscribe(f, &f->sub, "a"), 1);
	mutex_lock(&f->router->lock);
	peer = mqtt_peer_find(f->router, f->sub.id, NULL);
	peer->next_sub_seq = U32_MAX - 1;
	mutex_unlock(&f->router->lock);
	KUNIT_EXPECT_EQ(test, subscribe(f, &f->sub, "b"), 1);

	mutex_lock(&f->router->lock);
	mqtt_peer_subs_renumber(peer);
	before = peer->next_sub_seq;
	KUNIT_EXPECT_EQ(test, before, peer->nr_subs);
	mqtt_peer_subs_renumber(peer);
	KUNIT_EXPECT_EQ(test, f->router->renumbered, 1);
	mutex_unlock(&f->router->lock);
	KUNIT_EXPECT_EQ(test, subscribe(f, &f->sub, "c"), 1);
	KUNIT_EXPECT_EQ(test, subs_in_order(f, &f->sub), peer->nr_subs);

	mutex_lock(&f->router->lock);
	mqtt_peer_sub_undo(peer, before);
	KUNIT_EXPECT_EQ(test, peer->nr_subs, before);
	mutex_unlock(&f->router->lock);
}

static void end_by_detach(struct kunit *test)
{
	struct fixture *f = test->priv;

	start(test, f);
	forward(test, f);
	PUT(f->pub.client, "\x30\x06\x00");
	KUNIT_EXPECT_EQ(test, pair_detach(f, &f->pub), 0);
	KUNIT_EXPECT_EQ(test, pair_detach(f, &f->pub), -ENOENT);
	KUNIT_EXPECT_EQ(test, state_of(f, &f->pub), -1);
	KUNIT_EXPECT_PTR_EQ(test, f->pub.here->sk->sk_prot, &tcp_prot);
	mqtt_peer_forget_flush(f->pub.here);
	KUNIT_EXPECT_NULL(test, f->pub.here->sk->sk_user_data);
	PUT(f->pub.client, "\x01t" "msg");
	EXPECT(f->pub.here, MESSAGE_3);
	/* and it may come again */
	KUNIT_EXPECT_EQ(test, pair_attach(f, &f->pub, MQTT_PROTOCOL_V311), 0);
	forward(test, f);
}

static void end_by_close(struct kunit *test)
{
	struct fixture *f = test->priv;

	start(test, f);
	forward(test, f);
	end_close(&f->sub.here);
	KUNIT_EXPECT_EQ(test, state_of(f, &f->sub), -1);
	KUNIT_EXPECT_EQ(test, f->router->nr_peers, 1);
	KUNIT_EXPECT_EQ(test, f->router->trie.subs, 0);
	KUNIT_EXPECT_EQ(test, pair_detach(f, &f->sub), -ENOENT);
}

static void end_of_the_router(struct kunit *test)
{
	struct fixture *f = test->priv;

	start(test, f);
	forward(test, f);
	mqtt_router_end(&init_net, PORTID);
	KUNIT_EXPECT_EQ(test, f->router->nr_peers, 0);
	PUT(f->pub.client, MESSAGE_3);
	EXPECT(f->pub.here, MESSAGE_3);
}

static int suite_init(struct kunit_suite *suite)
{
	struct net_device *lo = init_net.loopback_dev;
	int err;

	rtnl_lock();
	err = dev_change_flags(lo, lo->flags | IFF_UP, NULL);
	rtnl_unlock();
	return err;
}

static struct kunit_case peer_cases[] = {
	KUNIT_CASE(attach_and_forward),
	KUNIT_CASE(attach_twice),
	KUNIT_CASE(attach_unconnected),
	KUNIT_CASE(state_barrier),
	KUNIT_CASE(state_raw),
	KUNIT_CASE(renumber),
	KUNIT_CASE(end_by_detach),
	KUNIT_CASE(end_by_close),
	KUNIT_CASE(end_of_the_router),
	{}
};

static struct kunit_suite peer_suite = {
	.name = "mqtt_peer",
	.suite_init = suite_init,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = peer_cases,
};

kunit_test_suites(&peer_suite);
