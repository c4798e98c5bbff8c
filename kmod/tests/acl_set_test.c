// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: sets of rules of a router that is full or has just ended, and what has been
 * sent of one by a socket that is gone.
 */
#include <kunit/test.h>
#include <linux/netlink.h>
#include <net/net_namespace.h>

#include <mqtt/acl.h>

#include "../acl.h"
#include "../router.h"

#define PORTID	4711	/* of a netlink socket that nobody has */

static const struct mqtt_acl_input rule = {
	.filter = "a/#",
	.len = 3,
	.action = MQTT_ACL_ACTION_ALLOW,
	.access = MQTT_ACL_ACCESS_PUBLISH,
};

/* Sockets: never looked into, only compared */
static const struct mqtt_acl_sender sender = { .portid = 1, .sk = (struct sock *)8 };
static const struct mqtt_acl_sender successor = { .portid = 1, .sk = (struct sock *)16 };
static const struct mqtt_acl_sender other = { .portid = 2, .sk = (struct sock *)24 };

static int fixture_init(struct kunit *test)
{
	struct mqtt_router *router = mqtt_router_new(&init_net, NULL, PORTID);

	test->priv = IS_ERR(router) ? NULL : router;
	return PTR_ERR_OR_ZERO(router);
}

static void fixture_exit(struct kunit *test)
{
	if (!test->priv)
		return;
	mqtt_router_end(&init_net, PORTID, NULL);
	mqtt_router_put(test->priv);
}

static int install(struct kunit *test, u32 id)
{
	struct mqtt_acl_version *version = mqtt_acl_version_new();
	struct netlink_ext_ack extack = {};
	int err;

	KUNIT_ASSERT_NOT_NULL(test, version);
	err = mqtt_acl_install(test->priv, id, version, &extack);
	if (!err)
		return 0;
	mqtt_acl_version_drop(version);
	KUNIT_EXPECT_NOT_NULL(test, extack._msg);
	return err;
}

static void too_many(struct kunit *test)
{
	struct mqtt_router *router = test->priv;

	KUNIT_EXPECT_EQ(test, install(test, 1), 0);
	router->acls.nr = MQTT_ACLS_MAX;
	KUNIT_EXPECT_EQ(test, install(test, 2), -ENOSPC);
	/* one that is there is no more of them */
	KUNIT_EXPECT_EQ(test, install(test, 1), 0);
	router->acls.nr = 1;
	KUNIT_EXPECT_EQ(test, install(test, 2), 0);
}

static void router_has_ended(struct kunit *test)
{
	struct mqtt_router *router = test->priv;

	KUNIT_EXPECT_EQ(test, install(test, 1), 0);
	mqtt_router_end(&init_net, PORTID, NULL);
	KUNIT_EXPECT_EQ(test, install(test, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, install(test, 2), -ENODEV);
	KUNIT_EXPECT_EQ(test, router->acls.nr, 0);
}

static int stage(struct kunit *test, const struct mqtt_acl_sender *from, u32 id)
{
	struct netlink_ext_ack extack = {};

	return mqtt_acl_stage(test->priv, from, id, &rule, 1, &extack);
}

/* How many rules have come, or an errno */
static int stage_end(struct kunit *test, const struct mqtt_acl_sender *from, u32 id, u32 total)
{
	struct netlink_ext_ack extack = {};
	struct mqtt_acl_version *version;
	int nr;

	version = mqtt_acl_stage_end(test->priv, from, id, MQTT_ACL_ACTION_PASS, total, &extack);
	if (IS_ERR(version))
		return PTR_ERR(version);
	nr = version->rules.nr;
	mqtt_acl_version_drop(version);
	return nr;
}

/* A socket may get the port id of one that is gone before anybody has told. */
static void number_of_a_former_socket(struct kunit *test)
{
	struct mqtt_router *router = test->priv;

	KUNIT_EXPECT_EQ(test, stage(test, &sender, 1), 0);
	KUNIT_EXPECT_EQ(test, stage(test, &other, 2), 0);
	KUNIT_EXPECT_EQ(test, stage(test, &successor, 1), 0);
	KUNIT_EXPECT_EQ(test, router->acls.nr_stages, 2);
	KUNIT_EXPECT_EQ(test, stage(test, &successor, 1), 0);
	KUNIT_EXPECT_EQ(test, stage_end(test, &successor, 1, 2), 2);
	KUNIT_EXPECT_EQ(test, stage_end(test, &sender, 1, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, stage_end(test, &other, 2, 1), 1);
	KUNIT_EXPECT_EQ(test, router->acls.nr_stages, 0);
}

static void parts_at_the_end(struct kunit *test)
{
	struct mqtt_router *router = test->priv;

	KUNIT_EXPECT_EQ(test, stage(test, &sender, 1), 0);
	KUNIT_EXPECT_EQ(test, stage(test, &other, 2), 0);
	mqtt_router_end(&init_net, PORTID, NULL);
	KUNIT_EXPECT_EQ(test, router->acls.nr_stages, 0);
	KUNIT_EXPECT_EQ(test, stage_end(test, &sender, 1, 1), -EINVAL);
	/* and what comes still is dropped with the router's last reference */
	KUNIT_EXPECT_EQ(test, stage(test, &other, 2), 0);
}

static struct kunit_case acl_set_cases[] = {
	KUNIT_CASE(too_many),
	KUNIT_CASE(router_has_ended),
	KUNIT_CASE(number_of_a_former_socket),
	KUNIT_CASE(parts_at_the_end),
	{}
};

static struct kunit_suite acl_set_suite = {
	.name = "mqtt_acl_set",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = acl_set_cases,
};

kunit_test_suite(acl_set_suite);
