// SPDX-License-Identifier: MIT
/* Requests for WebSockets, from a proxy that is believed. */
#include <errno.h>
#include <arpa/inet.h>

#include "fuzz.h"
#include "http_request.h"
#include "networks.h"
#include "websocket_upgrade.h"

static bool within(const struct http_text *text, const uint8_t *data, size_t size)
{
	return (const uint8_t *)text->at >= data &&
	       (const uint8_t *)text->at + text->len <= data + size;
}

/* Written anew from what was understood it is the same request. */
static void check_again(const struct http_request *request)
{
	static struct http_request again;
	static char text[1 << 17];
	size_t len = 0, size;
	unsigned int i;

	len += sprintf(text, "%.*s %.*s HTTP/%s\r\n", (int)request->method.len, request->method.at,
		       (int)request->target.len, request->target.at,
		       request->version < 0 ? "2.0" : "1.x");
	if (request->version >= 0)
		text[len - 3] = '0' + request->version;
	for (i = 0; i < request->n; i++)
		len += sprintf(text + len, "%.*s:%.*s\r\n", (int)request->fields[i].name.len,
			       request->fields[i].name.at, (int)request->fields[i].value.len,
			       request->fields[i].value.at);
	len += sprintf(text + len, "\r\n");
	must(!http_request_parse(text, len, &again, &size));
	must(size == len && again.n == request->n && again.version == request->version);
	for (i = 0; i < request->n; i++)
		must(again.fields[i].value.len == request->fields[i].value.len);
}

static void check_decision(const struct http_request *request)
{
	struct sockaddr_in peer = { .sin_family = AF_INET };
	struct upgrade_rules rules = { .path = "/mqtt", .origins = "http://a http://b" };
	char text[UPGRADE_ANSWER_MAX];
	const char *why, *entry;
	struct networks *trusted;
	struct upgrade upgrade;
	size_t len;

	must(!networks_parse(&trusted, "10.0.0.0/8 127.0.0.1 ::1", &why, &entry));
	rules.trusted = trusted;
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	upgrade_decide(request, &rules, (struct sockaddr *)&peer, &upgrade);
	len = upgrade_answer(&upgrade, text);
	must(len < sizeof(text) && len == strlen(text));
	must(!memcmp(text + len - 4, "\r\n\r\n", 4) == (upgrade.status == 101));
	must(!upgrade.forwarded || upgrade.from.sa.sa_family == AF_INET ||
	     upgrade.from.sa.sa_family == AF_INET6);
	/* The last one that is named is no proxy, or there was no other. */
	rules.trusted = NULL;
	upgrade_decide(request, &rules, (struct sockaddr *)&peer, &upgrade);
	must(!upgrade.forwarded);
	networks_free(trusted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_request request;
	size_t head = 0, i;
	int err;

	if (size > 4096)
		return 0;
	err = http_request_parse((const char *)data, size, &request, &head);
	must(!err || err == -EAGAIN || err == -EBADMSG || err == -E2BIG);
	if (err == -EAGAIN || err)
		return 0;
	must(head <= size && within(&request.method, data, head) &&
	     within(&request.target, data, head));
	for (i = 0; i < request.n; i++)
		must(within(&request.fields[i].name, data, head) &&
		     within(&request.fields[i].value, data, head));
	/* Nothing is wrong with the beginning of what is right. */
	for (i = 0; i < head; i += 1 + i / 64) {
		static struct http_request cut;
		size_t ignored;

		must(http_request_parse((const char *)data, i, &cut, &ignored) == -EAGAIN);
	}
	check_again(&request);
	check_decision(&request);
	return 0;
}
