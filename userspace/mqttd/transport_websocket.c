// SPDX-License-Identifier: MIT
/*
 * Frames of WebSockets, as a transport on top of another.
 *
 *   recv()  <── in place ── wslay: headers, masks  <── below: recv()
 *   sendv() ──> a header, and the pieces as they are ──> below: sendv()
 *               keeps what is not taken of a frame: "unsent"
 *
 * What is received goes where the caller wants MQTT's bytes, and these overwrite it: they
 * are never more. So nothing is kept from call to call but half a header, and the
 * library's buffer is there while a frame is on its way only.
 *
 * A frame that was begun is sent, whatever becomes of the queue that it was made from, so
 * the rest of it is copied when it is not taken, as the rest of a record of TLS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <wslay/wslay.h>

#include <mqtt/utf8.h>

#include "timer.h"
#include "websocket.h"

/* Bytes in a frame that is sent */
#define FRAME_MAX	(32 << 10)
#define PIECES_MAX	64
/* Above this who wants answers and reads nothing is closed: the rest of a frame, and PONGs. */
#define UNSENT_MAX	(64 << 10)
#define HEADER_MAX	4

/* --- receiving --------------------------------------------------------------------- */

static ssize_t take_raw(uint8_t *buf, size_t len, int flags, void *user)
{
	struct websocket *ws = user;

	(void)flags;
	if (len > ws->raw_len)
		len = ws->raw_len;
	memcpy(buf, ws->raw, len);
	ws->raw += len;
	ws->raw_len -= len;
	ws->held += len;
	return len;
}

/* We make no masks, and our frames ourselves. */
static const struct wslay_frame_callbacks callbacks = { .recv_callback = take_raw };

/* Nothing more comes of it, and the other side is told @status. */
static int fail(struct websocket *ws, enum websocket_status status, const char *why)
{
	ws->error = -EBADMSG;
	ws->status = status;
	ws->why = why;
	return ws->error;
}

static size_t header_size(const struct wslay_frame_iocb *frame)
{
	size_t mask = frame->mask ? 4 : 0;

	if (frame->payload_length < 126)
		return 2 + mask;
	return (frame->payload_length <= UINT16_MAX ? 4 : 10) + mask;
}

/* RFC 6455 5.2, 5.4, [MQTT-6.0.0-1] */
static int begin_frame(struct websocket *ws, const struct wslay_frame_iocb *frame)
{
	ws->held -= header_size(frame);
	ws->left = frame->payload_length;
	ws->opcode = frame->opcode;
	ws->control_len = 0;
	if (frame->rsv)
		return fail(ws, WEBSOCKET_PROTOCOL, "reserved bits in a frame");
	if (!frame->mask)
		return fail(ws, WEBSOCKET_PROTOCOL, "a frame without a mask");
	switch (frame->opcode) {
	case WSLAY_CONNECTION_CLOSE:
	case WSLAY_PING:
	case WSLAY_PONG:
		return 0;
	case WSLAY_TEXT_FRAME:
		return fail(ws, WEBSOCKET_UNSUPPORTED, "a frame of text");
	case WSLAY_BINARY_FRAME:
	case WSLAY_CONTINUATION_FRAME:
		if (ws->fragmented != (frame->opcode == WSLAY_CONTINUATION_FRAME))
			return fail(ws, WEBSOCKET_PROTOCOL, "fragments that do not fit together");
		ws->fragmented = !frame->fin;
		return 0;
	default:
		return fail(ws, WEBSOCKET_PROTOCOL, "a frame of an unknown kind");
	}
}

static size_t write_header(uint8_t header[HEADER_MAX], uint8_t opcode, size_t len)
{
	header[0] = 0x80 | opcode;
	if (len < 126) {
		header[1] = len;
		return 2;
	}
	header[1] = 126;
	header[2] = len >> 8;
	header[3] = len;
	return 4;
}

static int keep_control(struct websocket *ws, uint8_t opcode, const void *data, size_t len)
{
	uint8_t frame[HEADER_MAX + WEBSOCKET_CONTROL_MAX];
	size_t size = write_header(frame, opcode, len);

	if (ws->unsent.len + size + len > UNSENT_MAX)
		return -ENOBUFS;
	memcpy(frame + size, data, len);
	return buffer_append(&ws->unsent, frame, size + len);
}

