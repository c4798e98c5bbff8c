// SPDX-License-Identifier: MIT
/* The order of topics, and what a filter skips. */
#include "topic_random.h"
#include "topic_scan.h"

static void test_order(void **state)
{
	static const char *const sorted[] = {
		"/", "//", "//a", "/a", "\x01", "$", "$/", "$/a", "$a", "%", "a", "a/", "a//",
		"a/b", "a/b/c", "a/c", "a\x01", "a!", "a!/b", "aaaaaaaaaaaaaaaaaa",
		"aaaaaaaaaaaaaaaaaa/", "aaaaaaaaaaaaaaaaaa!", "ab", "\xc3\xa9",
	};
	const size_t n = sizeof(sorted) / sizeof(*sorted);
	size_t i, j;

	(void)state;
	for (i = 0; i < n; i++) {
		for (j = 0; j < n; j++) {
			int order = topic_compare((u8 *)sorted[i], strlen(sorted[i]),
						  (u8 *)sorted[j], strlen(sorted[j]));

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
}

/* One step: what it says of the topic, and that it skips nothing that matches */
static void test_scan(void **state)
{
	char filter[TEXT_MAX], topic[TEXT_MAX], other[TEXT_MAX];
	struct topic_place next;
	size_t f, t, o;
	int i, j;

	(void)state;
	for (i = 0; i < 20000; i++) {
		f = random_text(filter, true);
		t = random_text(topic, false);
		assert_int_equal(topic_scan((u8 *)filter, f, (u8 *)topic, t, &next),
				 naive(filter, f, topic, t));
		assert_true(topic_place_after(&next, (u8 *)topic, t));
		for (j = 0; j < 20; j++) {
			o = random_text(other, false);
			if (topic_compare((u8 *)other, o, (u8 *)topic, t) > 0 &&
			    topic_place_after(&next, (u8 *)other, o))
				assert_false(naive(filter, f, other, o));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_scan),
	};

	seed_set();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
