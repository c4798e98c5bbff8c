// SPDX-License-Identifier: MIT
/*
 * Messages between mqttd and mqttd-auth, whose first byte says who reads them: nothing is
 * read beyond the end, what is fine comes out again as it went in, and nothing is lost.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "auth/wire.h"
#include "fuzz.h"

static int fds[2] = { -1, -1 };

static void open_pair(void)
{
	const int size = 1 << 20;

	if (fds[0] >= 0)
		return;
	must(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds));
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* What was sent is what had been read. */
static void compare(const uint8_t *data, size_t size)
{
	static uint8_t again[WIRE_ASK_MAX + WIRE_REPLY_MAX];
	ssize_t len = wire_receive(fds[1], again, sizeof(again), MSG_DONTWAIT);

	must(len > 0 && (size_t)len == size && !memcmp(again, data, size));
}

static bool text_ok(const char *text, size_t max)
{
	return !text || strlen(text) < max;
}

static void check_request(const uint8_t *data, size_t size)
{
	struct wire_request request;

	if (wire_parse_request(&request, data, size))
		return;
	must(request.type != WIRE_ASK ||
	     (request.ask.client_id && request.ask.address &&
	      text_ok(request.ask.username, 65537)));
	if (size < 60000 && !wire_send_request(fds[0], &request))
		compare(data, size);
}

static void check_reply(const uint8_t *data, size_t size)
{
	struct wire_reply reply;

	if (wire_parse_reply(&reply, data, size))
		return;
	must(reply.grant.n_roles <= AUTH_ROLES_MAX && reply.grant.n_claims <= AUTH_CLAIMS_MAX &&
	     text_ok(reply.text, WIRE_LINE_MAX) &&
	     text_ok(reply.grant.username, AUTH_TEXT_MAX + 1));
	/* Of an answer that says no the grant is not kept. */
	if ((reply.type != WIRE_ANSWER || reply.answer == WIRE_GRANTED) && size < 60000 &&
	    !wire_send_reply(fds[0], &reply))
		compare(data, size);
	auth_grant_clear(&reply.grant);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	open_pair();
	if (!size)
		return 0;
	if (data[0] & 1)
		check_request(data + 1, size - 1);
	else
		check_reply(data + 1, size - 1);
	return 0;
}
