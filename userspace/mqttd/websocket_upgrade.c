// SPDX-License-Identifier: MIT
/*
 * From a request to an answer.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <openssl/evp.h>

#include "http_request.h"
#include "networks.h"
#include "websocket_upgrade.h"

#define VERSION		"13"
/* RFC 6455 1.3 */
#define MAGIC		"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
/* Base64 of 16 bytes */
#define KEY_LEN		24
/* Proxies one behind the other that are believed */
#define HOPS_MAX	16

static const struct status {
	unsigned int status;
	const char *name;
	const char *field;	/* what the answer has to have, or "" */
} statuses[] = {
	{ 400, "Bad Request", "" },
	{ 403, "Forbidden", "" },
	{ 404, "Not Found", "" },
	{ 405, "Method Not Allowed", "Allow: GET\r\n" },
	{ 426, "Upgrade Required",
	  "Upgrade: websocket\r\nSec-WebSocket-Version: " VERSION "\r\n" },
	{ 431, "Request Header Fields Too Large", "" },
	{ 505, "HTTP Version Not Supported", "" },
};

void upgrade_refuse(struct upgrade *upgrade, unsigned int status, const char *why)
{
	upgrade->status = status;
	upgrade->why = why;
}

/* Is the word in one of the fields of this name? */
static bool offers(const struct http_request *request, const char *name, const char *word,
		   bool exact)
{
	const struct http_field *field = NULL;
	struct http_text rest, element;

	while ((field = http_request_field(request, name, field))) {
		rest = field->value;
		while (http_list_next(&rest, &element))
			if (exact ? strlen(word) == element.len &&
				    !memcmp(word, element.at, element.len) :
				    http_text_is(&element, word))
				return true;
	}
	return false;
}

static bool path_fits(const struct http_request *request, const char *path)
{
	const struct http_text *target = &request->target;
	const char *query = memchr(target->at, '?', target->len);
	size_t len = query ? (size_t)(query - target->at) : target->len;

	return !path || (strlen(path) == len && !memcmp(path, target->at, len));
}

/* As browsers write it: exactly. Who says nothing is no page of ours. */
static bool origin_fits(const struct http_request *request, const char *origins)
{
	const struct http_field *field = http_request_field(request, "Origin", NULL);
	size_t len;

	if (!origins)
		return true;
	for (; field && *origins; origins += len + (origins[len] == ' ')) {
		len = strcspn(origins, " ");
		if (len == field->value.len && !memcmp(origins, field->value.at, len))
			return true;
	}
	return false;
}

/* Base64 of 16 bytes, none of which anybody looks at. */
static bool key_valid(const struct http_text *key)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i;

	if (key->len != KEY_LEN || memcmp(key->at + KEY_LEN - 2, "==", 2))
		return false;
	for (i = 0; i < KEY_LEN - 2; i++)
		if (!memchr(digits, key->at[i], sizeof(digits) - 1))
			return false;
	return true;
}

static bool make_accept(struct upgrade *upgrade, const struct http_text *key)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char text[KEY_LEN + sizeof(MAGIC)];

	memcpy(text, key->at, KEY_LEN);
	memcpy(text + KEY_LEN, MAGIC, sizeof(MAGIC));
	if (!EVP_Digest(text, KEY_LEN + sizeof(MAGIC) - 1, sum, NULL, EVP_sha1(), NULL))
		return false;
	return EVP_EncodeBlock((unsigned char *)upgrade->accept, sum, 20) == UPGRADE_ACCEPT_LEN;
}

/* There has to be one, and of others no more than one: which of two would count? */
static bool fields_are_single(const struct http_request *request)
{
	return http_request_count(request, "Host") == 1 &&
	       http_request_count(request, "Sec-WebSocket-Key") <= 1 &&
	       http_request_count(request, "Sec-WebSocket-Version") <= 1 &&
	       http_request_count(request, "Origin") <= 1;
}

static bool has_body(const struct http_request *request)
{
	const struct http_field *field = NULL;

	while ((field = http_request_field(request, "Content-Length", field)))
		if (!http_text_is(&field->value, "0"))
			return true;
	return http_request_field(request, "Transfer-Encoding", NULL);
}

/* Is it HTTP, for us, and about WebSockets? */
static bool check_request(const struct http_request *request, const struct upgrade_rules *rules,
			  struct upgrade *upgrade)
{
	if (request->version < 1)
		upgrade_refuse(upgrade, 505, "this is for HTTP/1.1");
	else if (request->method.len != 3 || memcmp(request->method.at, "GET", 3))
		upgrade_refuse(upgrade, 405, "this is for GET");
	else if (!fields_are_single(request))
		upgrade_refuse(upgrade, 400, "a header field is missing, or there twice");
	else if (has_body(request))
		upgrade_refuse(upgrade, 400, "a body where none may be");
	else if (!path_fits(request, rules->path))
		upgrade_refuse(upgrade, 404, "there is nothing at this path");
	else if (!offers(request, "Upgrade", "websocket", false) ||
		 !offers(request, "Connection", "Upgrade", false))
		upgrade_refuse(upgrade, 426, "this is for WebSockets");
	else if (!offers(request, "Sec-WebSocket-Version", VERSION, true))
		upgrade_refuse(upgrade, 426, "this is for WebSockets of version " VERSION);
	else if (!origin_fits(request, rules->origins))
		upgrade_refuse(upgrade, 403, "pages of this origin are not welcome");
	else
		return true;
	return false;
}

