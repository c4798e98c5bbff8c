// SPDX-License-Identifier: MIT
/* Subscribing when the kernel does not, with a kernel of the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/mqtt.h>
#include <cmocka.h>

#include "broker.h"
#include "client.h"
#include "dataplane.h"
#include "incidents.h"
#include "reason.h"
#include "route.h"
#include "session.h"
#include "store.h"
#include "subscribe.h"
#include "subscription.h"
#include "worker.h"

#define NL MQTT_SUB_OPTION_NO_LOCAL

/* Options of the kernel's subscriptions, whose filters have one letter; -1: none */
static int kernel[128];
static int refused;		/* which filter the kernel refuses, from 0 on */
static int refused_again;	/* likewise, of those that it is given then */

static struct config conf;
static struct broker broker;
static struct worker worker;
static struct client client;

/* As mqtt_nl_sub_add(): what came before the one that is refused is deleted. */
int __wrap_dataplane_subscribe(struct worker *w, const struct conn *conn,
			       const struct session_filter *filters, size_t n)
{
	int left = refused;
	size_t i;

	(void)w;
	(void)conn;
	refused = refused_again;
	refused_again = -1;
	for (i = 0; i < n; i++) {
		if (!filters[i].changed)
			continue;
		if (!left--)
			break;
		kernel[*filters[i].filter] = filters[i].options;
	}
	if (i == n)
		return 0;
	while (i--)
		if (filters[i].changed)
			kernel[*filters[i].filter] = -1;
	return -ENOMEM;
}

static int setup(void **state)
{
	char why[STORE_WHY_MAX];

	(void)state;
	memset(kernel, -1, sizeof(kernel));
	refused = -1;
	refused_again = -1;
	broker = (struct broker){ .conf = &conf, .workers = &worker, .n_workers = 1 };
	worker = (struct worker){ .broker = &broker };
	client = (struct client){ .worker = &worker, .id = "id" };
	client.session = calloc(1, sizeof(*client.session) + sizeof(u64));
	agent_init(&broker.agent);
	broker.incidents = incidents_new();
	if (client.session)
		client.session->broker = &broker;
	return !client.session || !broker.incidents || route_table_init(&broker.routes, &conf) ||
	       store_open(&broker.store, &(struct store_config){}, why);
}

static int teardown(void **state)
{
	(void)state;
	session_unsubscribe_all(client.session);
	free(client.session);
	rcu_barrier();
	route_table_destroy(&broker.routes);
	rcu_barrier();
	agent_destroy(&broker.agent);
	incidents_free(broker.incidents);
	store_close(broker.store);
	return 0;
}

/* @names: a letter for each filter; @options: of each. Leaves the codes in @codes. */
static void subscribe(const char *names, const u8 *options, u8 *codes)
{
	struct session_filter filters[8] = {};
	size_t n = strlen(names), i;

	for (i = 0; i < n; i++)
		filters[i] = (struct session_filter){
			.filter = (const u8 *)names + i, .len = 1, .options = options[i],
		};
	session_subscribe(&client, filters, n);
	for (i = 0; i < n; i++)
		codes[i] = filters[i].code;
}

/* In the daemon and in the kernel */
static void assert_options(const char *name, int options)
{
	bool there;
	u64 how;

	there = route_how(&broker.routes, client.session, (const u8 *)name, 1, &how);
	assert_int_equal(there ? (int)how_options(how) : -1, options);
	assert_int_equal(kernel[(int)*name], options);
}

#define BAD REASON_UNSPECIFIED

static void test_accepted(void **state)
{
	u8 codes[3];

	(void)state;
	subscribe("aba", (u8[]){ 0, NL, NL }, codes);
	assert_memory_equal(codes, ((u8[]){ 0, 0, 0 }), 3);
	assert_options("a", NL);
	assert_options("b", NL);
	assert_options("c", -1);
}

/* All is as before, and the codes say so. */
static void test_refused(void **state)
{
	u8 codes[6];

	(void)state;
	subscribe("ad", (u8[]){ 0, NL }, codes);
	refused = 2;
	subscribe("abbdac", (u8[]){ NL, 0, 0, NL, NL, 0 }, codes);
	assert_memory_equal(codes, ((u8[]){ BAD, BAD, BAD, 0, BAD, BAD }), 6);
	assert_options("a", 0);
	assert_options("b", -1);
	assert_options("c", -1);
	assert_options("d", NL);
	assert_int_equal(client.closing, CLOSE_NONE);
}

/* There and back, and anew with two kinds of options */
static void test_twice(void **state)
{
	u8 codes[5];

	(void)state;
	subscribe("a", (u8[]){ 0 }, codes);
	refused = 4;
	subscribe("aabbc", (u8[]){ NL, 0, NL, 0, 0 }, codes);
	assert_memory_equal(codes, ((u8[]){ BAD, BAD, BAD, BAD, BAD }), 5);
	assert_options("a", 0);
	assert_options("b", -1);
	assert_options("c", -1);
	assert_int_equal(client.closing, CLOSE_NONE);
}

static void test_refused_again(void **state)
{
	u8 codes[2];

	(void)state;
	subscribe("a", (u8[]){ 0 }, codes);
	refused = 1;
	refused_again = 0;
	subscribe("ab", (u8[]){ NL, 0 }, codes);
	assert_int_equal(client.closing, CLOSE_NOT_ATTACHED);
}

/* Who has as many filters as there may be can still change them. */
static void test_most(void **state)
{
	u32 count;
	u8 codes[2];

	(void)state;
	subscribe("ab", (u8[]){ 0, 0 }, codes);
	count = client.session->subs.count;
	client.session->subs.count = 1000000;
	subscribe("ca", (u8[]){ 0, NL }, codes);
	client.session->subs.count = count;
	assert_int_equal(codes[0], REASON_QUOTA);
	assert_int_equal(codes[1], 0);
	assert_options("a", NL);
	assert_options("c", -1);
}

static const struct {
	const char *filter;
	const char *topic;	/* NULL: a bad one */
	bool shared;
} splits[] = {
	{ "a/b", "a/b", false },
	{ "$share", "$share", false },
	{ "$shared/a/b", "$shared/a/b", false },
	{ "$share/g/a", "a", true },
	{ "$share/g/#", "#", true },
	{ "$share/g//", "/", true },
	{ "$share/g/$d/#", "$d/#", true },
	{ "$share/g/$share/h/a", "$share/h/a", true },
	{ "$share/", NULL, true },
	{ "$share/g", NULL, true },
	{ "$share/g/", NULL, true },
	{ "$share//a", NULL, true },
	{ "$share/+/a", NULL, true },
	{ "$share/#", NULL, true },
};

static void test_split(void **state)
{
	size_t len, i;
	const u8 *topic;

	(void)state;
	for (i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		const u8 *filter = (const u8 *)splits[i].filter;
		size_t size = strlen(splits[i].filter);

		assert_int_equal(subscribe_bad_share(filter, size), !splits[i].topic);
		if (!splits[i].topic)
			continue;
		assert_int_equal(subscribe_split(filter, size, &topic, &len), splits[i].shared);
		assert_int_equal(len, strlen(splits[i].topic));
		assert_memory_equal(topic, splits[i].topic, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_accepted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_most, setup, teardown),
		cmocka_unit_test(test_split),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
