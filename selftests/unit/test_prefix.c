// SPDX-License-Identifier: MIT
/* Networks. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "prefix.h"

static struct prefix parse(const char *text)
{
	struct prefix prefix;

	if (prefix_parse(&prefix, text, 64))
		fail_msg("%s", text);
	return prefix;
}

static void test_text(void **state)
{
	static const char *const same[][2] = {
		{ "192.0.2.1", "192.0.2.1/32" }, { "192.0.2.255/24", "192.0.2.0/24" },
		{ "192.0.2.129/25", "192.0.2.128/25" }, { "10.9.8.7/0", "0.0.0.0/0" },
		{ "2001:db8::1", "2001:db8::/64" }, { "2001:DB8:0::1/128", "2001:db8::1/128" },
		{ "2001:db8:ffff::/33", "2001:db8:8000::/33" }, { "::/0", "::/0" },
		{ "::ffff:192.0.2.1", "192.0.2.1/32" }, { "::ffff:192.0.2.1/128", "192.0.2.1/32" },
		{ "::ffff:10.0.0.0/104", "10.0.0.0/8" }, { "::ffff:10.0.0.0/96", "0.0.0.0/0" },
	};
	char text[PREFIX_MAX];
	struct prefix prefix;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		prefix = parse(same[i][0]);
		prefix_format(text, &prefix);
		assert_string_equal(text, same[i][1]);
	}
}

static void test_nonsense(void **state)
{
	static const char *const bad[] = {
		"", "/", "/24", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2.1/+1",
		"192.0.2.1/ 1", "192.0.2.1/1x", "192.0.2.1/0000", "192.0.2", "192.0.2.256",
		"2001:db8::/129", "2001:db8:::1", "localhost", "::1%lo", "192.0.2.1/24/24",
		"::ffff:10.0.0.0/95", "::ffff:10.0.0.0/8",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};
	struct prefix prefix;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (prefix_parse(&prefix, bad[i], 64) != -EINVAL)
			fail_msg("%s", bad[i]);
}

static bool covers(const char *outer, const char *inner)
{
	struct prefix a = parse(outer), b = parse(inner);

	return prefix_covers(&a, &b);
}

static void test_covers(void **state)
{
	(void)state;
	assert_true(covers("192.0.2.0/24", "192.0.2.255"));
	assert_true(covers("192.0.2.1", "192.0.2.1"));
	assert_false(covers("192.0.2.0/24", "192.0.3.0"));
	assert_false(covers("192.0.2.0/24", "192.0.2.0/23"));
	assert_true(covers("0.0.0.0/0", "255.255.255.255"));
	assert_false(covers("0.0.0.0/0", "2001:db8::1"));
	assert_true(covers("::/0", "192.0.2.1"));
	assert_true(covers("2001:db8::/33", "2001:db8:7fff::"));
	assert_false(covers("2001:db8::/33", "2001:db8:8000::"));
}

static void test_sockets(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr local = { .sa_family = AF_UNIX };
	char text[PREFIX_MAX];
	struct prefix prefix;

	(void)state;
	assert_true(prefix_of(&prefix, (struct sockaddr *)&in));
	prefix_format(text, &prefix);
	assert_string_equal(text, "192.0.2.1/32");
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr);
	assert_true(prefix_of(&prefix, (struct sockaddr *)&in6));
	assert_true(prefix_is_v4(&prefix));
	inet_pton(AF_INET6, "2001:db8:1:2:3::4", &in6.sin6_addr);
	assert_true(prefix_of(&prefix, (struct sockaddr *)&in6));
	assert_false(prefix_is_v4(&prefix));
	prefix_cut(&prefix, 64);
	prefix_cut(&prefix, 100);
	prefix_format(text, &prefix);
	assert_string_equal(text, "2001:db8:1:2::/64");
	assert_false(prefix_of(&prefix, &local));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_covers),
		cmocka_unit_test(test_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
