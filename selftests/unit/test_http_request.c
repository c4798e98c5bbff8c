// SPDX-License-Identifier: MIT
/* Heads of HTTP requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_request.h"

static struct http_request request;

/* From memory that ends where it does; what is found stays until the next call. */
static int parse(const char *data, size_t len, size_t *size)
{
	static char *copy;

	free(copy);
	copy = malloc(len ? len : 1);
	memcpy(copy, data, len);
	return http_request_parse(copy, len, &request, size);
}

static void is(const struct http_text *text, const char *word)
{
	assert_int_equal(text->len, strlen(word));
	assert_memory_equal(text->at, word, text->len);
}

static void test_whole(void **state)
{
	static const char head[] =
		"GET /mqtt?a=b HTTP/1.1\r\n"
		"Host: example.com:8080\r\n"
		"X-Empty:\r\n"
		"X-Blanks: \t a b\t \r\n"
		"x-blanks:\xc3\xa4\r\n"
		"\r\n";
	const struct http_field *field;
	size_t size, i;

	(void)state;
	for (i = 0; i < sizeof(head) - 1; i++)
		assert_int_equal(parse(head, i, &size), -EAGAIN);
	/* What is behind it is of no interest. */
	assert_int_equal(parse(head, sizeof(head), &size), 0);
	assert_int_equal(size, sizeof(head) - 1);
	is(&request.method, "GET");
	is(&request.target, "/mqtt?a=b");
	assert_int_equal(request.version, 1);
	assert_int_equal(request.n, 4);
	is(&http_request_field(&request, "HOST", NULL)->value, "example.com:8080");
	is(&http_request_field(&request, "X-Empty", NULL)->value, "");
	field = http_request_field(&request, "X-Blanks", NULL);
	is(&field->value, "a b");
	field = http_request_field(&request, "X-Blanks", field);
	is(&field->value, "\xc3\xa4");
	assert_null(http_request_field(&request, "X-Blanks", field));
	assert_null(http_request_field(&request, "X-Blank", NULL));
	assert_int_equal(http_request_count(&request, "x-blanks"), 2);
	assert_int_equal(http_request_count(&request, "y"), 0);
}

static void test_versions(void **state)
{
	size_t size;

	(void)state;
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", 18, &size), 0);
	assert_int_equal(request.version, 0);
	assert_int_equal(parse("GET / HTTP/2.0\r\n\r\n", 18, &size), 0);
	assert_int_equal(request.version, -1);
}

static void test_wrong(void **state)
{
	static const char *const wrong[] = {
		"\r\n", "\n", " ", "GET /\r\n", "GET / HTTP/1.1 \r\n", "GET / http/1.1\r\n",
		"GET / HTTP/1.10\r\n", "GET / HTTP/x.1\r\n", "GET  / HTTP/1.1\r\n", "GET /  HTTP/1.1\r\n",
		"GET /\tHTTP/1.1\r\n", "GET http://a/ HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n",
		"G(T / HTTP/1.1\r\n", "GET / HTTP/1.1\n", "GET /\x7f HTTP/1.1\r\n", "GET /\xc3 HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\r\n", "GET / HTTP/1.1\r\n\n", "GET / HTTP/1.1\r\n a: b\r\n",
		"GET / HTTP/1.1\r\na: b\r\n c\r\n", "GET / HTTP/1.1\r\na: b\r\n\tc\r\n",
		"GET / HTTP/1.1\r\na : b\r\n", "GET / HTTP/1.1\r\n: b\r\n", "GET / HTTP/1.1\r\na\r\n",
		"GET / HTTP/1.1\r\na: b\n", "GET / HTTP/1.1\r\na: b\rc\r\n", "GET / HTTP/1.1\r\na: \x01\r\n",
		"GET / HTTP/1.1\r\na: \x7f\r\n", "GET / HTTP/1.1\r\na b: c\r\n",
		/* seen without the line's end */
		"\x16\x03\x01\x02", "\x10\x2c", "GET\t", "GET /\x01", "GET / HTTP/1.1\r\na\x01", "[",
		"GET / HTTP/1.1\r\na ", "GET / HTTP/1.1\r\n ", "GET / HTTP/1.1\r\na: \x02",
		"GET / HTTP/1.1\rX",
	};
	size_t size, i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(wrong[i], strlen(wrong[i]), &size), -EBADMSG);
	assert_int_equal(parse("GET / HTTP/1.1\r\na: \0\r\n", 22, &size), -EBADMSG);
	assert_int_equal(parse("\0", 1, &size), -EBADMSG);
}

static void test_many(void **state)
{
	char head[64 + HTTP_FIELDS_MAX * 8];
	size_t size;
	int len, i;

	(void)state;
	len = sprintf(head, "GET / HTTP/1.1\r\n");
	for (i = 0; i < HTTP_FIELDS_MAX; i++)
		len += sprintf(head + len, "a:%d\r\n", i);
	assert_int_equal(parse(head, len, &size), -EAGAIN);
	strcpy(head + len, "\r\n");
	assert_int_equal(parse(head, len + 2, &size), 0);
	assert_int_equal(request.n, HTTP_FIELDS_MAX);
	strcpy(head + len, "b:\r\n");
	assert_int_equal(parse(head, len + 4, &size), -E2BIG);
}

static void test_lists(void **state)
{
	struct http_text rest, element;
	const char *text = ", a ,,\t b c\t,d,";

	(void)state;
	rest = (struct http_text){ .at = text, .len = strlen(text) };
	assert_true(http_list_next(&rest, &element));
	is(&element, "a");
	assert_true(http_list_next(&rest, &element));
	is(&element, "b c");
	assert_true(http_list_next(&rest, &element));
	is(&element, "d");
	assert_false(http_list_next(&rest, &element));
	assert_true(http_text_is(&(struct http_text){ "WebSocket", 9 }, "websocket"));
	assert_false(http_text_is(&(struct http_text){ "WebSocket", 8 }, "websocket"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