static bool choose_protocol(const struct http_request *request, struct upgrade *upgrade)
{
	static const char *const ours[] = { "mqtt", "mqttv3.1" };
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (!offers(request, "Sec-WebSocket-Protocol", ours[i], true))
			continue;
		upgrade->protocol = ours[i];
		return true;
	}
	upgrade_refuse(upgrade, 400, "no subprotocol mqtt");
	return false;
}

/* --- who is behind a proxy -------------------------------------------------------- */

/* ADDRESS, ADDRESS:PORT of IPv4, [ADDRESS] or [ADDRESS]:PORT of IPv6. */
static bool read_address(union upgrade_address *address, const struct http_text *text)
{
	char copy[INET6_ADDRSTRLEN + sizeof("[]:65535")], *host = copy, *end;

	memset(address, 0, sizeof(*address));
	if (text->len >= sizeof(copy))
		return false;
	memcpy(copy, text->at, text->len);
	copy[text->len] = 0;
	if (*copy == '[') {
		host++;
		end = strchr(host, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		*end = 0;
	} else {
		end = strchr(host, ':');
		if (end && !strchr(end + 1, ':'))
			*end = 0;
	}
	if (*copy != '[' && inet_pton(AF_INET, host, &address->in.sin_addr) == 1) {
		address->sa.sa_family = AF_INET;
		return true;
	}
	address->sa.sa_family = AF_INET6;
	return inet_pton(AF_INET6, host, &address->in6.sin6_addr) == 1;
}

/* The element that has @behind others behind it, over all fields of the name. */
static bool element_from_end(const struct http_request *request, unsigned int behind,
			     struct http_text *element)
{
	const struct http_field *field = NULL;
	unsigned int n = 0, i = 0;
	struct http_text rest;

	while ((field = http_request_field(request, "X-Forwarded-For", field)))
		for (rest = field->value; http_list_next(&rest, element); )
			n++;
	if (behind >= n)
		return false;
	while ((field = http_request_field(request, "X-Forwarded-For", field)))
		for (rest = field->value; http_list_next(&rest, element); )
			if (i++ == n - 1 - behind)
				return true;
	return false;
}

/*
 * Each proxy has added whom it got the request from. So it is believed from the end on, for
 * as long as it was a proxy that is believed; what stands before that anybody can have sent.
 */
static bool find_client(const struct http_request *request, const struct upgrade_rules *rules,
			const struct sockaddr *peer, struct upgrade *upgrade)
{
	union upgrade_address address;
	struct http_text element;
	unsigned int i;

	for (i = 0; networks_have(rules->trusted, peer) &&
		    element_from_end(request, i, &element); i++) {
		if (i == HOPS_MAX || !read_address(&address, &element)) {
			upgrade_refuse(upgrade, 400, "X-Forwarded-For has no address");
			return false;
		}
		upgrade->forwarded = true;
		upgrade->from = address;
		peer = &upgrade->from.sa;
	}
	return true;
}

void upgrade_decide(const struct http_request *request, const struct upgrade_rules *rules,
		    const struct sockaddr *peer, struct upgrade *upgrade)
{
	const struct http_field *key = http_request_field(request, "Sec-WebSocket-Key", NULL);

	*upgrade = (struct upgrade){};
	if (!find_client(request, rules, peer, upgrade) ||
	    !check_request(request, rules, upgrade) || !choose_protocol(request, upgrade))
		return;
	if (!key || !key_valid(&key->value))
		upgrade_refuse(upgrade, 400, "no good Sec-WebSocket-Key");
	else if (!make_accept(upgrade, &key->value))
		upgrade_refuse(upgrade, 400, "the key could not be answered");
	else
		upgrade->status = 101;
}

size_t upgrade_answer(const struct upgrade *upgrade, char text[UPGRADE_ANSWER_MAX])
{
	const struct status *status = statuses;

	if (upgrade->status == 101)
		return snprintf(text, UPGRADE_ANSWER_MAX,
				"HTTP/1.1 101 Switching Protocols\r\n"
				"Upgrade: websocket\r\n"
				"Connection: Upgrade\r\n"
				"Sec-WebSocket-Accept: %s\r\n"
				"Sec-WebSocket-Protocol: %s\r\n\r\n",
				upgrade->accept, upgrade->protocol);
	while (status->status != upgrade->status)
		status++;
	return snprintf(text, UPGRADE_ANSWER_MAX,
			"HTTP/1.1 %u %s\r\n"
			"Connection: close\r\n"
			"%s"
			"Content-Type: text/plain\r\n"
			"Content-Length: %zu\r\n\r\n"
			"%s\n",
			status->status, status->name, status->field, strlen(upgrade->why) + 1,
			upgrade->why);
}
