// SPDX-License-Identifier: MIT
/*
 * The opening handshake of a WebSocket, on its connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http_request.h"
#include "timer.h"
#include "websocket.h"
#include "websocket_upgrade.h"

#define READ_MIN	1024

int websocket_begin(struct conn *conn)
{
	struct websocket *ws = calloc(1, sizeof(*ws));

	if (!ws)
		return -ENOMEM;
	ws->below = *conn;
	conn->transport = &transport_websocket;
	conn->websocket = ws;
	return 0;
}

/*
 * Looks at what is there. @seen: bytes that were looked at before, which cannot be the
 * end of a line. A request comes as one piece, or hardly more; so it is read from its
 * beginning for each line that comes later.
 */
static int look(struct websocket *ws, size_t seen, const struct upgrade_rules *rules, size_t max,
		const struct sockaddr *peer, struct upgrade *upgrade)
{
	const char *head = (const char *)buffer_head(&ws->head);
	size_t len = ws->head.len, size;
	struct http_request request;
	int err;

	if (seen && len < max && !memchr(head + seen, '\n', len - seen))
		return -EAGAIN;
	err = http_request_parse(head, len, &request, &size);
	*upgrade = (struct upgrade){};
	if (err == -EAGAIN && len < max)
		return err;
	if (err == -EBADMSG)
		upgrade_refuse(upgrade, 400, "no HTTP request");
	else if (err)
		upgrade_refuse(upgrade, 431, "the request's head is too large");
	else if (size < len)
		upgrade_refuse(upgrade, 400, "bytes behind the request's head");
	else
		upgrade_decide(&request, rules, peer, upgrade);
	return 0;
}

int websocket_upgrade(struct conn *conn, const struct upgrade_rules *rules, size_t max,
		      const struct sockaddr *peer, struct upgrade *upgrade)
{
	struct websocket *ws = conn->websocket;
	struct conn *below = &ws->below;
	int err = -EAGAIN;
	size_t seen, room;
	ssize_t n;

	while (err == -EAGAIN) {
		seen = ws->head.len;
		err = buffer_reserve(&ws->head, READ_MIN < max - seen ? READ_MIN : max - seen,
				     max);
		if (err)
			return err;
		room = buffer_room(&ws->head) < max - seen ? buffer_room(&ws->head) : max - seen;
		n = below->transport->recv(below, buffer_tail(&ws->head), room);
		if (n <= 0)
			return n ? (int)n : -ENODATA;
		ws->head.len += n;
		err = look(ws, seen, rules, max, peer, upgrade);
	}
	return err;
}

int websocket_answer(struct conn *conn, const struct upgrade *upgrade)
{
	struct websocket *ws = conn->websocket;
	char text[UPGRADE_ANSWER_MAX];
	int err;

	buffer_free(&ws->head);
	err = buffer_append(&ws->unsent, text, upgrade_answer(upgrade, text));
	if (err)
		return err;
	conn->unsent = true;
	conn->heard = timer_now();
	ws->open = upgrade->status == 101;
	return 0;
}
