/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For KUnit: a router with two clients on sockets that the kernel has made itself, over
 * loopback.
 */
#ifndef _MQTT_TESTS_PEER_RIG_H
#define _MQTT_TESTS_PEER_RIG_H

#include <linux/net.h>

#include "../peer.h"
#include "../router.h"

struct kunit;
struct kunit_suite;

/* The router's owner: a netlink socket that nobody has */
#define MQTT_PEERS_PORTID	4711

/* A connection; @here is the daemon's end */
struct mqtt_pair {
	struct socket *client;
	struct socket *here;
	u32 id;
};

struct mqtt_peers {
	struct mqtt_router *router;
	struct mqtt_pair pub;
	struct mqtt_pair sub;
};

/* Of a suite: struct mqtt_peers is test->priv, with both connected. */
int mqtt_peers_suite_init(struct kunit_suite *suite);
int mqtt_peers_init(struct kunit *test);
void mqtt_peers_exit(struct kunit *test);

/* Both are attached and the one is subscribed; a message from the other one to it. */
void mqtt_peers_start(struct kunit *test, struct mqtt_peers *f);
void mqtt_peers_forward(struct kunit *test, struct mqtt_peers *f);

void mqtt_pair_connect(struct kunit *test, struct mqtt_pair *pair);
int mqtt_pair_attach(struct mqtt_peers *f, struct mqtt_pair *pair, u8 protocol);
int mqtt_pair_detach(struct mqtt_peers *f, const struct mqtt_pair *pair);
int mqtt_pair_subscribe(struct mqtt_peers *f, const struct mqtt_pair *pair, const char *filter);
void mqtt_end_close(struct socket **sock);

/* Sends; waits for as many bytes as are wanted; there are none. */
void mqtt_pair_put(struct kunit *test, struct socket *sock, const void *bytes, size_t len);
void mqtt_pair_expect(struct kunit *test, struct socket *sock, const void *bytes, size_t len);
void mqtt_pair_expect_nothing(struct kunit *test, struct socket *sock);

#define PUT(sock, s)	mqtt_pair_put(test, sock, s, sizeof(s) - 1)
#define EXPECT(sock, s)	mqtt_pair_expect(test, sock, s, sizeof(s) - 1)

#define MESSAGE_3	"\x30\x06\x00\x01t" "msg"
#define MESSAGE_5	"\x30\x07\x00\x01t\x00" "msg"

#endif /* _MQTT_TESTS_PEER_RIG_H */
