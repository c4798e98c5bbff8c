// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: peers, their states, and every way that they end.
 */
#include <kunit/test.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "../rxq.h"
#include "peer_rig.h"

/* -1 if there is no such peer */
static int state_of(struct mqtt_peers *f, const struct mqtt_pair *pair)
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

static void attach_and_forward(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;

	mqtt_peers_start(test, f);
	KUNIT_EXPECT_EQ(test, f->router->nr_peers, 2);
	KUNIT_EXPECT_EQ(test, state_of(f, &f->pub), MQTT_PEER_STATE_FAST);
	mqtt_peers_forward(test, f);
	mqtt_peers_forward(test, f);
	mqtt_pair_expect_nothing(test, f->pub.here);
}

static void attach_twice(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;

	mqtt_peers_start(test, f);
	KUNIT_EXPECT_EQ(test, mqtt_pair_attach(f, &f->pub, MQTT_PROTOCOL_V311), -EBUSY);
	KUNIT_EXPECT_EQ(test, f->router->nr_peers, 2);
	mqtt_peers_forward(test, f);
}

static void attach_unconnected(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;
	struct mqtt_pair pair = {};

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
					       &pair.here), 0);
	KUNIT_EXPECT_EQ(test, mqtt_pair_attach(f, &pair, MQTT_PROTOCOL_V5), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, f->router->nr_peers, 0);
	mqtt_end_close(&pair.here);
}

/* Behind a barrier the stream waits for the daemon's next recv(). */
static void state_barrier(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;

	mqtt_peers_start(test, f);
	PUT(f->pub.client, "\xe0\x00" MESSAGE_3);
	EXPECT(f->pub.here, "\xe0\x00");
	KUNIT_EXPECT_EQ(test, state_of(f, &f->pub), MQTT_PEER_STATE_BARRIER);
	mqtt_pair_expect_nothing(test, f->sub.client);
	mqtt_pair_expect_nothing(test, f->pub.here);
	KUNIT_EXPECT_EQ(test, state_of(f, &f->pub), MQTT_PEER_STATE_FAST);
	EXPECT(f->sub.client, MESSAGE_5);
}

static void state_raw(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;

	mqtt_peers_start(test, f);
	PUT(f->pub.client, MESSAGE_3 "\x00\x00" MESSAGE_3);
	EXPECT(f->sub.client, MESSAGE_5);
	EXPECT(f->pub.here, "\x00\x00" MESSAGE_3);
	KUNIT_EXPECT_EQ(test, state_of(f, &f->pub), MQTT_PEER_STATE_RAW);
	mqtt_pair_expect_nothing(test, f->sub.client);
}

static int subs_in_order(struct mqtt_peers *f, const struct mqtt_pair *pair)
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
	struct mqtt_peers *f = test->priv;
	struct mqtt_peer *peer;
	u32 before;

	mqtt_peers_start(test, f);
	KUNIT_EXPECT_EQ(test, mqtt_pair_subscribe(f, &f->sub, "a"), 1);
	mutex_lock(&f->router->lock);
	peer = mqtt_peer_find(f->router, f->sub.id, NULL);
	peer->next_sub_seq = U32_MAX - 1;
	mutex_unlock(&f->router->lock);
	KUNIT_EXPECT_EQ(test, mqtt_pair_subscribe(f, &f->sub, "b"), 1);

	mutex_lock(&f->router->lock);
	mqtt_peer_subs_renumber(peer);
	before = peer->next_sub_seq;
	KUNIT_EXPECT_EQ(test, before, peer->nr_subs);
	mqtt_peer_subs_renumber(peer);
	KUNIT_EXPECT_EQ(test, f->router->renumbered, 1);
	mutex_unlock(&f->router->lock);
	KUNIT_EXPECT_EQ(test, mqtt_pair_subscribe(f, &f->sub, "c"), 1);
	KUNIT_EXPECT_EQ(test, subs_in_order(f, &f->sub), peer->nr_subs);

	mutex_lock(&f->router->lock);
	mqtt_peer_sub_undo(peer, before);
	KUNIT_EXPECT_EQ(test, peer->nr_subs, before);
	mutex_unlock(&f->router->lock);
}

/* What was not forwarded is the daemon's again, and the socket is TCP's. */
static void end_by_detach(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;

	mqtt_peers_start(test, f);
	mqtt_peers_forward(test, f);
	PUT(f->pub.client, "\x30\x06\x00");
	KUNIT_EXPECT_EQ(test, mqtt_pair_detach(f, &f->pub), 0);
	KUNIT_EXPECT_EQ(test, mqtt_pair_detach(f, &f->pub), -ENOENT);
	KUNIT_EXPECT_EQ(test, state_of(f, &f->pub), -1);
	KUNIT_EXPECT_PTR_EQ(test, f->pub.here->sk->sk_prot, &tcp_prot);
	mqtt_peer_forget_flush(f->pub.here);
	KUNIT_EXPECT_NULL(test, f->pub.here->sk->sk_user_data);
	PUT(f->pub.client, "\x01t" "msg");
	EXPECT(f->pub.here, MESSAGE_3);
	/* and it may come again */
	KUNIT_EXPECT_EQ(test, mqtt_pair_attach(f, &f->pub, MQTT_PROTOCOL_V311), 0);
	mqtt_peers_forward(test, f);
}

static void end_by_close(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;

	mqtt_peers_start(test, f);
	mqtt_peers_forward(test, f);
	mqtt_end_close(&f->sub.here);
	KUNIT_EXPECT_EQ(test, state_of(f, &f->sub), -1);
	KUNIT_EXPECT_EQ(test, f->router->nr_peers, 1);
	KUNIT_EXPECT_EQ(test, f->router->trie.subs, 0);
	KUNIT_EXPECT_EQ(test, mqtt_pair_detach(f, &f->sub), -ENOENT);
}

static void end_of_the_router(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;

	mqtt_peers_start(test, f);
	mqtt_peers_forward(test, f);
	mqtt_router_end(&init_net, MQTT_PEERS_PORTID, NULL);
	KUNIT_EXPECT_EQ(test, f->router->nr_peers, 0);
	PUT(f->pub.client, MESSAGE_3);
	EXPECT(f->pub.here, MESSAGE_3);
}

/* A few bytes are put into a buffer of their own only if that gives some memory back. */
static void compact_what_is_worth_it(struct kunit *test)
{
	struct mqtt_peers *f = test->priv;
	struct sock *sk = f->pub.here->sk;
	int held;

	PUT(f->pub.client, MESSAGE_3);
	lock_sock(sk);
	held = atomic_read(&sk->sk_rmem_alloc);
	KUNIT_EXPECT_GT(test, held, 100);
	WRITE_ONCE(sk->sk_rcvbuf, (held - 100) * 8);
	KUNIT_EXPECT_FALSE(test, mqtt_rxq_compact(sk));
	KUNIT_EXPECT_EQ(test, atomic_read(&sk->sk_rmem_alloc), held);
	WRITE_ONCE(sk->sk_rcvbuf, held * 8);
	KUNIT_EXPECT_FALSE(test, mqtt_rxq_compact(sk));
	release_sock(sk);
	EXPECT(f->pub.here, MESSAGE_3);
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
	KUNIT_CASE(compact_what_is_worth_it),
	{}
};

static struct kunit_suite peer_suite = {
	.name = "mqtt_peer",
	.suite_init = mqtt_peers_suite_init,
	.init = mqtt_peers_init,
	.exit = mqtt_peers_exit,
	.test_cases = peer_cases,
};

kunit_test_suites(&peer_suite);
