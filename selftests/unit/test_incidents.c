// SPDX-License-Identifier: MIT
/* What has happened to clients lately. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "incidents.h"

static char text[1 << 17];

static void collect(void *ctx, const struct incident *incident)
{
	(void)ctx;
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s/%s/%s/%s*%u ",
		 incident->client_id, incident->address, incident->what, incident->detail,
		 incident->count);
}

static const char *all(struct incidents *incidents, const char *client_id)
{
	*text = '\0';
	incidents_visit(incidents, client_id, collect, NULL);
	return text;
}

static void test_order(void **state)
{
	struct incidents *incidents = incidents_new();

	(void)state;
	assert_string_equal(all(incidents, NULL), "");
	incidents_note(incidents, NULL, "1.2.3.4:5", "refused", NULL);
	incidents_note(incidents, NULL, "1.2.3.4:6", "refused", NULL);
	incidents_note(incidents, NULL, "1.2.3.41:6", "refused", NULL);
	incidents_note(incidents, "a", "1.2.3.41:6", "refused", NULL);
	incidents_note(incidents, "a", "1.2.3.41:6", "refused", "why");
	incidents_note(incidents, "b", "1.2.3.41:6", "closed", "why");
	assert_string_equal(all(incidents, NULL),
			    "b/1.2.3.41:6/closed/why*1 a/1.2.3.41:6/refused/why*1 "
			    "a/1.2.3.41:6/refused/*1 /1.2.3.41:6/refused/*1 "
			    "/1.2.3.4:5/refused/*2 ");
	assert_string_equal(all(incidents, "a"),
			    "a/1.2.3.41:6/refused/why*1 a/1.2.3.41:6/refused/*1 ");
	assert_string_equal(all(incidents, "none"), "");
	incidents_free(incidents);
}

static void test_long(void **state)
{
	struct incidents *incidents = incidents_new();
	char id[300], wanted[400];
	unsigned int i;

	(void)state;
	/* Two bytes each: a cut may not leave half of one */
	for (i = 0; i < 149; i++)
		memcpy(id + 2 * i, "\xc3\xa4", 3);
	incidents_note(incidents, id, "h:1", "x", id + 1);
	snprintf(wanted, sizeof(wanted), "%.94s/h:1/x/%.95s*1 ", id, id + 1);
	assert_string_equal(all(incidents, id), wanted);
	incidents_free(incidents);
}

static void test_many(void **state)
{
	struct incidents *incidents = incidents_new();
	unsigned int i;
	char id[16];

	(void)state;
	for (i = 0; i < 3 * INCIDENTS_MAX; i++) {
		snprintf(id, sizeof(id), "c%u", i);
		incidents_note(incidents, id, "h:1", "x", NULL);
	}
	assert_string_equal(all(incidents, "c3071"), "c3071/h:1/x/*1 ");
	assert_string_equal(all(incidents, "c2048"), "c2048/h:1/x/*1 ");
	assert_string_equal(all(incidents, "c2047"), "");
	incidents_free(incidents);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
