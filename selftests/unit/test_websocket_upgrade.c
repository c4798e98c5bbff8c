// SPDX-License-Identifier: MIT
/* Requests for WebSockets, and what they are answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "http_request.h"
#include "networks.h"
#include "websocket_upgrade.h"

#define LINE	"GET /mqtt HTTP/1.1\r\n"
#define HOST	"Host: example.com\r\n"
#define UPGRADE	"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define KEY	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION	"Sec-WebSocket-Version: 13\r\n"
#define MQTT	"Sec-WebSocket-Protocol: mqtt\r\n"

static struct upgrade_rules rules;
static struct upgrade upgrade;

static unsigned int decide_from(const char *peer, const char *head)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct http_request request;
	size_t size;

	assert_int_equal(inet_pton(AF_INET, peer, &in.sin_addr), 1);
	assert_int_equal(http_request_parse(head, strlen(head), &request, &size), 0);
	upgrade_decide(&request, &rules, (struct sockaddr *)&in, &upgrade);
	return upgrade.status;
}

static unsigned int decide(const char *head)
{
	return decide_from("192.0.2.1", head);
}

static const char *answer(void)
{
	static char text[UPGRADE_ANSWER_MAX];
	size_t len = upgrade_answer(&upgrade, text);

	assert_true(len < sizeof(text) && len == strlen(text));
	return text;
}

/* The key and what follows from it are those of RFC 6455. */
static void test_yes(void **state)
{
	(void)state;
	assert_int_equal(decide(LINE HOST UPGRADE KEY VERSION MQTT "\r\n"), 101);
	assert_string_equal(answer(),
			    "HTTP/1.1 101 Switching Protocols\r\n"
			    "Upgrade: websocket\r\n"
			    "Connection: Upgrade\r\n"
			    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
			    "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
	assert_false(upgrade.forwarded);
}

static void test_protocols(void **state)
{
	static const struct {
		const char *offered;
		const char *chosen;
	} cases[] = {
		{ "mqtt", "mqtt" }, { "chat, mqtt", "mqtt" }, { "mqttv3.1", "mqttv3.1" },
		{ "mqttv3.1,mqtt", "mqtt" }, { "chat\r\nSec-WebSocket-Protocol: mqtt", "mqtt" },
		{ "MQTT", NULL }, { "mqttv5", NULL }, { "", NULL }, { "mqtt mqtt", NULL },
	};
	char head[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(head, sizeof(head),
			 LINE HOST UPGRADE KEY VERSION "Sec-WebSocket-Protocol: %s\r\n\r\n",
			 cases[i].offered);
		assert_int_equal(decide(head), cases[i].chosen ? 101 : 400);
		if (cases[i].chosen)
			assert_string_equal(upgrade.protocol, cases[i].chosen);
	}
	assert_int_equal(decide(LINE HOST UPGRADE KEY VERSION "\r\n"), 400);
}

static void test_no(void **state)
{
	static const struct {
		const char *head;
		unsigned int status;
	} cases[] = {
		{ "GET /mqtt HTTP/1.0\r\n" HOST UPGRADE KEY VERSION MQTT "\r\n", 505 },
		{ "GET /mqtt HTTP/2.0\r\n" HOST UPGRADE KEY VERSION MQTT "\r\n", 505 },
		{ "POST /mqtt HTTP/1.1\r\n" HOST UPGRADE KEY VERSION MQTT "\r\n", 405 },
		{ "get /mqtt HTTP/1.1\r\n" HOST UPGRADE KEY VERSION MQTT "\r\n", 405 },
		{ LINE UPGRADE KEY VERSION MQTT "\r\n", 400 },
		{ LINE HOST HOST UPGRADE KEY VERSION MQTT "\r\n", 400 },
		{ LINE HOST UPGRADE KEY VERSION MQTT "Content-Length: 1\r\n\r\n", 400 },
		{ LINE HOST UPGRADE KEY VERSION MQTT "Content-Length: 0\r\n\r\n", 101 },
		{ LINE HOST UPGRADE KEY VERSION MQTT "Transfer-Encoding: chunked\r\n\r\n", 400 },
		{ LINE HOST "\r\n", 426 },
		{ LINE HOST KEY VERSION MQTT "Connection: Upgrade\r\n\r\n", 426 },
		{ LINE HOST KEY VERSION MQTT "Upgrade: websocket\r\n\r\n", 426 },
		{ LINE HOST KEY VERSION MQTT "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", 426 },
		{ LINE HOST UPGRADE KEY MQTT "\r\n", 426 },
		{ LINE HOST UPGRADE KEY MQTT "Sec-WebSocket-Version: 8\r\n\r\n", 426 },
		{ LINE HOST UPGRADE KEY VERSION VERSION MQTT "\r\n", 400 },
		{ LINE HOST UPGRADE VERSION MQTT "\r\n", 400 },
		{ LINE HOST UPGRADE KEY KEY VERSION MQTT "\r\n", 400 },
		{ LINE HOST UPGRADE VERSION MQTT "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n", 400 },
		{ LINE HOST UPGRADE VERSION MQTT "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n\r\n", 400 },
		{ LINE HOST UPGRADE VERSION MQTT "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-Q==\r\n\r\n", 400 },
	};
	char begin[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(decide(cases[i].head), cases[i].status);
		snprintf(begin, sizeof(begin), "HTTP/1.1 %u ", cases[i].status);
		assert_memory_equal(answer(), begin, strlen(begin));
	}
	assert_int_equal(decide(LINE HOST "\r\n"), 426);
	assert_non_null(strstr(answer(), "\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"));
	assert_int_equal(decide("POST /mqtt HTTP/1.1\r\n" HOST "\r\n"), 405);
	assert_string_equal(answer(),
			    "HTTP/1.1 405 Method Not Allowed\r\n"
			    "Connection: close\r\n"
			    "Allow: GET\r\n"
			    "Content-Type: text/plain\r\n"
			    "Content-Length: 16\r\n\r\n"
			    "this is for GET\n");
	upgrade_refuse(&upgrade, 431, "too large");
	assert_non_null(strstr(answer(), "HTTP/1.1 431 "));
}

static void test_path(void **state)
{
	(void)state;
	rules.path = "/mqtt";
	assert_int_equal(decide(LINE HOST UPGRADE KEY VERSION MQTT "\r\n"), 101);
	assert_int_equal(decide("GET /mqtt?token=x HTTP/1.1\r\n" HOST UPGRADE KEY VERSION MQTT "\r\n"),
			 101);
	assert_int_equal(decide("GET /mqtt/ HTTP/1.1\r\n" HOST UPGRADE KEY VERSION MQTT "\r\n"), 404);
	assert_int_equal(decide("GET / HTTP/1.1\r\n" HOST UPGRADE KEY VERSION MQTT "\r\n"), 404);
	assert_int_equal(decide("GET /Mqtt HTTP/1.1\r\n" HOST "\r\n"), 404);
	rules.path = NULL;
}

static void test_origin(void **state)
{
	static const struct {
		const char *origin;
		unsigned int status;
	} cases[] = {
		{ "https://a.example", 101 }, { "http://b.example:8080", 101 }, { "null", 403 },
		{ "https://a.example.evil", 403 }, { "https://a.exampl", 403 }, { "", 403 },
		{ "http://a.example", 403 }, { "https://a.example http://b.example:8080", 403 },
		{ "https://a.example\r\nOrigin: http://b.example:8080", 400 },
	};
	char head[512];
	size_t i;

	(void)state;
	assert_int_equal(decide(LINE HOST UPGRADE KEY VERSION MQTT "Origin: x\r\n\r\n"), 101);
	rules.origins = "https://a.example http://b.example:8080";
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(head, sizeof(head), LINE HOST UPGRADE KEY VERSION MQTT "Origin: %s\r\n\r\n",
			 cases[i].origin);
		assert_int_equal(decide(head), cases[i].status);
	}
	assert_int_equal(decide(LINE HOST UPGRADE KEY VERSION MQTT "\r\n"), 403);
	rules.origins = NULL;
}

