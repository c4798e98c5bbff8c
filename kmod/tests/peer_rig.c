// SPDX-License-Identifier: GPL-2.0-only
#include <kunit/test.h>
#include <linux/in.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "../socket.h"
#include "peer_rig.h"

#define PORTID	MQTT_PEERS_PORTID

void mqtt_pair_connect(struct kunit *test, struct mqtt_pair *pair)
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

int mqtt_pair_attach(struct mqtt_peers *f, struct mqtt_pair *pair, u8 protocol)
{
	struct mqtt_peer_params params = { .client_id = "kunit", .protocol = protocol };
	struct netlink_ext_ack extack = {};

	return mqtt_socket_check(pair->here, &init_net, &extack) ?:
	       mqtt_peer_attach(f->router, pair->here, &params, &pair->id, &extack);
}

int mqtt_pair_detach(struct mqtt_peers *f, const struct mqtt_pair *pair)
{
	struct netlink_ext_ack extack = {};

	return mqtt_peer_detach(f->router, pair->id, &extack);
}

void mqtt_end_close(struct socket **sock)
{
	if (*sock)
		sock_release(*sock);
	*sock = NULL;
}

static void pair_close(struct mqtt_pair *pair)
{
	mqtt_end_close(&pair->here);
	mqtt_end_close(&pair->client);
}

int mqtt_pair_subscribe(struct mqtt_peers *f, const struct mqtt_pair *pair, const char *filter)
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

void mqtt_pair_put(struct kunit *test, struct socket *sock, const void *bytes, size_t len)
{
	struct kvec vec = { .iov_base = (void *)bytes, .iov_len = len };
	struct msghdr msg = {};

	KUNIT_EXPECT_EQ(test, kernel_sendmsg(sock, &msg, &vec, 1, len), len);
}

/* Waits for as many bytes as are wanted. */
void mqtt_pair_expect(struct kunit *test, struct socket *sock, const void *bytes, size_t len)
{
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = {};

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, kernel_recvmsg(sock, &msg, &vec, 1, len, MSG_WAITALL), len);
	KUNIT_EXPECT_MEMEQ(test, buf, bytes, len);
}

void mqtt_pair_expect_nothing(struct kunit *test, struct socket *sock)
{
	struct msghdr msg = {};
	struct kvec vec;
	u8 byte;

	vec.iov_base = &byte;
	vec.iov_len = 1;
	KUNIT_EXPECT_EQ(test, kernel_recvmsg(sock, &msg, &vec, 1, 1, MSG_DONTWAIT), -EAGAIN);
}

int mqtt_peers_init(struct kunit *test)
{
	struct mqtt_peers *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	test->priv = f;
	f->router = mqtt_router_new(&init_net, NULL, PORTID);
	if (IS_ERR(f->router))
		return PTR_ERR(f->router);
	mqtt_pair_connect(test, &f->pub);
	mqtt_pair_connect(test, &f->sub);
	return 0;
}

void mqtt_peers_exit(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;

	if (!f || IS_ERR_OR_NULL(f->router))
		return;
	mqtt_router_end(&init_net, PORTID, NULL);
	mqtt_router_put(f->router);
	pair_close(&f->pub);
	pair_close(&f->sub);
}

void mqtt_peers_start(struct kunit *test, struct mqtt_peers *f)
{
	KUNIT_ASSERT_EQ(test, mqtt_pair_attach(f, &f->pub, MQTT_PROTOCOL_V311), 0);
	KUNIT_ASSERT_EQ(test, mqtt_pair_attach(f, &f->sub, MQTT_PROTOCOL_V5), 0);
	KUNIT_ASSERT_EQ(test, mqtt_pair_subscribe(f, &f->sub, "t"), 1);
}

void mqtt_peers_forward(struct kunit *test, struct mqtt_peers *f)
{
	PUT(f->pub.client, MESSAGE_3);
	EXPECT(f->sub.client, MESSAGE_5);
}

int mqtt_peers_suite_init(struct kunit_suite *suite)
{
	struct net_device *lo = init_net.loopback_dev;
	int err;

	rtnl_lock();
	err = dev_change_flags(lo, lo->flags | IFF_UP, NULL);
	rtnl_unlock();
	return err;
}