static bool status_valid(unsigned int status)
{
	return (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014) ||
	       (status >= 3000 && status <= 4999);
}

/* It is answered with the same status, when the connection is closed. */
static int closed_by_peer(struct websocket *ws)
{
	unsigned int status = WEBSOCKET_NORMAL;

	if (ws->control_len == 1)
		return fail(ws, WEBSOCKET_PROTOCOL, "half a status when it closed");
	if (ws->control_len)
		status = ws->control[0] << 8 | ws->control[1];
	if (!status_valid(status))
		return fail(ws, WEBSOCKET_PROTOCOL, "a wrong status when it closed");
	if (ws->control_len > 2 && !mqtt_utf8_valid(ws->control + 2, ws->control_len - 2))
		return fail(ws, WEBSOCKET_DATA, "a reason that is not UTF-8 when it closed");
	ws->status = status;
	ws->ended = true;
	return 0;
}

static int end_frame(struct websocket *ws)
{
	switch (ws->opcode) {
	case WSLAY_PING:
		ws->error = keep_control(ws, WSLAY_PONG, ws->control, ws->control_len);
		return ws->error;
	case WSLAY_CONNECTION_CLOSE:
		return closed_by_peer(ws);
	default:
		return 0;
	}
}

/* What came of a frame. Data goes to @out, which has room. */
static int take_part(struct websocket *ws, const struct wslay_frame_iocb *frame, uint8_t *out,
		     size_t *got)
{
	size_t n = frame->data_length;
	int err = 0;

	if (!ws->left)
		err = begin_frame(ws, frame);
	if (err)
		return err;
	ws->held -= n;
	ws->left -= n;
	if (!wslay_is_ctrl_frame(ws->opcode)) {
		memcpy(out + *got, frame->data, n);
		*got += n;
	} else {
		/* The library has refused longer ones. */
		memcpy(ws->control + ws->control_len, frame->data, n);
		ws->control_len += n;
	}
	return ws->left ? 0 : end_frame(ws);
}

static void release_frames(struct websocket *ws)
{
	wslay_frame_context_free(ws->frames);
	ws->frames = NULL;
}

/* Returns bytes of MQTT in @data, where @len bytes have come; ws->error is for the next call. */
static size_t unframe(struct websocket *ws, uint8_t *data, size_t len)
{
	struct wslay_frame_iocb frame;
	size_t got = 0;
	ssize_t n = 0;

	if (!ws->frames && wslay_frame_context_init(&ws->frames, &callbacks, ws)) {
		ws->error = -ENOMEM;
		return 0;
	}
	ws->raw = data;
	ws->raw_len = len;
	while (!ws->error && !ws->ended) {
		n = wslay_frame_recv(ws->frames, &frame);
		if (n == WSLAY_ERR_WANT_READ)
			break;
		if (n < 0)
			fail(ws, WEBSOCKET_PROTOCOL, "a malformed frame");
		else
			take_part(ws, &frame, data, &got);
	}
	if (!ws->held && !ws->left)
		release_frames(ws);
	return got;
}

/* Without frames only the socket is emptied. */
static ssize_t discard(struct websocket *ws, void *buf, size_t len)
{
	ws->below.transport->recv(&ws->below, buf, len);
	return ws->error;
}

static ssize_t websocket_recv(struct conn *conn, void *buf, size_t len)
{
	struct websocket *ws = conn->websocket;
	size_t got;
	ssize_t n;

	if (!ws->open || ws->error || ws->ended)
		return discard(ws, buf, len);
	n = ws->below.transport->recv(&ws->below, buf, len);
	conn->more = ws->below.more;
	conn->unsent = ws->below.unsent || ws->unsent.len;
	if (n <= 0)
		return n;
	got = unframe(ws, buf, n);
	conn->unsent = ws->below.unsent || ws->unsent.len;
	if (got) {
		conn->heard = timer_now();
		conn->more |= ws->error || ws->ended;
		return got;
	}
	return ws->error || ws->ended ? ws->error : -EAGAIN;
}

/* Of MQTT's bytes, which the socket cannot tell from PINGs. */
static int64_t websocket_idle(const struct conn *conn)
{
	return timer_now() - conn->heard;
}

/* --- sending ------------------------------------------------------------------------- */