static const char *forwarded(void)
{
	static char text[INET6_ADDRSTRLEN];

	if (!upgrade.forwarded)
		return "";
	return inet_ntop(upgrade.from.sa.sa_family, upgrade.from.sa.sa_family == AF_INET ?
			 (void *)&upgrade.from.in.sin_addr : (void *)&upgrade.from.in6.sin6_addr,
			 text, sizeof(text));
}

/* Proxies are 192.0.2.0/24; what is behind the last of them that is believed may be a lie. */
static void test_forwarded(void **state)
{
	static const struct {
		const char *peer;
		const char *list;
		const char *from;	/* NULL: refused */
	} cases[] = {
		{ "192.0.2.1", "198.51.100.7", "198.51.100.7" },
		{ "192.0.2.1", "10.0.0.1, 198.51.100.7", "198.51.100.7" },
		{ "192.0.2.1", "junk, 198.51.100.7, 192.0.2.9", "198.51.100.7" },
		{ "192.0.2.1", "192.0.2.8, 192.0.2.9", "192.0.2.8" },
		{ "192.0.2.1", "10.0.0.1\r\nX-Forwarded-For: 198.51.100.7", "198.51.100.7" },
		{ "192.0.2.1", "198.51.100.7:4711", "198.51.100.7" },
		{ "192.0.2.1", "2001:db8::1", "2001:db8::1" },
		{ "192.0.2.1", "[2001:db8::1]", "2001:db8::1" },
		{ "192.0.2.1", "[2001:db8::1]:4711", "2001:db8::1" },
		{ "192.0.2.1", "", "" },
		{ "192.0.2.1", "unknown", NULL },
		{ "192.0.2.1", "198.51.100.7, _hidden", NULL },
		{ "192.0.2.1", "[198.51.100.7]", NULL },
		{ "192.0.2.1", "[2001:db8::1", NULL },
		{ "192.0.2.1", "[2001:db8::1]x", NULL },
		{ "192.0.2.1", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee", NULL },
		{ "198.51.100.1", "10.0.0.1", "" },
		{ "198.51.100.1", "junk", "" },
		{ "192.0.2.1", "192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,"
		  "192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,"
		  "192.0.2.1,192.0.2.1", NULL },
	};
	struct networks *trusted;
	const char *why, *entry;
	char head[1024];
	size_t i;

	(void)state;
	assert_int_equal(networks_parse(&trusted, "192.0.2.0/24", &why, &entry), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(head, sizeof(head),
			 LINE HOST UPGRADE KEY VERSION MQTT "X-Forwarded-For: %s\r\n\r\n",
			 cases[i].list);
		rules.trusted = trusted;
		assert_int_equal(decide_from(cases[i].peer, head), cases[i].from ? 101 : 400);
		if (cases[i].from)
			assert_string_equal(forwarded(), cases[i].from);
		/* Nobody is believed */
		rules.trusted = NULL;
		assert_int_equal(decide_from(cases[i].peer, head), 101);
		assert_false(upgrade.forwarded);
	}
	networks_free(trusted);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yes),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_no),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_forwarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
