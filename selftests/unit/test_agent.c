// SPDX-License-Identifier: MIT
/*
 * The agent: each filter is with the router as long as somebody wants it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <linux/mqtt.h>

#include "broker.h"
#include "dataplane.h"
#include "netlink.h"

#define PEER 7

/* What the router has: filters of one letter */
static char table[32];
static uint32_t peer;		/* that there is, 0: none */
static int attach_error, subscribe_error;

static struct broker broker;
/* Never looked into: there is one, or there is none. */
#define ROUTER ((struct dataplane *)&broker)

int dataplane_agent_attach(struct broker *b, uint32_t *id)
{
	(void)b;
	assert_int_equal(peer, 0);
	if (attach_error)
		return attach_error;
	peer = PEER;
	*id = PEER;
	table[0] = '\0';
	return 0;
}

int dataplane_agent_detach(struct broker *b, uint32_t id)
{
	(void)b;
	assert_int_equal(id, PEER);
	peer = 0;
	return 0;
}

int dataplane_agent_subscribe(struct broker *b, uint32_t id,
			      const struct mqtt_nl_filter *filters, size_t n)
{
	size_t i;

	(void)b;
	assert_int_equal(id, PEER);
	if (!peer)
		return -ENOENT;
	if (subscribe_error)
		return subscribe_error;
	for (i = 0; i < n; i++) {
		assert_int_equal(filters[i].len, 1);
		strncat(table, (const char *)filters[i].filter, 1);
	}
	return 0;
}

int dataplane_agent_unsubscribe(struct broker *b, uint32_t id,
				const struct mqtt_nl_filter *filters, size_t n)
{
	char *at = strchr(table, *filters->filter);

	(void)b;
	assert_int_equal(id, PEER);
	assert_int_equal(n, 1);
	if (!at)
		return -ENOENT;
	memmove(at, at + 1, strlen(at));
	return 0;
}

bool dataplane_filter_fits(const u8 *filter, size_t len)
{
	(void)filter;
	return len == 1;
}

static int add(const char *filter)
{
	return agent_subscribe(&broker, (const u8 *)filter, strlen(filter));
}

static void del(const char *filter)
{
	agent_unsubscribe(&broker, (const u8 *)filter, strlen(filter));
}

static int setup(void **state)
{
	(void)state;
	broker = (struct broker){ .dataplane = NULL };
	peer = 0;
	attach_error = 0;
	subscribe_error = 0;
	agent_init(&broker.agent);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	agent_destroy(&broker.agent);
	return 0;
}

static void with_a_router(void **state)
{
	(void)state;
	broker.dataplane = ROUTER;
	assert_int_equal(agent_enter(&broker), 0);
	assert_int_equal(peer, 0);
	assert_false(agent_is(&broker.agent, PEER));
	assert_int_equal(add("a"), 0);
	assert_true(agent_is(&broker.agent, PEER));
	assert_int_equal(add("b"), 0);
	assert_int_equal(add("a"), 0);
	assert_string_equal(table, "ab");
	del("a");
	assert_string_equal(table, "ab");
	del("a");
	assert_string_equal(table, "b");
	del("x");
	del("b");
	assert_int_equal(peer, 0);
	assert_false(agent_is(&broker.agent, PEER));
}

static void router_later(void **state)
{
	(void)state;
	assert_int_equal(add("a"), 0);
	assert_int_equal(add("too long"), 0);
	assert_int_equal(add("a"), 0);
	assert_int_equal(peer, 0);
	broker.dataplane = ROUTER;
	assert_int_equal(agent_enter(&broker), 0);
	assert_string_equal(table, "a");
	/* What does not fit is nothing that could match. */
	assert_int_equal(add("longer"), 0);
	del("too long");
	del("longer");
	assert_string_equal(table, "a");
	broker.dataplane = NULL;
	agent_forget(&broker);
	peer = 0;
	del("a");
	assert_int_equal(add("b"), 0);
	broker.dataplane = ROUTER;
	assert_int_equal(agent_enter(&broker), 0);
	assert_int_equal(strlen(table), 2);
	assert_non_null(strchr(table, 'a'));
	assert_non_null(strchr(table, 'b'));
}

static void refused(void **state)
{
	(void)state;
	broker.dataplane = ROUTER;
	attach_error = -ENOSPC;
	assert_int_equal(add("a"), -ENOSPC);
	attach_error = 0;
	subscribe_error = -ENOMEM;
	assert_int_equal(add("a"), -ENOMEM);
	assert_int_equal(peer, 0);
	subscribe_error = 0;
	assert_int_equal(add("a"), 0);
	subscribe_error = -ENOMEM;
	assert_int_equal(add("b"), -ENOMEM);
	assert_int_equal(add("a"), 0);
	subscribe_error = 0;
	assert_string_equal(table, "a");
	assert_int_equal(add("b"), 0);
	assert_string_equal(table, "ab");
}

/* Somebody else has ended the peer: there is another one with everything. */
static void ended_by_others(void **state)
{
	(void)state;
	broker.dataplane = ROUTER;
	assert_int_equal(add("a"), 0);
	peer = 0;
	assert_int_equal(add("b"), 0);
	assert_int_equal(peer, PEER);
	assert_int_equal(strlen(table), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(with_a_router, setup, teardown),
		cmocka_unit_test_setup_teardown(router_later, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(ended_by_others, setup, teardown),
	};

	return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
