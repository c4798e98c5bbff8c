// SPDX-License-Identifier: MIT
/* Buckets of tokens, and those of addresses. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "address.h"
#include "connection_rate.h"
#include "rate.h"

#define SECOND 1000000ull

static void test_charge(void **state)
{
	uint64_t full = 0, now = 5 * SECOND;
	int i;

	(void)state;
	/* As many at once as come in a second, and then one by one */
	for (i = 0; i < 10; i++)
		assert_int_equal(rate_charge(&full, now, 10), 0);
	assert_int_equal(rate_owed(full, now, 10), SECOND / 10);
	assert_int_equal(rate_charge(&full, now, 10), SECOND / 10);
	assert_int_equal(rate_charge(&full, now, 10), SECOND / 5);
	now += SECOND / 5;
	assert_int_equal(rate_owed(full, now, 10), SECOND / 10);
	now += SECOND / 10;
	assert_int_equal(rate_charge(&full, now, 10), 0);
	/* A bucket does not overflow */
	now += 3600 * SECOND;
	for (i = 0; i < 10; i++)
		assert_int_equal(rate_charge(&full, now, 10), 0);
	assert_int_not_equal(rate_charge(&full, now, 10), 0);
}

static void test_extremes(void **state)
{
	uint64_t full = 0;
	int i;

	(void)state;
	assert_int_equal(rate_charge(&full, SECOND, 1), 0);
	assert_int_equal(rate_owed(full, SECOND, 1), SECOND);
	full = 0;
	for (i = 0; i < 1000000; i++)
		assert_int_equal(rate_charge(&full, SECOND, INT32_MAX), 0);
}

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static union address address(const char *text, uint16_t port)
{
	union address a = { .in.sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
		a.in.sin_port = htons(port);
		return a;
	}
	a.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
	assert_int_equal(inet_pton(AF_INET6, text, &a.in6.sin6_addr), 1);
	return a;
}

static unsigned int let_in(struct connection_rate *limit, const char *text, uint64_t now)
{
	union address a = address(text, 1);
	unsigned int n = 0;
	int i;

	for (i = 0; i < 10; i++)
		n += connection_rate_allows(limit, &a.sa, 3, now);
	return n;
}

static void test_addresses(void **state)
{
	struct connection_rate *limit = connection_rate_new();

	(void)state;
	assert_non_null(limit);
	assert_int_equal(let_in(limit, "192.0.2.1", 1000), 3);
	/* The same one by another name; somebody else */
	assert_int_equal(let_in(limit, "::ffff:192.0.2.1", 1000), 0);
	assert_int_equal(let_in(limit, "192.0.2.2", 1000), 3);
	assert_int_equal(let_in(limit, "2001:db8::1", 1000), 3);
	assert_int_equal(let_in(limit, "2001:db8::2", 1000), 0);
	assert_int_equal(let_in(limit, "2001:db8:0:1::1", 1000), 3);
	assert_int_equal(let_in(limit, "192.0.2.1", 1400), 1);
	assert_int_equal(let_in(limit, "192.0.2.1", 9000), 3);
	connection_rate_free(limit);
}

/* More than there is room for: everybody gets in at least as often as he may. */
static void test_many(void **state)
{
	struct connection_rate *limit = connection_rate_new();
	union address a = address("10.0.0.0", 1);
	uint32_t i;

	(void)state;
	assert_non_null(limit);
	for (i = 0; i < 100000; i++) {
		a.in.sin_addr.s_addr = htonl(0x0a000000 + i);
		assert_true(connection_rate_allows(limit, &a.sa, 1, 1000));
	}
	connection_rate_free(limit);
}

static void test_text(void **state)
{
	static const char *const texts[][2] = {
		{ "192.0.2.1", "192.0.2.1:1883" },
		{ "2001:db8::1", "[2001:db8::1]:1883" },
		{ "::ffff:192.0.2.1", "192.0.2.1:1883" },
		{ "::", "[::]:1883" },
	};
	union address a, b;
	char text[ADDRESS_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		a = address(texts[i][0], 1883);
		address_format(text, &a.sa);
		assert_string_equal(text, texts[i][1]);
		assert_true(address_equal(&a.sa, &a.sa));
		b = address(texts[i][0], 1884);
		assert_false(address_equal(&a.sa, &b.sa));
		b = address(texts[(i + 1) % 4][0], 1883);
		assert_false(address_equal(&a.sa, &b.sa));
		assert_int_equal(address_is_any6(&a.sa), i == 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_charge),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
