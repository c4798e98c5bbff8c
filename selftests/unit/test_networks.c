// SPDX-License-Identifier: MIT
/* Lists of networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "networks.h"

static bool has(const struct networks *list, const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return networks_have(list, (struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return networks_have(list, (struct sockaddr *)&in6);
}

static void test_have(void **state)
{
	static const struct {
		const char *list;
		const char *in;
		const char *out;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", "192.0.2.2" },
		{ "192.0.2.1", "::ffff:192.0.2.1", "::192.0.2.1" },
		{ "192.0.2.0/24", "192.0.2.255", "192.0.3.0" },
		{ "192.0.2.128/25", "192.0.2.128", "192.0.2.127" },
		{ "10.0.0.0/7", "11.255.255.255", "12.0.0.0" },
		{ "0.0.0.0/0", "255.255.255.255", "::1" },
		{ "2001:db8::/32", "2001:db8:ffff::", "2001:db9::" },
		{ "::1", "::1", "::" },
		{ "::/0", "10.0.0.1", NULL },
		{ " 10.0.0.1\t::1 ", "::1", "10.0.0.2" },
		{ "10.0.0.1 192.0.2.0/31", "192.0.2.1", "192.0.2.2" },
		{ "unix 10.0.0.1", "10.0.0.1", "10.0.0.2" },
		{ "unix", NULL, "127.0.0.1" },
		{ "", NULL, "127.0.0.1" },
	};
	const char *why, *entry;
	struct networks *list;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(networks_parse(&list, cases[i].list, &why, &entry), 0);
		assert_true(!cases[i].in || has(list, cases[i].in));
		assert_false(cases[i].out && has(list, cases[i].out));
		networks_free(list);
	}
	assert_false(has(NULL, "127.0.0.1"));
	networks_free(NULL);
}

static void test_unix(void **state)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX };
	static const struct sockaddr none = { .sa_family = AF_UNSPEC };
	const char *why, *entry;
	struct networks *list;

	(void)state;
	assert_int_equal(networks_parse(&list, "unix", &why, &entry), 0);
	assert_true(networks_have(list, (const struct sockaddr *)&address));
	assert_false(networks_have(list, &none));
	networks_free(list);
	assert_int_equal(networks_parse(&list, "0.0.0.0/0 ::/0", &why, &entry), 0);
	assert_false(networks_have(list, (const struct sockaddr *)&address));
	networks_free(list);
}

static void test_wrong(void **state)
{
	static const char *const wrong[] = {
		"10.0.0", "10.0.0.256", "10.0.0.01", "example.com", "UNIX", "10.0.0.0/", "10.0.0.0/33",
		"10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8x", "10.0.0.0/8/8", "/8",
		"10.0.0.1/8", "2001:db8::1/64", "::/129", "[::1]", "10.0.0.1,10.0.0.2",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff/128",
	};
	const char *why, *entry;
	struct networks *list;
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "::1 %s 10.0.0.1", wrong[i]);
		assert_int_equal(networks_parse(&list, text, &why, &entry), -EINVAL);
		assert_ptr_equal(entry, text + 4);
		assert_non_null(why);
	}
}

static void test_many(void **state)
{
	char text[NETWORKS_MAX * 16 + 32] = "";
	const char *why, *entry;
	struct networks *list;
	size_t len = 0;
	int i;

	(void)state;
	for (i = 0; i < NETWORKS_MAX; i++)
		len += sprintf(text + len, "10.0.%d.0/24 ", i);
	assert_int_equal(networks_parse(&list, text, &why, &entry), 0);
	assert_true(has(list, "10.0.63.1"));
	networks_free(list);
	strcpy(text + len, "10.1.0.0/24");
	assert_int_equal(networks_parse(&list, text, &why, &entry), -EINVAL);
	assert_ptr_equal(entry, text + len);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_have),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