/* Sends what was kept: 0, -EAGAIN or why that is impossible. */
static int push(struct conn *conn)
{
	struct websocket *ws = conn->websocket;
	struct conn *below = &ws->below;
	ssize_t n = 0;

	while (n >= 0 && (ws->unsent.len || below->unsent)) {
		struct iovec iov = { .iov_len = ws->unsent.len };

		if (ws->unsent.len)
			iov.iov_base = buffer_head(&ws->unsent);
		n = below->transport->sendv(below, &iov, !!ws->unsent.len);
		if (n > 0)
			buffer_consume(&ws->unsent, n);
	}
	conn->unsent = below->unsent || ws->unsent.len;
	if (!ws->unsent.len)
		buffer_free(&ws->unsent);
	return n < 0 ? n : 0;
}

/* Of a frame that the connection below has taken @sent bytes of. */
static int keep_rest(struct websocket *ws, const struct iovec *iov, int n, size_t sent)
{
	int err = 0;

	for (; n && !err; iov++, n--) {
		if (sent >= iov->iov_len) {
			sent -= iov->iov_len;
			continue;
		}
		err = buffer_append(&ws->unsent, (const uint8_t *)iov->iov_base + sent,
				    iov->iov_len - sent);
		sent = 0;
	}
	return err;
}

/* Sends a frame of the first bytes that are @skip behind @iov. Returns how many or -errno. */
static ssize_t write_frame(struct conn *conn, const struct iovec *iov, int n, size_t skip)
{
	struct websocket *ws = conn->websocket;
	struct iovec pieces[1 + PIECES_MAX];
	uint8_t header[HEADER_MAX];
	int count = 1, err = 0;
	size_t len = 0, part;
	ssize_t sent;

	for (; n && count <= PIECES_MAX && len < FRAME_MAX; iov++, n--, skip = 0) {
		part = iov->iov_len - skip;
		if (part > FRAME_MAX - len)
			part = FRAME_MAX - len;
		pieces[count++] = (struct iovec){
			.iov_base = (uint8_t *)iov->iov_base + skip,
			.iov_len = part,
		};
		len += part;
	}
	pieces[0] = (struct iovec){
		.iov_base = header,
		.iov_len = write_header(header, WSLAY_BINARY_FRAME, len),
	};
	sent = ws->below.transport->sendv(&ws->below, pieces, count);
	if (sent < 0)
		return sent;
	if ((size_t)sent < pieces[0].iov_len + len)
		err = keep_rest(ws, pieces, count, sent);
	/* Behind half a frame there is no place for another. */
	ws->open = !err;
	conn->unsent = ws->below.unsent || ws->unsent.len;
	return err ? err : (ssize_t)len;
}

static ssize_t websocket_sendv(struct conn *conn, const struct iovec *iov, int n)
{
	struct websocket *ws = conn->websocket;
	ssize_t done = ws->open ? 0 : -EPIPE;
	size_t total = 0, skip = 0;

	if (!done && conn->unsent)
		done = push(conn);
	while (done >= 0 && n && !conn->unsent) {
		done = write_frame(conn, iov, n, skip);
		if (done < 0)
			break;
		total += done;
		for (skip += done; n && skip >= iov->iov_len; iov++, n--)
			skip -= iov->iov_len;
	}
	return total ? (ssize_t)total : done < 0 ? done : 0;
}

/* --- the end --------------------------------------------------------------------------- */

const char *websocket_why(const struct conn *conn)
{
	return conn->websocket->why;
}

void websocket_set_status(struct conn *conn, enum websocket_status status)
{
	if (conn->websocket && !conn->websocket->status)
		conn->websocket->status = status;
}

/* What was kept leaves if it can, or there is no saying why this is the end. */
static void websocket_close(struct conn *conn)
{
	struct websocket *ws = conn->websocket;
	uint16_t status = htons(ws->status ? ws->status : WEBSOCKET_NORMAL);

	if (!ws->open || !keep_control(ws, WSLAY_CONNECTION_CLOSE, &status, sizeof(status)))
		push(conn);
	ws->below.transport->close(&ws->below);
	release_frames(ws);
	buffer_free(&ws->head);
	buffer_free(&ws->unsent);
	free(ws);
	conn->websocket = NULL;
}

/* The kernel's router cannot read what is in frames. */
const struct transport transport_websocket = {
	.name = "websockets",
	.recv = websocket_recv,
	.sendv = websocket_sendv,
	.close = websocket_close,
	.idle = websocket_idle,
};
